use std::time::Duration;

use super::bench::{Bench, FORWARD, PLAN, TICK};
use crate::msg::{Authority, Axes, BaseReport, Fault, FaultSet, Mode, Stamp, StopKind, Twist};

const MODES: [Mode; 6] =
    [Mode::Standby, Mode::Manual, Mode::Autonomous, Mode::Override, Mode::SoftStop, Mode::EStop];

/// What happens to a mode, as a column of the table.
type Event = fn(&mut Bench);

fn drive(b: &mut Bench) {
    b.hold(FORWARD);
}

fn engage(b: &mut Bench) {
    b.let_go();
    b.operator.requests.engage += 1;
}

fn neutral(b: &mut Bench) {
    b.let_go();
}

fn soft(b: &mut Bench) {
    b.readiness.camera.dropped = 0.5;
}

fn immediate(b: &mut Bench) {
    b.base.fault_bits = 1;
}

fn e_stop(b: &mut Bench) {
    b.operator.requests.e_stop += 1;
}

fn pause(b: &mut Bench) {
    b.operator.requests.pause += 1;
}

fn take_over(b: &mut Bench) {
    b.operator.requests.take_over += 1;
}

#[test]
fn the_table_of_modes() {
    // A cell that differs from the documented table is a robot that does what nobody expects.
    use Mode::{
        Autonomous as A, EStop as E, Manual as M, Override as O, SoftStop as S, Standby as B,
    };
    let table: [(&str, Event, [Mode; 6]); 8] = [
        ("drive", drive, [M, M, O, O, O, E]),
        ("engage", engage, [A, A, A, A, A, E]),
        ("neutral", neutral, [B, M, A, O, A, E]),
        ("soft fault", soft, [B, M, S, O, S, E]),
        ("immediate fault", immediate, [B, B, B, B, B, E]),
        ("e-stop", e_stop, [E, E, E, E, E, E]),
        ("pause", pause, [B, M, O, O, O, E]),
        ("take over", take_over, [B, M, O, O, O, E]),
    ];
    for (name, event, after) in table {
        for (mode, after) in MODES.into_iter().zip(after) {
            let mut bench = Bench::in_mode(mode);
            // The cause of the soft stop is over.
            bench.readiness.camera.connected = true;
            let decision = bench.tick_with(event);
            assert_eq!(decision.mode, after, "{name} in {mode:?}");
        }
    }
}

#[test]
fn severe_wins_over_less_severe() {
    // Two things at once would be judged in the wrong order.
    let all: [(&[Event], Mode); 7] = [
        (&[e_stop, immediate, drive, soft], Mode::EStop),
        (&[immediate, drive, soft], Mode::Standby),
        (&[drive, soft], Mode::Override),
        (&[take_over, soft], Mode::Override),
        (&[pause, soft], Mode::Override),
        (&[engage, soft], Mode::SoftStop),
        (&[soft], Mode::SoftStop),
    ];
    for (events, after) in all {
        let mut bench = Bench::in_mode(Mode::Autonomous);
        let decision = bench.tick_with(|b| events.iter().for_each(|event| event(b)));
        assert_eq!(decision.mode, after);
    }
}

#[test]
fn only_modes_that_drive_want_motion() {
    // Standby, SoftStop and EStop would carry somebody's wish.
    for mode in MODES {
        let mut bench = Bench::in_mode(mode);
        let decision = bench.tick_with(|b| {
            // Keeps SoftStop's cause.
            b.readiness.camera.connected = mode != Mode::SoftStop;
        });
        let (wanted, authority) = match mode {
            Mode::Manual | Mode::Override => (Twist::new(0.5, 0.0, 0.0), Authority::Operator),
            Mode::Autonomous => (PLAN, Authority::Policy),
            Mode::SoftStop => (Twist::ZERO, Authority::Ramp),
            Mode::Standby | Mode::EStop => (Twist::ZERO, Authority::Nobody),
        };
        assert_eq!(decision.mode, mode);
        assert_eq!((decision.wanted, decision.authority), (wanted, authority));
        assert_eq!(decision.zero_now, matches!(mode, Mode::Standby | Mode::EStop));
        assert_eq!(decision.e_stop, mode == Mode::EStop);
    }
}

#[test]
fn takeover_is_the_operators_in_the_same_tick() {
    // The policy would keep the wheels for a tick after a hand touched the stick.
    for axes in [FORWARD, Axes { x: 0.0, y: 0.0, yaw: -0.01 }, Axes { x: 0.0, y: 0.3, yaw: 0.0 }] {
        let mut bench = Bench::in_mode(Mode::Autonomous);
        let decision = bench.drive(axes);
        assert_eq!((decision.mode, decision.authority), (Mode::Override, Authority::Operator));
        assert_eq!(decision.wanted, Twist::new(axes.x * 0.5, axes.y * 0.5, axes.yaw));
        assert_eq!(decision.policy_twist, Some(PLAN), "the policy goes on in the shadow");
    }
}

#[test]
fn the_takeover_key_stands_still_and_keeps_standing() {
    // Taking over without a direction would repeat the policy's last command.
    let mut bench = Bench::in_mode(Mode::Autonomous);
    let decision = bench.tick_with(take_over);
    assert_eq!((decision.mode, decision.wanted), (Mode::Override, Twist::ZERO));
    assert_eq!(bench.ticks(200).mode, Mode::Override, "never back by itself");
    assert!(bench.sent.is_zero());
}

#[test]
fn pause_holds_until_the_hands_came_off() {
    // Space under a held key would stop the robot for one tick only.
    for mode in [Mode::Manual, Mode::Autonomous] {
        let mut bench = Bench::in_mode(mode);
        bench.hold(FORWARD);
        for _ in 0..5 {
            let decision = bench.tick_with(|b| {
                b.hold(FORWARD);
                b.operator.requests.pause = 1;
            });
            assert_eq!(decision.wanted, Twist::ZERO);
        }
        bench.let_go();
        bench.tick();
        assert_eq!(bench.drive(FORWARD).wanted, Twist::new(0.5, 0.0, 0.0));
    }
}

#[test]
fn a_lease_that_ends_under_a_held_key_needs_a_new_press() {
    // A thawed SSH link would bring a frozen key back to life.
    let mut bench = Bench::in_mode(Mode::Manual);
    let until = bench.operator.lease_until;
    while bench.now + TICK < until {
        assert!(!bench.tick().wanted.is_zero());
    }
    let decision = bench.tick();
    assert_eq!((decision.mode, decision.wanted), (Mode::Manual, Twist::ZERO));
    assert_eq!(bench.drive(FORWARD).wanted, Twist::ZERO, "the lease came back, the hand did not");
    bench.let_go();
    bench.tick();
    assert!(!bench.drive(FORWARD).wanted.is_zero());
}

#[test]
fn a_key_held_at_start_does_not_count() {
    // A stick leaning on something would drive the robot as soon as the station opens.
    let mut bench = Bench::new();
    bench.supervisor = crate::control::Supervisor::new(&crate::control::Config::default());
    for _ in 0..10 {
        assert_eq!(bench.drive(FORWARD).mode, Mode::Standby);
    }
    bench.let_go();
    bench.tick();
    assert_eq!(bench.drive(FORWARD).mode, Mode::Manual);
}

#[test]
fn a_line_that_comes_back_finds_standby_until_the_hands_came_off() {
    // The robot would start by itself when its cable is pushed back in.
    for mode in [Mode::Manual, Mode::Autonomous, Mode::Override] {
        let mut bench = Bench::in_mode(mode);
        bench.base.link = crate::msg::LinkState::Down;
        let decision = bench.tick();
        assert_eq!((decision.mode, decision.stop), (Mode::Standby, Some(StopKind::Stop)));
        assert_eq!(bench.tick().stop, None, "asked once");
        bench.base.link = crate::msg::LinkState::Up;
        bench.base.session += 1;
        for _ in 0..50 {
            let decision = bench.drive(FORWARD);
            assert_eq!((decision.mode, decision.wanted), (Mode::Standby, Twist::ZERO));
        }
        bench.let_go();
        bench.tick();
        assert_eq!(bench.drive(FORWARD).mode, Mode::Manual);
    }
}

#[test]
fn a_new_session_between_two_ticks_is_a_line_that_went() {
    // A base that restarted within a tick would be driven on.
    for mode in [Mode::Manual, Mode::Autonomous, Mode::Override, Mode::SoftStop] {
        let mut bench = Bench::in_mode(mode);
        let decision = bench.tick_with(|b| b.base.session += 1);
        assert_eq!((decision.mode, decision.stop), (Mode::Standby, Some(StopKind::Stop)));
    }
}

#[test]
fn engage_is_refused_with_every_reason_and_keeps_them() {
    // The operator would learn one reason at a time, or none.
    let mut bench = Bench::new();
    bench.readiness.policy.ready = false;
    bench.readiness.camera.dropped = 0.21;
    bench.base.watchdog = Duration::from_millis(501);
    bench.operator.neutral = false;
    let reasons: FaultSet =
        [Fault::NoPolicy, Fault::CameraDropping, Fault::WatchdogSlow, Fault::InputsNotNeutral]
            .into_iter()
            .collect();
    let decision = bench.engage();
    assert_eq!((decision.mode, decision.refused, decision.epoch), (Mode::Standby, reasons, 0));
    bench.readiness.policy.ready = true;
    bench.readiness.camera.dropped = 0.0;
    bench.base.watchdog = Duration::from_millis(200);
    bench.let_go();
    assert_eq!(bench.ticks(10).refused, reasons, "until the next engage");
    let decision = bench.engage();
    assert_eq!(
        (decision.mode, decision.refused, decision.epoch),
        (Mode::Autonomous, FaultSet::EMPTY, 1)
    );
}

#[test]
fn warnings_do_not_refuse() {
    // A slow camera or a low battery would keep the robot from ever driving itself.
    let mut bench = Bench::new();
    bench.readiness.camera.rate_nominal = 30.0;
    bench.readiness.camera.rate_seen = 20.0;
    bench.base.battery = Some(crate::msg::Battery { volts: 11.0, charge: 0.1 });
    let decision = bench.engage();
    assert_eq!(decision.mode, Mode::Autonomous);
    assert!(
        decision.faults.contains(Fault::CameraSlow) && decision.faults.contains(Fault::BatteryLow)
    );
}

#[test]
fn soft_stop_ends_by_recovery_rest_or_time() {
    // Autonomy would come back from standing, or the ramp would never end.
    let mut bench = Bench::in_mode(Mode::SoftStop);
    assert_eq!(bench.tick().mode, Mode::SoftStop, "the cause is still there");
    bench.readiness.camera.connected = true;
    assert_eq!(bench.tick().mode, Mode::Autonomous, "the cause is gone and it still moves");

    let mut bench = Bench::in_mode(Mode::SoftStop);
    bench.readiness.camera.connected = true;
    bench.sent = Twist::ZERO;
    assert_eq!(bench.tick().mode, Mode::Standby, "at rest, although the cause is gone");

    let mut bench = Bench::in_mode(Mode::SoftStop);
    let since = bench.now;
    let end = loop {
        bench.sent = Twist::new(0.1, 0.0, 0.0);
        let decision = bench.tick_with(|b| b.readiness.camera.connected = false);
        if decision.mode != Mode::SoftStop {
            break decision;
        }
    };
    assert_eq!((end.mode, end.zero_now), (Mode::Standby, true));
    assert_eq!(bench.now.since(since), Duration::from_millis(700));
}

#[test]
fn e_stop_is_left_by_two_presses_in_time_with_hands_off() {
    // One slip of a finger would free a robot that somebody stopped in alarm.
    let press: Event = |b| b.operator.requests.reset += 1;
    let nothing: Event = |_| {};
    let gap = |ms: u64| (ms / 20) as usize - 1;
    for (between, ticks, leaves) in [
        (nothing, gap(20), true),
        (nothing, gap(3000), true),
        (nothing, gap(3020), false),
        (drive as Event, gap(500), false),
        (e_stop as Event, gap(500), false),
    ] {
        let mut bench = Bench::in_mode(Mode::EStop);
        let armed = bench.tick_with(press);
        assert_eq!(armed.reset_armed_until, Some(bench.now + Duration::from_secs(3)));
        for n in 0..ticks {
            bench.tick_with(if n == 0 { between } else { nothing });
        }
        bench.let_go();
        let after = bench.tick_with(press);
        if leaves {
            assert_eq!((after.mode, after.stop), (Mode::Standby, Some(StopKind::Reset)));
            assert_eq!(after.reset_armed_until, None);
        } else {
            assert_eq!((after.mode, after.stop), (Mode::EStop, None), "{ticks}");
        }
    }
}

#[test]
fn reset_with_a_hand_on_the_keys_says_why_not() {
    // The reset key would seem dead.
    let mut bench = Bench::in_mode(Mode::EStop);
    bench.operator.neutral = false;
    bench.operator.requests.reset += 1;
    let decision = bench.tick();
    assert_eq!(decision.refused, FaultSet::EMPTY.with(Fault::InputsNotNeutral));
    assert_eq!(decision.reset_armed_until, None);
    bench.operator.neutral = true;
    bench.operator.present = false;
    bench.operator.requests.reset += 1;
    assert_eq!(bench.tick().reset_armed_until, None, "nobody is there to reset");
}

#[test]
fn two_presses_in_one_tick_arm_only() {
    // A bouncing key would do both steps at once.
    let mut bench = Bench::in_mode(Mode::EStop);
    bench.operator.requests.reset += 2;
    assert_eq!(bench.tick().mode, Mode::EStop);
}

fn reset(bench: &mut Bench) {
    for _ in 0..2 {
        bench.operator.requests.reset += 1;
        bench.tick();
    }
    assert_eq!(bench.supervisor.mode(), Mode::Standby);
}

#[test]
fn the_bases_own_latch_is_ours() {
    // A base stopped by its own button would be driven again when the button is let go.
    let mut bench = Bench::in_mode(Mode::Autonomous);
    bench.base.base_latched = true;
    let decision = bench.tick();
    assert_eq!((decision.mode, decision.e_stop), (Mode::EStop, true));
    bench.base.base_latched = false;
    assert_eq!(bench.ticks(100).mode, Mode::EStop);
}

#[test]
fn after_a_reset_the_base_has_half_a_second_to_unlatch() {
    // The telemetry in flight at the reset would latch the station again; a base that stays latched
    // would be overlooked.
    let mut bench = Bench::in_mode(Mode::EStop);
    reset(&mut bench);
    let at = bench.now;
    while bench.now + TICK <= at + Duration::from_millis(500) {
        assert_eq!(bench.tick().mode, Mode::Standby);
    }
    assert_eq!(bench.tick().mode, Mode::EStop);
}

#[test]
fn a_latch_that_the_base_lost_is_asked_for_again() {
    // A base that restarted during an e-stop would be free to move.
    let mut bench = Bench::in_mode(Mode::EStop);
    assert_eq!(bench.ticks(100).stop, None);
    let decision = bench.tick_with(|b| b.base.session += 1);
    assert_eq!(decision.stop, Some(StopKind::EStop), "a new line");
    bench.base.base_latched = false;
    let asked = bench.now;
    loop {
        if bench.tick().stop.is_some() {
            break;
        }
    }
    assert_eq!(bench.now.since(asked), Duration::from_millis(520), "a base that lost it");
    bench.base.stop = crate::msg::StopState::Pending { kind_is_e_stop: true, since: bench.now };
    for _ in 0..100 {
        assert_eq!(bench.tick().stop, None, "it is being asked");
    }
}

#[test]
fn e_stop_is_handed_to_the_base_at_each_press() {
    // A second press in alarm would do nothing.
    let mut bench = Bench::in_mode(Mode::Manual);
    for _ in 0..3 {
        let decision = bench.tick_with(e_stop);
        assert_eq!((decision.mode, decision.stop), (Mode::EStop, Some(StopKind::EStop)));
    }
}

#[test]
fn wishes_end_with_their_source_and_never_later_than_five_ticks() {
    // A loop that stands still would let the last wish live on.
    let mut bench = Bench::in_mode(Mode::Manual);
    let decision = bench.drive(FORWARD);
    assert_eq!(decision.valid_until, bench.now + Duration::from_millis(100));
    let soon = bench.now + TICK + Duration::from_millis(7);
    let decision = bench.tick_with(|b| b.operator.lease_until = soon);
    assert_eq!(decision.valid_until, soon);
}

#[test]
fn hands_become_a_twist() {
    // Diagonals would be faster, nudges too fast, or a broken number would pass as a direction.
    let t = Twist::new;
    let root = 0.5_f64.sqrt();
    for (axes, ceiling, cap, wanted) in [
        ((1.0, 0.0, 0.0), 1.0, f64::INFINITY, t(0.5, 0.0, 0.0)),
        ((1.0, 1.0, 1.0), 1.0, f64::INFINITY, t(0.5 * root, 0.5 * root, 1.0)),
        ((-0.5, 0.0, 0.5), 0.5, f64::INFINITY, t(-0.125, 0.0, 0.25)),
        ((7.0, 0.0, -7.0), 1.0, f64::INFINITY, t(0.5, 0.0, -1.0)),
        ((1.0, 0.0, 1.0), 1.0, 0.2, t(0.2, 0.0, 0.4)),
        ((1.0, 0.0, 1.0), 0.2, 0.2, t(0.1, 0.0, 0.2)),
        ((1.0, 0.0, 1.0), 7.0, f64::INFINITY, t(0.5, 0.0, 1.0)),
        ((1.0, 0.0, 1.0), f64::NAN, f64::INFINITY, Twist::ZERO),
        ((1.0, 0.0, 1.0), 1.0, f64::NAN, Twist::ZERO),
        ((1.0, 0.0, 1.0), -1.0, f64::INFINITY, Twist::ZERO),
    ] {
        let mut bench = Bench::new();
        bench.operator.ceiling = ceiling;
        bench.operator.speed_cap_mps = cap;
        let got = bench.drive(Axes { x: axes.0, y: axes.1, yaw: axes.2 }).wanted;
        let near = (got.linear_x - wanted.linear_x).abs() < 1e-12
            && (got.linear_y - wanted.linear_y).abs() < 1e-12
            && (got.angular_z - wanted.angular_z).abs() < 1e-12;
        assert!(near, "{axes:?} {ceiling} {cap}: {got:?}");
    }
    for axes in [Axes { x: f64::NAN, ..FORWARD }, Axes { yaw: f64::NAN, ..FORWARD }] {
        let got = Bench::new().drive(axes).wanted;
        assert!(!got.is_finite(), "the gate must see it and report it");
    }
}

#[test]
fn a_command_that_was_not_finite_stops_and_asks_for_new_hands() {
    // A stick that reports NaN now and then would make the robot jerk on.
    let mut bench = Bench::in_mode(Mode::Manual);
    bench.command_not_finite = true;
    let decision = bench.drive(FORWARD);
    assert_eq!((decision.mode, decision.zero_now), (Mode::Standby, true));
    bench.command_not_finite = false;
    assert_eq!(bench.drive(FORWARD).mode, Mode::Standby);
}

#[test]
fn an_old_picture_lowers_the_ceiling_for_hands_only() {
    // Driving blind at full speed; or a policy slowed by a rule that is not its own.
    let late = |b: &mut Bench| {
        b.readiness.camera.newest = Some((1, b.now - Duration::from_millis(160)));
    };
    for (mode, ceiling, wanted) in [
        (Mode::Manual, 0.2, Twist::new(0.2, 0.0, 0.0)),
        (Mode::Override, 0.2, Twist::new(0.2, 0.0, 0.0)),
        (Mode::Autonomous, 0.5, PLAN),
    ] {
        let mut bench = Bench::in_mode(mode);
        let decision = bench.tick_with(late);
        assert_eq!((decision.mode, decision.ceiling_mps), (mode, ceiling));
        assert_eq!(decision.wanted, wanted);
    }
}

#[test]
fn the_first_tick_acts_on_nothing() {
    // Counters from before this supervisor's time would be taken for presses.
    let mut bench = Bench::new();
    bench.operator.requests =
        crate::msg::Requests { take_over: 1, engage: 2, pause: 3, e_stop: 4, reset: 5 };
    bench.supervisor = crate::control::Supervisor::new(&crate::control::Config::default());
    assert_eq!(bench.tick().mode, Mode::Standby);
}

#[test]
fn nothing_known_means_nothing_moves() {
    // Facts that were never filled in would read as good ones.
    let mut bench = Bench::new();
    bench.operator = crate::msg::OperatorInput::default();
    bench.base = BaseReport::default();
    bench.readiness = crate::msg::Readiness::default();
    bench.now = Stamp::from_millis(20_000);
    bench.operator.requests.engage = 1;
    let decision = bench.decide();
    assert_eq!((decision.mode, decision.wanted), (Mode::Standby, Twist::ZERO));
    for fault in [Fault::BaseDown, Fault::TerminalLost, Fault::FrameStale, Fault::NoPolicy] {
        assert!(decision.refused.contains(fault), "{fault:?}");
    }
}
