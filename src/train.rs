//! Training: what is learnt from, and how.
//!
//! ```text
//! instructions ─▶ tokenizer
//! rows of a recording ─▶ labels
//! ```
//!
//! Deliberately absent: clocks, and threads that outlive a call.

pub mod labels;
pub mod tokenizer;

/// Names what was done to which file, and what the user can do.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    #[error("cannot make a tokenizer: {0}")]
    Tokenizer(String),
    #[error("cannot learn from this: {0}")]
    Data(String),
}
