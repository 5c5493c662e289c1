use super::*;
use crate::dataset::table;

/// Changes a Parquet file.
fn rewrite(path: &Path, change: impl FnOnce(&mut Table)) {
    let mut rows = table::read(path).unwrap().table;
    change(&mut rows);
    table::write(path, &rows, &[]).unwrap();
}

fn info(root: &Path, change: impl FnOnce(&mut serde_json::Value)) {
    let path = root.join("meta/info.json");
    let mut info = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    change(&mut info);
    fs::write(path, serde_json::to_vec(&info).unwrap()).unwrap();
}

/// What goes wrong with a dataset, and a word of what is found.
type Damage = (fn(&Path), &'static str);

const DATA: &str = "data/chunk-000/file-001.parquet";
const META: &str = "meta/episodes/chunk-000/file-001.parquet";
const VIDEO: &str = "videos/observation.images.front/chunk-000/file-001.mp4";

const DAMAGES: &[Damage] = &[
    (|root| fs::remove_file(root.join("meta/info.json")).unwrap(), "info.json"),
    (|root| fs::write(root.join("meta/info.json"), "{").unwrap(), "not the description"),
    (|root| info(root, |info| info["codebase_version"] = "v2.1".into()), "v2.1"),
    (|root| info(root, |info| info["total_frames"] = 12.into()), "12 rows"),
    (|root| info(root, |info| info["total_tasks"] = 9.into()), "9 tasks"),
    (|root| info(root, |info| info["data_path"] = "../x".into()), "out of the dataset"),
    (|root| info(root, |info| info["features"][FRONT]["names"] = ().into()), "training fails"),
    (|root| fs::write(root.join("meta/stats.json"), "[").unwrap(), "no statistics"),
    (|root| fs::write(root.join("meta/stats.json"), "{}").unwrap(), "no statistics of"),
    (|root| fs::remove_file(root.join("meta/tasks.parquet")).unwrap(), "tasks"),
    (|root| fs::remove_file(root.join(META)).unwrap(), "but 1 and 5"),
    (|root| rewrite(&root.join(META), |rows| drop(rows.remove("length"))), "length"),
    (|root| rewrite(&root.join(META), |rows| drop(rows.remove("policy"))), "policy is missing"),
    (
        |root| {
            let extra = Column::Bool(vec![true]);
            rewrite(&root.join(META), |rows| rows.push("sunny", extra).unwrap());
        },
        "sunny is not in the first",
    ),
    (
        |root| {
            let gone = Column::Text(vec!["../../x".to_owned()]);
            rewrite(&root.join(META), |rows| rows.set("ticks", gone).unwrap());
        },
        "outside",
    ),
    (|root| fs::remove_file(root.join(DATA)).unwrap(), DATA),
    (|root| fs::write(root.join(DATA), "PAR1").unwrap(), "not a whole Parquet file"),
    (|root| drop(fs::copy(root.join(DATA), root.join("data/chunk-000/file-002.parquet"))), "shift"),
    (|root| rewrite(&root.join(DATA), |rows| *rows = rows.slice(0..3)), "3 rows"),
    (|root| rewrite(&root.join(DATA), |rows| drop(rows.remove("mode"))), "mode is missing"),
    (
        |root| {
            let extra = Column::Bool(vec![true; 6]);
            rewrite(&root.join(DATA), |rows| rows.push("extra", extra).unwrap());
        },
        "extra is no feature",
    ),
    (
        |root| {
            let wrong = Column::I64(vec![77; 6]);
            rewrite(&root.join(DATA), |rows| rows.set("task_index", wrong).unwrap());
        },
        "task_index",
    ),
    (
        |root| {
            let wrong = Column::F32(vec![0.0; 6]);
            rewrite(&root.join(DATA), |rows| rows.set("timestamp", wrong).unwrap());
        },
        "frame_index / fps",
    ),
    (
        |root| {
            let values = vec![f32::NAN; 18];
            let wrong = Column::F32List { width: 3, values };
            rewrite(&root.join(DATA), |rows| rows.set("action", wrong).unwrap());
        },
        "NaN",
    ),
    (
        |root| {
            let wrong = Column::F32(vec![0.0; 6]);
            rewrite(&root.join(DATA), |rows| rows.set("confidence", wrong).unwrap());
        },
        "statistics of confidence",
    ),
    (|root| fs::remove_file(root.join(VIDEO)).unwrap(), VIDEO),
    (|root| fs::write(root.join(VIDEO), "no video").unwrap(), VIDEO),
    (|root| write_video(&root.join(VIDEO), 1, 4), "ends with frame 4"),
    (
        |root| {
            let mut bytes = fs::read(root.join(VIDEO)).unwrap();
            let n = bytes.len();
            bytes[n - 200..].fill(0);
            fs::write(root.join(VIDEO), bytes).unwrap();
        },
        "cannot be decoded",
    ),
    (
        |root| drop(fs::copy(root.join(VIDEO), root.join(VIDEO).with_file_name("x.mp4"))),
        "no episode",
    ),
    (|root| fs::remove_dir_all(root.join("ticks")).unwrap(), "without a replay"),
    (|root| fs::create_dir_all(root.join(".journal/recording-7")).unwrap(), "recorded"),
];

#[test]
fn every_damage_is_found_and_no_health() {
    // A dataset that trains on wrong pictures would be called good.
    let folder = scratch();
    for (damage, word) in DAMAGES {
        let root = folder.path().join("set");
        drop(dataset(&root, 2));
        fs::remove_dir_all(root.join(".journal")).unwrap();
        assert_eq!(verify(&root, DecodeCheck::EveryNth(1)), [], "before: {word}");
        damage(&root);
        let found = verify(&root, DecodeCheck::EveryNth(1));
        let texts: Vec<_> = found.iter().map(ToString::to_string).collect();
        assert!(texts.iter().any(|text| text.contains(word)), "{word}: {texts:#?}");
        fs::remove_dir_all(&root).unwrap();
    }
}

#[test]
fn a_torn_file_is_an_error_wherever_it_ends() {
    // A disk that ran full would end the program at the next start.
    let folder = scratch();
    let root = folder.path().join("set");
    drop(dataset(&root, 1));
    for (path, step) in [("meta/info.json", 7), ("meta/stats.json", 97), ("meta/tasks.parquet", 11)]
    {
        let whole = fs::read(root.join(path)).unwrap();
        for length in (0..whole.len()).step_by(step) {
            fs::write(root.join(path), &whole[..length]).unwrap();
            assert!(Store::open(&root).is_err(), "{path}: {length} bytes");
            assert!(!verify(&root, DecodeCheck::None).is_empty(), "{path}: {length} bytes");
        }
        fs::write(root.join(path), whole).unwrap();
    }
    Store::open(&root).unwrap();
}

#[test]
fn a_plan_never_touches_what_lies_outside() {
    // A dataset from elsewhere could remove files of whoever opens it.
    let folder = scratch();
    let root = folder.path().join("set");
    drop(dataset(&root, 1));
    fs::write(folder.path().join("mine"), "mine").unwrap();
    fs::create_dir(root.join(".transaction")).unwrap();
    for plan in [
        r#"{"moves": [], "removals": ["../mine"]}"#,
        r#"{"moves": [["../mine", "meta/x"]], "removals": []}"#,
        "{",
    ] {
        fs::write(root.join(".transaction/plan.json"), plan).unwrap();
        assert!(matches!(Dataset::open(&root), Err(DatasetError::Format { .. })), "{plan}");
        assert_eq!(fs::read_to_string(folder.path().join("mine")).unwrap(), "mine");
    }
}
