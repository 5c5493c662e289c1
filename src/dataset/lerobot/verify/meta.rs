//! `meta/`: the description, the rows of episodes, the statistics.

use std::collections::BTreeSet;

use serde_json::json;

use super::{Description, Report};
use crate::dataset::lerobot::info::{AUTOMATIC, INFO_PATH};
use crate::dataset::lerobot::state::State;
use crate::dataset::lerobot::stats::{self, FeatureStats, Stats};
use crate::dataset::lerobot::{episodes, parquet_files, reading};
use crate::dataset::table;

/// Nobody normalises by these, and LeRobot's tools leave them as they were.
pub(super) const BOOKKEEPING: [&str; 3] = ["episode_index", "index", "task_index"];
const STATS_PATH: &str = "meta/stats.json";
const CORRECT: &str = "correct it by hand";

impl Report {
    pub(super) fn check_info(&mut self, description: &Description) {
        let info = &description.info;
        if info.total_tasks != description.n_tasks {
            let (told, there) = (info.total_tasks, description.n_tasks);
            let what = format!("it counts {told} tasks, meta/tasks.parquet has {there}");
            self.error(INFO_PATH, what, CORRECT);
        }
        if let Err(error) = reading::check(&self.root, info, &description.episodes) {
            self.failed(error);
        }
        for (name, dtype) in AUTOMATIC {
            if info.features.get(name).is_none_or(|feature| feature.dtype != dtype) {
                self.error(INFO_PATH, format!("feature {name} of {dtype} is missing"), CORRECT);
            }
        }
        for (name, feature) in &info.features.0 {
            if name.contains('/') {
                self.error(INFO_PATH, format!("feature {name} has a / in its name"), CORRECT);
            }
            let names = json!(["height", "width", "channels"]);
            if feature.is_video() && (feature.names != names || feature.shape.len() != 3) {
                let what = format!("camera {name} is not described as {names}: training fails");
                self.error(INFO_PATH, what, CORRECT);
            }
        }
    }

    pub(super) fn check_episodes(&mut self, description: &Description) {
        let mut recordings = BTreeSet::new();
        for meta in &description.episodes {
            let path = episodes::meta_path(meta.meta);
            let index = meta.index;
            let recording = &meta.notes.recording;
            if !recording.is_empty() && !recordings.insert(recording) {
                let what = format!("recording {recording} is there twice, again as {index}");
                self.warn(&path, what, "discard one of them");
            }
            let ticks = &meta.notes.ticks;
            if !ticks.is_empty() && !self.root.join(ticks).is_file() {
                let what = format!("the tick journal of episode {index} is missing");
                self.warn(ticks, what, "restore it from a copy, or live without a replay");
            }
            if !meta.notes.incomplete.is_empty() {
                let what = format!("episode {index} is not whole: {}", meta.notes.incomplete);
                self.warn(&path, what, "look at it, then keep or discard it");
            }
        }
        self.check_episode_files();
    }

    /// Readers take the columns of the first file for those of all.
    fn check_episode_files(&mut self) {
        let mut first = None;
        for path in parquet_files(&self.root.join("meta/episodes")).unwrap_or_default() {
            let inside = path.strip_prefix(&self.root).unwrap_or(&path).to_string_lossy();
            let inside = inside.replace('\\', "/");
            let names = match table::names(&path) {
                Ok(names) => names,
                Err(error) => {
                    self.failed(error);
                    continue;
                }
            };
            let first = first.get_or_insert_with(|| names.clone());
            if let Some(name) = names.difference(first).next() {
                let what = format!("column {name} is not in the first file: LeRobot fails");
                self.error(&inside, what, "any change by this program makes them alike");
            }
            if let Some(name) = first.difference(&names).next() {
                let what = format!("column {name} is missing: it loads as nothing");
                self.warn(&inside, what, "any change by this program makes them alike");
            }
        }
    }

    pub(super) fn check_statistics(&mut self, description: &Description, state: &State) {
        let mut all = Stats::new();
        for meta in &description.episodes {
            stats::add(&mut all, &meta.stats);
        }
        let mut missing = Vec::new();
        let mut wrong = Vec::new();
        for (name, feature) in &description.info.features.0 {
            let is_number = feature.dtype != "string" && feature.dtype != "language";
            if BOOKKEEPING.contains(&name.as_str()) {
                continue;
            }
            match (state.stats.get(name), all.get(name)) {
                (None, _) if is_number && !state.has_stats(name) => missing.push(name.as_str()),
                (Some(told), Some(own)) if own.count > 0 && !is_close(told, own) => {
                    wrong.push(name.as_str());
                }
                _ => {}
            }
        }
        if !description.episodes.is_empty() && !missing.is_empty() {
            let what = format!("no statistics of {}: training needs them", missing.join(", "));
            self.warn(STATS_PATH, what, "compact the dataset, which writes them anew");
        }
        if !wrong.is_empty() {
            let what = format!("not what the episodes tell of {}", wrong.join(", "));
            self.error(STATS_PATH, what, "compact the dataset, which writes them anew");
        }
    }
}

/// Quantiles aside: LeRobot has had two ways to combine them. It takes squares in float32, so its
/// deviations are good to about 4e-4 of the values.
pub(super) fn is_close(a: &FeatureStats, b: &FeatureStats) -> bool {
    let get = |stats: &FeatureStats, name: &str| stats.get(name).unwrap_or_default().to_vec();
    let sizes: Vec<f64> = get(b, "min")
        .iter()
        .zip(get(b, "max"))
        .map(|(min, max)| min.abs().max(max.abs()))
        .collect();
    let is_close = |name: &str| {
        let (a, b) = (get(a, name), get(b, name));
        let close = |((a, b), size): ((&f64, &f64), &f64)| (a - b).abs() <= 1e-3 * size + 1e-9;
        a.len() == b.len() && a.iter().zip(&b).zip(&sizes).all(close)
    };
    a.count == b.count && ["min", "max", "mean", "std"].into_iter().all(is_close)
}
