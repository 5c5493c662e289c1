//! Reading a dataset. It takes no lock; whoever reads while another program changes the dataset
//! is told so.

use std::ops::Range;
use std::path::{Path, PathBuf};

use super::episodes::{self, EpisodeMeta, Place};
use super::info::{INFO_PATH, Info};
use super::store::Store;
use super::{tasks, transaction};
use crate::dataset::DatasetError;
use crate::dataset::table::{self, Column, Table};
use crate::dataset::video::VideoFile;

/// A dataset as it was when it was opened.
#[derive(Clone, Debug)]
pub struct Dataset {
    root: PathBuf,
    info: Info,
    tasks: Vec<String>,
    episodes: Vec<EpisodeMeta>,
}

/// The frames of one episode in a video file.
#[derive(Debug)]
pub struct EpisodeVideo {
    pub file: VideoFile,
    /// Which frame of the file is the episode's first.
    pub first: usize,
    pub length: usize,
}

impl EpisodeVideo {
    /// Decodes the frame of a row into `rgb`, as [`VideoFile::decode`] does.
    pub fn decode(&mut self, row: usize, rgb: &mut Vec<u8>) -> Result<(), DatasetError> {
        if row >= self.length {
            let text = format!("{}: there is no row {row}", self.file.path().display());
            return Err(DatasetError::Refused(text));
        }
        self.file.decode(self.first + row, rgb)
    }

    /// Width and height in pixels.
    #[must_use]
    pub fn size(&self) -> (u32, u32) {
        self.file.size()
    }

    /// The rows from the key frame at or before `row` up to the next one: what is decoded together.
    #[must_use]
    pub fn group(&self, row: usize) -> Range<usize> {
        let is_key = |row: &usize| self.file.is_key(self.first + row);
        let start = (0..=row).rev().find(is_key).unwrap_or(0);
        let end = (row + 1..self.length).find(is_key).unwrap_or(self.length);
        start..end.max(row + 1)
    }
}

impl Dataset {
    /// Reads the description of the dataset in the folder `root`, all but the statistics.
    /// Completes a change that a crash cut short.
    pub fn open(root: &Path) -> Result<Self, DatasetError> {
        if transaction::is_pending(root) {
            drop(Store::open(root)?);
        }
        let dataset = Self::read(root)?;
        if transaction::is_pending(root) || Info::read(root)? != dataset.info {
            return Err(DatasetError::Locked { root: root.to_owned() });
        }
        check(root, &dataset.info, &dataset.episodes)?;
        Ok(dataset)
    }

    fn read(root: &Path) -> Result<Self, DatasetError> {
        let info = Info::read(root)?;
        let (episodes, _) = episodes::read_all(root, false)?;
        Ok(Self::new(root, info, tasks::read(root)?, episodes))
    }

    pub(super) fn new(
        root: &Path,
        info: Info,
        tasks: Vec<String>,
        episodes: Vec<EpisodeMeta>,
    ) -> Self {
        Self { root: root.to_owned(), info, tasks, episodes }
    }

    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    #[must_use]
    pub fn info(&self) -> &Info {
        &self.info
    }

    /// Texts by `task_index`.
    #[must_use]
    pub fn tasks(&self) -> &[String] {
        &self.tasks
    }

    /// By index, from 0.
    #[must_use]
    pub fn episodes(&self) -> &[EpisodeMeta] {
        &self.episodes
    }

    /// Feature names of the videos.
    #[must_use]
    pub fn cameras(&self) -> Vec<String> {
        self.info.features.cameras()
    }

    /// The episode of that index, or an error that says which there are.
    pub fn episode(&self, index: usize) -> Result<&EpisodeMeta, DatasetError> {
        self.episodes.get(index).ok_or_else(|| no_episode(&self.root, index, self.episodes.len()))
    }

    /// The rows of an episode. Reads its file, which others may be in, anew each time.
    pub fn rows(&self, index: usize) -> Result<Table, DatasetError> {
        RowReader::new(self).rows(index)
    }

    /// The rows of each episode. Reads each file once.
    pub fn all_rows(&self) -> Result<Vec<Table>, DatasetError> {
        let mut reader = RowReader::new(self);
        (0..self.episodes.len()).map(|index| reader.rows(index)).collect()
    }

    /// The video file an episode is in, and which frame of it is its first.
    pub fn video_path(&self, index: usize, camera: &str) -> Result<(PathBuf, usize), DatasetError> {
        let span = self.episode(index)?.videos.get(camera).ok_or_else(|| {
            let root = self.root.display();
            DatasetError::Refused(format!("{root}: episode {index} has no video {camera}"))
        })?;
        let first = (span.from_s * f64::from(self.info.fps)).round() as usize;
        Ok((self.root.join(self.info.video_file(camera, span.place)), first))
    }

    /// The video of an episode, ready to be decoded.
    pub fn video(&self, index: usize, camera: &str) -> Result<EpisodeVideo, DatasetError> {
        let (path, first) = self.video_path(index, camera)?;
        let file = VideoFile::open(&path)?;
        let (n_frames, length) = (file.n_frames(), self.episode(index)?.length);
        if first + length > n_frames {
            let reason =
                format!("it ends with frame {n_frames}, episode {index} with {}", first + length);
            return Err(DatasetError::Video { path, reason });
        }
        Ok(EpisodeVideo { file, first, length })
    }

    /// The tick journal of an episode, where it has one. A copy by LeRobot's tools has none, though
    /// its notes still name it.
    #[must_use]
    pub fn ticks_path(&self, index: usize) -> Option<PathBuf> {
        let ticks = &self.episodes.get(index)?.notes.ticks;
        let path = self.root.join(ticks);
        (!ticks.is_empty() && path.is_file()).then_some(path)
    }
}

/// Reads rows episode by episode, and a file that several are in once for all of them.
#[derive(Debug)]
pub(super) struct RowReader<'a> {
    dataset: &'a Dataset,
    file: Option<(Place, Table)>,
}

impl<'a> RowReader<'a> {
    pub(super) fn new(dataset: &'a Dataset) -> Self {
        Self { dataset, file: None }
    }

    pub(super) fn rows(&mut self, index: usize) -> Result<Table, DatasetError> {
        let episode = self.dataset.episode(index)?;
        let path = self.dataset.root.join(self.dataset.info.data_file(episode.data));
        let file = match self.file.take() {
            Some((place, file)) if place == episode.data => file,
            _ => table::read(&path)?.table,
        };
        let rows = cut_rows(&path, &file, episode);
        self.file = Some((episode.data, file));
        rows
    }
}

pub(super) fn no_episode(root: &Path, index: usize, n: usize) -> DatasetError {
    let there = match n {
        0 => "it has none".to_owned(),
        n => format!("it has 0 to {}", n - 1),
    };
    DatasetError::Refused(format!("{} has no episode {index}: {there}", root.display()))
}

/// That the episodes are what `info.json` counts, one after the other.
pub(super) fn check(
    root: &Path,
    info: &Info,
    episodes: &[EpisodeMeta],
) -> Result<(), DatasetError> {
    let wrong = |reason: String| DatasetError::Format {
        path: root.join(INFO_PATH),
        reason,
        remedy: "run `pilothouse episodes verify`".to_owned(),
    };
    let mut from = 0;
    for (at, episode) in episodes.iter().enumerate() {
        if episode.index != at || episode.from_index != from {
            return Err(wrong(format!("episode {at} is missing or out of place")));
        }
        from = episode.to_index;
    }
    if (info.total_episodes, info.total_frames) != (episodes.len(), from) {
        return Err(wrong(format!(
            "it counts {} episodes and {} rows, but {} and {from} are there",
            info.total_episodes,
            info.total_frames,
            episodes.len(),
        )));
    }
    Ok(())
}

/// The rows of `episode` out of `file`, the whole content of its data file.
pub(super) fn cut_rows(
    path: &Path,
    file: &Table,
    episode: &EpisodeMeta,
) -> Result<Table, DatasetError> {
    let wrong = || DatasetError::Format {
        path: path.to_owned(),
        reason: format!("the rows of episode {} are not where they should be", episode.index),
        remedy: "run `pilothouse episodes verify`".to_owned(),
    };
    let signed = |value: usize| value.cast_signed() as i64;
    let (from, to) = (signed(episode.from_index), signed(episode.to_index));
    let first = file.i64s("index").and_then(|index| index.first()).copied().unwrap_or_default();
    let start = usize::try_from(from - first).map_err(|_| wrong())?;
    let rows = file.slice(start..start + episode.length);
    let is_own = |own: &Column, expected: &mut dyn Iterator<Item = i64>| match own {
        Column::I64(values) => values.iter().copied().eq(expected),
        _ => false,
    };
    let episode_index = signed(episode.index);
    let fits = rows.n_rows() == episode.length
        && rows.column("index").is_some_and(|own| is_own(own, &mut (from..to)))
        && rows.column("episode_index").is_some_and(|own| {
            is_own(own, &mut std::iter::repeat_n(episode_index, episode.length))
        });
    if fits { Ok(rows) } else { Err(wrong()) }
}
