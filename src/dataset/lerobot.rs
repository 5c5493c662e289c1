//! Datasets in `LeRobotDataset` v3.0: what `lerobot` reads with no conversion, and writes.
//!
//! ```text
//! meta/{info.json, stats.json, tasks.parquet, episodes/chunk-000/file-000.parquet}
//! data/chunk-000/file-000.parquet       rows
//! videos/<camera>/chunk-000/file-000.mp4
//! ticks/chunk-000/file-000.ticks        our journal of the episode at the control rate
//! .discarded/<recording>/               a discarded episode: a dataset of one, of this layout
//! .transaction/  .lock                  a change under way; who writes
//! ```
//!
//! We write a file of each kind for each episode; the reader takes any number of episodes a file.
//! Deliberately absent: encoding and decoding of pictures, and versions before 3.0.

mod addition;
mod combine;
mod compact;
mod edit;
mod episodes;
mod info;
mod reading;
mod rearrange;
mod schema;
mod state;
mod stats;
mod store;
mod tasks;
#[cfg(test)]
mod tests;
mod transaction;
mod verify;

use std::fs;
use std::path::{Component, Path, PathBuf};

pub use addition::NewEpisode;
pub use edit::DISCARDED;
pub use episodes::{EpisodeMeta, EpisodeNotes, Place, VideoSpan};
pub use info::{Feature, Features, Info};
pub use reading::{Dataset, EpisodeVideo};
pub use schema::{CameraSpec, Schema};
pub use stats::{FeatureStats, Histograms, Stats, sampled_frames};
pub use store::Store;
pub use verify::{DecodeCheck, Finding, Severity, verify};

use super::DatasetError;

/// All `chunk-*/*.parquet` in a folder, in the order in which LeRobot reads them.
fn parquet_files(folder: &Path) -> Result<Vec<PathBuf>, DatasetError> {
    let mut files = Vec::new();
    for chunk in entries(folder)? {
        if chunk.is_dir() {
            files.extend(entries(&chunk)?);
        }
    }
    files.retain(|path| path.extension().is_some_and(|extension| extension == "parquet"));
    files.sort();
    Ok(files)
}

/// What is in a folder; nothing when there is none.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, DatasetError> {
    let listed = match fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(DatasetError::io("list", folder))?,
    };
    let paths = listed.map(|entry| entry.map(|entry| entry.path()));
    paths.collect::<Result<_, _>>().map_err(DatasetError::io("list", folder))
}

/// Whether a path that stood in a file leads nowhere but into the dataset.
fn is_inside(path: &str) -> bool {
    let mut names = Path::new(path).components().peekable();
    names.peek().is_some() && names.all(|name| matches!(name, Component::Normal(_)))
}

/// Whether a name from outside can be that of a file or folder in the dataset.
fn is_file_name(name: &str) -> bool {
    is_inside(name) && Path::new(name).components().count() == 1
}
