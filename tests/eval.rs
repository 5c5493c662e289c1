//! The examination, from the command line.
#![expect(clippy::unwrap_used, reason = "a test may panic; clippy exempts only #[test] functions")]

mod onnxruntime;

use std::path::Path;

use assert_cmd::Command;
use serde_json::Value;

fn pilothouse() -> Command {
    // What the program finds must be what the other tests run on.
    onnxruntime::runtime();
    Command::cargo_bin("pilothouse").unwrap()
}

/// Beacon's folder, copied: scores may be written into it.
fn beacon(place: &Path) -> String {
    let folder = place.join("beacon");
    std::fs::create_dir(&folder).unwrap();
    for file in ["policy.onnx", "policy.toml", "tokenizer.json"] {
        std::fs::copy(Path::new("models/beacon").join(file), folder.join(file)).unwrap();
    }
    folder.to_str().unwrap().to_owned()
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn beacon_reaches_the_cup_where_nothing_is_in_the_way_and_only_there() {
    // An examination that everybody passes, or nobody, would say nothing.
    let place = tempfile::tempdir().unwrap();
    let folder = beacon(place.path());
    let mut of_threads = Vec::new();
    for threads in ["1", "2"] {
        let found = place.path().join(threads);
        let mut command = pilothouse();
        command.args(["eval", &folder, "--closed-loop", "2", "--scenario", "open"]);
        command.args(["--delay-ms", "15,25", "--size", "320x240", "--no-save"]);
        command.args(["--threads", threads, "--json"]).arg(&found).assert().success();
        let report = json(&found);
        assert_eq!(report[0]["scores"]["closed_loop"]["total"]["n_success"], 4, "{report}");
        assert!(!Path::new(&folder).join("scores.json").exists());
        of_threads.push(report[0]["attempts"].clone());
    }
    assert_eq!(of_threads[0], of_threads[1]);
}

#[test]
fn a_whole_examination_is_kept_with_the_policy() {
    // Scores that are not bound to a file are the study's again.
    let place = tempfile::tempdir().unwrap();
    let folder = beacon(place.path());
    let mut command = pilothouse();
    command.args(["eval", &folder, "--closed-loop", "12", "--delay-ms", "20"]);
    let output = command.args(["--size", "160x120"]).assert().success();
    let text = String::from_utf8(output.get_output().stdout.clone()).unwrap();
    assert!(
        text.contains("two-crosswise-far") && text.contains("one box lengthwise, left"),
        "{text}"
    );
    let scores = json(&Path::new(&folder).join("scores.json"));
    let total = &scores["closed_loop"]["total"];
    assert_eq!((&total["n"], &total["n_success"]), (&24.into(), &0.into()), "{total}");
}
