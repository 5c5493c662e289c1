//! Our datasets held against LeRobot itself: minutes, and gigabytes to fetch, so only with
//! `make test SLOW=1`.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test may panic; clippy exempts only #[test] functions")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::time::Duration;

use pilothouse::dataset::lerobot::Store;
use pilothouse::dataset::table::Column;
use pilothouse::dataset::{Dataset, finish};
use pilothouse::msg::Frame;
use pilothouse::runtime::clock;
use serde_json::{Map, Value, json};

fn is_slow() -> bool {
    std::env::var_os("PILOTHOUSE_SLOW").is_some()
}

/// The Python that has LeRobot.
static PYTHON: LazyLock<PathBuf> = LazyLock::new(|| {
    let made = Command::new(".ci/lerobot").stderr(Stdio::inherit()).output().unwrap();
    assert!(made.status.success(), "LeRobot could not be installed");
    String::from_utf8(made.stdout).unwrap().trim().into()
});

/// Runs a script of `tests/lerobot`; it says itself what is wrong.
fn python(script: &str, args: &[&Path]) {
    let script = format!("tests/lerobot/{script}");
    let status = Command::new(&*PYTHON).arg(&script).args(args).status().unwrap();
    assert!(status.success(), "{script} {args:?}");
}

fn station(folder: &Path, script: &Path, seconds: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pilothouse"));
    command
        .env("XDG_STATE_HOME", folder)
        .args(["drive", "--headless", "--seconds", seconds, "--script"])
        .arg(script)
        .args(["--scenario", "open", "--policy", "beacon"])
        .args(["--set", "camera.width=320", "--set", "camera.height=240", "--set"])
        .arg(format!("record.folder={:?}", folder.display().to_string()))
        .stdout(Stdio::null());
    command
}

/// What the station records: an episode with a change of task, a trimmed one, a takeover, and one
/// that a kill cut short.
fn recorded(folder: &Path) -> PathBuf {
    let root = folder.join("drives");
    let script = Path::new("tests/keys/lerobot.txt");
    assert!(station(folder, script, "15").status().unwrap().success());
    let keys = folder.join("keys.txt");
    std::fs::write(&keys, "0.1 tap o\n0.2 press w\n").unwrap();
    let mut killed = station(folder, &keys, "30").spawn().unwrap();
    clock::sleep(Duration::from_secs(5));
    killed.kill().unwrap();
    killed.wait().unwrap();
    for (journal, result) in finish::repair(&root) {
        result.unwrap_or_else(|error| panic!("{}: {error}", journal.display()));
    }
    // Last, so that a resume by LeRobot would write over what it should not.
    let mut store = Store::open(&root).unwrap();
    let length = store.episodes()[1].length;
    store.trim(1, 10..length - 10).unwrap();
    root
}

/// What LeRobot has to find.
fn expectation(root: &Path) -> Value {
    let dataset = Dataset::open(root).unwrap();
    let camera = dataset.cameras().remove(0);
    let mut rows = Vec::new();
    let mut episodes = Vec::new();
    for episode in dataset.episodes() {
        let notes = &episode.notes;
        episodes.push(json!({
            "length": episode.length,
            "tasks": episode.tasks,
            "success": notes.success,
            "tags": notes.tags,
            "takeovers": notes.takeovers,
            "policy": notes.policy,
            "incomplete": notes.incomplete,
            "recording": notes.recording,
        }));
        let table = dataset.rows(episode.index).unwrap();
        let mut video = dataset.video(episode.index, &camera).unwrap();
        let mut rgb = Vec::new();
        for row in 0..episode.length {
            let mut expected = Map::new();
            for (name, column) in table.columns() {
                expected.insert(name.to_owned(), cell(column, row));
            }
            let task = expected.remove("task_index").and_then(|task| task.as_u64()).unwrap();
            expected.insert("task".to_owned(), json!(dataset.tasks()[task as usize]));
            video.decode(row, &mut rgb).unwrap();
            expected.insert("picture".to_owned(), json!(tiles(&rgb, video.size())));
            rows.push(Value::Object(expected));
        }
    }
    json!({ "fps": dataset.info().fps, "episodes": episodes, "rows": rows })
}

fn cell(column: &Column, row: usize) -> Value {
    match column {
        Column::Bool(values) => json!(values[row]),
        Column::I64(values) => json!(values[row]),
        Column::F32(values) => json!(values[row]),
        Column::Text(values) => json!(values[row]),
        Column::F32List { width, values } => json!(values[row * width..(row + 1) * width]),
        other => panic!("no such column in a drive: {other:?}"),
    }
}

/// Mean levels of 4 x 3 tiles.
fn tiles(rgb: &[u8], (width, height): (u32, u32)) -> Vec<f64> {
    let (width, height) = (width as usize, height as usize);
    let mut means = Vec::new();
    for tile in 0..12 {
        let (x, y) = (tile % 4 * width / 4, tile / 4 * height / 3);
        for channel in 0..3 {
            let pixels = (y..y + height / 3).flat_map(|y| (x..x + width / 4).map(move |x| (x, y)));
            let sum: u64 = pixels.map(|(x, y)| u64::from(rgb[(y * width + x) * 3 + channel])).sum();
            means.push(sum as f64 / (width / 4 * (height / 3)) as f64);
        }
    }
    means
}

#[test]
fn lerobot_loads_resumes_merges_and_trains_on_what_the_station_recorded() {
    // Recordings would look right here, and be of no use where the field trains.
    if !is_slow() {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let [first, second] = ["first", "second"].map(|name| place.path().join(name));
    std::fs::create_dir(&first).unwrap();
    std::fs::create_dir(&second).unwrap();
    let root = recorded(&first);
    let expected = expectation(&root);
    let episodes = expected["episodes"].as_array().unwrap();
    assert_eq!(episodes.len(), 4, "{episodes:#?}");
    assert_eq!(episodes[0]["tasks"].as_array().unwrap().len(), 2);
    assert!(episodes[2]["takeovers"].as_i64().unwrap() >= 1);
    assert_ne!(episodes[3]["incomplete"], "");
    let file = place.path().join("expected.json");
    std::fs::write(&file, expected.to_string()).unwrap();
    python("check.py", &[&root, &file]);
    python("train.py", &[&root]);
    let other = recorded(&second);
    python("merge.py", &[&root, &other, &place.path().join("merged")]);
    python("resume.py", &[&root]);
    let resumed = Dataset::open(&root).unwrap();
    assert_eq!(resumed.episodes().len(), 5, "we read what LeRobot added");
    assert_eq!(resumed.rows(4).unwrap().n_rows(), 20);
}

#[test]
fn we_read_what_lerobot_made() {
    // Datasets that others recorded could not be shown, merged or trained on.
    if !is_slow() {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("theirs");
    python("make.py", &[&root]);
    let file = place.path().join("theirs.expect.json");
    let expected: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let dataset = Dataset::open(&root).unwrap();
    let camera = dataset.cameras().remove(0);
    let rows = expected["rows"].as_array().unwrap();
    assert_eq!(rows.len(), dataset.info().total_frames);
    for episode in dataset.episodes() {
        let table = dataset.rows(episode.index).unwrap();
        let mut video = dataset.video(episode.index, &camera).unwrap();
        let mut rgb = Vec::new();
        for row in 0..episode.length {
            let wanted = rows[episode.from_index + row].as_object().unwrap();
            for (name, value) in wanted {
                let found = match name.as_str() {
                    "frame_number" => {
                        video.decode(row, &mut rgb).unwrap();
                        let mut frame = Frame::default();
                        (frame.width, frame.height) = video.size();
                        frame.rgb.clone_from(&rgb);
                        json!(pilothouse::camera::read_number(&frame))
                    }
                    "task" => {
                        let task = cell(table.column("task_index").unwrap(), row);
                        json!(dataset.tasks()[task.as_u64().unwrap() as usize])
                    }
                    name => cell(table.column(name).unwrap(), row),
                };
                assert!(is_same(&found, value), "row {row}, {name}: {found}, not {value}");
            }
        }
    }
}

/// Calls `pilothouse episodes` on a dataset.
fn episodes(dataset: &Path, words: &[&str], path: &Path) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pilothouse"));
    command.env("XDG_STATE_HOME", dataset).arg("episodes").args(words).arg(path);
    let output = command.arg("--dataset").arg(dataset).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words:?}: {said}");
}

#[test]
fn the_studys_hdf5_goes_through_and_comes_back() {
    // The study's episodes could not be trained on with ours, or its programs not read ours.
    if !is_slow() {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let [theirs, ours, again] =
        ["theirs.h5", "ours.h5", "again.h5"].map(|name| place.path().join(name));
    let [imported, once_more] = ["imported", "once-more"].map(|name| place.path().join(name));
    python("make_hdf5.py", &[&theirs]);
    let import = ["import", "--format", "hdf5"];
    let told = ["--fps", "3", "--task", "go to the box"];
    episodes(&imported, &[&import[..], &told].concat(), &theirs);
    assert_is_the_studys(&Dataset::open(&imported).unwrap());
    episodes(&imported, &["export", "0", "--format", "hdf5", "--out"], &ours);
    // What the study's file does not say, says otherwise (the seconds its collector ran), or, in
    // the last event, says of a command that is not zero.
    let unknown = [
        "@fps",
        "@recording",
        "@started_unix_ns",
        "@total_duration",
        "language_instruction",
        "action_event_types/17",
    ];
    let mut arguments = vec![theirs.as_path(), &ours, Path::new("--psnr"), Path::new("30")];
    for name in unknown {
        arguments.extend([Path::new("--skip"), Path::new(name)]);
    }
    python("check_hdf5.py", &arguments);
    // Ours says everything: no flags, and nothing gets lost.
    episodes(&once_more, &import, &ours);
    episodes(&once_more, &["export", "0", "--format", "hdf5", "--out"], &again);
    python("check_hdf5.py", &[&ours, &again, Path::new("--psnr"), Path::new("35")]);
}

/// That a dataset holds what `make_hdf5.py` writes.
fn assert_is_the_studys(dataset: &Dataset) {
    let [episode] = dataset.episodes() else { panic!("{} episodes", dataset.episodes().len()) };
    assert_eq!((episode.length, dataset.info().fps), (18, 3));
    assert_eq!(episode.tasks, ["go to the box"]);
    assert_eq!(episode.notes.recording, "episode_20250815_143022_1box_vert_left_core_medium");
    let table = dataset.rows(0).unwrap();
    let mut video = dataset.video(0, &dataset.cameras()[0]).unwrap();
    let mut frame = Frame::default();
    (frame.width, frame.height) = video.size();
    for row in 0..18 {
        let action = match row {
            0 => [0.0; 3],
            6..9 => [0.0, 1.15, 0.0],
            12..15 => [1.15, -1.15, 0.0],
            _ => [1.15, 0.0, 0.0],
        };
        for name in ["action", "operator_action"] {
            let found = cell(table.column(name).unwrap(), row);
            assert!(is_same(&found, &json!(action)), "row {row}: {name} {found}");
        }
        video.decode(row, &mut frame.rgb).unwrap();
        let number = pilothouse::camera::read_number(&frame);
        assert_eq!(json!(number), json!(row), "row {row} has another picture");
    }
    // The last picture's lower right corner: red and blue in their places, not swapped.
    let corner = frame.rgb.as_chunks::<3>().0.last().unwrap();
    let wanted = [219, 108, 79];
    assert!(corner.iter().zip(wanted).all(|(a, b)| a.abs_diff(b) < 12), "{corner:?}");
}

/// Equal, numbers to float32.
fn is_same(found: &Value, wanted: &Value) -> bool {
    match (found, wanted) {
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_same(a, b))
        }
        (Value::Number(a), Value::Number(b)) => {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            (a - b).abs() <= 1e-6 * b.abs().max(1.0)
        }
        (a, b) => a == b,
    }
}
