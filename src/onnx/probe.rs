//! What every tensor of a graph is, found by running it once: no rules of shape inference at all.

use std::collections::{HashMap, HashSet};

use ort::session::builder::GraphOptimizationLevel;
use ort::session::{Session, SessionInputValue};
use ort::value::{DynTensor, DynValue, TensorElementType};
use prost::Message;

use super::proto::{ElementType, GraphProto, ModelProto, ValueInfoProto};
use super::{Runtime, SessionError};

/// What a tensor is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    pub element: ElementType,
    pub shape: Vec<usize>,
    /// Its integers, when they are `int64` and do not depend on what is fed.
    pub known: Option<Vec<i64>>,
}

/// Facts by tensor name.
pub type Facts = HashMap<String, Fact>;

/// Type and shape of something to feed.
pub type Input = (ElementType, Vec<usize>);

/// Runs `model` once on zeros of the shapes in `inputs` and tells what each tensor was.
///
/// # Errors
/// ONNX Runtime refuses the graph or fails on it, or an input has no shape given.
pub fn probe(
    runtime: &Runtime,
    model: &ModelProto,
    inputs: &[(String, Input)],
) -> Result<Facts, SessionError> {
    let mut all = model.clone();
    let graph = all.graph.get_or_insert_default();
    let names = graph.node.iter().flat_map(|node| node.output.iter());
    let names: Vec<String> = names.filter(|name| !name.is_empty()).cloned().collect();
    graph.output = names
        .iter()
        .map(|name| ValueInfoProto { name: name.clone(), ..ValueInfoProto::default() })
        .collect();
    let dependent = dependent(graph);
    let failed = |error: ort::Error| SessionError::Run(error.to_string());
    let refused = |error: ort::Error| SessionError::Graph(error.to_string());
    let mut session = Session::builder(&runtime.environment)
        .map_err(refused)?
        .with_optimization_level(GraphOptimizationLevel::Disable)
        .map_err(|error| SessionError::Graph(error.to_string()))?
        .commit_from_memory(&all.encode_to_vec())
        .map_err(refused)?;
    let mut facts = Facts::new();
    let mut feed = Vec::new();
    for outlet in session.inputs() {
        let name = outlet.name().to_owned();
        let fed = inputs.iter().find(|(input, _)| *input == name);
        let Some((_, (element, shape))) = fed else {
            let reason = "no shape was given for it".to_owned();
            return Err(SessionError::Tensor { tensor: name, reason });
        };
        let tensor = zeros(&name, *element, shape)?;
        facts.insert(name.clone(), Fact { element: *element, shape: shape.clone(), known: None });
        feed.push((name, SessionInputValue::from(tensor.into_dyn())));
    }
    let outputs = session.run(feed).map_err(failed)?;
    for (name, value) in &outputs {
        let fact = fact_of(&value, dependent.contains(name));
        facts.insert(name.to_owned(), fact);
    }
    Ok(facts)
}

fn zeros(name: &str, element: ElementType, shape: &[usize]) -> Result<DynTensor, SessionError> {
    let failed = |reason: String| SessionError::Tensor { tensor: name.to_owned(), reason };
    let ty = match element {
        ElementType::F32 => TensorElementType::Float32,
        ElementType::U8 => TensorElementType::Uint8,
        ElementType::I32 => TensorElementType::Int32,
        ElementType::I64 => TensorElementType::Int64,
        ElementType::Bool => TensorElementType::Bool,
        ElementType::Undefined => return Err(failed("its element type is not known".to_owned())),
    };
    DynTensor::new(&ort::memory::Allocator::default(), ty, shape)
        .map_err(|error| failed(error.to_string()))
}

fn fact_of(value: &DynValue, is_fed: bool) -> Fact {
    let shape = value.shape().iter().map(|size| usize::try_from(*size).unwrap_or_default());
    let shape = shape.collect();
    let element = match value.dtype().tensor_type() {
        Some(TensorElementType::Float32) => ElementType::F32,
        Some(TensorElementType::Uint8) => ElementType::U8,
        Some(TensorElementType::Int32) => ElementType::I32,
        Some(TensorElementType::Int64) => ElementType::I64,
        Some(TensorElementType::Bool) => ElementType::Bool,
        _ => ElementType::Undefined,
    };
    let known = match element {
        ElementType::I64 if !is_fed => {
            value.try_extract_tensor::<i64>().ok().map(|(_, elements)| elements.to_vec())
        }
        _ => None,
    };
    Fact { element, shape, known }
}

/// Tensors whose elements depend on what is fed; a shape does not.
fn dependent(graph: &GraphProto) -> HashSet<String> {
    let stored: HashSet<_> = graph.initializer.iter().map(|tensor| &tensor.name).collect();
    let inputs = graph.input.iter().map(|input| &input.name);
    let mut fed: HashSet<String> = inputs.filter(|name| !stored.contains(name)).cloned().collect();
    for node in &graph.node {
        let is_shape = matches!(node.op_type.as_str(), "Shape" | "Size");
        if !is_shape && node.input.iter().any(|input| fed.contains(input)) {
            fed.extend(node.output.iter().cloned());
        }
    }
    fed
}
