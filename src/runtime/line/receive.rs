//! base-rx: opens the port, reads it, opens it again when it is gone.

use std::io::ErrorKind;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, park_timeout};
use std::time::Duration;

use super::transmit::Sender;
use super::{Outgoing, Shared, lock};
use crate::base::ports::{OpenPort, PortError};
use crate::runtime::{clock, spawn};

/// Waits between attempts to open the port: from this, doubled each time, to the other.
const RETRY_MIN: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_secs(1);

/// How long a base-tx may take to end before the port is opened again without it.
const END_WAIT: Duration = Duration::from_millis(100);

pub(super) struct Receiver {
    pub(super) open: Box<dyn FnMut() -> Result<OpenPort, PortError> + Send>,
    pub(super) shared: Arc<Shared>,
    pub(super) taken: Arc<Mutex<triple_buffer::Output<Outgoing>>>,
    pub(super) ring: rtrb::Producer<u8>,
}

impl Receiver {
    pub(super) fn run(mut self) {
        let mut retry = RETRY_MIN;
        while !self.shared.is_closing() {
            match (self.open)() {
                Ok(port) => {
                    if self.serve(port) {
                        retry = RETRY_MIN;
                    }
                }
                Err(error) => self.note(error.to_string()),
            }
            if !self.shared.is_closing() {
                park_timeout(retry);
                retry = (retry * 2).min(RETRY_MAX);
            }
        }
    }

    /// Logs a trouble once, however often it comes again.
    fn note(&self, trouble: String) {
        let mut known = lock(&self.shared.trouble);
        if known.as_ref() != Some(&trouble) {
            tracing::warn!("base: {trouble}");
            *known = Some(trouble);
        }
    }

    /// One opening of the port, until it is gone or the line is dropped. True if anything came.
    fn serve(&mut self, port: OpenPort) -> bool {
        let OpenPort { path, mut reader, writer } = port;
        let generation = self.shared.generation.load(SeqCst).wrapping_add(1);
        let is_alive = Arc::new(AtomicBool::new(true));
        let sender = Sender {
            writer,
            shared: self.shared.clone(),
            taken: self.taken.clone(),
            is_alive: is_alive.clone(),
            generation,
        };
        self.shared.senders.fetch_add(1, SeqCst);
        let sender = match spawn("base-tx", move || sender.run()) {
            Ok(thread) => thread,
            Err(error) => {
                self.shared.senders.fetch_sub(1, SeqCst);
                self.note(format!("cannot start a thread to write to {path}: {error}"));
                return false;
            }
        };
        tracing::info!("base: {path} is open");
        *lock(&self.shared.sender) = Some(sender.thread().clone());
        *lock(&self.shared.trouble) = None;
        *lock(&self.shared.path) = Some(path.clone());
        self.shared.generation.store(generation, SeqCst);
        self.shared.is_open.store(true, SeqCst);

        let mut has_received = false;
        let reason = self.receive(&mut *reader, &is_alive, &mut has_received);
        self.shared.is_open.store(false, SeqCst);
        drop(reader);
        // A line that is dropped lets base-tx finish its last buffer.
        if let Some(reason) = reason {
            is_alive.store(false, SeqCst);
            self.shared.waiting_since.store(0, SeqCst);
            self.note(format!("{path} is gone ({reason}); plug it in again"));
            *lock(&self.shared.path) = None;
            end(&sender);
        }
        has_received
    }

    /// Reads until the port fails (why) or the line is dropped (`None`).
    fn receive(
        &mut self,
        reader: &mut dyn std::io::Read,
        is_alive: &AtomicBool,
        has_received: &mut bool,
    ) -> Option<String> {
        let mut buffer = [0; 512];
        while !self.shared.is_closing() {
            if !is_alive.load(SeqCst) {
                return Some("writing failed".to_owned());
            }
            match reader.read(&mut buffer) {
                Ok(0) => return Some("closed by the other end".to_owned()),
                Ok(count) => {
                    *has_received = true;
                    // Before the bytes: a reader must not take them with an older stamp.
                    self.shared.received_at.store(clock::now().0, SeqCst);
                    let _dropped = self.ring.push_partial_slice(buffer.get(..count)?).1;
                }
                Err(error) if is_wait(error.kind()) => {}
                Err(error) => return Some(error.to_string()),
            }
        }
        None
    }
}

/// Nothing happened within the port's own timeout.
pub(super) fn is_wait(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::TimedOut | ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

/// Lets a base-tx end, so that the port is closed before it is opened again; one that hangs is left
/// behind.
fn end(sender: &JoinHandle<()>) {
    let start = clock::now();
    while !sender.is_finished() && clock::now().since(start) < END_WAIT {
        sender.thread().unpark();
        clock::sleep(Duration::from_millis(1));
    }
    if !sender.is_finished() {
        tracing::error!("base: a write to the port hangs; its thread is left behind");
    }
}
