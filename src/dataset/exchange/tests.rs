mod hdf5_in;
mod hdf5_out;
mod others;

use std::collections::BTreeMap;
use std::path::Path;

use crate::dataset::lerobot::{CameraSpec, Dataset, EpisodeNotes, NewEpisode, Schema, Store};
use crate::dataset::table::{Column, Table};
use crate::dataset::video::{self, Encoder, FragmentWriter, VideoFile};

const WIDTH: u32 = 64;
const HEIGHT: u32 = 48;
const FPS: u32 = 5;
const CAMERA: &str = "observation.images.front";
const TASK: &str = "컵까지, \"left\" side";

/// RGB: red grows downwards, blue to the right, green with the number.
fn picture(number: usize) -> Vec<u8> {
    let pixels = (0..HEIGHT).flat_map(|y| (0..WIDTH).map(move |x| (x, y)));
    let channels = |(x, y): (u32, u32)| [100 + y * 2, 40 + number as u32 * 9, x * 2];
    pixels.flat_map(channels).map(|value| value as u8).collect()
}

fn actions(n: usize) -> Vec<f32> {
    (0..n).flat_map(|i| [if i == 0 { 0.0 } else { 0.5 }, i as f32 * 0.01, 0.0]).collect()
}

/// A dataset with one episode of `n` rows, the task changing before the last one if asked.
fn dataset(root: &Path, n: usize, second_task: Option<&str>) -> Dataset {
    let mut encoder = Encoder::new(WIDTH, HEIGHT, FPS, 3, 18).unwrap();
    let units: Vec<_> = (0..n).map(|i| encoder.encode(&picture(i), false).unwrap()).collect();
    let staged = root.with_extension("mp4");
    let fragments = root.with_extension("fragments");
    let mut writer = FragmentWriter::create(&fragments, FPS, encoder.parameters()).unwrap();
    writer.append(&units).unwrap();
    let mut file = VideoFile::open(&fragments).unwrap();
    video::remux(&mut [(&mut file, 0..n)], FPS, &staged).unwrap();

    let camera = CameraSpec { key: CAMERA.to_owned(), width: WIDTH, height: HEIGHT };
    let schema = Schema::drive(FPS, "robot", vec![camera]);
    let mut store = Store::create_or_open(root, &schema).unwrap();
    let mut tasks = vec![TASK.to_owned(); n];
    if let (Some(task), Some(last)) = (second_task, tasks.last_mut()) {
        task.clone_into(last);
    }
    let episode = NewEpisode {
        table: table(n),
        tasks,
        videos: BTreeMap::from([(CAMERA.to_owned(), staged)]),
        notes: EpisodeNotes {
            recording: "2026-05-05T10-00-00".to_owned(),
            started_unix_ns: 1_777_975_200_000_000_000,
            success: Some(true),
            tags: vec!["a".to_owned(), "b,c".to_owned()],
            ..EpisodeNotes::default()
        },
        ..NewEpisode::default()
    };
    store.append(episode).unwrap();
    drop(store);
    Dataset::open(root).unwrap()
}

fn table(n: usize) -> Table {
    let list = |values| Column::F32List { width: 3, values };
    let text = |text: &str| Column::Text(vec![text.to_owned(); n]);
    let time = |late: i64| {
        Column::I64((0..n as u32).map(i64::from).map(|i| i * 200_000_000 + late).collect())
    };
    let columns = [
        ("observation.state", list(actions(n))),
        ("action", list(actions(n))),
        ("policy_action", list(vec![0.0; n * 3])),
        ("policy_action_valid", Column::Bool((0..n).map(|i| i % 2 == 0).collect())),
        ("operator_action", list(actions(n))),
        ("operator_action_valid", Column::Bool(vec![true; n])),
        ("intervention", Column::Bool(vec![false; n])),
        ("mode", text("manual")),
        ("authority", text("operator")),
        ("limiter", text("none")),
        ("confidence", Column::F32(vec![0.25; n])),
        ("battery", Column::F32(vec![0.5; n])),
        ("frame_age_s", Column::F32(vec![0.02; n])),
        ("frame_repeated", Column::Bool(vec![false; n])),
        ("capture_time_ns", time(1_000)),
        ("tick_time_ns", time(5_001_000)),
    ];
    let mut table = Table::default();
    for (name, column) in columns {
        table.push(name, column).unwrap();
    }
    table
}

/// The pictures as the dataset's video shows them.
fn shown(dataset: &Dataset, n: usize) -> Vec<Vec<u8>> {
    let (path, first) = dataset.video_path(0, CAMERA).unwrap();
    let mut file = VideoFile::open(&path).unwrap();
    let mut decode = |i| {
        let mut rgb = Vec::new();
        file.decode(first + i, &mut rgb).unwrap();
        rgb
    };
    (0..n).map(&mut decode).collect()
}

/// Mean difference of two pictures, in levels.
fn difference(a: &[u8], b: &[u8]) -> f64 {
    assert_eq!(a.len(), b.len());
    let sum: u64 = a.iter().zip(b).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    sum as f64 / a.len() as f64
}
