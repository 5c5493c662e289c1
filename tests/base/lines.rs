//! `ThreadedLine` with writers made to misbehave; no device.

use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pilothouse::base::ports::{OpenPort, PortWriter};
use pilothouse::base::{Line, Written};
use pilothouse::runtime::clock;
use pilothouse::runtime::line::ThreadedLine;

use crate::rig::PATIENCE;

fn until(what: &str, is_done: impl Fn() -> bool) {
    let start = clock::now();
    while !is_done() {
        assert!(clock::now().since(start) < PATIENCE, "never {what}");
        clock::sleep(Duration::from_millis(1));
    }
}

/// What the test turns while the line uses the port.
#[derive(Debug, Default)]
struct Knobs {
    is_gone: AtomicBool,
    /// Writes hang until this is false.
    hangs: AtomicBool,
    queued: AtomicUsize,
    written: Mutex<Vec<u8>>,
    opened: AtomicUsize,
}

/// The port and which opening of it this is.
struct FakePort(Arc<Knobs>, usize);

impl Read for FakePort {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        clock::sleep(Duration::from_millis(2));
        let kind = if self.0.is_gone.load(SeqCst) {
            io::ErrorKind::BrokenPipe
        } else {
            io::ErrorKind::TimedOut
        };
        Err(kind.into())
    }
}

impl Write for FakePort {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Only the first opening's write hangs, as a driver's would whose device is stuck.
        while self.1 == 1 && self.0.hangs.load(SeqCst) {
            clock::sleep(Duration::from_millis(1));
        }
        self.0.written.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl PortWriter for FakePort {
    fn queued(&self) -> usize {
        self.0.queued.load(SeqCst)
    }
}

fn line(knobs: &Arc<Knobs>) -> ThreadedLine {
    let knobs = knobs.clone();
    ThreadedLine::with(move || {
        let opening = knobs.opened.fetch_add(1, SeqCst) + 1;
        knobs.is_gone.store(false, SeqCst);
        Ok(OpenPort {
            path: "fake".to_owned(),
            reader: Box::new(FakePort(knobs.clone(), opening)),
            writer: Box::new(FakePort(knobs.clone(), opening)),
        })
    })
    .unwrap()
}

#[test]
fn a_write_that_hangs_blocks_nobody_and_is_left_behind() {
    // Broken: a stuck driver takes the control loop, the reconnection or the program's end with it.
    let knobs = Arc::new(Knobs::default());
    knobs.hangs.store(true, SeqCst);
    let mut line = line(&knobs);
    until("open", || line.is_open());
    assert_eq!(line.generation(), 1);
    let start = clock::now();
    for _ in 0..1_000 {
        assert_eq!(line.write(b"command"), Written::Taken);
    }
    assert!(clock::now().since(start) < Duration::from_secs(1), "handing over must not wait");
    until("blocked", || line.blocked_since().is_some());

    knobs.is_gone.store(true, SeqCst);
    until("open again", || line.is_open() && line.generation() == 2);
    assert_eq!(line.blocked_since(), None, "the new opening takes bytes");
    line.write(b"fresh");
    until("written", || knobs.written.lock().unwrap().as_slice() == b"fresh");

    let start = clock::now();
    drop(line);
    assert!(clock::now().since(start) < Duration::from_secs(5), "dropping is bounded");
    knobs.hangs.store(false, SeqCst);
}

#[test]
fn a_full_queue_is_blocked_and_the_newest_bytes_win() {
    // Broken: the system stores seconds of old commands for a stuck device and delivers them when
    // it wakes.
    let knobs = Arc::new(Knobs::default());
    knobs.queued.store(4096, SeqCst);
    let mut line = line(&knobs);
    until("open", || line.is_open());
    for number in 0..100_u8 {
        line.write(&[number]);
    }
    until("blocked", || line.blocked_since().is_some());
    assert!(knobs.written.lock().unwrap().is_empty());
    assert_eq!(line.monitor().last_written(), None);

    knobs.queued.store(0, SeqCst);
    until("written", || line.monitor().last_written().is_some_and(|(number, _)| number == 100));
    assert_eq!(knobs.written.lock().unwrap().last(), Some(&99));
    assert!(knobs.written.lock().unwrap().len() <= 2);
    until("unblocked", || line.blocked_since().is_none());
}

#[test]
fn bytes_for_an_earlier_opening_are_not_sent() {
    // Broken: after a replug the robot gets the command from before it.
    let knobs = Arc::new(Knobs::default());
    knobs.queued.store(4096, SeqCst);
    let mut line = line(&knobs);
    until("open", || line.is_open());
    line.write(b"old");
    knobs.is_gone.store(true, SeqCst);
    until("open again", || line.is_open() && line.generation() == 2);
    knobs.queued.store(0, SeqCst);
    line.write(b"new");
    until("written", || !knobs.written.lock().unwrap().is_empty());
    assert_eq!(knobs.written.lock().unwrap().as_slice(), b"new");
}

#[test]
fn dropping_sends_the_last_bytes() {
    // Broken: the stop that a dropped base sends stays in our memory.
    for _ in 0..20 {
        let knobs = Arc::new(Knobs::default());
        let mut line = line(&knobs);
        until("open", || line.is_open());
        line.write(b"stop");
        drop(line);
        assert_eq!(knobs.written.lock().unwrap().as_slice(), b"stop");
    }
}

#[test]
fn a_port_that_cannot_be_opened_says_why() {
    // Broken: the operator sees "down" and no reason.
    let address = "/dev/no-such-port".parse().unwrap();
    let mut line = ThreadedLine::new(address, 115_200).unwrap();
    assert_eq!(line.write(b"command"), Written::Down);
    let monitor = line.monitor();
    until("told", || monitor.trouble().is_some());
    assert!(monitor.trouble().unwrap().contains("/dev/no-such-port"));
    assert_eq!(monitor.path(), None);
}
