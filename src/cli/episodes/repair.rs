//! `pilothouse episodes repair`: what a crash left becomes an episode.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::ensure;

use super::facts;
use super::root::Root;
use crate::dataset::finish::{self, Finished};
use crate::dataset::lerobot::Store;

/// The exit code is 1 when something could not be repaired.
pub(super) fn run(root: &Root, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let path = root.path.display();
    ensure!(root.path.is_dir(), "there is no dataset {path}; name another with --dataset");
    let (lines, is_good) = repair(&root.path);
    for line in &lines {
        writeln!(out, "{line}")?;
    }
    // Completes a change that was cut short.
    let store = Store::open(&root.path)?;
    if lines.is_empty() {
        writeln!(
            out,
            "nothing to repair in {path}: {}",
            facts::count(store.episodes().len(), "episode")
        )?;
    }
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Before another verb: tells on standard error what was found, and goes on whatever it was.
pub(super) fn quietly(root: &Path) {
    for line in repair(root).0 {
        let _ = writeln!(io::stderr(), "pilothouse: {line}");
    }
}

fn repair(root: &Path) -> (Vec<String>, bool) {
    let mut is_good = true;
    let mut lines = Vec::new();
    for (folder, result) in finish::repair(root) {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        lines.push(match result {
            Ok(finished) => format!("repaired recording {name}: {}", words(&finished)),
            Err(error) => {
                is_good = false;
                format!("cannot repair recording {name}, it stays in .journal: {error}")
            }
        });
    }
    (lines, is_good)
}

fn words(finished: &Finished) -> String {
    let numbers: Vec<_> = finished.episodes.iter().map(usize::to_string).collect();
    match numbers.as_slice() {
        [] => "no whole row was on the disk".to_owned(),
        numbers => format!("episode {}, {} rows", numbers.join(", "), finished.n_rows),
    }
}
