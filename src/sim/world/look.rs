use serde::{Deserialize, Serialize};

use super::Block;

/// Display-space colour (gamma 2.2), each channel 0..=1.
pub(crate) type Tint = [f32; 3];

/// The colours a target may have. Nothing else in a world is strongly red, green or blue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetColor {
    Red,
    Green,
    Blue,
}

impl TargetColor {
    pub const ALL: [Self; 3] = [Self::Red, Self::Green, Self::Blue];

    /// As instructions call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Red => "red",
            Self::Green => "green",
            Self::Blue => "blue",
        }
    }

    /// The cup's paint.
    #[must_use]
    pub const fn tint(self) -> Tint {
        match self {
            Self::Red => [0.92, 0.13, 0.12],
            Self::Green => [0.10, 0.72, 0.22],
            Self::Blue => [0.10, 0.30, 0.92],
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FloorStyle {
    Planks,
    Tiles,
    Carpet,
    Concrete,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BoxStyle {
    Cardboard,
    Crate,
    Tote,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wall {
    /// Behind the target (largest x).
    Front,
    /// Largest y.
    Left,
    /// Behind the start.
    Back,
    Right,
}

impl Wall {
    pub const ALL: [Self; 4] = [Self::Front, Self::Left, Self::Back, Self::Right];
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecalStyle {
    Window,
    Door,
    Picture,
}

/// Something flat on a wall: metres along the wall (from its end with the smaller coordinate) and
/// above the floor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decal {
    pub wall: Wall,
    pub along: (f64, f64),
    pub up: (f64, f64),
    pub style: DecalStyle,
    pub tint: Tint,
}

/// The opening that daylight comes through: the rectangle of a [`DecalStyle::Window`] decal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    pub wall: Wall,
    pub along: (f64, f64),
    pub up: (f64, f64),
}

/// Furniture and clutter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shape {
    Bin { radius: f64, height: f64 },
    Pouf { radius: f64, height: f64 },
    Ball { radius: f64 },
    Lamp { height: f64 },
    Cabinet { half_x: f64, half_y: f64, height: f64 },
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Thing {
    pub x: f64,
    pub y: f64,
    pub yaw: f64,
    pub shape: Shape,
    pub tint: Tint,
}

/// Radius of a lamp's foot, metres.
pub(crate) const LAMP_FOOT: f64 = 0.13;

impl Thing {
    /// From a point on the floor to its nearest surface; zero inside.
    #[must_use]
    pub fn distance(&self, x: f64, y: f64) -> f64 {
        let round = |radius: f64| ((x - self.x).hypot(y - self.y) - radius).max(0.0);
        match self.shape {
            Shape::Bin { radius, .. } | Shape::Pouf { radius, .. } | Shape::Ball { radius } => {
                round(radius)
            }
            Shape::Lamp { .. } => round(LAMP_FOOT),
            Shape::Cabinet { half_x, half_y, height } => {
                Block { x: self.x, y: self.y, yaw: self.yaw, half_x, half_y, height }.distance(x, y)
            }
        }
    }

    /// Radius of the circle around its footprint, metres.
    #[must_use]
    pub fn reach(&self) -> f64 {
        match self.shape {
            Shape::Bin { radius, .. } | Shape::Pouf { radius, .. } | Shape::Ball { radius } => {
                radius
            }
            Shape::Lamp { .. } => LAMP_FOOT,
            Shape::Cabinet { half_x, half_y, .. } => half_x.hypot(half_y),
        }
    }
}

/// Everything about the picture that does not stand in the robot's way.
#[derive(Clone, Debug, PartialEq)]
pub struct Look {
    pub floor: FloorStyle,
    pub floor_tint: Tint,
    pub wall_tint: Tint,
    pub skirting_tint: Tint,
    /// One per box.
    pub boxes: Vec<(BoxStyle, Tint)>,
    pub decals: Vec<Decal>,
    pub window: Window,
    /// Direction to the sun: its azimuth against the window's outward normal and its elevation,
    /// radians.
    pub sun: (f64, f64),
    /// Brightness of direct sun; zero on a cloudy day.
    pub sun_strength: f32,
    /// Brightness of the sky seen through the window.
    pub sky_strength: f32,
    /// Brightness of the room's own lamps.
    pub lamp_strength: f32,
    /// Colour of the lamps' light: 0 neutral, 1 warm.
    pub warmth: f32,
    /// Standard deviation of the sensor's noise, in 8-bit steps.
    pub noise: f32,
}
