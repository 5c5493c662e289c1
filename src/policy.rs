//! A policy: a model folder, its contract, and what turns one frame into an [`ActionChunk`].
//!
//! ```text
//! models/<name>/policy.toml ─▶ Manifest ─▶ held against the graph ─▶ OnnxPolicy
//! Frame ─▶ Preprocessor ─▶ image ┐
//! text ──▶ InstructionEncoder ─▶ tokens ┼─▶ graph ─▶ action, confidence ─▶ ActionChunk
//! state of the last inference ──────────┘      └───▶ state
//! ```
//!
//! Deliberately absent: time (the caller stamps chunks), and any motion that the graph did not
//! answer.

pub mod beacon;
mod contract;
mod folder;
mod home;
mod instruction;
pub mod manifest;
mod onnx_policy;
mod preprocess;

pub use folder::{Entry, hex, list, replace, sha256};
pub use home::home;
pub use instruction::InstructionEncoder;
pub use manifest::Manifest;
pub use onnx_policy::{OnnxPolicy, check};
pub use preprocess::{Element, Preprocessor};

use std::path::PathBuf;

use crate::msg::{ActionChunk, Frame, Kinematics};
use crate::onnx::SessionError;

/// What the station shows and checks of a loaded policy.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PolicyInfo {
    pub name: String,
    /// sha256 of its graph, 64 hexadecimal digits.
    pub sha256: String,
    /// The execution provider that really runs the graph, as `CPU` or `CUDA (22 of 22 nodes)`.
    pub device: String,
    /// Axes it needs.
    pub kinematics: Kinematics,
    pub confidence_min: f64,
    /// How far each axis may be off to count as what the operator would do, m/s, m/s and rad/s;
    /// `None` where its confidence claims no such thing.
    pub tolerance: Option<[f64; 3]>,
    /// Inferences per second it was made for; running it faster or slower misleads its recurrent
    /// state.
    pub rate_hz: f64,
    /// Instructions it was made for, most useful first.
    pub suggestions: Vec<String>,
}

/// Turns frames into action chunks. Used from one thread; may take as long as it takes, the caller
/// watches the clock.
pub trait Policy: Send {
    fn info(&self) -> &PolicyInfo;

    /// Puts an instruction in force.
    ///
    /// # Errors
    /// The policy does not know what it asks for; the earlier one is no longer in force either.
    fn set_instruction(&mut self, text: &str) -> Result<(), PolicyError>;

    /// Forgets recurrent state and history: a new attempt begins.
    fn reset(&mut self);

    /// One inference. Fills slots, slot length, horizon and confidence of `chunk`; the caller fills
    /// epoch and times.
    ///
    /// # Errors
    /// The session failed, or an output was not finite ([`PolicyError::NotFinite`]).
    fn infer(&mut self, frame: &Frame, chunk: &mut ActionChunk) -> Result<(), PolicyError>;
}

/// Names the folder, file or tensor, what is wrong and what to do.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    #[error("{path}: {reason}")]
    Manifest { path: PathBuf, reason: String },
    #[error(
        "there is no folder of policies: {path}: {source}; name one with policy.models (`models --models`)"
    )]
    Home { path: PathBuf, source: std::io::Error },
    #[error("policy file {path}: {reason}; copy the policy's folder again")]
    File { path: PathBuf, reason: String },
    #[error(
        "policy file {path} is not the one its manifest was written for: sha256 is {found}, policy.toml says {expected}; copy the policy's folder again"
    )]
    Hash { path: PathBuf, expected: String, found: String },
    #[error("policy graph {path}: {reason}")]
    Graph { path: PathBuf, reason: String },
    #[error("policy {policy}: its graph and policy.toml do not agree: {reason}")]
    Contract { policy: String, reason: String },
    #[error("policy {policy}: tokenizer {path} cannot be used: {reason}")]
    Tokenizer { policy: String, path: PathBuf, reason: String },
    #[error("policy {policy}: {source}")]
    Session { policy: String, source: SessionError },
    #[error(
        "policy {policy}: output {output} is not a finite number; the robot was stopped, choose another policy"
    )]
    NotFinite { policy: String, output: String },
    #[error(
        "policy {policy}: its confidence is {value}, not a probability; the robot was stopped, choose another policy"
    )]
    Confidence { policy: String, value: f32 },
    #[error("policy {policy} does not know the instruction {instruction:?}; try {suggestion:?}")]
    Instruction { policy: String, instruction: String, suggestion: String },
    #[error("policy {policy} has no instruction in force; give it one")]
    NoInstruction { policy: String },
}
