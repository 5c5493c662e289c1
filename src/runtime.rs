//! Threads, mailboxes, the clock: everything that moves by itself. The only module that spawns,
//! sleeps or reads a clock.

mod camera_loop;
pub mod clock;
pub mod line;
mod thread;

pub use camera_loop::{CameraLoop, CameraTaps, Facts, Frames};
pub use thread::spawn;
