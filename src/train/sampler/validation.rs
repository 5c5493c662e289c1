use std::sync::Arc;

use super::batch::{Filler, Lane};
use super::{Batch, BatchShape, Lexicon};
use crate::train::TrainError;
use crate::train::augment::Look;
use crate::train::examples::Examples;
use crate::train::tokenizer::Tokens;

/// All windows of held-out clips, one after the other, as they are.
#[derive(Debug)]
pub struct Validation {
    filler: Filler,
    windows: Vec<Lane>,
}

impl Validation {
    /// # Errors
    /// There are no clips, or an instruction is too long for the policy.
    pub fn new(
        examples: &Arc<Examples>,
        shape: BatchShape,
        threads: usize,
        tokens: &Tokens,
    ) -> Result<Self, TrainError> {
        let mut filler = Filler::new(vec![Arc::clone(examples)], shape, threads)?;
        let mut lexicon = Lexicon::default();
        let mut windows = Vec::new();
        for (clip, columns) in examples.clips().iter().enumerate() {
            let words = lexicon.encode(&columns.instruction, tokens)?;
            let window = |start| Lane {
                source: 0,
                clip,
                start,
                look: Look::PLAIN,
                tokens: words,
                noise: 0,
                counts: true,
            };
            windows.extend((0..columns.n_steps()).step_by(shape.steps).map(window));
        }
        if windows.is_empty() {
            return Err(TrainError::Data("no examples are held out".to_owned()));
        }
        filler.set_tokens(lexicon.tokens);
        Ok(Self { filler, windows })
    }

    #[must_use]
    pub fn n_batches(&self) -> usize {
        self.windows.len().div_ceil(self.filler.shape().lanes)
    }

    /// Fills `into` with batch `number`. The last one repeats a window, without weight, where
    /// windows are missing.
    ///
    /// # Errors
    /// There is no such batch, or the examples cannot be read any more.
    pub fn batch(&self, number: usize, into: &mut Batch) -> Result<(), TrainError> {
        let n_lanes = self.filler.shape().lanes;
        let mut lanes: Vec<Lane> =
            self.windows.iter().skip(number * n_lanes).take(n_lanes).copied().collect();
        let Some(last) = lanes.last().copied() else {
            return Err(TrainError::Data(format!("there is no batch {number} of validation")));
        };
        lanes.resize(n_lanes, Lane { counts: false, ..last });
        self.filler.fill(&lanes, into)
    }
}
