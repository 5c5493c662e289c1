//! Reading: any frame of a file, by its number. Never writes.

use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};

use shiguredo_mp4::boxes::Avc1Box;

use super::avc::Parameters;
use super::playback::{Coded, Playback, n_bytes};
use super::remux::Part;
use super::track::{Sample, Track, read_at};
use crate::dataset::DatasetError;

/// An MP4 file with H.264, plain or fragmented; frames are counted in the order to show them. Of a
/// file that was cut short, the frames that are whole.
pub struct VideoFile {
    path: PathBuf,
    file: File,
    track: Track,
    /// The sample of each frame, and the frame of each sample.
    samples: Vec<usize>,
    frames: Vec<usize>,
    parameters: Option<Parameters>,
    /// Samples with which decoding can begin.
    keys: Vec<usize>,
    playback: Option<Playback>,
    /// Samples that cannot be decoded, and why: the last found, so as not to try again each time.
    damaged: (Range<usize>, String),
    bytes: Vec<u8>,
}

impl VideoFile {
    /// Reads the header, not the frames.
    ///
    /// # Errors
    /// The file cannot be read, is no MP4, or its codec is another; the message says what to do.
    pub fn open(path: &Path) -> Result<Self, DatasetError> {
        let mut file = File::open(path).map_err(DatasetError::io("open", path))?;
        let track = Track::read(&mut file, path)?;
        let mut samples: Vec<usize> = (0..track.samples.len()).collect();
        samples.sort_by_key(|&sample| track.samples[sample].shown);
        let mut frames = vec![0; samples.len()];
        for (frame, &sample) in samples.iter().enumerate() {
            frames[sample] = frame;
        }
        let keys = (0..track.samples.len()).filter(|&i| track.samples[i].is_key).collect();
        let parameters = track.entries.first().and_then(parameters);
        Ok(Self {
            path: path.to_owned(),
            file,
            track,
            samples,
            frames,
            parameters,
            keys,
            playback: None,
            damaged: (0..0, String::new()),
            bytes: Vec::new(),
        })
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    #[must_use]
    pub fn n_frames(&self) -> usize {
        self.samples.len()
    }

    /// Frames per second: the mean, or what one frame's length says.
    #[must_use]
    pub fn fps(&self) -> f64 {
        let timescale = f64::from(self.track.timescale);
        let (Some(first), Some(last)) =
            (self.shown(0), self.shown(self.n_frames().wrapping_sub(1)))
        else {
            return 0.0;
        };
        let ticks = last.saturating_sub(first);
        if ticks > 0 {
            return timescale * (self.n_frames() - 1) as f64 / ticks as f64;
        }
        self.track
            .samples
            .first()
            .map_or(0.0, |sample| timescale / f64::from(sample.duration.max(1)))
    }

    /// Width and height in pixels.
    #[must_use]
    pub fn size(&self) -> (u32, u32) {
        self.track
            .entries
            .first()
            .map_or((0, 0), |entry| (u32::from(entry.visual.width), u32::from(entry.visual.height)))
    }

    /// Whether decoding can begin with the frame, as the file says.
    #[must_use]
    pub fn is_key(&self, idx: usize) -> bool {
        self.sample(idx).is_some_and(|sample| sample.is_key)
    }

    /// When the frame is shown, in seconds; the end of the last one for those after it.
    #[must_use]
    pub fn time_of(&self, idx: usize) -> f64 {
        let ticks = self.shown(idx).unwrap_or_else(|| {
            let ends = self.track.samples.iter();
            ends.map(|s| s.shown.saturating_add(i64::from(s.duration))).max().unwrap_or(0)
        });
        ticks as f64 / f64::from(self.track.timescale)
    }

    /// The frame shown nearest to a time in seconds; `None` without any frame.
    #[must_use]
    pub fn frame_at(&self, seconds: f64) -> Option<usize> {
        let after = self.samples.partition_point(|&sample| {
            self.track.samples[sample].shown as f64 / f64::from(self.track.timescale) < seconds
        });
        let candidates = after.saturating_sub(1)..(after + 1).min(self.n_frames());
        candidates.min_by(|&a, &b| {
            let far = |idx| (self.time_of(idx) - seconds).abs();
            far(a).total_cmp(&far(b))
        })
    }

    /// Size and parameter sets; `None` where the file keeps the sets among the frames.
    #[must_use]
    pub fn parameters(&self) -> Option<&Parameters> {
        self.parameters.as_ref()
    }

    /// The coded frame as it lies in the file: NAL units with length prefixes.
    ///
    /// # Errors
    /// There is no such frame, or the file cannot be read.
    pub fn sample_bytes(&mut self, idx: usize) -> Result<Vec<u8>, DatasetError> {
        let sample = *self.samples.get(idx).ok_or_else(|| self.missing(idx))?;
        self.load(sample).map(<[u8]>::to_vec)
    }

    /// Decodes a frame into `rgb`, which is resized to `width * height * 3`. The next frame costs
    /// one decode; a jump decodes from the key frame before it.
    ///
    /// # Errors
    /// There is no such frame, the file cannot be read, or the frame is damaged; others may be
    /// good.
    pub fn decode(&mut self, idx: usize, rgb: &mut Vec<u8>) -> Result<(), DatasetError> {
        let Some(&sample) = self.samples.get(idx) else { return Err(self.missing(idx)) };
        if self.damaged.0.contains(&sample) {
            return Err(self.broken(idx, &self.damaged.1));
        }
        let entry = self.track.samples[sample].entry;
        rgb.resize(n_bytes(&self.track.entries[entry]), 0);
        let mut playback = self.seek(idx, sample)?;
        match self.play(&mut playback, idx, rgb) {
            Ok(()) => self.playback = Some(playback),
            Err(Stop::Read(why)) => return Err(why),
            Err(Stop::Damage(damaged, reason)) => {
                // What was decoded before it may still be in the decoder.
                let _ = playback.flush(&self.track.entries[entry]);
                let Some(picture) = playback.take(idx) else {
                    let end = self.keys.partition_point(|&key| key <= damaged);
                    let end = self.keys.get(end).copied().unwrap_or(self.samples.len());
                    self.damaged = (damaged..end, reason);
                    return Err(self.broken(idx, &self.damaged.1));
                };
                *rgb = picture;
            }
        }
        Ok(())
    }

    /// Whether the first frame of the range is a key frame and each after it needs only those
    /// before it, so that [`sample_bytes`](Self::sample_bytes) and
    /// [`parameters`](Self::parameters) are a stream that a player can take as it comes.
    pub fn is_stream(&mut self, range: Range<usize>) -> bool {
        let is_first_entry = |sample: &usize| self.track.samples[*sample].entry == 0;
        let samples = self.samples.get(range.clone());
        let is_in_order = samples.is_some_and(|s| s.is_sorted() && s.iter().all(is_first_entry));
        is_in_order && self.parameters.is_some() && self.part(range).is_ok()
    }

    /// What can be copied as it is.
    ///
    /// # Errors
    /// [`DatasetError::Refused`]: the frames of the range are not all that is needed to show them.
    pub(super) fn part(&mut self, range: Range<usize>) -> Result<Part, DatasetError> {
        let refused = |path: &Path, reason: String| {
            let (path, Range { start, end }) = (path.display(), &range);
            DatasetError::Refused(format!("frames {start}..{end} of {path}: {reason}"))
        };
        let Some(frames) = self.samples.get(range.clone()).filter(|frames| !frames.is_empty())
        else {
            return Err(refused(&self.path, format!("it has {}", self.n_frames())));
        };
        let first = frames[0];
        let samples = first..first + frames.len();
        let is_closed = frames.iter().all(|sample| samples.contains(sample));
        let entry = self.track.samples[first].entry;
        let is_uniform = frames.iter().all(|&sample| self.track.samples[sample].entry == entry);
        let start = self.start_before(first)?;
        if start != first || !self.track.samples[first].is_key {
            let before = self.frames[start];
            let reason = format!("decoding cannot begin there; it can at frame {before} before it");
            return Err(refused(&self.path, reason));
        }
        if !is_closed {
            return Err(refused(
                &self.path,
                "the last refers to one after it; move the end by one or two frames".to_owned(),
            ));
        }
        if !is_uniform {
            return Err(refused(&self.path, "its settings change in between".to_owned()));
        }
        Ok(Part { entry: self.track.entries[entry].clone(), first: range.start, samples })
    }

    /// The place of a sample in the order to show.
    pub(super) fn frame_of(&self, sample: usize) -> usize {
        self.frames[sample]
    }

    /// Gets the decoder to where going on leads to the frame.
    fn seek(&mut self, idx: usize, sample: usize) -> Result<Playback, DatasetError> {
        let key = self.key_before(sample);
        let current = self.playback.take();
        let is_on_the_way =
            |playback: &Playback| playback.holds(idx) || (key..=sample).contains(&playback.next);
        let current = match current {
            Some(playback) if is_on_the_way(&playback) => return Ok(playback),
            other => other,
        };
        let key = self.start_before(sample)?;
        let restarted = current.map_or_else(Playback::new, Ok).and_then(|mut playback| {
            playback.restart(key)?;
            Ok(playback)
        });
        restarted.map_err(|reason| self.broken(idx, &reason))
    }

    fn play(&mut self, playback: &mut Playback, idx: usize, rgb: &mut Vec<u8>) -> Result<(), Stop> {
        let wanted = self.samples[idx];
        loop {
            if let Some(picture) = playback.take(idx) {
                *rgb = picture;
                return Ok(());
            }
            let next = playback.next;
            let damage = |reason: String| Stop::Damage(next, reason);
            if next > wanted && !playback.holds(idx) {
                return Err(Stop::Damage(wanted, "it gives no picture".to_owned()));
            }
            let Some(&sample) = self.track.samples.get(next) else {
                let entry = self.track.samples[wanted].entry;
                playback.flush(&self.track.entries[entry]).map_err(damage)?;
                continue;
            };
            self.load(next).map_err(Stop::Read)?;
            let entry = &self.track.entries[sample.entry];
            let coded = Coded::new(&self.bytes, entry, self.frames[next])
                .ok_or_else(|| damage("its NAL units are broken".to_owned()))?;
            if coded.is_idr() && playback.is_waiting() {
                playback.flush(entry).map_err(damage)?;
            } else if playback.feed(&coded, idx, rgb).map_err(damage)? {
                return Ok(());
            }
        }
    }

    /// Reads a sample into `bytes`.
    pub(super) fn load(&mut self, sample: usize) -> Result<&[u8], DatasetError> {
        let Sample { offset, size, .. } = self.track.samples[sample];
        read_at(&mut self.file, offset, u64::from(size), &mut self.bytes)
            .map_err(DatasetError::io("read", &self.path))?;
        Ok(&self.bytes)
    }

    /// The sample at or before one with which decoding can truly begin: frames after a key frame
    /// that is no IDR may refer to what was before it.
    fn start_before(&mut self, sample: usize) -> Result<usize, DatasetError> {
        let mut key = self.key_before(sample);
        while key > 0 && !self.is_idr(key)? {
            key = self.key_before(key - 1);
        }
        Ok(key)
    }

    fn is_idr(&mut self, sample: usize) -> Result<bool, DatasetError> {
        self.load(sample)?;
        let entry = &self.track.entries[self.track.samples[sample].entry];
        // A broken one is for the decoder to complain about.
        Ok(Coded::new(&self.bytes, entry, 0).is_none_or(|coded| coded.is_idr()))
    }

    /// The key sample at or before a sample.
    fn key_before(&self, sample: usize) -> usize {
        let after = self.keys.partition_point(|&key| key <= sample);
        after.checked_sub(1).map_or(0, |i| self.keys[i])
    }

    fn shown(&self, idx: usize) -> Option<i64> {
        self.sample(idx).map(|sample| sample.shown)
    }

    fn sample(&self, idx: usize) -> Option<&Sample> {
        self.samples.get(idx).map(|&sample| &self.track.samples[sample])
    }

    fn missing(&self, idx: usize) -> DatasetError {
        let n_frames = self.n_frames();
        let reason = format!("there is no frame {idx}, it has {n_frames}");
        DatasetError::Video { path: self.path.clone(), reason }
    }

    fn broken(&self, idx: usize, reason: &str) -> DatasetError {
        let reason = format!("frame {idx} cannot be decoded: {reason}");
        DatasetError::Video { path: self.path.clone(), reason }
    }
}

impl std::fmt::Debug for VideoFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VideoFile")
            .field("path", &self.path)
            .field("n_frames", &self.n_frames())
            .finish_non_exhaustive()
    }
}

/// Why a run ended early.
enum Stop {
    Read(DatasetError),
    /// From this sample on.
    Damage(usize, String),
}

fn parameters(entry: &Avc1Box) -> Option<Parameters> {
    Some(Parameters {
        width: u32::from(entry.visual.width),
        height: u32::from(entry.visual.height),
        sps: entry.avcc_box.sps_list.first()?.clone(),
        pps: entry.avcc_box.pps_list.first()?.clone(),
    })
}
