//! Clips out of recorded episodes, kept on the disk until the recordings change.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest, Sha256};

use super::{Clip, ExamplesSpec, ExamplesWriter, LabelTrack, TrackEnd};
use crate::dataset::loader::{Loader, RowId};
use crate::dataset::table::Table;
use crate::msg::Frame;
use crate::policy;
use crate::policy::Preprocessor;
use crate::sim::language;
use crate::train::TrainError;
use crate::train::labels::{Label, LabelRules, labels};

/// Counts up whenever the same recordings would give other clips.
const VERSION: u32 = 1;
/// What an episode is called whose operator said nothing; there is nothing to learn from it.
const NO_INSTRUCTION: &str = "no instruction";

/// How recordings become clips.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordingOptions {
    /// The folder for what was made, to be used again.
    pub cache: PathBuf,
    /// Share of the episodes to examine with, as [`Loader::split`] draws them.
    pub held_out: f64,
    pub labels: LabelRules,
    /// Clips made of an episode to learn from, each a fraction of a step after the other, so that
    /// rows between two steps are learnt from as well. At most as many as make a difference.
    pub phases: usize,
    /// A success is followed by so long a look at its last picture, standing.
    pub hold_s: f64,
    /// How many decode pictures.
    pub threads: usize,
}

impl Default for RecordingOptions {
    fn default() -> Self {
        Self {
            cache: PathBuf::new(),
            held_out: 0.1,
            labels: LabelRules::default(),
            phases: 3,
            hold_s: 0.0,
            threads: 1,
        }
    }
}

/// The files that were made of recordings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Converted {
    pub training: PathBuf,
    pub held_out: PathBuf,
    /// They were there already.
    pub is_cached: bool,
}

/// Makes clips of the dataset in `root`, or finds those made before. `told` hears after each
/// episode how many of how many are done.
///
/// # Errors
/// The dataset cannot be read, has no camera or fewer rows a second than steps are asked for, or
/// the disk does not take the clips.
pub fn from_recordings(
    root: &Path,
    spec: &ExamplesSpec,
    options: &RecordingOptions,
    told: &mut dyn FnMut(usize, usize),
) -> Result<Converted, TrainError> {
    let name = fingerprint(root, spec, options)?;
    let file = |side: &str| options.cache.join(format!("{name}-{side}.examples"));
    let mut converted =
        Converted { training: file("training"), held_out: file("held-out"), is_cached: true };
    if converted.training.exists() && converted.held_out.exists() {
        return Ok(converted);
    }
    fs::create_dir_all(&options.cache).map_err(TrainError::io("create", &options.cache))?;
    converted.is_cached = false;
    let source = Source::open(root, spec, options)?;
    let (training, held_out) = source.loader.split(options.held_out);
    let total = training.len() + held_out.len();
    let mut done = 0;
    for (path, episodes, phases) in
        [(&converted.training, training, source.n_phases()), (&converted.held_out, held_out, 1)]
    {
        let part = path.with_extension("part");
        if part.exists() {
            fs::remove_file(&part).map_err(TrainError::io("remove", &part))?;
        }
        let mut writer = ExamplesWriter::create(&part, spec)?;
        for episode in episodes {
            for clip in source.clips(episode, phases)? {
                writer.push(&clip)?;
            }
            done += 1;
            told(done, total);
        }
        writer.finish()?;
        fs::rename(&part, path).map_err(TrainError::io("write", path))?;
    }
    Ok(converted)
}

/// The dataset with all that makes clips of it.
struct Source<'a> {
    loader: Loader,
    spec: &'a ExamplesSpec,
    options: &'a RecordingOptions,
    /// Rows from one step to the next.
    stride: f64,
}

/// Rows of one instruction, one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment<'a> {
    pub instruction: &'a str,
    pub rows: std::ops::Range<usize>,
    /// It ends with the episode.
    pub is_last: bool,
}

impl<'a> Source<'a> {
    fn open(
        root: &Path,
        spec: &'a ExamplesSpec,
        options: &'a RecordingOptions,
    ) -> Result<Self, TrainError> {
        let image = spec.image();
        // Each thread that decodes takes one and gives it back.
        let resizers: Mutex<Vec<(Preprocessor, Frame)>> = Mutex::default();
        let prepare = move |rgb: &[u8], width: u32, height: u32| {
            let free = || resizers.lock().unwrap_or_else(PoisonError::into_inner);
            let taken = free().pop();
            let (mut resizer, mut frame) =
                taken.unwrap_or_else(|| (Preprocessor::new(image.clone()), Frame::default()));
            frame.resize(width, height);
            frame.rgb.clear();
            frame.rgb.extend_from_slice(rgb);
            let mut picture = vec![0; resizer.len()];
            resizer.apply(&frame, &mut picture);
            free().push((resizer, frame));
            picture
        };
        let loader = Loader::open(root, options.threads, 0, Box::new(prepare))?;
        let fps = f64::from(loader.dataset().info().fps);
        let stride = fps / spec.rate_hz;
        // A camera's rate is a whole number; what it lacks to a step's is within its jitter.
        if !(stride.is_finite() && stride >= 0.99) {
            let (root, rate) = (root.display(), spec.rate_hz);
            let text = format!("{root} has {fps} rows a second, the policy {rate} steps");
            return Err(TrainError::Data(text));
        }
        Ok(Self { loader, spec, options, stride })
    }

    fn n_phases(&self) -> usize {
        self.options.phases.clamp(1, (self.stride.round() as usize).max(1))
    }

    fn clips(&self, episode: usize, phases: usize) -> Result<Vec<Clip>, TrainError> {
        let dataset = self.loader.dataset();
        let meta = dataset.episode(episode)?;
        let Some(table) = self.loader.table(episode) else { return Ok(Vec::new()) };
        let fps = dataset.info().fps;
        let labels = labels(table, fps, &self.options.labels, meta.notes.success == Some(false))
            .map_err(|error| in_episode(episode, &error))?;
        let (captured, sent) = times(table, fps);
        let mut clips = Vec::new();
        for segment in segments(table, dataset.tasks()) {
            let rows = segment.rows.clone();
            let is_success = segment.is_last && meta.notes.success == Some(true);
            let end = if is_success { TrackEnd::Standing } else { TrackEnd::Unknown };
            let of = |times: &[f64]| times.get(rows.clone()).unwrap_or_default().to_vec();
            let own: &[Label] = labels.get(rows.clone()).unwrap_or_default();
            let drive = Drive {
                episode,
                first: rows.start,
                captured: of(&captured),
                track: LabelTrack::new(&of(&sent), own, end),
                hold: if is_success { self.n_hold() } else { 0 },
            };
            for mut clip in self.cut(&drive, phases)? {
                if clip.weights.iter().any(|weight| *weight > 0.0) {
                    segment.instruction.clone_into(&mut clip.instruction);
                    clip.is_mirrorable = language::is_mirrorable(segment.instruction);
                    clip.origin = match meta.notes.recording.as_str() {
                        "" => format!("episode {episode}"),
                        recording => recording.to_owned(),
                    };
                    clips.push(clip);
                }
            }
        }
        Ok(clips)
    }

    fn n_hold(&self) -> usize {
        (self.options.hold_s * self.spec.rate_hz).round() as usize
    }

    /// A clip for each phase. Every row's picture is decoded once.
    fn cut(&self, drive: &Drive, phases: usize) -> Result<Vec<Clip>, TrainError> {
        let rows_of = |phase: usize| {
            let part = phase as f64 / phases as f64;
            let nth = move |step: usize| ((step as f64 + part) * self.stride).round() as usize;
            (0..).map(nth).take_while(|row| *row < drive.captured.len())
        };
        let wanted: BTreeSet<usize> = (0..phases).flat_map(rows_of).collect();
        let id = |row: &usize| RowId { episode: drive.episode, row: drive.first + row };
        let loaded = self.loader.load(&wanted.iter().map(id).collect::<Vec<_>>())?;
        let pictures: BTreeMap<usize, Arc<[u8]>> = wanted.into_iter().zip(loaded).collect();
        let clip = |phase: usize| {
            let mut clip = Clip::default();
            let mut last = None;
            for row in rows_of(phase) {
                if let (Some(time), Some(picture)) = (drive.captured.get(row), pictures.get(&row)) {
                    self.push_step(&mut clip, picture, *time, &drive.track);
                    last = Some((*time, picture));
                }
            }
            if let Some((time, picture)) = last {
                for step in 1..=drive.hold {
                    let later = time + step as f64 / self.spec.rate_hz;
                    self.push_step(&mut clip, picture, later, &drive.track);
                }
            }
            clip
        };
        Ok((0..phases).map(clip).collect())
    }

    fn push_step(&self, clip: &mut Clip, picture: &Arc<[u8]>, time: f64, track: &LabelTrack) {
        clip.pictures.push(picture.to_vec());
        track.push_step(time, self.spec, &mut clip.targets, &mut clip.weights);
    }
}

/// A segment ready to be cut into steps.
struct Drive {
    episode: usize,
    /// Its first row.
    first: usize,
    /// When each row's picture was taken, seconds.
    captured: Vec<f64>,
    track: LabelTrack,
    /// Steps to look on at the end.
    hold: usize,
}

/// Runs of rows with one instruction; rows without one are left out.
#[must_use]
pub fn segments<'a>(table: &Table, tasks: &'a [String]) -> Vec<Segment<'a>> {
    let of_row = table.i64s("task_index").unwrap_or_default();
    let mut segments = Vec::new();
    let mut start = 0;
    for run in of_row.chunk_by(|a, b| a == b) {
        let rows = start..start + run.len();
        start = rows.end;
        let task = run.first().and_then(|task| usize::try_from(*task).ok());
        let instruction = task.and_then(|task| tasks.get(task)).map_or("", String::as_str);
        if !instruction.is_empty() && instruction != NO_INSTRUCTION {
            let is_last = rows.end == of_row.len();
            segments.push(Segment { instruction, rows, is_last });
        }
    }
    segments
}

/// When each row's picture was taken and its command sent, seconds; by the rows' number where the
/// recording does not tell.
#[must_use]
pub fn times(table: &Table, fps: u32) -> (Vec<f64>, Vec<f64>) {
    let stamps = |name: &str| {
        let stamps = table.i64s(name)?;
        (stamps.is_sorted() && stamps.first() < stamps.last()).then_some(stamps)
    };
    let both = stamps("capture_time_ns").zip(stamps("tick_time_ns"));
    if let Some((captured @ [zero, ..], sent)) = both {
        let seconds = |stamp: &i64| stamp.saturating_sub(*zero) as f64 / 1e9;
        return (captured.iter().map(seconds).collect(), sent.iter().map(seconds).collect());
    }
    let rows: Vec<f64> = (0..table.n_rows()).map(|row| row as f64 / f64::from(fps)).collect();
    (rows.clone(), rows)
}

fn in_episode(episode: usize, error: &TrainError) -> TrainError {
    TrainError::Data(format!("episode {episode}: {error}"))
}

/// A name for the clips that these recordings give: of what stands in the dataset's tables, its
/// videos' names and sizes, and everything asked for.
fn fingerprint(
    root: &Path,
    spec: &ExamplesSpec,
    options: &RecordingOptions,
) -> Result<String, TrainError> {
    let mut hash = Sha256::new();
    let RecordingOptions { held_out, labels, phases, hold_s, cache: _, threads: _ } = options;
    hash.update(format!("{VERSION} {spec:?} {held_out} {labels:?} {phases} {hold_s}"));
    let mut files = Vec::new();
    for folder in ["meta", "data", "videos"] {
        files_below(&root.join(folder), &mut files)?;
    }
    files.sort();
    for path in files {
        let read = TrainError::io("read", &path);
        let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
        hash.update(name.as_bytes());
        if path.extension().is_some_and(|extension| extension == "mp4") {
            let length = fs::metadata(&path).map_err(read)?.len();
            hash.update(length.to_le_bytes());
        } else {
            let bytes = fs::read(&path).map_err(read)?;
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        }
    }
    Ok(policy::hex(hash.finalize().get(..12).unwrap_or_default()))
}

fn files_below(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), TrainError> {
    if !folder.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(folder).map_err(TrainError::io("list", folder))? {
        let path = entry.map_err(TrainError::io("list", folder))?.path();
        if path.is_dir() {
            files_below(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}
