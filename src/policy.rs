//! A policy: a model folder, its contract, and what turns one frame into an [`ActionChunk`].

use crate::msg::{ActionChunk, Frame, Kinematics};

/// What the station shows and checks of a loaded policy.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PolicyInfo {
    pub name: String,
    /// The execution provider that really runs the graph, as `CPU` or `CUDA (22 of 22 nodes)`.
    pub device: String,
    /// Axes it needs.
    pub kinematics: Kinematics,
    pub confidence_min: f64,
    /// Instructions it was made for, most useful first.
    pub suggestions: Vec<String>,
}

/// Turns frames into action chunks. Used from one thread; may take as long as it takes, the caller watches the clock.
pub trait Policy: Send {
    fn info(&self) -> &PolicyInfo;

    /// Puts an instruction in force.
    ///
    /// # Errors
    /// The policy does not know what it asks for; the earlier one is no longer in force either.
    fn set_instruction(&mut self, text: &str) -> Result<(), PolicyError>;

    /// Forgets recurrent state and history: a new attempt begins.
    fn reset(&mut self);

    /// One inference. Fills slots, slot length, horizon and confidence of `chunk`; the caller fills epoch and times.
    ///
    /// # Errors
    /// The session failed, or an output was not finite ([`PolicyError::NotFinite`]).
    fn infer(&mut self, frame: &Frame, chunk: &mut ActionChunk) -> Result<(), PolicyError>;
}

/// Names the folder or tensor, what is wrong and what to do.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    #[error(
        "policy {policy}: output {output} is not a finite number; the robot was stopped, choose another policy"
    )]
    NotFinite { policy: String, output: String },
    #[error("policy {policy} does not know the instruction {instruction:?}; try {suggestion:?}")]
    Instruction { policy: String, instruction: String, suggestion: String },
}
