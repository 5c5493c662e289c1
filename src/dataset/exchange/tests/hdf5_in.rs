use std::path::{Path, PathBuf};

use hdf5_pure::{AttrValue, FileBuilder};

use super::{HEIGHT, WIDTH, difference, picture, shown};
use crate::dataset::exchange::hdf5::Study;
use crate::dataset::exchange::{ImportOptions, hdf5};
use crate::dataset::lerobot::Dataset;

const N: usize = 6;

/// A file as the study's collector wrote them: packed pictures, no rate, no instruction.
fn study(path: &Path, change: impl FnOnce(&mut FileBuilder)) {
    let mut file = FileBuilder::new();
    let bgr: Vec<u8> = (0..N).flat_map(picture).collect::<Vec<_>>();
    let bgr: Vec<u8> = bgr.chunks_exact(3).flat_map(|p| [p[2], p[1], p[0]]).collect();
    let shape = [N as u64, u64::from(HEIGHT), u64::from(WIDTH), 3];
    let images = file.create_dataset("images").with_u8_data(&bgr).with_shape(&shape);
    images.with_chunks(&[4, u64::from(HEIGHT) / 2, u64::from(WIDTH), 3]).with_deflate(4);
    let actions: Vec<f32> =
        (0..N).flat_map(|i| [if i == 0 { 0.0 } else { 1.15 }, 0.0, 0.0]).collect();
    file.create_dataset("actions").with_f32_data(&actions).with_shape(&[N as u64, 3]);
    let events = ["episode_start"; N];
    file.create_dataset("action_event_types").with_vlen_strings(&events);
    file.set_attr("episode_name", AttrValue::VarLenString("episode_1box".to_owned()));
    file.set_attr("num_frames", AttrValue::I64(6));
    change(&mut file);
    file.write(path).unwrap();
}

fn options() -> ImportOptions {
    ImportOptions { fps: Some(3), task: Some("to the cup".to_owned()), ..ImportOptions::default() }
}

#[test]
fn what_the_file_does_not_say_is_asked_for() {
    // A rate or an instruction would be made up.
    let dir = tempfile::tempdir().unwrap();
    let (path, root) = (dir.path().join("a.h5"), dir.path().join("set"));
    study(&path, |_| {});
    let refused =
        |options: &ImportOptions| hdf5::import(&root, &path, options).unwrap_err().to_string();
    let neither = refused(&ImportOptions::default());
    assert!(neither.contains("--fps") && neither.contains("--task"), "{neither}");
    let no_rate = refused(&ImportOptions { fps: None, ..options() });
    assert!(no_rate.contains("--fps") && !no_rate.contains("--task"), "{no_rate}");
    let no_scale = refused(&ImportOptions { action_scale: f64::NAN, ..options() });
    assert!(no_scale.contains("--action-scale"), "{no_scale}");
    assert!(!root.exists());
}

#[test]
fn a_file_of_the_study_becomes_an_episode() {
    // The study's data could not be used, or not be told from ours.
    let dir = tempfile::tempdir().unwrap();
    let (path, root) = (dir.path().join("a.h5"), dir.path().join("set"));
    study(&path, |_| {});
    let imported =
        hdf5::import(&root, &path, &ImportOptions { action_scale: 0.5, ..options() }).unwrap();
    assert_eq!((imported.episode, imported.is_new, imported.n_rows), (0, true, N));
    assert_eq!(imported.assumed[..3], ["fps 3", "BGR", "scale 0.5"]);

    let dataset = Dataset::open(&root).unwrap();
    let rows = dataset.rows(0).unwrap();
    let (_, actions) = rows.f32_lists("action").unwrap();
    assert_eq!(actions[..6], [0.0, 0.0, 0.0, 0.575, 0.0, 0.0]);
    assert_eq!(rows.f32_lists("operator_action").unwrap().1, actions);
    assert_eq!(rows.bools("operator_action_valid").unwrap(), [true; N]);
    assert_eq!(rows.f32_lists("observation.state").unwrap().1, [0.0; N * 3]);
    assert_eq!(rows.texts("mode").unwrap(), ["manual"; N]);
    assert_eq!(rows.i64s("capture_time_ns").unwrap()[..3], [0, 333_333_333, 666_666_666]);
    assert_eq!(dataset.tasks(), ["to the cup"]);
    let notes = &dataset.episodes()[0].notes;
    assert_eq!(notes.tags, ["imported", "study-first-frame"]);
    assert_eq!(notes.recording, "episode_1box");
    assert!(notes.operator_note.starts_with("assumed: fps 3; BGR; scale 0.5"));
    assert!(notes.operator_note.contains("observation.state is zeros"));
    for (i, rgb) in shown(&dataset, N).iter().enumerate() {
        assert!(difference(rgb, &picture(i)) < 3.0, "picture {i}");
    }
}

#[test]
fn later_files_say_their_instruction() {
    // The study's newer files would be asked for what they say.
    let dir = tempfile::tempdir().unwrap();
    let (path, root) = (dir.path().join("a.h5"), dir.path().join("set"));
    study(&path, |file| {
        let texts = file.create_dataset("language_instruction");
        texts.with_ascii_strings_sized(&["go around the box"], 256).unwrap();
    });
    let rgb = ImportOptions { task: None, rgb: true, ..options() };
    hdf5::import(&root, &path, &rgb).unwrap();
    let dataset = Dataset::open(&root).unwrap();
    assert_eq!(dataset.tasks(), ["go around the box"]);
    let swapped = shown(&dataset, N);
    assert!(difference(&swapped[0], &picture(0)) > 20.0, "--rgb was not obeyed");
}

#[test]
fn other_layouts_are_refused_with_a_reason() {
    // A file of something else would become rows of nonsense, or end the program.
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, change: fn(&mut FileBuilder)| {
        let path = dir.path().join(name);
        study(&path, change);
        path
    };
    let bare = |build: fn(&mut FileBuilder)| {
        let path = dir.path().join("bare.h5");
        let mut file = FileBuilder::new();
        build(&mut file);
        file.write(&path).unwrap();
        path
    };
    let reason = |path: &PathBuf| match Study::open(path) {
        Ok(_) => panic!("{} was taken", path.display()),
        Err(error) => error.to_string(),
    };
    assert!(reason(&dir.path().join("none.h5")).contains("cannot open"));
    let text = dir.path().join("text.h5");
    std::fs::write(&text, "no HDF5 at all").unwrap();
    assert!(reason(&text).contains("HDF5"));
    assert!(reason(&bare(|_| {})).contains("images"));
    let flat = bare(|file| {
        file.create_dataset("images").with_u8_data(&[0; 12]);
    });
    assert!(reason(&flat).contains("[12]"));
    let floats = bare(|file| {
        file.create_dataset("images").with_f32_data(&[0.0; 12]).with_shape(&[1, 2, 2, 3]);
    });
    assert!(reason(&floats).contains("8-bit"));
    let few = bare(|file| {
        file.create_dataset("images").with_u8_data(&[0; 24]).with_shape(&[2, 2, 2, 3]);
        file.create_dataset("actions").with_f32_data(&[0.0; 3]).with_shape(&[1, 3]);
    });
    assert!(reason(&few).contains("actions"));
    let endless = bare(|file| {
        file.create_dataset("images").with_u8_data(&[0; 12]).with_shape(&[1, 2, 2, 3]);
        file.create_dataset("actions").with_f32_data(&[f32::NAN; 3]).with_shape(&[1, 3]);
    });
    assert!(reason(&endless).contains("not a number"));
    let many = file("many.h5", |file| {
        file.create_dataset("language_instruction").with_vlen_strings(&["a", "b"]);
    });
    assert!(reason(&many).contains("language_instruction"));
}

/// Opens it and looks at every picture; what matters is that it comes back.
fn read_all(path: &Path) -> bool {
    Study::open(path).is_ok_and(|study| study.pictures(|_, _| Ok(())).is_ok())
}

#[test]
fn damaged_files_are_errors() {
    // A file that a full disk cut short would end the program, or come in as half an episode.
    let dir = tempfile::tempdir().unwrap();
    let (whole, cut) = (dir.path().join("whole.h5"), dir.path().join("cut.h5"));
    study(&whole, |_| {});
    let bytes = std::fs::read(&whole).unwrap();
    assert!(read_all(&whole));
    for length in (0..bytes.len()).step_by(397).chain(bytes.len() - 64..bytes.len()) {
        std::fs::write(&cut, &bytes[..length]).unwrap();
        assert!(!read_all(&cut), "{length} of {} bytes were taken", bytes.len());
    }
    for at in (0..bytes.len()).step_by(331) {
        for value in [0x00, 0xff, bytes[at] ^ 0x01, bytes[at] ^ 0x80] {
            let mut bytes = bytes.clone();
            bytes[at] = value;
            std::fs::write(&cut, bytes).unwrap();
            let _ = read_all(&cut);
        }
    }
}
