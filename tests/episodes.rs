//! The verbs on recorded episodes, as a person types them.
#![expect(clippy::unwrap_used, reason = "a test may panic; clippy exempts only #[test] functions")]

#[path = "episodes/sample.rs"]
mod sample;

use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use pilothouse::dataset::Dataset;
use pilothouse::dataset::journal::{self, MAGIC, Record, write_record};
use serde_json::Value;

/// A folder with the sample dataset where the program looks for it.
struct Place(tempfile::TempDir);

/// What a call printed, and whether it was content.
struct Said {
    text: String,
    error: String,
    is_success: bool,
}

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        sample::make(&place.root());
        place
    }

    fn root(&self) -> PathBuf {
        self.0.path().join("recordings/drives")
    }

    /// Calls the program in the folder. Words are parted by spaces; `_` stands for one in a word.
    fn call(&self, line: &str) -> Said {
        let words = line.split_whitespace().map(|word| word.replace('_', " "));
        let mut command = Command::cargo_bin("pilothouse").unwrap();
        command.current_dir(self.0.path()).env("XDG_STATE_HOME", self.0.path());
        let output = command.args(words).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Said {
            text: text(output.stdout),
            error: text(output.stderr),
            is_success: output.status.success(),
        }
    }

    /// What a call prints that must succeed.
    fn said(&self, line: &str) -> String {
        let said = self.call(line);
        assert!(said.is_success && said.error.is_empty(), "{line}: {}{}", said.text, said.error);
        said.text
    }

    fn lengths(&self) -> Vec<usize> {
        let dataset = Dataset::open(&self.root()).unwrap();
        dataset.episodes().iter().map(|meta| meta.length).collect()
    }

    /// Pastes the line that a verb printed to undo it.
    fn undo(&self, printed: &str) {
        for line in printed.lines().filter_map(|line| line.strip_prefix("undo: pilothouse ")) {
            self.said(line);
        }
    }

    fn numbers(&self, filter: &str) -> Vec<u64> {
        let json: Value =
            serde_json::from_str(&self.said(&format!("episodes list --json {filter}"))).unwrap();
        json.as_array().unwrap().iter().map(|line| line["number"].as_u64().unwrap()).collect()
    }
}

/// The sizes of files differ with the versions of the libraries that write them.
fn without_sizes(text: &str) -> String {
    let mut words: Vec<_> = text.split(' ').map(str::to_owned).collect();
    for i in 1..words.len() {
        if words[i].starts_with("kB") {
            words[i - 1] = "#".repeat(words[i - 1].len().max(2));
        }
    }
    words.join(" ")
}

#[test]
fn a_list_is_scanned_by_a_person() {
    // The columns people search in, their order or their marks would be wrong.
    let place = Place::new();
    insta::assert_snapshot!("list", without_sizes(&place.said("episodes list")));
    insta::assert_snapshot!("stats", place.said("episodes stats"));
}

#[test]
fn filters_leave_what_was_asked_for() {
    // Somebody would discard what the list did not mean.
    let place = Place::new();
    for (filter, numbers) in [
        ("", vec![0, 1, 2]),
        ("--task RED", vec![0]),
        ("--task target", vec![0, 1]),
        ("--success yes", vec![0]),
        ("--success no", vec![1]),
        ("--success unknown", vec![2]),
        ("--tag hall", vec![0]),
        ("--tag hall --success no", vec![]),
        ("--incomplete", vec![2]),
        ("--takeovers", vec![0]),
        ("1-2", vec![1, 2]),
    ] {
        assert_eq!(place.numbers(filter), numbers, "{filter}");
    }
    let said = place.said("episodes list --success no");
    assert!(said.contains("1 of 3 episodes"), "{said}");
}

#[test]
fn what_is_said_of_an_episode_is_kept_and_taken_back() {
    // A label would be lost, land on another episode, or stay after its undo.
    let place = Place::new();
    let before = place.said("episodes list --json");
    let tagged = place.said("episodes tag 0,2 good");
    assert_eq!(place.numbers("--tag good"), [0, 2]);
    let marked = place.said("episodes mark 0 2 failure");
    assert_eq!(place.numbers("--success no"), [0, 1, 2]);
    let noted = place.said("episodes note 1 it's_dark");
    assert!(place.said("episodes list --json 1").contains("it's dark"));
    assert!(place.said("episodes tag 0 good").contains("already"), "a tag is there once");
    assert_ne!(place.said("episodes list --json"), before);
    for printed in [tagged, marked] {
        place.undo(&printed);
    }
    assert!(noted.contains("undo: pilothouse episodes note 1 ''"), "{noted}");
    place.said("episodes note 1 _");
    let after = place.said("episodes list --json").replace("\"note\": \" \"", "\"note\": \"\"");
    assert_eq!(after, before);
}

#[test]
fn a_trim_keeps_the_span_and_can_be_undone() {
    // The good part would be cut away, for good.
    let place = Place::new();
    let printed = place.said("episodes trim 1 --from 0.7 --to 1.5");
    assert!(printed.contains("kept 0.5 s to 1.5 s of episode 1"), "{printed}");
    assert_eq!(place.lengths(), [20, 10, 20]);
    place.said("episodes verify --all-frames");
    place.undo(&printed);
    assert_eq!(place.lengths(), [20, 20, 20]);
    for span in ["--from 1.5 --to 0.5", "--from -1 --to 1", "--from 3 --to 4", "--to 2"] {
        assert!(!place.call(&format!("episodes trim 1 {span}")).is_success, "{span}");
    }
    assert_eq!(place.lengths(), [20, 20, 20]);
}

#[test]
fn a_discarded_episode_comes_back() {
    // An hour of driving would be gone by one typing error.
    let place = Place::new();
    assert!(place.said("episodes restore").contains("nothing is discarded"));
    let printed = place.said("episodes discard 0 2");
    assert_eq!(place.lengths(), [20]);
    let listed = place.said("episodes restore");
    assert!(listed.contains("recording-0") && listed.contains("recording-2"), "{listed}");
    place.said("episodes verify --all-frames");
    place.undo(&printed);
    assert_eq!(place.lengths(), [20, 20, 20]);
    assert_eq!(place.numbers("--success yes").len(), 1);
    place.said("episodes verify --all-frames");
}

#[test]
fn episodes_move_between_datasets_and_into_few_files() {
    // Episodes would be lost on the way, doubled, or the dataset unreadable.
    let place = Place::new();
    let printed = place.said("episodes split 0 2 --out other");
    assert_eq!(place.lengths(), [20]);
    place.said("episodes verify --all-frames --dataset other");
    place.said("episodes merge other");
    assert_eq!(place.lengths(), [20, 20, 20]);
    assert!(place.said("episodes merge other").contains("nothing to add"));
    assert!(printed.contains("undo: pilothouse episodes merge other"), "{printed}");
    place.said("episodes compact");
    place.said("episodes verify --all-frames");
    place.said("episodes import --format lerobot --dataset new recordings/drives");
    place.said("episodes verify --all-frames --dataset new");
}

#[test]
fn episodes_go_to_other_programs_and_come_back() {
    // Nobody else could use what was driven, or an import would change it.
    let place = Place::new();
    for (format, out) in [("hdf5", "one.h5"), ("mcap", "one.mcap"), ("jpeg-dir", "one")] {
        let export = format!("episodes export 1 --format {format} --out {out}");
        assert!(place.said(&export).contains(&format!("wrote episode 1 to {out}")));
        assert!(!place.call(&export).is_success, "an existing file is not replaced");
    }
    let import = "episodes import --format hdf5 --dataset h5 one.h5";
    let imported = place.said(import);
    assert!(imported.contains("one.h5: episode 0, 20 rows"), "{imported}");
    assert!(imported.contains("assumed: "), "{imported}");
    assert!(place.said(import).contains("here already, as episode 0"));
    let listed = place.said("episodes list --dataset h5");
    assert!(listed.contains("find the blue target"), "{listed}");
    place.said("episodes verify --all-frames --dataset h5");
}

#[test]
fn labels_are_exported_as_actions() {
    // Another trainer would imitate what the policy did wrong, or lose the pictures on the way.
    let place = Place::new();
    let said = place.said("episodes export --labels --out labelled");
    assert!(said.contains("wrote the labels of 3 episodes to labelled"), "{said}");
    place.said("episodes verify --all-frames --dataset labelled");
    let labelled = Dataset::open(&place.0.path().join("labelled")).unwrap();
    for (index, own) in Dataset::open(&place.root()).unwrap().all_rows().unwrap().iter().enumerate()
    {
        let rows = labelled.rows(index).unwrap();
        assert_eq!(rows.f32_lists("action"), own.f32_lists("action"));
        assert_eq!(rows.f32s("label_weight"), Some([1.0; 20].as_slice()));
    }
    assert_eq!(place.lengths(), [20; 3], "the recordings stay");
    assert!(!place.call("episodes export --labels --out labelled").is_success);
    let again = place.call("episodes export --labels --out more --dataset labelled");
    assert!(again.error.contains("exported labels already"), "{}", again.error);
    place.said("episodes export 1 --labels --out one");
    assert_eq!(Dataset::open(&place.0.path().join("one")).unwrap().episodes().len(), 1);
    assert!(!place.call("episodes export --out two").is_success);
}

#[test]
fn verify_finds_damage() {
    // A broken disk would be noticed in the middle of a training.
    let place = Place::new();
    assert!(place.said("episodes verify").contains("good: 3 episodes, 60 rows"));
    let video = place.root().join(format!("videos/{}/chunk-000/file-001.mp4", sample::FRONT));
    let bytes = fs::read(&video).unwrap();
    fs::write(&video, &bytes[..bytes.len() / 2]).unwrap();
    let said = place.call("episodes verify");
    assert!(!said.is_success && said.text.contains("file-001.mp4"), "{}", said.text);
    // What is not damaged is still there.
    assert_eq!(place.lengths(), [20, 20, 20]);
    place.said("episodes list");
}

#[test]
fn errors_are_one_line_that_says_what_to_do() {
    // A user in the field would stand before a panic, or a riddle.
    let place = Place::new();
    for (line, wanted) in [
        ("episodes list --dataset nowhere", "there is no dataset nowhere; record one"),
        ("episodes verify --dataset nowhere", "there is no dataset nowhere"),
        ("episodes repair --dataset nowhere", "there is no dataset nowhere"),
        ("episodes tag 3 x", "no episode 3: it has 0 to 2"),
        ("episodes discard 0 1-7", "no episode 7"),
        ("episodes trim 9 --to 1", "no episode 9"),
        ("episodes mark 9 success", "no episode 9"),
        ("episodes note 9 x", "no episode 9"),
        ("episodes restore nothing", "nothing"),
        ("episodes merge nowhere", "cannot add nowhere"),
        ("episodes show 9", "no episode 9"),
        ("episodes show 0", "needs a terminal"),
        ("episodes export 9 --format hdf5 --out x.h5", "no episode 9"),
        ("episodes import --format hdf5 nowhere.h5", "nowhere.h5"),
        ("replay 9", "no episode 9"),
        ("replay 0 --speed 100", "--speed goes from 0.25 to 8"),
        ("replay all", "--through-control"),
        ("replay 9 --on-robot --headless --seconds 1", "no episode 9"),
    ] {
        let said = place.call(line);
        assert!(!said.is_success, "{line}");
        assert!(said.error.contains(wanted), "{line}: {}", said.error);
        assert_eq!(said.error.lines().count(), 1, "{line}: {}", said.error);
    }
    assert_eq!(place.lengths(), [20, 20, 20]);
}

#[test]
fn a_replay_finds_the_tick_that_differs_today() {
    // A change of control or safety would go unseen, or be seen where there is none.
    let place = Place::new();
    let same = place.said("replay all --through-control");
    assert!(same.contains("all: 300 ticks, 0 differ"), "{same}");
    let ticks = place.root().join("ticks/chunk-000/file-001.ticks");
    change_one(&ticks, 50);
    let said = place.call("replay 1 --through-control");
    assert!(!said.is_success);
    assert!(said.text.starts_with("episode 1: 100 ticks, 1 differ"), "{}", said.text);
    assert!(said.text.contains("tick 51") && said.text.contains("sent 0.3000 0.0000 0.0000 → 0"));
    place.said("replay 0 --through-control");
    fs::write(&ticks, MAGIC).unwrap();
    place.call("replay all --through-control");
    fs::write(&ticks, "garbage").unwrap();
    let said = place.call("replay 1 --through-control");
    assert!(said.error.contains("cannot replay episode 1"), "{}", said.error);
}

#[test]
fn a_recorded_drive_is_driven_again_once_it_is_engaged() {
    // The robot would not move, move before the operator said so, or go on after the end.
    let place = Place::new();
    fs::copy("tests/keys/engage.txt", place.0.path().join("keys.txt")).unwrap();
    let summary = place.said(
        "replay 0 --on-robot --headless --script keys.txt --seconds 6 \
         --set camera.width=320 --set camera.height=240 --set record.enabled=false",
    );
    let summary: Value = serde_json::from_str(&summary).unwrap();
    let modes = summary["mode_changes"].as_array().unwrap();
    let modes: Vec<_> = modes.iter().map(|change| change["mode"].as_str().unwrap()).collect();
    assert_eq!(modes, ["standby", "autonomous"], "{summary:#}");
    // Two seconds at 0.2 m/s, less what speeding up takes.
    let distance = summary["distance_m"].as_f64().unwrap();
    assert!((0.3..0.45).contains(&distance), "{summary:#}");
    assert!(summary["simulator"]["speed_mps"].as_f64().unwrap() < 0.01, "{summary:#}");
    let events = summary["events"].to_string();
    assert!(events.contains("policy replay of episode 0 runs on recorded actions"), "{events}");
}

/// Makes the journal say that tick `i` sent something else.
fn change_one(path: &Path, i: usize) {
    let mut records = journal::read(path).unwrap().records;
    let mut ticks = records.iter_mut().filter_map(|record| match record {
        Record::Tick(record) => Some(&mut record.tick),
        _ => None,
    });
    ticks.nth(i).unwrap().sent.linear_x = 0.3;
    let mut bytes = MAGIC.to_vec();
    for record in &records {
        write_record(record, &mut bytes);
    }
    fs::write(path, bytes).unwrap();
}
