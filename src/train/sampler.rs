//! Batches of windows out of examples: a pure function of the seed and the number of the step, so
//! that a training goes on after a crash exactly as it would have.
//!
//! ```text
//! seed, step, lane ─▶ where a window lies, its look, its words ─▶ Batch
//! ```
//!
//! 1. A step of a clip is drawn, in proportion to the weight of its source, and, as far as
//!    [`SamplerOptions::balance`] asks for, to how rare its kind of command is. Steps of which
//!    nothing is learnt are not drawn.
//! 2. The window lies anywhere around it, within the clip. A clip that is shorter than the window
//!    stands still at its end, and nothing is learnt there.
//! 3. Its pictures and commands are changed by one [`Look`]; its instruction may be said in other
//!    words that mean the same.
//!
//! Deliberately absent: recurrent state. Each window begins without any.

mod batch;
mod prefetch;
#[cfg(test)]
mod tests;
mod validation;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

pub use batch::{Batch, BatchShape};
pub use prefetch::Prefetch;
pub use validation::Validation;

use self::batch::{Filler, Lane};
use super::TrainError;
use super::augment::{AugmentConfig, Look};
use super::examples::Examples;
use super::labels::AXES;
use super::tokenizer::Tokens;
use crate::sim::language;

/// Examples and how much each of their steps counts.
#[derive(Clone, Debug)]
pub struct Source {
    pub examples: Arc<Examples>,
    /// How often a step is drawn, against the other sources' steps.
    pub weight: f64,
}

/// How windows are drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SamplerOptions {
    pub seed: u64,
    pub augment: AugmentConfig,
    /// 0: each step as likely as the next; 1: each kind of command as likely as the next.
    pub balance: f64,
    /// Share of windows whose instruction is said in other words, where it is of a template.
    pub rephrase: f64,
    /// How many make the pictures of a batch ready.
    pub threads: usize,
}

impl Default for SamplerOptions {
    fn default() -> Self {
        Self { seed: 0, augment: AugmentConfig::default(), balance: 0.0, rephrase: 0.5, threads: 1 }
    }
}

/// See the module.
#[derive(Debug)]
pub struct Sampler {
    filler: Filler,
    options: SamplerOptions,
    clips: Vec<Entry>,
    /// For each step of all clips, the weights up to it and its own.
    sums: Vec<f64>,
    /// What may be said in each clip, by [`Entry::words`]: plain and mirrored.
    words: Vec<[Vec<usize>; 2]>,
}

/// A clip of a source.
#[derive(Clone, Copy, Debug)]
struct Entry {
    source: usize,
    clip: usize,
    /// Of its first step among those of all clips.
    first: usize,
    n_steps: usize,
    words: usize,
    is_mirrorable: bool,
}

impl Sampler {
    /// # Errors
    /// The sources are of different specs or hold nothing to learn from, or an instruction is too
    /// long for the policy.
    pub fn new(
        sources: Vec<Source>,
        shape: BatchShape,
        options: SamplerOptions,
        tokens: &Tokens,
    ) -> Result<Self, TrainError> {
        let weights: Vec<f64> = sources.iter().map(|source| source.weight).collect();
        let examples = sources.into_iter().map(|source| source.examples).collect();
        let mut filler = Filler::new(examples, shape, options.threads)?;
        let mut lexicon = Lexicon::default();
        let mut clips = Vec::new();
        let mut first = 0;
        for (source, examples) in filler.examples().iter().enumerate() {
            for (clip, columns) in examples.clips().iter().enumerate() {
                clips.push(Entry {
                    source,
                    clip,
                    first,
                    n_steps: columns.n_steps(),
                    words: lexicon.look_up(&columns.instruction, tokens)?,
                    is_mirrorable: columns.is_mirrorable,
                });
                first += columns.n_steps();
            }
        }
        let sums = cumulated(&step_weights(&filler, &clips, &weights, options.balance));
        if sums.last().is_none_or(|sum| *sum <= 0.0) {
            return Err(TrainError::Data("no step of the examples counts".to_owned()));
        }
        filler.set_tokens(lexicon.tokens);
        Ok(Self { filler, options, clips, sums, words: lexicon.words })
    }

    #[must_use]
    pub const fn shape(&self) -> BatchShape {
        self.filler.shape()
    }

    /// Makes the batch of a step. Allocates only where `into` is of another size.
    ///
    /// # Errors
    /// The examples cannot be read any more.
    pub fn batch(&self, step: u64, into: &mut Batch) -> Result<(), TrainError> {
        let lanes: Vec<Lane> =
            (0..self.shape().lanes).filter_map(|lane| self.draw(step, lane as u64)).collect();
        self.filler.fill(&lanes, into)
    }

    fn draw(&self, step: u64, lane: u64) -> Option<Lane> {
        let number = mixed(self.options.seed ^ mixed(step ^ mixed(lane)));
        let mut rng = Pcg64::seed_from_u64(number);
        let place = rng.random::<f64>() * self.sums.last().copied().unwrap_or_default();
        let drawn = self.sums.partition_point(|sum| *sum <= place);
        let at = self.clips.partition_point(|entry| entry.first <= drawn).checked_sub(1)?;
        let entry = self.clips.get(at)?;
        let steps = self.shape().steps;
        let before = rng.random_range(0..steps.max(1));
        let start = (drawn - entry.first).saturating_sub(before);
        let start = start.min(entry.n_steps.saturating_sub(steps));
        let look = Look::draw(&self.options.augment, entry.is_mirrorable, &mut rng);
        let is_rephrased = rng.random::<f64>() < self.options.rephrase;
        let word: u64 = rng.random();
        let [plain, mirrored] = self.words.get(entry.words)?;
        let said = if look.is_mirrored { mirrored } else { plain };
        let nth = if is_rephrased { word as usize % said.len().max(1) } else { 0 };
        Some(Lane {
            source: entry.source,
            clip: entry.clip,
            start,
            look,
            tokens: *said.get(nth)?,
            noise: rng.random(),
            counts: true,
        })
    }
}

/// Instructions as tokens, each once.
#[derive(Debug, Default)]
struct Lexicon {
    tokens: Vec<Vec<i64>>,
    by_text: HashMap<String, usize>,
    words: Vec<[Vec<usize>; 2]>,
    by_instruction: HashMap<String, usize>,
}

impl Lexicon {
    /// Where in `words` it is what may be said instead of an instruction, which comes first, and
    /// of its mirrored self.
    fn look_up(&mut self, instruction: &str, tokens: &Tokens) -> Result<usize, TrainError> {
        if let Some(known) = self.by_instruction.get(instruction) {
            return Ok(*known);
        }
        let mut both = [Vec::new(), Vec::new()];
        for (texts, said) in
            both.iter_mut().zip([instruction.to_owned(), language::mirror(instruction)])
        {
            texts.push(self.encode(&said, tokens)?);
            for text in language::phrasings(&said) {
                texts.push(self.encode(&text, tokens)?);
            }
        }
        let at = self.words.len();
        self.words.push(both);
        self.by_instruction.insert(instruction.to_owned(), at);
        Ok(at)
    }

    fn encode(&mut self, text: &str, tokens: &Tokens) -> Result<usize, TrainError> {
        if let Some(known) = self.by_text.get(text) {
            return Ok(*known);
        }
        let at = self.tokens.len();
        self.tokens.push(tokens.encode(text)?);
        self.by_text.insert(text.to_owned(), at);
        Ok(at)
    }
}

/// For each step of all clips how often it is drawn.
fn step_weights(filler: &Filler, clips: &[Entry], weights: &[f64], balance: f64) -> Vec<f64> {
    let slots = filler.spec().slots;
    let mut steps: Vec<(f64, [i8; AXES])> = Vec::new();
    for entry in clips {
        let examples = filler.examples().get(entry.source);
        let columns = examples.and_then(|examples| examples.clips().get(entry.clip));
        let weight = weights.get(entry.source).copied().unwrap_or_default().max(0.0);
        let Some(columns) = columns else { continue };
        for step in 0..entry.n_steps {
            let counted = columns.step(step, slots).find(|(_, weight)| **weight > 0.0);
            steps.push(counted.map_or((0.0, [0; AXES]), |(target, _)| (weight, kind(target))));
        }
    }
    let mut of_kind: BTreeMap<[i8; AXES], f64> = BTreeMap::new();
    for (weight, kind) in &steps {
        *of_kind.entry(*kind).or_default() += weight;
    }
    let rarity = |kind| {
        let total = of_kind.get(kind).copied().unwrap_or_default();
        if total > 0.0 { total.powf(-balance) } else { 0.0 }
    };
    steps.iter().map(|(weight, kind)| weight * rarity(kind)).collect()
}

/// Slower than this a command is standing, along each axis: m/s, m/s, rad/s.
const STANDING: [f32; AXES] = [0.05, 0.05, 0.1];

/// Of each axis whether the command goes back, stands or goes ahead.
fn kind(target: &[f32; AXES]) -> [i8; AXES] {
    let sign = |(value, least): (&f32, f32)| i8::from(*value > least) - i8::from(*value < -least);
    let mut signs = [0; AXES];
    for (own, pair) in signs.iter_mut().zip(target.iter().zip(STANDING)) {
        *own = sign(pair);
    }
    signs
}

fn cumulated(weights: &[f64]) -> Vec<f64> {
    let mut sum = 0.0;
    let add = |weight: &f64| {
        sum += weight;
        sum
    };
    weights.iter().map(add).collect()
}

/// `SplitMix64`'s output function (Steele, Lea and Flood, 2014): neighbours become strangers.
const fn mixed(number: u64) -> u64 {
    let a = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let b = (a ^ (a >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let c = (b ^ (b >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    c ^ (c >> 31)
}
