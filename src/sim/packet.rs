//! What the simulator's process says on its standard output: packets of a tag, a length and a body.
//!
//! | tag | body |
//! |---|---|
//! | `HELO` | [`Hello`] as JSON; first and once |
//! | `FRAM` | picture number (8 bytes), width and height (4 each), then `width * height * 3` bytes of RGB |
//! | `STAT` | [`Status`] as JSON |
//! | `GONE` | empty: the camera is unplugged; it is back with the next `FRAM` |
//!
//! Tag and length take 4 bytes each; every number is little-endian. The head of a `FRAM` is written
//! at the moment the picture shows, before it is drawn, so that its arrival is the time of capture.

use serde::{Deserialize, Serialize};

use super::task::Outcome;
use crate::msg::Kinematics;

pub const HELLO: [u8; 4] = *b"HELO";
pub const FRAME: [u8; 4] = *b"FRAM";
pub const STATUS: [u8; 4] = *b"STAT";
pub const GONE: [u8; 4] = *b"GONE";

/// Bytes of a `FRAM` body before the picture.
pub const FRAME_HEAD: usize = 16;

/// Longer bodies are refused: a 4K picture fits.
pub const BODY_MAX: usize = FRAME_HEAD + 3840 * 2160 * 3;

/// Where the simulated robot can be reached and what it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Hello {
    /// The base's serial port: a path, or `tcp://host:port`.
    pub port: String,
    pub scenario: String,
    pub seed: u64,
    pub kinematics: Kinematics,
    pub body_width_m: f64,
    pub camera: CameraMount,
    /// Texts that make sense in this world, the task's first.
    pub instructions: Vec<String>,
}

/// The camera and where it sits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CameraMount {
    pub width: u32,
    pub height: u32,
    /// Frames per second.
    pub rate: f64,
    pub height_m: f64,
    /// Downwards positive, radians.
    pub tilt: f64,
    /// Horizontal field of view, radians.
    pub hfov: f64,
}

/// What is true of the robot, for reports and tests; nobody who drives sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Since the attempt began.
    pub time_s: f64,
    /// Metres and radians from the start.
    pub x: f64,
    pub y: f64,
    pub yaw: f64,
    pub speed_mps: f64,
    /// From the body's centre to the target's surface.
    pub target_distance_m: f64,
    /// The task, had it been to pass on the left; without its time limit.
    pub left: Outcome,
    /// And on the right.
    pub right: Outcome,
}

/// Tag and length of a packet.
#[must_use]
pub fn head(tag: [u8; 4], body: usize) -> [u8; 8] {
    let mut head = [0; 8];
    let (name, length) = head.split_at_mut(4);
    name.copy_from_slice(&tag);
    length.copy_from_slice(&u32::try_from(body).unwrap_or(u32::MAX).to_le_bytes());
    head
}

/// Head of a `FRAM`'s body.
#[must_use]
pub fn frame_head(number: u64, width: u32, height: u32) -> [u8; FRAME_HEAD] {
    let mut head = [0; FRAME_HEAD];
    let (first, rest) = head.split_at_mut(8);
    let (second, third) = rest.split_at_mut(4);
    first.copy_from_slice(&number.to_le_bytes());
    second.copy_from_slice(&width.to_le_bytes());
    third.copy_from_slice(&height.to_le_bytes());
    head
}
