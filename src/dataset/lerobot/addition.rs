//! Episodes on their way into a dataset: from a recorder, or from another dataset.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;

use super::episodes::{EpisodeMeta, EpisodeNotes};
use super::info::AUTOMATIC;
use super::reading::{Dataset, RowReader};
use super::stats::Stats;
use crate::dataset::DatasetError;
use crate::dataset::table::Table;
use crate::dataset::video::VideoFile;

/// An episode to be added.
#[derive(Clone, Debug, Default)]
pub struct NewEpisode {
    /// A column for each feature that is no video, without the five automatic ones.
    pub table: Table,
    /// The text of the task, for each row.
    pub tasks: Vec<String>,
    /// By camera: an MP4 with a frame for each row, starting at 0.
    pub videos: BTreeMap<String, PathBuf>,
    /// Its tick journal.
    pub ticks: Option<PathBuf>,
    /// By camera.
    pub picture_stats: Stats,
    pub notes: EpisodeNotes,
}

/// A new episode, and what only one from a dataset has.
#[derive(Clone, Debug, Default)]
pub(super) struct Addition {
    pub(super) episode: NewEpisode,
    /// By camera: the frames of the video that are its, where they are not all.
    pub(super) frames: BTreeMap<String, Range<usize>>,
    /// Whether the tick journal stays where it is, too.
    pub(super) copies_ticks: bool,
    /// Columns of other programs in its row of metadata.
    pub(super) other: Table,
}

impl From<NewEpisode> for Addition {
    fn from(episode: NewEpisode) -> Self {
        Self { episode, ..Self::default() }
    }
}

impl NewEpisode {
    /// That each video has a frame for each row: else every later picture belongs to another row.
    pub(super) fn check_videos(&self) -> Result<(), DatasetError> {
        let n_rows = self.table.n_rows();
        for path in self.videos.values() {
            let n_frames = VideoFile::open(path)?.n_frames();
            if n_frames != n_rows {
                let reason = format!("it has {n_frames} frames, the episode {n_rows} rows");
                return Err(DatasetError::Video { path: path.clone(), reason });
            }
        }
        Ok(())
    }
}

impl Dataset {
    /// An episode as it can be added elsewhere; `meta` is its row with statistics.
    pub(super) fn addition(&self, meta: &EpisodeMeta) -> Result<Addition, DatasetError> {
        self.addition_of(meta, self.rows(meta.index)?)
    }

    /// The same, with its rows.
    pub(super) fn addition_of(
        &self,
        meta: &EpisodeMeta,
        table: Table,
    ) -> Result<Addition, DatasetError> {
        let text =
            |at: &i64| usize::try_from(*at).ok().and_then(|at| self.tasks().get(at)).cloned();
        let tasks = table.i64s("task_index").unwrap_or_default().iter().map(text);
        let tasks: Option<Vec<_>> = tasks.collect();
        let Some(tasks) = tasks.filter(|tasks| tasks.len() == meta.length) else {
            let (root, index) = (self.root().display(), meta.index);
            let what = format!("{root}: a task of episode {index} is not in meta/tasks.parquet");
            return Err(DatasetError::Refused(what));
        };
        let table = own_columns(table);
        let mut videos = BTreeMap::new();
        let mut frames = BTreeMap::new();
        for camera in self.cameras() {
            let (path, first) = self.video_path(meta.index, &camera)?;
            if first > 0 || self.is_shared(meta, &camera) {
                frames.insert(camera.clone(), first..first + meta.length);
            }
            videos.insert(camera, path);
        }
        let is_picture = |name: &String| videos.contains_key(name);
        let picture_stats = meta.stats.iter().filter(|(name, _)| is_picture(name));
        let picture_stats = picture_stats.map(|(name, own)| (name.clone(), own.clone())).collect();
        let ticks = self.ticks_path(meta.index);
        let notes = meta.notes.clone();
        let episode = NewEpisode { table, tasks, videos, ticks, picture_stats, notes };
        Ok(Addition { episode, frames, copies_ticks: false, other: meta.other.clone() })
    }

    /// Whether an episode of that recording is here with all of these rows, one after the other.
    pub(super) fn has_rows(&self, recording: &str, rows: &Table) -> Result<bool, DatasetError> {
        let mut reader = RowReader::new(self);
        for meta in self.episodes().iter().filter(|own| own.notes.recording == recording) {
            if is_part(&own_columns(reader.rows(meta.index)?), rows) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether another episode is in the same video file.
    fn is_shared(&self, meta: &EpisodeMeta, camera: &str) -> bool {
        let place = |episode: &EpisodeMeta| episode.videos.get(camera).map(|span| span.place);
        let others = self.episodes().iter().filter(|other| other.index != meta.index);
        others.into_iter().any(|other| place(other) == place(meta))
    }
}

/// Without the columns that tell where in its dataset an episode is.
fn own_columns(mut rows: Table) -> Table {
    for (name, _) in AUTOMATIC {
        rows.remove(name);
    }
    rows
}

fn is_part(whole: &Table, part: &Table) -> bool {
    let n = part.n_rows();
    let begins = |start: &usize| whole.slice(*start..start + 1).is_same(&part.slice(0..1));
    let starts = (0..(whole.n_rows() + 1).saturating_sub(n)).filter(begins);
    starts.into_iter().any(|start| whole.slice(start..start + n).is_same(part))
}
