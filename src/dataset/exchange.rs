//! Episodes as files of other programs, and back.
//!
//! | format | what it is for | |
//! |---|---|---|
//! | [`Format::Hdf5`] | training code of the Mobile VLA study: one `.h5` file an episode | out and in |
//! | [`Format::Mcap`] | Foxglove, Rerun: video and columns on a time line | out |
//! | [`Format::JpegDir`] | everything else: a folder of pictures, a table, a description | out |
//!
//! Deliberately absent: datasets that LeRobot made, which [`super::lerobot`] merges as they are.

mod episode;
pub mod hdf5;
mod jpeg_dir;
mod mcap;
#[cfg(test)]
mod tests;

use std::fs;
use std::path::Path;

use self::episode::Episode;
use super::DatasetError;
use super::lerobot::Dataset;

/// What [`export`] writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// A file in the layout of the Mobile VLA study
    Hdf5,
    /// A folder of JPEGs with rows.csv and episode.json
    JpegDir,
    /// A file for Foxglove and Rerun
    Mcap,
}

/// What the files to import do not say of themselves.
#[derive(Clone, Debug, PartialEq)]
pub struct ImportOptions {
    /// Rows a second.
    pub fps: Option<u32>,
    /// The instruction, for all rows.
    pub task: Option<String>,
    /// m/s (and rad/s) that an action of 1.0 stands for.
    pub action_scale: f64,
    /// The pictures are RGB; the study's are BGR.
    pub rgb: bool,
}

impl Default for ImportOptions {
    fn default() -> Self {
        Self { fps: None, task: None, action_scale: 1.0, rgb: false }
    }
}

/// An imported file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Its number in the dataset.
    pub episode: usize,
    /// `false`: it was there already, and nothing was done.
    pub is_new: bool,
    pub n_rows: usize,
    /// What nothing in the file vouches for; the episode's note says it too.
    pub assumed: Vec<String>,
}

/// Writes one episode to `out`, a file or (for [`Format::JpegDir`]) a folder, which comes into
/// being whole or not at all.
///
/// # Errors
/// There is no such episode, `out` exists, or something cannot be read or written.
pub fn export(
    dataset: &Dataset,
    episode: usize,
    format: Format,
    out: &Path,
) -> Result<(), DatasetError> {
    if out.exists() {
        let text = format!("{} exists; name another, or remove it first", out.display());
        return Err(DatasetError::Refused(text));
    }
    let mut episode = Episode::open(dataset, episode)?;
    let name = out.file_name().unwrap_or_default().to_string_lossy();
    let part = out.with_file_name(format!(".{name}.part"));
    remove(&part)?;
    let written = match format {
        Format::Hdf5 => hdf5::export(&mut episode, &part),
        Format::JpegDir => jpeg_dir::export(&mut episode, &part),
        Format::Mcap => mcap::export(&mut episode, &part),
    };
    if let Err(error) = written {
        remove(&part)?;
        return Err(error);
    }
    fs::rename(&part, out).map_err(DatasetError::io("write", out))
}

/// Removes what an export that was cut short left.
fn remove(part: &Path) -> Result<(), DatasetError> {
    let removed = if part.is_dir() {
        fs::remove_dir_all(part)
    } else if part.exists() {
        fs::remove_file(part)
    } else {
        Ok(())
    };
    removed.map_err(DatasetError::io("remove", part))
}
