//! The file that grows while recording. What comes of it at the end is `remux`.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use shiguredo_mp4::boxes::{
    MfhdBox, MoofBox, SampleEntry, TfdtBox, TfhdBox, TrafBox, TrunBox, TrunSample,
};
use shiguredo_mp4::mux::{Fmp4SegmentMuxer, Sample};
use shiguredo_mp4::{Encode, SampleFlags, TrackKind};

use super::TICKS;
use super::avc::{Parameters, Unit};
use crate::dataset::DatasetError;

/// Sizes of the header before a fragment's bytes.
const MDAT_HEADER: usize = 8;

/// Writes a fragmented MP4: each [`Self::append`] is whole on the disk or not there at all.
#[derive(Debug)]
pub struct FragmentWriter {
    path: PathBuf,
    file: File,
    /// Bytes that are whole.
    length: u64,
    n_fragments: u32,
    n_frames: u64,
}

impl FragmentWriter {
    /// Writes the header and syncs it; an existing file is replaced.
    ///
    /// # Errors
    /// The file cannot be written, or `parameters` are not H.264's.
    pub fn create(path: &Path, fps: u32, parameters: &Parameters) -> Result<Self, DatasetError> {
        let header = header(fps, parameters)
            .map_err(|reason| DatasetError::Video { path: path.to_owned(), reason })?;
        let mut file = File::create(path).map_err(DatasetError::io("create", path))?;
        file.write_all(&header)
            .and_then(|()| file.sync_all())
            .map_err(DatasetError::io("write", path))?;
        let length = header.len() as u64;
        Ok(Self { path: path.to_owned(), file, length, n_fragments: 0, n_frames: 0 })
    }

    /// Appends whole groups of frames as one fragment and syncs it.
    ///
    /// # Errors
    /// The file cannot be written; it stays as it was, and the same units can be tried again.
    pub fn append(&mut self, units: &[Unit]) -> Result<(), DatasetError> {
        if units.is_empty() {
            return Ok(());
        }
        let bytes = self.fragment(units).map_err(|why| DatasetError::Video {
            path: self.path.clone(),
            reason: why.to_string(),
        })?;
        let written = self
            .file
            .seek(SeekFrom::Start(self.length))
            .and_then(|_| self.file.write_all(&bytes))
            .and_then(|()| self.file.sync_data());
        if let Err(why) = written {
            // A reader would find the torn end by itself; this only spares it.
            let _ = self.file.set_len(self.length);
            return Err(DatasetError::io("write", &self.path)(why));
        }
        self.length += bytes.len() as u64;
        self.n_fragments += 1;
        self.n_frames += units.len() as u64;
        Ok(())
    }

    /// Frames that are safe on the disk.
    #[must_use]
    pub fn n_frames(&self) -> u64 {
        self.n_frames
    }

    fn fragment(&self, units: &[Unit]) -> Result<Vec<u8>, shiguredo_mp4::Error> {
        let samples = units.iter().map(|unit| TrunSample {
            duration: None,
            size: Some(unit.bytes.len() as u32),
            flags: Some(flags(unit.is_key)),
            composition_time_offset: None,
        });
        let mut moof = self.moof(samples.collect());
        let start = moof.encode_to_vec()?.len() + MDAT_HEADER;
        moof.traf_boxes[0].trun_boxes[0].data_offset = i32::try_from(start).ok();
        let mut bytes = moof.encode_to_vec()?;
        let n_bytes: usize = units.iter().map(|unit| unit.bytes.len()).sum();
        bytes.extend_from_slice(&((n_bytes + MDAT_HEADER) as u32).to_be_bytes());
        bytes.extend_from_slice(b"mdat");
        for unit in units {
            bytes.extend_from_slice(&unit.bytes);
        }
        Ok(bytes)
    }

    fn moof(&self, samples: Vec<TrunSample>) -> MoofBox {
        let tfhd_box = TfhdBox {
            track_id: 1,
            base_data_offset: None,
            sample_description_index: None,
            default_sample_duration: Some(TICKS),
            default_sample_size: None,
            default_sample_flags: None,
            duration_is_empty: false,
            default_base_is_moof: true,
        };
        let tfdt_box =
            TfdtBox { version: 1, base_media_decode_time: self.n_frames * u64::from(TICKS) };
        let trun_box = TrunBox { data_offset: Some(0), first_sample_flags: None, samples };
        MoofBox {
            mfhd_box: MfhdBox { sequence_number: self.n_fragments + 1 },
            traf_boxes: vec![TrafBox {
                tfhd_box,
                tfdt_box: Some(tfdt_box),
                trun_boxes: vec![trun_box],
                unknown_boxes: Vec::new(),
            }],
            unknown_boxes: Vec::new(),
        }
    }
}

/// Whether others are needed to decode it, and whether decoding can begin with it (ISO/IEC 14496-12
/// 8.8.3.1).
fn flags(is_key: bool) -> SampleFlags {
    if is_key {
        SampleFlags::from_fields(0, 2, 0, 0, 0, false, 0)
    } else {
        SampleFlags::from_fields(0, 1, 0, 0, 0, true, 0)
    }
}

/// The boxes before the first fragment. The muxer learns from a sample what they describe.
fn header(fps: u32, parameters: &Parameters) -> Result<Vec<u8>, String> {
    let timescale =
        fps.checked_mul(TICKS).and_then(NonZeroU32::new).ok_or("frames per second out of range")?;
    let entry = parameters.avc1_box().map_err(|why| why.to_string())?;
    let sample = Sample {
        track_kind: TrackKind::Video,
        sample_entry: Some(SampleEntry::Avc1(entry)),
        keyframe: true,
        timescale,
        duration: TICKS,
        composition_time_offset: None,
        data_offset: 0,
        data_size: 1,
    };
    let mut muxer = Fmp4SegmentMuxer::new().map_err(|why| why.to_string())?;
    muxer.create_media_segment_metadata(&[sample]).map_err(|why| why.to_string())?;
    muxer.init_segment_bytes().map_err(|why| why.to_string())
}
