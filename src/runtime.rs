//! Threads, mailboxes, the clock: everything that moves by itself. The only module that spawns, sleeps or reads a clock.

pub mod clock;
pub mod line;
mod thread;

pub use thread::spawn;
