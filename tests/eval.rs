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

#[test]
fn recordings_are_examined_on_and_kept_where_nobody_trained_on_them() {
    // A policy would be praised for what it was trained on, or its answers never be asked for.
    let place = tempfile::tempdir().unwrap();
    let folder = beacon(place.path());
    let data = place.path().join("drives");
    let mut command = pilothouse();
    command.args(["sim", "collect", "--scenario", "open", "--episodes", "4", "--rate", "10"]);
    command.args(["--size", "160x120", "--instructions", "one", "--out"]);
    command.arg(&data).assert().success();
    let eval = |more: &[&str]| {
        let mut command = pilothouse();
        command.args(["eval", &folder, "--data"]).arg(&data).args(more).assert()
    };
    let found = place.path().join("found.json");
    let output = eval(&["--held-out", "1", "--json", found.to_str().unwrap()]).success();
    let text = String::from_utf8(output.get_output().stdout.clone()).unwrap();
    for part in ["4 of 4 episodes are held out", "always forward", "2-D /2", "pictures black"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(text.contains("not those on recordings"), "{text}");
    let part = &json(&found)[0]["scores"]["offline"];
    assert_eq!((&part["n_episodes"], &part["ignores_picture"]), (&4.into(), &false.into()));
    // There is no side in "find the red target" to swap.
    assert!(part["ignores_words"].is_null(), "{part}");
    let names = part["counterfactuals"].as_array().unwrap().iter().map(|part| &part["name"]);
    assert_eq!(names.filter(|name| *name == "pictures and words mirrored").count(), 1);
    assert!(json(&Path::new(&folder).join("scores.json"))["offline"].is_null());
    let output = eval(&["--held-out", "0.0000001"]).failure();
    let text = String::from_utf8(output.get_output().stderr.clone()).unwrap();
    assert!(text.contains("none of its 4 episodes is held out"), "{text}");
}

#[test]
fn the_leaderboard_says_what_was_examined() {
    // The operator would choose a policy by a table that hides what nobody measured.
    let place = tempfile::tempdir().unwrap();
    let folder = beacon(place.path());
    let models = |more: &[&str]| {
        let mut command = pilothouse();
        command.args(["models", "--models"]).arg(place.path()).args(more).assert()
    };
    let told = |more: &[&str]| {
        String::from_utf8(models(more).success().get_output().stdout.clone()).unwrap()
    };
    assert!(told(&[]).contains("never examined"));
    let mut command = pilothouse();
    command.args(["eval", &folder, "--beside-expert", "1", "--size", "160x120"]);
    let output = command.args(["--scenario", "one-crosswise-medium"]).assert().success();
    let text = String::from_utf8(output.get_output().stdout.clone()).unwrap();
    assert!(text.contains("worlds 0 to 0 on both sides"), "{text}");
    assert!(text.contains("not those beside the expert: not all scenarios"), "{text}");
    assert!(json(&Path::new(&folder).join("scores.json"))["offline_simulated"].is_null());
    let table = told(&[]);
    assert!(table.contains("never examined in the closed loop"), "{table}");
    let page = place.path().join("board.html");
    assert_eq!(told(&["--html", page.to_str().unwrap()]), "");
    let html = std::fs::read_to_string(page).unwrap();
    assert!(html.contains("<b>beacon</b>") && !html.contains("<script"), "{html}");
    models(&["--html", "board.html", "list"]).failure();
}
