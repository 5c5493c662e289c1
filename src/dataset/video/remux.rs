//! Copying coded frames into a new file. Never decodes.

use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::num::NonZeroU32;
use std::ops::Range;
use std::path::Path;

use shiguredo_mp4::TrackKind;
use shiguredo_mp4::boxes::{Avc1Box, SampleEntry};
use shiguredo_mp4::mux::{
    Mp4FileMuxer, Mp4FileMuxerOptions, MuxError, Sample, estimate_maximum_moov_box_size,
};

use super::TICKS;
use super::file::VideoFile;
use crate::dataset::DatasetError;

/// Copies the frames of each range, in order, into one MP4 whose header comes first, at exactly
/// `fps` and from time 0. Nothing is decoded, and samples pass one by one. Syncs the file.
///
/// # Errors
/// [`DatasetError::Refused`]: a range does not begin with a key frame, ends where later frames are
/// needed to decode it, or the sources were coded differently; the message says what is possible.
pub fn remux(
    sources: &mut [(&mut VideoFile, Range<usize>)],
    fps: u32,
    out: &Path,
) -> Result<(), DatasetError> {
    let mut parts = Vec::new();
    for (source, range) in &mut *sources {
        parts.push(source.part(range.clone())?);
    }
    let n_frames = parts.iter().map(|part| part.samples.len()).sum();
    let Some(entry) = parts.first().map(|part| part.entry.clone()).filter(|_| n_frames > 0) else {
        return Err(DatasetError::Refused(format!("no frames to write to {}", out.display())));
    };
    for (part, (source, _)) in parts.iter().zip(&*sources) {
        if part.entry.avcc_box != entry.avcc_box || part.entry.visual != entry.visual {
            return Err(DatasetError::Refused(format!(
                "{} was coded with other settings than the videos before it: keep it in a file of \
                 its own",
                source.path().display()
            )));
        }
    }
    let mut writer = Writer::create(out, fps, n_frames, entry)?;
    for (part, (source, _)) in parts.into_iter().zip(sources) {
        for (place, sample) in part.samples.enumerate() {
            let frame = source.frame_of(sample) - part.first;
            let is_key = source.is_key(part.first + frame);
            let late = i64::from(frame as u32) - i64::from(place as u32);
            writer.append(source.load(sample)?, is_key, late)?;
        }
    }
    writer.finish()
}

/// A range of frames that are neighbours in the file, too.
pub(super) struct Part {
    pub(super) entry: Avc1Box,
    /// The first frame.
    pub(super) first: usize,
    pub(super) samples: Range<usize>,
}

struct Writer<'a> {
    path: &'a Path,
    file: BufWriter<File>,
    muxer: Mp4FileMuxer,
    timescale: NonZeroU32,
    /// For the first sample; the others are like it.
    entry: Option<Avc1Box>,
    position: u64,
}

impl<'a> Writer<'a> {
    fn create(
        path: &'a Path,
        fps: u32,
        n_frames: usize,
        entry: Avc1Box,
    ) -> Result<Self, DatasetError> {
        let timescale = fps.checked_mul(TICKS).and_then(NonZeroU32::new);
        let timescale = timescale
            .ok_or_else(|| DatasetError::Refused(format!("{fps} frames per second is no rate")))?;
        let options = Mp4FileMuxerOptions {
            reserved_moov_box_size: estimate_maximum_moov_box_size(&[n_frames]),
            ..Mp4FileMuxerOptions::default()
        };
        let muxer = Mp4FileMuxer::with_options(options).map_err(|why| failed(path, &why))?;
        let mut file =
            BufWriter::new(File::create(path).map_err(DatasetError::io("create", path))?);
        let head = muxer.initial_boxes_bytes();
        file.write_all(head).map_err(DatasetError::io("write", path))?;
        let position = head.len() as u64;
        Ok(Self { path, file, muxer, timescale, entry: Some(entry), position })
    }

    /// `late` is by how many frames it is shown later than decoded.
    fn append(&mut self, bytes: &[u8], is_key: bool, late: i64) -> Result<(), DatasetError> {
        self.file.write_all(bytes).map_err(DatasetError::io("write", self.path))?;
        let sample = Sample {
            track_kind: TrackKind::Video,
            sample_entry: self.entry.take().map(SampleEntry::Avc1),
            keyframe: is_key,
            timescale: self.timescale,
            duration: TICKS,
            composition_time_offset: (late != 0).then_some(late * i64::from(TICKS)),
            data_offset: self.position,
            data_size: bytes.len(),
        };
        self.muxer.append_sample(&sample).map_err(|why| failed(self.path, &why))?;
        self.position += bytes.len() as u64;
        Ok(())
    }

    fn finish(mut self) -> Result<(), DatasetError> {
        let boxes = self.muxer.finalize().map_err(|why| failed(self.path, &why))?;
        let written = boxes
            .offset_and_bytes_pairs()
            .try_for_each(|(offset, bytes)| {
                self.file.seek(SeekFrom::Start(offset))?;
                self.file.write_all(bytes)
            })
            .and_then(|()| self.file.flush())
            .and_then(|()| self.file.get_ref().sync_all());
        written.map_err(DatasetError::io("write", self.path))
    }
}

fn failed(path: &Path, why: &MuxError) -> DatasetError {
    DatasetError::Video { path: path.to_owned(), reason: why.to_string() }
}
