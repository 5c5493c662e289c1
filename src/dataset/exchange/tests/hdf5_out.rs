use hdf5_pure::{AttrValue, DType, File};

use super::{FPS, HEIGHT, TASK, WIDTH, actions, dataset, difference, picture, shown};
use crate::dataset::exchange::{Format, ImportOptions, export, hdf5};
use crate::dataset::lerobot::Dataset;

#[test]
fn a_file_holds_what_the_episode_holds() {
    // Training code of the study would learn from other pictures, or get no texts.
    let dir = tempfile::tempdir().unwrap();
    let (root, out) = (dir.path().join("set"), dir.path().join("out.h5"));
    let dataset = dataset(&root, 7, None);
    export(&dataset, 0, Format::Hdf5, &out).unwrap();

    let file = File::open(&out).unwrap();
    let images = file.dataset("images").unwrap();
    assert_eq!(images.shape().unwrap(), [7, u64::from(HEIGHT), u64::from(WIDTH), 3]);
    assert_eq!(images.dtype().unwrap(), DType::U8);
    for (i, mut rgb) in shown(&dataset, 7).into_iter().enumerate() {
        rgb.chunks_exact_mut(3).for_each(<[u8]>::reverse);
        assert_eq!(images.read_u8_rows(i as u64, 1).unwrap(), rgb, "picture {i}");
    }
    let stored = file.dataset("actions").unwrap();
    assert_eq!(stored.dtype().unwrap(), DType::F32);
    assert_eq!(stored.shape().unwrap(), [7, 3]);
    assert_eq!(stored.read_f32().unwrap(), actions(7));
    let events = file.dataset("action_event_types").unwrap();
    assert_eq!(events.dtype().unwrap(), DType::VariableLengthString);
    let mut expected = vec!["start_action"; 7];
    expected[0] = "episode_start";
    assert_eq!(events.read_string().unwrap(), expected);
    let instruction = file.dataset("language_instruction").unwrap();
    assert_eq!(instruction.shape().unwrap(), [1]);
    assert_eq!(instruction.element_size().unwrap(), 256);
    assert_eq!(instruction.read_string().unwrap(), [TASK]);

    let attributes = file.root().attrs().unwrap();
    let text = |name: &str| attributes[name].as_str().map(str::to_owned);
    assert_eq!(text("episode_name").as_deref(), Some("2026-05-05T10-00-00"));
    assert_eq!(text("recording"), text("episode_name"));
    assert_eq!(attributes["total_duration"], AttrValue::F64(1.4));
    assert_eq!(attributes["num_frames"], AttrValue::I64(7));
    assert_eq!(attributes["action_chunk_size"], AttrValue::I64(8));
    assert_eq!(attributes["fps"], AttrValue::I64(i64::from(FPS)));
}

#[test]
fn it_comes_back_without_flags() {
    // What we export could not be read by ourselves, or would come back as something else.
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out.h5");
    let second = "한국어 ".repeat(40);
    let first = dataset(&dir.path().join("set"), 6, Some(second.trim()));
    export(&first, 0, Format::Hdf5, &out).unwrap();

    let root = dir.path().join("again");
    let options = ImportOptions::default();
    let imported = hdf5::import(&root, &out, &options).unwrap();
    assert!(imported.is_new);
    let again = Dataset::open(&root).unwrap();
    assert_eq!(again.info().fps, FPS);
    let (a, b) = (first.rows(0).unwrap(), again.rows(0).unwrap());
    assert_eq!(a.f32_lists("action"), b.f32_lists("action"));
    assert_eq!(a.i64s("task_index"), b.i64s("task_index"));
    assert_eq!(first.tasks(), again.tasks());
    let notes = &again.episodes()[0].notes;
    assert_eq!(notes.recording, "2026-05-05T10-00-00");
    assert_eq!(notes.started_unix_ns, 1_777_975_200_000_000_000);
    assert_eq!(notes.tags, ["imported"]);
    for (i, rgb) in shown(&again, 6).iter().enumerate() {
        assert!(difference(rgb, &picture(i)) < 3.0, "picture {i}");
    }

    let twice = hdf5::import(&root, &out, &options).unwrap();
    assert!(!twice.is_new);
    assert_eq!(Dataset::open(&root).unwrap().episodes().len(), 1);
    assert!(!root.join(".import").exists());
}

#[test]
fn a_command_of_zeros_is_a_stop() {
    // The study's models would take a standstill for a movement.
    let action = [[0.0; 3], [0.1, 0.0, 0.0], [0.0; 3], [0.0, 0.0, -0.1]].concat();
    let events: Vec<_> = (0..4).map(|row| hdf5::event(&action, 3, row)).collect();
    assert_eq!(events, ["episode_start", "start_action", "stop_action", "start_action"]);
}

#[test]
fn nothing_is_written_over() {
    // An export would take another one's place, or leave half a file.
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out.h5");
    let dataset = dataset(&dir.path().join("set"), 3, None);
    std::fs::write(&out, "mine").unwrap();
    let refused = export(&dataset, 0, Format::Hdf5, &out).unwrap_err().to_string();
    assert!(refused.contains("exists"), "{refused}");
    assert_eq!(std::fs::read(&out).unwrap(), b"mine");
    let other = dir.path().join("other.h5");
    assert!(export(&dataset, 1, Format::Hdf5, &other).is_err());
    let mut names: Vec<_> = std::fs::read_dir(dir.path()).unwrap().collect();
    names.retain(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().contains("other"));
    assert!(names.is_empty());
}
