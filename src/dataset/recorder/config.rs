use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// How episodes are recorded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Whether there is a recorder at all.
    pub enabled: bool,
    /// The dataset's folder name under `folder`.
    pub dataset: String,
    pub folder: PathBuf,
    /// The dataset's name of the camera.
    pub camera: String,
    /// Rows a second; 0: the camera's own rate.
    pub fps: u32,
    /// Pictures from key frame to key frame, and the quantiser of H.264: 12 best, 45 worst.
    pub gop: u32,
    pub qp: u8,
    /// Keep every takeover, also when not recording.
    pub takeovers: bool,
    /// Episodes wanted in one go; 0: one at a time.
    pub episodes: u32,
    /// Longest episode, seconds; 0: no limit.
    pub episode_s: f64,
    /// Pause between two episodes of a series, seconds.
    pub pause_s: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            enabled: true,
            dataset: "drives".to_owned(),
            folder: "recordings".into(),
            camera: "front".to_owned(),
            fps: 0,
            gop: 5,
            qp: 26,
            takeovers: true,
            episodes: 0,
            episode_s: 0.0,
            pause_s: 10.0,
        }
    }
}
