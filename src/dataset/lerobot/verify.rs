//! Whether a dataset holds what its metadata says, and everything the format demands, down to the
//! pictures. Only looks: it takes no lock and changes nothing.

mod meta;
mod rows;
mod videos;

use std::fmt;
use std::path::{Path, PathBuf};

use super::episodes::{self, EpisodeMeta};
use super::info::Info;
use super::state::State;
use super::{DISCARDED, transaction};
use crate::dataset::DatasetError;

/// Which pictures to decode: the slow part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeCheck {
    None,
    /// Of each episode and camera the first, and every so many.
    EveryNth(usize),
}

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub severity: Severity,
    pub path: PathBuf,
    pub what: String,
    /// What the user can do.
    pub remedy: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Works, but is worth knowing.
    Warning,
    /// A reader fails, or gets wrong data.
    Error,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        write!(f, "{severity}: {}: {}; {}", self.path.display(), self.what, self.remedy)
    }
}

const FROM_COPY: &str = "restore the file from a copy, or discard the episode";

/// Looks at the dataset in `root` and at its discarded episodes. Nothing found: all is well.
#[must_use]
pub fn verify(root: &Path, decode: DecodeCheck) -> Vec<Finding> {
    let mut report = Report { root: root.to_owned(), findings: Vec::new() };
    if transaction::is_pending(root) {
        report.warn(
            "",
            "a change was cut short",
            "open the dataset for writing, which completes it",
        );
    }
    report.verify(decode);
    report.look_for_journals();
    let mut findings = report.findings;
    for folder in super::entries(&root.join(DISCARDED)).unwrap_or_default() {
        let mut report = Report { root: folder, findings: Vec::new() };
        report.verify(decode);
        findings.append(&mut report.findings);
    }
    findings
}

struct Report {
    root: PathBuf,
    findings: Vec<Finding>,
}

/// What the checks of single files go by.
struct Description {
    info: Info,
    n_tasks: usize,
    /// With their statistics.
    episodes: Vec<EpisodeMeta>,
}

impl Report {
    fn error(&mut self, path: &str, what: impl Into<String>, remedy: &str) {
        self.push(Severity::Error, path, what.into(), remedy);
    }

    fn warn(&mut self, path: &str, what: impl Into<String>, remedy: &str) {
        self.push(Severity::Warning, path, what.into(), remedy);
    }

    fn push(&mut self, severity: Severity, path: &str, what: String, remedy: &str) {
        let remedy = remedy.to_owned();
        self.findings.push(Finding { severity, path: self.root.join(path), what, remedy });
    }

    /// An error that came up while a file was read.
    fn failed(&mut self, error: DatasetError) {
        let (path, what, remedy) = match error {
            DatasetError::Format { path, reason, remedy } => (path, reason, remedy),
            DatasetError::Io { what, path, source } => {
                (path, format!("cannot {what} it: {source}"), FROM_COPY.to_owned())
            }
            DatasetError::Video { path, reason } => (path, reason, FROM_COPY.to_owned()),
            other => (self.root.clone(), other.to_string(), FROM_COPY.to_owned()),
        };
        let remedy = if remedy.contains("episodes verify") { FROM_COPY.to_owned() } else { remedy };
        self.findings.push(Finding { severity: Severity::Error, path, what, remedy });
    }

    fn verify(&mut self, decode: DecodeCheck) {
        let state = match State::read(&self.root) {
            Ok(state) => state,
            Err(error) => return self.failed(error),
        };
        let (episodes, skipped) = match episodes::read_all(&self.root, true) {
            Ok(read) => read,
            Err(error) => return self.failed(error),
        };
        for name in skipped {
            let what = format!("column {name} is of a kind this program cannot keep");
            self.warn("meta/episodes", what, "edit the dataset with LeRobot's tools only");
        }
        let n_tasks = state.tasks.len();
        let description = Description { info: state.info.clone(), n_tasks, episodes };
        self.check_info(&description);
        self.check_episodes(&description);
        self.check_statistics(&description, &state);
        self.check_rows(&description);
        self.check_videos(&description, decode);
    }

    fn look_for_journals(&mut self) {
        for folder in super::entries(&self.root.join(".journal")).unwrap_or_default() {
            if !folder.is_dir() {
                continue;
            }
            let name = folder.file_name().map(|name| name.to_string_lossy().into_owned());
            let path = format!(".journal/{}", name.unwrap_or_default());
            let what = "an episode that is being recorded, or that a crash cut short";
            self.warn(&path, what, "the next recording, or `pilothouse episodes repair`, adds it");
        }
    }
}
