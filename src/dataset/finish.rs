//! From a journal to an episode of the dataset; the same for an episode that ended well and for one
//! that a crash cut short.

#[cfg(test)]
pub(super) mod tests;

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::journal::{self, Mark, TICKS, video_file};
use super::lerobot::{
    CameraSpec, EpisodeNotes, FeatureStats, Histograms, NewEpisode, Schema, Store,
};
use super::rows::{self, Derived, Part};
use super::video::{self, VideoFile};
use super::{Dataset, DatasetError};

/// Where journals lie while they are written; LeRobot ignores the folder.
pub const JOURNALS: &str = ".journal";

/// What became of a journal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Finished {
    /// Numbers of the episodes in the dataset: more than one where the operator cut.
    pub episodes: Vec<usize>,
    pub n_rows: usize,
    pub fps: u32,
    /// Why it is not whole; empty when it is.
    pub incomplete: String,
}

/// The folder of one recording's journal.
#[must_use]
pub fn journal_folder(root: &Path, recording: &str) -> PathBuf {
    root.join(JOURNALS).join(recording)
}

/// How many episodes there are, if episodes of this rate (0: the camera's) and size can be added.
///
/// # Errors
/// The dataset cannot be read, or holds other pictures.
pub fn fits(root: &Path, fps: u32, size: Option<(u32, u32)>) -> Result<usize, DatasetError> {
    if !root.join("meta/info.json").exists() {
        return Ok(0);
    }
    let dataset = Dataset::open(root)?;
    let info = dataset.info();
    let camera = dataset.cameras().first().and_then(|camera| info.features.get(camera).cloned());
    let has = camera.and_then(|camera| match camera.shape.as_slice() {
        [height, width, _] => Some((*width as u32, *height as u32)),
        _ => None,
    });
    let differs = has.is_some() && size.is_some() && has != size;
    if differs || (fps != 0 && info.fps != fps) {
        let (w, h) = has.unwrap_or_default();
        let text = format!(
            "dataset {} holds {w}x{h} pictures at {} rows a second; name another dataset with \
             record.dataset, or set the camera to that",
            root.display(),
            info.fps
        );
        return Err(DatasetError::Refused(text));
    }
    Ok(dataset.episodes().len())
}

/// Adds the journal in `folder` to the dataset and removes it. Doing it again after a crash adds
/// nothing twice. A journal without a whole row is removed.
///
/// # Errors
/// The journal or the dataset cannot be read or written; the journal stays as it is.
pub fn finish(root: &Path, folder: &Path) -> Result<Finished, DatasetError> {
    let records = journal::read(&folder.join(TICKS))?.records;
    let path = video_file(folder);
    let mut video = VideoFile::open(&path)?;
    let Some(derived) = rows::derive(&records, video.n_frames()) else {
        remove(folder)?;
        return Ok(Finished::default());
    };
    let schema = schema(&derived);
    let mut parts = derived.parts()?;
    let is_all_cut = parts.is_empty();
    if is_all_cut {
        parts.push(derived.whole()?);
    }
    let mut store = Store::create_or_open(root, &schema)?;
    if derived.is_cut() && !is_all_cut {
        keep_uncut(root, &schema, &derived, &mut video, folder)?;
    }
    let mut finished = Finished {
        fps: derived.start.fps,
        incomplete: incomplete(&derived),
        ..Finished::default()
    };
    for (number, part) in parts.iter().enumerate() {
        let name = match number {
            0 => derived.start.recording.clone(),
            _ => format!("{}-{}", derived.start.recording, number + 1),
        };
        let idx = append(&mut store, &derived, part, &name, &mut video, folder)?;
        finished.episodes.push(idx);
        finished.n_rows += part.table.n_rows();
    }
    if is_all_cut {
        store.discard(&finished.episodes)?;
    }
    remove(folder)?;
    Ok(finished)
}

/// Finishes every journal that nobody is writing any more.
#[must_use]
pub fn repair(root: &Path) -> Vec<(PathBuf, Result<Finished, DatasetError>)> {
    let Ok(entries) = fs::read_dir(root.join(JOURNALS)) else { return Vec::new() };
    let mut folders: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    folders.sort();
    folders.retain(|folder| !is_being_written(folder));
    let repaired = |folder: PathBuf| {
        let result = if folder.join(TICKS).exists() {
            finish(root, &folder)
        } else {
            // The station died between making the folder and its first record.
            remove(&folder).map(|()| Finished::default())
        };
        (folder, result)
    };
    folders.into_iter().map(repaired).collect()
}

/// A journal's file is locked by whoever writes it; a crash lets go of it.
fn is_being_written(folder: &Path) -> bool {
    let Ok(file) = File::open(folder.join(TICKS)) else { return false };
    matches!(file.try_lock_shared(), Err(fs::TryLockError::WouldBlock))
}

/// Puts a mark on the episodes of a recording that has ended.
///
/// # Errors
/// The recording is not in the dataset, or the dataset cannot be written.
pub fn mark(store: &mut Store, recording: &str, mark: &Mark) -> Result<(), DatasetError> {
    for episode in episodes_of(store, recording)? {
        store.set_notes(episode, |notes| match mark {
            Mark::Success(success) => notes.success = *success,
            Mark::Tag(tag) if notes.tags.contains(tag) => {}
            Mark::Tag(tag) => notes.tags.push(tag.clone()),
            Mark::Cut { .. } | Mark::Uncut => {}
        })?;
    }
    Ok(())
}

/// Puts the episodes of a recording aside.
///
/// # Errors
/// As [`mark`].
pub fn discard(store: &mut Store, recording: &str) -> Result<(), DatasetError> {
    let episodes = episodes_of(store, recording)?;
    store.discard(&episodes)
}

/// Brings the episodes of a discarded recording back, as the newest.
///
/// # Errors
/// As [`mark`].
pub fn restore(store: &mut Store, recording: &str) -> Result<(), DatasetError> {
    let discarded = store.discarded()?;
    let is_of = |name: &String| is_part_of(name, recording);
    let names: Vec<_> = discarded.into_iter().filter(is_of).collect();
    if names.is_empty() {
        let text = format!("there is no discarded recording {recording}");
        return Err(DatasetError::Refused(text));
    }
    names.iter().try_for_each(|name| store.restore(name).map(drop))
}

fn episodes_of(store: &Store, recording: &str) -> Result<Vec<usize>, DatasetError> {
    let episodes = store.episodes().iter();
    let of = episodes.filter(|episode| is_part_of(&episode.notes.recording, recording));
    let found: Vec<_> = of.map(|episode| episode.index).collect();
    if found.is_empty() {
        return Err(DatasetError::Refused(format!("recording {recording} is not in the dataset")));
    }
    Ok(found)
}

/// `name` is the recording, or a part of it after a cut: `RECORDING-2`.
fn is_part_of(name: &str, recording: &str) -> bool {
    name.strip_prefix(recording).is_some_and(|rest| {
        let number = rest.strip_prefix('-').map(str::parse::<u32>);
        rest.is_empty() || matches!(number, Some(Ok(_)))
    })
}

fn schema(derived: &Derived) -> Schema {
    let start = &derived.start;
    let camera = CameraSpec {
        key: start.camera.clone(),
        width: start.video.width,
        height: start.video.height,
    };
    Schema::drive(start.fps, &start.robot, vec![camera])
}

fn incomplete(derived: &Derived) -> String {
    derived.end.as_ref().map_or_else(
        || "the station ended without ending the episode".to_owned(),
        |end| end.incomplete.clone(),
    )
}

fn append(
    store: &mut Store,
    derived: &Derived,
    part: &Part,
    recording: &str,
    video: &mut VideoFile,
    folder: &Path,
) -> Result<usize, DatasetError> {
    let start = &derived.start;
    let staged = folder.join("part.mp4");
    video::remux(&mut [(video, part.frames.clone())], start.fps, &staged)?;
    let ticks = folder.join("part.ticks");
    let source = folder.join(TICKS);
    fs::copy(&source, &ticks).map_err(DatasetError::io("copy", &source))?;
    let (policy, policy_sha256) = part.policy.clone();
    let mut tags = derived.tags.clone();
    if start.is_takeover {
        tags.insert(0, "takeover".to_owned());
    }
    store.append(NewEpisode {
        table: part.table.clone(),
        tasks: part.tasks.clone(),
        videos: [(start.camera.clone(), staged)].into(),
        ticks: Some(ticks),
        picture_stats: [(start.camera.clone(), FeatureStats::of_pictures(&histograms(part)))]
            .into(),
        notes: EpisodeNotes {
            success: derived.success,
            tags,
            takeovers: i64::from(part.takeovers),
            policy,
            policy_sha256,
            station: start.station.clone(),
            incomplete: incomplete(derived),
            recording: recording.to_owned(),
            started_unix_ns: start.started_unix_ns,
            frames_repeated: part.repeated.cast_signed(),
            frames_dropped: part.dropped.cast_signed(),
            ..EpisodeNotes::default()
        },
    })
}

/// What the operator cut is kept whole among the discarded episodes.
fn keep_uncut(
    root: &Path,
    schema: &Schema,
    derived: &Derived,
    video: &mut VideoFile,
    folder: &Path,
) -> Result<(), DatasetError> {
    let recording = format!("{}-uncut", derived.start.recording);
    let aside = root.join(super::lerobot::DISCARDED).join(&recording);
    let mut store = Store::create_or_open(&aside, schema)?;
    append(&mut store, derived, &derived.whole()?, &recording, video, folder).map(drop)
}

fn histograms(part: &Part) -> Histograms {
    let mut sum = Histograms::default();
    for counts in &part.histograms {
        sum.frames += 1;
        for (bins, counts) in sum.bins.iter_mut().zip(counts.chunks(256)) {
            for (bin, count) in bins.iter_mut().zip(counts) {
                *bin += u64::from(*count);
            }
        }
    }
    sum
}

fn remove(folder: &Path) -> Result<(), DatasetError> {
    fs::remove_dir_all(folder).map_err(DatasetError::io("remove the journal", folder))
}
