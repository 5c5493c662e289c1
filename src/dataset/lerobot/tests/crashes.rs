use super::*;
use crate::dataset::lerobot::transaction::power;

type Change = fn(&mut Store) -> Result<(), DatasetError>;
/// Parts of episodes, as [`holds`] has them.
type Parts = &'static [(usize, usize, usize)];

/// Lets the power go before each operation of `change`, and looks what is there afterwards.
fn survives(change: Change, before: Parts, after: Parts) {
    let folder = scratch();
    let original = folder.path().join("original");
    drop(dataset(&original, before.len()));
    for steps in 0.. {
        let root = folder.path().join("set");
        copy(&original, &root);
        let mut store = Store::open(&root).unwrap();
        episode(&root.join(".journal"), 9, 4);
        power::fails_after(Some(steps));
        let outcome = change(&mut store);
        power::fails_after(None);
        drop(store);
        // Reading completes what was cut short.
        let n_rows = Dataset::open(&root).unwrap().info().total_frames;
        let is_before = n_rows == before.iter().map(|(_, _, n)| n).sum::<usize>();
        let is_lost = outcome.is_ok() && is_before && before != after;
        assert!(!is_lost, "a change that went well is not there");
        holds(&root, if is_before { before } else { after });
        if is_before {
            change(&mut Store::open(&root).unwrap()).unwrap();
            holds(&root, after);
        }
        fs::remove_dir_all(&root).unwrap();
        if outcome.is_ok() {
            assert!(steps > 10, "only {steps} steps");
            return;
        }
    }
}

pub(super) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn an_append_survives_a_crash_anywhere() {
    // A power cut at the end of an episode would cost the whole dataset.
    let append: Change = |store| {
        let journal = store.root().join(".journal");
        store.append(episode(&journal, 2, 4)).map(drop)
    };
    survives(append, &[(0, 0, 5), (1, 0, 6)], &[(0, 0, 5), (1, 0, 6), (2, 0, 4)]);
}

#[test]
fn a_discard_survives_a_crash_anywhere() {
    // A power cut would lose the episode for good, or number two alike.
    let discard: Change = |store| store.discard(&[0, 2]);
    survives(discard, &[(0, 0, 5), (1, 0, 6), (2, 0, 7)], &[(1, 0, 6)]);
}

#[test]
fn a_trim_survives_a_crash_anywhere() {
    // A power cut would leave rows without pictures.
    let trim: Change = |store| store.trim(0, 4..5).map(drop);
    survives(trim, &[(0, 0, 5), (1, 0, 6)], &[(0, 3, 2), (1, 0, 6)]);
}

#[test]
fn a_compaction_survives_a_crash_anywhere() {
    // A power cut would lose every episode at once.
    let compact: Change = |store| store.compact();
    survives(compact, &[(0, 0, 5), (1, 0, 6), (2, 0, 7)], &[(0, 0, 5), (1, 0, 6), (2, 0, 7)]);
}

#[test]
fn work_goes_on_after_a_change_that_failed_half_way() {
    // A full disk, made free again, would leave a dataset of which the program knows less than it
    // holds, and the next change would undo the one before.
    let folder = scratch();
    for steps in 0.. {
        let root = folder.path().join("set");
        let mut store = dataset(&root, 2);
        let new = episode(&root.join(".journal"), 2, 4);
        power::fails_after(Some(steps));
        let outcome = store.append(new);
        power::fails_after(None);
        store.append(episode(&root.join(".journal"), 3, 4)).unwrap();
        match store.find("recording-2") {
            Some(2) => holds(&root, &[(0, 0, 5), (1, 0, 6), (2, 0, 4), (3, 0, 4)]),
            found => {
                assert_eq!((found, outcome.is_err()), (None, true));
                holds(&root, &[(0, 0, 5), (1, 0, 6), (3, 0, 4)]);
            }
        }
        drop(store);
        fs::remove_dir_all(&root).unwrap();
        if outcome.is_ok() {
            return;
        }
    }
}
