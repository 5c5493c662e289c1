use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

use openh264::OpenH264API;
use openh264::decoder::{DecodedYUV, Decoder, DecoderConfig, Flush};
use openh264::formats::YUVSource;
use shiguredo_mp4::boxes::{AvccBox, SampleEntry};
use shiguredo_mp4::demux::Mp4FileDemuxer;

use super::{Camera, CameraError, CameraInfo, Grabbed};
use crate::msg::Frame;

/// An MP4 file with H.264 pictures, paced by its own time stamps.
pub struct Video {
    info: CameraInfo,
    path: PathBuf,
    repeat: bool,
    reader: Reader,
    /// Pictures grabbed so far.
    grabbed: u64,
    /// Length of the runs through the file before this one.
    earlier: Duration,
    current: Result<Picture, String>,
}

impl Video {
    /// `repeat` begins again at the end.
    ///
    /// # Errors
    /// The file cannot be read, is no MP4, or has no H.264 track.
    pub fn open(path: &Path, repeat: bool) -> Result<Self, CameraError> {
        let camera = path.display().to_string();
        let fail = |reason: String| CameraError::Open {
            camera: camera.clone(),
            reason,
            remedy: "name an MP4 file with H.264 pictures, a folder of images, or a camera \
                     (`pilothouse camera list` shows them)"
                .to_owned(),
        };
        let mut reader = Reader::open(path).map_err(fail)?;
        let first = reader
            .next()
            .map_err(fail)?
            .ok_or_else(|| fail("there is no picture in it".to_owned()))?;
        let info = CameraInfo {
            name: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            path: camera.clone(),
            width: first.width,
            height: first.height,
            rate: reader.rate,
            format: "H.264".to_owned(),
        };
        let reader = Reader::open(path).map_err(fail)?;
        let (path, earlier) = (path.to_owned(), Duration::ZERO);
        Ok(Self { info, path, repeat, reader, grabbed: 0, earlier, current: Ok(first) })
    }

    fn rewind(&mut self) -> Result<(), CameraError> {
        self.earlier += self.reader.end;
        self.reader = Reader::open(&self.path)
            .map_err(|reason| CameraError::Gone { camera: self.info.path.clone(), reason })?;
        Ok(())
    }

    fn end(&self) -> CameraError {
        CameraError::End { camera: self.info.path.clone() }
    }
}

impl Camera for Video {
    fn info(&self) -> &CameraInfo {
        &self.info
    }

    fn grab(&mut self) -> Result<Grabbed, CameraError> {
        let mut next = self.reader.next();
        if matches!(next, Ok(None)) && self.repeat && self.grabbed > 0 {
            self.rewind()?;
            next = self.reader.next();
        }
        let due = match next {
            Ok(None) => return Err(self.end()),
            Ok(Some(picture)) => {
                let due = picture.at;
                self.reader.recycle(std::mem::replace(&mut self.current, Ok(picture)));
                due
            }
            Err(reason) => {
                self.current = Err(reason);
                self.reader.reached
            }
        };
        let number = self.grabbed;
        self.grabbed += 1;
        Ok(Grabbed { device_seq: Some(number), due: Some(self.earlier + due) })
    }

    fn retrieve(&mut self, frame: &mut Frame) -> Result<(), CameraError> {
        match &self.current {
            Ok(picture) => {
                frame.resize(picture.width, picture.height);
                frame.rgb.copy_from_slice(&picture.rgb);
                Ok(())
            }
            Err(reason) => {
                Err(CameraError::Decode { camera: self.info.path.clone(), reason: reason.clone() })
            }
        }
    }
}

impl std::fmt::Debug for Video {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Video").field("info", &self.info).finish_non_exhaustive()
    }
}

struct Picture {
    /// Presentation time since the file's first picture.
    at: Duration,
    width: u32,
    height: u32,
    rgb: Vec<u8>,
}

/// One run through a file.
struct Reader {
    file: File,
    demuxer: Mp4FileDemuxer,
    decoder: Decoder,
    /// Bytes of a NAL unit's length prefix, from the track's header.
    length_bytes: usize,
    /// The sample as an H.264 byte stream.
    stream: Vec<u8>,
    sample: Vec<u8>,
    /// Presentation times of samples whose picture is still in the decoder, which hands pictures
    /// out in that order.
    waiting: BinaryHeap<Reverse<u64>>,
    /// Decoded at the end of the file, not handed out yet.
    flushed: VecDeque<Picture>,
    is_flushed: bool,
    first: Option<u64>,
    timescale: u64,
    /// Frames per second, from the first sample's length.
    rate: f64,
    /// Time of the newest sample read, and where the file ends.
    reached: Duration,
    end: Duration,
    spare: Vec<u8>,
}

/// Where one sample lies and when it is shown, in units of the track's time scale.
struct Sample {
    offset: u64,
    size: usize,
    shown: u64,
    ends: u64,
}

impl Reader {
    fn open(path: &Path) -> Result<Self, String> {
        let mut file = File::open(path).map_err(|why| why.to_string())?;
        let mut demuxer = Mp4FileDemuxer::new();
        let mut data = Vec::new();
        while let Some(required) = demuxer.required_input() {
            data.clear();
            let limit = required.size.map_or(u64::MAX, |size| size as u64);
            file.seek(SeekFrom::Start(required.position))
                .and_then(|_| (&mut file).take(limit).read_to_end(&mut data))
                .map_err(|why| why.to_string())?;
            demuxer.handle_input(required.to_input(&data));
        }
        demuxer.tracks().map_err(|why| why.to_string())?;
        let config = DecoderConfig::new().flush_after_decode(Flush::NoFlush);
        let decoder = Decoder::with_api_config(OpenH264API::from_source(), config)
            .map_err(|why| why.to_string())?;
        Ok(Self {
            file,
            demuxer,
            decoder,
            length_bytes: 4,
            stream: Vec::new(),
            sample: Vec::new(),
            waiting: BinaryHeap::new(),
            flushed: VecDeque::new(),
            is_flushed: false,
            first: None,
            timescale: 1,
            rate: 0.0,
            reached: Duration::ZERO,
            end: Duration::ZERO,
            spare: Vec::new(),
        })
    }

    /// The next picture; `None` at the end. An error costs one picture.
    fn next(&mut self) -> Result<Option<Picture>, String> {
        loop {
            if let Some(picture) = self.flushed.pop_front() {
                return Ok(Some(picture));
            }
            self.stream.clear();
            let Some(sample) = self.next_sample()? else {
                if std::mem::replace(&mut self.is_flushed, true) {
                    return Ok(None);
                }
                self.flush()?;
                continue;
            };
            self.read_sample(&sample)?;
            self.waiting.push(Reverse(sample.shown));
            self.reached = self.time(sample.shown);
            self.end = self.end.max(self.time(sample.ends));
            let rgb = std::mem::take(&mut self.spare);
            let decoded = self.decoder.decode(&self.stream).map_err(|why| why.to_string())?;
            let Some(yuv) = decoded else {
                self.spare = rgb;
                continue;
            };
            let picture = convert(&yuv, rgb)?;
            return Ok(Some(self.dated(picture)));
        }
    }

    /// Finds the next H.264 sample; parameter sets that come with it go to the stream first.
    fn next_sample(&mut self) -> Result<Option<Sample>, String> {
        while let Some(sample) = self.demuxer.next_sample().map_err(|why| why.to_string())? {
            match sample.sample_entry {
                Some(SampleEntry::Avc1(entry)) => {
                    self.length_bytes = usize::from(entry.avcc_box.length_size_minus_one.get()) + 1;
                    parameter_sets(&entry.avcc_box, &mut self.stream);
                    self.timescale = u64::from(sample.track.timescale.get());
                }
                Some(SampleEntry::Mp4a(_) | SampleEntry::Opus(_) | SampleEntry::Flac(_)) => {
                    continue;
                }
                Some(_) => return Err("its pictures are not H.264".to_owned()),
                None if sample.track.kind != shiguredo_mp4::TrackKind::Video => continue,
                None => {}
            }
            let shown = sample
                .timestamp
                .saturating_add_signed(sample.composition_time_offset.unwrap_or_default());
            if self.rate == 0.0 && sample.duration > 0 {
                self.rate = self.timescale as f64 / f64::from(sample.duration);
            }
            return Ok(Some(Sample {
                offset: sample.data_offset,
                size: sample.data_size,
                shown,
                ends: shown + u64::from(sample.duration),
            }));
        }
        Ok(None)
    }

    /// Appends a sample to the stream, its length prefixes replaced by start codes (ITU-T H.264
    /// annex B).
    fn read_sample(&mut self, sample: &Sample) -> Result<(), String> {
        self.sample.clear();
        self.file
            .seek(SeekFrom::Start(sample.offset))
            .and_then(|_| (&mut self.file).take(sample.size as u64).read_to_end(&mut self.sample))
            .map_err(|why| why.to_string())?;
        if self.sample.len() < sample.size {
            return Err("the file is cut short".to_owned());
        }
        let mut rest = self.sample.as_slice();
        while !rest.is_empty() {
            let (prefix, tail) = rest.split_at_checked(self.length_bytes).ok_or(BROKEN)?;
            let length = prefix.iter().fold(0_usize, |n, &byte| n << 8 | usize::from(byte));
            let (unit, tail) = tail.split_at_checked(length).ok_or(BROKEN)?;
            self.stream.extend_from_slice(START_CODE);
            self.stream.extend_from_slice(unit);
            rest = tail;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), String> {
        let left = self.decoder.flush_remaining().map_err(|why| why.to_string())?;
        let pictures: Result<Vec<_>, _> = left.iter().map(|yuv| convert(yuv, Vec::new())).collect();
        for picture in pictures? {
            let picture = self.dated(picture);
            self.flushed.push_back(picture);
        }
        Ok(())
    }

    fn dated(&mut self, mut picture: Picture) -> Picture {
        if let Some(Reverse(shown)) = self.waiting.pop() {
            self.first.get_or_insert(shown);
            picture.at = self.time(shown);
        }
        picture
    }

    fn time(&self, shown: u64) -> Duration {
        let since = shown.saturating_sub(self.first.unwrap_or(shown));
        Duration::from_secs_f64(since as f64 / self.timescale as f64)
    }

    /// Takes a picture's memory back for the next one.
    fn recycle(&mut self, picture: Result<Picture, String>) {
        if let Ok(picture) = picture {
            self.spare = picture.rgb;
        }
    }
}

const START_CODE: &[u8] = &[0, 0, 0, 1];
const BROKEN: &str = "a sample is broken";

fn parameter_sets(header: &AvccBox, stream: &mut Vec<u8>) {
    for unit in header.sps_list.iter().chain(&header.pps_list) {
        stream.extend_from_slice(START_CODE);
        stream.extend_from_slice(unit);
    }
}

/// To RGB by ITU-R BT.601, limited range.
fn convert(yuv: &DecodedYUV<'_>, mut rgb: Vec<u8>) -> Result<Picture, String> {
    let (width, height) = yuv.dimensions();
    let pixels = width.checked_mul(height).filter(|&pixels| pixels > 0).ok_or(BROKEN)?;
    rgb.resize(pixels * 3, 0);
    yuv.write_rgb8(&mut rgb);
    Ok(Picture { at: Duration::ZERO, width: width as u32, height: height as u32, rgb })
}
