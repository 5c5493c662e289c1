//! One training run: weights, what the optimiser remembers, and checkpoints of both.
//!
//! Deliberately absent: clocks and files of curves; whoever runs it decides when to look.

use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::TrainError;
use super::graph::{BatchView, TrainingGraph, Weight, split_loss};
use super::optimiser::{AdamW, Config};
use crate::policy::replace;

/// What one step came to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepReport {
    pub step: u64,
    pub loss: f32,
    /// Norm of the slopes before clipping.
    pub norm: f32,
    pub rate: f32,
}

/// All that a run needs to go on as if it had not stopped; batches are functions of the step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Of everything that decides what the run computes; another run's checkpoint is refused.
    pub identity: String,
    weights: Vec<Vec<f32>>,
    adam: AdamW,
    /// Lowest loss on held-out episodes, the step it was at, and the averaged weights then.
    pub best: Option<Best>,
    /// Step, loss on training batches since the last entry, loss on held-out episodes.
    pub curve: Vec<(u64, f32, f32)>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Best {
    pub step: u64,
    pub loss: f32,
    weights: Vec<Vec<f32>>,
}

/// A run under way.
#[derive(Debug)]
pub struct Fit {
    config: Config,
    weights: Vec<Weight>,
    pub progress: Progress,
}

impl Fit {
    /// Starts at `weights`. `identity` names the run: specification, data, version.
    #[must_use]
    pub fn new(config: Config, weights: Vec<Weight>, identity: String) -> Self {
        let adam = AdamW::new(&weights);
        let progress =
            Progress { identity, weights: Vec::new(), adam, best: None, curve: Vec::new() };
        Self { config, weights, progress }
    }

    /// Steps taken.
    #[must_use]
    pub const fn steps(&self) -> u64 {
        self.progress.adam.steps()
    }

    /// One step on `batch`.
    ///
    /// # Errors
    /// The graph cannot be run on it.
    pub fn step(
        &mut self,
        graph: &mut TrainingGraph,
        batch: &BatchView<'_>,
    ) -> Result<StepReport, TrainError> {
        let step = self.steps();
        let rate = self.config.rate_at(step);
        let outputs = graph.outcome(&self.weights, batch)?;
        let outputs = outputs.slices()?;
        let (loss, slopes) = split_loss(&outputs);
        let norm = self.progress.adam.step(&self.config, &mut self.weights, slopes);
        Ok(StepReport { step, loss, norm, rate })
    }

    /// The averaged weights.
    #[must_use]
    pub fn averaged(&self) -> Vec<Weight> {
        self.progress.adam.averaged(&self.weights).collect()
    }

    /// Notes what the averaged weights come to on held-out episodes; true when it is the best yet.
    pub fn note(&mut self, train_loss: f32, held_out: f32) -> bool {
        let step = self.steps();
        self.progress.curve.push((step, train_loss, held_out));
        let is_best = self.progress.best.as_ref().is_none_or(|best| held_out < best.loss);
        if is_best {
            let weights = self.averaged().into_iter().map(|weight| weight.elements).collect();
            self.progress.best = Some(Best { step, loss: held_out, weights });
        }
        is_best
    }

    /// The weights that were best on held-out episodes; the averaged ones where none were noted.
    #[must_use]
    pub fn best(&self) -> Vec<Weight> {
        let mut weights = self.averaged();
        if let Some(best) = &self.progress.best {
            for (weight, elements) in weights.iter_mut().zip(&best.weights) {
                weight.elements.clone_from(elements);
            }
        }
        weights
    }

    /// Writes all that [`resume`](Self::resume) needs; a killed writer leaves the one before.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn save(&mut self, path: &Path) -> Result<(), TrainError> {
        self.progress.weights = self.weights.iter().map(|weight| weight.elements.clone()).collect();
        let body = postcard::to_stdvec(&self.progress)
            .map_err(|error| TrainError::Data(error.to_string()))?;
        self.progress.weights.clear();
        let bytes = [Sha256::digest(&body).as_slice(), &body].concat();
        replace(path, &bytes).map_err(TrainError::io("write", path))
    }

    /// Goes on where the checkpoint at `path` was written.
    ///
    /// # Errors
    /// It is damaged, or of a run with another specification, data or version.
    pub fn resume(&mut self, path: &Path) -> Result<(), TrainError> {
        let failed = |reason: &str| TrainError::Checkpoint {
            path: path.to_owned(),
            reason: reason.to_owned(),
        };
        let bytes = std::fs::read(path).map_err(TrainError::io("read", path))?;
        let (hash, body) = bytes.split_at_checked(32).ok_or_else(|| failed("it is cut off"))?;
        if Sha256::digest(body).as_slice() != hash {
            return Err(failed("it is damaged"));
        }
        let mut progress: Progress =
            postcard::from_bytes(body).map_err(|error| failed(&error.to_string()))?;
        if progress.identity != self.progress.identity {
            return Err(failed("it is of a run with another specification, data or version"));
        }
        let lengths = progress.weights.iter().map(Vec::len);
        if !lengths.eq(self.weights.iter().map(|weight| weight.elements.len())) {
            return Err(failed("its weights are of another architecture"));
        }
        for (weight, elements) in self.weights.iter_mut().zip(progress.weights.drain(..)) {
            weight.elements = elements;
        }
        self.progress = progress;
        Ok(())
    }
}
