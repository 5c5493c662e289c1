mod combine;
mod crashes;
mod damage;
mod edits;

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::*;
use crate::dataset::table::{Column, Table};
use crate::dataset::video::{Encoder, FragmentWriter, VideoFile, remux};

const FRONT: &str = "observation.images.front";
const WIDTH: u32 = 64;
const HEIGHT: u32 = 48;
/// Frames between key frames of the test videos.
const GOP: usize = 3;

/// In memory where that is to be had: syncing hundreds of files costs minutes on a disk.
fn scratch() -> TempDir {
    let in_memory = tempfile::tempdir_in("/dev/shm");
    in_memory.or_else(|_| tempfile::tempdir()).unwrap()
}

fn schema() -> Schema {
    let front = CameraSpec { key: FRONT.to_owned(), width: WIDTH, height: HEIGHT };
    Schema::drive(10, "test", vec![front])
}

fn signed(value: usize) -> i64 {
    value.cast_signed() as i64
}

/// The grey level of a frame, which tells it from its neighbours.
fn grey(seed: usize, frame: usize) -> u8 {
    ((seed * 40 + frame * 8) % 220 + 16) as u8
}

fn write_video(path: &Path, seed: usize, n: usize) {
    let mut encoder = Encoder::new(WIDTH, HEIGHT, 10, GOP as u32, 20).unwrap();
    let mut units = Vec::new();
    for frame in 0..n {
        let rgb = vec![grey(seed, frame); (WIDTH * HEIGHT * 3) as usize];
        units.push(encoder.encode(&rgb, frame % GOP == 0).unwrap());
    }
    let fragments = path.with_extension("fragments");
    FragmentWriter::create(&fragments, 10, encoder.parameters()).unwrap().append(&units).unwrap();
    remux(&mut [(&mut VideoFile::open(&fragments).unwrap(), 0..n)], 10, path).unwrap();
    fs::remove_file(fragments).unwrap();
}

/// An episode of `n` rows that tell it from others by `seed`, its files below `folder`.
fn episode(folder: &Path, seed: usize, n: usize) -> NewEpisode {
    episode_of(folder, &schema().features, seed, n)
}

fn episode_of(folder: &Path, features: &Features, seed: usize, n: usize) -> NewEpisode {
    fs::create_dir_all(folder).unwrap();
    let mut table = Table::new();
    for (name, feature) in &features.0 {
        let value = |i: usize| (seed * 1000 + i) as f32;
        let column = match (feature.dtype.as_str(), feature.shape[0]) {
            // Such as the charge of a battery that nobody measures.
            ("float32", 1) if name == "battery" => Column::F32(vec![f32::NAN; n]),
            ("float32", 1) => Column::F32((0..n).map(value).collect()),
            ("float32", width) => {
                Column::F32List { width, values: (0..n * width).map(value).collect() }
            }
            ("bool", _) => Column::Bool((0..n).map(|i| (i + seed).is_multiple_of(3)).collect()),
            ("int64", _) => Column::I64((0..n).map(|i| signed(seed * 1000 + i)).collect()),
            _ => Column::Text((0..n).map(|i| format!("{name} {i}")).collect()),
        };
        table.push(name, column).unwrap();
    }
    let recording = format!("recording-{seed}");
    let video = folder.join(format!("{recording}.mp4"));
    write_video(&video, seed, n);
    let ticks = folder.join(format!("{recording}.ticks"));
    fs::write(&ticks, format!("ticks {seed}")).unwrap();
    let mut histograms = Histograms::default();
    histograms.add(&[seed as u8; (WIDTH * HEIGHT * 3) as usize], WIDTH as usize);
    NewEpisode {
        table,
        tasks: (0..n).map(|i| format!("task {}", (i * 2 / n + seed) % 3)).collect(),
        videos: [(FRONT.to_owned(), video)].into(),
        ticks: Some(ticks),
        picture_stats: [(FRONT.to_owned(), FeatureStats::of_pictures(&histograms))].into(),
        notes: EpisodeNotes { recording, takeovers: 2, ..EpisodeNotes::default() },
    }
}

/// A dataset of episodes of 5, 6, 7... rows, by seed from 0.
fn dataset(root: &Path, n: usize) -> Store {
    let mut store = Store::create_or_open(root, &schema()).unwrap();
    for seed in 0..n {
        store.append(episode(&root.join(".journal"), seed, 5 + seed)).unwrap();
    }
    store
}

/// That the dataset holds these parts of these episodes: (seed, its first row, number of rows).
fn holds(root: &Path, expected: &[(usize, usize, usize)]) {
    let dataset = Dataset::open(root).unwrap();
    assert_eq!(dataset.episodes().len(), expected.len());
    let all = dataset.all_rows().unwrap();
    for (index, &(seed, start, n)) in expected.iter().enumerate() {
        let (rows, meta) = (dataset.rows(index).unwrap(), &dataset.episodes()[index]);
        assert_eq!((meta.length, rows.n_rows()), (n, n), "episode {index}");
        assert!(rows.is_same(&all[index]), "episode {index}");
        let states = rows.i64s("tick_time_ns").unwrap();
        let own = (start..start + n).map(|row| signed(seed * 1000 + row));
        assert!(states.iter().copied().eq(own), "episode {index}: {states:?}");
        let frame_index = rows.i64s("frame_index").unwrap();
        assert!(frame_index.iter().copied().eq(0..signed(n)), "{frame_index:?}");
        let mut video = dataset.video(index, FRONT).unwrap();
        let mut rgb = Vec::new();
        for row in 0..n {
            video.decode(row, &mut rgb).unwrap();
            let (seen, drawn) = (rgb[0], grey(seed, start + row));
            assert!(seen.abs_diff(drawn) < 3, "episode {index} row {row}: {seen}, not {drawn}");
        }
        let ticks = fs::read_to_string(dataset.ticks_path(index).unwrap()).unwrap();
        assert_eq!(ticks, format!("ticks {seed}"));
    }
    let places = dataset.episodes().iter().map(|meta| meta.videos[FRONT].place);
    let last = dataset.episodes().last().map(|meta| meta.videos[FRONT].place);
    assert_eq!(last, places.max(), "LeRobot would write over the highest");
    let (metas, _) = episodes::read_all(root, true).unwrap();
    let mut all = Stats::new();
    for meta in &metas {
        assert_eq!(meta.stats["index"].get("min"), Some(&[meta.from_index as f64][..]));
        stats::add(&mut all, &meta.stats);
    }
    let told = state::State::read(root).unwrap().stats;
    for (name, own) in &all {
        let told = &told[name];
        assert_eq!(told.count, own.count, "{name}");
        for what in ["min", "mean"] {
            let value = |stats: &FeatureStats| stats.get(what).unwrap()[0];
            let (told, own) = (value(told), value(own));
            assert!((told - own).abs() < 1e-9 * own.abs().max(1.0), "{name} {what}");
        }
    }
}

#[test]
fn an_episode_comes_back_as_it_was_added() {
    // Training would see other numbers than were driven.
    let folder = scratch();
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
            assert!(rows.column(name).is_some_and(|own| own.is_same(column)), "{name}");
        }
        let tasks = rows.i64s("task_index").unwrap().iter();
        let texts: Vec<_> = tasks.map(|at| dataset.tasks()[*at as usize].clone()).collect();
        assert_eq!(texts, again.tasks);
        assert_eq!(dataset.episodes()[seed].notes.takeovers, 2);
    }
    holds(&root, &[(0, 0, 5), (1, 0, 6), (2, 0, 7)]);
    assert_eq!(fs::read_dir(staged).unwrap().count(), 0, "the files are moved, not copied");
}

#[test]
fn appending_again_changes_nothing() {
    // An episode that a crash left in the journal would be in the dataset twice.
    let folder = scratch();
    let root = folder.path().join("set");
    let mut store = Store::create_or_open(&root, &schema()).unwrap();
    store.append(episode(&folder.path().join("a"), 0, 5)).unwrap();
    assert_eq!(store.append(episode(&folder.path().join("a"), 1, 5)).unwrap(), 1);
    assert_eq!(store.append(episode(&folder.path().join("a"), 0, 5)).unwrap(), 0);
    assert_eq!(store.episodes().len(), 2);
}

#[test]
fn a_video_of_another_length_is_refused() {
    // Every later picture would stand beside the row of another moment.
    let folder = scratch();
    let mut store = Store::create_or_open(&folder.path().join("set"), &schema()).unwrap();
    let mut new = episode(folder.path(), 0, 6);
    write_video(&new.videos[FRONT], 0, 5);
    assert!(matches!(store.append(new.clone()), Err(DatasetError::Video { .. })));
    write_video(&new.videos[FRONT], 0, 6);
    new.table.remove("mode");
    assert!(matches!(store.append(new), Err(DatasetError::Refused(_))));
}

#[test]
fn one_program_at_a_time_writes() {
    // Two recorders would give their episodes the same number.
    let folder = scratch();
    let root = folder.path().join("set");
    let store = dataset(&root, 1);
    assert!(matches!(Store::open(&root), Err(DatasetError::Locked { .. })));
    Dataset::open(&root).unwrap();
    drop(store);
    Store::open(&root).unwrap();
}

#[test]
fn other_data_is_not_mixed_in() {
    // Rows of another rate or camera would be trained on as if they were the same.
    let folder = scratch();
    let root = folder.path().join("set");
    drop(dataset(&root, 1));
    let faster = Schema { fps: 15, ..schema() };
    assert!(matches!(Store::create_or_open(&root, &faster), Err(DatasetError::Refused(_))));
    let mut larger = schema();
    larger.cameras[0].width = 128;
    assert!(matches!(Store::create_or_open(&root, &larger), Err(DatasetError::Refused(_))));
    fs::write(folder.path().join("notes.txt"), "mine").unwrap();
    let outer = Store::create_or_open(folder.path(), &schema());
    assert!(matches!(outer, Err(DatasetError::Refused(_))));
}

#[test]
fn what_others_wrote_into_the_description_stays() {
    // A dataset of another program would lose what that needs, or its columns their order.
    let folder = scratch();
    let root = folder.path().join("set");
    let mut store = dataset(&root, 1);
    let path = root.join("meta/info.json");
    let before = fs::read_to_string(&path).unwrap();
    assert!(before.contains("\n    \"fps\": 10,"), "{before}");
    let foreign = before.replace("\"fps\": 10,", "\"fps\": 10.0,\n    \"tools\": [{\"b\": 1}],");
    fs::write(&path, foreign.replace("\"shape\"", "\"unit\": \"m\",\n \"shape\"")).unwrap();
    drop(store);
    store = Store::open(&root).unwrap();
    store.set_notes(0, |notes| notes.success = Some(false)).unwrap();
    let after: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    assert_eq!(after["tools"][0]["b"], 1);
    assert_eq!((&after["features"]["action"]["unit"], &after["fps"]), (&"m".into(), &10.into()));
    let names = |text: &str| {
        let mut at: Vec<_> = schema()
            .features
            .0
            .iter()
            .map(|(name, _)| (text.find(&format!("\"{name}\":")), name.clone()))
            .collect();
        at.sort();
        at.into_iter().map(|(_, name)| name).collect::<Vec<_>>()
    };
    assert_eq!(names(&fs::read_to_string(&path).unwrap()), names(&before));
}
