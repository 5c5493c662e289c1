//! Drains a camera, survives everything it does, and hands out the newest picture and the facts
//! about it.
//!
//! Two threads: the *drain* thread is alone with the camera and may hang in a driver for ever; the
//! *watch* thread never calls the camera, so it always answers. A drain thread that hangs is
//! abandoned with the camera it holds (there is no way to end it from outside) and another one
//! opens the camera anew; should the first ever return, it sees that it was replaced, closes its
//! camera and ends.

mod drain;
mod mailbox;
mod meter;
#[cfg(test)]
mod tests;

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use self::mailbox::Slot;
use self::meter::Meter;
use super::clock;
use crate::camera::{Camera, CameraError, CameraInfo};
use crate::msg::{CameraFacts, Frame, Level, Notice, Stamp};

pub use self::mailbox::{Facts, Frames};

/// Where the loop's by-products go. Both are bounded; what finds no room is lost.
#[derive(Debug)]
pub struct CameraTaps {
    /// For the event log.
    pub notices: SyncSender<Notice>,
    /// Arrival of a picture to its publication, one for each picture.
    pub decode: rtrb::Producer<Duration>,
}

/// A camera that is being drained. Dropping it stops it.
#[derive(Debug)]
pub struct CameraLoop {
    shared: Arc<Shared>,
    watch: Option<JoinHandle<()>>,
}

impl CameraLoop {
    /// Begins to open the camera that `factory` makes, again and again until it succeeds.
    ///
    /// # Errors
    /// The system has no more threads to give.
    pub fn start(
        factory: impl Fn() -> Result<Box<dyn Camera>, CameraError> + Send + Sync + 'static,
        taps: CameraTaps,
    ) -> io::Result<Self> {
        Self::start_bounded(Box::new(factory), taps, Bounds::default())
    }

    fn start_bounded(factory: Box<Factory>, taps: CameraTaps, bounds: Bounds) -> io::Result<Self> {
        let state = State {
            meter: Meter::default(),
            facts: Vec::new(),
            slots: Vec::new(),
            streams: Vec::new(),
            info: None,
            problem: String::new(),
            taps,
        };
        let shared = Arc::new(Shared {
            factory,
            bounds,
            state: Mutex::new(state),
            is_stopping: Mutex::new(false),
            stopping: Condvar::new(),
            drains: Arc::default(),
        });
        let watched = Arc::clone(&shared);
        let watch = super::spawn("camera-watch", move || watched.watch())?;
        Ok(Self { shared, watch: Some(watch) })
    }

    /// A mailbox of its own for one more reader of pictures.
    #[must_use]
    pub fn frames(&self) -> Frames {
        let slot = Arc::new(Slot::default());
        self.shared.state().slots.push(Arc::clone(&slot));
        Frames::new(slot)
    }

    /// Every picture for one more reader, up to `n` of them waiting; more are lost, and the gap in
    /// their numbers says so.
    #[must_use]
    pub fn stream(&self, n: usize) -> Receiver<Arc<Frame>> {
        let (queue, stream) = sync_channel(n);
        self.shared.state().streams.push(queue);
        stream
    }

    /// The facts for one more reader.
    #[must_use]
    pub fn facts(&self) -> Facts {
        let mut state = self.shared.state();
        let (input, facts) = Facts::pair(state.meter.facts(clock::now()));
        state.facts.push(input);
        facts
    }

    /// What the camera said of itself when it was last opened.
    #[must_use]
    pub fn info(&self) -> Option<CameraInfo> {
        self.shared.state().info.clone()
    }

    /// Closes the camera. Waits for it at most a second; a camera that hangs is left behind.
    pub fn stop(mut self) {
        self.shut();
    }

    fn shut(&mut self) {
        *lock(&self.shared.is_stopping) = true;
        self.shared.stopping.notify_all();
        if let Some(watch) = self.watch.take()
            && watch.join().is_err()
        {
            tracing::error!("the camera's watch thread panicked");
        }
    }
}

impl Drop for CameraLoop {
    fn drop(&mut self) {
        self.shut();
    }
}

type Factory = dyn Fn() -> Result<Box<dyn Camera>, CameraError> + Send + Sync;

/// How long things may take.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    /// A call into the camera that takes longer is a hang. Longer than a camera's own bound, where
    /// it has one, and than a slow webcam takes to open.
    hang: Duration,
    /// Pause before the first attempt to open the camera again; doubles up to `retry_max`.
    retry: Duration,
    retry_max: Duration,
    /// How often the watch thread looks and refreshes the facts.
    look: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            hang: Duration::from_secs(5),
            retry: Duration::from_millis(100),
            retry_max: Duration::from_secs(1),
            look: Duration::from_millis(50),
        }
    }
}

/// Most drain threads at once, abandoned ones included.
const DRAINS_MAX: usize = 4;

/// Longest wait for the drain thread at the end.
const STOP_MAX: Duration = Duration::from_secs(1);

struct Shared {
    factory: Box<Factory>,
    bounds: Bounds,
    state: Mutex<State>,
    is_stopping: Mutex<bool>,
    stopping: Condvar,
    /// Drain threads alive, abandoned ones included.
    drains: Arc<AtomicUsize>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("bounds", &self.bounds).finish_non_exhaustive()
    }
}

/// What the two threads and the readers' makers share; never locked while a camera is called.
struct State {
    meter: Meter,
    facts: Vec<triple_buffer::Input<CameraFacts>>,
    slots: Vec<Arc<Slot>>,
    streams: Vec<SyncSender<Arc<Frame>>>,
    info: Option<CameraInfo>,
    /// The last problem told, so that it is told once.
    problem: String,
    taps: CameraTaps,
}

impl State {
    fn notice(&mut self, at: Stamp, level: Level, text: String) {
        tracing::info!(?level, text, "camera");
        // A full event log has worse to tell.
        let _ = self.taps.notices.try_send(Notice { at, level, text });
    }

    /// Tells a problem unless it is the one told last.
    fn problem(&mut self, at: Stamp, level: Level, text: String) {
        if self.problem != text {
            self.problem.clone_from(&text);
            self.notice(at, level, text);
        }
    }

    fn publish_facts(&mut self, now: Stamp) {
        let facts = self.meter.facts(now);
        for input in &mut self.facts {
            input.write(facts);
        }
    }
}

/// One drain thread as the watch thread sees it.
#[derive(Debug, Default)]
struct Beat {
    /// When the call into the camera that runs now began; zero when none runs.
    busy_since: AtomicU64,
    /// Set once: this thread may publish nothing more.
    is_replaced: AtomicBool,
}

impl Beat {
    /// Runs a call into the camera under the eyes of the watch thread.
    fn call<T>(&self, call: impl FnOnce() -> T) -> T {
        self.busy_since.store(clock::now().0.max(1), Ordering::Release);
        let result = call();
        self.busy_since.store(0, Ordering::Release);
        result
    }

    fn hangs(&self, now: Stamp, bound: Duration) -> bool {
        match self.busy_since.load(Ordering::Acquire) {
            0 => false,
            since => now.since(Stamp(since)) > bound,
        }
    }

    fn is_replaced(&self) -> bool {
        self.is_replaced.load(Ordering::Acquire)
    }
}

struct Drain {
    beat: Arc<Beat>,
    thread: JoinHandle<()>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Waits until `until` or the end; true at the end.
    fn stops_before(&self, until: Stamp) -> bool {
        let mut is_stopping = lock(&self.is_stopping);
        loop {
            let left = until.since(clock::now());
            if *is_stopping || left.is_zero() {
                return *is_stopping;
            }
            let woken = self.stopping.wait_timeout(is_stopping, left);
            (is_stopping, _) = woken.unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn watch(self: &Arc<Self>) {
        let mut drain = self.start_drain();
        let mut now = clock::now();
        while !self.stops_before(now + self.bounds.look) {
            now = clock::now();
            let hangs = drain.as_ref().is_some_and(|d| d.beat.hangs(now, self.bounds.hang));
            let died = drain.as_ref().is_some_and(|d| d.thread.is_finished());
            if let Some(left) = drain.take_if(|_| hangs) {
                left.beat.is_replaced.store(true, Ordering::Release);
                let mut state = self.state();
                state.meter.closed();
                let text = "the camera hangs; it is left alone and opened anew".to_owned();
                state.problem(now, Level::Error, text);
            }
            if let Some(dead) = drain.take_if(|_| died)
                && dead.thread.join().is_err()
            {
                let mut state = self.state();
                state.meter.closed();
                state.problem(now, Level::Error, "the camera thread panicked".to_owned());
            }
            if drain.is_none() && self.drains.load(Ordering::Acquire) < DRAINS_MAX {
                drain = self.start_drain();
            }
            self.state().publish_facts(now);
        }
        let Some(last) = drain else {
            return;
        };
        last.beat.is_replaced.store(true, Ordering::Release);
        let end = clock::now() + STOP_MAX;
        while !last.thread.is_finished() && clock::now() < end {
            clock::sleep(Duration::from_millis(5));
        }
    }

    fn start_drain(self: &Arc<Self>) -> Option<Drain> {
        let beat = Arc::new(Beat::default());
        let (shared, its_beat) = (Arc::clone(self), Arc::clone(&beat));
        let alive = drain::Alive::new(&self.drains);
        let thread = super::spawn("camera-drain", move || {
            drain::run(&shared, &its_beat);
            drop(alive);
        });
        match thread {
            Ok(thread) => Some(Drain { beat, thread }),
            Err(why) => {
                let text = format!("no thread for the camera: {why}");
                self.state().problem(clock::now(), Level::Error, text);
                None
            }
        }
    }
}

/// Locks whatever a thread that panicked left behind: every value here is whole between statements.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
