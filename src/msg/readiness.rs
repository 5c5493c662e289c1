use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Kinematics, Stamp};

/// What the camera loop knows, for freshness rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CameraFacts {
    /// The newest frame's number and capture time; `None` before the first.
    pub newest: Option<(u64, Stamp)>,
    /// When the content last changed; a frozen camera repeats itself with fresh numbers.
    pub changed: Option<Stamp>,
    /// Frames per second the camera promised; zero when it promises none (an image folder).
    pub rate_nominal: f64,
    /// Frames per second over the last second.
    pub rate_seen: f64,
    /// Share of frames missing over the last second, 0..=1.
    pub dropped: f64,
    pub connected: bool,
}

/// What the policy loop knows.
#[expect(clippy::struct_excessive_bools, reason = "independent facts, each judged by itself")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PolicyFacts {
    /// Loaded and warmed up.
    pub ready: bool,
    /// The instruction in force is one it accepts.
    pub instruction_ok: bool,
    /// Axes the policy needs.
    pub kinematics: Kinematics,
    /// Confidence under this for 0.5 s is a soft fault; 0 makes confidence advisory.
    pub confidence_min: f64,
    /// The last inference failed.
    pub failed: bool,
    /// The last answer held a non-finite number.
    pub not_finite: bool,
    /// Since when an inference has been running, if one is.
    pub busy_since: Option<Stamp>,
    pub last_inference: Option<Duration>,
}

/// The facts preflight judges, gathered by the loops; [`crate::control`] turns them into faults.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Readiness {
    pub camera: CameraFacts,
    pub policy: PolicyFacts,
    /// How late this tick began.
    pub tick_late: Duration,
    /// Time since the previous tick began, by the monotonic clock; zero at the first.
    pub tick_gap: Duration,
    /// How much further the boot clock went than the monotonic one since the previous tick
    /// (suspend).
    pub suspended: Duration,
}
