//! The record threads: ticks and pictures in, episodes out.
//!
//! ```text
//! camera ─▶[32 pictures]─▶ record ─▶[256 ops]─▶ record-disk ─▶ .journal/ ─▶[jobs]─▶ record-finish ─▶ the dataset
//! control ─▶[512 ticks]─────▲          encodes      writes, syncs                    remuxes, appends
//! ```
//!
//! Nothing here can delay a tick. What happens when a queue is full: a picture is lost and counted
//! in the row that follows; a lost tick ends the episode, marked; operations that the disk does
//! not take in time end the episode, marked, and what is on the disk stays whole.

mod disk;
mod finish;

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use self::disk::Disk;
pub use self::disk::FREE_MIN;
use self::finish::{Finisher, Job};
use super::clock;
use super::turn::ControlState;
use crate::dataset::recorder::{Config, Op, Origin, Recorder};
use crate::dataset::{self};
use crate::msg::{Frame, Level, Notice, RecordCommand, RecordStatus, Tick};

/// Ten seconds of ticks: as long as the recorder may be busy otherwise.
const TICKS: usize = 512;
const CHECKPOINTS: usize = 16;
/// A second of pictures; they are shared, not copied, but each holds its memory.
pub(super) const PICTURES: usize = 32;
/// Groups of pictures that wait for the disk: 40 s of them at 30 pictures a second.
const OPS: usize = 256;
const ORDERS: usize = 32;
const NOTICES: usize = 64;

/// Waits this long for a picture before it looks at ticks and orders.
const PATIENCE: Duration = Duration::from_millis(10);

/// Under this much time left on the disk no episode is started.
const DISK_LEFT_MIN: Duration = Duration::from_mins(10);

/// How long an answer to the operator stands before news of earlier things may take its place.
const ANSWER: Duration = Duration::from_secs(4);

/// At the end, episodes are waited for this long; what is not done then is repaired at the next
/// start.
const CLOSE_MAX: Duration = Duration::from_secs(20);

/// The control loop's side.
#[derive(Debug)]
pub struct ControlTaps {
    /// Every tick. Full: it is lost, and the gap in the numbers ends the episode.
    pub ticks: rtrb::Producer<Tick>,
    /// Its memory, once a second, before the tick that follows.
    pub checkpoints: rtrb::Producer<ControlState>,
}

/// What the recorder is told besides ticks and pictures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    Command(RecordCommand),
    /// The instruction in force.
    Task(String),
    Policy {
        name: String,
        sha256: String,
    },
}

/// A running recorder. Dropping it ends the episode that runs, and waits until it is saved.
#[derive(Debug)]
pub struct RecordLoop {
    orders: SyncSender<Order>,
    notices: Receiver<Notice>,
    status: Arc<Mutex<RecordStatus>>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

/// What a recorder is fed with.
#[derive(Debug)]
pub(super) struct RecordInputs {
    ticks: rtrb::Consumer<Tick>,
    checkpoints: rtrb::Consumer<ControlState>,
}

/// Both ends of the queues between control and recorder.
pub(super) fn taps() -> (ControlTaps, RecordInputs) {
    let (ticks, tick_queue) = rtrb::RingBuffer::new(TICKS);
    let (checkpoints, checkpoint_queue) = rtrb::RingBuffer::new(CHECKPOINTS);
    let inputs = RecordInputs { ticks: tick_queue, checkpoints: checkpoint_queue };
    (ControlTaps { ticks, checkpoints }, inputs)
}

impl RecordLoop {
    /// Starts the threads, which first repair what an earlier run left.
    ///
    /// # Errors
    /// The system has no thread to give.
    pub(super) fn start(
        config: &Config,
        origin: Origin,
        pictures: Receiver<Arc<Frame>>,
        inputs: RecordInputs,
    ) -> io::Result<Self> {
        let root = config.folder.join(&config.dataset);
        let (orders, order_queue) = sync_channel(ORDERS);
        let (notice_queue, notices) = sync_channel(NOTICES);
        let status = Arc::new(Mutex::new(RecordStatus::default()));
        let stop = Arc::new(AtomicBool::new(false));
        let mut threads = Vec::new();

        let (jobs, job_queue) = sync_channel(ORDERS);
        let (outcomes, outcome_queue) = sync_channel(NOTICES);
        let finisher = Finisher::new(root.clone(), outcomes);
        threads.push(super::spawn("record-finish", move || finisher.run(&job_queue))?);

        let (ops, op_queue) = sync_channel(OPS);
        let (failures, failure_queue) = sync_channel(4);
        let gauge = Arc::default();
        let disk = Disk::new(root.clone(), jobs, failures, Arc::clone(&gauge));
        threads.push(super::spawn("record-disk", move || disk.run(&op_queue))?);

        let unix_minus_mono = clock::wall_ns().saturating_sub(clock::now().0.cast_signed());
        let worker = Worker {
            recorder: Recorder::new(config, origin, unix_minus_mono),
            root,
            fps: config.fps,
            pictures,
            inputs,
            orders: order_queue,
            ops: Some(ops),
            failures: failure_queue,
            outcomes: outcome_queue,
            gauge,
            notices: notice_queue,
            status: Arc::clone(&status),
            stop: Arc::clone(&stop),
            size: None,
            misfit: String::new(),
            episode: 0,
            finishing: 0,
            said: None,
        };
        threads.push(super::spawn("record", move || worker.run())?);
        Ok(Self { orders, notices, status, stop, threads })
    }

    /// False when the recorder is stuck.
    #[must_use]
    pub fn order(&self, order: Order) -> bool {
        self.orders.try_send(order).is_ok()
    }

    #[must_use]
    pub fn status(&self) -> RecordStatus {
        lock(&self.status).clone()
    }

    /// The next line for the event log.
    #[must_use]
    pub fn notice(&self) -> Option<Notice> {
        self.notices.try_recv().ok()
    }
}

impl Drop for RecordLoop {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        let end = clock::now() + CLOSE_MAX;
        // Each ends when the one before it has closed its queue.
        while let Some(thread) = self.threads.pop() {
            while !thread.is_finished() && clock::now() < end {
                clock::sleep(Duration::from_millis(5));
            }
            if thread.is_finished() && thread.join().is_err() {
                tracing::error!("a record thread panicked; its episode is repaired at next start");
            }
        }
    }
}

fn lock(status: &Mutex<RecordStatus>) -> MutexGuard<'_, RecordStatus> {
    status.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The record thread's own.
struct Worker {
    recorder: Recorder,
    root: PathBuf,
    fps: u32,
    pictures: Receiver<Arc<Frame>>,
    inputs: RecordInputs,
    orders: Receiver<Order>,
    ops: Option<SyncSender<Op>>,
    failures: Receiver<String>,
    outcomes: Receiver<finish::Outcome>,
    gauge: Arc<disk::Gauge>,
    notices: SyncSender<Notice>,
    status: Arc<Mutex<RecordStatus>>,
    stop: Arc<AtomicBool>,
    /// Of the camera's pictures, once one was seen.
    size: Option<(u32, u32)>,
    /// Why the dataset cannot take this camera's episodes; empty when it can.
    misfit: String,
    episode: usize,
    /// Ends handed over less those heard back of; the disk may hear of an end first.
    finishing: i64,
    /// See [`RecordStatus::said`].
    said: Option<Notice>,
}

impl Worker {
    fn run(mut self) {
        while !self.stop.load(Ordering::Acquire) {
            let picture = self.pictures.recv_timeout(PATIENCE);
            self.take_ticks();
            match picture {
                Ok(frame) => self.take_picture(&frame),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => clock::sleep(PATIENCE),
            }
            self.take_orders();
            self.take_outcomes();
            self.watch_disk();
            self.hand_over();
            self.publish();
        }
        self.take_ticks();
        self.take_orders();
        self.recorder.close();
        self.hand_over();
        self.ops = None;
    }

    fn take_ticks(&mut self) {
        while let Ok(tick) = self.inputs.ticks.peek().copied() {
            // A checkpoint belongs before the tick that follows it.
            while let Ok(state) = self.inputs.checkpoints.peek()
                && state.ticks() < tick.number
            {
                let bytes = postcard::to_stdvec(state).unwrap_or_default();
                self.recorder.checkpoint(bytes);
                let _ = self.inputs.checkpoints.pop();
            }
            let _ = self.inputs.ticks.pop();
            self.recorder.tick(&tick);
        }
    }

    fn take_picture(&mut self, frame: &Arc<Frame>) {
        if self.size != Some((frame.width, frame.height)) {
            self.size = Some((frame.width, frame.height));
            self.check_dataset();
        }
        if let Err(error) = self.recorder.frame(frame) {
            self.tell(Level::Error, error.to_string());
        }
    }

    /// Whether what will be recorded fits what is there already.
    fn check_dataset(&mut self) {
        let fits = dataset::finish::fits(&self.root, self.fps, self.size);
        match fits {
            Ok(n_episodes) => {
                self.episode = n_episodes;
                self.misfit.clear();
            }
            Err(error) => {
                self.misfit = error.to_string();
                self.tell(Level::Warn, format!("cannot record: {error}"));
            }
        }
    }

    fn take_orders(&mut self) {
        loop {
            match self.orders.try_recv() {
                Ok(Order::Command(command)) => {
                    self.said = None;
                    self.recorder.command(&command);
                }
                Ok(Order::Task(text)) => self.recorder.set_task(&text),
                Ok(Order::Policy { name, sha256 }) => self.recorder.set_policy(&name, &sha256),
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => return,
            }
        }
    }

    fn take_outcomes(&mut self) {
        while let Ok(outcome) = self.outcomes.try_recv() {
            if outcome.is_saved {
                self.recorder.saved();
            }
            self.finishing -= i64::from(outcome.is_finish);
            if let Some(n_episodes) = outcome.n_episodes {
                self.episode = n_episodes;
            }
            if !outcome.text.is_empty() {
                self.report(outcome.level, outcome.text);
            }
        }
        while let Ok(reason) = self.failures.try_recv() {
            self.recorder.fail(&reason);
        }
    }

    fn watch_disk(&mut self) {
        let is_short = self.gauge.left().is_some_and(|left| left < DISK_LEFT_MIN);
        let short = "the disk has room for less than 10 minutes";
        let blocked = if self.misfit.is_empty() && is_short { short } else { &self.misfit };
        self.recorder.set_blocked(blocked);
        if self.gauge.is_nearly_full() {
            self.recorder.fail("the disk is nearly full");
        }
    }

    /// Gives the disk its work; what it does not take ends the episode.
    fn hand_over(&mut self) {
        for op in self.recorder.take_ops() {
            let Some(ops) = &self.ops else { return };
            self.finishing += i64::from(matches!(op, Op::End(_)));
            // An episode's end is waited for: everything before it is on its way already.
            let is_taken = match op {
                Op::Append { .. } => ops.try_send(op).is_ok(),
                _ => ops.send(op).is_ok(),
            };
            if !is_taken {
                self.recorder.fail("the disk is too slow");
            }
        }
        for (is_warning, text) in self.recorder.take_news() {
            self.tell(if is_warning { Level::Warn } else { Level::Info }, text);
        }
    }

    fn publish(&mut self) {
        let mut status = self.recorder.status();
        status.episode = self.episode;
        status.finishing = self.finishing.max(0) as u32;
        status.disk_left = self.gauge.left();
        status.said.clone_from(&self.said);
        *lock(&self.status) = status;
    }

    /// What came of something asked earlier: where all is well, the answer to what was asked last
    /// stays on the recorder's line.
    fn report(&mut self, level: Level, text: String) {
        let is_answer_new =
            self.said.as_ref().is_some_and(|said| clock::now().since(said.at) < ANSWER);
        if level < Level::Warn && is_answer_new {
            self.log(Notice { at: clock::now(), level, text });
        } else {
            self.tell(level, text);
        }
    }

    fn tell(&mut self, level: Level, text: String) {
        let notice = Notice { at: clock::now(), level, text };
        let is_worse = |said: &Notice| said.level >= Level::Warn && said.level > level;
        if !self.said.as_ref().is_some_and(is_worse) {
            self.said = Some(notice.clone());
        }
        self.log(notice);
    }

    fn log(&self, notice: Notice) {
        tracing::info!(level = ?notice.level, text = notice.text, "record");
        // A full event log has worse to tell.
        let _ = self.notices.try_send(notice);
    }
}
