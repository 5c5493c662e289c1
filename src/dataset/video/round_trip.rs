//! Pictures as they come back from a recording, without a file.

use std::fmt;

use shiguredo_mp4::boxes::Avc1Box;

use super::encoder::Encoder;
use super::playback::{Coded, Playback};
use crate::dataset::DatasetError;

/// Encodes and decodes picture after picture, with the losses of a recording.
pub struct RoundTrip {
    encoder: Encoder,
    entry: Avc1Box,
    playback: Playback,
    n_frames: usize,
}

impl RoundTrip {
    /// As [`Encoder::new`].
    ///
    /// # Errors
    /// A size or number that H.264 cannot have.
    pub fn new(width: u32, height: u32, fps: u32, gop: u32, qp: u8) -> Result<Self, DatasetError> {
        let encoder = Encoder::new(width, height, fps, gop, qp)?;
        let entry = encoder.parameters().avc1_box().map_err(|error| failed(&error))?;
        let playback = Playback::new().map_err(|error| failed(&error))?;
        Ok(Self { encoder, entry, playback, n_frames: 0 })
    }

    /// Puts in the place of the next picture what its recording would show.
    ///
    /// # Errors
    /// `rgb` has another size, or the codec failed.
    pub fn pass(&mut self, rgb: &mut [u8]) -> Result<(), DatasetError> {
        let unit = self.encoder.encode(rgb, false)?;
        let frame = self.n_frames;
        let coded = Coded::new(&unit.bytes, &self.entry, frame)
            .ok_or_else(|| failed(&"the encoder's unit is broken"))?;
        let is_out = self.playback.feed(&coded, frame, rgb).map_err(|error| failed(&error))?;
        self.n_frames += 1;
        is_out.then_some(()).ok_or_else(|| failed(&"the decoder gave no picture"))
    }
}

impl fmt::Debug for RoundTrip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RoundTrip").field("encoder", &self.encoder).finish_non_exhaustive()
    }
}

fn failed(why: &dyn fmt::Display) -> DatasetError {
    DatasetError::Encode(format!("a picture does not come back: {why}"))
}
