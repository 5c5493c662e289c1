use std::fs;
use std::path::Path;

use super::*;
use crate::dataset::lerobot::{
    CameraSpec, EpisodeNotes, FeatureStats, Histograms, NewEpisode, Schema, Store,
};
use crate::dataset::table::{Column, Table};
use crate::dataset::video::{Encoder, FragmentWriter, VideoFile, remux};
use crate::train::TrainError;

pub(in crate::train) const SPEC: ExamplesSpec =
    ExamplesSpec { width: 2, height: 2, rate_hz: 10.0, slots: 2, slot_ms: 100 };

/// A clip of `n` steps, its own in every byte.
pub(in crate::train) fn clip(seed: u8, n: usize, spec: &ExamplesSpec) -> Clip {
    let number = |i: usize| f32::from(seed) + i as f32 / 64.0;
    let length = spec.picture_len();
    Clip {
        instruction: format!("go {} {seed}", if seed.is_multiple_of(2) { "left" } else { "right" }),
        origin: format!("seed {seed}"),
        is_mirrorable: !seed.is_multiple_of(3),
        pictures: (0..n).map(|step| vec![seed * 16 + step as u8; length]).collect(),
        targets: (0..n * spec.slots).map(|i| [number(i), -number(i), 0.5]).collect(),
        weights: (0..n * spec.slots).map(|i| (i % 3) as f32).collect(),
    }
}

fn write(path: &Path, clips: &[Clip]) {
    let mut writer = ExamplesWriter::create(path, &SPEC).unwrap();
    for clip in clips {
        writer.push(clip).unwrap();
    }
    writer.finish().unwrap();
}

/// The clips of opened examples as they were pushed.
fn clips_of(examples: &Examples) -> Result<Vec<Clip>, TrainError> {
    let of = |(index, columns): (usize, &ClipColumns)| {
        let picture = |step| {
            let mut rgb = vec![0; examples.spec().picture_len()];
            examples.picture(index, step, &mut rgb).map(|()| rgb)
        };
        Ok(Clip {
            instruction: columns.instruction.clone(),
            origin: columns.origin.clone(),
            is_mirrorable: columns.is_mirrorable,
            pictures: (0..columns.n_steps()).map(picture).collect::<Result<_, _>>()?,
            targets: columns.targets.clone(),
            weights: columns.weights.clone(),
        })
    };
    examples.clips().iter().enumerate().map(of).collect()
}

#[test]
fn clips_come_back_as_they_were_pushed() {
    // A policy would learn from pictures or commands that nobody gave.
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (folder.path().join("a"), folder.path().join("b"));
    let clips: Vec<_> = (1..5).map(|seed| clip(seed, usize::from(seed), &SPEC)).collect();
    write(&a, &clips[..2]);
    write(&b, &clips[2..3]);
    assert!(ExamplesWriter::create(&b, &SPEC).is_err(), "an existing file is not replaced");
    let mut writer = ExamplesWriter::append(&b, &SPEC).unwrap();
    assert!(ExamplesWriter::append(&b, &SPEC).is_err(), "one writer at a time");
    writer.push(&clips[3]).unwrap();
    let odd = Clip { weights: vec![1.0], ..clips[0].clone() };
    assert!(writer.push(&odd).is_err());
    writer.finish().unwrap();
    let examples = Examples::open(&[&a, &b]).unwrap();
    assert_eq!((examples.n_clips(), examples.n_steps(), examples.n_torn()), (4, 10, 0));
    assert_eq!(clips_of(&examples).unwrap(), clips);
    assert!(examples.picture(0, 1, &mut [0; 12]).is_err());
    assert!(examples.picture(4, 0, &mut [0; 12]).is_err());
    let other = ExamplesSpec { slots: 3, ..SPEC };
    assert!(ExamplesWriter::append(&b, &other).is_err());
    let c = folder.path().join("c");
    ExamplesWriter::create(&c, &other).unwrap().finish().unwrap();
    assert!(Examples::open(&[&a, &c]).is_err(), "files of two kinds");
    assert!(Examples::open::<&Path>(&[]).is_err());
}

#[test]
fn a_killed_writer_costs_its_last_clip_at_most() {
    // Hours of simulated driving would be lost, or a torn clip be learnt from.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("whole");
    let clips: Vec<_> = (1..4).map(|seed| clip(seed, 2, &SPEC)).collect();
    write(&path, &clips);
    let bytes = fs::read(&path).unwrap();
    let torn = folder.path().join("torn");
    let mut n_before = 0;
    for length in 0..=bytes.len() {
        fs::write(&torn, &bytes[..length]).unwrap();
        let Ok(examples) = Examples::open(&[&torn]) else {
            assert_eq!(n_before, 0, "{length}");
            assert!(ExamplesWriter::append(&torn, &SPEC).is_err());
            continue;
        };
        let n = examples.n_clips();
        assert!(n >= n_before && clips_of(&examples).unwrap() == clips[..n], "{length}");
        n_before = n;
        let mut writer = ExamplesWriter::append(&torn, &SPEC).unwrap();
        writer.push(&clips[0]).unwrap();
        writer.finish().unwrap();
        let grown = Examples::open(&[&torn]).unwrap();
        let expected = [&clips[..n], &clips[..1]].concat();
        assert!(clips_of(&grown).unwrap() == expected && grown.n_torn() == 0, "{length}");
    }
    assert_eq!(n_before, 3);
}

#[test]
fn a_damaged_byte_is_never_learnt_from() {
    // A bad disk would put noise among the examples.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged");
    let clips: Vec<_> = (1..4).map(|seed| clip(seed, 2, &SPEC)).collect();
    write(&path, &clips);
    let bytes = fs::read(&path).unwrap();
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x10;
        fs::write(&path, &damaged).unwrap();
        let Ok(examples) = Examples::open(&[&path]) else { continue };
        if let Ok(found) = clips_of(&examples) {
            assert!(found.len() < clips.len() && found == clips[..found.len()], "byte {at}");
        }
    }
}

#[test]
fn statistics_are_of_what_counts() {
    // Commands that are not learnt from would shift the policy's scale.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("set");
    let targets = vec![[1.0, 0.0, 4.0], [9.0, 9.0, 9.0], [3.0, 0.0, 0.0], [3.0, 0.0, 4.0]];
    let weights = vec![2.0, 0.0, 1.0, 1.0];
    write(&path, &[Clip { targets, weights, ..clip(1, 2, &SPEC) }]);
    let stats = Examples::open(&[&path]).unwrap().stats();
    for (found, expected) in
        stats.mean.iter().chain(&stats.std).zip([2.0, 0.0, 3.0, 1.0, 0.0, 3_f64.sqrt()])
    {
        assert!((found - expected).abs() < 1e-9, "{stats:?}");
    }
}

const FRONT: &str = "observation.images.front";
const FPS: u32 = 30;
const ROWS: usize = 31;
const SIZE: (u32, u32) = (64, 48);

/// Grey, by its row.
fn level(row: usize) -> u8 {
    20 + 7 * row as u8
}

/// A recording whose operator wished for row / 100 at each row, 10 ms after its picture.
fn record(root: &Path, notes: EpisodeNotes, tasks: Vec<String>) {
    let camera = CameraSpec { key: FRONT.to_owned(), width: SIZE.0, height: SIZE.1 };
    let schema = Schema::drive(FPS, "test", vec![camera]);
    let mut store = Store::create_or_open(root, &schema).unwrap();
    let staged = root.join(".staged");
    fs::create_dir_all(&staged).unwrap();
    let (fragments, video) = (staged.join("fragments"), staged.join("video.mp4"));
    let mut encoder = Encoder::new(SIZE.0, SIZE.1, FPS, 5, 20).unwrap();
    let pictures = (0..ROWS).map(|row| vec![level(row); (SIZE.0 * SIZE.1 * 3) as usize]);
    let units: Vec<_> = pictures
        .enumerate()
        .map(|(row, rgb)| encoder.encode(&rgb, row.is_multiple_of(5)).unwrap())
        .collect();
    let parameters = encoder.parameters();
    FragmentWriter::create(&fragments, FPS, parameters).unwrap().append(&units).unwrap();
    remux(&mut [(&mut VideoFile::open(&fragments).unwrap(), 0..ROWS)], FPS, &video).unwrap();
    let mut table = Table::new();
    let stamp = |row: usize| (5_000_000_000 + row * 1_000_000_000 / 30).cast_signed() as i64;
    for (name, feature) in &schema.features.0 {
        let column = match (name.as_str(), feature.dtype.as_str()) {
            ("operator_action", _) => {
                let values = (0..ROWS).flat_map(|row| [row as f32 / 100.0, 0.0, 0.0]);
                Column::F32List { width: 3, values: values.collect() }
            }
            (_, "float32") if feature.shape == [3] => {
                Column::F32List { width: 3, values: vec![9.0; ROWS * 3] }
            }
            ("capture_time_ns", _) => Column::I64((0..ROWS).map(stamp).collect()),
            ("tick_time_ns", _) => {
                Column::I64((0..ROWS).map(|row| stamp(row) + 10_000_000).collect())
            }
            ("operator_action_valid", _) => Column::Bool(vec![true; ROWS]),
            ("mode", _) => Column::Text(vec!["manual".to_owned(); ROWS]),
            ("authority", _) => Column::Text(vec!["operator".to_owned(); ROWS]),
            (_, "float32") => Column::F32(vec![0.0; ROWS]),
            (_, "bool") => Column::Bool(vec![false; ROWS]),
            _ => Column::Text(vec!["none".to_owned(); ROWS]),
        };
        table.push(name, column).unwrap();
    }
    let mut histograms = Histograms::default();
    histograms.add(&vec![0; (SIZE.0 * SIZE.1 * 3) as usize], SIZE.0 as usize);
    let stats = FeatureStats::of_pictures(&histograms);
    let episode = NewEpisode {
        table,
        tasks,
        videos: [(FRONT.to_owned(), video)].into(),
        ticks: None,
        picture_stats: [(FRONT.to_owned(), stats)].into(),
        notes,
    };
    store.append(episode).unwrap();
    fs::remove_dir_all(staged).unwrap();
}

fn options(folder: &Path) -> RecordingOptions {
    RecordingOptions { cache: folder.join("cache"), held_out: 0.0, ..RecordingOptions::default() }
}

const SMALL: ExamplesSpec =
    ExamplesSpec { width: 16, height: 12, rate_hz: 10.0, slots: 3, slot_ms: 100 };

#[test]
fn recordings_become_clips_of_matching_pictures_and_commands() {
    // The policy would learn commands of other moments than its pictures'.
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("set");
    let notes = EpisodeNotes {
        recording: "drive".to_owned(),
        success: Some(true),
        ..EpisodeNotes::default()
    };
    record(&root, notes, vec!["go left".to_owned(); ROWS]);
    let options = RecordingOptions { hold_s: 0.2, ..options(folder.path()) };
    let converted = from_recordings(&root, &SMALL, &options, &mut |_, _| {}).unwrap();
    let examples = Examples::open(&[&converted.training]).unwrap();
    assert_eq!(examples.n_clips(), 3);
    for (phase, clip) in examples.clips().iter().enumerate() {
        assert_eq!((clip.instruction.as_str(), clip.origin.as_str()), ("go left", "drive"));
        let rows: Vec<_> = (phase..ROWS).step_by(3).collect();
        assert_eq!(clip.n_steps(), rows.len() + 2, "with two more of standing there");
        for step in 0..clip.n_steps() {
            let row = rows[step.min(rows.len() - 1)];
            let mut rgb = vec![0; SMALL.picture_len()];
            examples.picture(phase, step, &mut rgb).unwrap();
            assert!(rgb.iter().all(|byte| byte.abs_diff(level(row)) <= 3), "row {row}");
            for (slot, (target, weight)) in clip.step(step, SMALL.slots).enumerate() {
                // In rows: 100 ms are three, and commands came 10 ms after pictures.
                let at = (phase + 3 * step + 3 * slot) as f32 - 0.3;
                let is_over = at > (ROWS - 1) as f32;
                let expected = if is_over { 0.0 } else { at.max(0.0) / 100.0 };
                assert!((target[0] - expected).abs() < 1e-4, "{phase} {step} {slot}: {target:?}");
                assert!((weight - 1.0).abs() < 1e-6);
            }
        }
    }
}

#[test]
fn clips_are_made_again_only_when_something_changed() {
    // Each training would decode every video anew, or learn from labels that were taken back.
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("set");
    record(&root, EpisodeNotes::default(), vec!["go left".to_owned(); ROWS]);
    let options = options(folder.path());
    let convert = |spec: &ExamplesSpec, options: &RecordingOptions| {
        from_recordings(&root, spec, options, &mut |_, _| {}).unwrap()
    };
    let first = convert(&SMALL, &options);
    let again = convert(&SMALL, &options);
    assert!(!first.is_cached && again.is_cached && first.training == again.training);
    let other = convert(&ExamplesSpec { slots: 4, ..SMALL }, &options);
    let fewer = convert(&SMALL, &RecordingOptions { phases: 1, ..options.clone() });
    let notes = EpisodeNotes { recording: "second".to_owned(), ..EpisodeNotes::default() };
    record(&root, notes, vec!["go right".to_owned(); ROWS]);
    let grown = convert(&SMALL, &options);
    let all = [&first, &other, &fewer, &grown].map(|converted| &converted.training);
    assert!(all.iter().enumerate().all(|(i, path)| !all[..i].contains(path)), "{all:?}");
    assert_eq!(Examples::open(&[&grown.training]).unwrap().n_clips(), 6);
    let fast = ExamplesSpec { rate_hz: 60.0, ..SMALL };
    assert!(from_recordings(&root, &fast, &options, &mut |_, _| {}).is_err());
}

#[test]
fn a_new_instruction_begins_a_new_clip() {
    // The rows before an operator's change of mind would be learnt with the words after it.
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("set");
    let task = |row: usize| match row {
        0..10 => "go left",
        10..20 => "no instruction",
        _ => "turn clockwise",
    };
    let notes = EpisodeNotes { success: Some(true), ..EpisodeNotes::default() };
    record(&root, notes, (0..ROWS).map(|row| task(row).to_owned()).collect());
    let options = RecordingOptions { phases: 1, ..options(folder.path()) };
    let converted = from_recordings(&root, &SMALL, &options, &mut |_, _| {}).unwrap();
    let examples = Examples::open(&[&converted.training]).unwrap();
    let [first, second] = examples.clips() else { panic!("{}", examples.n_clips()) };
    assert_eq!((first.n_steps(), first.instruction.as_str()), (4, "go left"));
    assert!(first.is_mirrorable && !second.is_mirrorable);
    let last: Vec<f32> = first.step(3, SMALL.slots).map(|(_, weight)| *weight).collect();
    assert_eq!(last, [1.0, 0.0, 0.0], "what came after was for other words");
    assert_eq!(second.n_steps(), 4);
    let [target, ..] = second.targets.as_slice() else { panic!("no target") };
    assert!((target[0] - 0.20).abs() < 1e-6, "{target:?}");
}
