//! Video: RGB to H.264 in MP4 and back, without re-encoding in between.
//!
//! An [`Encoder`] makes units, a [`FragmentWriter`] keeps them so that a crash costs only the
//! newest, a [`VideoFile`] shows the frames of any MP4 with H.264, and [`remux()`] copies frames
//! into a new file. Deliberately absent: other codecs, sound, and re-encoding.

mod avc;
mod colour;
mod encoder;
mod file;
mod fragments;
mod playback;
mod remux;
mod round_trip;
mod track;

pub use avc::{Parameters, Unit};
pub use encoder::Encoder;
pub use file::VideoFile;
pub use fragments::FragmentWriter;
pub use remux::remux;
pub use round_trip::RoundTrip;

#[cfg(test)]
mod tests;

/// Ticks of an MP4's clock in one frame; LeRobot's own recorder has the same.
const TICKS: u32 = 512;
