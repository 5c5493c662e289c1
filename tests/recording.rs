//! Recording by the whole program, headless, on the simulated robot: real threads, a real serial
//! port, real time, and real deaths.
#![cfg(unix)]

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use pilothouse::dataset::lerobot::{DecodeCheck, Severity, verify};
use pilothouse::dataset::{Dataset, finish, journal};
use pilothouse::runtime::{clock, replay};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg32;
use serde_json::Value;

/// One at a time: two stations would starve each other on two cores.
static ROAD: Mutex<()> = Mutex::new(());

/// Kills in a run of the tests; all of them with `PILOTHOUSE_SLOW`, as CI has it.
const KILLS: (u32, u32) = (4, 200);

fn station(folder: &Path, state: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pilothouse"));
    command
        .env("XDG_STATE_HOME", state)
        .args(["drive", "--headless", "--scenario", "open"])
        .arg("--set")
        .arg(format!("record.folder={:?}", folder.display().to_string()));
    command
}

fn assert_sound(root: &Path) {
    let findings = verify(root, DecodeCheck::EveryNth(1));
    let errors: Vec<_> = findings.iter().filter(|f| f.severity == Severity::Error).collect();
    assert!(errors.is_empty(), "{errors:#?}");
}

#[test]
fn a_drive_and_a_takeover_are_recorded_and_replay_to_the_same_commands() {
    // Broken: the keys, the threads, the file, or what they say about the drive.
    let _alone = ROAD.lock().unwrap_or_else(PoisonError::into_inner);
    let place = tempfile::tempdir().unwrap();
    let output = station(place.path(), place.path())
        .args(["--seconds", "12", "--script", "tests/keys/record.txt", "--policy", "beacon"])
        .args(["--set", "camera.width=320", "--set", "camera.height=240"])
        .output()
        .unwrap();
    let summary: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    let root = place.path().join("drives");
    assert_sound(&root);
    let dataset = Dataset::open(&root).unwrap();
    let [by_hand, takeover] = dataset.episodes() else {
        panic!("{} episodes: {summary:#}", dataset.episodes().len());
    };
    assert_eq!(by_hand.notes.success, Some(true));
    assert_eq!(by_hand.notes.tags, ["corridor"]);
    assert_eq!((by_hand.notes.takeovers, by_hand.notes.incomplete.as_str()), (0, ""));
    assert!((60..=85).contains(&by_hand.length), "{} rows", by_hand.length);
    assert_eq!(takeover.notes.tags, ["takeover"]);
    assert_eq!((takeover.notes.takeovers, takeover.notes.policy.as_str()), (1, "beacon"));
    assert_eq!(takeover.notes.policy_sha256.len(), 64);
    let rows = dataset.rows(1).unwrap();
    let interventions = rows.bools("intervention").unwrap();
    assert!(interventions.iter().filter(|acted| **acted).count() >= 10);
    assert!(!interventions[0] && rows.texts("mode").unwrap()[0] == "autonomous");
    for episode in 0..2 {
        let ticks = journal::read(&dataset.ticks_path(episode).unwrap()).unwrap();
        let replay = replay::replay(&ticks.records);
        assert!(replay.n_ticks > 100, "{} ticks", replay.n_ticks);
        assert_eq!(replay.differences, [], "episode {episode}");
    }
}

#[test]
fn demonstrations_keep_the_clean_command_beside_the_disturbed_one() {
    // A policy would learn the disturbance instead of the way back from it.
    let _alone = ROAD.lock().unwrap_or_else(PoisonError::into_inner);
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("demonstrations");
    let output = Command::new(env!("CARGO_BIN_EXE_pilothouse"))
        .args(["sim", "collect", "--scenario", "open", "--episodes", "2", "--size", "64x48"])
        .args(["--rate", "10", "--noise-share", "1", "--out"])
        .arg(&root)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_sound(&root);
    let dataset = Dataset::open(&root).unwrap();
    assert_eq!(dataset.episodes().len(), 2);
    for episode in dataset.episodes() {
        assert_eq!(episode.notes.success, Some(true));
        assert_eq!(episode.notes.tags, ["disturbed"]);
        let rows = dataset.rows(episode.index).unwrap();
        assert!(rows.bools("operator_action_valid").unwrap().iter().all(|valid| *valid));
        let (_, sent) = rows.f32_lists("action").unwrap();
        let (_, clean) = rows.f32_lists("operator_action").unwrap();
        let sum: f32 = sent.iter().zip(clean).map(|(a, b)| (a - b).powi(2)).sum();
        let deviation = (sum / sent.len() as f32).sqrt();
        assert!((0.03..0.5).contains(&deviation), "{deviation} m/s");
    }
}

#[test]
fn a_killed_station_loses_half_a_second_at_most() {
    // A crash, a dead battery, a pulled plug: the operator's work would be gone.
    let _alone = ROAD.lock().unwrap_or_else(PoisonError::into_inner);
    let is_slow = std::env::var_os("PILOTHOUSE_SLOW").is_some();
    let kills = if is_slow { KILLS.1 } else { KILLS.0 };
    let seed = clock::now().0 as u32;
    println!("seed {seed}");
    let mut random = Pcg32::seed_from_u64(u64::from(seed));
    let state = tempfile::tempdir().unwrap();
    let keys = state.path().join("keys.txt");
    std::fs::write(&keys, "0.05 tap o\n0.1 press w\n").unwrap();
    let mut losses = Vec::new();
    for kill in 0..kills {
        let place = tempfile::tempdir().unwrap();
        let mut child = station(place.path(), state.path())
            .args(["--seconds", "30", "--policy", ""])
            .args(["--set", "camera.width=160", "--set", "camera.height=120"])
            .arg("--script")
            .arg(&keys)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        clock::sleep(Duration::from_millis(random.random_range(700..2200)));
        let died = clock::now();
        child.kill().unwrap();
        child.wait().unwrap();
        let root = place.path().join("drives");
        for (folder, result) in finish::repair(&root) {
            result.unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        }
        if !root.join("meta/info.json").exists() {
            continue;
        }
        assert_sound(&root);
        let dataset = Dataset::open(&root).unwrap();
        let rows = dataset.rows(0).unwrap();
        let last = *rows.i64s("capture_time_ns").unwrap().last().unwrap();
        let lost = Duration::from_nanos(died.0 - last.cast_unsigned());
        losses.push((lost, kill));
        assert!(!dataset.episodes()[0].notes.incomplete.is_empty());
    }
    losses.sort();
    let recorded = losses.len();
    assert!(recorded * 2 >= kills as usize, "only {recorded} of {kills} were recording yet");
    let (median, _) = losses[recorded / 2];
    let (worst, kill) = losses[recorded - 1];
    println!(
        "{recorded} of {kills} were recording; lost {median:?} at the median, {worst:?} at most"
    );
    assert!(worst <= Duration::from_millis(500), "kill {kill}, seed {seed}: lost {worst:?}");
}
