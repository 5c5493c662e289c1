//! Numbers the episodes of a dataset anew after some were taken out, replaced or annotated, and
//! stages every file whose content changes thereby; the others stay untouched.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::addition::Addition;
use super::episodes::{self, EpisodeMeta, Place};
use super::reading::cut_rows;
use super::state::{State, number, refuse};
use super::stats::{self, FeatureStats, Stats};
use super::transaction::Transaction;
use crate::dataset::DatasetError;
use crate::dataset::table::{self, Table};

/// An episode that stays: its row with statistics and its old numbers, and the rows that it is to
/// have instead of those in its file.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) meta: EpisodeMeta,
    rows: Option<Table>,
}

impl From<EpisodeMeta> for Kept {
    fn from(meta: EpisodeMeta) -> Self {
        Self { meta, rows: None }
    }
}

impl State {
    /// Stages `addition` in the place of the episode `old`, whose tick journal it gets.
    pub(super) fn replace(
        &mut self,
        change: &mut Transaction,
        old: &EpisodeMeta,
        addition: Addition,
    ) -> Result<Kept, DatasetError> {
        let length = addition.episode.table.n_rows();
        let mut meta = EpisodeMeta { length, to_index: old.from_index + length, ..old.clone() };
        meta.tasks.clear();
        let place = self.next_place();
        let rows = self.take_in(change, addition, &mut meta, place)?;
        meta.notes.ticks.clone_from(&old.notes.ticks);
        Ok(Kept { meta, rows: Some(rows) })
    }

    /// Makes `kept` all episodes of the dataset, in that order; `old` are those there now.
    pub(super) fn rearrange(
        &mut self,
        change: &mut Transaction,
        old: &[EpisodeMeta],
        kept: &[Kept],
    ) -> Result<(), DatasetError> {
        let mut new: Vec<EpisodeMeta> = Vec::with_capacity(kept.len());
        for (index, Kept { meta, .. }) in kept.iter().enumerate() {
            let from_index = new.last().map_or(0, |last| last.to_index);
            let to_index = from_index + meta.length;
            new.push(EpisodeMeta { index, from_index, to_index, ..meta.clone() });
        }
        self.rearrange_data(change, old, kept, &mut new)?;
        self.keep_last_video_highest(change, &mut new)?;
        self.rearrange_meta(change, old, &mut new)?;
        let files_after = self.files(&new);
        for file in self.files(old).difference(&files_after) {
            change.remove(file);
        }
        self.count_stats(&new);
        self.episodes = new;
        Ok(())
    }

    /// Combines the statistics of all episodes; what none of them tells stays as it was told.
    pub(super) fn count_stats(&mut self, episodes: &[EpisodeMeta]) {
        let mut all = Stats::new();
        for episode in episodes {
            stats::add(&mut all, &episode.stats);
        }
        if !episodes.is_empty() {
            let untold = |(name, _): &(String, FeatureStats)| !all.contains_key(name);
            let untold: Vec<_> =
                std::mem::take(&mut self.stats).into_iter().filter(untold).collect();
            all.extend(untold);
        }
        self.stats = all;
    }

    fn rearrange_data(
        &self,
        change: &mut Transaction,
        old: &[EpisodeMeta],
        kept: &[Kept],
        new: &mut [EpisodeMeta],
    ) -> Result<(), DatasetError> {
        let places: BTreeSet<Place> = new.iter().map(|meta| meta.data).collect();
        for place in places {
            let members: Vec<usize> = (0..new.len()).filter(|i| new[*i].data == place).collect();
            let n_before = old.iter().filter(|meta| meta.data == place).count();
            let is_same = |i: &usize| {
                let (kept, new) = (&kept[*i], &new[*i]);
                kept.rows.is_none()
                    && (kept.meta.index, kept.meta.from_index) == (new.index, new.from_index)
            };
            if members.len() == n_before && members.iter().all(is_same) {
                continue;
            }
            let to = self.path(&self.info.data_file(place));
            let path = change.root().join(&to);
            let file = read_rows(&path)?;
            let mut tables = Vec::new();
            for i in members {
                let mut rows = match &kept[i].rows {
                    Some(rows) => rows.clone(),
                    None => cut_rows(&path, &file, &kept[i].meta)?,
                };
                number(&mut rows, &new[i])?;
                for name in ["index", "episode_index"] {
                    let numbers = rows.column(name).and_then(FeatureStats::of);
                    new[i].stats.extend(numbers.map(|numbers| (name.to_owned(), numbers)));
                }
                tables.push(rows);
            }
            let staged = change.stage(&to)?;
            table::write_row_groups(&staged, &Table::alike(&tables)?, &[])?;
        }
        Ok(())
    }

    /// LeRobot's recorder goes on with the number after the last episode's video, and writes over a
    /// file that has it: so no video may have a higher one.
    fn keep_last_video_highest(
        &self,
        change: &mut Transaction,
        new: &mut [EpisodeMeta],
    ) -> Result<(), DatasetError> {
        let Some(last) = new.last().cloned() else { return Ok(()) };
        for (camera, span) in &last.videos {
            let places = new.iter().filter_map(|meta| meta.videos.get(camera));
            let highest = places.map(|span| span.place).max();
            let Some(highest) = highest.filter(|highest| *highest > span.place) else { continue };
            let place = highest.next(self.info.chunks_size);
            let now = self.path(&self.info.video_file(camera, span.place));
            let to = self.free(change, &self.info.video_file(camera, place))?;
            change.take(&change.root().join(now), &to)?;
            let spans = new.iter_mut().filter_map(|meta| meta.videos.get_mut(camera));
            for other in spans.filter(|other| other.place == span.place) {
                other.place = place;
            }
        }
        Ok(())
    }

    fn rearrange_meta(
        &self,
        change: &mut Transaction,
        old: &[EpisodeMeta],
        new: &mut [EpisodeMeta],
    ) -> Result<(), DatasetError> {
        episodes::unify(new);
        let is_alike = self.has_columns_of(change, old, new)?;
        let by_file = |rows: &[EpisodeMeta]| {
            let mut files: BTreeMap<Place, Vec<EpisodeMeta>> = BTreeMap::new();
            for row in rows {
                files.entry(row.meta).or_default().push(row.clone());
            }
            files
        };
        let before = by_file(old);
        let changed = by_file(new)
            .into_iter()
            .filter(|(place, rows)| !is_alike || before.get(place) != Some(rows));
        let changed: Vec<_> = changed.flat_map(|(_, rows)| rows).collect();
        self.stage_meta(change, &changed)
    }

    /// Root-relative paths of all files these episodes are in.
    pub(super) fn files(&self, episodes: &[EpisodeMeta]) -> BTreeSet<String> {
        let mut files = BTreeSet::new();
        for episode in episodes {
            files.insert(self.path(&self.info.data_file(episode.data)));
            files.insert(self.path(&episodes::meta_path(episode.meta)));
            for (camera, span) in &episode.videos {
                files.insert(self.path(&self.info.video_file(camera, span.place)));
            }
            if !episode.notes.ticks.is_empty() {
                files.insert(self.path(&episode.notes.ticks));
            }
        }
        files
    }
}

/// A data file. Refuses one that could not be written again.
pub(super) fn read_rows(path: &Path) -> Result<Table, DatasetError> {
    let file = table::read(path)?;
    match file.skipped.first() {
        None => Ok(file.table),
        Some(name) => refuse(format!(
            "{}: column {name} is of a kind that the change would lose",
            path.display()
        )),
    }
}
