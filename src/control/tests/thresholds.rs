use std::time::Duration;

use super::bench::{Bench, FORWARD};
use crate::msg::{Battery, Fault, Kinematics, LinkState, Mode, StopState, Twist};

type Setter = fn(&mut Bench, Duration);

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[test]
fn times_at_their_boundaries() {
    // A rule would act a tick early, or never.
    let step = Duration::from_nanos(1);
    let table: [(Fault, Setter, Duration); 14] = [
        (Fault::FrameLate, |b, d| b.readiness.camera.newest = Some((1, b.now - d)), ms(150)),
        (Fault::FrameStale, |b, d| b.readiness.camera.newest = Some((1, b.now - d)), ms(300)),
        (Fault::BaseSilent, |b, d| b.base.last_rx = Some(b.now - d), ms(300)),
        (Fault::BaseBlocked, |b, d| b.base.blocked_since = Some(b.now - d), ms(100)),
        (
            Fault::StopNotConfirmed,
            |b, d| b.base.stop = StopState::Pending { kind_is_e_stop: false, since: b.now - d },
            ms(200),
        ),
        (
            Fault::StopNotConfirmed,
            |b, d| b.base.stop = StopState::Pending { kind_is_e_stop: true, since: b.now - d },
            ms(200),
        ),
        (Fault::WatchdogLong, |b, d| b.base.watchdog = d, ms(200)),
        (Fault::WatchdogSlow, |b, d| b.base.watchdog = d, ms(500)),
        (Fault::WatchdogSlow, |b, d| b.base.measured_stop = Some(d), ms(500)),
        (Fault::TickGap, |b, d| b.readiness.tick_gap = d, ms(200)),
        (Fault::TickLate, |b, d| b.readiness.tick_late = d, ms(10)),
        (Fault::Suspended, |b, d| b.readiness.suspended = d, ms(100)),
        (Fault::TerminalLost, |b, d| b.operator.stamp = b.now - d, ms(500)),
        (
            Fault::ChunkStale,
            |b, d| {
                b.readiness.policy.busy_since = Some(b.now - d);
            },
            ms(1000),
        ),
    ];
    for (fault, set, limit) in table {
        for (span, is_fault) in [(limit, false), (limit + step, true)] {
            let mut bench = Bench::in_mode(Mode::Autonomous);
            let decision = bench.tick_with(|b| set(b, span));
            assert_eq!(decision.faults.contains(fault), is_fault, "{fault:?} at {span:?}");
        }
    }
}

#[test]
fn facts_become_faults() {
    // A fact that no rule looks at would be driven over.
    type Breaker = fn(&mut Bench);
    let table: [(Fault, bool, Breaker); 26] = [
        (Fault::BaseDown, true, |b| b.base.link = LinkState::Down),
        (Fault::BaseDown, true, |b| b.base.link = LinkState::Connecting),
        (Fault::BaseSilent, true, |b| b.base.last_rx = None),
        (Fault::BaseFault, true, |b| b.base.fault_bits = 0x8000),
        (Fault::StopNotConfirmed, false, |b| {
            b.base.stop = StopState::Acknowledged { at: b.now - ms(900) };
        }),
        (Fault::TerminalLost, true, |b| b.operator.present = false),
        (Fault::PolicyNotFinite, true, |b| b.readiness.policy.not_finite = true),
        (Fault::PolicyFailed, true, |b| b.readiness.policy.failed = true),
        (Fault::FrameStale, true, |b| b.readiness.camera.connected = false),
        (Fault::FrameStale, true, |b| b.readiness.camera.newest = None),
        (Fault::CameraDropping, false, |b| b.readiness.camera.dropped = 0.2),
        (Fault::CameraDropping, true, |b| b.readiness.camera.dropped = 0.201),
        (Fault::CameraDropping, true, |b| b.readiness.camera.dropped = f64::NAN),
        (Fault::CameraSlow, false, |b| rate(b, 30.0, 27.0)),
        (Fault::CameraSlow, true, |b| rate(b, 30.0, 26.9)),
        (Fault::CameraSlow, false, |b| rate(b, 0.0, 0.0)),
        (Fault::CameraSlow, true, |b| rate(b, 30.0, f64::NAN)),
        (Fault::NoPolicy, true, |b| b.readiness.policy.ready = false),
        (Fault::NoInstruction, true, |b| b.readiness.policy.instruction_ok = false),
        (Fault::ChunkStale, true, |b| b.readiness.policy.ready = false),
        (Fault::ChunkStale, true, |b| b.readiness.policy.instruction_ok = false),
        (Fault::KinematicsMismatch, true, |b| kinematics(b, Kinematics::Omni)),
        (Fault::KinematicsMismatch, false, |b| kinematics(b, Kinematics::Differential)),
        (Fault::WatchdogSlow, true, |b| b.base.watchdog = Duration::ZERO),
        (Fault::BatteryLow, false, |b| charge(b, 0.2)),
        (Fault::BatteryLow, true, |b| charge(b, 0.199)),
    ];
    for (fault, is_fault, set) in table {
        let mut bench = Bench::in_mode(Mode::Autonomous);
        let decision = bench.tick_with(set);
        assert_eq!(decision.faults.contains(fault), is_fault, "{fault:?}");
    }
}

fn rate(bench: &mut Bench, nominal: f64, seen: f64) {
    bench.readiness.camera.rate_nominal = nominal;
    bench.readiness.camera.rate_seen = seen;
}

fn kinematics(bench: &mut Bench, needed: Kinematics) {
    bench.readiness.policy.kinematics = needed;
    bench.base.kinematics = Kinematics::Differential;
}

fn charge(bench: &mut Bench, charge: f64) {
    bench.base.battery = Some(Battery { volts: 12.0, charge });
}

#[test]
fn a_healthy_bench_has_no_fault() {
    // A fault that is always there would hide every other test's meaning.
    for mode in [Mode::Standby, Mode::Manual, Mode::Autonomous, Mode::Override] {
        assert!(Bench::in_mode(mode).tick().faults.is_empty());
    }
}

#[test]
fn a_policy_in_the_shadow_cannot_stop_a_hand() {
    // While somebody steers around a danger, a NaN of the policy they took over from would take the
    // stick from them.
    for mode in [Mode::Manual, Mode::Override] {
        let mut bench = Bench::in_mode(mode);
        bench.readiness.policy.not_finite = true;
        bench.readiness.policy.failed = true;
        let decision = bench.drive(FORWARD);
        assert_eq!((decision.mode, decision.wanted.linear_x), (mode, 0.5));
        assert!(decision.faults.contains(Fault::PolicyNotFinite), "shown");
        bench.let_go();
        let decision = bench.engage();
        assert!(decision.refused.contains(Fault::PolicyNotFinite), "and refuses");
        assert_eq!(decision.mode, mode);
    }
}

#[test]
fn low_confidence_needs_half_a_second_and_a_threshold() {
    // One unsure moment would end autonomy, a policy that is never sure would drive on, or advisory
    // would stop.
    for (least, confidence, ends) in [
        (0.5, 0.49, true),
        (0.5, 0.5, false),
        (0.0, 0.0, false),
        (-1.0, 0.0, false),
        (f64::NAN, 0.9, true),
    ] {
        let mut bench = Bench::in_mode(Mode::Autonomous);
        let unsure = |b: &mut Bench| {
            b.readiness.policy.confidence_min = least;
            b.chunk.as_mut().unwrap().confidence = confidence;
        };
        for n in 1..=25 {
            assert_eq!(bench.tick_with(unsure).mode, Mode::Autonomous, "{least} {n}");
        }
        assert_eq!(bench.tick_with(unsure).mode == Mode::SoftStop, ends, "{least}");
    }
}

#[test]
fn one_sure_answer_starts_the_unsure_time_anew() {
    // Doubts far apart would add up to a stop.
    let mut bench = Bench::in_mode(Mode::Autonomous);
    bench.readiness.policy.confidence_min = 0.5;
    for n in 0..200 {
        let decision = bench.tick_with(|b| {
            b.chunk.as_mut().unwrap().confidence = if n % 20 == 0 { 0.6 } else { 0.1 };
        });
        assert_eq!(decision.mode, Mode::Autonomous);
    }
}

#[test]
fn a_frozen_camera_is_one_whose_picture_stays_while_the_robot_moves() {
    // A camera that repeats its last picture with fresh numbers would be trusted; or a still scene
    // would be distrusted.
    let mut bench = Bench::new();
    let frozen_at = bench.now;
    let freeze = |b: &mut Bench| b.readiness.camera.changed = Some(frozen_at);
    for _ in 0..500 {
        let decision = bench.tick_with(freeze);
        assert!(decision.faults.is_empty(), "nothing moves, nothing need change");
    }
    bench.operator.requests.engage += 1;
    let mut moving_since = None;
    let decision = loop {
        let moves = !bench.sent.is_zero();
        let decision = bench.tick_with(freeze);
        if moves {
            moving_since = moving_since.or(Some(bench.now));
        }
        if decision.mode != Mode::Autonomous {
            break decision;
        }
    };
    assert!(decision.faults.contains(Fault::FrameStale));
    assert_eq!(bench.now.since(moving_since.unwrap()), ms(520));
    assert_eq!(decision.mode, Mode::SoftStop);

    let mut bench = Bench::new();
    for _ in 0..100 {
        let decision = bench.tick_with(|b| b.readiness.camera.changed = None);
        assert!(decision.faults.is_empty(), "a source that does not tell");
    }
}

#[test]
fn a_change_of_content_starts_the_frozen_time_anew() {
    // A slow but living camera would be called frozen.
    let mut bench = Bench::in_mode(Mode::Autonomous);
    for n in 0..100 {
        let decision = bench.tick_with(|b| {
            b.readiness.camera.changed = Some(b.now - ms(n % 25 * 20));
        });
        assert_eq!((decision.mode, decision.wanted.is_zero()), (Mode::Autonomous, false));
    }
    assert_ne!(bench.sent, Twist::ZERO);
}
