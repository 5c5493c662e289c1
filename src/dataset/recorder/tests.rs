use std::sync::Arc;
use std::time::Duration;

use super::{AFTER, BEFORE, Config, Op, Origin, Recorder};
use crate::dataset::journal::{Mark, Record, Row};
use crate::dataset::rows;
use crate::msg::{
    Authority, Frame, LinkState, Mode, RecordCommand, RecordPhase, Stamp, Tick, Twist,
};

const MS: u64 = 1_000_000;
const RATE: u64 = 30;

/// A station a recorder can be tried on: a camera, a control loop, a clock.
struct Bench {
    recorder: Recorder,
    now: u64,
    tick: u64,
    frame: u64,
    mode: Mode,
    has_camera: bool,
    link: LinkState,
    ops: Vec<Op>,
}

impl Bench {
    fn new(config: &Config) -> Self {
        let origin = Origin { robot: "test".into(), ..Origin::default() };
        let mut bench = Self {
            recorder: Recorder::new(config, origin, 1_700_000_000_000_000_000),
            now: 50_000 * MS,
            tick: 0,
            frame: 0,
            mode: Mode::Standby,
            has_camera: true,
            link: LinkState::Up,
            ops: Vec::new(),
        };
        bench.drive(Mode::Standby, 100);
        bench
    }

    /// Goes on for `ms` milliseconds in `mode`.
    fn drive(&mut self, mode: Mode, ms: u64) {
        self.mode = mode;
        let end = self.now + ms * MS;
        while self.now < end {
            self.now += MS;
            let is_tick = self.now.is_multiple_of(20 * MS);
            if self.now / (1000 * MS / RATE) != (self.now - MS) / (1000 * MS / RATE) {
                self.take_picture();
            }
            if is_tick {
                self.take_tick();
            }
        }
        self.ops.extend(self.recorder.take_ops());
    }

    fn take_picture(&mut self) {
        self.frame += 1;
        if self.has_camera {
            let mut frame =
                Frame { seq: self.frame, captured: Stamp(self.now), ..Frame::default() };
            frame.resize(32, 32);
            frame.rgb.fill(self.frame as u8);
            self.recorder.frame(&Arc::new(frame)).unwrap();
        }
    }

    fn take_tick(&mut self) {
        if self.tick.is_multiple_of(50) {
            self.recorder.checkpoint(vec![self.tick as u8]);
        }
        self.tick += 1;
        let mut tick = Tick { number: self.tick, now: Stamp(self.now), ..Tick::default() };
        tick.mode = self.mode;
        tick.base.link = self.link;
        tick.base.last_rx = Some(Stamp(self.now));
        tick.readiness.camera.rate_nominal = RATE as f64;
        if matches!(self.mode, Mode::Manual | Mode::Override) {
            tick.authority = Authority::Operator;
            tick.operator_twist = Some(Twist::new(0.1, 0.0, 0.0));
        }
        self.recorder.tick(&tick);
    }

    fn order(&mut self, command: &RecordCommand) {
        self.recorder.command(command);
        self.ops.extend(self.recorder.take_ops());
    }

    /// The recordings so far, each as its records, the number of its pictures and whether it ended.
    fn recordings(&self) -> Vec<(Vec<Record>, usize, Option<String>)> {
        let mut found: Vec<(Vec<Record>, usize, Option<String>)> = Vec::new();
        for op in &self.ops {
            match op {
                Op::Begin(start) => found.push((vec![Record::Start(start.clone())], 0, None)),
                Op::Append { records, units } => {
                    let last = found.last_mut().unwrap();
                    last.0.extend(records.iter().cloned());
                    last.1 += units.len();
                }
                Op::End(end) => found.last_mut().unwrap().2 = Some(end.incomplete.clone()),
                _ => {}
            }
        }
        found
    }
}

/// What is to be written of `ms` milliseconds of driving.
pub(in crate::dataset) fn recorded(ms: u64) -> Vec<Op> {
    let mut bench = Bench::new(&Config::default());
    bench.order(&RecordCommand::Toggle);
    bench.drive(Mode::Manual, ms);
    bench.order(&RecordCommand::Success(true));
    bench.order(&RecordCommand::Toggle);
    bench.ops
}

fn rows_of(records: &[Record]) -> Vec<Row> {
    let row = |record: &Record| match record {
        Record::Row(row) => Some(*row),
        _ => None,
    };
    records.iter().filter_map(row).collect()
}

#[test]
fn an_episode_is_from_key_to_key_with_a_row_a_picture() {
    // The operator's episode would begin late, end early, or lose rows.
    let mut bench = Bench::new(&Config::default());
    bench.drive(Mode::Manual, 3000);
    bench.order(&RecordCommand::Toggle);
    bench.drive(Mode::Manual, 4000);
    bench.order(&RecordCommand::Toggle);
    bench.drive(Mode::Manual, 1000);
    let recordings = bench.recordings();
    let [(records, n_units, end)] = recordings.as_slice() else { panic!("{recordings:?}") };
    let rows = rows_of(records);
    assert!((116..=120).contains(&rows.len()), "{}", rows.len());
    assert_eq!((rows.len(), end.as_deref()), (*n_units, Some("")));
    assert!(rows.windows(2).all(|pair| pair[1].frame == pair[0].frame + 1));
    assert!(rows[0].captured >= Stamp(53_000 * MS), "nothing from before the key");
    let derived = rows::derive(records, *n_units).unwrap();
    assert_eq!(derived.n_rows(), rows.len());
    let is_checkpoint = |record: &&Record| matches!(record, Record::Checkpoint(_));
    assert!(records.iter().take(5).any(|r| is_checkpoint(&r)), "a replay can begin at the start");
}

#[test]
fn a_takeover_is_kept_with_what_led_to_it() {
    // The rows that teach most would be gone, because nobody had pressed record.
    let mut bench = Bench::new(&Config::default());
    bench.drive(Mode::Manual, 2000);
    bench.drive(Mode::Autonomous, 9000);
    let taken = Stamp(bench.now);
    bench.drive(Mode::Override, 3000);
    let given_back = Stamp(bench.now);
    assert_eq!(bench.recorder.status().phase, RecordPhase::Takeover);
    bench.drive(Mode::Autonomous, 6000);
    let recordings = bench.recordings();
    let [(records, n_units, end)] = recordings.as_slice() else { panic!("{recordings:?}") };
    let rows = rows_of(records);
    assert_eq!((rows.len(), end.as_deref()), (*n_units, Some("")));
    let before = taken.since(rows[0].captured);
    assert!(before >= BEFORE && before < BEFORE + Duration::from_millis(400), "{before:?}");
    let after = rows.last().unwrap().captured.since(given_back);
    assert!(after + Duration::from_millis(100) >= AFTER && after <= AFTER, "{after:?}");
    let part = rows::derive(records, *n_units).unwrap().whole().unwrap();
    assert_eq!(part.takeovers, 1);
    assert!(matches!(&records[0], Record::Start(start) if start.is_takeover));
}

#[test]
fn a_takeover_inside_a_recording_makes_no_second_copy() {
    // The same drive would be trained on twice.
    let mut bench = Bench::new(&Config::default());
    bench.drive(Mode::Autonomous, 2000);
    bench.order(&RecordCommand::Toggle);
    bench.drive(Mode::Autonomous, 2000);
    bench.drive(Mode::Override, 1000);
    assert_eq!(bench.recorder.status().phase, RecordPhase::Recording);
    bench.drive(Mode::Autonomous, 4000);
    bench.order(&RecordCommand::Toggle);
    assert_eq!(bench.recordings().len(), 1);
    assert_eq!(rows::derive(&bench.recordings()[0].0, 1000).unwrap().whole().unwrap().takeovers, 1);
}

#[test]
fn a_takeover_that_the_operator_records_goes_on() {
    // Pressing record during a takeover would cut the drive in two.
    let mut bench = Bench::new(&Config::default());
    bench.drive(Mode::Autonomous, 6000);
    bench.drive(Mode::Override, 500);
    bench.order(&RecordCommand::Toggle);
    bench.drive(Mode::Autonomous, 5000);
    assert_eq!(bench.recorder.status().phase, RecordPhase::Recording);
    bench.order(&RecordCommand::Toggle);
    assert_eq!(bench.recordings().len(), 1);
}

#[test]
fn memory_for_takeovers_is_bounded() {
    // A day of autonomy would fill the laptop's memory.
    let mut bench = Bench::new(&Config::default());
    bench.drive(Mode::Autonomous, 60_000);
    let n_kept: usize = bench.recorder.ring.iter().map(|group| group.rows.len()).sum();
    assert!(n_kept <= 170, "{n_kept} rows");
    assert!(bench.recorder.recent.len() <= 450, "{} records", bench.recorder.recent.len());
    assert!(bench.ops.is_empty());
}

#[test]
fn a_lost_camera_or_base_ends_the_episode_marked() {
    // Frozen pictures under a moving robot would be recorded as truth.
    for what in ["camera", "base"] {
        let mut bench = Bench::new(&Config::default());
        bench.order(&RecordCommand::Toggle);
        bench.drive(Mode::Manual, 2000);
        match what {
            "camera" => bench.has_camera = false,
            _ => bench.link = LinkState::Down,
        }
        bench.drive(Mode::Standby, 3000);
        let recordings = bench.recordings();
        let (records, n_units, end) = recordings.first().unwrap();
        assert_eq!(end.as_deref(), Some(format!("the {what} was lost").as_str()));
        assert_eq!(rows_of(records).len(), *n_units);
    }
}

#[test]
fn cut_leaves_out_and_undo_takes_back() {
    // Bad seconds would be kept, or good ones lost.
    let mut bench = Bench::new(&Config::default());
    bench.order(&RecordCommand::Toggle);
    bench.drive(Mode::Manual, 8000);
    bench.order(&RecordCommand::Cut);
    bench.drive(Mode::Manual, 2000);
    bench.order(&RecordCommand::Cut);
    bench.order(&RecordCommand::Undo);
    bench.drive(Mode::Manual, 1000);
    bench.order(&RecordCommand::Toggle);
    let (records, n_units, _) = bench.recordings().remove(0);
    let derived = rows::derive(&records, n_units).unwrap();
    let parts = derived.parts().unwrap();
    let [first, second] = parts.as_slice() else { panic!("{} parts", parts.len()) };
    assert!((85..=91).contains(&first.frames.len()), "{:?}", first.frames);
    assert_eq!(second.frames.end, derived.n_rows());
    assert_eq!(second.frames.start - first.frames.end, 150);
    let is_cut = |r: &&Record| matches!(r, Record::Mark(Mark::Cut { .. }));
    assert_eq!(records.iter().filter(is_cut).count(), 2);
}

#[test]
fn marks_reach_the_running_episode_or_the_one_before() {
    // A success that is told a moment after the stop would be lost.
    let mut bench = Bench::new(&Config::default());
    bench.order(&RecordCommand::Success(true));
    assert!(bench.ops.is_empty(), "there is no episode yet");
    bench.order(&RecordCommand::Toggle);
    bench.drive(Mode::Manual, 1000);
    bench.order(&RecordCommand::Success(false));
    bench.order(&RecordCommand::Toggle);
    bench.order(&RecordCommand::Success(true));
    bench.order(&RecordCommand::Discard);
    bench.order(&RecordCommand::Undo);
    let (records, n_units, _) = bench.recordings().remove(0);
    assert_eq!(rows::derive(&records, n_units).unwrap().success, Some(false));
    let last: Vec<_> = bench.ops.iter().rev().take(3).collect();
    assert!(matches!(
        last.as_slice(),
        [Op::Restore { .. }, Op::Discard { .. }, Op::Mark { mark: Mark::Success(Some(true)), .. }]
    ));
}

#[test]
fn a_series_records_pauses_and_ends_by_itself() {
    // Twenty episodes would take forty key presses, and some would be too long.
    let config = Config { episodes: 3, episode_s: 2.0, pause_s: 1.0, ..Config::default() };
    let mut bench = Bench::new(&config);
    bench.drive(Mode::Manual, 500);
    bench.order(&RecordCommand::Toggle);
    bench.drive(Mode::Manual, 2500);
    assert!(matches!(bench.recorder.status().phase, RecordPhase::Pause { .. }));
    bench.order(&RecordCommand::Toggle);
    bench.drive(Mode::Manual, 500);
    bench.order(&RecordCommand::Toggle);
    bench.drive(Mode::Manual, 12_000);
    assert_eq!(bench.recorder.status().phase, RecordPhase::Idle);
    let lengths: Vec<_> = bench.recordings().iter().map(|(.., n, _)| *n).collect();
    assert_eq!(lengths.len(), 3, "{lengths:?}");
    assert!((58..=62).contains(&lengths[0]) && (12..=16).contains(&lengths[1]), "{lengths:?}");
}

#[test]
fn lost_ticks_end_the_episode() {
    // Rows with commands from another moment would look like any other.
    let mut bench = Bench::new(&Config::default());
    bench.order(&RecordCommand::Toggle);
    bench.drive(Mode::Manual, 1000);
    bench.tick += 3;
    bench.drive(Mode::Manual, 1000);
    let (.., end) = bench.recordings().remove(0);
    assert!(end.unwrap().contains("ticks were lost"));
}

#[test]
fn what_blocks_recording_is_told() {
    // A full disk would be noticed only after the drive.
    let mut bench = Bench::new(&Config::default());
    bench.recorder.set_blocked("the disk is full");
    bench.order(&RecordCommand::Toggle);
    bench.drive(Mode::Manual, 500);
    assert!(bench.ops.is_empty());
    let news = bench.recorder.take_news();
    assert!(news.iter().any(|(is_warning, text)| *is_warning && text.contains("disk is full")));
    assert_eq!(bench.recorder.status().problem, "the disk is full");
}
