use std::fs;
use std::path::PathBuf;

use super::*;
use crate::eval::offline::Offline;
use crate::eval::scores::Speed;
use crate::eval::scores::tests::closed_loop;
use crate::eval::statistics::Estimate;
use crate::policy::Manifest;

/// Beacon under another name.
fn put(models: &Path, name: &str) -> (PathBuf, Manifest) {
    let folder = models.join(name);
    fs::create_dir(&folder).unwrap();
    for file in ["policy.onnx", "policy.toml", "tokenizer.json"] {
        fs::copy(Path::new("models/beacon").join(file), folder.join(file)).unwrap();
    }
    let manifest = Manifest::read(&folder).unwrap();
    (folder, manifest)
}

fn examined(manifest: &Manifest, n_success: usize, n: usize) -> Scores {
    let mut part = closed_loop(n);
    part.total.n_success = n_success;
    part.total.success = Estimate::share(n_success, n);
    part.total.n_contact = n - n_success;
    let speed = Speed { p50_ms: 7.25, ..Speed::default() };
    Scores { closed_loop: Some(part), speed: Some(speed), ..Scores::new(manifest) }
}

/// One of each kind, none of them where its name would put it.
fn models() -> tempfile::TempDir {
    let models = tempfile::tempdir().unwrap();
    put(models.path(), "a-never");
    let (folder, _) = put(models.path(), "b-damaged");
    fs::write(folder.join("policy.onnx"), "cut off").unwrap();
    let (folder, manifest) = put(models.path(), "c-stale");
    let mut scores = examined(&manifest, 100, 100);
    scores.contract_sha256 = "0".repeat(64);
    scores.write(&folder).unwrap();
    let (folder, manifest) = put(models.path(), "d-lucky");
    examined(&manifest, 2, 2).write(&folder).unwrap();
    let (folder, manifest) = put(models.path(), "e-<good>");
    let mut scores = examined(&manifest, 90, 100);
    scores.offline = Some(Offline { ignores_words: Some(true), ..Offline::default() });
    scores.offline_simulated = scores.offline.clone();
    scores.write(&folder).unwrap();
    models
}

#[test]
fn a_few_lucky_runs_and_borrowed_scores_do_not_lead() {
    // The robot would be given to the policy that was tried least, or by another one's numbers.
    let lines = lines(models().path()).unwrap();
    let names: Vec<_> = lines.iter().map(|line| line.name.as_str()).collect();
    assert_eq!(names, ["e-<good>", "d-lucky", "c-stale", "a-never", "b-damaged"]);
    let cells: Vec<_> = lines.iter().map(Line::cells).collect();
    assert!(cells[0][1].starts_with("90.0 % [82."), "{:?}", cells[0]);
    assert_eq!(
        (&cells[0][3], &cells[0][4], &cells[0][5]),
        (&"10".into(), &"100".into(), &"7.2".into())
    );
    let remark = |at: usize| cells[at].last().unwrap().as_str();
    assert_eq!((remark(0), remark(1)), ("ignores the words", ""));
    assert_eq!(remark(2), "examined on other files: examine it again");
    assert_eq!(remark(3), "never examined");
    assert!(remark(4).contains("policy.onnx"), "{}", remark(4));
    assert!(cells[2..].iter().all(|cells| cells[1] == "–" && cells[5] == "–"));
    assert!(super::lines(Path::new("no/such/folder")).is_err());
}

#[test]
fn pages_stand_alone_and_hold_every_policy() {
    // A page sent to a colleague would be empty, run foreign code, or be broken by a name.
    let lines = lines(models().path()).unwrap();
    let html = page(&lines);
    assert!(html.starts_with("<!doctype html>") && html.ends_with("</html>\n"));
    for foreign in ["<script", "http:", "https:", "src=", "href=", "<good>"] {
        assert!(!html.contains(foreign), "{foreign}");
    }
    for part in [
        "e-&lt;good&gt;",
        "<svg",
        "never examined",
        "examined on other files",
        "the expert drove in the simulator",
    ] {
        assert!(html.contains(part), "{part}");
    }
    for tag in ["table", "tr", "td", "svg", "p", "h2", "body"] {
        let opened = html.matches(&format!("<{tag}>")).count();
        let opened = opened + html.matches(&format!("<{tag} ")).count();
        assert_eq!(opened, html.matches(&format!("</{tag}>")).count(), "{tag}");
    }
    let table = markdown(&lines);
    assert_eq!(table.lines().count(), 2 + lines.len());
    let n_bars = HEADINGS.len() + 1;
    assert!(table.lines().all(|row| row.matches('|').count() == n_bars), "{table}");
}
