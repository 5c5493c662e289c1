use std::sync::Arc;

use crate::train::TrainError;
use crate::train::augment::{Look, Painter, mirror_twist};
use crate::train::examples::{ClipColumns, Examples, ExamplesSpec};
use crate::train::labels::AXES;

/// Sizes of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchShape {
    /// Windows side by side: B.
    pub lanes: usize,
    /// Steps of each window: T.
    pub steps: usize,
    /// Token ids of each instruction: L.
    pub tokens: usize,
}

/// What is learnt from at once; all row-major.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// `[T, B, 3, H, W]`, levels of red, green and blue planes.
    pub pictures: Vec<u8>,
    /// `[B, L]`
    pub tokens: Vec<i64>,
    /// `[T, B, slots, 3]`: m/s, m/s, rad/s.
    pub targets: Vec<f32>,
    /// `[T, B, slots]`; 0: nothing is known.
    pub weights: Vec<f32>,
    /// `[B]`: the step of its clip that a window begins with. What came before is not known to a
    /// policy that begins without state, unless it is 0.
    pub starts: Vec<usize>,
}

/// A window that was drawn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lane {
    pub(super) source: usize,
    pub(super) clip: usize,
    /// First step, in the clip.
    pub(super) start: usize,
    pub(super) look: Look,
    /// Which of the filler's token rows.
    pub(super) tokens: usize,
    pub(super) noise: u64,
    /// Whether anything is learnt from it.
    pub(super) counts: bool,
}

/// Makes batches of windows.
#[derive(Debug)]
pub(super) struct Filler {
    examples: Vec<Arc<Examples>>,
    spec: ExamplesSpec,
    shape: BatchShape,
    threads: usize,
    tokens: Vec<Vec<i64>>,
}

impl Filler {
    pub(super) fn new(
        examples: Vec<Arc<Examples>>,
        shape: BatchShape,
        threads: usize,
    ) -> Result<Self, TrainError> {
        let Some(spec) = examples.first().map(|first| *first.spec()) else {
            return Err(TrainError::Data("there are no examples".to_owned()));
        };
        if let Some(other) = examples.iter().find(|other| *other.spec() != spec) {
            let text = format!("sources hold examples of {spec:?} and of {:?}", other.spec());
            return Err(TrainError::Data(text));
        }
        if shape.lanes == 0 || shape.steps == 0 {
            return Err(TrainError::Data(format!("a batch of {shape:?} is empty")));
        }
        Ok(Self { examples, spec, shape, threads: threads.max(1), tokens: Vec::new() })
    }

    /// The token ids that lanes name, of [`BatchShape::tokens`] each.
    pub(super) fn set_tokens(&mut self, tokens: Vec<Vec<i64>>) {
        self.tokens = tokens;
    }

    pub(super) fn examples(&self) -> &[Arc<Examples>] {
        &self.examples
    }

    pub(super) const fn spec(&self) -> &ExamplesSpec {
        &self.spec
    }

    pub(super) const fn shape(&self) -> BatchShape {
        self.shape
    }

    /// Fills `into` with these windows, [`BatchShape::lanes`] of them.
    pub(super) fn fill(&self, lanes: &[Lane], into: &mut Batch) -> Result<(), TrainError> {
        into.tokens.clear();
        into.starts.clear();
        for lane in lanes {
            let tokens = self.tokens.get(lane.tokens).map_or(&[][..], Vec::as_slice);
            let padded = tokens.iter().copied().chain(std::iter::repeat(0));
            into.tokens.extend(padded.take(self.shape.tokens));
            into.starts.push(lane.start);
        }
        self.fill_targets(lanes, into);
        self.fill_pictures(lanes, into)
    }

    fn fill_targets(&self, lanes: &[Lane], into: &mut Batch) {
        into.targets.clear();
        into.weights.clear();
        for step in 0..self.shape.steps {
            for lane in lanes {
                let n_before = into.weights.len();
                let columns = self.columns(lane);
                let steps = columns.into_iter().flat_map(|columns| {
                    // Behind its end a clip has no steps, and its weights stay 0.
                    columns.step(lane.start + step, self.spec.slots)
                });
                for (target, weight) in steps {
                    let is_mirrored = lane.look.is_mirrored;
                    let target = if is_mirrored { mirror_twist(*target) } else { *target };
                    into.targets.extend(target);
                    into.weights.push(if lane.counts { *weight } else { 0.0 });
                }
                into.weights.resize(n_before + self.spec.slots, 0.0);
                into.targets.resize(into.weights.len() * AXES, 0.0);
            }
        }
    }

    fn fill_pictures(&self, lanes: &[Lane], into: &mut Batch) -> Result<(), TrainError> {
        let length = self.spec.picture_len();
        let n_pictures = lanes.len() * self.shape.steps;
        into.pictures.resize(n_pictures * length, 0);
        let per_thread = n_pictures.div_ceil(self.threads).max(1);
        let mut shares = into.pictures.chunks_mut((per_thread * length).max(1)).enumerate();
        let paint = |(share, pictures): (usize, &mut [u8])| {
            let mut painter = Painter::new(self.spec.width, self.spec.height);
            let mut rgb = vec![0; length];
            let numbers = share * per_thread..;
            for (number, planes) in numbers.zip(pictures.chunks_exact_mut(length.max(1))) {
                let (step, at) = (number / lanes.len(), number % lanes.len());
                let Some(lane) = lanes.get(at) else { continue };
                self.read(lane, step, &mut rgb)?;
                painter.set(&lane.look);
                painter.paint(&rgb, lane.noise.wrapping_add(step as u64), planes);
            }
            Ok(())
        };
        if self.threads == 1 {
            return shares.try_for_each(paint);
        }
        std::thread::scope(|scope| {
            let threads: Vec<_> = shares.map(|share| scope.spawn(move || paint(share))).collect();
            let panicked = |_| Err(TrainError::Data("a thread that paints panicked".to_owned()));
            threads.into_iter().try_for_each(|thread| thread.join().unwrap_or_else(panicked))
        })
    }

    /// The picture of a window's step; behind its end, the clip's last.
    fn read(&self, lane: &Lane, step: usize, rgb: &mut [u8]) -> Result<(), TrainError> {
        let (Some(examples), Some(columns)) = (self.examples.get(lane.source), self.columns(lane))
        else {
            return Err(TrainError::Data("a window lies in no clip".to_owned()));
        };
        let last = columns.n_steps().saturating_sub(1);
        examples.picture(lane.clip, (lane.start + step).min(last), rgb)
    }

    fn columns(&self, lane: &Lane) -> Option<&ClipColumns> {
        self.examples.get(lane.source)?.clips().get(lane.clip)
    }
}
