//! Random stories through teleop, supervisor and gate: what must hold whatever happens.

use std::time::Duration;

use pilothouse::msg::{Authority, InputMode, LinkState, Mode, Tick};
use pilothouse::safety::Limits;
use proptest::prelude::*;

use crate::rig::{self, Act, BaseAct, CameraAct, PERIOD, Plan, PolicyAct, Rig, TerminalAct};

fn any_act() -> impl Strategy<Value = Act> {
    let key = prop::sample::select(vec!["w", "s", "a", "d", "q", "r", "t"]).prop_map(str::to_owned);
    let command =
        prop::sample::select(vec!["space", "m", "u", "u", "g", "f"]).prop_map(str::to_owned);
    let camera =
        [CameraAct::Run, CameraAct::Run, CameraAct::Stall, CameraAct::Freeze, CameraAct::Unplug];
    let policy = [
        PolicyAct::Run,
        PolicyAct::Run,
        PolicyAct::Run,
        PolicyAct::Stall,
        PolicyAct::Nan,
        PolicyAct::NanChunk,
        PolicyAct::Fail,
        PolicyAct::Unload,
    ];
    let base = [
        BaseAct::Run,
        BaseAct::Run,
        BaseAct::Unplug,
        BaseAct::Plug,
        BaseAct::Plug,
        BaseAct::Mute,
        BaseAct::Block,
        BaseAct::Deaf,
        BaseAct::Fault,
        BaseAct::Latch,
        BaseAct::Restart,
        BaseAct::Lazy,
    ];
    let terminal = [TerminalAct::Thaw, TerminalAct::Thaw, TerminalAct::Freeze];
    let twist = prop::array::uniform3(-1.5..1.5_f64);
    let plan = (twist, 1_usize..32, 0_u64..400, 10_u64..120, 0.0..1.0_f64).prop_map(
        |(twist, slots, inference_ms, slot_ms, confidence)| {
            Act::Plan(Plan {
                twist,
                slots,
                slot_ms,
                inference_ms,
                confidence,
                confidence_min: 0.2,
                ..Plan::default()
            })
        },
    );
    prop_oneof![
        4 => key.clone().prop_map(Act::Press),
        4 => key.clone().prop_map(Act::Release),
        1 => key.prop_map(Act::Repeat),
        2 => command.prop_map(Act::Tap),
        5 => Just(Act::Tap("enter".to_owned())),
        1 => Just(Act::Tap("x".to_owned())),
        2 => prop::sample::select(camera.to_vec()).prop_map(Act::Camera),
        2 => prop::sample::select(policy.to_vec()).prop_map(Act::Policy),
        2 => prop::sample::select(base.to_vec()).prop_map(Act::Base),
        1 => prop::sample::select(terminal.to_vec()).prop_map(Act::Terminal),
        3 => plan,
        1 => (0_u64..1000).prop_map(Act::PausedMs),
        1 => (0_u64..1000).prop_map(Act::SuspendedMs),
    ]
}

fn check(before: &Tick, tick: &Tick, since_source: Duration) {
    let limits = Limits::default();
    let (sent, last) = (tick.sent, before.sent);
    let span_s = tick.now.since(before.now).as_secs_f64();
    assert!(sent.is_finite());
    assert!(sent.speed_mps() <= limits.linear_mps + 1e-9);
    assert!(sent.angular_z.abs() <= limits.angular_rps + 1e-9);
    let growth_s = span_s.min(0.04);
    assert!(sent.speed_mps() - last.speed_mps() <= limits.linear_accel_mps2 * growth_s + 1e-9);
    let yaw_growth = sent.angular_z.abs() - last.angular_z.abs();
    assert!(yaw_growth <= limits.angular_accel_rps2 * growth_s + 1e-9);
    let stands = matches!(tick.mode, Mode::Standby | Mode::EStop);
    if stands || tick.base.base_latched {
        assert!(sent.is_zero(), "{tick:?}");
    } else {
        let jump = (sent.linear_x - last.linear_x).hypot(sent.linear_y - last.linear_y);
        assert!(jump <= limits.linear_decel_mps2 * span_s + 1e-9, "{last:?} {sent:?}");
    }
    if tick.base.link != LinkState::Up || !tick.operator.present {
        assert!(stands);
    }
    if since_source > Duration::from_millis(360) {
        assert!(sent.is_zero(), "no source, and the ramp is over: {tick:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]
    #[test]
    fn no_story_breaks_the_rules_and_each_replays(
        mode in prop::sample::select(vec![InputMode::Hold, InputMode::Nudge]),
        story in prop::collection::vec((any_act(), 1_usize..40), 1..40),
    ) {
        // Some order of keys and mishaps would move the robot without a right to, too fast, or not
        // twice the same way.
        let mut rig = Rig::new(mode);
        let mut ticks: Vec<Tick> = Vec::new();
        let mut source_at = rig.now;
        for (act, n_ticks) in story {
            rig.act(&act);
            for _ in 0..n_ticks {
                let before = rig.last;
                let tick = rig.tick();
                if matches!(tick.authority, Authority::Operator | Authority::Policy) {
                    source_at = tick.now;
                }
                if before.number > 0 {
                    check(&before, &tick, tick.now.since(source_at));
                }
                ticks.push(tick);
            }
        }
        rig::assert_replays(&ticks);
    }

    #[test]
    fn a_press_of_e_stop_is_the_next_tick_from_anywhere(
        story in prop::collection::vec((any_act(), 1_usize..40), 0..20),
    ) {
        // Somewhere in the modes the e-stop key would come late, or be ramped.
        let mut rig = Rig::new(InputMode::Hold);
        rig.ticks(1);
        for (act, n_ticks) in story {
            rig.act(&act);
            rig.ticks(n_ticks);
        }
        rig.act(&Act::Terminal(TerminalAct::Thaw));
        rig.act(&Act::Tap("x".to_owned()));
        let tick = rig.tick();
        prop_assert_eq!(tick.mode, Mode::EStop);
        prop_assert!(tick.sent.is_zero());
    }

    #[test]
    fn a_press_of_a_drive_key_is_the_next_tick_in_autonomy(
        n_ticks in 1_usize..100, key in prop::sample::select(vec!["w", "a", "s", "d", "r"]),
    ) {
        // Somewhere in a chunk the operator would have to wait for the policy.
        let mut rig = Rig::new(InputMode::Hold);
        rig.ticks(10);
        rig.act(&Act::Tap("enter".to_owned()));
        rig.ticks(n_ticks);
        prop_assert_eq!(rig.last.mode, Mode::Autonomous);
        rig.act(&Act::Press(key.to_owned()));
        let pressed_at = rig.now + PERIOD;
        let tick = rig.tick();
        prop_assert_eq!(tick.now, pressed_at);
        prop_assert_eq!((tick.mode, tick.authority), (Mode::Override, Authority::Operator));
    }
}
