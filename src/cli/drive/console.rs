//! The terminal: put into raw mode and back, and its keys read on a thread of their own.
//!
//! Keys go straight from here to the operator's desk. Drawing may be stuck in a slow link; a stop
//! is not.

use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use anyhow::Context;
use crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use crossterm::{cursor, execute, style};

use crate::msg::{Command, KeyPhase};
use crate::runtime::{Desk, clock, spawn};
use crate::teleop::{
    Parser, TERMINAL_ENTER, TERMINAL_LEAVE, TERMINAL_STATUS_QUERY, Teleop, TermEvent,
};

/// Events that may wait for the screen; more are dropped there (the desk has them all the same).
const QUEUE: usize = 256;

/// The terminal as we found it comes back when this is dropped, and before a panic prints its
/// message.
#[derive(Debug)]
pub(in crate::cli) struct Console(());

impl Console {
    pub(in crate::cli) fn open() -> anyhow::Result<Self> {
        enable_raw_mode().context("cannot put the terminal into raw mode; is this a terminal?")?;
        let console = Self(());
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            restore();
            before(info);
        }));
        execute!(io::stdout(), EnterAlternateScreen, cursor::Hide, style::Print(TERMINAL_ENTER))
            .context("cannot prepare the terminal")?;
        Ok(console)
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        restore();
    }
}

fn restore() {
    // Nothing can be told to a terminal that refuses this.
    let _ =
        execute!(io::stdout(), style::Print(TERMINAL_LEAVE), cursor::Show, LeaveAlternateScreen);
    let _ = disable_raw_mode();
}

/// Asks the terminal to answer at once; the answer comes back as [`TermEvent::Status`].
pub(in crate::cli) fn ask_status(out: &mut impl Write) -> io::Result<()> {
    out.write_all(TERMINAL_STATUS_QUERY.as_bytes())?;
    out.flush()
}

/// The reading side of the terminal.
#[derive(Debug)]
pub(in crate::cli) struct Keys {
    events: Receiver<TermEvent>,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    parser: Mutex<Parser>,
    desk: OnceLock<Arc<Desk>>,
    /// A dialog takes the keys; none of them drives.
    has_dialog: AtomicBool,
}

impl Keys {
    /// Starts reading. The thread sits in `read` until the process ends.
    pub(in crate::cli) fn start() -> anyhow::Result<Self> {
        let (queue, events) = sync_channel(QUEUE);
        let shared = Arc::new(Shared::default());
        let reader = Arc::clone(&shared);
        spawn("terminal", move || reader.read(&queue)).context("cannot read the terminal")?;
        Ok(Self { events, shared })
    }

    /// From now on keys drive.
    pub(in crate::cli) fn connect(&self, desk: Arc<Desk>) {
        let _ = self.shared.desk.set(desk);
    }

    /// The next event, waiting at most `timeout`.
    pub(in crate::cli) fn next(&self, timeout: Duration) -> Option<TermEvent> {
        match self.events.recv_timeout(timeout) {
            Ok(event) => Some(event),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => {
                clock::sleep(timeout);
                None
            }
        }
    }

    /// The screen closed its dialog: keys drive again.
    pub(in crate::cli) fn dialog_closed(&self) {
        self.shared.has_dialog.store(false, Ordering::Release);
    }

    /// Decides about an escape byte that nothing followed; `events` gets what it was.
    pub(in crate::cli) fn settle(&self, events: &mut Vec<TermEvent>) {
        self.shared.parser().idle(clock::now(), events);
        for event in events.iter() {
            self.shared.dispatch(event);
        }
    }
}

impl Shared {
    fn parser(&self) -> MutexGuard<'_, Parser> {
        self.parser.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(unix)]
    fn read(&self, queue: &SyncSender<TermEvent>) {
        let mut bytes = [0; 1024];
        let mut events = Vec::new();
        let mut terminal = io::stdin().lock();
        loop {
            match terminal.read(&mut bytes) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(0) | Err(_) => break,
                Ok(n) => {
                    let read = bytes.get(..n).unwrap_or(&[]);
                    self.parser().feed(read, clock::now(), &mut events);
                    for event in events.drain(..) {
                        self.dispatch(&event);
                        let _ = queue.try_send(event);
                    }
                }
            }
        }
        self.hang_up();
    }

    #[cfg(not(unix))]
    fn read(&self, queue: &SyncSender<TermEvent>) {
        while let Ok(event) = crossterm::event::read() {
            if let Some(event) = crate::teleop::from_crossterm(&event) {
                self.dispatch(&event);
                let _ = queue.try_send(event);
            }
        }
        self.hang_up();
    }

    fn hang_up(&self) {
        if let Some(desk) = self.desk.get() {
            desk.update(Teleop::on_hangup);
        }
    }

    /// The part that must not wait for the screen.
    fn dispatch(&self, event: &TermEvent) {
        let Some(desk) = self.desk.get() else { return };
        let Some(key) = event.key() else {
            return desk.update(|teleop, now| teleop.on_term(event, now));
        };
        let has_dialog = self.has_dialog.load(Ordering::Acquire);
        if !has_dialog || key.phase == KeyPhase::Release {
            desk.update(|teleop, now| teleop.on_term(event, now));
        }
        // Set here and not when the screen opens it: letters typed in the meantime must not drive.
        let opens = matches!(
            Command::of(key.key),
            Some(Command::EditInstruction | Command::ChoosePolicy | Command::TagEpisode)
        );
        if opens && !has_dialog && key.phase == KeyPhase::Press {
            self.has_dialog.store(true, Ordering::Release);
            desk.update(Teleop::release_all);
        }
    }
}
