//! `pilothouse train`, from the first demonstration to a policy that can be examined.
#![expect(clippy::unwrap_used, reason = "a test may panic; clippy exempts only #[test] functions")]

use std::path::Path;

use assert_cmd::Command;

/// The default policy, small.
fn spec() -> String {
    let text = std::fs::read_to_string("configs/policies/default.toml").unwrap();
    let smaller = [
        ("width = 160\nheight = 120", "width = 64\nheight = 48"),
        ("channels = [32, 48, 64, 96]\nwidth = 192", "channels = [8, 8, 8, 8]\nwidth = 32"),
        ("lanes = 8\nsteps = 24", "lanes = 2\nsteps = 6"),
        ("held_out = 48", "held_out = 2"),
        ("camera = [320, 240]", "camera = [64, 48]"),
    ];
    smaller.iter().fold(text, |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replace(from, to)
    })
}

fn pilothouse(place: &Path, args: &[&str]) -> String {
    let output = Command::cargo_bin("pilothouse").unwrap().current_dir(place).args(args).output();
    let output = output.unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

#[test]
fn one_command_makes_a_policy_that_can_be_examined_and_made_again() {
    // The loop from driving to a better driver would be broken somewhere.
    let mut graphs = Vec::new();
    for _ in 0..2 {
        let place = tempfile::tempdir().unwrap();
        std::fs::write(place.path().join("spec.toml"), spec()).unwrap();
        let small = ["--demonstrations", "2", "--dagger", "1", "--attempts", "2"];
        let train = [
            &["train", "spec.toml", "--models", "models", "--name", "small", "--steps", "6"],
            &small[..],
        ];
        let told = pilothouse(place.path(), &train.concat());
        assert!(told.contains("demonstrations: 2 of 2 attempts succeeded"), "{told}");
        assert!(told.contains("round-1:"), "{told}");
        // Nothing is left to do: going on ends with the same files.
        let graph = place.path().join("models/small/policy.onnx");
        let before = std::fs::read(&graph).unwrap();
        pilothouse(place.path(), &[&train.concat(), &["--resume"][..]].concat());
        assert!(std::fs::read(&graph).unwrap() == before);
        pilothouse(place.path(), &["models", "verify", "small"]);
        let found = pilothouse(place.path(), &["eval", "small", "--closed-loop", "1"]);
        assert!(found.contains("95 %") && found.contains("one-"), "{found}");
        graphs.push(before);
    }
    assert!(graphs[0] == graphs[1], "the same specification gives the same file");
}

#[test]
fn minutes_of_training_make_a_driver() {
    // The command of the README would end in a policy that drives nowhere.
    if std::env::var_os("PILOTHOUSE_SLOW").is_none() {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let small = ["--demonstrations", "60", "--dagger", "1", "--attempts", "24", "--steps", "220"];
    let words =
        [&["train", "--models", "models", "--name", "quick", "--examine", "12"], &small[..]];
    let told = pilothouse(place.path(), &words.concat());
    println!("{told}");
    let scores = std::fs::read_to_string(place.path().join("models/quick/scores.json")).unwrap();
    let scores: serde_json::Value = serde_json::from_str(&scores).unwrap();
    let total = &scores["closed_loop"]["total"];
    assert_eq!(total["n"], 24, "{told}");
    assert!(total["n_success"].as_u64() >= Some(1), "{told}");
}

#[test]
fn a_wrong_specification_is_told_apart() {
    // A misspelt key would silently train something else.
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("spec.toml");
    std::fs::write(&path, spec().replace("huber = 1.0", "hubert = 1.0")).unwrap();
    let mut command = Command::cargo_bin("pilothouse").unwrap();
    let output = command.current_dir(place.path()).args(["train", "spec.toml"]).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && told.contains("hubert"), "{told}");
}
