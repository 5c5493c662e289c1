//! The gate between a wish and the wheels: limits, freshness, the e-stop latch. Pure: time is an argument.
//!
//! Deny by default; zero and slowing down always pass. It knows nothing of modes, policies or operators.

use crate::msg::Twist;

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
