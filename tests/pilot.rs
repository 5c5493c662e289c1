//! The loop the program exists for, with the policy it ships: told a side it takes that side, an
//! operator takes over, and the takeover is learnt from.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test may panic; clippy exempts only #[test] functions")]

use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use pilothouse::dataset::Dataset;
use serde_json::Value;

/// One at a time: two stations would starve each other on two cores.
static ROAD: Mutex<()> = Mutex::new(());

/// Drives by `script` with everything recorded below `place`; gives the summary.
fn drive(place: &Path, seconds: &str, script: &str) -> Value {
    let _alone = ROAD.lock().unwrap_or_else(PoisonError::into_inner);
    let keys = place.join("keys.txt");
    std::fs::write(&keys, script).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_pilothouse"))
        .env("XDG_STATE_HOME", place)
        .args(["drive", "--headless", "--seconds", seconds, "--script"])
        .arg(&keys)
        .args(["--seed", "7", "--set"])
        .arg(format!("record.folder={:?}", place.join("recordings").display().to_string()))
        .output()
        .unwrap();
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
}

#[test]
fn the_shipped_policy_takes_the_side_that_it_is_told() {
    // The robot would be driven by someone who does not listen.
    let cases = [
        ("pass the box on the left and stop at the cup", "left", "right"),
        ("상자 오른쪽으로 지나서 컵 앞에 멈춰", "right", "left"),
    ];
    for (instruction, told, other) in cases {
        let place = tempfile::tempdir().unwrap();
        let script = format!("0.2 type \"{instruction}\"\n1.0 tap enter\n");
        let summary = drive(place.path(), "13", &script);
        let robot = &summary["simulator"];
        assert!(robot[told].get("success").is_some(), "{instruction}: {summary:#}");
        assert_eq!(robot[other]["failure"], "wrong_side", "{instruction}: {summary:#}");
    }
}

#[test]
fn a_takeover_is_recorded_and_learnt_from() {
    // Corrections would be lost between the station and the trainer.
    if std::env::var_os("PILOTHOUSE_SLOW").is_none() {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let script = "1.0 tap enter\n3.0 press a\n4.2 release a\n4.8 tap enter\n";
    drive(place.path(), "12", script);
    let recordings = place.path().join("recordings/drives");
    let dataset = Dataset::open(&recordings).unwrap();
    assert_eq!(dataset.episodes().iter().map(|episode| episode.notes.takeovers).sum::<i64>(), 1);
    let models = place.path().join("models");
    let output = Command::new(env!("CARGO_BIN_EXE_pilothouse"))
        .current_dir(place.path())
        .args(["train", "--from-takeovers", "--from"])
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("models/pilot"))
        .args(["--steps", "20", "--demonstrations", "12", "--models"])
        .arg(&models)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stderr));
    assert!(told.contains("succeeds in the simulator: pilot "), "{told}");
    // Twenty small steps do not spoil it, so it is offered.
    assert!(told.contains("pilot-2 is offered"), "{told}");
    let graph = |folder: &Path| std::fs::read(folder.join("policy.onnx")).unwrap();
    let manifest = std::fs::read_to_string(models.join("pilot-2/policy.toml")).unwrap();
    assert!(manifest.contains("name = \"pilot-2\""), "{manifest}");
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/pilot");
    assert!(graph(&models.join("pilot-2")) != graph(&shipped), "nothing was learnt");
}
