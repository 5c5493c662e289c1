use super::*;

#[test]
fn merged_datasets_hold_all_episodes_once() {
    // Two days of driving would train as one of them, or as three.
    let folder = scratch();
    let (a, b) = (folder.path().join("a"), folder.path().join("b"));
    let mut store = dataset(&a, 2);
    let mut other = Store::create_or_open(&b, &schema()).unwrap();
    for seed in [1, 4, 2] {
        other.append(episode(folder.path(), seed, 4)).unwrap();
    }
    let source = Dataset::open(&b).unwrap();
    assert_eq!(store.merge(std::slice::from_ref(&source)).unwrap(), [2, 3]);
    holds(&a, &[(0, 0, 5), (1, 0, 6), (4, 0, 4), (2, 0, 4)]);
    holds(&b, &[(1, 0, 4), (4, 0, 4), (2, 0, 4)]);
    assert!(store.merge(&[source]).unwrap().is_empty());
    let aside = folder.path().join("c");
    let faster = Store::create_or_open(&aside, &Schema { fps: 20, ..schema() }).unwrap();
    let refused = store.merge(&[faster.dataset()]);
    assert!(matches!(refused, Err(DatasetError::Refused(_))));
}

#[test]
fn split_episodes_are_there_and_no_longer_here() {
    // Episodes would be trained on that were put aside for the examination.
    let folder = scratch();
    let (a, b) = (folder.path().join("a"), folder.path().join("b"));
    let mut store = dataset(&a, 4);
    assert_eq!(store.split_off(&[1, 3], &b).unwrap(), [0, 1]);
    holds(&a, &[(0, 0, 5), (2, 0, 7)]);
    holds(&b, &[(1, 0, 6), (3, 0, 8)]);
    assert!(store.split_off(&[0], &a.join("inner")).is_err());
    assert!(store.split_off(&[2], &b).is_err());
    assert_eq!(store.split_off(&[0], &b).unwrap(), [2]);
    holds(&b, &[(1, 0, 6), (3, 0, 8), (0, 0, 5)]);
}

#[test]
fn a_compact_dataset_can_still_be_edited() {
    // Episodes that share their files would go with the one that is discarded.
    let folder = scratch();
    let root = folder.path().join("set");
    let mut store = dataset(&root, 4);
    store.compact().unwrap();
    holds(&root, &[(0, 0, 5), (1, 0, 6), (2, 0, 7), (3, 0, 8)]);
    for kind in ["data", "meta/episodes", &format!("videos/{FRONT}")] {
        assert_eq!(entries(&root.join(kind).join("chunk-000")).unwrap().len(), 1, "{kind}");
    }
    assert_eq!(store.append(episode(folder.path(), 5, 4)).unwrap(), 4);
    store.discard(&[1]).unwrap();
    assert_eq!(store.trim(1, 3..7).unwrap(), 3..7);
    holds(&root, &[(0, 0, 5), (2, 3, 4), (3, 0, 8), (5, 0, 4)]);
    assert_eq!(store.restore("recording-1").unwrap(), 4);
    assert_eq!(store.restore("recording-2").unwrap(), 1);
    holds(&root, &[(0, 0, 5), (2, 0, 7), (3, 0, 8), (5, 0, 4), (1, 0, 6)]);
    store.compact().unwrap();
    holds(&root, &[(0, 0, 5), (2, 0, 7), (3, 0, 8), (5, 0, 4), (1, 0, 6)]);
    assert_eq!(verify(&root, DecodeCheck::EveryNth(1)), []);
}

#[test]
fn files_grow_no_further_than_the_limits() {
    // A float32 timestamp past 1000 s misses its frame.
    let folder = scratch();
    let root = folder.path().join("set");
    let mut store = dataset(&root, 3);
    // Smaller than any file, so each episode needs one of its own.
    (store.state.info.data_files_size_in_mb, store.state.info.video_files_size_in_mb) = (0, 0);
    store.compact().unwrap();
    holds(&root, &[(0, 0, 5), (1, 0, 6), (2, 0, 7)]);
    for kind in ["data", &format!("videos/{FRONT}")] {
        assert_eq!(entries(&root.join(kind).join("chunk-000")).unwrap().len(), 3, "{kind}");
    }
}

#[test]
fn columns_of_other_programs_stay() {
    // What somebody noted of an episode with LeRobot's tools would be gone after the next drive.
    let folder = scratch();
    let root = folder.path().join("set");
    drop(dataset(&root, 2));
    let path = root.join("meta/episodes/chunk-000/file-000.parquet");
    let mut rows = crate::dataset::table::read(&path).unwrap().table;
    rows.push("weather", Column::Text(vec!["rain".to_owned()])).unwrap();
    rows.remove("station");
    crate::dataset::table::write(&path, &rows, &[]).unwrap();
    assert!(!verify(&root, DecodeCheck::None).is_empty());
    let mut store = Store::open(&root).unwrap();
    store.append(episode(folder.path(), 2, 7)).unwrap();
    holds(&root, &[(0, 0, 5), (1, 0, 6), (2, 0, 7)]);
    assert_eq!(verify(&root, DecodeCheck::None), []);
    store.discard(&[0]).unwrap();
    store.restore("recording-0").unwrap();
    let weather = |index: usize| store.episodes()[index].other.column("weather").cloned();
    assert_eq!(weather(2), Some(Column::Text(vec!["rain".to_owned()])));
    assert_eq!(weather(0), Some(Column::OptText(vec![None])));
}
