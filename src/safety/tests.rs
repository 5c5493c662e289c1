use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::msg::{BaseReport, Kinematics};

const TICK: Duration = Duration::from_millis(20);

fn omni() -> BaseReport {
    BaseReport {
        kinematics: Kinematics::Omni,
        limits: Twist::new(1.0, 1.0, 2.0),
        ..BaseReport::default()
    }
}

fn wish(wanted: Twist) -> Request {
    Request { wanted, valid_until: Stamp::MAX, ceiling_mps: 10.0, ..Request::default() }
}

/// A gate that has been sending `last` for a while.
fn cruising(limits: Limits, last: Twist) -> (Gate, Stamp) {
    let mut gate = Gate::new(limits);
    let mut now = Stamp::from_millis(1000);
    for _ in 0..100 {
        gate.check(&wish(last), &omni(), now);
        now = now + TICK;
    }
    (gate, now)
}

/// What the gate settles on when `request` is repeated.
fn settled(limits: Limits, base: &BaseReport, request: &Request) -> Checked {
    let mut gate = Gate::new(limits);
    let tick = |n: u64| gate.check(request, base, Stamp::from_millis(1000 + 20 * n));
    (0..200).map(tick).last().unwrap()
}

fn is_near(a: Twist, b: Twist) -> bool {
    let near = |a: f64, b: f64| (a - b).abs() < 1e-9;
    near(a.linear_x, b.linear_x) && near(a.linear_y, b.linear_y) && near(a.angular_z, b.angular_z)
}

#[test]
fn speed_limits_at_their_boundaries() {
    // A wish over a limit would reach the wheels, or one at the limit would be called limited.
    let limits = Limits::default();
    let small = BaseReport { limits: Twist::new(0.3, 0.1, 0.5), ..omni() };
    let car = BaseReport { kinematics: Kinematics::Differential, ..omni() };
    let mute = BaseReport { limits: Twist::ZERO, ..omni() };
    let broken = BaseReport { limits: Twist::new(f64::NAN, f64::NAN, f64::NAN), ..omni() };
    let t = Twist::new;
    for (base, wanted, sent, limiter) in [
        (omni(), t(0.5, 0.0, 0.0), t(0.5, 0.0, 0.0), Limiter::None),
        (omni(), t(0.500_001, 0.0, 0.0), t(0.5, 0.0, 0.0), Limiter::Speed),
        (omni(), t(-0.6, 0.0, 0.0), t(-0.5, 0.0, 0.0), Limiter::Speed),
        (omni(), t(0.0, 0.0, 1.0), t(0.0, 0.0, 1.0), Limiter::None),
        (omni(), t(0.0, 0.0, -2.0), t(0.0, 0.0, -1.0), Limiter::Speed),
        (omni(), t(0.6, 0.8, 0.5), t(0.3, 0.4, 0.25), Limiter::Speed),
        (omni(), t(0.4, 0.0, 2.0), t(0.2, 0.0, 1.0), Limiter::Speed),
        (small, t(0.3, 0.1, 0.5), t(0.3, 0.1, 0.5), Limiter::None),
        (small, t(0.2, 0.2, 0.0), t(0.1, 0.1, 0.0), Limiter::Speed),
        (car, t(0.2, 0.2, 0.1), t(0.2, 0.0, 0.1), Limiter::Kinematics),
        (mute, t(0.2, 0.2, 0.1), Twist::ZERO, Limiter::Kinematics),
        (broken, t(0.2, 0.2, 0.1), Twist::ZERO, Limiter::Kinematics),
        (omni(), t(1e308, 0.0, 0.0), t(0.5, 0.0, 0.0), Limiter::Speed),
        (omni(), Twist::ZERO, Twist::ZERO, Limiter::None),
    ] {
        let got = settled(limits, &base, &wish(wanted));
        assert!(is_near(got.twist.twist(), sent), "{wanted:?}: {got:?}");
        assert_eq!(got.limiter, limiter, "{wanted:?}");
        assert!(!got.not_finite);
    }
}

#[test]
fn the_ceiling_scales_every_axis() {
    // Turning the ceiling down would leave the robot fast, or bend its path.
    let t = Twist::new;
    for (ceiling_mps, wanted, sent, limiter) in [
        (0.25, t(0.5, 0.0, 0.5), t(0.25, 0.0, 0.25), Limiter::Ceiling),
        (0.25, t(0.25, 0.0, 0.5), t(0.25, 0.0, 0.5), Limiter::None),
        (0.25, t(0.1, 0.0, 1.0), t(0.05, 0.0, 0.5), Limiter::Ceiling),
        (0.0, t(0.4, 0.1, 0.5), Twist::ZERO, Limiter::Ceiling),
        (-1.0, t(0.4, 0.1, 0.5), Twist::ZERO, Limiter::Ceiling),
        (f64::NAN, t(0.4, 0.1, 0.5), Twist::ZERO, Limiter::Ceiling),
        (f64::INFINITY, t(0.5, 0.0, 1.0), t(0.5, 0.0, 1.0), Limiter::None),
        (0.25, t(2.0, 0.0, 0.0), t(0.25, 0.0, 0.0), Limiter::Speed),
    ] {
        let request = Request { ceiling_mps, ..wish(wanted) };
        let got = settled(Limits::default(), &omni(), &request);
        assert!(is_near(got.twist.twist(), sent), "{ceiling_mps}: {got:?}");
        assert_eq!(got.limiter, limiter, "{ceiling_mps}");
    }
}

#[test]
fn a_wish_counts_only_before_its_end() {
    // A control loop that stands still would keep the robot driving on its last wish.
    let wanted = Twist::new(0.3, 0.0, 0.0);
    for (early_ns, moves) in [(1, true), (0, false)] {
        let (mut gate, now) = cruising(Limits::default(), wanted);
        let request = Request { valid_until: Stamp(now.0 + early_ns), ..wish(wanted) };
        let got = gate.check(&request, &omni(), now);
        assert_eq!(got.limiter, if moves { Limiter::None } else { Limiter::Stale });
        assert_eq!(got.twist.twist() == wanted, moves);
    }
}

#[test]
fn ramps_by_hand_computed_steps() {
    // The robot would jump, or brake too late. 20 ms at 1 m/s² is 0.02 m/s; at 1.5 m/s² 0.03 m/s.
    let t = Twist::new;
    for (from, to, sent) in [
        (t(0.0, 0.0, 0.0), t(0.5, 0.0, 0.0), t(0.02, 0.0, 0.0)),
        (t(0.0, 0.0, 0.0), t(0.01, 0.0, 0.0), t(0.01, 0.0, 0.0)),
        (t(0.5, 0.0, 0.0), t(0.0, 0.0, 0.0), t(0.47, 0.0, 0.0)),
        (t(0.3, 0.4, 0.0), t(0.0, 0.0, 0.0), t(0.282, 0.376, 0.0)),
        (t(0.0, 0.0, 1.0), t(0.0, 0.0, 0.0), t(0.0, 0.0, 0.92)),
        (t(0.0, 0.0, 0.0), t(0.0, 0.0, -1.0), t(0.0, 0.0, -0.06)),
        // Through rest: 10 ms of braking from 0.015, then 10 ms of acceleration.
        (t(0.015, 0.0, 0.0), t(-0.5, 0.0, 0.0), t(-0.01, 0.0, 0.0)),
        // Sideways at full speed is neither braked nor stopped first: the chord shrinks, then
        // grows.
        (
            t(0.3, 0.0, 0.0),
            t(0.0, 0.3, 0.0),
            t(0.3 - 0.03 * 0.5_f64.sqrt(), 0.03 * 0.5_f64.sqrt(), 0.0),
        ),
    ] {
        let (mut gate, now) = cruising(Limits::default(), from);
        let got = gate.check(&wish(to), &omni(), now);
        assert!(is_near(got.twist.twist(), sent), "{from:?} -> {to:?}: {got:?}");
        let is_there = sent == to;
        assert_eq!(got.limiter, if is_there { Limiter::None } else { Limiter::Rate });
    }
}

#[test]
fn a_late_tick_brakes_in_full_and_accelerates_by_two_ticks_at_most() {
    // After a pause of the loop the robot would jump ahead, or take its time to brake.
    let fast = Twist::new(0.5, 0.0, 0.0);
    for (gap_ms, sent) in [(20, 0.02), (40, 0.04), (41, 0.04), (10_000, 0.04)] {
        let (mut gate, now) = cruising(Limits::default(), Twist::ZERO);
        let late = now + Duration::from_millis(gap_ms) - TICK;
        let got = gate.check(&wish(fast), &omni(), late).twist.twist();
        assert!(is_near(got, Twist::new(sent, 0.0, 0.0)), "{gap_ms}: {got:?}");
    }
    let (mut gate, now) = cruising(Limits::default(), fast);
    let got = gate.check(&wish(Twist::ZERO), &omni(), now + Duration::from_millis(180));
    assert!(is_near(got.twist.twist(), Twist::new(0.2, 0.0, 0.0)), "{got:?}");
}

#[test]
fn the_first_check_and_a_clock_that_stands_do_not_move() {
    // The first tick after start would carry a step of unknown length.
    let mut gate = Gate::new(Limits::default());
    for _ in 0..3 {
        let got = gate.check(&wish(Twist::new(0.5, 0.0, 0.0)), &omni(), Stamp::from_millis(5));
        assert!(got.twist.twist().is_zero());
    }
}

#[test]
fn a_non_finite_axis_stops_everything_at_once() {
    // NaN on one axis would pass through comparisons, or leave the other axes moving.
    let good = Twist::new(0.3, 0.1, 0.2);
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        for wanted in [
            Twist { linear_x: bad, ..good },
            Twist { linear_y: bad, ..good },
            Twist { angular_z: bad, ..good },
        ] {
            let (mut gate, now) = cruising(Limits::default(), good);
            let got = gate.check(&wish(wanted), &omni(), now);
            let zero =
                Checked { twist: SafeTwist::ZERO, limiter: Limiter::NotFinite, not_finite: true };
            assert_eq!(got, zero);
            let next = gate.check(&wish(good), &omni(), now + TICK);
            assert!(!next.not_finite && next.twist.twist().speed_mps() < 0.03, "starts from rest");
        }
    }
}

#[test]
fn zero_now_skips_the_ramp() {
    // An immediate fault would leave the robot rolling for a third of a second.
    let (mut gate, now) = cruising(Limits::default(), Twist::new(0.5, 0.0, 1.0));
    let request = Request { zero_now: true, ..wish(Twist::new(0.5, 0.0, 1.0)) };
    let got = gate.check(&request, &omni(), now);
    assert_eq!(got, Checked::default());
}

#[test]
fn the_latch_is_left_by_reset_alone() {
    // A supervisor that forgot its e-stop, or asked for both at once, would drive on.
    let moving = wish(Twist::new(0.5, 0.0, 0.0));
    let (mut gate, mut now) = cruising(Limits::default(), moving.wanted);
    let mut check = |request: Request| {
        now = now + TICK;
        let got = gate.check(&request, &omni(), now);
        (got.twist.twist().is_zero(), got.limiter, gate.is_latched())
    };
    let held = (true, Limiter::EStop, true);
    assert_eq!(check(Request { e_stop: true, ..moving }), held);
    assert_eq!(check(moving), held);
    assert_eq!(check(Request { e_stop: true, reset: true, ..moving }), held);
    assert_eq!(check(Request { zero_now: true, ..moving }), held);
    assert_eq!(
        check(Request { reset: true, zero_now: true, ..moving }),
        (true, Limiter::None, false)
    );
    assert_eq!(check(moving), (false, Limiter::Rate, false));
}

#[test]
fn a_latched_base_gets_zeros_and_then_a_ramp_from_rest() {
    // While the base ignores commands the ramp would climb; its unlatching would then be a jump.
    let moving = wish(Twist::new(0.5, 0.0, 0.0));
    let (mut gate, now) = cruising(Limits::default(), moving.wanted);
    let latched = BaseReport { base_latched: true, ..omni() };
    assert_eq!(gate.check(&moving, &latched, now).limiter, Limiter::EStop);
    let got = gate.check(&moving, &omni(), now + TICK).twist.twist();
    assert!(is_near(got, Twist::new(0.02, 0.0, 0.0)), "{got:?}");
}

#[test]
fn a_smaller_base_on_the_same_line_is_never_overdriven() {
    // The ramp from the old base's speed would exceed what the new one can take.
    let (mut gate, now) = cruising(Limits::default(), Twist::new(0.3, 0.4, 1.0));
    let small = BaseReport {
        kinematics: Kinematics::Differential,
        limits: Twist::new(0.1, 0.0, 0.2),
        ..BaseReport::default()
    };
    let got = gate.check(&wish(Twist::new(0.3, 0.4, 1.0)), &small, now).twist.twist();
    assert!(got.linear_x <= 0.1 + 1e-9 && got.linear_y == 0.0 && got.angular_z <= 0.2 + 1e-9);
}

#[test]
fn limits_that_are_no_limits_deny() {
    // A garbled configuration would mean "no limit" to a comparison with NaN.
    let t = Twist::new(0.3, 0.0, 0.3);
    for broken in [f64::NAN, -1.0, 0.0] {
        for limits in [
            Limits { linear_mps: broken, angular_rps: broken, ..Limits::default() },
            Limits { linear_accel_mps2: broken, angular_accel_rps2: broken, ..Limits::default() },
        ] {
            let got = settled(limits, &omni(), &wish(t));
            assert!(got.twist.twist().is_zero(), "{limits:?}: {got:?}");
        }
        let limits =
            Limits { linear_decel_mps2: broken, angular_decel_rps2: broken, ..Limits::default() };
        let (mut gate, now) = cruising(limits, t);
        assert!(gate.check(&wish(Twist::ZERO), &omni(), now).twist.twist().is_zero());
    }
    let endless = Limits { linear_accel_mps2: f64::INFINITY, ..Limits::default() };
    assert!(settled(endless, &omni(), &wish(Twist::new(0.3, 0.0, 0.0))).twist.twist().is_zero());
}

fn any_number() -> impl Strategy<Value = f64> {
    prop_oneof![
        8 => -1.5..1.5_f64,
        2 => Just(0.0),
        1 => prop_oneof![
            Just(f64::NAN), Just(f64::INFINITY), Just(-1e300), Just(-0.0), Just(1e-310)
        ],
    ]
}

fn any_twist() -> impl Strategy<Value = Twist> {
    (any_number(), any_number(), any_number()).prop_map(|(x, y, yaw)| Twist::new(x, y, yaw))
}

prop_compose! {
    fn any_check()(
        wanted in any_twist(),
        ceiling_mps in any_number(),
        valid_ms in 0_u64..60,
        gap_ms in prop_oneof![Just(20_u64), 0_u64..300],
        flags in prop::array::uniform4(0_u8..12),
        base_limits in prop_oneof![3 => Just(Twist::new(1.0, 1.0, 2.0)), 1 => any_twist()],
    ) -> (Request, BaseReport, u64, u64) {
        let [zero_now, e_stop, reset, is_car] = flags.map(|flag| flag == 0);
        let kinematics = if is_car { Kinematics::Differential } else { Kinematics::Omni };
        let valid_until = Stamp::ZERO;
        let request = Request { wanted, valid_until, ceiling_mps, zero_now, e_stop, reset };
        (request, BaseReport { kinematics, limits: base_limits, ..omni() }, gap_ms, valid_ms)
    }
}

proptest! {
    #[test]
    fn whatever_is_asked_the_output_is_within_every_limit(
        checks in prop::collection::vec(any_check(), 1..60),
    ) {
        // Some odd sequence would let a speed, a jump, a NaN or a latched motion through.
        let limits = Limits::default();
        let mut gate = Gate::new(limits);
        let (mut now, mut last, mut last_base) = (Stamp::from_millis(1000), Twist::ZERO, omni());
        for (n, (mut request, base, gap_ms, valid_ms)) in checks.into_iter().enumerate() {
            now = now + Duration::from_millis(gap_ms);
            request.valid_until = now + Duration::from_millis(valid_ms);
            let got = gate.check(&request, &base, now);
            let sent = got.twist.twist();

            prop_assert!(sent.is_finite());
            prop_assert!(sent.speed_mps() <= limits.linear_mps + 1e-9);
            prop_assert!(sent.angular_z.abs() <= limits.angular_rps + 1e-9);
            let within = |value: f64, cap: f64| value == 0.0 || value.abs() <= cap + 1e-9;
            prop_assert!(within(sent.linear_x, base.limits.linear_x));
            prop_assert!(within(sent.linear_y, base.limits.linear_y));
            prop_assert!(within(sent.angular_z, base.limits.angular_z));
            prop_assert!(base.kinematics == Kinematics::Omni || sent.linear_y == 0.0);

            prop_assert_eq!(got.not_finite, !request.wanted.is_finite());
            if gate.is_latched() || request.zero_now || got.not_finite {
                prop_assert!(sent.is_zero());
            }
            prop_assert!(!request.e_stop || gate.is_latched());

            let first = n == 0;
            let span_s = if first { 0.0 } else { gap_ms as f64 / 1000.0 };
            let growth = sent.speed_mps() - last.speed_mps();
            prop_assert!(growth <= limits.linear_accel_mps2 * span_s.min(0.04) + 1e-9);
            let yaw_growth = sent.angular_z.abs() - last.angular_z.abs();
            prop_assert!(yaw_growth <= limits.angular_accel_rps2 * span_s.min(0.04) + 1e-9);
            let is_ramped = !sent.is_zero() && base.limits == last_base.limits
                && base.kinematics == last_base.kinematics;
            if is_ramped {
                let jump = (sent.linear_x - last.linear_x).hypot(sent.linear_y - last.linear_y);
                prop_assert!(jump <= limits.linear_decel_mps2 * span_s + 1e-9, "{last:?} {sent:?}");
            }
            (last, last_base) = (sent, base);
        }
    }

    #[test]
    fn zero_and_slowing_always_pass(
        from in any_twist(), factor in 0.0..1.0_f64, stale in any::<bool>(),
    ) {
        // Some rule would stand in the way of braking.
        let (mut gate, mut now) = cruising(Limits::default(), from);
        let mut last = gate.check(&wish(from), &omni(), now).twist.twist();
        let slower = last.scaled(factor);
        let valid_until = if stale { now } else { Stamp::MAX };
        let request = Request { valid_until, ..wish(slower) };
        let target = if stale { Twist::ZERO } else { slower };
        // 0.5 m/s at 1.5 m/s² and 1 rad/s at 4 rad/s² are over in 17 ticks.
        for _ in 0..17 {
            now = now + TICK;
            let sent = gate.check(&request, &omni(), now).twist.twist();
            prop_assert!(sent.speed_mps() <= last.speed_mps() + 1e-12);
            prop_assert!(sent.angular_z.abs() <= last.angular_z.abs() + 1e-12);
            let turn = sent.linear_x * last.linear_y - sent.linear_y * last.linear_x;
            prop_assert!(turn.abs() < 1e-12, "braking keeps the direction");
            last = sent;
        }
        prop_assert!(is_near(last, target), "{last:?} is not {target:?}");
    }
}
