//! Older operator sets, brought up to the one that training needs (after the change lists of the
//! ONNX operator specification).

use std::collections::HashSet;

use super::super::node::int;
use super::super::proto::{ElementType, ModelProto, NodeProto, TensorProto};
use super::{fresh, names};

/// The oldest standard operator set that gradient rules fit.
pub const OPSET_MIN: i64 = 18;
/// The oldest that can be brought up to it.
const UPGRADED_MIN: i64 = 13;

/// Why a graph cannot be brought up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UpgradeError {
    #[error(
        "it imports operator set {found}; training needs {UPGRADED_MIN} or newer, export it again"
    )]
    Opset { found: i64 },
    #[error(
        "operator {op} (node {node:?}) means something else since operator set {since}; export the model with operator set {OPSET_MIN} or newer"
    )]
    Operator { op: String, node: String, since: i64 },
}

/// Reductions whose axes became an input with operator set 18.
const REDUCTIONS: [&str; 9] = [
    "ReduceL1",
    "ReduceL2",
    "ReduceLogSum",
    "ReduceLogSumExp",
    "ReduceMax",
    "ReduceMean",
    "ReduceMin",
    "ReduceProd",
    "ReduceSumSquare",
];

/// Rewrites what operator sets 14 to 18 changed; newer ones stay as they are.
///
/// # Errors
/// An operator set before 13, or an operator whose meaning changed.
pub fn upgrade(model: &mut ModelProto) -> Result<(), UpgradeError> {
    let mut sets = model.opset_import.iter_mut();
    let Some(set) = sets.find(|set| matches!(set.domain.as_str(), "" | "ai.onnx")) else {
        return Err(UpgradeError::Opset { found: 0 });
    };
    if set.version >= OPSET_MIN {
        return Ok(());
    }
    if set.version < UPGRADED_MIN {
        return Err(UpgradeError::Opset { found: set.version });
    }
    let found = set.version;
    set.version = OPSET_MIN;
    let Some(graph) = &mut model.graph else { return Ok(()) };
    let mut taken = names(graph);
    let mut stored = Vec::new();
    for node in &mut graph.node {
        if !matches!(node.domain.as_str(), "" | "ai.onnx") {
            continue;
        }
        match node.op_type.as_str() {
            op if REDUCTIONS.contains(&op) => stored.extend(axes_to_input(node, &mut taken)),
            "Split" if node.input.len() < 2 => {
                let n = i64::try_from(node.output.len()).unwrap_or(i64::MAX);
                node.attribute.push(int("num_outputs", n));
            }
            "RoiAlign" if found < 16 => {
                let (op, node) = (node.op_type.clone(), node.name.clone());
                return Err(UpgradeError::Operator { op, node, since: 16 });
            }
            _ => {}
        }
    }
    graph.initializer.extend(stored);
    // The oldest file format that may hold operator set 18.
    model.ir_version = model.ir_version.max(8);
    Ok(())
}

fn axes_to_input(node: &mut NodeProto, taken: &mut HashSet<String>) -> Option<TensorProto> {
    let at = node.attribute.iter().position(|attribute| attribute.name == "axes")?;
    let axes = node.attribute.remove(at).ints;
    let name = fresh(taken, "axes");
    node.input.push(name.clone());
    Some(TensorProto {
        dims: vec![i64::try_from(axes.len()).unwrap_or(i64::MAX)],
        data_type: ElementType::I64.into(),
        name,
        raw_data: axes.iter().flat_map(|axis| axis.to_le_bytes()).collect(),
        ..TensorProto::default()
    })
}
