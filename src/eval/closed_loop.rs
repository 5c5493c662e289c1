//! A policy drives simulated robots, faster than real time, through the same code that drives real
//! ones.
//!
//! ```text
//! Robot ─▶ Renderer ─▶ frame, 30 a second ─▶ Cadence ─▶ Policy::infer ─▶ delay ─▶ chunk
//!   ▲                                                                            │
//!   └─ disturbance ◀─ safety gate ◀─ ControlState::turn, 50 a second ◀───────────┘
//! ```
//!
//! The clock is a counter. Preflight, engage, epochs, frame ages, chunk playback, confidence
//! threshold, gate and the base's limits are those of the station; a picture is drawn only when
//! somebody looks at it. One attempt depends on nothing but its own description, so many of them
//! give the same results in any order and on any number of threads.

mod crowd;
mod drive;
mod examination;
mod eye;
mod nobody;
mod tally;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::control;
use crate::dataset::DatasetError;
use crate::msg::{ActionChunk, FaultSet, Frame};
use crate::policy::PolicyError;
use crate::safety::Limits;
use crate::sim::task::Failure;
use crate::sim::world::Obstacle;
use crate::sim::{Robot, Scenario, Side, World};

pub use crowd::{MakePolicy, drive_all};
pub use drive::drive;
pub use examination::{AHEAD, ClosedLoop, Doubt, Terms, attempts, expected, family, scenarios};
pub use nobody::Nobody;
pub use tally::Tally;

/// What is the same for all attempts.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Width and height of the camera's pictures.
    pub size: (u32, u32),
    /// Pictures a second.
    pub camera_hz: f64,
    /// Whether the policy sees pictures as they come back from a recording.
    pub through_video: bool,
    /// From an inference's start to its chunk: one of these, drawn anew each time. Empty: none.
    pub delays: Vec<Duration>,
    /// How often an operator engages again, a second after the robot came to a stop; with zero the
    /// first such stop ends the attempt.
    pub engages_again: u32,
    /// Length of a turn where expert and policy take turns.
    pub turn: Duration,
    pub control: control::Config,
    pub limits: Limits,
}

impl Default for Options {
    /// The station's own camera and limits, and 30 ms an inference.
    fn default() -> Self {
        Self {
            size: (640, 480),
            camera_hz: 30.0,
            through_video: false,
            delays: vec![Duration::from_millis(30)],
            engages_again: 0,
            turn: Duration::from_secs(1),
            control: control::Config::default(),
            limits: Limits::default(),
        }
    }
}

/// One attempt, described. Everything drawn at random in it follows from its seed, and is the same
/// for both sides.
#[derive(Clone, Debug, PartialEq)]
pub struct Attempt {
    pub scenario: Scenario,
    pub seed: u64,
    /// The side by which success is judged.
    pub side: Side,
    /// The words the policy is given.
    pub instruction: String,
    /// Share of the turns, 0 to 1, in which the expert's plan goes to the control loop in the place
    /// of the policy's; the policy infers all the same.
    pub expert_share: f64,
    /// Size of the disturbance of what the robot executes, m/s; see [`crate::sim::Disturbance`].
    pub disturbance_mps: f64,
}

impl Attempt {
    /// The policy alone, undisturbed, instructed in the words of [`Side::instruction`].
    #[must_use]
    pub fn new(scenario: Scenario, seed: u64, side: Side) -> Self {
        Self {
            scenario,
            seed,
            side,
            instruction: side.instruction().to_owned(),
            expert_share: 0.0,
            disturbance_mps: 0.0,
        }
    }
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    Success,
    Contact(Obstacle),
    WrongSide,
    TooLate,
    /// The supervisor took autonomy away, and nobody engaged again.
    Stopped,
}

impl From<Failure> for Ending {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Contact(obstacle) => Self::Contact(obstacle),
            Failure::WrongSide => Self::WrongSide,
            Failure::TooLate => Self::TooLate,
        }
    }
}

/// Where the robot crossed the centre lines of the boxes, judged as in [`crate::sim::task`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Passage {
    /// It crossed none: it stood still, or ran into something before.
    Never,
    /// Each one it crossed on the instructed side.
    Instructed,
    /// One of them on the other side.
    Wrong,
}

/// Autonomy ended although nobody asked for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop {
    /// Since the first engage.
    pub at: Duration,
    /// Every fault of that tick that is more than a warning.
    pub faults: FaultSet,
}

/// What one attempt was like.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    pub ending: Ending,
    /// From the engage to the end.
    pub time: Duration,
    /// What the expert takes in this world.
    pub expert_time: Duration,
    /// Length of the way, metres.
    pub travelled_m: f64,
    /// Smallest distance between the body's edge and a box not passed yet, metres; infinite without
    /// boxes.
    pub clearance_m: f64,
    pub passage: Passage,
    pub stops: Vec<Stop>,
    pub n_inferences: u32,
    /// Those of them in the place of which the expert's plan was played.
    pub n_of_expert: u32,
    /// The first inference that failed, in the policy's words.
    pub inference_error: Option<String>,
}

/// Whose plan the control loop got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Driver {
    Policy,
    Expert,
}

/// One inference, as someone sees it who knows the truth.
#[derive(Clone, Copy, Debug)]
pub struct Glimpse<'a> {
    /// When the picture was taken, since the engage.
    pub at: Duration,
    pub world: &'a World,
    pub side: Side,
    /// The robot when the picture was taken; [`crate::sim::rollout::plan`] makes of it what the
    /// expert would do.
    pub robot: &'a Robot,
    /// The picture the policy got.
    pub frame: &'a Frame,
    /// What the policy answered, whoever drives.
    pub chunk: &'a ActionChunk,
    pub driver: Driver,
}

/// Looks on, and may keep what it sees.
pub trait Witness {
    /// Called once an inference, in order.
    fn see(&mut self, glimpse: &Glimpse<'_>);
}

/// Nobody looks on.
impl Witness for () {
    fn see(&mut self, _: &Glimpse<'_>) {}
}

/// Why an attempt, or all of them, could not be made. A policy that drives badly is none of these.
#[derive(Debug, thiserror::Error)]
pub enum ClosedLoopError {
    #[error("{0}")]
    Policy(#[from] PolicyError),
    #[error("{0}")]
    Video(#[from] DatasetError),
    #[error("{scenario} seed {seed}: the expert fails there ({failure:?}), so it is no fair task")]
    Unsolvable { scenario: String, seed: u64, failure: Failure },
    #[error("{scenario}: autonomy cannot start: {reasons}")]
    Refused { scenario: String, reasons: String },
}

#[cfg(test)]
mod tests;
