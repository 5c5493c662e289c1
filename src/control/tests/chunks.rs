use std::time::Duration;

use super::bench::{Bench, FORWARD, PLAN, TICK, chunk};
use crate::control::playback::{Offered, Playback};
use crate::msg::{Authority, Fault, Mode, Stamp, Twist};

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn x(speed: f64) -> Twist {
    Twist::new(speed, 0.0, 0.0)
}

fn said(playback: &Playback, at_ms: u64) -> Option<f64> {
    playback.at(Stamp::from_millis(at_ms)).map(|(twist, _)| twist.linear_x)
}

fn is_near(got: Option<f64>, wanted: Option<f64>) -> bool {
    match (got, wanted) {
        (Some(got), Some(wanted)) => (got - wanted).abs() < 1e-9,
        _ => got == wanted,
    }
}

#[test]
fn slots_are_read_at_their_time() {
    // The robot would act on what was meant for another moment, or past the end of the plan.
    let mut playback = Playback::default();
    let plan = chunk(0, Stamp::from_millis(1000), &[x(0.1), x(0.2), x(0.4)]);
    playback.offer(&plan, 0, Stamp::from_millis(1000));
    for (at_ms, wanted) in [
        (999, None),
        (1000, Some(0.1)),
        (1025, Some(0.15)),
        (1050, Some(0.2)),
        (1075, Some(0.3)),
        (1100, Some(0.4)),
        (1149, Some(0.4)),
        (1150, None),
        (9999, None),
    ] {
        assert!(is_near(said(&playback, at_ms), wanted), "{at_ms}: {:?}", said(&playback, at_ms));
    }
}

#[test]
fn the_plan_ends_at_its_end_or_the_horizon() {
    // A long chunk would be played open loop for longer than its policy vouches for.
    let start = Stamp::from_millis(1000);
    for (n_slots, horizon, slot, end_ms) in [
        (10, 300, 50, 1300),
        (4, 300, 50, 1200),
        (10, 0, 50, 1000),
        (0, 300, 50, 1000),
        (10, 300, 0, 1000),
        (1, 300, 100, 1100),
    ] {
        let mut plan = chunk(0, start, &vec![x(0.3); n_slots]);
        (plan.horizon, plan.slot) = (ms(horizon), ms(slot));
        let mut playback = Playback::default();
        playback.offer(&plan, 0, start);
        assert_eq!(said(&playback, end_ms), None);
        if end_ms > 1000 {
            assert_eq!(said(&playback, end_ms - 1), Some(0.3), "{n_slots} {horizon} {slot}");
            let (_, until) = playback.at(start).unwrap();
            assert_eq!(until, Stamp::from_millis(end_ms));
        }
    }
}

#[test]
fn only_a_newer_picture_of_this_epoch_replaces_a_chunk() {
    // An overtaken answer, one from before the request, or one from the future would steer.
    let now = Stamp::from_millis(1100);
    let playing = chunk(3, Stamp::from_millis(1050), &[x(0.1); 10]);
    for (epoch, captured_ms, is_taken) in [
        (3, 1051, true),
        (3, 1100, true),
        (3, 1101, false),
        (3, 1050, false),
        (3, 1049, false),
        (2, 1060, false),
        (4, 1060, false),
    ] {
        let mut playback = Playback::default();
        playback.offer(&playing, 3, now);
        let other = chunk(epoch, Stamp::from_millis(captured_ms), &[x(0.4); 10]);
        assert_eq!(playback.offer(&other, 3, now), Offered::Fine);
        let got = playback.chunk().unwrap().captured;
        let wanted = if is_taken { captured_ms } else { 1050 };
        assert_eq!(got, Stamp::from_millis(wanted), "{epoch} {captured_ms}");
    }
}

#[test]
fn nothing_that_is_not_a_number_is_played() {
    // One NaN slot in the far future of a chunk would be met when it comes up.
    let now = Stamp::from_millis(1000);
    for bad in [f64::NAN, f64::INFINITY] {
        for slot in
            [Twist::new(bad, 0.0, 0.0), Twist::new(0.0, bad, 0.0), Twist::new(0.0, 0.0, bad)]
        {
            let mut playback = Playback::default();
            let plan = chunk(0, now, &[PLAN, PLAN, slot]);
            assert_eq!(playback.offer(&plan, 0, now), Offered::NotFinite);
            assert_eq!(playback.at(now), None);
        }
        let mut unsure = chunk(0, now, &[PLAN]);
        unsure.confidence = bad;
        assert_eq!(Playback::default().offer(&unsure, 0, now), Offered::NotFinite);
    }
}

#[test]
fn a_new_chunk_fades_in_from_the_same_moment_of_the_old_one() {
    // The command would jump at every chunk border, or go back in time.
    let mut playback = Playback::default();
    // The old plan rises by 0.1 a slot; the new one stands at zero.
    let old: Vec<Twist> = (0..10).map(|n| x(0.1 * f64::from(n))).collect();
    playback.offer(&chunk(0, Stamp::from_millis(1000), &old), 0, Stamp::from_millis(1000));
    playback.offer(&chunk(0, Stamp::from_millis(1060), &[x(0.0); 10]), 0, Stamp::from_millis(1100));
    // Old plan at 1100: 0.2, at 1150: 0.3; weights 1, 0.5, 0.
    for (at_ms, wanted) in [(1100, 0.2), (1150, 0.15), (1199, 0.003_98), (1200, 0.0), (1300, 0.0)] {
        let got = said(&playback, at_ms);
        assert!(is_near(got, Some(wanted)), "{at_ms}: {got:?}");
    }
}

#[test]
fn chunks_faster_than_the_fade_do_not_jump() {
    // With a policy at 50 Hz every tick would start a fade anew, and jump at each.
    let mut playback = Playback::default();
    let mut last: Option<f64> = None;
    for n in 0..100_u64 {
        let now = Stamp::from_millis(1000 + 20 * n);
        let level = if n % 2 == 0 { 0.4 } else { -0.4 };
        playback.offer(&chunk(0, now, &[x(level); 10]), 0, now);
        let got = said(&playback, 1000 + 20 * n).unwrap();
        // A step of a fifth of the way between the extremes, and what the old fade moved in the
        // same time.
        assert!(
            last.is_none_or(|last| (got - last).abs() <= 0.8 * 0.2 + 1e-9),
            "{n}: {last:?} {got}"
        );
        assert!(got.abs() <= 0.4 + 1e-12, "between the two");
        last = Some(got);
    }
}

#[test]
fn after_the_end_of_a_plan_nothing_is_left_to_fade_from() {
    // A long silence would end in motion that was meant for seconds ago.
    let mut playback = Playback::default();
    playback.offer(&chunk(0, Stamp::from_millis(1000), &[x(0.4); 2]), 0, Stamp::from_millis(1000));
    playback.offer(&chunk(0, Stamp::from_millis(2000), &[x(0.1); 9]), 0, Stamp::from_millis(2000));
    assert!(is_near(said(&playback, 2000), Some(0.1)));
}

#[test]
fn a_chunk_that_comes_late_starts_in_its_middle() {
    // Slots that are over would be replayed, and the robot would lag behind its plan.
    let mut bench = Bench::new();
    bench.plan = None;
    bench.engage();
    let captured = bench.now;
    bench.ticks(4);
    bench.chunk = Some(chunk(1, captured, &[x(0.1), x(0.2), x(0.3), x(0.4)]));
    assert_eq!(bench.tick().wanted, x(0.3), "100 ms after its picture");
}

#[test]
fn autonomy_waits_for_its_first_chunk_with_zeros_and_not_for_ever() {
    // Old intent would move the robot at once; or a dead policy would leave it armed for ever.
    let mut bench = Bench::new();
    let stale = bench.chunk;
    bench.plan = None;
    let decision = bench.engage();
    assert_eq!((decision.mode, decision.epoch), (Mode::Autonomous, 1));
    let since = bench.now;
    loop {
        let decision = bench.tick_with(|b| {
            let captured = b.now;
            b.chunk = stale.map(|mut chunk| {
                chunk.captured = captured;
                chunk
            });
        });
        assert_eq!((decision.wanted, decision.policy_twist), (Twist::ZERO, None));
        if decision.mode != Mode::Autonomous {
            assert_eq!(decision.mode, Mode::Standby);
            assert!(decision.faults.contains(Fault::NoFreshChunk));
            assert!(decision.refused.contains(Fault::NoFreshChunk));
            break;
        }
        assert_eq!(decision.authority, Authority::Nobody);
    }
    assert_eq!(bench.now.since(since), ms(2020));
    assert!(bench.tick().refused.contains(Fault::NoFreshChunk), "kept");
}

#[test]
fn only_chunks_of_the_new_epoch_drive_after_reengaging() {
    // What the policy wanted before the takeover would be carried out after it.
    let mut bench = Bench::in_mode(Mode::Override);
    bench.let_go();
    bench.plan = None;
    let before = bench.chunk;
    let decision = bench.engage();
    assert_eq!(
        (decision.mode, decision.epoch, decision.wanted),
        (Mode::Autonomous, 2, Twist::ZERO)
    );
    bench.chunk = before;
    assert_eq!(bench.ticks(3).wanted, Twist::ZERO);
    bench.plan = Some(x(0.3));
    assert_eq!(bench.tick().wanted, x(0.3), "no trace of the old plan");
}

#[test]
fn a_plan_that_runs_out_ramps_down_and_a_new_one_in_time_goes_on() {
    // A policy that stalls would leave the robot driving, or stop it for good after a hiccup.
    let mut bench = Bench::in_mode(Mode::Autonomous);
    bench.plan = None;
    let end = bench.chunk.unwrap().captured + ms(500);
    while bench.now + TICK < end {
        assert_eq!(bench.tick().wanted, PLAN);
    }
    let decision = bench.tick();
    assert_eq!((decision.mode, decision.wanted), (Mode::SoftStop, Twist::ZERO));
    assert!(decision.faults.contains(Fault::ChunkStale));
    let mut recovers = bench.clone();
    recovers.plan = Some(PLAN);
    assert_eq!(recovers.tick().mode, Mode::Autonomous);
    assert_eq!(bench.ticks(20).mode, Mode::Standby);
    bench.plan = Some(PLAN);
    assert_eq!(bench.ticks(100).mode, Mode::Standby, "never back by itself");
}

#[test]
fn a_wish_of_the_policy_ends_with_its_plan() {
    // The gate's own freshness rule would have nothing to go by.
    let mut bench = Bench::in_mode(Mode::Autonomous);
    bench.plan = None;
    let end = bench.chunk.unwrap().captured + ms(500);
    let mut decision = bench.tick();
    while decision.mode == Mode::Autonomous {
        assert_eq!(decision.valid_until, end.min(bench.now + ms(100)));
        decision = bench.tick();
    }
}

#[test]
fn a_policy_that_answers_nan_stops_the_robot_until_it_answers_numbers() {
    // Made-up or old motion would take the place of a broken answer.
    let mut bench = Bench::in_mode(Mode::Autonomous);
    let nan = Twist::new(f64::NAN, 0.0, 0.0);
    bench.plan = Some(nan);
    let decision = bench.tick();
    assert_eq!((decision.mode, decision.zero_now), (Mode::Standby, true));
    assert!(bench.engage().refused.contains(Fault::PolicyNotFinite));
    bench.plan = Some(PLAN);
    assert_eq!(bench.engage().mode, Mode::Autonomous);
    assert_eq!(bench.drive(FORWARD).mode, Mode::Override);
}
