use serde::{Deserialize, Serialize};

/// Who may move the robot. The transitions are the table in [`crate::control`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Start: zeros until the operator does something.
    #[default]
    Standby,
    /// The operator drives.
    Manual,
    /// The policy drives.
    Autonomous,
    /// Autonomy is engaged and the operator acts: an intervention.
    Override,
    /// Autonomy lost its footing: ramping down.
    SoftStop,
    /// Latched; left only by the two-step reset.
    EStop,
}

/// Whose wish became this tick's command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Authority {
    /// Nobody: zeros.
    #[default]
    Nobody,
    Operator,
    Policy,
    /// The supervisor slows the robot down.
    Ramp,
}

/// Which limit changed the command on its way out; the strongest one of a tick.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limiter {
    #[default]
    None,
    /// Acceleration or deceleration.
    Rate,
    /// The operator's live ceiling, or the lower one while the picture is old.
    Ceiling,
    /// The configured or the base's top speed.
    Speed,
    /// The base cannot move along this axis.
    Kinematics,
    /// The wish was too old.
    Stale,
    /// A non-finite axis zeroed the whole twist.
    NotFinite,
    /// The e-stop latch.
    EStop,
}
