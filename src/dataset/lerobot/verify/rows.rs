//! `data/`: every row in its place, every column of its type.

use std::collections::{BTreeMap, BTreeSet};

use super::meta::{BOOKKEEPING, is_close};
use super::{Description, FROM_COPY, Report};
use crate::dataset::lerobot::episodes::{EpisodeMeta, Place};
use crate::dataset::lerobot::info::{Feature, Info};
use crate::dataset::lerobot::reading::cut_rows;
use crate::dataset::lerobot::{parquet_files, stats};
use crate::dataset::table::{self, Column, Table};

/// What LeRobot allows between a row's time and its picture's.
const TOLERANCE_S: f64 = 1e-4;

impl Report {
    pub(super) fn check_rows(&mut self, description: &Description) {
        let info = &description.info;
        let mut files: BTreeMap<Place, Vec<&EpisodeMeta>> = BTreeMap::new();
        for meta in &description.episodes {
            files.entry(meta.data).or_default().push(meta);
        }
        let mut next = 0;
        for (place, episodes) in &files {
            let path = info.data_file(*place);
            // LeRobot takes a row's place among all files, by path, for its index.
            if episodes[0].from_index != next {
                let what = format!("its rows should begin with row {next} of the dataset");
                self.error(&path, what, "its order by path must be that of the rows: rename it");
            }
            next = episodes.last().map_or(next, |last| last.to_index);
            let contents = match table::read(&self.root.join(&path)) {
                Ok(contents) => contents,
                Err(error) => {
                    self.failed(error);
                    continue;
                }
            };
            self.check_columns(&path, &contents, info);
            let n_expected: usize = episodes.iter().map(|meta| meta.length).sum();
            if contents.table.n_rows() != n_expected {
                let n = contents.table.n_rows();
                let what = format!("it has {n} rows, its episodes have {n_expected}");
                self.error(&path, what, FROM_COPY);
            }
            for meta in episodes {
                match cut_rows(&self.root.join(&path), &contents.table, meta) {
                    Ok(rows) => self.check_episode(&path, &rows, meta, description),
                    Err(error) => self.failed(error),
                }
            }
        }
        let known: BTreeSet<_> =
            files.keys().map(|place| self.root.join(info.data_file(*place))).collect();
        for path in parquet_files(&self.root.join("data")).unwrap_or_default() {
            if !known.contains(&path) {
                let inside = path.strip_prefix(&self.root).unwrap_or(&path).to_string_lossy();
                let what = "no episode is in it, and its rows may shift those of others";
                self.error(&inside, what, "move it out of the dataset");
            }
        }
    }

    fn check_columns(&mut self, path: &str, contents: &table::Contents, info: &Info) {
        for (name, column) in contents.table.columns() {
            match info.features.get(name) {
                None => {
                    let what = format!("column {name} is no feature: LeRobot cannot load it");
                    self.error(path, what, "describe it in meta/info.json, or remove it");
                }
                Some(feature) if !fits(feature, column) => {
                    let (dtype, shape) = (&feature.dtype, &feature.shape);
                    self.error(
                        path,
                        format!("column {name} is not of {dtype} {shape:?}"),
                        FROM_COPY,
                    );
                }
                Some(_) => {}
            }
        }
        let is_there = |name: &String| {
            contents.table.column(name).is_some() || contents.skipped.contains(name)
        };
        for (name, feature) in &info.features.0 {
            if !feature.is_video() && !is_there(name) {
                let what = format!("column {name} is missing: it loads as nothing");
                self.error(path, what, FROM_COPY);
            }
        }
    }

    fn check_episode(
        &mut self,
        path: &str,
        rows: &Table,
        meta: &EpisodeMeta,
        description: &Description,
    ) {
        let index = meta.index;
        let frames = rows.i64s("frame_index").unwrap_or_default();
        if !frames.iter().copied().eq(0..meta.length.cast_signed() as i64) {
            let what = format!("frame_index of episode {index} does not count its rows");
            self.error(path, what, FROM_COPY);
        }
        let fps = f64::from(description.info.fps);
        let seconds = rows.f32s("timestamp").unwrap_or_default();
        let is_late =
            |(row, at): (usize, &f32)| (f64::from(*at) - row as f64 / fps).abs() > TOLERANCE_S;
        if seconds.iter().enumerate().any(is_late) {
            let what = format!("timestamp of episode {index} is not frame_index / fps");
            self.error(path, what, FROM_COPY);
        }
        let tasks = rows.i64s("task_index").unwrap_or_default();
        let is_known =
            |task: &i64| usize::try_from(*task).is_ok_and(|task| task < description.n_tasks);
        if !tasks.iter().all(is_known) {
            let what = format!("a task_index of episode {index} is not in meta/tasks.parquet");
            self.error(path, what, FROM_COPY);
        }
        for (name, column) in rows.columns() {
            let is_policy_io = name.starts_with("observation") || name.starts_with("action");
            if is_policy_io && !is_finite(column) {
                let what = format!("{name} of episode {index} has NaN or infinite values");
                self.warn(path, what, "trim or discard it before training");
            }
        }
        for (name, own) in &stats::of_table(rows) {
            let told = meta.stats.get(name).filter(|told| told.count > 0);
            let is_told = !BOOKKEEPING.contains(&name.as_str());
            if is_told && told.is_some_and(|told| !is_close(told, own)) {
                let what = format!("the statistics of {name} of episode {index} are others");
                self.warn(path, what, "training normalises wrongly; restore meta/ from a copy");
            }
        }
    }
}

/// Also a nullable column, though what it lacks loads as nothing.
fn fits(feature: &Feature, column: &Column) -> bool {
    feature.holds(column)
        || match column {
            Column::OptText(_) => feature.dtype == "string",
            _ => false,
        }
}

fn is_finite(column: &Column) -> bool {
    match column {
        Column::F32(values) | Column::F32List { values, .. } => {
            values.iter().all(|v| v.is_finite())
        }
        Column::F64(values) => values.iter().all(|v| v.is_finite()),
        _ => true,
    }
}
