//! Which stored tensors are weights: told by the places they stand in, for exporters call
//! everything anything.

use std::collections::{HashMap, HashSet};

use super::proto::{ElementType, GraphProto, NodeProto, TensorProto};

/// An added matrix of larger elements than this is a mask, not something learnt.
const LEARNT_MAX: f32 = 1e3;

/// Names of the tensors of numbers that stand, themselves or cut, joined and turned, where an
/// operator takes weights.
#[must_use]
pub fn weights(graph: &GraphProto) -> Vec<String> {
    let stored: HashMap<_, _> = graph.initializer.iter().map(|t| (t.name.as_str(), t)).collect();
    let mut wanted = HashSet::new();
    for node in graph.node.iter().rev() {
        let is_wanted = node.output.iter().any(|output| wanted.contains(output.as_str()));
        for (place, input) in node.input.iter().enumerate() {
            let tensor = stored.get(input.as_str()).copied();
            if is_place(node, place, tensor) || (is_wanted && moves(node, place)) {
                wanted.insert(input.as_str());
            }
        }
    }
    let is_weight = |tensor: &&TensorProto| {
        tensor.data_type == i32::from(ElementType::F32) && wanted.contains(tensor.name.as_str())
    };
    graph.initializer.iter().filter(is_weight).map(|tensor| tensor.name.clone()).collect()
}

/// Whether input `place` of `node`, which is `tensor` where it is stored, is where weights stand.
pub(super) fn is_place(node: &NodeProto, place: usize, tensor: Option<&TensorProto>) -> bool {
    match node.op_type.as_str() {
        "MatMul" | "Gemm" => true,
        "Conv" | "ConvTranspose" | "LayerNormalization" | "BatchNormalization" => {
            matches!(place, 1 | 2)
        }
        "LSTM" | "GRU" => matches!(place, 1..=3),
        "Gather" => place == 0,
        // A bias, or a factor of its own for each channel: a vector. What has more dimensions or
        // fewer elements normalises pictures, and the like.
        "Mul" => tensor.is_some_and(is_vector),
        // Or what is learnt of each place.
        "Add" => tensor.is_some_and(|tensor| is_vector(tensor) || is_learnt_table(tensor)),
        _ => false,
    }
}

fn is_vector(tensor: &TensorProto) -> bool {
    matches!(tensor.shape()[..], [n] if n > 1)
}

fn is_learnt_table(tensor: &TensorProto) -> bool {
    let is_table = tensor.shape().iter().filter(|size| **size > 1).count() > 1;
    is_table && tensor.floats().is_some_and(|f| f.iter().all(|f| f.abs() <= LEARNT_MAX))
}

/// Whether the node's output holds nothing but elements of input `place`.
fn moves(node: &NodeProto, place: usize) -> bool {
    match node.op_type.as_str() {
        "Concat" => true,
        "Identity" | "Reshape" | "Flatten" | "Squeeze" | "Unsqueeze" | "Transpose" | "Slice"
        | "Split" => place == 0,
        _ => false,
    }
}
