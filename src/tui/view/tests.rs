use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Cell;
use ratatui::style::Color;

use crate::msg::{
    BaseReport, Fault, FaultSet, KeyEvent, KeyPhase, Level, LinkState, Mode, Notice, Playback,
    RecordPhase, RecordStatus, Snapshot, Stamp, StationInfo, StopState, Twist,
};
use crate::tui::{App, Depth, Event, Graphics, Options, palette, sample, update, view};

const MODES: [Mode; 6] =
    [Mode::Standby, Mode::Manual, Mode::Autonomous, Mode::Override, Mode::SoftStop, Mode::EStop];

fn drawn(app: &mut App, width: u16, height: u16) -> TestBackend {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| view(app, frame)).unwrap();
    terminal.backend().clone()
}

fn text(app: &mut App, width: u16, height: u16) -> String {
    let backend = drawn(app, width, height);
    let rows = backend.buffer().content.chunks(usize::from(width));
    let line = |row: &[Cell]| row.iter().map(Cell::symbol).collect();
    rows.map(line).map(|line: String| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

fn app(mode: Mode) -> App {
    sample::app(Options::default(), mode, (160, 120))
}

/// The last snapshot of the sample drive, changed.
fn with(mode: Mode, change: impl FnOnce(&mut Snapshot)) -> App {
    let mut app = app(mode);
    let mut snapshot = sample::snapshot(mode, 3000);
    change(&mut snapshot);
    update(&mut app, Event::Snapshot(Box::new(snapshot)));
    app
}

fn press(app: &mut App, keys: &str) {
    for name in keys.split_whitespace() {
        let key = name.parse().unwrap();
        update(app, Event::Key(KeyEvent { key, phase: KeyPhase::Press }));
    }
}

#[test]
fn every_mode_at_two_sizes() {
    // The operator's whole view of the station: any change of it must be looked at.
    for mode in MODES {
        for (width, height) in [(80, 24), (160, 50)] {
            let name = format!("{mode:?}_{width}x{height}").to_lowercase();
            insta::assert_snapshot!(name, text(&mut app(mode), width, height));
        }
    }
}

#[test]
fn the_recorders_line_at_two_sizes() {
    // The operator would not see whether the drive is being kept.
    let recording = RecordStatus {
        phase: RecordPhase::Recording,
        dataset: "drives".into(),
        saved: 4,
        episode: 12,
        rows: 213,
        length: Duration::from_millis(7100),
        repeated: 2,
        disk_left: Some(Duration::from_mins(310)),
        ..RecordStatus::default()
    };
    // The sample's clock is at a minute: one of these is fresh, the other stays.
    let said = |seconds: u64, level, text: &str| {
        Some(Notice { at: Stamp::from_millis(seconds * 1000), level, text: text.to_owned() })
    };
    let cut = said(59, Level::Info, "the last 5 s left out; undo brings them back");
    let lost = said(2, Level::Warn, "recording ended: the camera was lost");
    let paused = RecordPhase::Pause { left: Duration::from_millis(6300) };
    let cases = [
        ("recording", Mode::Manual, recording.clone()),
        ("pause", Mode::Standby, RecordStatus { phase: paused, target: 10, ..recording.clone() }),
        ("idle", Mode::Standby, RecordStatus { phase: RecordPhase::Idle, ..recording.clone() }),
        (
            "takeover",
            Mode::Override,
            RecordStatus { phase: RecordPhase::Takeover, ..recording.clone() },
        ),
        ("cut", Mode::Manual, RecordStatus { said: cut, can_undo: true, ..recording.clone() }),
        (
            "lost",
            Mode::Standby,
            RecordStatus {
                phase: RecordPhase::Idle,
                length: Duration::ZERO,
                said: lost,
                ..recording
            },
        ),
    ];
    for (name, mode, status) in cases {
        for (width, height) in [(80, 24), (160, 50)] {
            let mut app = app(mode);
            update(&mut app, Event::Record(Box::new(status.clone())));
            let screen = text(&mut app, width, height);
            let lines: Vec<_> = screen.lines().skip(usize::from(height) - 3).collect();
            insta::assert_snapshot!(format!("record_{name}_{width}x{height}"), lines.join("\n"));
        }
    }
}

#[test]
fn a_recorded_drive_is_no_live_one() {
    // The operator would take a recording for the robot in front of them, or not find their way in
    // it.
    let playback = Playback {
        at: Duration::from_millis(12_300),
        length: Duration::from_secs(64),
        row: 369,
        n_rows: 1920,
        speed: 0.25,
        is_paused: true,
        takeovers: Arc::from([(300, 340), (900, 1200)]),
    };
    for (width, height) in [(80, 24), (160, 50)] {
        let mut app = app(Mode::EStop);
        update(&mut app, Event::Playback(playback.clone()));
        let screen = text(&mut app, width, height);
        for order in ["press u", "drive", "E-STOP  ", "write one with", "keys "] {
            assert!(!screen.contains(order), "{order} at {width}x{height}:\n{screen}");
        }
        let lines: Vec<_> = screen.lines().collect();
        let (first, last) = (lines[0], &lines[lines.len() - 2..]);
        let shown = [&[first], last].concat().join("\n");
        insta::assert_snapshot!(format!("playback_{width}x{height}"), shown);
    }
}

#[test]
fn a_refused_engage_tells_every_reason() {
    // "It does not engage" without a reason sends the operator hunting.
    let reasons = [
        Fault::NoPolicy,
        Fault::NoInstruction,
        Fault::KinematicsMismatch,
        Fault::InputsNotNeutral,
        Fault::WatchdogSlow,
        Fault::FrameStale,
        Fault::BaseFault,
    ];
    let mut app = with(Mode::Standby, |snapshot| {
        snapshot.tick.refused = reasons.into_iter().collect();
        snapshot.tick.faults = FaultSet::EMPTY.with(Fault::BatteryLow);
    });
    for (width, height) in [(60, 20), (80, 24), (160, 50)] {
        let screen = text(&mut app, width, height);
        for fault in reasons {
            assert!(screen.contains(fault.short()), "{fault:?} at {width}x{height}:\n{screen}");
        }
    }
    insta::assert_snapshot!("refused_80x24", text(&mut app, 80, 24));
}

#[test]
fn a_stop_that_is_not_confirmed_crosses_the_screen() {
    // The one moment in which the operator must reach for the power switch.
    let mut app = with(Mode::EStop, |snapshot| {
        snapshot.tick.faults = FaultSet::EMPTY.with(Fault::StopNotConfirmed);
        let since = snapshot.tick.now - Duration::from_millis(640);
        snapshot.tick.base.stop = StopState::Pending { kind_is_e_stop: true, since };
    });
    insta::assert_snapshot!("stop_not_confirmed_80x24", text(&mut app, 80, 24));
    for (width, height) in [(44, 14), (80, 24), (160, 50)] {
        let backend = drawn(&mut app, width, height);
        let row = backend.buffer().content.chunks(usize::from(width)).nth(usize::from(height / 2));
        let is_red =
            |cell: &Cell| [cell.fg, cell.bg].contains(&palette::STOP) || cell.fg == palette::PAPER;
        assert!(row.unwrap().iter().all(is_red), "{width}x{height}");
    }
}

#[test]
fn a_pulled_cable_is_told_calmly_while_the_base_stops_itself() {
    // An alarm that is loud when nothing can be done is not looked at when something must be.
    let pulled = |change: fn(&mut BaseReport)| {
        with(Mode::Standby, |snapshot| {
            let tick = &mut snapshot.tick;
            tick.faults = FaultSet::EMPTY.with(Fault::BaseDown).with(Fault::StopNotConfirmed);
            let since = tick.now - Duration::from_millis(640);
            tick.base.stop = StopState::Pending { kind_is_e_stop: false, since };
            tick.base.link = LinkState::Down;
            change(&mut tick.base);
        })
    };
    let calm = |change| text(&mut pulled(change), 80, 24).contains("LINK DOWN");
    insta::assert_snapshot!("link_down_80x24", text(&mut pulled(|_| ()), 80, 24));
    assert!(calm(|base| base.measured_stop = None));
    // Whatever leaves a doubt is as loud as ever.
    assert!(!calm(|base| base.link = LinkState::Up));
    assert!(!calm(|base| base.link = LinkState::Connecting));
    assert!(!calm(|base| base.watchdog = Duration::ZERO));
    assert!(!calm(|base| base.watchdog = Duration::from_millis(501)));
    assert!(!calm(|base| base.measured_stop = Some(Duration::from_millis(501))));
    assert!(!calm(|base| {
        base.stop = StopState::Pending { kind_is_e_stop: true, since: Stamp::ZERO };
    }));
}

#[test]
fn a_silent_control_loop_is_told() {
    // A frozen screen that looks alive is the worst of all.
    let mut app = app(Mode::Autonomous);
    let later = app.now + Duration::from_millis(1200);
    update(&mut app, Event::Clock(later));
    let screen = text(&mut app, 80, 24);
    assert!(screen.contains("no word from the control loop for 1.2 s"), "{screen}");
}

#[test]
fn the_reset_shows_its_step() {
    // Two steps that look alike are pressed blindly.
    let mut app = with(Mode::EStop, |snapshot| {
        snapshot.tick.reset_armed_until = Some(snapshot.tick.now + Duration::from_millis(2100));
    });
    let screen = text(&mut app, 80, 24);
    assert!(screen.contains("2  press u again: 2.1 s"), "{screen}");
}

#[test]
fn an_old_picture_is_told_and_loses_its_colours() {
    // A robot steered by yesterday's picture hits today's wall.
    let mut app = with(Mode::Manual, |snapshot| {
        snapshot.tick.faults = FaultSet::EMPTY.with(Fault::FrameStale);
    });
    let now = app.now + Duration::from_millis(400);
    update(&mut app, Event::Clock(now));
    let backend = drawn(&mut app, 80, 24);
    let screen = text(&mut app, 80, 24);
    assert!(screen.contains("PICTURE 400 ms OLD"), "{screen}");
    let cells = backend.buffer().content.iter().filter(|cell| cell.symbol() == "▀");
    let in_picture = cells.filter(|cell| matches!(cell.bg, Color::Rgb(..)));
    let grey = in_picture.filter(|cell| matches!(cell.fg, Color::Rgb(r, g, b) if r == g && g == b));
    assert!(grey.count() > 500);
}

#[test]
fn dialogs_and_help() {
    // What the operator types into must be seen, and help must name every key.
    let mut editor = app(Mode::Manual);
    press(&mut editor, "i down down left");
    insta::assert_snapshot!("editor_80x24", text(&mut editor, 80, 24));
    let mut chooser = app(Mode::Manual);
    let problem = "models/tiny/policy.toml: no such file".to_owned();
    let info = StationInfo { policy_problem: problem, ..sample::info() };
    update(&mut chooser, Event::Info(Box::new(info)));
    press(&mut chooser, "p down");
    insta::assert_snapshot!("policy_80x24", text(&mut chooser, 80, 24));
    let mut help = app(Mode::Standby);
    press(&mut help, "?");
    insta::assert_snapshot!("help_80x24", text(&mut help, 80, 24));
    for (width, height) in [(80, 24), (120, 40)] {
        let screen = text(&mut help, width, height);
        for binding in crate::msg::BINDINGS {
            let words: Vec<_> = screen.split_whitespace().collect();
            let key = binding.keys.first().unwrap();
            assert!(words.contains(key), "{key} at {width}x{height}");
            let is_told = screen.contains(binding.label) || height < 40;
            assert!(is_told, "{} at {width}x{height}", binding.label);
        }
        assert!(screen.contains(&help.info.log_path), "{width}x{height}");
    }
}

#[test]
fn each_mode_has_its_own_colour_word_and_shape() {
    // The mode must be told apart in a glance, also by who sees no colours.
    let mut seen = Vec::new();
    for mode in MODES {
        let backend = drawn(&mut app(mode), 80, 24);
        let (_, ground) = palette::mode(mode);
        let band = backend.buffer().content.iter().skip(80).take(80);
        assert!(band.clone().filter(|cell| cell.bg == ground).count() > 20, "{mode:?}");
        let letters: String = band.map(Cell::symbol).collect();
        assert!(!seen.contains(&letters), "{mode:?} looks like another mode");
        seen.push(letters);
    }
}

#[test]
fn without_colours_no_cell_is_coloured() {
    // NO_COLOR is a promise.
    let options = Options { depth: Depth::Mono, graphics: Graphics::HalfBlocks };
    let mut app = sample::app(options, Mode::EStop, (160, 120));
    let backend = drawn(&mut app, 120, 40);
    assert!(
        backend
            .buffer()
            .content
            .iter()
            .all(|cell| (cell.fg, cell.bg) == (Color::Reset, Color::Reset))
    );
    insta::assert_snapshot!("mono_120x40", text(&mut app, 120, 40));
}

#[test]
fn with_256_colours_no_cell_needs_more() {
    // A terminal without true colour shows garbage for it.
    let options = Options { depth: Depth::Ansi256, graphics: Graphics::HalfBlocks };
    let backend = drawn(&mut sample::app(options, Mode::Manual, (160, 120)), 120, 40);
    let is_rgb = |color: Color| matches!(color, Color::Rgb(..));
    assert!(!backend.buffer().content.iter().any(|cell| is_rgb(cell.fg) || is_rgb(cell.bg)));
}

#[test]
fn still_pictures_do_not_flicker() {
    // Sensor noise must not repaint the whole picture over a slow line.
    let mut app = app(Mode::Standby);
    let before = drawn(&mut app, 80, 24);
    let mut noisy = sample::corridor(Stamp::from_millis(60_000), 160, 120, 1800);
    noisy.seq += 1;
    for (i, byte) in noisy.rgb.iter_mut().enumerate() {
        *byte = byte.saturating_add((i % 3) as u8);
    }
    update(&mut app, Event::Frame(Arc::new(noisy)));
    let after = drawn(&mut app, 80, 24);
    assert_eq!(before.buffer().diff(after.buffer()).len(), 0);
}

prop_compose! {
    /// Numbers a broken base, camera or policy may send.
    fn number()(choice in 0_usize..8, value in -1e6..1e6_f64) -> f64 {
        let odd = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, f64::MAX];
        odd.into_iter().chain([value, value / 1e5, value / 1e6]).nth(choice).unwrap()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(250))]

    #[test]
    fn no_state_at_any_size_panics(
        width in 1_u16..=200, height in 1_u16..=80, mode in 0..6_usize, faults in any::<u32>(),
        numbers in prop::collection::vec(number(), 14), frame in (0_u32..40, 0_u32..40),
        keys in prop::sample::select(vec!["", "?", "i", "i down", "p", "p down"]),
        depth in 0..3_usize, short in any::<bool>(),
    ) {
        // The screen must never take the station down with it.
        let mode = MODES[mode];
        let depth = [Depth::TrueColor, Depth::Ansi256, Depth::Mono][depth];
        let mut app = sample::app(Options { depth, graphics: Graphics::HalfBlocks }, mode, frame);
        let mut snapshot = sample::snapshot(mode, 4000);
        let twist = |i: usize| Twist::new(numbers[i], numbers[i + 1], numbers[i + 2]);
        let tick = &mut snapshot.tick;
        let is_set = |i: usize| (faults >> i) & 1 == 1;
        let set = Fault::ALL.iter().enumerate().filter(|&(i, _)| is_set(i));
        tick.faults = set.map(|(_, fault)| *fault).collect();
        tick.refused = tick.faults;
        (tick.sent, tick.policy_twist, tick.base.limits) = (twist(0), Some(twist(3)), twist(6));
        tick.base.link = if short { LinkState::Down } else { LinkState::Up };
        if let Some(pose) = &mut tick.base.odometry {
            (pose.x, pose.y, pose.yaw) = (numbers[9], numbers[10], numbers[11]);
        }
        if let Some(chunk) = &mut tick.chunk {
            chunk.confidence = numbers[12];
            chunk.set_twists(&[twist(1); 9]);
        }
        tick.readiness.policy.confidence_min = numbers[13];
        snapshot.inference_ms = (numbers[0], numbers[2]);
        update(&mut app, Event::Snapshot(Box::new(snapshot)));
        let info = StationInfo {
            camera_height_m: numbers[4], camera_tilt: numbers[5], camera_hfov: numbers[6].abs(),
            body_width_m: numbers[7], ..sample::info()
        };
        if short {
            update(&mut app, Event::Info(Box::new(info)));
        }
        press(&mut app, keys);
        drawn(&mut app, width, height);
    }
}
