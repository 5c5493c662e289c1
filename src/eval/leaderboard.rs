//! The policies of a folder in order: by the lower bound of their success in the closed loop, so
//! that a few lucky runs do not beat many good ones. What was never examined comes last, and says
//! so.
//!
//! Deliberately absent: anything measured here. It reads what [`super::scores`] kept.

mod markdown;
mod page;
mod plot;

use std::io;
use std::path::Path;

use super::closed_loop::ClosedLoop;
use super::offline::Offline;
use super::scores::{Found, Scores, n_bytes};
use crate::policy::{self, Entry};

pub use markdown::markdown;
pub use page::page;

/// One policy.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// What it is chosen by: its folder's name.
    pub name: String,
    pub summary: String,
    /// All its files; 0 where they cannot be read.
    pub n_bytes: u64,
    pub state: State,
}

/// What is known of it.
#[derive(Clone, Debug, PartialEq)]
pub enum State {
    Examined(Box<Scores>),
    /// No scores lie beside it.
    Never,
    /// Its scores are of other files.
    OnOtherFiles,
    /// Its files or its scores cannot be used; why.
    Damaged(String),
}

impl Line {
    fn new(entry: &Entry) -> Self {
        let (name, folder) = (entry.name.clone(), &entry.folder);
        match policy::check(folder) {
            Err(error) => {
                let state = State::Damaged(error.to_string());
                Self { name, summary: String::new(), n_bytes: 0, state }
            }
            Ok(manifest) => {
                let state = match Scores::read(folder, &manifest) {
                    Ok(Found::Scores(scores)) => State::Examined(scores),
                    Ok(Found::None) => State::Never,
                    Ok(Found::Stale) => State::OnOtherFiles,
                    Err(error) => State::Damaged(error.to_string()),
                };
                let n_bytes = n_bytes(folder, &manifest).unwrap_or_default();
                Self { name, summary: manifest.summary, n_bytes, state }
            }
        }
    }

    #[must_use]
    pub const fn scores(&self) -> Option<&Scores> {
        match &self.state {
            State::Examined(scores) => Some(scores),
            _ => None,
        }
    }

    /// Its whole examination in the closed loop.
    #[must_use]
    pub fn closed_loop(&self) -> Option<&ClosedLoop> {
        self.scores()?.closed_loop.as_ref()
    }

    /// What it is placed by: more is better, none last.
    fn rank(&self) -> f64 {
        let success = self.closed_loop().and_then(|part| part.total.success);
        let later = match &self.state {
            State::Examined(_) => -1.0,
            State::OnOtherFiles => -2.0,
            State::Never => -3.0,
            State::Damaged(_) => -4.0,
        };
        success.map_or(later, |success| success.low)
    }

    /// What a reader must know before the numbers.
    #[must_use]
    pub fn remark(&self) -> String {
        match &self.state {
            State::Never => "never examined".to_owned(),
            State::OnOtherFiles => "examined on other files: examine it again".to_owned(),
            State::Damaged(why) => format!("DAMAGED: {why}"),
            State::Examined(scores) => {
                let parts = scores.offline.iter().chain(&scores.offline_simulated);
                let mut remarks: Vec<_> = parts.flat_map(Offline::reproaches).collect();
                remarks.sort_unstable();
                remarks.dedup();
                if scores.closed_loop.is_none() {
                    remarks.insert(0, "never examined in the closed loop");
                }
                remarks.join(", ")
            }
        }
    }

    /// The columns of [`HEADINGS`].
    #[must_use]
    pub fn cells(&self) -> [String; HEADINGS.len()] {
        let part = self.closed_loop();
        let total = part.map(|part| &part.total);
        let number = |of: Option<usize>| of.map_or_else(dash, |n| n.to_string());
        let speed = self.scores().and_then(|scores| scores.speed.as_ref());
        [
            self.name.clone(),
            total.and_then(|total| total.success).map_or_else(dash, |share| share.percent()),
            total.and_then(|total| total.obeyed).map_or_else(dash, |share| share.percent()),
            number(total.map(|total| total.n_contact)),
            number(total.map(|total| total.n)),
            speed.map_or_else(dash, |speed| format!("{:.1}", speed.p50_ms)),
            if self.n_bytes > 0 { format!("{:.2}", self.n_bytes as f64 / 1e6) } else { dash() },
            self.remark(),
        ]
    }
}

/// What the columns hold.
pub const HEADINGS: [&str; 8] = [
    "policy",
    "success [95 %]",
    "side obeyed [95 %]",
    "collisions",
    "attempts",
    "p50 ms",
    "MB",
    "to know",
];

/// The policies in the folder `models`, the best first.
///
/// # Errors
/// The folder cannot be read.
pub fn lines(models: &Path) -> io::Result<Vec<Line>> {
    let mut lines: Vec<_> = policy::list(models)?.iter().map(Line::new).collect();
    lines.sort_by(|a, b| b.rank().total_cmp(&a.rank()).then_with(|| a.name.cmp(&b.name)));
    Ok(lines)
}

fn dash() -> String {
    "–".to_owned()
}

#[cfg(test)]
mod tests;
