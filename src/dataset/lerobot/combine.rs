//! Datasets into one, and episodes of one into another.

use std::collections::BTreeSet;
use std::path::Path;

use super::addition::Addition;
use super::episodes::{self, EpisodeMeta};
use super::reading::{self, Dataset, RowReader};
use super::rearrange::Kept;
use super::state::{State, refuse};
use super::store::Store;
use super::transaction::Transaction;
use crate::dataset::DatasetError;
use crate::dataset::table::Table;
use crate::dataset::video::VideoFile;

impl Store {
    /// Adds copies of all episodes of `sources`, which must have the same features and rate, and
    /// returns their indices. Recordings that are here already are left out.
    pub fn merge(&mut self, sources: &[Dataset]) -> Result<Vec<usize>, DatasetError> {
        let mut change = self.begin()?;
        for source in sources {
            self.check_source(source)?;
        }
        let mut state = self.state.clone();
        let mut added = Vec::new();
        for source in sources {
            let (all, _) = episodes::read_all(source.root(), true)?;
            let mut reader = RowReader::new(source);
            for meta in &all {
                let addition = source.addition_of(meta, reader.rows(meta.index)?)?;
                added.extend(state.add_copy(&mut change, addition)?);
            }
        }
        let indices = added.iter().map(|meta| meta.index).collect();
        if !added.is_empty() {
            state.stage_added_meta(&mut change, added)?;
            self.finish(change, state)?;
        }
        Ok(indices)
    }

    /// Adds copies of `episodes` of `source`, their rows changed by `edit` to what fits here, and
    /// returns their indices. All or, after an error, none.
    pub fn add_edited(
        &mut self,
        source: &Dataset,
        episodes: &[usize],
        mut edit: impl FnMut(&EpisodeMeta, &mut Table) -> Result<(), DatasetError>,
    ) -> Result<Vec<usize>, DatasetError> {
        let mut change = self.begin()?;
        let mut state = self.state.clone();
        let (all, _) = episodes::read_all(source.root(), true)?;
        let mut reader = RowReader::new(source);
        let mut added = Vec::new();
        for &index in episodes {
            let Some(meta) = all.get(index) else {
                return Err(reading::no_episode(source.root(), index, all.len()));
            };
            let mut addition = source.addition_of(meta, reader.rows(index)?)?;
            edit(meta, &mut addition.episode.table)?;
            added.extend(state.add_copy(&mut change, addition)?);
        }
        let indices = added.iter().map(|meta| meta.index).collect();
        if !added.is_empty() {
            state.stage_added_meta(&mut change, added)?;
            self.finish(change, state)?;
        }
        Ok(indices)
    }

    /// Moves episodes into the dataset in the folder `to`, which is begun if there is none, and
    /// returns their indices there. After a crash in between they are in both; doing it again
    /// completes it.
    pub fn split_off(&mut self, indices: &[usize], to: &Path) -> Result<Vec<usize>, DatasetError> {
        if to.starts_with(&self.root) {
            return refuse(format!("{} lies within the dataset", to.display()));
        }
        let gone: BTreeSet<usize> = indices.iter().copied().collect();
        let (mut change, mut state, mut all) = self.begin_edit(gone.last().copied())?;
        let source = self.dataset();
        let mut target = Store::create_like(to, &state.info)?;
        target.check_source(&source)?;
        let mut there = target.begin()?;
        let mut grown = target.state.clone();
        let mut added = Vec::new();
        let mut reader = RowReader::new(&source);
        for index in &gone {
            all[*index].notes.recording = self.recording_of(&all[*index]);
            let addition = source.addition_of(&all[*index], reader.rows(*index)?)?;
            added.extend(grown.add_copy(&mut there, addition)?);
        }
        if !added.is_empty() {
            grown.stage_added_meta(&mut there, added)?;
            target.finish(there, grown)?;
        }
        let grown = target.dataset();
        for index in &gone {
            let meta = &all[*index];
            let rows = source.addition_of(meta, reader.rows(*index)?)?.episode.table;
            if !grown.has_rows(&meta.notes.recording, &rows)? {
                return refuse(format!(
                    "{} has another recording {}; nothing was taken away here",
                    to.display(),
                    meta.notes.recording
                ));
            }
        }
        let is_kept = |meta: &&EpisodeMeta| !gone.contains(&meta.index);
        let kept: Vec<Kept> = all.iter().filter(is_kept).cloned().map(Kept::from).collect();
        state.rearrange(&mut change, &all, &kept)?;
        self.finish(change, state)?;
        let moved = gone.iter().filter_map(|index| target.find(&all[*index].notes.recording));
        Ok(moved.collect())
    }

    fn check_source(&self, source: &Dataset) -> Result<(), DatasetError> {
        let (own, other) = (&self.state.info, source.info());
        let (here, there) = (self.root.display(), source.root().display());
        if source.root().starts_with(&self.root) {
            return refuse(format!("{there} lies within {here}; restore its episode instead"));
        }
        if own.fps != other.fps {
            let (own, other) = (own.fps, other.fps);
            return refuse(format!("{here} has {own} rows a second, {there} {other}"));
        }
        match own.features.difference(&other.features) {
            None => Ok(()),
            Some(difference) => refuse(format!("{there} does not fit to {here}: {difference}")),
        }
    }
}

impl State {
    /// Stages a copy of an episode of another dataset, unless its recording is here.
    fn add_copy(
        &mut self,
        change: &mut Transaction,
        mut addition: Addition,
    ) -> Result<Option<EpisodeMeta>, DatasetError> {
        let recording = &addition.episode.notes.recording;
        let is_same = |own: &EpisodeMeta| own.notes.recording == *recording;
        if !recording.is_empty() && self.episodes.iter().any(is_same) {
            return Ok(None);
        }
        cut_to_length(&mut addition)?;
        self.add(change, addition).map(Some)
    }
}

/// Leaves out frames behind the episode, such as those of a discarded one. Opens every video, so
/// one that this program cannot read is refused.
fn cut_to_length(addition: &mut Addition) -> Result<(), DatasetError> {
    let length = addition.episode.table.n_rows();
    for (camera, path) in &addition.episode.videos {
        let n_frames = VideoFile::open(path)?.n_frames();
        if n_frames != length {
            addition.frames.entry(camera.clone()).or_insert(0..length);
        }
    }
    Ok(())
}
