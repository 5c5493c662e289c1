//! Any graph with an objective and its slopes by the weights, in ONNX Runtime.
//!
//! 1. One probing run on the real shapes tells what every tensor is.
//! 2. Weights become inputs, the objective and its slopes are added.
//!
//! The model's own nodes stay as they are: what is trained is what is deployed.

use prost::Message;

use super::TrainError;
use super::graph::Weight;
use crate::onnx::builder::{GraphBuilder, Value};
use crate::onnx::grad::differentiate;
use crate::onnx::proto::ModelProto;
use crate::onnx::{
    Device, Input, Model, Runtime, SessionOptions, StepOutputs, StepSession, TensorView,
    default_intra_threads, probe,
};

/// A graph that training runs.
#[derive(Debug)]
pub struct SlopeGraph {
    session: StepSession,
}

/// What the objective is added to.
#[derive(Debug)]
pub struct Plan<'a> {
    pub model: &'a ModelProto,
    /// Names, types and shapes of what the model is fed.
    pub feed: &'a [(String, Input)],
    /// Names of the weights.
    pub weights: &'a [String],
}

impl Plan<'_> {
    /// The model with `objective`, which adds it and gives the scalar, and its slopes by every
    /// weight. Outputs: the objective, then the slopes.
    ///
    /// # Errors
    /// The model cannot be run or differentiated.
    pub fn with_slopes(
        &self,
        runtime: &Runtime,
        objective: impl FnOnce(&mut GraphBuilder) -> Result<Value, TrainError>,
    ) -> Result<ModelProto, TrainError> {
        let mut g = self.imported(runtime)?;
        let loss = objective(&mut g)?;
        g.output("loss", loss)?;
        let values = self.weights.iter().map(|name| find(&g, name)).collect::<Result<Vec<_>, _>>();
        let slopes = differentiate(&mut g, loss, &values?)?;
        for (name, slope) in self.weights.iter().zip(slopes) {
            let slope = slope.ok_or_else(|| TrainError::Idle { weight: name.clone() })?;
            g.output(&format!("slope of {name}"), slope)?;
        }
        Ok(g.finish(""))
    }

    /// The same without slopes; `objective` declares what else is wanted.
    ///
    /// # Errors
    /// The model cannot be run.
    pub fn without_slopes(
        &self,
        runtime: &Runtime,
        objective: impl FnOnce(&mut GraphBuilder) -> Result<(), TrainError>,
    ) -> Result<ModelProto, TrainError> {
        let mut g = self.imported(runtime)?;
        objective(&mut g)?;
        Ok(g.finish(""))
    }

    fn imported(&self, runtime: &Runtime) -> Result<GraphBuilder, TrainError> {
        let facts = probe(runtime, self.model, self.feed)?;
        Ok(GraphBuilder::import(self.model, &facts, self.weights)?)
    }
}

impl SlopeGraph {
    /// Opens what a [`Plan`] gave.
    ///
    /// # Errors
    /// ONNX Runtime refuses it.
    pub fn open(runtime: &Runtime, model: &ModelProto) -> Result<Self, TrainError> {
        let options = SessionOptions {
            device: Device::Cpu,
            intra_threads: default_intra_threads().max(2),
            engine_cache: None,
        };
        let bytes = model.encode_to_vec();
        Ok(Self { session: StepSession::open(runtime, Model::Bytes(&bytes), &options)? })
    }

    /// Runs it on `feed`; the outputs are those of the plan, in its order.
    ///
    /// # Errors
    /// A view of another size than the graph was made for, or ONNX Runtime failed.
    pub fn run(
        &mut self,
        weights: &[Weight],
        feed: &[(&str, TensorView<'_>)],
    ) -> Result<StepOutputs<'_>, TrainError> {
        let mut all = feed.to_vec();
        for Weight { name, shape, elements } in weights {
            all.push((name.as_str(), TensorView::F32(shape, elements)));
        }
        Ok(self.session.run(&all)?)
    }
}

/// The tensor called `name`.
///
/// # Errors
/// There is none.
pub fn find(g: &GraphBuilder, name: &str) -> Result<Value, TrainError> {
    g.find(name).ok_or_else(|| TrainError::Tensor { name: name.to_owned() })
}
