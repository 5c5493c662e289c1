//! Where the frames of an MP4 lie: the tables of its header and of its fragments (ISO/IEC
//! 14496-12).
//!
//! A file that was cut short gives the frames that are whole. Nothing is decoded here.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use shiguredo_mp4::Decode;
use shiguredo_mp4::aux::SampleTableAccessor;
use shiguredo_mp4::boxes::{
    Avc1Box, HdlrBox, MoofBox, MoovBox, SampleEntry, TrafBox, TrakBox, TrexBox, TrunBox,
};

use super::avc;
use crate::dataset::DatasetError;

/// Bytes of a header box; an hour of video needs a few MB.
const HEADER_MAX: u64 = 64 << 20;
/// Pixels of a picture of level 5.2, the decoder's limit (ITU-T H.264 table A-1).
const PIXELS_MAX: u32 = 36_864 * 256;
/// The least a coded frame takes.
const SAMPLE_MIN: u64 = 5;

/// One coded frame of the file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    pub(super) offset: u64,
    pub(super) size: u32,
    /// Which of the track's entries describes it.
    pub(super) entry: usize,
    pub(super) is_key: bool,
    /// When it is shown, in the track's ticks.
    pub(super) shown: i64,
    pub(super) duration: u32,
}

/// The first H.264 track of a file; its samples stand in the order to decode them.
#[derive(Debug)]
pub(super) struct Track {
    pub(super) timescale: u32,
    pub(super) entries: Vec<Avc1Box>,
    pub(super) samples: Vec<Sample>,
}

impl Track {
    pub(super) fn read(file: &mut File, path: &Path) -> Result<Self, DatasetError> {
        let length = file.metadata().map_err(DatasetError::io("read", path))?.len();
        let mut scan = Scan { file, path, length, found: None };
        let mut position = 0;
        while let Some(head) = scan.head(position)? {
            scan.take(&head)?;
            position = head.end;
        }
        let Some(Found { mut track, last_fragment, .. }) = scan.found else {
            return Err(unreadable(path, "there is no MP4 header in it"));
        };
        if let Some(first) = last_fragment {
            track.drop_torn(first, file, path)?;
        }
        Ok(track)
    }

    /// The newest fragment may have its place in the file and not yet its bytes.
    fn drop_torn(
        &mut self,
        first: usize,
        file: &mut File,
        path: &Path,
    ) -> Result<(), DatasetError> {
        let mut bytes = Vec::new();
        for i in first..self.samples.len() {
            let sample = self.samples[i];
            read_at(file, sample.offset, u64::from(sample.size), &mut bytes)
                .map_err(DatasetError::io("read", path))?;
            let units = avc::nal_units(&bytes, avc::prefix(&self.entries[sample.entry]));
            if !units.is_some_and(|units| units.into_iter().all(avc::is_plausible)) {
                self.samples.truncate(i);
                break;
            }
        }
        Ok(())
    }
}

pub(super) fn read_at(
    file: &mut File,
    position: u64,
    n_bytes: u64,
    bytes: &mut Vec<u8>,
) -> std::io::Result<()> {
    bytes.clear();
    file.seek(SeekFrom::Start(position))?;
    file.take(n_bytes).read_to_end(bytes)?;
    if (bytes.len() as u64) < n_bytes {
        Err(std::io::ErrorKind::UnexpectedEof.into())
    } else {
        Ok(())
    }
}

fn unreadable(path: &Path, reason: impl std::fmt::Display) -> DatasetError {
    DatasetError::Format {
        path: path.to_owned(),
        reason: reason.to_string(),
        remedy: "name an MP4 file with H.264 pictures".to_owned(),
    }
}

/// A top-level box.
struct Head {
    kind: [u8; 4],
    position: u64,
    end: u64,
}

/// What the header says, and what is known for reading fragments.
struct Found {
    track: Track,
    track_id: u32,
    /// Of `moov`'s list of defaults.
    defaults: Option<TrexBox>,
    /// Ticks from decoding time to the time shown by the edit list.
    shift: i64,
    /// The first sample of the newest fragment.
    last_fragment: Option<usize>,
    /// Where the next fragment begins when it does not say.
    decode_time: u64,
    is_over: bool,
}

struct Scan<'a> {
    file: &'a mut File,
    path: &'a Path,
    length: u64,
    found: Option<Found>,
}

impl Scan<'_> {
    /// `None` where the file or the sense in it ends.
    fn head(&mut self, position: u64) -> Result<Option<Head>, DatasetError> {
        if self.length.saturating_sub(position) < 8 {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        let n_bytes = (self.length - position).min(16);
        read_at(self.file, position, n_bytes, &mut bytes)
            .map_err(DatasetError::io("read", self.path))?;
        let Some((short, rest)) = bytes.split_first_chunk::<4>() else { return Ok(None) };
        let Some((kind, rest)) = rest.split_first_chunk::<4>() else { return Ok(None) };
        let size = match (u32::from_be_bytes(*short), rest.first_chunk::<8>()) {
            (0, _) if kind == b"mdat" => self.length - position,
            (1, Some(long)) => u64::from_be_bytes(*long),
            (short, _) => u64::from(short),
        };
        let is_sane = size >= 8 && kind.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ');
        let end = position.saturating_add(size);
        Ok(is_sane.then_some(Head { kind: *kind, position, end }))
    }

    fn take(&mut self, head: &Head) -> Result<(), DatasetError> {
        match (&head.kind, &mut self.found) {
            (b"moov", None) => {
                let bytes = self.body(head)?;
                let bytes =
                    bytes.ok_or_else(|| unreadable(self.path, "its header is cut short"))?;
                let (moov, _) =
                    MoovBox::decode(&bytes).map_err(|why| unreadable(self.path, why))?;
                self.found = Some(header(moov, self.length, self.path)?);
            }
            (b"moof", Some(found)) if !found.is_over => {
                let moof = self.body(head)?;
                let Some(found) = &mut self.found else { return Ok(()) };
                let moof = moof.and_then(|bytes| MoofBox::decode(&bytes).ok());
                let whole =
                    moof.and_then(|(moof, _)| found.fragment(&moof, head.position, self.length));
                found.is_over = whole.is_none();
            }
            _ => {}
        }
        Ok(())
    }

    /// `None` where it is not whole.
    fn body(&mut self, head: &Head) -> Result<Option<Vec<u8>>, DatasetError> {
        let size = head.end - head.position;
        if head.end > self.length {
            return Ok(None);
        }
        if size > HEADER_MAX {
            return Err(unreadable(self.path, "its header is larger than 64 MB"));
        }
        let mut bytes = Vec::new();
        read_at(self.file, head.position, size, &mut bytes)
            .map_err(DatasetError::io("read", self.path))?;
        Ok(Some(bytes))
    }
}

/// Reads the header of the first H.264 track and the samples it lists.
fn header(moov: MoovBox, length: u64, path: &Path) -> Result<Found, DatasetError> {
    let mut codec = None;
    for trak in moov.trak_boxes {
        if trak.mdia_box.hdlr_box.handler_type != HdlrBox::HANDLER_TYPE_VIDE {
            continue;
        }
        let entries = &trak.mdia_box.minf_box.stbl_box.stsd_box.entries;
        let avc1 = entries.iter().map(|entry| match entry {
            SampleEntry::Avc1(avc1) => Ok(avc1.clone()),
            other => Err(codec_name(other)),
        });
        match avc1.collect::<Result<Vec<_>, _>>() {
            Ok(entries) if entries.is_empty() => {}
            Ok(entries) => {
                check_size(&entries).map_err(|why| unreadable(path, why))?;
                let track_id = trak.tkhd_box.track_id;
                let mvex = moov.mvex_box.as_ref();
                let defaults = mvex.and_then(|mvex| {
                    mvex.trex_boxes.iter().find(|trex| trex.track_id == track_id).cloned()
                });
                let shift = shift(&trak, moov.mvhd_box.timescale.get());
                let timescale = trak.mdia_box.mdhd_box.timescale.get();
                let track = Track { timescale, entries, samples: Vec::new() };
                let mut found = Found {
                    track,
                    track_id,
                    defaults,
                    shift,
                    last_fragment: None,
                    decode_time: 0,
                    is_over: false,
                };
                found.table(trak, length).map_err(|why| unreadable(path, why))?;
                return Ok(found);
            }
            Err(name) => codec = codec.or(Some(name)),
        }
    }
    Err(match codec {
        None => unreadable(path, "there is no video track in it"),
        Some(name) => DatasetError::Format {
            path: path.to_owned(),
            reason: format!("its pictures are {name}, and only H.264 can be read"),
            remedy: format!(
                "convert it: ffmpeg -i {} -c:v libx264 -pix_fmt yuv420p -g 5 -bf 0 -an h264.mp4",
                path.display()
            ),
        },
    })
}

/// Pictures that the decoder could not hold would only cost memory.
fn check_size(entries: &[Avc1Box]) -> Result<(), String> {
    let sizes = entries.iter().map(|entry| (entry.visual.width, entry.visual.height));
    for (width, height) in sizes {
        if !(1..=PIXELS_MAX).contains(&(u32::from(width) * u32::from(height))) {
            return Err(format!("its pictures are {width}x{height}"));
        }
    }
    Ok(())
}

fn codec_name(entry: &SampleEntry) -> String {
    match entry {
        SampleEntry::Av01(_) => "AV1".to_owned(),
        SampleEntry::Hev1(_) | SampleEntry::Hvc1(_) => "HEVC (H.265)".to_owned(),
        SampleEntry::Vp08(_) => "VP8".to_owned(),
        SampleEntry::Vp09(_) => "VP9".to_owned(),
        SampleEntry::Unknown(other) => {
            String::from_utf8_lossy(other.box_type.as_bytes()).into_owned()
        }
        _ => "of an unknown codec".to_owned(),
    }
}

/// Ticks to add to a media time to get the time shown: minus the start of the first edit, plus the
/// empty edits before it.
fn shift(trak: &TrakBox, movie_timescale: u32) -> i64 {
    let edits = trak.edts_box.as_ref().and_then(|edts| edts.elst_box.as_ref());
    let timescale = f64::from(trak.mdia_box.mdhd_box.timescale.get());
    let mut delay = 0;
    for edit in edits.into_iter().flat_map(|edits| &edits.entries) {
        if edit.media_time >= 0 {
            return i64::saturating_sub(delay, edit.media_time);
        }
        let empty = edit.edit_duration as f64 / f64::from(movie_timescale) * timescale;
        delay = delay.saturating_add(empty.round() as i64);
    }
    delay
}

impl Found {
    /// Takes the samples that the header lists, up to the first that is not in the file.
    fn table(&mut self, trak: TrakBox, length: u64) -> Result<(), String> {
        let table = SampleTableAccessor::new(trak.mdia_box.minf_box.stbl_box)
            .map_err(|why| why.to_string())?;
        for sample in table.samples() {
            let decode_time = sample.timestamp();
            let is_whole = self.push(
                Sample {
                    offset: sample.data_offset(),
                    size: sample.data_size(),
                    entry: sample.chunk().sample_entry_index(),
                    is_key: sample.is_sync_sample(),
                    shown: self.shown(decode_time, sample.composition_time_offset()),
                    duration: sample.duration(),
                },
                length,
            );
            if is_whole.is_none() {
                self.is_over = true;
                break;
            }
            self.decode_time = decode_time.saturating_add(u64::from(sample.duration()));
        }
        Ok(())
    }

    fn shown(&self, decode_time: u64, offset: Option<i64>) -> i64 {
        i64::try_from(decode_time)
            .unwrap_or(i64::MAX)
            .saturating_add(offset.unwrap_or_default())
            .saturating_add(self.shift)
    }

    /// `None` where it does not lie in the file.
    fn push(&mut self, sample: Sample, length: u64) -> Option<()> {
        let end = sample.offset.checked_add(u64::from(sample.size))?;
        let is_plausible = u64::from(sample.size) >= SAMPLE_MIN
            && end <= length
            && sample.entry < self.track.entries.len()
            // Tables that name the same bytes again and again would fill the memory.
            && (self.track.samples.len() as u64) < length / SAMPLE_MIN;
        is_plausible.then(|| self.track.samples.push(sample))
    }

    /// Takes a fragment's samples; `None` where it is not whole.
    fn fragment(&mut self, moof: &MoofBox, position: u64, length: u64) -> Option<()> {
        self.last_fragment = Some(self.track.samples.len());
        for (i, traf) in moof.traf_boxes.iter().enumerate() {
            if traf.tfhd_box.track_id != self.track_id {
                continue;
            }
            // Without either, a later track's data would follow the track before it.
            let is_placed = i == 0 || traf.tfhd_box.default_base_is_moof;
            let base = traf.tfhd_box.base_data_offset.or(is_placed.then_some(position))?;
            if let Some(tfdt) = &traf.tfdt_box {
                self.decode_time = tfdt.base_media_decode_time;
            }
            let mut place = base;
            for trun in &traf.trun_boxes {
                place = match trun.data_offset {
                    Some(offset) => base.checked_add_signed(i64::from(offset))?,
                    None => place,
                };
                place = self.run(traf, trun, place, length)?;
            }
        }
        Some(())
    }

    /// Takes a run of samples that begins at `place`; gives where it ends.
    fn run(&mut self, traf: &TrafBox, trun: &TrunBox, place: u64, length: u64) -> Option<u64> {
        let (head, defaults) = (&traf.tfhd_box, self.defaults.clone());
        let defaults = defaults.as_ref();
        let mut offset = place;
        for (i, sample) in trun.samples.iter().enumerate() {
            let duration = sample
                .duration
                .or(head.default_sample_duration)
                .or(defaults.map(|trex| trex.default_sample_duration))?;
            let size = sample
                .size
                .or(head.default_sample_size)
                .or(defaults.map(|trex| trex.default_sample_size))?;
            let flags = trun
                .first_sample_flags
                .filter(|_| i == 0)
                .or(sample.flags)
                .or(head.default_sample_flags)
                .or(defaults.map(|trex| trex.default_sample_flags))?;
            let entry = head
                .sample_description_index
                .or(defaults.map(|trex| trex.default_sample_description_index))?;
            let sample = Sample {
                offset,
                size,
                entry: (entry as usize).checked_sub(1)?,
                is_key: !flags.sample_is_non_sync_sample(),
                shown: self.shown(self.decode_time, sample.composition_time_offset),
                duration,
            };
            self.push(sample, length)?;
            offset = offset.checked_add(u64::from(size))?;
            self.decode_time = self.decode_time.saturating_add(u64::from(duration));
        }
        Some(offset)
    }
}
