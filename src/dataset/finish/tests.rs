use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::{JOURNALS, Mark, finish, fits, journal_folder, mark, repair, video_file};
use crate::dataset::journal::{self, Journal, Record, TICKS};
use crate::dataset::lerobot::{DecodeCheck, Severity, Store, verify};
use crate::dataset::recorder::{Op, tests::recorded};
use crate::dataset::{Dataset, rows};

/// Writes what the recorder asks for; the folder of the journal.
fn write(root: &Path, ops: Vec<Op>) -> PathBuf {
    let mut journal = None;
    for op in ops {
        match op {
            Op::Begin(start) => {
                let folder = journal_folder(root, &start.recording);
                journal = Some(Journal::create(&folder, &start).unwrap());
            }
            Op::Append { records, units } => {
                journal.as_mut().unwrap().append(&records, &units).unwrap();
            }
            Op::End(end) => {
                journal.as_mut().unwrap().append(&[Record::End(end)], &[]).unwrap();
            }
            _ => {}
        }
    }
    journal.unwrap().folder().to_owned()
}

/// A dataset of episodes that are so many milliseconds long.
pub(in crate::dataset) fn dataset_of(place: &Path, lengths: &[u64]) -> PathBuf {
    let root = place.join("set");
    for (number, length) in lengths.iter().enumerate() {
        let mut ops = recorded(*length);
        if let Some(Op::Begin(start)) = ops.first_mut() {
            start.recording = format!("20261124-101500-{number:06}");
        }
        finish(&root, &write(&root, ops)).unwrap();
    }
    root
}

fn assert_sound(root: &Path) {
    let findings = verify(root, DecodeCheck::EveryNth(1));
    let errors: Vec<_> = findings.iter().filter(|f| f.severity == Severity::Error).collect();
    assert!(errors.is_empty(), "{errors:#?}");
}

#[test]
fn a_journal_becomes_an_episode_once() {
    // Recordings would be lost at the last step, or be there twice after a crash in it.
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("set");
    let ops = recorded(2000);
    let folder = write(&root, ops.clone());
    let finished = finish(&root, &folder).unwrap();
    assert_eq!((finished.episodes.as_slice(), finished.incomplete.as_str()), ([0].as_slice(), ""));
    assert!(!folder.exists());
    let again = write(&root, ops);
    assert_eq!(finish(&root, &again).unwrap().episodes, [0]);
    let dataset = Dataset::open(&root).unwrap();
    let episode = dataset.episode(0).unwrap();
    assert_eq!(dataset.episodes().len(), 1);
    assert_eq!((episode.length, episode.notes.success), (finished.n_rows, Some(true)));
    assert!((56..=60).contains(&finished.n_rows), "{}", finished.n_rows);
    assert_eq!(fits(&root, 30, Some((32, 32))).unwrap(), 1);
    assert!(fits(&root, 30, Some((64, 32))).is_err() && fits(&root, 10, None).is_err());
    let mut store = Store::open(&root).unwrap();
    mark(&mut store, &episode.notes.recording, &Mark::Success(Some(false))).unwrap();
    drop(store);
    assert_eq!(Dataset::open(&root).unwrap().episodes()[0].notes.success, Some(false));
    assert_sound(&root);
}

#[test]
fn cut_rows_are_left_out_and_kept_aside() {
    // What the operator called bad would be trained on; or be gone for good.
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("set");
    let mut ops = recorded(4000);
    let cut = Record::Mark(Mark::Cut { from: 40, until: 80 });
    if let Some(Op::Append { records, .. }) = ops.iter_mut().rev().nth(1) {
        records.push(cut);
    }
    let folder = write(&root, ops);
    let finished = finish(&root, &folder).unwrap();
    let dataset = Dataset::open(&root).unwrap();
    let lengths: Vec<_> = dataset.episodes().iter().map(|episode| episode.length).collect();
    assert_eq!(lengths, [40, finished.n_rows - 40]);
    let names = Store::open(&root).unwrap().discarded().unwrap();
    assert!(names.iter().any(|name| name.ends_with("-uncut")), "{names:?}");
    assert_sound(&root);
}

#[test]
fn every_truncation_of_a_journal_gives_a_prefix_of_its_rows() {
    // A power cut at one unlucky byte would cost the episode, or make a row up.
    let place = tempfile::tempdir().unwrap();
    let folder = write(&place.path().join("set"), recorded(400));
    let bytes = std::fs::read(folder.join(TICKS)).unwrap();
    let whole = rows::derive(&journal::parse(&bytes).unwrap().records, 100).unwrap();
    let whole = whole.whole().unwrap().table;
    let mut longest = 0;
    for length in 0..=bytes.len() {
        let Some(contents) = journal::parse(&bytes[..length]) else {
            assert!(length < journal::MAGIC.len());
            continue;
        };
        let Some(derived) = rows::derive(&contents.records, 100) else { continue };
        let table = derived.whole().unwrap().table;
        assert_eq!(table, whole.slice(0..table.n_rows()), "cut to {length} bytes");
        assert!(table.n_rows() >= longest);
        longest = table.n_rows();
    }
    assert_eq!(longest, whole.n_rows());
}

#[test]
fn a_torn_recording_is_repaired_or_refused() {
    // The next start would fail, or leave the recording where nobody finds it.
    let source = tempfile::tempdir().unwrap();
    let folder = write(&source.path().join("set"), recorded(1000));
    let [ticks, video] =
        [folder.join(TICKS), video_file(&folder)].map(|p| std::fs::read(p).unwrap());
    let cuts = |n: usize| (0..12).map(move |i| n * i / 11).collect::<Vec<_>>();
    let tears = cuts(ticks.len()).into_iter().map(|n| (n, video.len()));
    let tears = tears.chain(cuts(video.len()).into_iter().map(|n| (ticks.len(), n)));
    for (n_ticks, n_video) in tears {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().join("set");
        let torn = root.join(JOURNALS).join("torn");
        std::fs::create_dir_all(&torn).unwrap();
        std::fs::write(torn.join(TICKS), &ticks[..n_ticks]).unwrap();
        std::fs::write(video_file(&torn), &video[..n_video]).unwrap();
        let repaired = repair(&root);
        let [(_, result)] = repaired.as_slice() else { panic!("{repaired:?}") };
        match result {
            Ok(finished) if finished.n_rows > 0 => assert_sound(&root),
            Ok(_) => assert!(!torn.exists()),
            Err(error) => assert!(torn.exists(), "{error}"),
        }
    }
}

#[test]
fn a_journal_that_is_being_written_is_let_be() {
    // A second station would take the first one's recording from under its hands.
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("set");
    let Op::Begin(start) = recorded(500).remove(0) else { panic!("no begin") };
    let journal = Journal::create(&journal_folder(&root, "busy"), &start).unwrap();
    assert!(repair(&root).is_empty());
    drop(journal);
    assert_eq!(repair(&root).len(), 1);
}

proptest! {
    #[test]
    fn garbage_is_no_journal(
        bytes in prop::collection::vec(any::<u8>(), 0..400), keep in 0_usize..9,
    ) {
        // A damaged disk would take the station down at start.
        let mut garbage = journal::MAGIC[..keep.min(8)].to_vec();
        garbage.extend(bytes);
        let contents = journal::parse(&garbage);
        prop_assert!(contents.is_none_or(|contents| contents.records.is_empty()));
    }
}
