use serde::{Deserialize, Serialize};

/// On which side of the boxes to pass, seen from the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    Left,
    Right,
}

impl Side {
    pub const BOTH: [Self; 2] = [Self::Left, Self::Right];

    /// +1 for left (positive y), -1 for right.
    #[must_use]
    pub const fn sign(self) -> f64 {
        match self {
            Self::Left => 1.0,
            Self::Right => -1.0,
        }
    }

    /// The task in the words a policy is given.
    #[must_use]
    pub const fn instruction(self) -> &'static str {
        match self {
            Self::Left => "go around the box on the left and reach the cup",
            Self::Right => "go around the box on the right and reach the cup",
        }
    }

    /// As `left` or `right`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Right => "right",
        }
    }
}
