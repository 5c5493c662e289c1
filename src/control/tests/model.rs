//! Every sequence of a few events, from every mode: what must hold in each tick, whatever came
//! before.

use std::time::Duration;

use super::bench::{Bench, FORWARD, PLAN};
use crate::control::{Decision, preflight};
use crate::msg::{Authority, Fault, LinkState, Mode, Severity, Stamp, StopKind, Twist};

/// What one tick is about. Hands and plans stay as they are until another event changes them.
const EVENTS: [fn(&mut Bench); 21] = [
    |_| {},
    |b| b.hold(FORWARD),
    Bench::let_go,
    |b| b.operator.requests.engage += 1,
    |b| {
        b.let_go();
        b.operator.requests.engage += 1;
    },
    |b| {
        b.hold(FORWARD);
        b.operator.requests.engage += 1;
    },
    |b| b.operator.requests.take_over += 1,
    |b| b.operator.requests.pause += 1,
    |b| b.operator.requests.e_stop += 1,
    |b| b.operator.requests.reset += 1,
    |b| {
        b.operator.requests.reset += 1;
        b.operator.requests.e_stop += 1;
    },
    |b| b.plan = None,
    |b| b.plan = Some(PLAN),
    |b| b.chunk.iter_mut().for_each(|chunk| chunk.set_twists(&[Twist::new(f64::NAN, 0.0, 0.0)])),
    |b| b.readiness.camera.connected ^= true,
    |b| b.base.fault_bits ^= 1,
    |b| b.base.session += 1,
    |b| {
        b.base.session += 1;
        b.operator.requests.engage += 1;
    },
    |b| b.base.base_latched ^= true,
    |b| b.readiness.tick_gap = Duration::from_millis(900),
    |b| b.operator.lease_until = b.now,
];

/// What the checker itself remembers, apart from the supervisor.
#[derive(Clone, Copy, Default)]
struct Ghost {
    /// The first reset press, while nothing spoilt it.
    armed_at: Option<Stamp>,
    reset_at: Option<Stamp>,
    /// Something ended driving; the hands have not been off since.
    must_release: bool,
}

/// One tick before its decision.
struct Before {
    mode: Mode,
    epoch: u64,
    requests: crate::msg::Requests,
    session: u32,
    sent: Twist,
}

fn explore(bench: &Bench, ghost: Ghost, depth: usize, n_ticks: &mut u64) {
    if depth == 0 {
        return;
    }
    for event in EVENTS {
        let (mut next, mut ghost) = (bench.clone(), ghost);
        let before = Before {
            mode: next.supervisor.mode(),
            epoch: next.epoch,
            requests: next.operator.requests,
            session: next.base.session,
            sent: next.sent,
        };
        let decision = next.tick_with(event);
        check(&before, &next, &mut ghost, &decision);
        next.readiness.tick_gap = Duration::ZERO;
        *n_ticks += 1;
        explore(&next, ghost, depth - 1, n_ticks);
    }
}

fn check(before: &Before, b: &Bench, ghost: &mut Ghost, decision: &Decision) {
    let requests = b.operator.requests;
    let asks = |kind: fn(&crate::msg::Requests) -> u32| kind(&requests) != kind(&before.requests);
    let e_stop = asks(|r| r.e_stop);
    let hands = !b.operator.axes.is_zero() && b.now < b.operator.lease_until;
    let policy_drove = matches!(before.mode, Mode::Autonomous | Mode::SoftStop);
    let mut severe = decision.faults.at_least(Severity::Immediate);
    if !policy_drove {
        severe = severe.minus(crate::msg::FaultSet::EMPTY.with(Fault::PolicyNotFinite));
    }
    let new_line = b.base.session != before.session;

    check_e_stop(before, b, ghost, decision, e_stop, asks(|r| r.reset));
    if before.mode != Mode::EStop && decision.mode != Mode::EStop && !severe.is_empty() {
        assert_eq!(decision.mode, Mode::Standby, "an immediate fault stops");
        assert_eq!(decision.stop == Some(StopKind::Stop), before.mode != Mode::Standby);
    }
    if new_line && !matches!(before.mode, Mode::Standby | Mode::EStop) {
        assert!(matches!(decision.mode, Mode::Standby | Mode::EStop), "another line");
    }

    let moves = !decision.wanted.is_zero();
    let stands = matches!(decision.mode, Mode::Standby | Mode::EStop);
    assert_eq!(decision.zero_now, stands);
    assert!(!moves || !stands && decision.mode != Mode::SoftStop);
    assert!(decision.valid_until <= b.now + Duration::from_millis(100));
    if moves {
        assert_eq!(b.base.link, LinkState::Up);
        assert!(b.now < decision.valid_until);
        check_source(b, decision, hands, ghost.must_release);
    }

    let neutral = b.operator.neutral && !hands;
    let pause = asks(|r| r.pause);
    if !neutral && (pause || !severe.is_empty() || new_line || decision.mode == Mode::EStop) {
        ghost.must_release = true;
    } else if neutral {
        ghost.must_release = false;
    }
    check_entries(before, b, decision, asks(|r| r.engage));
    let interrupts = severe.is_empty() && !new_line && !pause;
    if policy_drove && hands && interrupts && !stands {
        assert_eq!((decision.mode, decision.authority), (Mode::Override, Authority::Operator));
        assert_eq!(decision.wanted, Twist::new(0.5, 0.0, 0.0).scaled(decision.ceiling_mps / 0.5));
    }
}

fn check_e_stop(
    before: &Before,
    b: &Bench,
    ghost: &mut Ghost,
    decision: &Decision,
    e_stop: bool,
    reset: bool,
) {
    assert_eq!(decision.e_stop, decision.mode == Mode::EStop);
    if e_stop {
        assert_eq!((decision.mode, decision.stop), (Mode::EStop, Some(StopKind::EStop)));
    }
    let leaves = before.mode == Mode::EStop && decision.mode != Mode::EStop;
    assert_eq!(decision.stop == Some(StopKind::Reset), leaves);
    if leaves {
        let armed_at = ghost.armed_at.expect("a first press");
        assert!(reset && b.operator.neutral && b.now.since(armed_at) <= Duration::from_secs(3));
        assert_eq!(decision.mode, Mode::Standby);
        ghost.reset_at = Some(b.now);
    }
    let enters = before.mode != Mode::EStop && decision.mode == Mode::EStop;
    let base_did = b.base.base_latched
        && ghost.reset_at.is_none_or(|at| b.now.since(at) > Duration::from_millis(500));
    assert!(!enters || e_stop || base_did, "nobody asked for it");
    assert!(enters || before.mode == Mode::EStop || !base_did, "the base is latched");
    let stays = before.mode == Mode::EStop && decision.mode == Mode::EStop;
    if !stays || e_stop || !b.operator.neutral {
        ghost.armed_at = None;
    } else if reset {
        ghost.armed_at = Some(b.now);
    }
}

/// Motion has one of two sources, each alive.
fn check_source(b: &Bench, decision: &Decision, hands: bool, must_release: bool) {
    match decision.authority {
        Authority::Operator => {
            assert!(hands && !must_release);
            assert!(matches!(decision.mode, Mode::Manual | Mode::Override));
            assert_eq!(Some(decision.wanted), decision.operator_twist);
        }
        Authority::Policy => {
            assert!(!hands && decision.mode == Mode::Autonomous);
            assert!(decision.faults.at_least(Severity::Soft).is_empty());
            assert_eq!(Some(decision.wanted), decision.policy_twist);
            assert!(b.chunk.is_some_and(|chunk| chunk.epoch == decision.epoch));
        }
        other => panic!("{other:?} moves the robot"),
    }
}

/// How each mode may be entered.
fn check_entries(before: &Before, b: &Bench, decision: &Decision, engage: bool) {
    let engaged = decision.epoch != before.epoch;
    assert!(!engaged || decision.epoch == before.epoch + 1);
    if engaged {
        assert!(matches!(before.mode, Mode::Standby | Mode::Manual | Mode::Override));
        assert!(engage && decision.mode == Mode::Autonomous && decision.refused.is_empty());
        let reasons = preflight(b.now, &b.operator, &b.base, &b.readiness);
        assert!(reasons.is_empty() && b.operator.neutral);
        assert_eq!(decision.wanted, Twist::ZERO, "not before a new chunk");
    }
    let could = matches!(before.mode, Mode::Standby | Mode::Manual | Mode::Override);
    if engage && could && !engaged && !decision.e_stop {
        assert!(!decision.refused.is_empty(), "says why not");
    }
    if before.mode == decision.mode {
        return;
    }
    match decision.mode {
        Mode::Autonomous if before.mode == Mode::SoftStop => {
            assert!(decision.faults.at_least(Severity::Soft).is_empty() && !before.sent.is_zero());
        }
        Mode::Autonomous => assert!(engaged),
        Mode::Manual => assert_eq!(before.mode, Mode::Standby),
        Mode::Override => assert!(matches!(before.mode, Mode::Autonomous | Mode::SoftStop)),
        Mode::SoftStop => assert_eq!(before.mode, Mode::Autonomous),
        Mode::Standby | Mode::EStop => {}
    }
}

#[test]
fn every_short_story_keeps_the_rules() {
    // Some order of presses, faults and returns would move the robot without a right to, or free a
    // latched one.
    let mut n_ticks = 0;
    for (mode, depth) in [
        (Mode::Standby, 4),
        (Mode::Manual, 3),
        (Mode::Autonomous, 4),
        (Mode::Override, 3),
        (Mode::SoftStop, 3),
        (Mode::EStop, 4),
    ] {
        explore(&Bench::in_mode(mode), Ghost::default(), depth, &mut n_ticks);
    }
    assert!(n_ticks > 500_000, "{n_ticks}");
}
