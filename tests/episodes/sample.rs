//! A small dataset of three episodes, made through the library.

use std::path::Path;

use pilothouse::control;
use pilothouse::dataset::journal::{Record, Start, TickRecord, write_record};
use pilothouse::dataset::lerobot::{
    CameraSpec, EpisodeNotes, FeatureStats, Histograms, NewEpisode, Schema, Store,
};
use pilothouse::dataset::table::{Column, Table};
use pilothouse::dataset::video::{self, Encoder, FragmentWriter, VideoFile};
use pilothouse::msg::Stamp;
use pilothouse::runtime::{ControlState, Moment};
use pilothouse::safety::Limits;

pub(crate) const FRONT: &str = "observation.images.front";
const FPS: u32 = 10;
const ROWS: usize = 20;
const SIZE: (u32, u32) = (64, 48);

/// Makes the dataset in `root`: a success with two takeovers, a failure with lost pictures, and
/// one that is not whole.
pub(crate) fn make(root: &Path) {
    let front = CameraSpec { key: FRONT.to_owned(), width: SIZE.0, height: SIZE.1 };
    let schema = Schema::drive(FPS, "test", vec![front]);
    let mut store = Store::create_or_open(root, &schema).unwrap();
    // 2026-11-24 10:15 UTC, and an hour later each.
    let start = 1_795_515_300_000_000_000;
    let notes = |number: u32| EpisodeNotes {
        recording: format!("recording-{number}"),
        started_unix_ns: start + i64::from(number) * 3_600_000_000_000,
        policy: "beacon".to_owned(),
        station: "pilothouse 0.1.0".to_owned(),
        ..EpisodeNotes::default()
    };
    let all = [
        EpisodeNotes { success: Some(true), takeovers: 2, tags: words(&["hall"]), ..notes(0) },
        EpisodeNotes { success: Some(false), frames_dropped: 3, frames_repeated: 1, ..notes(1) },
        EpisodeNotes { incomplete: "the camera was lost".to_owned(), ..notes(2) },
    ];
    let tasks = ["find the red target", "find the blue target", "go through the door on the left"];
    for (number, (notes, task)) in all.into_iter().zip(tasks).enumerate() {
        let staged = root.join(".staged");
        std::fs::create_dir_all(&staged).unwrap();
        let video = staged.join("video.mp4");
        film(&staged.join("fragments.mp4"), &video, number);
        let ticks = staged.join("ticks");
        std::fs::write(&ticks, journal()).unwrap();
        let mut histograms = Histograms::default();
        histograms.add(&picture(number, 0), SIZE.0 as usize);
        let stats = FeatureStats::of_pictures(&histograms);
        let episode = NewEpisode {
            table: table(&schema, number),
            tasks: vec![task.to_owned(); ROWS],
            videos: [(FRONT.to_owned(), video)].into(),
            ticks: Some(ticks),
            picture_stats: [(FRONT.to_owned(), stats)].into(),
            notes,
        };
        assert_eq!(store.append(episode).unwrap(), number);
        std::fs::remove_dir_all(staged).unwrap();
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().copied().map(String::from).collect()
}

/// A column for each feature, of plain values.
fn table(schema: &Schema, number: usize) -> Table {
    let mut table = Table::new();
    for (name, feature) in &schema.features.0 {
        let column = match (feature.dtype.as_str(), feature.shape.as_slice(), name.as_str()) {
            ("float32", [1], _) => Column::F32(vec![0.5; ROWS]),
            ("float32", [width], _) => {
                let x = |i: usize| if i.is_multiple_of(*width) { 0.2 } else { 0.0 };
                Column::F32List { width: *width, values: (0..ROWS * width).map(x).collect() }
            }
            ("bool", ..) => Column::Bool(vec![false; ROWS]),
            ("int64", ..) => {
                let time =
                    |row: usize| ((number + 1) * 1000 + row * 100).cast_signed() as i64 * 1_000_000;
                Column::I64((0..ROWS).map(time).collect())
            }
            (_, _, "mode") => Column::Text(vec!["manual".to_owned(); ROWS]),
            (_, _, "authority") => Column::Text(vec!["operator".to_owned(); ROWS]),
            _ => Column::Text(vec!["none".to_owned(); ROWS]),
        };
        table.push(name, column).unwrap();
    }
    table
}

/// One level for each episode, and a bar that moves.
fn picture(number: usize, row: usize) -> Vec<u8> {
    let ground = 60 + 60 * number as u8;
    let pixel = |i: usize| if i % SIZE.0 as usize / 3 == row { [250; 3] } else { [ground; 3] };
    (0..(SIZE.0 * SIZE.1) as usize).flat_map(pixel).collect()
}

fn film(fragments: &Path, video: &Path, number: usize) {
    let mut encoder = Encoder::new(SIZE.0, SIZE.1, FPS, 5, 26).unwrap();
    let units: Vec<_> = (0..ROWS)
        .map(|row| encoder.encode(&picture(number, row), row.is_multiple_of(5)).unwrap())
        .collect();
    let mut writer = FragmentWriter::create(fragments, FPS, encoder.parameters()).unwrap();
    for group in units.chunks(5) {
        writer.append(group).unwrap();
    }
    let mut source = VideoFile::open(fragments).unwrap();
    video::remux(&mut [(&mut source, 0..ROWS)], FPS, video).unwrap();
}

/// Two seconds of ticks, as control and safety decided them: standing by.
fn journal() -> Vec<u8> {
    let mut state = ControlState::new(&control::Config::default(), Limits::default());
    let mut bytes = pilothouse::dataset::journal::MAGIC.to_vec();
    let mut write = |record: &Record| write_record(record, &mut bytes);
    write(&Record::Start(Box::new(Start { fps: FPS, ..Start::default() })));
    write(&Record::Checkpoint(postcard::to_stdvec(&state).unwrap()));
    for number in 0..100 {
        let moment = Moment { now: Stamp::from_millis(1000 + number * 20), ..Moment::default() };
        let tick = state.turn(&moment).tick;
        write(&Record::Tick(Box::new(TickRecord { tick, has_chunk: false })));
    }
    bytes
}
