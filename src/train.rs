//! Training: what is learnt from, and how.
//!
//! ```text
//! instructions ─▶ tokenizer
//! rows of a recording ─▶ labels ─▶ examples ─▶ batches ─┐
//! zoo ─▶ policy graph ─▶ graph with objective and slopes ─┴▶ optimiser ─▶ weights ─▶ policy folder
//! ```
//!
//! Deliberately absent: clocks, and threads that outlive a call.

pub mod attempts;
pub mod augment;
pub mod calibration;
pub mod deploy;
pub mod examples;
pub mod fit;
pub mod graph;
pub mod labels;
pub mod objective;
pub mod optimiser;
pub mod sampler;
pub mod slopes;
pub mod spec;
pub mod tokenizer;
pub mod zoo;

use std::path::{Path, PathBuf};

use crate::dataset::DatasetError;
use crate::eval::closed_loop::ClosedLoopError;
use crate::onnx::SessionError;
use crate::onnx::builder::BuildError;
use crate::onnx::grad::GradError;
use crate::onnx::unroll::UnrollError;
use crate::policy::PolicyError;

/// Names what was done to which file, and what the user can do.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    #[error("cannot make a tokenizer: {0}")]
    Tokenizer(String),
    #[error("cannot learn from this: {0}")]
    Data(String),
    #[error("cannot {what} {}: {source}", path.display())]
    Io { what: &'static str, path: PathBuf, source: std::io::Error },
    #[error("{}: {reason}", path.display())]
    Spec { path: PathBuf, reason: String },
    #[error("checkpoint {}: {reason}; remove it, or train without --resume", path.display())]
    Checkpoint { path: PathBuf, reason: String },
    #[error("examples {}: {reason}; remove the file to have it made again", path.display())]
    Examples { path: PathBuf, reason: String },
    #[error("the policy's graph has no tensor {name:?} that training needs")]
    Tensor { name: String },
    #[error(
        "the objective does not depend on the weight {weight:?}; freeze it, or leave it out of the graph"
    )]
    Idle { weight: String },
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    #[error(transparent)]
    Policy(#[from] PolicyError),
    #[error(transparent)]
    Attempt(#[from] ClosedLoopError),
    #[error(transparent)]
    Graph(#[from] BuildError),
    #[error(transparent)]
    Slope(#[from] GradError),
    #[error(transparent)]
    Unroll(#[from] UnrollError),
    #[error(transparent)]
    Session(#[from] SessionError),
}

impl TrainError {
    /// For `map_err`: the operation and the file of an I/O error.
    pub fn io(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { what, path, source }
    }
}
