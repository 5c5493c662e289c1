//! Changes of episodes that are there: discard, bring back, delete, trim, annotate.

use std::collections::BTreeSet;
use std::ops::Range;

use super::episodes::{self, EpisodeMeta, EpisodeNotes};
use super::reading::{Dataset, no_episode};
use super::rearrange::Kept;
use super::state::{State, refuse};
use super::stats::{FeatureStats, Histograms, sampled_frames};
use super::store::Store;
use super::transaction::Transaction;
use crate::dataset::DatasetError;
use crate::dataset::table::Table;
use crate::dataset::video::VideoFile;

/// The folder of discarded episodes, each a dataset of its own, by recording.
pub const DISCARDED: &str = ".discarded";

impl Store {
    /// Moves episodes to `.discarded/`, from where [`Store::restore`] brings them back; what comes
    /// after them is numbered anew.
    pub fn discard(&mut self, indices: &[usize]) -> Result<(), DatasetError> {
        let gone: BTreeSet<usize> = indices.iter().copied().collect();
        let (mut change, mut state, all) = self.begin_edit(gone.last().copied())?;
        let dataset = self.dataset();
        let mut names = BTreeSet::new();
        for index in &gone {
            self.set_aside(&mut change, &dataset, &all[*index], false, &mut names)?;
        }
        let is_kept = |meta: &&EpisodeMeta| !gone.contains(&meta.index);
        let kept: Vec<Kept> = all.iter().filter(is_kept).cloned().map(Kept::from).collect();
        state.rearrange(&mut change, &all, &kept)?;
        self.finish(change, state)
    }

    /// Names of the discarded recordings, for [`Store::restore`].
    pub fn discarded(&self) -> Result<Vec<String>, DatasetError> {
        let folders = super::entries(&self.root.join(DISCARDED))?;
        let folders = folders.iter().filter(|folder| folder.join("meta/info.json").exists());
        let names = folders.filter_map(|path| path.file_name());
        let mut names: Vec<_> = names.map(|name| name.to_string_lossy().into_owned()).collect();
        names.sort();
        Ok(names)
    }

    /// Deletes discarded recordings, their ticks with them. Nothing brings them back.
    pub fn purge(&mut self, recordings: &[String]) -> Result<(), DatasetError> {
        let mut change = self.begin()?;
        for recording in recordings {
            change.remove(&self.aside(recording)?);
        }
        self.finish(change, self.state.clone())
    }

    /// The folder of a discarded recording, below the root.
    fn aside(&self, recording: &str) -> Result<String, DatasetError> {
        let folder = format!("{DISCARDED}/{recording}");
        let is_there = self.root.join(&folder).join("meta/info.json").exists();
        if super::is_file_name(recording) && is_there {
            return Ok(folder);
        }
        refuse(format!("no discarded recording is named {recording}"))
    }

    /// Brings a discarded episode back, at the end; where it was trimmed only, the whole one takes
    /// the place of the rest. Returns its index.
    pub fn restore(&mut self, recording: &str) -> Result<usize, DatasetError> {
        let folder = self.aside(recording)?;
        let root = self.root.join(&folder);
        let aside = Dataset::open(&root)?;
        let (whole, _) = episodes::read_all(&root, true)?;
        let [whole] = whole.as_slice() else {
            return refuse(format!("{} should hold one episode", root.display()));
        };
        let (mut change, mut state, all) = self.begin_edit(None)?;
        let trimmed = match self.find(&whole.notes.recording) {
            Some(index) => {
                let rest = self.dataset().addition(&all[index])?.episode.table;
                aside.has_rows(&whole.notes.recording, &rest)?.then_some(index)
            }
            None => None,
        };
        let index = if let Some(index) = trimmed {
            let mut addition = aside.addition(whole)?;
            // What was trimmed kept them, and has what was said of it since.
            addition.episode.ticks = None;
            let (whole, since) = (&mut addition.episode.notes, &all[index].notes);
            whole.success = since.success;
            whole.tags.clone_from(&since.tags);
            whole.operator_note.clone_from(&since.operator_note);
            let replaced = state.replace(&mut change, &all[index], addition)?;
            let mut kept: Vec<Kept> = all.iter().cloned().map(Kept::from).collect();
            kept[index] = replaced;
            state.rearrange(&mut change, &all, &kept)?;
            index
        } else {
            let added = state.add(&mut change, aside.addition(whole)?)?;
            let index = added.index;
            state.stage_added_meta(&mut change, vec![added])?;
            index
        };
        change.remove(&folder);
        self.finish(change, state)?;
        Ok(index)
    }

    /// Keeps only the rows of `keep`, from the last key frame of every camera at or before its
    /// start, and returns what it kept. The whole episode goes to `.discarded/`, unless it is there
    /// from an earlier trim.
    pub fn trim(&mut self, index: usize, keep: Range<usize>) -> Result<Range<usize>, DatasetError> {
        let (mut change, mut state, all) = self.begin_edit(Some(index))?;
        let dataset = self.dataset();
        let meta = &all[index];
        if keep.is_empty() || keep.end > meta.length {
            let (start, end, n) = (keep.start, keep.end, meta.length);
            return refuse(format!("cannot keep rows {start}..{end} of {n}"));
        }
        let mut addition = dataset.addition(meta)?;
        let mut videos = Vec::new();
        for (camera, path) in &addition.episode.videos {
            let first = addition.frames.get(camera).map_or(0, |frames| frames.start);
            videos.push((camera.clone(), VideoFile::open(path)?, first));
        }
        let mut start = keep.start;
        while videos.iter().any(|(_, video, first)| start > 0 && !video.is_key(first + start)) {
            start -= 1;
        }
        let keep = start..keep.end;
        let recording = self.set_aside(&mut change, &dataset, meta, true, &mut BTreeSet::new())?;
        let episode = &mut addition.episode;
        episode.ticks = None;
        episode.table = episode.table.slice(keep.clone());
        episode.tasks = episode.tasks[keep.clone()].to_vec();
        episode.notes.recording = recording;
        count_again(&mut episode.notes, &episode.table);
        for (camera, mut video, first) in videos {
            let frames = first + keep.start..first + keep.end;
            episode.picture_stats.insert(camera.clone(), picture_stats(&mut video, &frames)?);
            addition.frames.insert(camera, frames);
        }
        let trimmed = state.replace(&mut change, meta, addition)?;
        let mut kept: Vec<Kept> = all.iter().cloned().map(Kept::from).collect();
        kept[index] = trimmed;
        state.rearrange(&mut change, &all, &kept)?;
        self.finish(change, state)?;
        Ok(keep)
    }

    /// Changes what is noted of an episode; `recording` and `ticks` stay as they are.
    pub fn set_notes(
        &mut self,
        index: usize,
        edit: impl FnOnce(&mut EpisodeNotes),
    ) -> Result<(), DatasetError> {
        let mut change = self.begin()?;
        let mut state = self.state.clone();
        let n = state.episodes.len();
        let Some(meta) = state.episodes.get_mut(index) else {
            return Err(no_episode(&self.root, index, n));
        };
        let (recording, ticks) = (meta.notes.recording.clone(), meta.notes.ticks.clone());
        edit(&mut meta.notes);
        (meta.notes.recording, meta.notes.ticks) = (recording, ticks);
        let (place, notes) = (meta.meta, meta.notes.clone());
        let annotate = |rows: &mut [EpisodeMeta]| {
            for row in rows.iter_mut().filter(|row| row.index == index) {
                row.notes = notes.clone();
            }
        };
        let mut rows = state.read_meta_file(&self.root, place)?;
        annotate(&mut rows);
        if !state.has_columns_of(&change, &self.state.episodes, &rows)? {
            rows = state.read_meta(&self.root)?;
            annotate(&mut rows);
            episodes::unify(&mut rows);
        }
        state.stage_meta(&mut change, &rows)?;
        self.finish(change, state)
    }

    /// What an edit begins with: all rows with their statistics. Refuses an index out of range.
    pub(super) fn begin_edit(
        &mut self,
        last: Option<usize>,
    ) -> Result<(Transaction, State, Vec<EpisodeMeta>), DatasetError> {
        let change = self.begin()?;
        let n = self.state.episodes.len();
        if let Some(last) = last.filter(|last| *last >= n) {
            return Err(no_episode(&self.root, last, n));
        }
        Ok((change, self.state.clone(), self.state.read_meta(&self.root)?))
    }

    /// What is there, to be read.
    pub(super) fn dataset(&self) -> Dataset {
        let State { info, tasks, episodes, .. } = self.state.clone();
        Dataset::new(&self.root, info, tasks, episodes)
    }

    /// Stages an episode as a dataset of one below `.discarded/`, under a name that is not yet in
    /// `taken`, unless all its rows are there from an earlier trim. Returns its recording.
    fn set_aside(
        &self,
        change: &mut Transaction,
        dataset: &Dataset,
        meta: &EpisodeMeta,
        copies_ticks: bool,
        taken: &mut BTreeSet<String>,
    ) -> Result<String, DatasetError> {
        let recording = self.recording_of(meta);
        let mut addition = dataset.addition(meta)?;
        addition.episode.notes.recording.clone_from(&recording);
        addition.copies_ticks = copies_ticks;
        // LeRobot's merge may have made two of one name.
        let again = (2..).map(|number| format!("{recording}.{number}"));
        for name in [recording.clone()].into_iter().chain(again) {
            let folder = self.root.join(DISCARDED).join(&name);
            if folder.exists() {
                if Dataset::open(&folder)?.has_rows(&recording, &addition.episode.table)? {
                    break;
                }
            } else if taken.insert(name.clone()) {
                let mut aside = State::within(format!("{DISCARDED}/{name}/"), &self.state.info);
                let added = aside.add(change, addition)?;
                aside.stage_added_meta(change, vec![added])?;
                aside.stage(change, None)?;
                break;
            }
        }
        Ok(recording)
    }

    /// Episodes of other programs have no name of their own: they get one that is free.
    pub(super) fn recording_of(&self, meta: &EpisodeMeta) -> String {
        if !meta.notes.recording.is_empty() {
            return meta.notes.recording.clone();
        }
        let taken = |name: &String| {
            self.find(name).is_some() || self.root.join(DISCARDED).join(name).exists()
        };
        let mut names = (meta.from_index..).map(|number| format!("rows-from-{number}"));
        names.find(|name| !taken(name)).unwrap_or_default()
    }
}

/// What a shorter episode may have less of.
fn count_again(notes: &mut EpisodeNotes, rows: &Table) {
    if let Some(is_repeated) = rows.bools("frame_repeated") {
        notes.frames_repeated = is_repeated.iter().filter(|is| **is).count().cast_signed() as i64;
    }
    if let Some(intervention) = rows.bools("intervention") {
        let begun = intervention.windows(2).filter(|pair| !pair[0] && pair[1]).count();
        let first = usize::from(intervention.first() == Some(&true));
        notes.takeovers = (begun + first).cast_signed() as i64;
    }
}

fn picture_stats(
    video: &mut VideoFile,
    frames: &Range<usize>,
) -> Result<FeatureStats, DatasetError> {
    let mut histograms = Histograms::default();
    let mut rgb = Vec::new();
    let width = video.size().0 as usize;
    for frame in sampled_frames(frames.len()) {
        video.decode(frames.start + frame, &mut rgb)?;
        histograms.add(&rgb, width);
    }
    Ok(FeatureStats::of_pictures(&histograms))
}
