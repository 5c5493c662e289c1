//! Real devices in a virtual machine: minutes, so only with `make test SLOW=1`.
#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test may panic and print; clippy exempts only #[test] functions"
)]

mod onnxruntime;
#[path = "vm/robot.rs"]
mod robot;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use robot::LiveRobot;
use serde_json::Value;

/// Two emulated machines at once would starve each other.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Runs `script` in the virtual machine with `files` beside it; `heard` gets each line it prints.
fn in_vm(script: &str, files: &[PathBuf], socket: &Path, mut heard: impl FnMut(&str)) {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let mut command = Command::new("tests/vm/run");
    for file in files {
        command.arg("--add").arg(file);
    }
    let mut run = command
        .arg(format!("tests/vm/{script}"))
        .env("PILOTHOUSE", env!("CARGO_BIN_EXE_pilothouse"))
        .env("BASE_SOCKET", socket)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    for line in BufReader::new(run.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        let line = line.trim_end();
        println!("{line}");
        heard(line);
    }
    assert!(run.wait().unwrap().success(), "{script} failed");
}

fn is_slow_wanted() -> bool {
    std::env::var_os("PILOTHOUSE_SLOW").is_some()
}

#[test]
fn a_real_camera_is_survived() {
    // Broken: a camera that is unplugged, stalls, is taken or breaks would take the picture away
    // for good; or a format would show wrong, or the wrong camera would open.
    if is_slow_wanted() {
        let folder = tempfile::tempdir().unwrap();
        in_vm("camera.sh", &[], &folder.path().join("base"), |_| {});
    }
}

#[test]
fn the_station_survives_its_camera_and_its_base() {
    // Broken: a cable pulled while driving would end the station or leave the robot moving; a
    // device that returns would stay lost, or the robot would drive on by itself.
    if !is_slow_wanted() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("base");
    let robot = LiveRobot::new(&socket);
    let mut files: Vec<PathBuf> = ["policy.onnx", "policy.toml", "tokenizer.json"]
        .map(|name| Path::new("models/beacon").join(name))
        .into();
    files.push(onnxruntime::runtime().path().to_owned());
    // The true state of the robot whenever its cable is moved.
    let mut truths = Vec::new();
    let mut summary = Value::Null;
    in_vm("station.sh", &files, &socket, |line| match line.split_once(' ') {
        Some(("HOST:", order)) => {
            truths.push(robot.truth());
            if order == "plug" { robot.plug() } else { robot.unplug() }
        }
        Some(("SUMMARY", json)) => summary = serde_json::from_str(json).unwrap(),
        _ => {}
    });

    let [_, unplugged, replugged] = truths[..] else { panic!("{truths:?}") };
    assert!(unplugged.pose.x > 0.05, "the key did not drive: {unplugged:?}");
    assert!(replugged.twist.speed_mps() < 0.01, "its watchdog stopped it: {replugged:?}");
    assert!(robot.truth().pose.x < replugged.pose.x - 0.05, "the second key did not drive");
    check(&summary);
}

/// Holds the station's own summary against what was done to it.
fn check(summary: &Value) {
    let at = |change: &Value| change["at_s"].as_f64().unwrap();
    let modes: Vec<(f64, &str)> = list(summary, "mode_changes")
        .map(|change| (at(change), change["mode"].as_str().unwrap()))
        .collect();
    let order: Vec<&str> = modes.iter().map(|(_, mode)| *mode).collect();
    assert!(order.starts_with(&["standby", "manual", "standby", "manual"]), "{modes:?}");

    // What was known of a fault just before `time`: present, or not.
    let present_before = |fault: &str, time: f64| {
        list(summary, "faults")
            .filter(|change| change["fault"] == fault && at(change) < time)
            .last()
            .is_some_and(|change| change["present"] == true)
    };
    let just_after = modes[2].0 + 1e-6;
    let reasons = ["base_down", "base_silent", "base_blocked", "tick_gap"];
    assert!(reasons.iter().any(|fault| present_before(fault, just_after)), "{summary}");

    let when = |text: &str| -> Vec<f64> {
        list(summary, "events")
            .filter(|event| event[1].as_str().unwrap().contains(text))
            .map(|event| event[0].as_f64().unwrap())
            .collect()
    };
    let ends = summary["seconds"].as_f64().unwrap();
    let connected = when("base connected");
    assert!(connected.len() >= 2, "{summary}");
    assert!(connected.iter().all(|&time| present_before("base_down", time)), "{summary}");
    assert!(!present_before("base_down", ends), "{summary}");

    let opened = when("camera vivid-000-vid-cap 320x180@10");
    let gone = when("camera vivid-000-vid-cap is gone");
    let ([first, again], [gone]) = (&opened[..], &gone[..]) else { panic!("{summary}") };
    assert!(first < gone && gone < again, "{summary}");
    assert!(present_before("frame_stale", *again), "{summary}");
    let is_seen_again = list(summary, "faults").any(|change| {
        change["fault"] == "frame_stale" && change["present"] == false && at(change) > *again
    });
    assert!(is_seen_again, "{summary}");

    let count = |stage: &str| summary["latency_ms"][stage]["count"].as_u64().unwrap();
    assert!(count("frame") > 0 && count("inference") > 0, "{summary}");
}

fn list<'a>(summary: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    summary[key].as_array().unwrap().iter()
}
