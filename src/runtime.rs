//! Threads, mailboxes, the clock: everything that moves by itself. The only module that spawns,
//! sleeps or reads a clock.

mod cadence;
mod camera_loop;
pub mod clock;
mod control_loop;
mod disk_space;
pub mod latency;
pub mod line;
pub mod monitor;
mod narrator;
mod operator;
pub mod policy_loop;
pub mod record_loop;
pub mod replay;
mod station;
mod thread;
mod turn;

pub use cadence::Cadence;
pub use camera_loop::{CameraLoop, CameraTaps, Facts, Frames};
pub use control_loop::PERIOD;
pub use disk_space::free_bytes;
pub use narrator::Narrator;
pub use operator::Desk;
pub use station::{OpenCamera, Parts, Station};
pub use thread::spawn;
pub use turn::{ControlState, Moment, Turn};
