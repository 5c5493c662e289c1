//! From a policy's own file to the graph that trains it.
//!
//! 1. The recurrent part is laid out over the steps of a window ([`unroll`]).
//! 2. The objective and its slopes are added ([`super::slopes`]).

use super::TrainError;
use super::objective::{self, Objective};
use super::slopes::{Plan, SlopeGraph, find};
use super::zoo::CALIBRATION;
use crate::onnx::builder::{ElementType, GraphBuilder};
use crate::onnx::proto::ModelProto;
use crate::onnx::unroll::{Carry, unroll};
use crate::onnx::{Runtime, StepOutputs, TensorView, weights};
use crate::policy::Manifest;
use crate::policy::manifest::State;

/// A tensor that is trained.
#[derive(Clone, Debug, PartialEq)]
pub struct Weight {
    pub name: String,
    pub shape: Vec<usize>,
    pub elements: Vec<f32>,
}

/// How many sequences of how many steps are trained on at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchSize {
    pub lanes: usize,
    pub steps: usize,
}

/// What one step is trained on; the steps of a lane are `lanes` rows apart.
#[derive(Clone, Copy, Debug)]
pub struct BatchView<'a> {
    /// Levels, planar RGB: [steps, lanes, 3, height, width].
    pub pictures: &'a [u8],
    /// [lanes, length]: a sequence is told once.
    pub tokens: &'a [i64],
    /// m/s, m/s, rad/s: [steps, lanes, slots, 3].
    pub targets: &'a [f32],
    /// [steps, lanes, slots].
    pub weights: &'a [f32],
}

/// A policy with its objective and slopes, in ONNX Runtime.
#[derive(Debug)]
pub struct TrainingGraph {
    session: SlopeGraph,
    shapes: Shapes,
    /// First states, zeros.
    states: Vec<(String, Vec<usize>, Vec<f32>)>,
    /// What SI targets are divided by, and reduced by before: the manifest's columns.
    columns: Vec<(usize, f32, f32)>,
    scaled: Vec<f32>,
    told: Vec<i64>,
    steps: usize,
    outputs: Vec<Vec<f32>>,
}

#[derive(Debug)]
struct Shapes {
    image: (String, Vec<usize>),
    tokens: Option<(String, Vec<usize>)>,
    targets: Vec<usize>,
    weights: Vec<usize>,
}

impl TrainingGraph {
    /// The graph that gives the objective and, if `has_slopes`, its slopes by `names`.
    ///
    /// # Errors
    /// The policy cannot be unrolled, run or differentiated.
    pub fn new(
        runtime: &Runtime,
        model: &ModelProto,
        manifest: &Manifest,
        size: BatchSize,
        objective: &Objective,
        names: &[String],
        has_slopes: bool,
    ) -> Result<Self, TrainError> {
        let carries: Vec<_> = manifest
            .state
            .iter()
            .map(|state| Carry { input: state.input.clone(), output: state.output.clone() })
            .collect();
        let unrolled = unroll(model, &carries, size.steps)?;
        let shapes = Shapes::new(manifest, size);
        let states = first_states(manifest, size.lanes);
        let mut feed = vec![(shapes.image.0.clone(), (ElementType::U8, shapes.image.1.clone()))];
        if let Some((name, shape)) = &shapes.tokens {
            feed.push((name.clone(), (ElementType::I64, shape.clone())));
        }
        for (name, shape, _) in &states {
            feed.push((name.clone(), (ElementType::F32, shape.clone())));
        }
        let plan = Plan { model: &unrolled, feed: &feed, weights: names };
        let loss = |g: &mut GraphBuilder| -> Result<_, TrainError> {
            let action = find(g, &manifest.action.output)?;
            let targets = g.input("targets", ElementType::F32, &shapes.targets)?;
            let weights = g.input("weights", ElementType::F32, &shapes.weights)?;
            Ok((objective::add(g, *objective, action, targets, weights)?, action))
        };
        let whole = if has_slopes {
            plan.with_slopes(runtime, |g| Ok(loss(g)?.0))?
        } else {
            plan.without_slopes(runtime, |g| {
                let (loss, action) = loss(g)?;
                g.output("loss", loss)?;
                g.output("predicted", action)?;
                if let Some(log_deviation) = g.find(objective::LOG_DEVIATION) {
                    g.output("predicted deviation", log_deviation)?;
                }
                Ok(())
            })?
        };
        let session = SlopeGraph::open(runtime, &whole)?;
        let columns = manifest
            .action
            .axes
            .iter()
            .map(|column| (column.axis as usize, column.scale as f32, column.offset as f32))
            .collect();
        Ok(Self {
            session,
            shapes,
            states,
            columns,
            scaled: Vec::new(),
            told: Vec::new(),
            steps: size.steps,
            outputs: Vec::new(),
        })
    }

    /// Runs it; gives the objective and keeps the other outputs.
    ///
    /// # Errors
    /// A view of another size than the graph was made for, or ONNX Runtime failed.
    pub fn run(&mut self, weights: &[Weight], batch: &BatchView<'_>) -> Result<f32, TrainError> {
        let mut kept = std::mem::take(&mut self.outputs);
        let loss = {
            let outputs = self.outcome(weights, batch)?;
            let outputs = outputs.slices()?;
            let (loss, rest) = split_loss(&outputs);
            kept.resize(rest.len(), Vec::new());
            for (kept, output) in kept.iter_mut().zip(rest) {
                kept.clear();
                kept.extend_from_slice(output);
            }
            loss
        };
        self.outputs = kept;
        Ok(loss)
    }

    /// What a run gives, where ONNX Runtime keeps it: the objective, then the slopes.
    pub(super) fn outcome(
        &mut self,
        weights: &[Weight],
        batch: &BatchView<'_>,
    ) -> Result<StepOutputs<'_>, TrainError> {
        self.scaled.clear();
        for row in batch.targets.chunks_exact(3) {
            for (axis, scale, offset) in &self.columns {
                let target = row.get(*axis).copied().unwrap_or_default();
                self.scaled.push((target - offset) / scale);
            }
        }
        self.told.clear();
        for _ in 0..self.steps {
            self.told.extend_from_slice(batch.tokens);
        }
        let Shapes { image, tokens, targets, weights: weight_shape } = &self.shapes;
        let mut feed = vec![
            (image.0.as_str(), TensorView::U8(&image.1, batch.pictures)),
            ("targets", TensorView::F32(targets, &self.scaled)),
            ("weights", TensorView::F32(weight_shape, batch.weights)),
        ];
        if let Some((name, shape)) = tokens {
            feed.push((name.as_str(), TensorView::I64(shape, &self.told)));
        }
        for (name, shape, zeros) in &self.states {
            feed.push((name.as_str(), TensorView::F32(shape, zeros)));
        }
        self.session.run(weights, &feed)
    }

    /// The last batch's targets in the action tensor's units.
    #[must_use]
    pub fn targets(&self) -> &[f32] {
        &self.scaled
    }

    /// What the last run gave besides the objective: the slopes in the order of the names, or the
    /// predicted actions and the logarithms of their deviations, in the action tensor's units.
    pub fn outputs(&self) -> impl Iterator<Item = &[f32]> {
        self.outputs.iter().map(Vec::as_slice)
    }
}

/// Zeros, for each of `lanes` sequences.
fn first_states(manifest: &Manifest, lanes: usize) -> Vec<(String, Vec<usize>, Vec<f32>)> {
    let state = |state: &State| {
        let mut shape = state.shape.clone();
        shape.iter_mut().take(1).for_each(|n| *n = lanes);
        let zeros = vec![0.0; shape.iter().product()];
        (state.input.clone(), shape, zeros)
    };
    manifest.state.iter().map(state).collect()
}

impl Shapes {
    fn new(manifest: &Manifest, size: BatchSize) -> Self {
        let n = size.lanes * size.steps;
        let (width, height) = (manifest.image.width as usize, manifest.image.height as usize);
        let instruction = manifest.instruction.as_ref();
        Self {
            image: (manifest.image.input.clone(), vec![n, 3, height, width]),
            tokens: instruction.map(|text| (text.input.clone(), vec![n, text.length])),
            targets: vec![n, manifest.action.slots, manifest.action.axes.len()],
            weights: vec![n, manifest.action.slots, 1],
        }
    }
}

/// The objective, and the other outputs.
pub(super) fn split_loss<'a>(outputs: &'a [&'a [f32]]) -> (f32, &'a [&'a [f32]]) {
    outputs.split_first().map_or((f32::NAN, outputs), |(loss, rest)| {
        (loss.first().copied().unwrap_or(f32::NAN), rest)
    })
}

/// Names of what can be trained in `model`: its weights, but for those that training sets itself.
#[must_use]
pub fn trainable(model: &ModelProto) -> Vec<String> {
    let Some(graph) = &model.graph else { return Vec::new() };
    let mut names = weights(graph);
    names.retain(|name| !name.starts_with(CALIBRATION));
    names
}

/// The weights called `names`, as they are in `model`.
///
/// # Errors
/// A tensor that is not there, or whose elements lie in another file.
pub fn weights_of(model: &ModelProto, names: &[String]) -> Result<Vec<Weight>, TrainError> {
    let tensors = model.graph.as_ref().map(|graph| graph.initializer.as_slice());
    let find = |name: &String| {
        let tensor = tensors.unwrap_or_default().iter().find(|tensor| tensor.name == *name);
        let found = tensor.and_then(|tensor| tensor.floats().map(|f| (tensor.shape(), f)));
        let (shape, elements) = found.ok_or_else(|| TrainError::Tensor { name: name.clone() })?;
        Ok(Weight { name: name.clone(), shape, elements })
    };
    names.iter().map(find).collect()
}

/// Puts trained weights back in their places; nothing else of the file changes.
pub fn put_back(model: &mut ModelProto, weights: &[Weight]) {
    for tensor in model.graph.iter_mut().flat_map(|graph| &mut graph.initializer) {
        if let Some(weight) = weights.iter().find(|weight| weight.name == tensor.name) {
            tensor.set_floats(&weight.elements);
        }
    }
}
