//! Training: what is learnt from, and how.
//!
//! ```text
//! instructions ─▶ tokenizer ──────────────────────────────┐
//! rows of a recording ─▶ labels ─▶ examples ─▶ augment ─▶ sampler ─▶ batches
//! ```
//!
//! Deliberately absent: clocks, and threads that outlive a call.

pub mod augment;
pub mod examples;
pub mod labels;
pub mod sampler;
pub mod tokenizer;

use std::path::{Path, PathBuf};

use crate::dataset::DatasetError;

/// Names what was done to which file, and what the user can do.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    #[error("cannot make a tokenizer: {0}")]
    Tokenizer(String),
    #[error("cannot learn from this: {0}")]
    Data(String),
    #[error("cannot {what} {}: {source}", path.display())]
    Io { what: &'static str, path: PathBuf, source: std::io::Error },
    #[error("examples {}: {reason}; remove the file to have it made again", path.display())]
    Examples { path: PathBuf, reason: String },
    #[error(transparent)]
    Dataset(#[from] DatasetError),
}

impl TrainError {
    /// For `map_err`: the operation and the file of an I/O error.
    pub fn io(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { what, path, source }
    }
}
