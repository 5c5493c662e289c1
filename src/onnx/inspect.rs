//! Judges an ONNX file before ONNX Runtime sees it: is it one, which operator sets does it want.

use prost::Message;

use super::proto::ModelHeader;

/// Newest standard operator set ONNX Runtime 1.24 (the oldest library accepted) runs.
pub const OPSET_MAX: i64 = 24;
/// Oldest standard operator set accepted; earlier ones have operators of other meanings.
pub const OPSET_MIN: i64 = 11;
/// Operator domains every ONNX Runtime has built in.
const DOMAINS: [&str; 4] = ["", "ai.onnx", "ai.onnx.ml", "com.microsoft"];

/// Why a file is not a graph that can be run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InspectError {
    #[error("it is not an ONNX file: {0}")]
    Format(String),
    #[error("it imports no standard operator set")]
    NoOpset,
    #[error("it uses operator set {found}, known are {OPSET_MIN} to {OPSET_MAX}; export it again")]
    Opset { found: i64 },
    #[error(
        "node {node:?} is the operator {op} of the unknown domain {domain:?}; only operators built into ONNX Runtime can run"
    )]
    Domain { domain: String, op: String, node: String },
}

/// The version of the standard operator set that `model` (the bytes of an `.onnx` file) imports.
///
/// # Errors
/// The file is damaged, wants a foreign operator set, or has a node of an unknown domain.
pub fn opset(model: &[u8]) -> Result<i64, InspectError> {
    let header =
        ModelHeader::decode(model).map_err(|error| InspectError::Format(error.to_string()))?;
    let Some(graph) = header.graph else {
        return Err(InspectError::Format("it holds no graph".to_owned()));
    };
    let is_known = |domain: &str| DOMAINS.contains(&domain);
    if let Some(node) = graph.node.into_iter().find(|node| !is_known(&node.domain)) {
        let (domain, op, node) = (node.domain, node.op_type, node.name);
        return Err(InspectError::Domain { domain, op, node });
    }
    let is_standard = |domain: &str| domain.is_empty() || domain == "ai.onnx";
    let import = header.opset_import.iter().find(|import| is_standard(&import.domain));
    let found = import.ok_or(InspectError::NoOpset)?.version;
    if (OPSET_MIN..=OPSET_MAX).contains(&found) {
        Ok(found)
    } else {
        Err(InspectError::Opset { found })
    }
}
