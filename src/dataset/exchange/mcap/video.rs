//! The frames of an episode as an H.264 byte stream (ITU-T H.264 annex B), one at a time.

use crate::dataset::DatasetError;
use crate::dataset::exchange::episode::{Camera, Episode};
use crate::dataset::video::{Encoder, Parameters};

const START: [u8; 4] = [0, 0, 0, 1];
const GOP: u32 = 5;
const QP: u8 = 18;

/// Where the frames come from.
pub(super) enum Stream {
    /// They are as players want them: in the order to show them, the first one a key frame.
    Copied,
    /// They are not, as in videos of other programs: decoded, and encoded anew.
    Encoded(Box<Encoder>),
}

impl Stream {
    pub(super) fn open(episode: &mut Episode, camera: usize) -> Result<Self, DatasetError> {
        let (n_rows, fps) = (episode.n_rows(), episode.fps);
        let Some(camera) = episode.cameras.get_mut(camera) else { return Ok(Self::Copied) };
        if is_plain(camera, n_rows)? {
            return Ok(Self::Copied);
        }
        let (width, height) = camera.video.size();
        Ok(Self::Encoded(Box::new(Encoder::new(width, height, fps, GOP, QP)?)))
    }

    pub(super) fn frame(
        &mut self,
        episode: &mut Episode,
        camera: usize,
        row: usize,
    ) -> Result<Vec<u8>, DatasetError> {
        if let Self::Encoded(encoder) = self {
            let mut rgb = Vec::new();
            episode.picture(camera, row, &mut rgb)?;
            let unit = encoder.encode(&rgb, false)?;
            let parameters = Some(encoder.parameters()).filter(|_| unit.is_key);
            return Ok(byte_stream(&unit.bytes, parameters).unwrap_or_default());
        }
        let Some(camera) = episode.cameras.get_mut(camera) else { return Ok(Vec::new()) };
        let (idx, video) = (camera.first + row, &mut camera.video);
        let bytes = video.sample_bytes(idx)?;
        let parameters = video.parameters().filter(|_| video.is_key(idx));
        byte_stream(&bytes, parameters).ok_or_else(|| DatasetError::Video {
            path: video.path().to_owned(),
            reason: format!("frame {idx} is not whole"),
        })
    }
}

fn is_plain(camera: &mut Camera, n_rows: usize) -> Result<bool, DatasetError> {
    let (first, video) = (camera.first, &mut camera.video);
    let is_stream = video.is_stream(first..first + n_rows);
    Ok(is_stream && byte_stream(&video.sample_bytes(first)?, None).is_some())
}

/// From NAL units after their lengths (four bytes) to NAL units after start codes, parameter sets
/// first. `None` where the lengths do not add up.
fn byte_stream(units: &[u8], parameters: Option<&Parameters>) -> Option<Vec<u8>> {
    let mut stream = Vec::with_capacity(units.len() + 64);
    for set in parameters.iter().flat_map(|parameters| [&parameters.sps, &parameters.pps]) {
        stream.extend(START);
        stream.extend(set);
    }
    let mut rest = units;
    while !rest.is_empty() {
        let (length, tail) = rest.split_first_chunk::<4>()?;
        let (unit, tail) = tail.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        stream.extend(START);
        stream.extend(unit);
        rest = tail;
    }
    Some(stream)
}
