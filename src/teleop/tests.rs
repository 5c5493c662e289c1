use super::*;

fn at(ms: u64) -> Stamp {
    Stamp::from_millis(ms)
}

fn teleop(mode: InputMode) -> Teleop {
    Teleop::new(&Config::default(), mode)
}

fn event(name: &str, phase: KeyPhase) -> KeyEvent {
    KeyEvent { key: name.parse().unwrap(), phase }
}

fn press(teleop: &mut Teleop, name: &str, ms: u64) {
    teleop.on_key(event(name, KeyPhase::Press), at(ms));
}

fn repeat(teleop: &mut Teleop, name: &str, ms: u64) {
    teleop.on_key(event(name, KeyPhase::Repeat), at(ms));
}

fn release(teleop: &mut Teleop, name: &str, ms: u64) {
    teleop.on_key(event(name, KeyPhase::Release), at(ms));
}

/// Axes that count at `ms`, as `control` reads them.
fn axes(teleop: &Teleop, ms: u64) -> (f64, f64, f64) {
    let state = teleop.state(at(ms));
    let live = at(ms) < state.lease_until;
    assert!(live || state.axes.is_zero());
    (state.axes.x, state.axes.y, state.axes.yaw)
}

const STILL: (f64, f64, f64) = (0.0, 0.0, 0.0);

#[test]
fn hold_drives_while_held_and_answered() {
    // The basic promise of hold-to-drive: motion from press to release, and never longer.
    let mut teleop = teleop(InputMode::Hold);
    assert_eq!(axes(&teleop, 0), STILL);
    press(&mut teleop, "w", 10);
    for ms in (10..2_000).step_by(50) {
        if teleop.probe_due(at(ms)) {
            teleop.probe_sent(at(ms));
            teleop.on_answer(at(ms + 20));
        }
        assert_eq!(axes(&teleop, ms + 20), (1.0, 0.0, 0.0), "{ms}");
    }
    let state = teleop.state(at(2_000));
    assert!(state.speed_cap_mps.is_infinite() && !state.neutral && state.event == at(10));
    assert_eq!(state.terminal_rtt_ms, Some(20.0));
    release(&mut teleop, "w", 2_000);
    assert_eq!(axes(&teleop, 2_000), STILL);
    let state = teleop.state(at(2_000));
    assert!(state.neutral && state.event == at(2_000) && state.terminal_rtt_ms.is_none());
}

#[test]
fn frozen_link_stops_within_300_ms_and_stays_stopped() {
    // A frozen SSH link sends neither release nor hang-up; this lease is what stops the robot.
    let mut teleop = teleop(InputMode::Hold);
    press(&mut teleop, "w", 0);
    teleop.probe_sent(at(0));
    teleop.on_answer(at(30));
    teleop.probe_sent(at(100));
    assert_eq!(axes(&teleop, 329), (1.0, 0.0, 0.0));
    assert_eq!(teleop.state(at(40)).lease_until, at(330));
    assert_eq!(axes(&teleop, 330), STILL);
    assert!(teleop.state(at(330)).neutral && !teleop.probe_due(at(330)));
    teleop.on_answer(at(400));
    repeat(&mut teleop, "w", 410);
    assert_eq!(axes(&teleop, 410), STILL);
    press(&mut teleop, "w", 500);
    assert_eq!(axes(&teleop, 500), (1.0, 0.0, 0.0));
}

#[test]
fn another_press_does_not_revive_expired_keys() {
    // After a freeze only what is pressed anew may move.
    let mut teleop = teleop(InputMode::Hold);
    press(&mut teleop, "w", 0);
    press(&mut teleop, "a", 301);
    assert_eq!(axes(&teleop, 310), (0.0, 1.0, 0.0));
}

#[test]
fn queries_are_due_every_100_ms_while_a_key_is_held() {
    // Too many queries burden the line, too few let the lease run out.
    let mut teleop = teleop(InputMode::Hold);
    assert!(!teleop.probe_due(at(0)));
    press(&mut teleop, "w", 5);
    assert!(teleop.probe_due(at(5)));
    teleop.probe_sent(at(5));
    assert!(!teleop.probe_due(at(104)) && teleop.probe_due(at(105)));
    release(&mut teleop, "w", 106);
    assert!(!teleop.probe_due(at(300)));
}

#[test]
fn unsolicited_answers_extend_nothing() {
    // Somebody else's status answer must not vouch for a held key.
    let mut teleop = teleop(InputMode::Hold);
    press(&mut teleop, "w", 0);
    teleop.on_answer(at(200));
    assert_eq!(axes(&teleop, 300), STILL);
}

#[test]
fn keys_combine() {
    // Diagonals are driven by two keys; opposite keys must not pick a side.
    for (keys, wanted) in [
        (&["w", "a"][..], (1.0, 1.0, 0.0)),
        (&["w", "s"], STILL),
        (&["w", "up"], (1.0, 0.0, 0.0)),
        (&["q", "s"], (0.0, 1.0, 0.0)),
        (&["w", "t", "d"], (1.0, -1.0, -1.0)),
        (&["left", "right", "down"], (-1.0, 0.0, 0.0)),
    ] {
        let mut teleop = teleop(InputMode::Hold);
        for name in keys {
            press(&mut teleop, name, 0);
        }
        assert_eq!(axes(&teleop, 1), wanted, "{keys:?}");
        assert!(!teleop.state(at(1)).neutral);
    }
}

#[test]
fn release_counts_whatever_modifier_came_meanwhile() {
    // shift or ctrl pressed while driving must not leave the key stuck.
    for name in ["W", "ctrl-w", "alt-w"] {
        let mut teleop = teleop(InputMode::Hold);
        press(&mut teleop, "w", 0);
        release(&mut teleop, name, 10);
        assert_eq!(axes(&teleop, 10), STILL, "{name}");
    }
}

#[test]
fn nudge_is_short_slow_and_extended_by_repeats() {
    // Without releases a longer or faster motion could not be stopped by letting go.
    let mut teleop = teleop(InputMode::Nudge);
    press(&mut teleop, "w", 0);
    let state = teleop.state(at(0));
    assert_eq!((state.lease_until, state.speed_cap_mps), (at(250), 0.2));
    assert_eq!(axes(&teleop, 249), (1.0, 0.0, 0.0));
    assert_eq!(axes(&teleop, 250), STILL);
    assert!(teleop.state(at(250)).neutral && !teleop.probe_due(at(100)));
    press(&mut teleop, "w", 300);
    press(&mut teleop, "w", 333);
    assert_eq!(axes(&teleop, 582), (1.0, 0.0, 0.0));
    repeat(&mut teleop, "w", 582);
    assert_eq!(axes(&teleop, 831), (1.0, 0.0, 0.0));
    release(&mut teleop, "w", 600);
    assert_eq!(axes(&teleop, 600), STILL);
}

#[test]
fn nudges_combine_only_while_both_last() {
    // The lease must end with the first of two nudges, else the old one moves too long.
    let mut teleop = teleop(InputMode::Nudge);
    press(&mut teleop, "w", 0);
    press(&mut teleop, "a", 100);
    let state = teleop.state(at(100));
    assert_eq!((state.axes.x, state.axes.y, state.lease_until), (1.0, 1.0, at(250)));
    let state = teleop.state(at(250));
    assert_eq!((state.axes.x, state.axes.y, state.lease_until), (0.0, 1.0, at(350)));
}

#[test]
fn plain_text_is_a_nudge_even_in_hold_mode() {
    // A key without release report would be held for ever.
    let mut teleop = teleop(InputMode::Hold);
    teleop.on_term(&TermEvent::Typed("w".parse().unwrap()), at(0));
    let state = teleop.state(at(0));
    assert_eq!((state.lease_until, state.speed_cap_mps), (at(250), 0.2));
}

#[test]
fn everything_is_let_go_by_focus_dialog_hangup_pause_and_stop() {
    // Each of these means that nobody vouches for the key any more.
    type Act = fn(&mut Teleop);
    let cases: [(&str, Act); 5] = [
        ("focus", |teleop| teleop.on_focus(false, at(10))),
        ("dialog", |teleop| teleop.release_all(at(10))),
        ("hangup", |teleop| teleop.on_hangup(at(10))),
        ("pause", |teleop| press(teleop, "space", 10)),
        ("e-stop", |teleop| press(teleop, "x", 10)),
    ];
    for (name, act) in cases {
        let mut teleop = teleop(InputMode::Hold);
        press(&mut teleop, "w", 0);
        teleop.on_pad(&pad(false, 0.0), at(0));
        teleop.on_pad(&pad(true, 0.5), at(1));
        act(&mut teleop);
        repeat(&mut teleop, "w", 20);
        teleop.on_pad(&pad(true, 0.5), at(20));
        assert_eq!(axes(&teleop, 20), STILL, "{name}");
        assert_eq!(teleop.state(at(20)).event, at(10), "{name}");
        assert_eq!(teleop.state(at(20)).present, name != "hangup");
    }
}

#[test]
fn focus_gained_changes_nothing() {
    // A terminal may report its focus at start while a key is already held.
    let mut teleop = teleop(InputMode::Hold);
    press(&mut teleop, "w", 0);
    teleop.on_term(&TermEvent::FocusGained, at(5));
    assert_eq!(axes(&teleop, 6), (1.0, 0.0, 0.0));
}

#[test]
fn requests_count_presses_not_repeats() {
    // An e-stop reset or an engage that fires again from auto-repeat is motion nobody asked for.
    let mut teleop = teleop(InputMode::Hold);
    for name in ["enter", "x", "u", "m", "space"] {
        press(&mut teleop, name, 0);
        repeat(&mut teleop, name, 500);
        release(&mut teleop, name, 600);
    }
    press(&mut teleop, "u", 650);
    press(&mut teleop, "X", 651);
    let requests = teleop.state(at(700)).requests;
    let wanted = Requests { take_over: 1, engage: 1, pause: 1, e_stop: 2, reset: 2 };
    assert_eq!(requests, wanted);
}

#[test]
fn typed_auto_repeat_does_not_count_again() {
    // Without releases a held `u` looks like two presses; it must not reset the e-stop.
    let mut teleop = teleop(InputMode::Nudge);
    press(&mut teleop, "u", 0);
    for ms in (660..3_000).step_by(40) {
        press(&mut teleop, "u", ms);
    }
    assert_eq!(teleop.state(at(3_000)).requests.reset, 1);
    press(&mut teleop, "u", 4_000);
    assert_eq!(teleop.state(at(4_000)).requests.reset, 2);
    // Another key between: a new press, however quick. An e-stop always counts then.
    press(&mut teleop, "x", 4_010);
    press(&mut teleop, "w", 4_020);
    press(&mut teleop, "x", 4_030);
    assert_eq!(teleop.state(at(4_030)).requests.e_stop, 2);
}

#[test]
fn ceiling_moves_in_steps_within_its_range() {
    // The live speed limit must be reachable at both ends and never leave 10..=100 %.
    let mut teleop = teleop(InputMode::Nudge);
    let percent = |teleop: &Teleop| (teleop.state(at(0)).ceiling * 100.0).round() as u8;
    assert_eq!(percent(&teleop), 60);
    for (i, wanted) in [70, 80, 90, 100, 100].into_iter().enumerate() {
        press(&mut teleop, "+", i as u64);
        assert_eq!(percent(&teleop), wanted);
    }
    for _ in 0..20 {
        press(&mut teleop, "-", 10);
    }
    assert_eq!(percent(&teleop), 10);
}

#[test]
fn mode_change_lets_go() {
    // A key held under one set of rules must not go on under another.
    let mut teleop = teleop(InputMode::Hold);
    press(&mut teleop, "w", 0);
    teleop.set_input_mode(InputMode::Nudge, at(10));
    assert_eq!((axes(&teleop, 10), teleop.input_mode()), (STILL, InputMode::Nudge));
}

fn pad(dead_man: bool, x: f64) -> PadState {
    PadState {
        connected: true,
        name: "pad".to_owned(),
        dead_man,
        axes: Axes { x, y: 0.0, yaw: 0.0 },
        buttons: PadButtons::default(),
    }
}

#[test]
fn pad_needs_the_dead_man_and_a_fresh_poll() {
    // Polls that stop coming, an unplugged pad, a released button: each must end the motion.
    let mut teleop = teleop(InputMode::Nudge);
    teleop.on_pad(&pad(false, 0.5), at(0));
    assert_eq!(axes(&teleop, 0), STILL);
    assert!(!teleop.state(at(0)).neutral);
    teleop.on_pad(&pad(true, 0.5), at(10));
    let state = teleop.state(at(10));
    assert_eq!((state.device, state.lease_until), (Device::Gamepad, at(160)));
    assert!(state.speed_cap_mps.is_infinite());
    assert_eq!(axes(&teleop, 159), (0.5, 0.0, 0.0));
    assert_eq!(axes(&teleop, 160), STILL);
    teleop.on_pad(&pad(true, 0.5), at(200));
    teleop.on_pad(&PadState::default(), at(210));
    assert_eq!(axes(&teleop, 210), STILL);
    assert!(teleop.state(at(210)).neutral);
    assert_eq!(teleop.state(at(210)).event, at(210));
}

#[test]
fn pad_that_comes_with_its_button_held_must_let_go_first() {
    // A pad plugged in under a heavy object must not drive off.
    let mut teleop = teleop(InputMode::Nudge);
    teleop.on_pad(&pad(true, 1.0), at(0));
    assert_eq!(axes(&teleop, 1), STILL);
    teleop.on_pad(&pad(false, 1.0), at(10));
    teleop.on_pad(&pad(true, 1.0), at(20));
    assert_eq!(axes(&teleop, 21), (1.0, 0.0, 0.0));
}

#[test]
fn pad_buttons_count_once_and_need_no_dead_man() {
    // The e-stop button must work at any time; a held button must not repeat.
    let mut teleop = teleop(InputMode::Nudge);
    let mut state = pad(false, 0.0);
    state.buttons = PadButtons::of(&[Command::EStop, Command::SpeedUp]);
    for ms in 0..5 {
        teleop.on_pad(&state, at(ms));
    }
    let input = teleop.state(at(5));
    assert_eq!((input.requests.e_stop, (input.ceiling * 10.0).round()), (1, 7.0));
}

#[test]
fn keyboard_wins_over_the_pad_while_it_moves() {
    // Two hands at once must not add up or flicker.
    let mut teleop = teleop(InputMode::Hold);
    teleop.on_pad(&pad(false, 0.0), at(0));
    teleop.on_pad(&pad(true, 1.0), at(1));
    press(&mut teleop, "s", 2);
    let state = teleop.state(at(3));
    assert_eq!((state.device, state.axes.x), (Device::Keyboard, -1.0));
    release(&mut teleop, "s", 4);
    assert_eq!(teleop.state(at(5)).device, Device::Gamepad);
}

#[test]
fn an_operator_whose_terminal_does_not_answer_is_not_there_until_it_does() {
    // A policy would drive on with nobody able to take over; or a link that came back would stay
    // dead.
    let at = Stamp::from_millis;
    let mut teleop = Teleop::new(&Config::default(), InputMode::Nudge);
    teleop.on_query(at(1000));
    assert!(!teleop.probe_due(at(1400)));
    assert!(teleop.probe_due(at(1500)), "the query may be lost");
    teleop.probe_sent(at(1500));
    assert!(!teleop.probe_due(at(1600)));
    assert!(teleop.state(at(2999)).present);
    assert!(!teleop.state(at(3000)).present);
    teleop.on_answer(at(4000));
    assert!(teleop.state(at(4000)).present);
    assert!(!teleop.probe_due(at(9000)), "nothing was asked since");
}
