//! The whole program, headless, on the simulated robot in its own process: real threads, a real
//! serial port, real time.
#![expect(clippy::unwrap_used, reason = "a test may panic; clippy exempts only #[test] functions")]

use std::sync::{Mutex, PoisonError};

use assert_cmd::Command;
use serde_json::Value;

/// One at a time: two simulated robots would starve each other on two cores, and their policies
/// rightly refuse pictures that come late.
static ROAD: Mutex<()> = Mutex::new(());

/// Runs `pilothouse drive --headless` with a script of `tests/keys`; gives the summary it prints.
fn drive(script: &str, seconds: &str, more: &[&str]) -> Value {
    let _alone = ROAD.lock().unwrap_or_else(PoisonError::into_inner);
    let state = tempfile::tempdir().unwrap();
    let out = Command::cargo_bin("pilothouse")
        .unwrap()
        .env("XDG_STATE_HOME", state.path())
        .args(["drive", "--headless", "--seconds", seconds])
        .args(["--script", &format!("tests/keys/{script}.txt")])
        .args(["--set", "camera.width=320", "--set", "camera.height=240"])
        .args(["--scenario", "open", "--policy", "beacon"])
        .args(more)
        .assert()
        .success();
    serde_json::from_slice(&out.get_output().stdout).unwrap()
}

fn modes(summary: &Value) -> Vec<&str> {
    let changes = summary["mode_changes"].as_array().unwrap();
    changes.iter().map(|change| change["mode"].as_str().unwrap()).collect()
}

/// When `fault` first came, in seconds.
fn came(summary: &Value, fault: &str) -> Option<f64> {
    let faults = summary["faults"].as_array().unwrap();
    let first = faults.iter().find(|change| change["fault"] == fault && change["present"] == true);
    first.map(|change| change["at_s"].as_f64().unwrap())
}

#[test]
fn a_tour_by_hand_and_by_policy_reaches_the_cup() {
    // Broken: driving, engaging, taking over, arriving, e-stop or its reset.
    let summary = drive("tour", "25", &[]);
    let wanted = ["standby", "manual", "autonomous", "override", "autonomous", "e_stop", "standby"];
    assert_eq!(modes(&summary), wanted, "{summary:#}");
    let robot = &summary["simulator"];
    assert!(robot["target_distance_m"].as_f64().unwrap() <= 0.35, "{summary:#}");
    assert!(robot["left"].get("success").is_some(), "{summary:#}");
    assert!(summary["distance_m"].as_f64().unwrap() > 1.0, "{summary:#}");
    assert!(summary["ticks"].as_u64().unwrap() > 1000, "{summary:#}");
}

#[test]
fn troubles_stop_the_robot_and_nothing_comes_back_to_motion() {
    // A cable, a camera or a terminal that fails would leave the robot moving.
    let summary = drive("troubles", "16", &[]);
    let down = came(&summary, "base_down").unwrap();
    assert!(came(&summary, "frame_stale").is_some(), "{summary:#}");
    assert!(came(&summary, "terminal_lost").is_some(), "{summary:#}");
    let found = modes(&summary);
    let wanted =
        ["standby", "manual", "standby", "autonomous", "soft_stop", "standby", "manual", "standby"];
    assert_eq!(found, wanted, "base down at {down}: {summary:#}");
    assert!(summary["simulator"]["speed_mps"].as_f64().unwrap() < 0.05, "{summary:#}");
}

#[test]
fn mistakes_are_told_once_and_plainly() {
    // A wrong word would end in a panic, or in silence.
    let _alone = ROAD.lock().unwrap_or_else(PoisonError::into_inner);
    let state = tempfile::tempdir().unwrap();
    let headless = ["drive", "--headless", "--seconds", "1"];
    let cases: [(&[&str], &[&str]); 6] = [
        (&["--config", "nowhere.toml"], &["nowhere.toml"]),
        (&["--set", "safety.linear_mpz=1"], &["linear_mpz", "linear_mps"]),
        (&["--set", "safety.linear_mps=99"], &["safety.linear_mps", "99"]),
        (&["--scenario", "moon"], &["moon"]),
        (&["--script", "nowhere.txt"], &["nowhere.txt"]),
        (&["--camera", "usb:nothing:at:all:\u{7}", "--set", "camera.rate=0"], &["camera.rate"]),
    ];
    for (args, words) in cases {
        let output = Command::cargo_bin("pilothouse")
            .unwrap()
            .env("XDG_STATE_HOME", state.path())
            .args(headless)
            .args(args)
            .assert()
            .failure();
        let told = String::from_utf8_lossy(&output.get_output().stderr).into_owned();
        for word in words {
            assert!(told.contains(word), "{args:?}: {told}");
        }
        assert!(!told.contains("panicked"), "{args:?}: {told}");
    }
}
