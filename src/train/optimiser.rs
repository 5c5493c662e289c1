//! `AdamW` with a warm-up, a cosine schedule, clipping by norm, and averaged weights.

use serde::{Deserialize, Serialize};

use super::graph::Weight;

/// How weights move.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Steps of the whole schedule.
    pub steps: u64,
    /// Highest learning rate.
    pub rate: f32,
    /// Steps until it is reached, from zero.
    pub warmup: u64,
    /// Share of the highest rate that is left at the end of the cosine.
    pub rate_end: f32,
    /// Shrinks weights of two and more dimensions, not biases and norms.
    pub decay: f32,
    /// Slopes with a larger norm over all weights are scaled down to it.
    pub norm_max: f32,
    /// How much of the average a step keeps; 0 keeps no average, the weights stand for it.
    pub average: f32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            steps: 10_000,
            rate: 1e-3,
            warmup: 200,
            rate_end: 0.02,
            decay: 0.01,
            norm_max: 1.0,
            average: 0.999,
        }
    }
}

impl Config {
    /// The learning rate of step `step`, counted from 0 (Loshchilov & Hutter, 2017).
    #[must_use]
    pub fn rate_at(&self, step: u64) -> f32 {
        if step < self.warmup {
            return self.rate * (step + 1) as f32 / self.warmup as f32;
        }
        let span = self.steps.saturating_sub(self.warmup).max(1);
        let done = ((step - self.warmup) as f32 / span as f32).min(1.0);
        let cosine = 0.5 * (1.0 + (std::f32::consts::PI * done).cos());
        self.rate * (self.rate_end + (1.0 - self.rate_end) * cosine)
    }
}

/// First and second moments, and the averaged weights: all that training remembers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AdamW {
    steps: u64,
    first: Vec<Vec<f32>>,
    second: Vec<Vec<f32>>,
    average: Vec<Vec<f32>>,
}

const BETA_1: f32 = 0.9;
const BETA_2: f32 = 0.999;
const EPSILON: f32 = 1e-8;

impl AdamW {
    #[must_use]
    pub fn new(weights: &[Weight]) -> Self {
        let zeros: Vec<_> = weights.iter().map(|weight| vec![0.0; weight.elements.len()]).collect();
        let average = weights.iter().map(|weight| weight.elements.clone()).collect();
        Self { steps: 0, first: zeros.clone(), second: zeros, average }
    }

    /// Steps taken.
    #[must_use]
    pub const fn steps(&self) -> u64 {
        self.steps
    }

    /// The averaged weights.
    pub fn averaged<'a>(&'a self, weights: &'a [Weight]) -> impl Iterator<Item = Weight> + 'a {
        weights.iter().zip(&self.average).map(|(weight, average)| Weight {
            name: weight.name.clone(),
            shape: weight.shape.clone(),
            elements: if average.is_empty() { &weight.elements } else { average }.clone(),
        })
    }

    /// One step of every weight along its slope (Loshchilov & Hutter, 2019); the norm of the
    /// slopes before clipping. A norm that is not finite moves nothing.
    pub fn step(&mut self, config: &Config, weights: &mut [Weight], slopes: &[&[f32]]) -> f32 {
        let squares: f64 = slopes.iter().map(|slope| square_sum(slope)).sum();
        let norm = squares.sqrt() as f32;
        let rate = config.rate_at(self.steps);
        self.steps += 1;
        if !norm.is_finite() {
            return norm;
        }
        let scale = if norm > config.norm_max { config.norm_max / norm } else { 1.0 };
        let count = i32::try_from(self.steps).unwrap_or(i32::MAX);
        let (unbias_1, unbias_2) = (1.0 - BETA_1.powi(count), 1.0 - BETA_2.powi(count));
        // Early on the average follows faster, or it would hold what was drawn at first.
        let early = (1.0 + self.steps as f32) / (10.0 + self.steps as f32);
        let keep = config.average.min(early);
        if config.average <= 0.0 {
            self.average.iter_mut().for_each(Vec::clear);
        }
        let moved = Move { rate, scale, unbias_1, unbias_2, keep };
        let moments = self.first.iter_mut().zip(&mut self.second).zip(&mut self.average);
        let mut pieces = Vec::new();
        for ((weight, slope), ((first, second), average)) in
            weights.iter_mut().zip(slopes).zip(moments)
        {
            let shrink = if weight.shape.len() >= 2 { 1.0 - rate * config.decay } else { 1.0 };
            let all = weight.elements.chunks_mut(PIECE).zip(slope.chunks(PIECE));
            let kept = first.chunks_mut(PIECE).zip(second.chunks_mut(PIECE));
            let mut averages = average.chunks_mut(PIECE);
            for ((w, s), (m, v)) in all.zip(kept) {
                let a = averages.next().unwrap_or_default();
                pieces.push(Piece { shrink, w, s, m, v, a });
            }
        }
        run_all(moved, pieces);
        norm
    }
}

/// Elements that one thread moves at a time.
const PIECE: usize = 1 << 15;
/// Most threads that share the pieces: the work is in reading and writing memory.
const THREADS_MAX: usize = 4;

/// What is the same for all weights in one step.
#[derive(Clone, Copy)]
struct Move {
    rate: f32,
    scale: f32,
    unbias_1: f32,
    unbias_2: f32,
    keep: f32,
}

/// Some elements of one weight, their slopes, moments and averages, if any are kept.
struct Piece<'a> {
    shrink: f32,
    w: &'a mut [f32],
    s: &'a [f32],
    m: &'a mut [f32],
    v: &'a mut [f32],
    a: &'a mut [f32],
}

impl Piece<'_> {
    fn run(self, by: Move) {
        let Move { rate, scale, unbias_1, unbias_2, keep } = by;
        let kept = self.m.iter_mut().zip(self.v.iter_mut());
        for ((w, s), (m, v)) in self.w.iter_mut().zip(self.s).zip(kept) {
            let s = s * scale;
            *m = BETA_1 * *m + (1.0 - BETA_1) * s;
            *v = BETA_2 * *v + (1.0 - BETA_2) * s * s;
            let move_by = rate * (*m / unbias_1) / ((*v / unbias_2).sqrt() + EPSILON);
            *w = *w * self.shrink - move_by;
        }
        for (a, w) in self.a.iter_mut().zip(&*self.w) {
            *a = keep * *a + (1.0 - keep) * *w;
        }
    }
}

/// Each element is moved by itself: how many threads share them changes nothing.
fn run_all(by: Move, mut pieces: Vec<Piece<'_>>) {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let n_each = pieces.len().div_ceil(cores.min(THREADS_MAX)).max(4);
    std::thread::scope(|scope| {
        while pieces.len() > n_each {
            let some = pieces.split_off(pieces.len() - n_each);
            scope.spawn(move || run_some(by, some));
        }
        run_some(by, pieces);
    });
}

fn run_some(by: Move, pieces: Vec<Piece<'_>>) {
    for piece in pieces {
        piece.run(by);
    }
}

/// In eight sums, which the processor adds side by side; always in the same order.
fn square_sum(slope: &[f32]) -> f64 {
    let (chunks, rest) = slope.as_chunks::<8>();
    let mut sums = [0.0_f64; 8];
    for chunk in chunks {
        for (sum, s) in sums.iter_mut().zip(chunk) {
            *sum += f64::from(*s) * f64::from(*s);
        }
    }
    let rest: f64 = rest.iter().map(|s| f64::from(*s).powi(2)).sum();
    sums.iter().sum::<f64>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_finds_the_lowest_point() {
        // Nothing would be learnt.
        let config = Config { steps: 400, rate: 0.05, warmup: 10, decay: 0.0, ..Config::default() };
        let elements = vec![3.0, -2.0];
        let mut weights = vec![Weight { name: "w".to_owned(), shape: vec![2], elements }];
        let mut adam = AdamW::new(&weights);
        for _ in 0..400 {
            let slope: Vec<f32> = weights[0].elements.iter().map(|w| 2.0 * (w - 1.0)).collect();
            adam.step(&config, &mut weights, &[&slope]);
        }
        assert!(weights[0].elements.iter().all(|w| (w - 1.0).abs() < 0.02), "{weights:?}");
        let averaged: Vec<_> = adam.averaged(&weights).collect();
        assert!(averaged[0].elements.iter().all(|w| (w - 1.0).abs() < 0.3), "{averaged:?}");
    }

    #[test]
    fn the_first_step_is_as_in_the_paper() {
        // Runs could not be compared with those of other programs. PyTorch's AdamW with lr 0.1,
        // weight_decay 0.5 moves 1.0 by the decay 0.05 and the sign of the slope times 0.1.
        let config = Config {
            rate: 0.1,
            warmup: 0,
            decay: 0.5,
            norm_max: f32::INFINITY,
            ..Config::default()
        };
        let elements = vec![1.0];
        let mut weights = vec![Weight { name: "w".to_owned(), shape: vec![1, 1], elements }];
        AdamW::new(&weights).step(&config, &mut weights, &[&[0.3]]);
        assert!((weights[0].elements[0] - 0.85).abs() < 1e-5, "{weights:?}");
    }

    #[test]
    fn a_slope_that_is_no_number_moves_nothing() {
        // One bad batch would undo hours.
        let mut weights =
            vec![Weight { name: "w".to_owned(), shape: vec![1], elements: vec![1.0] }];
        let before = weights.clone();
        let mut adam = AdamW::new(&weights);
        assert!(!adam.step(&Config::default(), &mut weights, &[&[f32::NAN]]).is_finite());
        assert_eq!(weights, before);
    }

    #[test]
    fn the_rate_rises_then_falls() {
        // The first steps would throw the weights about, or the last ones would not settle.
        let config = Config { steps: 100, rate: 1.0, warmup: 10, ..Config::default() };
        assert!((config.rate_at(0) - 0.1).abs() < 1e-6);
        assert!((config.rate_at(10) - 1.0).abs() < 1e-6);
        assert!((config.rate_at(100) - 0.02).abs() < 1e-6);
        assert!(config.rate_at(60) < config.rate_at(50));
    }
}
