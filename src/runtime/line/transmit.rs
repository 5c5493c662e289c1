//! base-tx: writes the newest buffer to one opening of the port.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread::park_timeout;
use std::time::Duration;

use super::receive::is_wait;
use super::{Outgoing, Shared, lock};
use crate::base::ports::PortWriter;
use crate::runtime::clock;

/// While more than this waits in the system, the port is not given more: about two ticks.
const QUEUED_MAX: usize = 64;

/// How often a full queue is looked at.
const QUEUE_POLL: Duration = Duration::from_millis(1);

/// A lost wake-up costs at most this.
const IDLE_WAIT: Duration = Duration::from_millis(100);

pub(super) struct Sender {
    pub(super) writer: Box<dyn PortWriter>,
    pub(super) shared: Arc<Shared>,
    pub(super) taken: Arc<Mutex<triple_buffer::Output<Outgoing>>>,
    /// False once either thread of this opening found the port gone.
    pub(super) is_alive: Arc<AtomicBool>,
    pub(super) generation: u32,
}

impl Sender {
    pub(super) fn run(mut self) {
        while self.is_alive() {
            // Asked before looking: a buffer handed over before closing is still found.
            let is_closing = self.shared.is_closing();
            match self.newest() {
                Some(outgoing) => self.send(&outgoing),
                None if is_closing => {
                    if let Err(error) = self.writer.flush() {
                        tracing::warn!("base: the last bytes may not have left: {error}");
                    }
                    break;
                }
                None => park_timeout(IDLE_WAIT),
            }
        }
    }

    fn is_alive(&self) -> bool {
        self.is_alive.load(SeqCst) && !self.shared.is_abandoned.load(SeqCst)
    }

    /// The newest buffer, if it was not taken yet and is meant for this opening.
    fn newest(&self) -> Option<Outgoing> {
        let mut taken = lock(&self.taken);
        let outgoing = taken.update().then(|| *taken.output_buffer())?;
        (outgoing.generation == self.generation).then_some(outgoing)
    }

    fn has_newer(&self) -> bool {
        lock(&self.taken).updated()
    }

    /// Writes one buffer. What a newer one replaces before it is through is cut off; the protocol's
    /// frames survive that.
    fn send(&mut self, outgoing: &Outgoing) {
        let mut rest = outgoing.bytes.get(..outgoing.len).unwrap_or_default();
        self.wait_from_now();
        while !rest.is_empty() && self.is_alive() {
            match self.write(rest) {
                Ok(count) => {
                    rest = rest.get(count..).unwrap_or_default();
                    if self.is_alive() {
                        self.shared.waiting_since.store(clock::now().0, SeqCst);
                    }
                }
                Err(error) if is_wait(error.kind()) => {
                    if self.has_newer() {
                        return;
                    }
                }
                Err(error) => {
                    tracing::warn!("base: cannot write: {error}");
                    self.is_alive.store(false, SeqCst);
                    return;
                }
            }
        }
        if self.is_alive() {
            self.shared.waiting_since.store(0, SeqCst);
            self.shared.written.write(outgoing.number, clock::now());
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.writer.queued() > QUEUED_MAX {
            park_timeout(QUEUE_POLL);
            return Err(io::ErrorKind::WouldBlock.into());
        }
        match self.writer.write(bytes)? {
            0 => Err(io::ErrorKind::WriteZero.into()),
            count => Ok(count),
        }
    }

    /// Bytes wait from now, unless earlier ones already do.
    fn wait_from_now(&self) {
        let now = clock::now().0;
        let _ = self.shared.waiting_since.compare_exchange(0, now, SeqCst, SeqCst);
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.shared.senders.fetch_sub(1, SeqCst);
    }
}
