//! Threads, mailboxes, the clock: everything that moves by itself. The only module that spawns,
//! sleeps or reads a clock.

mod camera_loop;
pub mod clock;
mod control_loop;
pub mod latency;
pub mod line;
pub mod monitor;
mod narrator;
mod operator;
pub mod policy_loop;
mod station;
mod thread;

pub use camera_loop::{CameraLoop, CameraTaps, Facts, Frames};
pub use control_loop::PERIOD;
pub use operator::Desk;
pub use station::{OpenCamera, Parts, Station};
pub use thread::spawn;
