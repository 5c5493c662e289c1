//! Writing a dataset: whoever holds the [`Store`] holds the lock, and each change is one
//! transaction.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::episodes::{self, EpisodeMeta, EpisodeNotes, Place, VideoSpan};
use super::info::{self, AUTOMATIC, INFO_PATH, Info, Schema};
use super::stats::{self, Stats};
use super::transaction::{self, Transaction};
use super::{reading, tasks};
use crate::dataset::DatasetError;
use crate::dataset::table::{self, Column, Table};

const STATS_PATH: &str = "meta/stats.json";

/// A dataset opened for changes. One program at a time has it; dropping it gives the lock back.
#[derive(Debug)]
pub struct Store {
    pub(super) root: PathBuf,
    pub(super) state: State,
    /// Held, not used: the operating system frees it with the process.
    _lock: File,
}

/// What the files in `meta/` say, the episodes without their statistics.
#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) info: Info,
    pub(super) tasks: Vec<String>,
    pub(super) episodes: Vec<EpisodeMeta>,
    pub(super) stats: Stats,
    /// Entries of `stats.json` that this program does not understand.
    pub(super) other_stats: Map<String, Value>,
}

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

impl Store {
    /// Opens the dataset in `root`, or begins it. Refuses a dataset of other features or another
    /// rate, and a folder that holds something else. Completes a change that was cut short.
    pub fn create_or_open(root: &Path, schema: &Schema) -> Result<Self, DatasetError> {
        fs::create_dir_all(root).map_err(DatasetError::io("create", root))?;
        let lock = lock(root)?;
        transaction::complete(root)?;
        let wanted = Info::new(schema);
        if !root.join(INFO_PATH).exists() {
            let is_foreign = |path: &PathBuf| {
                path.file_name().is_some_and(|name| !name.to_string_lossy().starts_with('.'))
            };
            if super::entries(root)?.iter().any(is_foreign) {
                let root = root.display();
                let what = format!("{root} is no dataset, and not empty; choose another name");
                return Err(DatasetError::Refused(what));
            }
            let mut change = Transaction::begin(root)?;
            change.stage_bytes(INFO_PATH, &wanted.to_json())?;
            change.commit()?;
        }
        let store = Self::load(root, lock)?;
        let have = &store.state.info;
        let difference = if have.fps == wanted.fps {
            have.features.difference(&wanted.features)
        } else {
            Some(format!("it has {} rows a second, not {}", have.fps, wanted.fps))
        };
        match difference {
            None => Ok(store),
            Some(difference) => Err(DatasetError::Refused(format!(
                "{} holds other data: {difference}; choose another name",
                root.display()
            ))),
        }
    }

    /// Opens an existing dataset. Completes a change that was cut short.
    pub fn open(root: &Path) -> Result<Self, DatasetError> {
        if !root.join(INFO_PATH).exists() && !transaction::is_pending(root) {
            // Says which file is missing, and makes no lock where no dataset is.
            Info::read(root)?;
        }
        let lock = lock(root)?;
        transaction::complete(root)?;
        Self::load(root, lock)
    }

    fn load(root: &Path, lock: File) -> Result<Self, DatasetError> {
        let info = Info::read(root)?;
        let (episodes, _) = episodes::read_all(root, false)?;
        reading::check(root, &info, &episodes)?;
        let (stats, other_stats) = read_stats(root)?;
        let tasks = tasks::read(root)?;
        let state = State { info, tasks, episodes, stats, other_stats };
        Ok(Self { root: root.to_owned(), state, _lock: lock })
    }

    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    #[must_use]
    pub fn info(&self) -> &Info {
        &self.state.info
    }

    #[must_use]
    pub fn tasks(&self) -> &[String] {
        &self.state.tasks
    }

    /// By index, from 0; their statistics are left out.
    #[must_use]
    pub fn episodes(&self) -> &[EpisodeMeta] {
        &self.state.episodes
    }

    /// The index of the episode of that recording.
    #[must_use]
    pub fn find(&self, recording: &str) -> Option<usize> {
        let episodes = &self.state.episodes;
        episodes.iter().position(|own| !recording.is_empty() && own.notes.recording == recording)
    }

    /// Adds an episode at the end and returns its index. Its video and tick files are moved in
    /// when they lie below the root, else copied. Does nothing when that recording is here already.
    pub fn append(&mut self, episode: NewEpisode) -> Result<usize, DatasetError> {
        if let Some(index) = self.find(&episode.notes.recording) {
            return Ok(index);
        }
        let recording = &episode.notes.recording;
        if !recording.is_empty() && !(super::is_inside(recording) && !recording.contains('/')) {
            return refuse(format!("a recording cannot be named {recording}"));
        }
        let mut change = Transaction::begin(&self.root)?;
        let mut state = self.state.clone();
        let added = state.add(&mut change, episode)?;
        let index = added.index;
        state.stage_added_meta(&mut change, vec![added])?;
        self.finish(change, state)?;
        Ok(index)
    }

    /// Stages what all changes change, and makes the change.
    pub(super) fn finish(
        &mut self,
        mut change: Transaction,
        mut state: State,
    ) -> Result<(), DatasetError> {
        state.count();
        if state.tasks != self.state.tasks {
            tasks::stage(&mut change, &state.tasks)?;
        }
        let stats = stats::to_json(&state.stats, &state.other_stats);
        change.stage_bytes(STATS_PATH, &info::to_json(&stats))?;
        change.stage_bytes(INFO_PATH, &state.info.to_json())?;
        change.commit()?;
        for episode in &mut state.episodes {
            episode.stats.clear();
        }
        self.state = state;
        Ok(())
    }
}

impl State {
    /// Stages the files of a new episode, all but its row of metadata, which it returns.
    pub(super) fn add(
        &mut self,
        change: &mut Transaction,
        new: NewEpisode,
    ) -> Result<EpisodeMeta, DatasetError> {
        let index = self.episodes.len();
        let from_index = self.episodes.last().map_or(0, |last| last.to_index);
        let length = new.table.n_rows();
        let place = self.next_place();
        let mut episode = EpisodeMeta {
            index,
            length,
            data: place,
            from_index,
            to_index: from_index + length,
            meta: place,
            notes: EpisodeNotes { ticks: String::new(), ..new.notes.clone() },
            ..EpisodeMeta::default()
        };
        let table = self.rows(&new, &mut episode)?;
        let staged = change.stage(&self.free(change, self.info.data_file(place))?)?;
        table::write(&staged, &table, &[])?;
        for camera in self.info.features.cameras() {
            let Some(path) = new.videos.get(&camera) else {
                return refuse(format!("the episode has no video of {camera}"));
            };
            change.take(path, &self.free(change, self.info.video_file(&camera, place))?)?;
            let to_s = length as f64 / f64::from(self.info.fps);
            episode.videos.insert(camera, VideoSpan { place, from_s: 0.0, to_s });
        }
        if let Some(ticks) = &new.ticks {
            episode.notes.ticks = self.free(change, episodes::ticks_path(place))?;
            change.take(ticks, &episode.notes.ticks)?;
        }
        episode.stats = stats::of_table(&table);
        for (camera, stats) in new.picture_stats {
            episode.stats.insert(camera, stats);
        }
        stats::add(&mut self.stats, &episode.stats);
        self.episodes.push(episode.clone());
        Ok(episode)
    }

    /// Stages the metadata of episodes that [`State::add`] returned. Where the files already there
    /// have other columns, all of them are written anew: readers want them alike.
    pub(super) fn stage_added_meta(
        &mut self,
        change: &mut Transaction,
        added: Vec<EpisodeMeta>,
    ) -> Result<(), DatasetError> {
        let names = |table: &Table| -> BTreeSet<String> {
            table.columns().map(|(name, _)| name.to_owned()).collect()
        };
        let mut written = added;
        episodes::unify(&mut written);
        let known = self.episodes.first().filter(|first| first.index < written[0].index);
        if let Some(known) = known {
            let path = change.root().join(episodes::meta_path(known.meta));
            let own = names(&episodes::to_table(&written)?);
            if table::names(&path)? != own {
                let (mut all, skipped) = episodes::read_all(change.root(), true)?;
                if let Some(name) = skipped.first() {
                    return refuse(format!(
                        "{}: column {name} is of a kind that would be lost by adding an episode",
                        path.display()
                    ));
                }
                all.append(&mut written);
                episodes::unify(&mut all);
                written = all;
            }
        }
        stage_meta(change, &written)
    }

    /// The columns of `new` in the order of the features, and the automatic ones.
    fn rows(&mut self, new: &NewEpisode, episode: &mut EpisodeMeta) -> Result<Table, DatasetError> {
        let n = episode.length;
        if n == 0 || new.tasks.len() != n {
            let what = format!("an episode of {n} rows with {} tasks", new.tasks.len());
            return refuse(what);
        }
        let is_automatic = |name: &str| AUTOMATIC.iter().any(|(own, _)| *own == name);
        let mut rows = Table::new();
        for (name, feature) in &self.info.features.0 {
            if feature.is_video() || is_automatic(name) {
                continue;
            }
            match new.table.column(name) {
                Some(column) if feature.holds(column) => rows.push(name, column.clone())?,
                Some(_) => return refuse(format!("column {name} is no {}", feature.dtype)),
                None => return refuse(format!("column {name} is missing")),
            }
        }
        if let Some((name, _)) = new.table.columns().find(|(name, _)| rows.column(name).is_none()) {
            return refuse(format!("column {name} is no feature of this dataset"));
        }
        let mut task_indices = Vec::with_capacity(n);
        for text in &new.tasks {
            task_indices.push(tasks::index_of(&mut self.tasks, text) as i64);
            if !episode.tasks.contains(text) {
                episode.tasks.push(text.clone());
            }
        }
        let fps = f64::from(self.info.fps);
        let (from, to) = (episode.from_index as i64, episode.to_index as i64);
        let seconds = (0..n).map(|row| (row as f64 / fps) as f32).collect();
        rows.push("timestamp", Column::F32(seconds))?;
        rows.push("frame_index", Column::I64((0..n as i64).collect()))?;
        rows.push("episode_index", Column::I64(vec![episode.index as i64; n]))?;
        rows.push("index", Column::I64((from..to).collect()))?;
        rows.push("task_index", Column::I64(task_indices))?;
        Ok(rows)
    }

    /// After every file of every kind.
    pub(super) fn next_place(&self) -> Place {
        let places = self.episodes.iter().flat_map(|episode| {
            let videos = episode.videos.values().map(|span| span.place);
            videos.chain([episode.data, episode.meta])
        });
        places.max().map_or(Place::default(), |last| last.next(self.info.chunks_size))
    }

    /// Refuses a path where a file is that no episode knows.
    #[expect(clippy::unused_self, reason = "reads as a question to the dataset")]
    fn free(&self, change: &Transaction, path: String) -> Result<String, DatasetError> {
        if change.root().join(&path).exists() {
            let full = change.root().join(&path);
            return refuse(format!(
                "{} belongs to no episode and is in the way; move it out of the dataset",
                full.display()
            ));
        }
        Ok(path)
    }

    fn count(&mut self) {
        self.info.total_episodes = self.episodes.len();
        self.info.total_frames = self.episodes.last().map_or(0, |last| last.to_index);
        self.info.total_tasks = self.tasks.len();
        let all = Value::String(format!("0:{}", self.episodes.len()));
        self.info.splits = Map::from_iter([("train".to_owned(), all)]);
    }
}

/// Stages the files in which these rows stand; they hold no others.
pub(super) fn stage_meta(
    change: &mut Transaction,
    rows: &[EpisodeMeta],
) -> Result<(), DatasetError> {
    let mut files: BTreeMap<Place, Vec<EpisodeMeta>> = BTreeMap::new();
    for row in rows {
        files.entry(row.meta).or_default().push(row.clone());
    }
    for (place, rows) in files {
        let staged = change.stage(&episodes::meta_path(place))?;
        table::write(&staged, &episodes::to_table(&rows)?, &[])?;
    }
    Ok(())
}

pub(super) fn refuse<T>(what: String) -> Result<T, DatasetError> {
    Err(DatasetError::Refused(what))
}

fn lock(root: &Path) -> Result<File, DatasetError> {
    let path = root.join(".lock");
    let file = File::options().create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(DatasetError::io("open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(DatasetError::Locked { root: root.to_owned() }),
        Err(TryLockError::Error(error)) => Err(DatasetError::io("lock", &path)(error)),
    }
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
