use super::*;

#[test]
fn a_discarded_episode_comes_back() {
    // One wrong key would cost an episode.
    let folder = scratch();
    let root = folder.path().join("set");
    let mut store = dataset(&root, 4);
    store.discard(&[1, 2]).unwrap();
    holds(&root, &[(0, 0, 5), (3, 0, 8)]);
    assert_eq!(store.discarded().unwrap(), ["recording-1", "recording-2"]);
    holds(&root.join(".discarded/recording-2"), &[(2, 0, 7)]);
    assert_eq!(store.restore("recording-2").unwrap(), 2);
    holds(&root, &[(0, 0, 5), (3, 0, 8), (2, 0, 7)]);
    assert_eq!(store.append(episode(folder.path(), 4, 4)).unwrap(), 3);
    holds(&root, &[(0, 0, 5), (3, 0, 8), (2, 0, 7), (4, 0, 4)]);
    store.discard(&[0, 1, 2, 3]).unwrap();
    holds(&root, &[]);
    assert!(store.restore("recording-9").is_err());
    assert!(store.discard(&[0]).is_err());
}

#[test]
fn what_is_purged_is_gone_and_nothing_else() {
    // The disk would stay full, or an episode that is still there would lose its files.
    let folder = scratch();
    let root = folder.path().join("set");
    let mut store = dataset(&root, 4);
    store.discard(&[1, 2]).unwrap();
    store.trim(0, 4..5).unwrap();
    let named = |names: &[&str]| names.iter().copied().map(String::from).collect::<Vec<_>>();
    for wrong in ["recording-3", "recording-9", "..", ""] {
        let error = store.purge(&named(&["recording-1", wrong])).unwrap_err().to_string();
        assert!(error.contains("no discarded recording"), "{error}");
    }
    assert_eq!(store.discarded().unwrap().len(), 3);
    store.purge(&named(&["recording-0", "recording-1"])).unwrap();
    assert_eq!(store.discarded().unwrap(), ["recording-2"]);
    assert!(!root.join(".discarded/recording-1").exists());
    assert!(store.restore("recording-1").is_err());
    holds(&root, &[(0, 3, 2), (3, 0, 8)]);
    store.restore("recording-2").unwrap();
    holds(&root, &[(0, 3, 2), (3, 0, 8), (2, 0, 7)]);
}

#[test]
fn what_is_trimmed_can_be_undone() {
    // A cut too much would cost what was driven.
    let folder = scratch();
    let root = folder.path().join("set");
    let mut store = dataset(&root, 3);
    assert_eq!(store.trim(1, 4..6).unwrap(), 3..6);
    holds(&root, &[(0, 0, 5), (1, 3, 3), (2, 0, 7)]);
    assert_eq!(store.trim(1, 0..2).unwrap(), 0..2);
    holds(&root, &[(0, 0, 5), (1, 3, 2), (2, 0, 7)]);
    let notes = &store.episodes()[1].notes;
    assert_eq!((notes.recording.as_str(), notes.takeovers), ("recording-1", 0));
    assert!(store.trim(1, 1..1).is_err());
    assert!(store.trim(1, 0..3).is_err());
    assert_eq!(store.restore("recording-1").unwrap(), 1);
    holds(&root, &[(0, 0, 5), (1, 0, 6), (2, 0, 7)]);
    assert!(store.discarded().unwrap().is_empty());
}

#[test]
fn notes_change_and_nothing_else() {
    // Marking an episode as a success would lose its tick journal.
    let folder = scratch();
    let root = folder.path().join("set");
    let mut store = dataset(&root, 2);
    store
        .set_notes(1, |notes| {
            notes.success = Some(true);
            notes.tags.push("rain".to_owned());
            notes.ticks.clear();
        })
        .unwrap();
    holds(&root, &[(0, 0, 5), (1, 0, 6)]);
    let reopened = Dataset::open(&root).unwrap();
    let notes = &reopened.episodes()[1].notes;
    assert_eq!((notes.success, notes.tags.as_slice()), (Some(true), &["rain".to_owned()][..]));
}

#[test]
fn two_recordings_of_one_name_are_both_kept() {
    // After a merge by LeRobot, the second to be discarded would be gone for good.
    let folder = scratch();
    let (root, other) = (folder.path().join("set"), folder.path().join("other"));
    let mut store = dataset(&root, 2);
    let path = root.join("meta/episodes/chunk-000/file-001.parquet");
    let mut rows = crate::dataset::table::read(&path).unwrap().table;
    rows.set("recording", Column::Text(vec!["recording-0".to_owned()])).unwrap();
    crate::dataset::table::write(&path, &rows, &[]).unwrap();
    drop(store);
    store = Store::open(&root).unwrap();
    assert!(store.split_off(&[0, 1], &other).is_err());
    holds(&root, &[(0, 0, 5), (1, 0, 6)]);
    store.discard(&[1]).unwrap();
    store.discard(&[0]).unwrap();
    assert_eq!(store.discarded().unwrap(), ["recording-0", "recording-0.2"]);
    store.restore("recording-0").unwrap();
    store.restore("recording-0.2").unwrap();
    holds(&root, &[(1, 0, 6), (0, 0, 5)]);
    store.discard(&[0, 1]).unwrap();
    assert_eq!(store.discarded().unwrap().len(), 2);
}
