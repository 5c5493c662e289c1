//! Episodes on disk: recorded so that a crash costs half a second, kept as LeRobotDataset v3.0.
//!
//! ```text
//! ticks, pictures ─▶ recorder ─▶ journal (.journal/, synced every group of pictures)
//!                                   │ finish: at the end, or after a crash
//!                                   ▼
//!                     rows, video without re-encoding ─▶ lerobot::Store ─▶ the dataset
//! the dataset ─▶ lerobot::Dataset ─▶ loader (training), exchange (other formats), replay
//! ```
//!
//! A journal says everything that happened; rows are derived from it and from nothing else, so a
//! repaired episode is made in the same way as one that ended well. Every change of a dataset is a
//! transaction: a crash leaves it as it was before, or as it is after.
//!
//! Deliberately absent: threads and clocks. Who records is [`crate::runtime`]'s record loop; every
//! moment comes in as an argument.

pub mod finish;
pub mod journal;
pub mod lerobot;
pub mod loader;
pub mod recorder;
pub mod rows;
mod sampler;
pub mod table;
pub mod video;

use std::path::{Path, PathBuf};

pub use lerobot::Dataset;

/// Names what was done to which file, and what the user can do.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    #[error("cannot {what} {}: {source}", path.display())]
    Io { what: &'static str, path: PathBuf, source: std::io::Error },
    #[error("{}: {reason}; {remedy}", path.display())]
    Format { path: PathBuf, reason: String, remedy: String },
    #[error("video {}: {reason}", path.display())]
    Video { path: PathBuf, reason: String },
    #[error("cannot encode video: {0}")]
    Encode(String),
    #[error("{} is being written by another program; close it first", root.display())]
    Locked { root: PathBuf },
    #[error("{0}")]
    Refused(String),
}

impl DatasetError {
    /// For `map_err`: the operation and the file of an I/O error.
    pub fn io(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { what, path, source }
    }
}
