//! `scores.json`: what was measured of a policy, beside its files and bound to them.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::closed_loop::ClosedLoop;
use super::offline::Offline;
use crate::policy;
use crate::policy::Manifest;
use crate::policy::manifest::Training;

/// The file's name in a policy's folder.
pub const FILE_NAME: &str = "scores.json";
/// The format this program reads and writes.
pub const VERSION: u32 = 1;

/// Everything measured of one policy; each part by the last examination that was made of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// Format of this file: [`VERSION`].
    pub version: u32,
    /// Of the graph that was examined.
    pub graph_sha256: String,
    /// Of everything that decides how the policy acts: the manifest without its prose, and with it
    /// the hashes of all its files.
    pub contract_sha256: String,
    pub speed: Option<Speed>,
    pub closed_loop: Option<ClosedLoop>,
    /// The same on pictures that passed the recorder's codec.
    pub closed_loop_through_video: Option<ClosedLoop>,
    /// On recorded episodes.
    pub offline: Option<Offline>,
    /// On what the expert drove in the simulator, likewise.
    pub offline_simulated: Option<Offline>,
}

/// Time of an inference on one device.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Speed {
    pub device: String,
    pub n: usize,
    /// Milliseconds.
    pub p50_ms: f64,
    pub p99_ms: f64,
    /// All files of the policy.
    pub n_bytes: u64,
}

/// What lies beside a policy.
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    /// It was never examined.
    None,
    /// Measured on exactly these files.
    Scores(Box<Scores>),
    /// Measured on other files of the same name: they say nothing of these.
    Stale,
}

/// Names the file and what is wrong with it.
#[derive(Debug, thiserror::Error)]
pub enum ScoresError {
    #[error("cannot {what} {}: {source}", path.display())]
    Io { what: &'static str, path: PathBuf, source: std::io::Error },
    #[error("{}: {reason}; remove it, and examine the policy again", path.display())]
    Format { path: PathBuf, reason: String },
}

impl Scores {
    /// Of nothing yet.
    #[must_use]
    pub fn new(manifest: &Manifest) -> Self {
        Self {
            version: VERSION,
            graph_sha256: manifest.files.get(&manifest.graph).cloned().unwrap_or_default(),
            contract_sha256: contract(manifest),
            ..Self::default()
        }
    }

    /// What lies in a policy's `folder`, held against its `manifest`. Whether the files are those
    /// of the manifest is for [`crate::policy::check`] to say.
    ///
    /// # Errors
    /// The file is there and cannot be read, or is of another format.
    pub fn read(folder: &Path, manifest: &Manifest) -> Result<Found, ScoresError> {
        let path = folder.join(FILE_NAME);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Found::None),
            Err(source) => return Err(ScoresError::Io { what: "read", path, source }),
        };
        let scores: Self = match serde_json::from_str(&text) {
            Ok(scores) => scores,
            Err(error) => return Err(ScoresError::Format { path, reason: error.to_string() }),
        };
        if scores.version != VERSION {
            let reason =
                format!("it is of version {}, this program's is {VERSION}", scores.version);
            return Err(ScoresError::Format { path, reason });
        }
        let is_same = scores.contract_sha256 == contract(manifest);
        Ok(if is_same { Found::Scores(Box::new(scores)) } else { Found::Stale })
    }

    /// Writes the file beside the policy; a reader finds the old one or the new one.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, folder: &Path) -> Result<(), ScoresError> {
        let path = folder.join(FILE_NAME);
        let io = |source| ScoresError::Io { what: "write", path: path.clone(), source };
        let text = serde_json::to_string_pretty(self).map_err(|error| io(error.into()))?;
        policy::replace(&path, (text + "\n").as_bytes()).map_err(io)
    }

    /// Takes over what `newer` measured and this one has not, or has of fewer worlds: a quick look
    /// does not replace a whole examination.
    #[must_use]
    pub fn updated(self, newer: Self) -> Self {
        let n = |part: &ClosedLoop| part.total.n;
        Self {
            speed: newer.speed.or(self.speed),
            closed_loop: larger(self.closed_loop, newer.closed_loop, n),
            closed_loop_through_video: larger(
                self.closed_loop_through_video,
                newer.closed_loop_through_video,
                n,
            ),
            offline: newer.offline.or(self.offline),
            offline_simulated: larger(self.offline_simulated, newer.offline_simulated, |part| {
                part.n_episodes
            }),
            ..newer
        }
    }
}

/// The newer one, unless the older one is of more.
fn larger<T>(old: Option<T>, new: Option<T>, n: impl Fn(&T) -> usize) -> Option<T> {
    match (old, new) {
        (Some(old), Some(new)) if n(&old) > n(&new) => Some(old),
        (old, new) => new.or(old),
    }
}

/// Size of all files of the policy in `folder`.
///
/// # Errors
/// One of them is not there.
pub fn n_bytes(folder: &Path, manifest: &Manifest) -> std::io::Result<u64> {
    let names = manifest.files.keys();
    names.map(|name| std::fs::metadata(folder.join(name)).map(|about| about.len())).sum()
}

/// The hash of what decides how a policy acts.
fn contract(manifest: &Manifest) -> String {
    let plain = Manifest {
        summary: String::new(),
        training: Training { data: String::new(), scores: String::new() },
        ..manifest.clone()
    };
    // A manifest is plain data and always has a JSON form.
    policy::hex(&Sha256::digest(serde_json::to_vec(&plain).unwrap_or_default()))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::eval::closed_loop::Tally;

    fn beacon() -> Manifest {
        Manifest::read(Path::new("models/beacon")).unwrap()
    }

    #[test]
    fn scores_hold_for_the_files_they_were_measured_on() {
        // The study's mistake: a number measured on one model copied onto another.
        let folder = tempfile::tempdir().unwrap();
        let manifest = beacon();
        assert_eq!(Scores::read(folder.path(), &manifest).unwrap(), Found::None);
        let scores = Scores::new(&manifest);
        scores.write(folder.path()).unwrap();
        let read = |manifest: &Manifest| Scores::read(folder.path(), manifest).unwrap();
        assert_eq!(read(&manifest), Found::Scores(Box::new(scores)));
        let mut reworded = manifest.clone();
        reworded.training.scores = "see scores.json".to_owned();
        assert!(matches!(read(&reworded), Found::Scores(_)));
        let mut other = manifest.clone();
        other.files.insert(other.graph.clone(), "0".repeat(64));
        assert_eq!(read(&other), Found::Stale);
        let mut faster = manifest;
        faster.action.axes[0].scale *= 2.0;
        assert_eq!(read(&faster), Found::Stale);
        std::fs::write(folder.path().join(FILE_NAME), "{}").unwrap();
        let error = Scores::read(folder.path(), &faster).unwrap_err().to_string();
        assert!(error.contains("scores.json") && error.contains("again"), "{error}");
    }

    #[test]
    fn a_quick_look_does_not_replace_a_whole_examination() {
        // Ten lucky runs would hide six hundred.
        let of = |n: usize| {
            let mut scores = Scores::new(&beacon());
            scores.closed_loop = Some(closed_loop(n));
            scores
        };
        let n = |scores: &Scores| scores.closed_loop.as_ref().map(|part| part.total.n);
        assert_eq!(n(&of(600).updated(of(10))), Some(600));
        assert_eq!(n(&of(10).updated(of(600))), Some(600));
        let mut timed = Scores::new(&beacon());
        timed.speed = Some(Speed { n: 5, ..Speed::default() });
        timed.offline = Some(Offline::default());
        let both = of(600).updated(timed);
        assert!(both.offline.is_some());
        let beside = |n_episodes: usize| Scores {
            offline_simulated: Some(Offline { n_episodes, ..Offline::default() }),
            ..Scores::new(&beacon())
        };
        assert_eq!(
            beside(600).updated(beside(24)).offline_simulated,
            beside(600).offline_simulated
        );
        assert_eq!((n(&both), both.speed.map(|speed| speed.n)), (Some(600), Some(5)));
    }

    pub(in crate::eval) fn closed_loop(n: usize) -> ClosedLoop {
        ClosedLoop {
            n_worlds: n as u64 / 2,
            seed: 0,
            is_whole: true,
            wording: "one".to_owned(),
            through_video: false,
            size: (640, 480),
            delay_ms: (20.0, 30.0),
            total: Tally { n, ..Tally::default() },
            families: std::collections::BTreeMap::default(),
            scenarios: std::collections::BTreeMap::default(),
            distances: std::collections::BTreeMap::default(),
            reliability: None,
            foretelling: Vec::new(),
        }
    }
}
