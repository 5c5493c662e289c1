use serde::{Deserialize, Serialize};

/// Body velocity after REP-103: x forward, y left, yaw counter-clockwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Twist {
    /// m/s
    pub linear_x: f64,
    /// m/s
    pub linear_y: f64,
    /// rad/s
    pub angular_z: f64,
}

impl Twist {
    pub const ZERO: Self = Self::new(0.0, 0.0, 0.0);

    #[must_use]
    pub const fn new(linear_x: f64, linear_y: f64, angular_z: f64) -> Self {
        Self { linear_x, linear_y, angular_z }
    }

    #[must_use]
    pub fn is_finite(self) -> bool {
        self.linear_x.is_finite() && self.linear_y.is_finite() && self.angular_z.is_finite()
    }

    /// True when every axis is exactly zero (either sign).
    #[must_use]
    pub fn is_zero(self) -> bool {
        self.linear_x == 0.0 && self.linear_y == 0.0 && self.angular_z == 0.0
    }

    /// Magnitude of the translation in m/s.
    #[must_use]
    pub fn speed_mps(self) -> f64 {
        self.linear_x.hypot(self.linear_y)
    }

    /// Every axis times `factor`.
    #[must_use]
    pub fn scaled(self, factor: f64) -> Self {
        Self::new(self.linear_x * factor, self.linear_y * factor, self.angular_z * factor)
    }

    /// The same command seen in a mirror: left and right change places.
    #[must_use]
    pub fn mirrored(self) -> Self {
        Self::new(self.linear_x, -self.linear_y, -self.angular_z)
    }

    /// Straight line between `self` (`t` = 0) and `other` (`t` = 1), axis by axis.
    #[must_use]
    pub fn lerp(self, other: Self, t: f64) -> Self {
        let mix = |a: f64, b: f64| a + (b - a) * t;
        Self::new(
            mix(self.linear_x, other.linear_x),
            mix(self.linear_y, other.linear_y),
            mix(self.angular_z, other.angular_z),
        )
    }
}

/// What the operator's hands ask for, each axis in -1..=1 of what the ceiling allows. Signs as in
/// [`Twist`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Axes {
    pub x: f64,
    pub y: f64,
    pub yaw: f64,
}

impl Axes {
    pub const ZERO: Self = Self { x: 0.0, y: 0.0, yaw: 0.0 };

    #[must_use]
    pub fn is_zero(self) -> bool {
        self.x == 0.0 && self.y == 0.0 && self.yaw == 0.0
    }
}
