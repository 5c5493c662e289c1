//! Brings ended episodes to their final place, one after the other.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender};
use std::time::Duration;

use crate::dataset::finish::{self, Finished};
use crate::dataset::journal::Mark;
use crate::dataset::lerobot::Store;
use crate::dataset::{Dataset, DatasetError};
use crate::msg::Level;
use crate::runtime::clock;

/// Another program may hold the dataset for a moment: `episodes trim`, say.
const TRIES: u32 = 50;
const PAUSE: Duration = Duration::from_millis(200);

/// What is to be done, in order.
#[derive(Debug)]
pub(super) enum Job {
    Finish(PathBuf),
    Mark { recording: String, mark: Mark },
    Discard { recording: String },
    Restore { recording: String },
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) level: Level,
    /// Empty: as was told already.
    pub(super) text: String,
    pub(super) is_finish: bool,
    pub(super) is_saved: bool,
    /// Episodes in the dataset now.
    pub(super) n_episodes: Option<usize>,
}

pub(super) struct Finisher {
    root: PathBuf,
    outcomes: SyncSender<Outcome>,
}

impl Finisher {
    pub(super) const fn new(root: PathBuf, outcomes: SyncSender<Outcome>) -> Self {
        Self { root, outcomes }
    }

    /// Repairs what a crash left, then works until the queue is closed.
    pub(super) fn run(self, jobs: &Receiver<Job>) {
        for (folder, result) in finish::repair(&self.root) {
            let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
            match result {
                Ok(finished) => {
                    let text = format!("repaired recording {name}: {}", words(&finished));
                    self.tell(Level::Warn, text, false, false);
                }
                Err(error) => {
                    let text = format!("cannot repair recording {name}: {error}");
                    self.tell(Level::Error, text, false, false);
                }
            }
        }
        while let Ok(job) = jobs.recv() {
            self.work(&job);
        }
    }

    fn work(&self, job: &Job) {
        let is_finish = matches!(job, Job::Finish(_));
        let mut tries = 0;
        let result = loop {
            match self.attempt(job) {
                Err(DatasetError::Locked { .. }) if tries < TRIES => {
                    tries += 1;
                    clock::sleep(PAUSE);
                }
                result => break result,
            }
        };
        match result {
            Ok(text) => self.tell(Level::Good, text, is_finish, is_finish),
            Err(error) => {
                let kept = if is_finish { "; it is kept in .journal" } else { "" };
                self.tell(Level::Error, format!("{error}{kept}"), is_finish, false);
            }
        }
    }

    /// What is worth telling: the recorder answered a mark or a discard when it was asked.
    fn attempt(&self, job: &Job) -> Result<String, DatasetError> {
        match job {
            Job::Finish(folder) => {
                let finished = finish::finish(&self.root, folder)?;
                return Ok(format!("saved {}", words(&finished)));
            }
            Job::Mark { recording, mark } => {
                finish::mark(&mut Store::open(&self.root)?, recording, mark)?;
            }
            Job::Discard { recording } => {
                finish::discard(&mut Store::open(&self.root)?, recording)?;
            }
            Job::Restore { recording } => {
                finish::restore(&mut Store::open(&self.root)?, recording)?;
            }
        }
        Ok(String::new())
    }

    fn tell(&self, level: Level, text: String, is_finish: bool, is_saved: bool) {
        let n_episodes = Dataset::open(&self.root).ok().map(|set| set.episodes().len());
        let outcome = Outcome { level, text, is_finish, is_saved, n_episodes };
        let _ = self.outcomes.try_send(outcome);
    }
}

/// As `episode 12: 214 rows, 7.1 s`.
fn words(finished: &Finished) -> String {
    let name = match finished.episodes.as_slice() {
        [] => return "nothing: no whole row was on the disk".to_owned(),
        [only] => format!("episode {only}"),
        [first, .., last] => format!("episodes {first} to {last}"),
    };
    let seconds = finished.n_rows as f64 / f64::from(finished.fps.max(1));
    let mark = if finished.incomplete.is_empty() {
        String::new()
    } else {
        format!(", incomplete: {}", finished.incomplete)
    };
    format!("{name}: {} rows, {seconds:.1} s{mark}", finished.n_rows)
}
