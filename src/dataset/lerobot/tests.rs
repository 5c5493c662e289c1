#![expect(clippy::unwrap_used, reason = "a test may panic; clippy exempts only #[test] functions")]

use std::fs;
use std::path::Path;

use super::transaction::power;
use super::*;
use crate::dataset::table::{Column, Table};

pub(super) const FRONT: &str = "observation.images.front";

pub(super) fn schema() -> Schema {
    let front = CameraSpec { key: FRONT.to_owned(), width: 64, height: 48 };
    Schema::drive(10, "test", vec![front])
}

/// An episode of `n` rows that tell it from others by `seed`, its files below `folder`.
pub(super) fn episode(folder: &Path, seed: usize, n: usize) -> NewEpisode {
    fs::create_dir_all(folder).unwrap();
    let mut table = Table::new();
    for (name, feature) in &schema().features.0 {
        let value = |i: usize| (seed * 1000 + i) as f32;
        let column = match (feature.dtype.as_str(), feature.shape[0]) {
            ("float32", 1) => Column::F32((0..n).map(value).collect()),
            ("float32", width) => {
                Column::F32List { width, values: (0..n * width).map(value).collect() }
            }
            ("bool", _) => Column::Bool((0..n).map(|i| (i + seed) % 3 == 0).collect()),
            ("int64", _) => Column::I64((0..n).map(|i| (seed * 1000 + i) as i64).collect()),
            _ => Column::Text((0..n).map(|i| format!("{name} {i}")).collect()),
        };
        table.push(name, column).unwrap();
    }
    let recording = format!("recording-{seed}");
    let video = folder.join(format!("{recording}.mp4"));
    fs::write(&video, format!("video {seed}")).unwrap();
    let ticks = folder.join(format!("{recording}.ticks"));
    fs::write(&ticks, format!("ticks {seed}")).unwrap();
    let mut histograms = Histograms::default();
    histograms.add(&[seed as u8; 64 * 48 * 3], 64);
    NewEpisode {
        table,
        tasks: (0..n).map(|i| format!("task {}", (i * 2 / n + seed) % 3)).collect(),
        videos: [(FRONT.to_owned(), video)].into(),
        ticks: Some(ticks),
        picture_stats: [(FRONT.to_owned(), FeatureStats::of_pictures(&histograms))].into(),
        notes: EpisodeNotes { recording, takeovers: 2, ..EpisodeNotes::default() },
    }
}

#[test]
fn an_episode_comes_back_as_it_was_added() {
    // Training would see other numbers than were driven.
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("set");
    let mut store = Store::create_or_open(&root, &schema()).unwrap();
    let staged = root.join(".journal");
    for seed in 0..3 {
        let new = episode(&staged, seed, 5 + seed);
        assert_eq!(store.append(new).unwrap(), seed);
    }
    let dataset = Dataset::open(&root).unwrap();
    assert_eq!(dataset.info().total_frames, 5 + 6 + 7);
    for seed in 0..3 {
        let again = episode(&folder.path().join("again"), seed, 5 + seed);
        let rows = dataset.rows(seed).unwrap();
        for (name, column) in again.table.columns() {
            assert_eq!(rows.column(name), Some(column), "{name}");
        }
        let tasks = rows.i64s("task_index").unwrap().iter();
        let texts: Vec<_> = tasks.map(|at| dataset.tasks()[*at as usize].clone()).collect();
        assert_eq!(texts, again.tasks);
        let (video, first) = dataset.video_path(seed, FRONT).unwrap();
        assert_eq!((fs::read_to_string(video).unwrap(), first), (format!("video {seed}"), 0));
        let ticks = dataset.ticks_path(seed).unwrap();
        assert_eq!(fs::read_to_string(ticks).unwrap(), format!("ticks {seed}"));
        assert_eq!(dataset.episodes()[seed].notes.takeovers, 2);
    }
    assert_eq!(fs::read_dir(staged).unwrap().count(), 0, "the files are moved, not copied");
}

#[test]
fn appending_again_changes_nothing() {
    // An episode that a crash left in the journal would be in the dataset twice.
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("set");
    let mut store = Store::create_or_open(&root, &schema()).unwrap();
    store.append(episode(&folder.path().join("a"), 0, 5)).unwrap();
    assert_eq!(store.append(episode(&folder.path().join("a"), 1, 5)).unwrap(), 1);
    assert_eq!(store.append(episode(&folder.path().join("a"), 0, 5)).unwrap(), 0);
    assert_eq!(store.episodes().len(), 2);
}

#[test]
fn a_crash_anywhere_leaves_before_or_after() {
    // A power cut would cost the whole dataset, not one episode.
    let folder = tempfile::tempdir().unwrap();
    for steps in 0.. {
        let root = folder.path().join(format!("set-{steps}"));
        let mut store = Store::create_or_open(&root, &schema()).unwrap();
        store.append(episode(&root.join(".journal"), 0, 5)).unwrap();
        let new = episode(&root.join(".journal"), 1, 4);
        power::fails_after(Some(steps));
        let outcome = store.append(new);
        power::fails_after(None);
        drop(store);
        let dataset = Dataset::open(&root).unwrap();
        let n = dataset.episodes().len();
        for index in 0..n {
            dataset.rows(index).unwrap();
            let (video, _) = dataset.video_path(index, FRONT).unwrap();
            assert_eq!(fs::read_to_string(video).unwrap(), format!("video {index}"));
        }
        let mut store = Store::open(&root).unwrap();
        if n == 1 {
            // Nothing of it was taken, so it can be added again.
            store.append(episode(&root.join(".journal"), 1, 4)).unwrap();
        }
        assert_eq!(store.find("recording-1"), Some(1));
        if outcome.is_ok() {
            assert!(steps > 10, "only {steps} steps");
            return;
        }
    }
}
