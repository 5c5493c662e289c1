//! Facts become faults: the thresholds of every rule that can be judged from this tick alone.

use std::time::Duration;

use crate::msg::{
    BaseReport, CameraFacts, Fault, FaultSet, Kinematics, LinkState, OperatorInput, PolicyFacts,
    Readiness, Severity, Stamp, StopState,
};

/// Over this age a picture is late, shown, and slows manual driving: 5 frames of a 30/s camera.
const FRAME_LATE: Duration = Duration::from_millis(150);
/// Over this age autonomy ends: 10 frames of a 30/s camera (openpilot's rule of ten periods).
const FRAME_STALE: Duration = Duration::from_millis(300);
const CAMERA_RATE_MIN: f64 = 0.9;
const CAMERA_DROPPED_MAX: f64 = 0.2;
/// A base that sent nothing valid for this long is not there.
const BASE_SILENT: Duration = Duration::from_millis(300);
const BASE_BLOCKED: Duration = Duration::from_millis(100);
const STOP_UNCONFIRMED: Duration = Duration::from_millis(200);
const WATCHDOG_WARN: Duration = Duration::from_millis(200);
/// The operator's state is made anew every tick. One this old comes from an input thread that
/// hangs: nobody could take over or stop the robot.
const OPERATOR_SILENT: Duration = Duration::from_millis(500);
const BATTERY_LOW: f64 = 0.2;
const TICK_GAP: Duration = Duration::from_millis(200);
/// Half a period.
const TICK_LATE: Duration = Duration::from_millis(10);
/// The two clocks of a machine that is awake differ by microseconds.
const SUSPENDED: Duration = Duration::from_millis(100);
/// An inference that runs this long will not come: the slots it would fill are over.
const INFERENCE_MAX: Duration = Duration::from_secs(1);

/// Every reason, at once, why autonomy may not start; empty is green. Judges facts only; what the
/// supervisor remembers (a frozen picture, low confidence, a chunk that was not finite) it adds
/// itself.
#[must_use]
pub fn preflight(
    now: Stamp,
    operator: &OperatorInput,
    base: &BaseReport,
    readiness: &Readiness,
) -> FaultSet {
    let mut reasons = observe(now, operator, base, readiness).at_least(Severity::Refuse);
    reasons.set(Fault::ChunkStale, inference_hangs(now, &readiness.policy));
    reasons.set(Fault::InputsNotNeutral, !operator.neutral);
    reasons
}

/// Every fault that shows in this tick's facts.
pub(super) fn observe(
    now: Stamp,
    operator: &OperatorInput,
    base: &BaseReport,
    readiness: &Readiness,
) -> FaultSet {
    let mut faults = of_base(now, base)
        .union(of_camera(now, &readiness.camera))
        .union(of_policy(&readiness.policy, base));
    let is_silent = now.since(operator.stamp) > OPERATOR_SILENT;
    faults.set(Fault::TerminalLost, !operator.present || is_silent);
    faults.set(Fault::TickGap, readiness.tick_gap > TICK_GAP);
    faults.set(Fault::Suspended, readiness.suspended > SUSPENDED);
    faults.set(Fault::TickLate, readiness.tick_late > TICK_LATE);
    faults
}

fn of_base(now: Stamp, base: &BaseReport) -> FaultSet {
    let older = |since: Stamp, span| now.since(since) > span;
    let mut faults = FaultSet::EMPTY;
    faults.set(
        Fault::StopNotConfirmed,
        matches!(base.stop, StopState::Pending { since, .. } if older(since, STOP_UNCONFIRMED)),
    );
    faults.set(Fault::BaseBlocked, base.blocked_since.is_some_and(|at| older(at, BASE_BLOCKED)));
    if base.link != LinkState::Up {
        // What a base said before its line went down is no fact any more.
        faults.insert(Fault::BaseDown);
        return faults;
    }
    faults.set(Fault::BaseSilent, base.last_rx.is_none_or(|at| older(at, BASE_SILENT)));
    faults.set(Fault::BaseFault, base.fault_bits != 0);
    faults.set(
        Fault::BatteryLow,
        base.battery.is_some_and(|battery| !is_at_least(battery.charge, BATTERY_LOW)),
    );
    faults.set(Fault::WatchdogLong, base.watchdog > WATCHDOG_WARN);
    faults.set(Fault::WatchdogSlow, base.self_stop().is_none());
    faults
}

fn of_camera(now: Stamp, camera: &CameraFacts) -> FaultSet {
    let age_over = |span| {
        !camera.connected || camera.newest.is_none_or(|(_, captured)| now.since(captured) > span)
    };
    let mut faults = FaultSet::EMPTY;
    faults.set(Fault::FrameLate, age_over(FRAME_LATE));
    faults.set(Fault::FrameStale, age_over(FRAME_STALE));
    let promises_rate = camera.rate_nominal > 0.0;
    let rate_is_good = is_at_least(camera.rate_seen, CAMERA_RATE_MIN * camera.rate_nominal);
    faults.set(Fault::CameraSlow, promises_rate && !rate_is_good);
    faults.set(Fault::CameraDropping, !is_at_least(CAMERA_DROPPED_MAX, camera.dropped));
    faults
}

fn of_policy(policy: &PolicyFacts, base: &BaseReport) -> FaultSet {
    let mut faults = FaultSet::EMPTY;
    faults.set(Fault::PolicyNotFinite, policy.not_finite);
    faults.set(Fault::PolicyFailed, policy.failed);
    faults.set(Fault::NoPolicy, !policy.ready);
    faults.set(Fault::NoInstruction, policy.ready && !policy.instruction_ok);
    let needs_more =
        policy.kinematics == Kinematics::Omni && base.kinematics == Kinematics::Differential;
    faults.set(Fault::KinematicsMismatch, policy.ready && base.link == LinkState::Up && needs_more);
    faults
}

/// True when the policy cannot be counted on for another chunk.
pub(super) fn inference_hangs(now: Stamp, policy: &PolicyFacts) -> bool {
    policy.busy_since.is_some_and(|since| now.since(since) > INFERENCE_MAX)
}

/// False where either is not a number: such a fact counts as a bad one.
fn is_at_least(value: f64, least: f64) -> bool {
    value >= least
}
