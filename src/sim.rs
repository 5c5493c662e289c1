//! The simulated robot and its world: the Mobile VLA task, seen by a first-person camera.
//!
//! ```text
//! Scenario + seed ─▶ World ─┬─▶ Robot::step(dt, setpoint)   physics, odometry, collision
//!                           ├─▶ Renderer::render(pose)      what its camera sees
//!                           ├─▶ task::Tracker               success, defined once
//!                           └─▶ Expert::drive(pose, twist)  upper bound, from the true state
//! ```
//!
//! Everything is a pure function of scenario, seed and the calls made: no clock, no thread, no
//! global randomness. Running it in real time behind a serial line and a picture stream is
//! [`crate::cli`]'s work; [`packet`] is that stream's format and [`link`] the station's end of it.
//!
//! The world's frame: the robot starts at the origin, x points from there to the target, y to the
//! left, z up.

mod course;
mod disturbance;
pub mod expert;
pub mod firmware;
pub mod language;
pub mod link;
pub mod packet;
pub mod render;
pub mod robot;
pub mod rollout;
pub mod scenario;
pub mod task;
pub mod world;

pub use course::Side;
pub use disturbance::Disturbance;
pub use expert::Expert;
pub use render::{Renderer, View};
pub use robot::Robot;
pub use scenario::Scenario;
pub use world::{Pose, World};

/// Worlds of these seeds and above are for evaluation; data to learn from is made with seeds below.
/// So nobody is examined in a world that was trained in.
pub const EVALUATION_SEED: u64 = 1_000_000_000;
