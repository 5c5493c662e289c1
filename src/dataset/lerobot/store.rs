//! Writing a dataset: whoever holds the [`Store`] holds the lock, and each change is one
//! transaction.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use super::addition::NewEpisode;
use super::episodes::EpisodeMeta;
use super::info::{INFO_PATH, Info};
use super::reading;
use super::schema::Schema;
use super::state::{State, refuse};
use super::transaction::{self, Transaction};
use crate::dataset::DatasetError;

/// A dataset opened for changes. One program at a time has it; dropping it gives the lock back.
#[derive(Debug)]
pub struct Store {
    pub(super) root: PathBuf,
    pub(super) state: State,
    /// Whether a change failed, so that the files may say more than `state`.
    is_stale: bool,
    /// Held, not used: the operating system frees it with the process.
    _lock: File,
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
            begin(root, &wanted)?;
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
            Some(difference) => refuse(format!(
                "{} holds other data: {difference}; choose another name",
                root.display()
            )),
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

    /// Begins a dataset of that description in a folder that is empty or not there, and opens it;
    /// an existing one of the same features is opened.
    pub(super) fn create_like(root: &Path, info: &Info) -> Result<Self, DatasetError> {
        fs::create_dir_all(root).map_err(DatasetError::io("create", root))?;
        let lock = lock(root)?;
        transaction::complete(root)?;
        if !root.join(INFO_PATH).exists() {
            begin(root, &State::within(String::new(), info).info)?;
        }
        Self::load(root, lock)
    }

    fn load(root: &Path, lock: File) -> Result<Self, DatasetError> {
        let state = State::read(root)?;
        reading::check(root, &state.info, &state.episodes)?;
        Ok(Self { root: root.to_owned(), state, is_stale: false, _lock: lock })
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
        let mut change = self.begin()?;
        let recording = &episode.notes.recording;
        if let Some(index) = self.find(recording) {
            return Ok(index);
        }
        if !recording.is_empty() && !super::is_file_name(recording) {
            return refuse(format!("a recording cannot be named {recording}"));
        }
        episode.check_videos()?;
        let mut state = self.state.clone();
        let added = state.add(&mut change, episode)?;
        let index = added.index;
        state.stage_added_meta(&mut change, vec![added])?;
        self.finish(change, state)?;
        Ok(index)
    }

    /// Begins a change. One before it that failed half-way is completed first.
    pub(super) fn begin(&mut self) -> Result<Transaction, DatasetError> {
        if self.is_stale {
            transaction::complete(&self.root)?;
            self.state = State::read(&self.root)?;
            self.is_stale = false;
        }
        Transaction::begin(&self.root)
    }

    /// Stages what all changes change, and makes the change.
    pub(super) fn finish(
        &mut self,
        mut change: Transaction,
        mut state: State,
    ) -> Result<(), DatasetError> {
        state.stage(&mut change, Some(&self.state))?;
        self.is_stale = true;
        change.commit()?;
        self.is_stale = false;
        for episode in &mut state.episodes {
            episode.stats.clear();
        }
        self.state = state;
        Ok(())
    }
}

fn begin(root: &Path, info: &Info) -> Result<(), DatasetError> {
    let is_foreign = |path: &PathBuf| {
        path.file_name().is_some_and(|name| !name.to_string_lossy().starts_with('.'))
    };
    if super::entries(root)?.iter().any(is_foreign) {
        let root = root.display();
        return refuse(format!("{root} is no dataset, and not empty; choose another name"));
    }
    let mut change = Transaction::begin(root)?;
    change.stage_bytes(INFO_PATH, &info.to_json())?;
    change.commit()?;
    root.parent().filter(|parent| parent.is_dir()).map_or(Ok(()), transaction::sync_folder)
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
