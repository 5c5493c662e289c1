//! The description of a dataset while a change is prepared: numbers the episodes and stages files.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::{Map, Value};

use super::addition::{Addition, NewEpisode};
use super::episodes::{self, EpisodeMeta, EpisodeNotes, Place, VideoSpan};
use super::info::{self, AUTOMATIC, INFO_PATH, Info};
use super::stats::{self, Stats};
use super::tasks;
use super::transaction::Transaction;
use crate::dataset::DatasetError;
use crate::dataset::table::{self, Column, Table};
use crate::dataset::video::{self, VideoFile};

const STATS_PATH: &str = "meta/stats.json";

/// What the files in `meta/` say, the episodes without their statistics.
#[derive(Clone, Debug)]
pub(super) struct State {
    /// Ends with `/` where the dataset lies within another one.
    prefix: String,
    pub(super) info: Info,
    pub(super) tasks: Vec<String>,
    pub(super) episodes: Vec<EpisodeMeta>,
    pub(super) stats: Stats,
    /// Entries of `stats.json` that this program does not understand.
    other_stats: Map<String, Value>,
}

impl State {
    /// Of an existing dataset.
    pub(super) fn read(root: &Path) -> Result<Self, DatasetError> {
        let info = Info::read(root)?;
        let (episodes, _) = episodes::read_all(root, false)?;
        let (stats, other_stats) = read_stats(root)?;
        let tasks = tasks::read(root)?;
        Ok(Self { prefix: String::new(), info, tasks, episodes, stats, other_stats })
    }

    /// Of a dataset without episodes that is to lie in the folder `prefix` of another one.
    pub(super) fn within(prefix: String, info: &Info) -> Self {
        let info = Info { total_episodes: 0, total_frames: 0, total_tasks: 0, ..info.clone() };
        Self {
            prefix,
            info,
            tasks: Vec::new(),
            episodes: Vec::new(),
            stats: Stats::new(),
            other_stats: Map::new(),
        }
    }

    /// Stages the files of a new episode, all but its row of metadata, which it returns.
    pub(super) fn add(
        &mut self,
        change: &mut Transaction,
        addition: impl Into<Addition>,
    ) -> Result<EpisodeMeta, DatasetError> {
        let addition = addition.into();
        let from_index = self.episodes.last().map_or(0, |last| last.to_index);
        let length = addition.episode.table.n_rows();
        let place = self.next_place();
        let mut episode = EpisodeMeta {
            index: self.episodes.len(),
            length,
            data: place,
            from_index,
            to_index: from_index + length,
            meta: place,
            ..EpisodeMeta::default()
        };
        let rows = self.take_in(change, addition, &mut episode, place)?;
        let staged = change.stage(&self.free(change, &self.info.data_file(place))?)?;
        table::write(&staged, &rows, &[])?;
        stats::add(&mut self.stats, &episode.stats);
        self.episodes.push(episode.clone());
        Ok(episode)
    }

    /// Stages the video and tick files of an episode that has its numbers already, completes its
    /// metadata and returns its rows.
    pub(super) fn take_in(
        &mut self,
        change: &mut Transaction,
        addition: Addition,
        episode: &mut EpisodeMeta,
        place: Place,
    ) -> Result<Table, DatasetError> {
        let Addition { episode: new, frames, copies_ticks, other } = addition;
        let rows = self.rows(&new, episode)?;
        for camera in self.info.features.cameras() {
            let Some(path) = new.videos.get(&camera) else {
                return refuse(format!("the episode has no video of {camera}"));
            };
            let target = self.free(change, &self.info.video_file(&camera, place))?;
            match frames.get(&camera) {
                None => change.take(path, &target)?,
                Some(frames) => {
                    let mut video = VideoFile::open(path)?;
                    let part = &mut [(&mut video, frames.clone())];
                    video::remux(part, self.info.fps, &change.stage(&target)?)?;
                }
            }
            let to_s = episode.length as f64 / f64::from(self.info.fps);
            episode.videos.insert(camera, VideoSpan { place, from_s: 0.0, to_s });
        }
        episode.notes = EpisodeNotes { ticks: String::new(), ..new.notes };
        if let Some(ticks) = &new.ticks {
            episode.notes.ticks = episodes::ticks_path(place);
            let target = self.free(change, &episode.notes.ticks)?;
            if copies_ticks { change.copy(ticks, &target)? } else { change.take(ticks, &target)? }
        }
        episode.other = other;
        episode.stats = stats::of_table(&rows);
        episode.stats.extend(new.picture_stats);
        Ok(rows)
    }

    /// Stages the metadata of episodes that [`State::add`] returned. Where the files already there
    /// have other columns, all of them are written anew: readers want them alike.
    pub(super) fn stage_added_meta(
        &self,
        change: &mut Transaction,
        mut added: Vec<EpisodeMeta>,
    ) -> Result<(), DatasetError> {
        episodes::unify(&mut added);
        let n_before = self.episodes.len() - added.len();
        if !self.has_columns_of(change, &self.episodes[..n_before], &added)? {
            let mut all = self.read_meta(change.root())?;
            all.append(&mut added);
            episodes::unify(&mut all);
            added = all;
        }
        self.stage_meta(change, &added)
    }

    /// Whether the files of metadata in which `there` stands have the columns of `rows`.
    pub(super) fn has_columns_of(
        &self,
        change: &Transaction,
        there: &[EpisodeMeta],
        rows: &[EpisodeMeta],
    ) -> Result<bool, DatasetError> {
        let Some(row) = rows.first() else { return Ok(true) };
        let row = episodes::to_table(std::slice::from_ref(row))?;
        let own: BTreeSet<_> = row.columns().map(|(name, _)| name.to_owned()).collect();
        // Another program adds at the end, and we made all alike that were there before.
        for known in [there.first(), there.last()].into_iter().flatten() {
            let path = change.root().join(self.path(&episodes::meta_path(known.meta)));
            if table::names(&path)? != own {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// All rows of metadata with their statistics. Refuses if one could not be written again.
    pub(super) fn read_meta(&self, root: &Path) -> Result<Vec<EpisodeMeta>, DatasetError> {
        let root = root.join(&self.prefix);
        whole(episodes::read_all(&root, true)?, &root)
    }

    /// The same of one file.
    pub(super) fn read_meta_file(
        &self,
        root: &Path,
        place: Place,
    ) -> Result<Vec<EpisodeMeta>, DatasetError> {
        let path = root.join(self.path(&episodes::meta_path(place)));
        whole(episodes::read_file(&path, true)?, &path)
    }

    /// Stages the files of metadata in which these rows stand; they hold no others.
    pub(super) fn stage_meta(
        &self,
        change: &mut Transaction,
        rows: &[EpisodeMeta],
    ) -> Result<(), DatasetError> {
        let mut files: BTreeMap<Place, Vec<EpisodeMeta>> = BTreeMap::new();
        for row in rows {
            files.entry(row.meta).or_default().push(row.clone());
        }
        for (place, rows) in files {
            let staged = change.stage(&self.path(&episodes::meta_path(place)))?;
            table::write(&staged, &episodes::to_table(&rows)?, &[])?;
        }
        Ok(())
    }

    /// Stages what every change changes: counts, statistics, and the tasks where `before` had
    /// others.
    pub(super) fn stage(
        &mut self,
        change: &mut Transaction,
        before: Option<&Self>,
    ) -> Result<(), DatasetError> {
        self.info.total_episodes = self.episodes.len();
        self.info.total_frames = self.episodes.last().map_or(0, |last| last.to_index);
        self.info.total_tasks = self.tasks.len();
        let all = Value::String(format!("0:{}", self.episodes.len()));
        self.info.splits = Map::from_iter([("train".to_owned(), all)]);
        if before.is_none_or(|before| before.tasks != self.tasks) {
            tasks::stage(change, &self.path(tasks::PATH), &self.tasks)?;
        }
        let stats = stats::to_json(&self.stats, &self.other_stats);
        change.stage_bytes(&self.path(STATS_PATH), &info::to_json(&stats))?;
        change.stage_bytes(&self.path(INFO_PATH), &self.info.to_json())
    }

    /// The columns of `new` in the order of the features, and the automatic ones.
    fn rows(&mut self, new: &NewEpisode, episode: &mut EpisodeMeta) -> Result<Table, DatasetError> {
        let n = episode.length;
        if n == 0 || new.tasks.len() != n {
            return refuse(format!("an episode of {n} rows with {} tasks", new.tasks.len()));
        }
        let mut rows = Table::new();
        for (name, feature) in &self.info.features.0 {
            let is_automatic = AUTOMATIC.iter().any(|(own, _)| own == name);
            if feature.is_video() || is_automatic {
                continue;
            }
            match new.table.column(name) {
                Some(column) if feature.holds(column) => rows.push(name, column.clone())?,
                Some(_) => {
                    let (dtype, shape) = (&feature.dtype, &feature.shape);
                    return refuse(format!("column {name} is not of {dtype} {shape:?}"));
                }
                None => return refuse(format!("column {name} is missing, or cannot be read")),
            }
        }
        let unknown = new.table.columns().find(|(name, _)| rows.column(name).is_none());
        if let Some((name, _)) = unknown {
            return refuse(format!("column {name} is no feature of this dataset"));
        }
        let mut task_indices = Vec::with_capacity(n);
        for text in &new.tasks {
            task_indices.push(signed(tasks::index_of(&mut self.tasks, text)));
            if !episode.tasks.contains(text) {
                episode.tasks.push(text.clone());
            }
        }
        let fps = f64::from(self.info.fps);
        let seconds = (0..n).map(|row| (row as f64 / fps) as f32).collect();
        rows.push("timestamp", Column::F32(seconds))?;
        rows.push("frame_index", Column::I64((0..signed(n)).collect()))?;
        number(&mut rows, episode)?;
        rows.push("task_index", Column::I64(task_indices))?;
        Ok(rows)
    }

    /// After every file of every kind.
    pub(super) fn next_place(&self) -> Place {
        let places = self.episodes.iter().flat_map(|episode| {
            let videos = episode.videos.values().map(|span| span.place);
            let ticks = episodes::place_of(Path::new(&episode.notes.ticks));
            videos.chain([episode.data, episode.meta]).chain(ticks)
        });
        places.max().map_or(Place::default(), |last| last.next(self.info.chunks_size))
    }

    /// Whether `stats.json` says anything of a feature, understood or not.
    pub(super) fn has_stats(&self, feature: &str) -> bool {
        self.stats.contains_key(feature) || self.other_stats.contains_key(feature)
    }

    /// Root-relative path of a file of this dataset, which may lie within another.
    pub(super) fn path(&self, path: &str) -> String {
        format!("{}{path}", self.prefix)
    }

    /// The same. Refuses if there is a file, which no episode knows then.
    pub(super) fn free(&self, change: &Transaction, path: &str) -> Result<String, DatasetError> {
        let path = self.path(path);
        let full = change.root().join(&path);
        if full.exists() {
            return refuse(format!(
                "{} belongs to no episode and is in the way; move it out of the dataset",
                full.display()
            ));
        }
        Ok(path)
    }
}

fn whole(
    (rows, skipped): (Vec<EpisodeMeta>, Vec<String>),
    path: &Path,
) -> Result<Vec<EpisodeMeta>, DatasetError> {
    match skipped.first() {
        None => Ok(rows),
        Some(name) => refuse(format!(
            "{}: column {name} of meta/episodes is of a kind that the change would lose",
            path.display()
        )),
    }
}

/// Writes the numbers of an episode into its rows.
pub(super) fn number(rows: &mut Table, episode: &EpisodeMeta) -> Result<(), DatasetError> {
    let index = signed(episode.from_index)..signed(episode.to_index);
    rows.set("episode_index", Column::I64(vec![signed(episode.index); episode.length]))?;
    rows.set("index", Column::I64(index.collect()))
}

fn signed(value: usize) -> i64 {
    value.cast_signed() as i64
}

pub(super) fn refuse<T>(what: String) -> Result<T, DatasetError> {
    Err(DatasetError::Refused(what))
}

fn read_stats(root: &Path) -> Result<(Stats, Map<String, Value>), DatasetError> {
    let path = root.join(STATS_PATH);
    let bytes = match fs::read(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(<_>::default()),
        other => other.map_err(DatasetError::io("read", &path))?,
    };
    let map = serde_json::from_slice(&bytes).map_err(|error| DatasetError::Format {
        path,
        reason: format!("no statistics: {error}"),
        remedy: "restore it from a copy".to_owned(),
    })?;
    Ok(stats::from_json(map))
}
