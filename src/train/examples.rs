//! Examples: what a policy would have seen, step by step, and what should have been done. From
//! recordings and from simulated attempts alike, at the policy's picture size and rate.
//!
//! ```text
//! recordings ─▶ from_recordings ─┐
//! attempts in the simulator ─────┴─▶ ExamplesWriter ─▶ file ─▶ Examples ─▶ sampler
//! ```
//!
//! Pictures are made as the deployed policy makes them, by [`crate::policy::Preprocessor`] with
//! [`ExamplesSpec::image`]: what is learnt from is what will be seen.
//!
//! Deliberately absent: augmentation and batches.

mod recordings;
mod store;
#[cfg(test)]
pub(super) mod tests;
mod track;

use serde::{Deserialize, Serialize};

pub use recordings::{Converted, RecordingOptions, Segment, from_recordings, segments, times};
pub use store::{Examples, ExamplesWriter};
pub use track::{LabelTrack, TrackEnd};

use super::labels::AXES;
use crate::policy::manifest::{Colour, Filter, Fit, Image, ImageType, Layout};

/// What the pictures and steps are.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExamplesSpec {
    pub width: u32,
    pub height: u32,
    /// Steps a second.
    pub rate_hz: f64,
    /// Commands wanted at each step, `slot_ms` apart, the first for the picture's capture time.
    pub slots: usize,
    pub slot_ms: u64,
}

impl ExamplesSpec {
    /// Bytes of a picture: RGB, row-major.
    #[must_use]
    pub const fn picture_len(&self) -> usize {
        self.width as usize * self.height as usize * 3
    }

    /// How a camera's picture becomes an example's. A policy that is trained on examples needs the
    /// same `fit`, `filter` and `colour` in its manifest.
    #[must_use]
    pub fn image(&self) -> Image {
        Image {
            input: String::new(),
            width: self.width,
            height: self.height,
            fit: Fit::Pad,
            filter: Filter::Area,
            colour: Colour::Rgb,
            layout: Layout::Nhwc,
            dtype: ImageType::Uint8,
            scale: 1.0,
            mean: [0.0; 3],
            std: [1.0; 3],
        }
    }
}

/// One attempt, or an episode recorded, at the policy's rate.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Clip {
    pub instruction: String,
    /// The recording or the seed it comes from.
    pub origin: String,
    /// Whether the picture in a mirror, with the instruction mirrored, is an example too.
    pub is_mirrorable: bool,
    /// One a step, of [`ExamplesSpec::picture_len`] bytes.
    pub pictures: Vec<Vec<u8>>,
    /// Steps x slots: x.vel, y.vel, theta.vel in m/s, m/s, rad/s.
    pub targets: Vec<[f32; AXES]>,
    /// Steps x slots; 0: nothing is known, as past the end.
    pub weights: Vec<f32>,
}

/// A clip without its pictures.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ClipColumns {
    pub instruction: String,
    pub origin: String,
    pub is_mirrorable: bool,
    /// As in [`Clip`].
    pub targets: Vec<[f32; AXES]>,
    pub weights: Vec<f32>,
    /// CRC-32 of each picture.
    checksums: Vec<u32>,
}

impl ClipColumns {
    #[must_use]
    pub const fn n_steps(&self) -> usize {
        self.checksums.len()
    }

    /// The commands wanted at a step and how much each counts, a pair for each slot.
    pub fn step(&self, step: usize, slots: usize) -> impl Iterator<Item = (&[f32; AXES], &f32)> {
        let from = step * slots;
        self.targets.iter().zip(&self.weights).skip(from).take(slots)
    }
}

/// Of all commands that count, by axis, weighted.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TargetStats {
    pub mean: [f64; AXES],
    pub std: [f64; AXES],
}
