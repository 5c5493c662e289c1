//! The gate between a wish and the wheels: limits, freshness, the e-stop latch. Pure: time is an
//! argument.
//!
//! It knows nothing of modes, policies or operators, and trusts none of them: what it checks, it
//! checks for the second time on purpose, so that one mistake in [`crate::control`] does not reach
//! the wheels.
//!
//! # Rules, in this order
//!
//! 1. Latched (by [`Request::e_stop`], or the base's own latch is set): zero at once. The latch is
//!    left only by [`Request::reset`] in a request that does not ask for an e-stop too.
//! 2. Any non-finite axis: the whole twist is zero at once, and that is reported.
//! 3. [`Request::zero_now`]: zero at once.
//! 4. From [`Request::valid_until`] on the wish counts as zero.
//! 5. An axis the base cannot move along is dropped.
//! 6. One factor for all axes brings the wish under the configured and the base's top speeds, then
//!    under the live ceiling: the path keeps its shape, the direction of travel stays.
//! 7. Acceleration and deceleration limits lead from the last command towards the wish. Lateness
//!    never lengthens an acceleration step past [`ACCEL_SPAN_MAX`]; slowing down is paid for the
//!    whole time that passed.
//!
//! Zero is never refused: a wish of zero is reached at the deceleration limit, rules 1 to 3 reach
//! it at once. Deny by default: a limit that is not a number is zero, a base that has not said its
//! limits does not move.

mod gate;
mod ramp;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::msg::{Limiter, Stamp, Twist};

pub use gate::Gate;
pub use ramp::ACCEL_SPAN_MAX;

/// A twist that went through the gate. Only this module makes one that moves.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SafeTwist(Twist);

impl SafeTwist {
    /// Standing still is always safe.
    pub const ZERO: Self = Self(Twist::ZERO);

    #[must_use]
    pub const fn twist(self) -> Twist {
        self.0
    }
}

/// What no command may exceed, whoever asks. The base's own limits apply on top.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Translation in any direction, m/s.
    pub linear_mps: f64,
    /// Yaw rate, rad/s.
    pub angular_rps: f64,
    /// m/s²
    pub linear_accel_mps2: f64,
    /// m/s²; a non-positive one brakes at once.
    pub linear_decel_mps2: f64,
    /// rad/s²
    pub angular_accel_rps2: f64,
    /// rad/s²; a non-positive one brakes at once.
    pub angular_decel_rps2: f64,
}

impl Default for Limits {
    /// Top speed to rest in a third of a second, 8 cm of way.
    fn default() -> Self {
        Self {
            linear_mps: 0.5,
            angular_rps: 1.0,
            linear_accel_mps2: 1.0,
            linear_decel_mps2: 1.5,
            angular_accel_rps2: 3.0,
            angular_decel_rps2: 4.0,
        }
    }
}

/// A wish for this tick.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Request {
    pub wanted: Twist,
    /// The wish counts only before this moment.
    pub valid_until: Stamp,
    /// The live ceiling on translation, m/s; yaw is held to the same share of its own limit.
    pub ceiling_mps: f64,
    /// Skip the ramp: zero now.
    pub zero_now: bool,
    /// Set the latch.
    pub e_stop: bool,
    /// Leave the latch.
    pub reset: bool,
}

/// What the gate lets through, and why it is not the wish.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Checked {
    pub twist: SafeTwist,
    /// The strongest limit that acted.
    pub limiter: Limiter,
    /// The wish held a non-finite axis: a fault of whoever asked.
    pub not_finite: bool,
}
