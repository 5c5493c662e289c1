//! Writes journals, and knows how much room is left.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::Duration;

use super::Job;
use crate::dataset::DatasetError;
use crate::dataset::finish::journal_folder;
use crate::dataset::journal::{Journal, Record};
use crate::dataset::recorder::Op;
use crate::dataset::video::Unit;
use crate::msg::Stamp;
use crate::runtime::{clock, free_bytes};

/// How often the free space is looked up.
const LOOK: Duration = Duration::from_secs(1);

/// Bytes a second before any were measured: H.264 of a 1280x720 camera, and the ticks.
const RATE: u64 = 450_000;

/// Room that must stay besides what finishing the episode takes.
const RESERVE: u64 = 64 << 20;

/// Free bytes under which a recorder that has measured nothing yet refuses to begin.
pub const FREE_MIN: u64 = RESERVE + RATE * super::DISK_LEFT_MIN.as_secs();

/// What the disk thread knows, for others to read.
#[derive(Debug)]
pub(super) struct Gauge {
    /// Bytes; `u64::MAX`: cannot be told.
    free: AtomicU64,
    /// Bytes a second while recording.
    rate: AtomicU64,
    /// Bytes of the episode that runs.
    running: AtomicU64,
}

impl Default for Gauge {
    fn default() -> Self {
        let (free, rate) = (AtomicU64::new(u64::MAX), AtomicU64::new(RATE));
        Self { free, rate, running: AtomicU64::new(0) }
    }
}

impl Gauge {
    /// How long the disk lasts at the present rate.
    pub(super) fn left(&self) -> Option<Duration> {
        let free = self.free.load(Ordering::Relaxed);
        let usable = free.saturating_sub(RESERVE);
        let rate = self.rate.load(Ordering::Relaxed).max(1);
        (free != u64::MAX).then(|| Duration::from_secs(usable / rate))
    }

    /// Finishing needs room for a second copy of the pictures; stop before that is gone.
    pub(super) fn is_nearly_full(&self) -> bool {
        let running = self.running.load(Ordering::Relaxed);
        running > 0 && self.free.load(Ordering::Relaxed) < RESERVE + running + running / 4
    }
}

pub(super) struct Disk {
    root: PathBuf,
    jobs: SyncSender<Job>,
    failures: SyncSender<String>,
    gauge: Arc<Gauge>,
    journal: Option<Journal>,
    /// When the journal was begun, and its bytes.
    begun: Stamp,
    written: u64,
    looked: Option<Stamp>,
}

impl Disk {
    pub(super) fn new(
        root: PathBuf,
        jobs: SyncSender<Job>,
        failures: SyncSender<String>,
        gauge: Arc<Gauge>,
    ) -> Self {
        let (begun, looked) = (Stamp::ZERO, None);
        Self { root, jobs, failures, gauge, journal: None, begun, written: 0, looked }
    }

    /// Until the queue is closed.
    pub(super) fn run(mut self, ops: &Receiver<Op>) {
        loop {
            self.look();
            match ops.recv_timeout(LOOK) {
                Ok(op) => {
                    if let Err(error) = self.apply(op) {
                        self.journal_ends();
                        // The record thread ends the episode, once.
                        let _ = self.failures.try_send(error.to_string());
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return self.journal_ends(),
            }
        }
    }

    fn apply(&mut self, op: Op) -> Result<(), DatasetError> {
        match op {
            Op::Begin(start) => {
                self.journal_ends();
                let folder = journal_folder(&self.root, &start.recording);
                self.journal = Some(Journal::create(&folder, &start)?);
                (self.begun, self.written) = (clock::now(), 0);
            }
            Op::Append { records, units } => self.append(&records, &units)?,
            Op::End(end) => {
                self.append(&[Record::End(end)], &[])?;
                self.journal_ends();
            }
            Op::Mark { recording, mark } => self.ask(Job::Mark { recording, mark }),
            Op::Discard { recording } => self.ask(Job::Discard { recording }),
            Op::Restore { recording } => self.ask(Job::Restore { recording }),
        }
        Ok(())
    }

    /// Without a journal: it failed before, and the episode's end is under way.
    fn append(&mut self, records: &[Record], units: &[Unit]) -> Result<(), DatasetError> {
        let Some(journal) = &mut self.journal else { return Ok(()) };
        journal.append(records, units)?;
        self.written += units.iter().map(|unit| unit.bytes.len() as u64).sum::<u64>();
        self.gauge.running.store(self.written.max(1), Ordering::Relaxed);
        let seconds = clock::now().since(self.begun).as_secs_f64();
        if seconds > 5.0 {
            // The ticks come to about 40 kB a second.
            let rate = self.written as f64 / seconds + 40e3;
            self.gauge.rate.store(rate as u64, Ordering::Relaxed);
        }
        Ok(())
    }

    fn journal_ends(&mut self) {
        self.gauge.running.store(0, Ordering::Relaxed);
        if let Some(journal) = self.journal.take() {
            let folder = journal.folder().to_owned();
            // Closed first: a journal that is still held is not finished by anyone.
            drop(journal);
            self.ask(Job::Finish(folder));
        }
    }

    fn ask(&self, job: Job) {
        if self.jobs.send(job).is_err() {
            tracing::error!("the thread that saves episodes is gone; they are repaired at start");
        }
    }

    fn look(&mut self) {
        let now = clock::now();
        if self.looked.is_some_and(|at| now.since(at) < LOOK) {
            return;
        }
        self.looked = Some(now);
        let free = free_bytes(&self.root).unwrap_or(u64::MAX);
        self.gauge.free.store(free, Ordering::Relaxed);
    }
}
