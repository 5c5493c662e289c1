//! Many small files into few, as large as LeRobot makes them.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::PathBuf;

use super::episodes::{EpisodeMeta, Place, VideoSpan};
use super::reading::cut_rows;
use super::rearrange::read_rows;
use super::state::{State, refuse};
use super::store::Store;
use super::transaction::Transaction;
use crate::dataset::DatasetError;
use crate::dataset::table::{self, Table};
use crate::dataset::video::{self, VideoFile};

/// Past 1024 s a float32 timestamp is too coarse for the reader's tolerance of 0.1 ms.
const VIDEO_SECONDS_MAX: usize = 1000;
/// Sources open at once while a video file is written.
const VIDEO_PARTS_MAX: usize = 200;
const BYTES_PER_MB: u64 = 1 << 20;

/// Frames of a file that go into another one.
struct VideoPart {
    path: PathBuf,
    frames: Range<usize>,
}

/// A video file to be written.
#[derive(Default)]
struct VideoFill {
    parts: Vec<VideoPart>,
    n_frames: usize,
    n_bytes: u64,
}

impl Store {
    /// Writes all episodes into as few files as LeRobot's size limits allow, a row group for each
    /// episode, and leaves out frames that belong to none. Tick journals stay as they are.
    pub fn compact(&mut self) -> Result<(), DatasetError> {
        let (mut change, mut state, old) = self.begin_edit(None)?;
        let mut new = old.clone();
        state.compact_data(&mut change, &mut new)?;
        for camera in state.info.features.cameras() {
            state.compact_videos(&mut change, &camera, &mut new)?;
        }
        for meta in &mut new {
            meta.meta = Place::default();
        }
        super::episodes::unify(&mut new);
        state.stage_meta(&mut change, &new)?;
        let files_after = state.files(&new);
        for file in state.files(&old).difference(&files_after) {
            change.remove(file);
        }
        state.count_stats(&new);
        state.episodes = new;
        self.finish(change, state)
    }
}

impl State {
    fn compact_data(
        &self,
        change: &mut Transaction,
        episodes: &mut [EpisodeMeta],
    ) -> Result<(), DatasetError> {
        let bytes_max = self.info.data_files_size_in_mb * BYTES_PER_MB;
        let mut files: BTreeMap<Place, (PathBuf, u64)> = BTreeMap::new();
        for meta in episodes.iter() {
            let path = change.root().join(self.path(&self.info.data_file(meta.data)));
            let size = fs::metadata(&path).map_err(DatasetError::io("look at", &path))?.len();
            files.insert(meta.data, (path, size));
        }
        let mut place = Place::default();
        let mut tables: Vec<Table> = Vec::new();
        let mut n_bytes = 0;
        // The file that the last episode was in, as the next may be in it too.
        let mut read: Option<(Place, Table)> = None;
        for meta in episodes.iter_mut() {
            let Some((path, size)) = files.get(&meta.data) else { continue };
            let file = match read.take() {
                Some((last, file)) if last == meta.data => file,
                _ => read_rows(path)?,
            };
            let share = meta.length as f64 / file.n_rows().max(1) as f64;
            let size = (*size as f64 * share) as u64;
            if !tables.is_empty() && n_bytes + size > bytes_max {
                self.stage_rows(change, place, &tables)?;
                place = place.next(self.info.chunks_size);
                tables.clear();
                n_bytes = 0;
            }
            n_bytes += size;
            tables.push(cut_rows(path, &file, meta)?);
            read = Some((meta.data, file));
            meta.data = place;
        }
        if tables.is_empty() { Ok(()) } else { self.stage_rows(change, place, &tables) }
    }

    fn stage_rows(
        &self,
        change: &mut Transaction,
        place: Place,
        tables: &[Table],
    ) -> Result<(), DatasetError> {
        let staged = change.stage(&self.path(&self.info.data_file(place)))?;
        table::write_row_groups(&staged, &Table::alike(tables)?, &[])
    }

    fn compact_videos(
        &self,
        change: &mut Transaction,
        camera: &str,
        episodes: &mut [EpisodeMeta],
    ) -> Result<(), DatasetError> {
        let fps = self.info.fps;
        let bytes_max = self.info.video_files_size_in_mb * BYTES_PER_MB;
        let frames_max = VIDEO_SECONDS_MAX * fps as usize;
        let mut place = Place::default();
        let mut fill = VideoFill::default();
        let mut parameters = None;
        for meta in episodes.iter_mut() {
            let Some(span) = meta.videos.get_mut(camera) else {
                return refuse(format!("episode {} has no video of {camera}", meta.index));
            };
            let path = change.root().join(self.path(&self.info.video_file(camera, span.place)));
            let size = fs::metadata(&path).map_err(DatasetError::io("look at", &path))?.len();
            let file = VideoFile::open(&path)?;
            let n_bytes = size * meta.length as u64 / file.n_frames().max(1) as u64;
            let is_full = fill.n_frames + meta.length > frames_max
                || fill.n_bytes + n_bytes > bytes_max
                || fill.parts.len() == VIDEO_PARTS_MAX
                || parameters.as_ref() != Some(&file.parameters().cloned());
            if fill.n_frames > 0 && is_full {
                self.stage_video(change, camera, place, &fill)?;
                place = place.next(self.info.chunks_size);
                fill = VideoFill::default();
            }
            parameters = Some(file.parameters().cloned());
            let first = (span.from_s * f64::from(fps)).round() as usize;
            let seconds = |frame: usize| frame as f64 / f64::from(fps);
            let (from_s, to_s) = (seconds(fill.n_frames), seconds(fill.n_frames + meta.length));
            *span = VideoSpan { place, from_s, to_s };
            fill.push(path, first..first + meta.length, n_bytes);
        }
        if fill.n_frames > 0 { self.stage_video(change, camera, place, &fill) } else { Ok(()) }
    }

    fn stage_video(
        &self,
        change: &mut Transaction,
        camera: &str,
        place: Place,
        fill: &VideoFill,
    ) -> Result<(), DatasetError> {
        let opened: Result<Vec<_>, _> =
            fill.parts.iter().map(|part| VideoFile::open(&part.path)).collect();
        let mut opened = opened?;
        let frames = fill.parts.iter().map(|part| part.frames.clone());
        let mut parts: Vec<_> = opened.iter_mut().zip(frames).collect();
        let staged = change.stage(&self.path(&self.info.video_file(camera, place)))?;
        video::remux(&mut parts, self.info.fps, &staged)
    }
}

impl VideoFill {
    /// Frames that follow the last ones in the same file are one part with them.
    fn push(&mut self, path: PathBuf, frames: Range<usize>, n_bytes: u64) {
        self.n_frames += frames.len();
        self.n_bytes += n_bytes;
        match self.parts.last_mut() {
            Some(last) if last.path == path && last.frames.end == frames.start => {
                last.frames.end = frames.end;
            }
            _ => self.parts.push(VideoPart { path, frames }),
        }
    }
}
