//! A [`Line`] over a real port: two threads between the control loop and a device that may block,
//! vanish or come back.
//!
//! ```text
//! control thread ─▶[newest buffer]─▶ base-tx ─▶ port          one base-tx a connection
//! control thread ◀─[ring of bytes]◀─ base-rx ◀─ port          opens, reads, reopens
//! ```
//!
//! The control side takes no lock, allocates nothing and never waits. A write that the port does
//! not take delays only base-tx; one that never returns is left behind with its thread, and a
//! reopened port gets a new one. When the ring is full (nobody polls) new bytes are dropped: the
//! decoder counts the damage and goes on.

mod receive;
mod transmit;

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{JoinHandle, Thread};
use std::time::Duration;

use triple_buffer::TripleBuffer;

use super::{clock, spawn};
use crate::base::ports::{self, OpenPort, PortAddress, PortError};
use crate::base::{Line, MAX_WRITE, Written};
use crate::msg::Stamp;
use receive::Receiver;

/// Over a second of telemetry.
const RING_SIZE: usize = 8192;

/// Longest wait for the last bytes when the line is dropped.
const FLUSH_WAIT: Duration = Duration::from_millis(250);

/// The control side of a port; see the module.
#[derive(Debug)]
pub struct ThreadedLine {
    shared: Arc<Shared>,
    outgoing: triple_buffer::Input<Outgoing>,
    incoming: rtrb::Consumer<u8>,
    /// The thread to wake, and the generation it serves.
    sender: Option<(u32, Thread)>,
    number: u64,
    receiver: JoinHandle<()>,
}

/// What others may know of a line: for benchmarks and messages, never for control.
#[derive(Clone, Debug)]
pub struct LineMonitor(Arc<Shared>);

/// One tick's bytes.
#[derive(Clone, Copy, Debug)]
struct Outgoing {
    bytes: [u8; MAX_WRITE],
    len: usize,
    /// Bytes meant for an earlier opening are not sent: what they say is old.
    generation: u32,
    number: u64,
}

impl Outgoing {
    const NONE: Self = Self { bytes: [0; MAX_WRITE], len: 0, generation: 0, number: 0 };
}

/// What the threads share. Every time is nanoseconds of the monotonic clock, 0 for none.
#[derive(Debug, Default)]
struct Shared {
    is_open: AtomicBool,
    is_closing: AtomicBool,
    /// Closing took too long: whatever still waits is given up.
    is_abandoned: AtomicBool,
    generation: AtomicU32,
    /// The port has taken nothing since, although bytes wait.
    waiting_since: AtomicU64,
    received_at: AtomicU64,
    handed: AtomicU64,
    written: WrittenMark,
    /// Running base-tx threads.
    senders: AtomicU32,
    sender: Mutex<Option<Thread>>,
    /// Why the port is not open.
    trouble: Mutex<Option<String>>,
    path: Mutex<Option<String>>,
}

impl ThreadedLine {
    /// A line to the port `address` names, opened and reopened in the background.
    ///
    /// # Errors
    /// The system has no more threads to give.
    pub fn new(address: PortAddress, baud: u32) -> io::Result<Self> {
        Self::with(move || ports::open(&address, baud))
    }

    /// The same over whatever `open` opens; it may block.
    ///
    /// # Errors
    /// The system has no more threads to give.
    pub fn with(
        open: impl FnMut() -> Result<OpenPort, PortError> + Send + 'static,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let (outgoing, taken) = TripleBuffer::new(&Outgoing::NONE).split();
        let (ring, incoming) = rtrb::RingBuffer::new(RING_SIZE);
        let taken = Arc::new(Mutex::new(taken));
        let receiver = Receiver { open: Box::new(open), shared: shared.clone(), taken, ring };
        let receiver = spawn("base-rx", move || receiver.run())?;
        Ok(Self { shared, outgoing, incoming, sender: None, number: 0, receiver })
    }

    #[must_use]
    pub fn monitor(&self) -> LineMonitor {
        LineMonitor(self.shared.clone())
    }

    /// The thread that serves `generation`; it changes only with the generation.
    fn sender(&mut self, generation: u32) -> Option<&Thread> {
        if self.sender.as_ref().is_none_or(|(served, _)| *served != generation) {
            // The lock is held for moments and only when a port opens; if just now, the next tick
            // asks again.
            let sender = self.shared.sender.try_lock().ok()?.clone()?;
            self.sender = Some((generation, sender));
        }
        self.sender.as_ref().map(|(_, thread)| thread)
    }
}

impl Line for ThreadedLine {
    fn is_open(&self) -> bool {
        self.shared.is_open.load(SeqCst)
    }

    fn generation(&self) -> u32 {
        self.shared.generation.load(SeqCst)
    }

    fn write(&mut self, bytes: &[u8]) -> Written {
        let generation = self.generation();
        let buffer = self.outgoing.input_buffer_mut();
        let Some(place) = buffer.bytes.get_mut(..bytes.len()).filter(|_| self.shared.is_open())
        else {
            debug_assert!(bytes.len() <= MAX_WRITE, "a tick's bytes fit one buffer");
            return Written::Down;
        };
        place.copy_from_slice(bytes);
        self.number += 1;
        buffer.len = bytes.len();
        buffer.generation = generation;
        buffer.number = self.number;
        self.outgoing.publish();
        self.shared.handed.store(self.number, SeqCst);
        if let Some(thread) = self.sender(generation) {
            thread.unpark();
        }
        Written::Taken
    }

    fn blocked_since(&self) -> Option<Stamp> {
        stamp(&self.shared.waiting_since)
    }

    fn read(&mut self, buffer: &mut [u8]) -> usize {
        self.incoming.pop_partial_slice(buffer).0.len()
    }

    fn received_at(&self) -> Option<Stamp> {
        stamp(&self.shared.received_at)
    }
}

impl Drop for ThreadedLine {
    /// The last buffer, a stop, still leaves if the port takes it in time.
    fn drop(&mut self) {
        self.shared.is_closing.store(true, SeqCst);
        self.receiver.thread().unpark();
        let start = clock::now();
        while self.shared.senders.load(SeqCst) > 0 && clock::now().since(start) < FLUSH_WAIT {
            self.shared.wake_sender();
            clock::sleep(Duration::from_millis(1));
        }
        self.shared.is_abandoned.store(true, SeqCst);
    }
}

impl LineMonitor {
    /// Number of the newest buffer handed over; the first is 1.
    #[must_use]
    pub fn last_handed(&self) -> u64 {
        self.0.handed.load(SeqCst)
    }

    /// Number of the newest buffer that the port took whole, and when it had.
    #[must_use]
    pub fn last_written(&self) -> Option<(u64, Stamp)> {
        self.0.written.read()
    }

    /// Why the port is not open, with the remedy; `None` while it is.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        lock(&self.0.trouble).clone()
    }

    /// What is open: a path or `host:port`.
    #[must_use]
    pub fn path(&self) -> Option<String> {
        lock(&self.0.path).clone()
    }
}

impl Shared {
    fn is_open(&self) -> bool {
        self.is_open.load(SeqCst)
    }

    fn is_closing(&self) -> bool {
        self.is_closing.load(SeqCst)
    }

    fn wake_sender(&self) {
        if let Some(thread) = lock(&self.sender).as_ref() {
            thread.unpark();
        }
    }
}

/// A number and a time that belong together, without a lock: one writer, any reader.
#[derive(Debug, Default)]
struct WrittenMark {
    number: AtomicU64,
    at: AtomicU64,
}

impl WrittenMark {
    fn write(&self, number: u64, at: Stamp) {
        // Zero in between tells readers that the two do not belong together yet.
        self.at.store(0, SeqCst);
        self.number.store(number, SeqCst);
        self.at.store(at.0, SeqCst);
    }

    fn read(&self) -> Option<(u64, Stamp)> {
        loop {
            let number = self.number.load(SeqCst);
            let at = self.at.load(SeqCst);
            if number == 0 {
                return None;
            }
            if at != 0 && self.number.load(SeqCst) == number {
                return Some((number, Stamp(at)));
            }
            std::hint::spin_loop();
        }
    }
}

fn stamp(nanos: &AtomicU64) -> Option<Stamp> {
    match nanos.load(SeqCst) {
        0 => None,
        nanos => Some(Stamp(nanos)),
    }
}

/// None of what is locked here is left half-written by a panic.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
