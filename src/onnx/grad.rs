//! Reverse-mode differentiation: nodes that compute gradients are added to the graph itself.
//!
//! One small rule an operator (after the operator's definition in the ONNX specification), each
//! held to finite differences by `tests/gradients.rs`. Rules emit standard operators only, so that
//! whatever runs the graph runs its gradient. Deliberately absent: second derivatives, and
//! guessing: an operator without a rule is an error that names it.

mod arithmetic;
mod conv;
mod linear;
mod normal;
mod reduce;
mod shape;

use std::collections::{HashMap, HashSet};

use super::builder::{BuildError, ElementType, GraphBuilder, Value};
use super::proto::NodeProto;

/// Why a graph cannot be differentiated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GradError {
    #[error(
        "operator {op} (node {node:?}) cannot be trained through; freeze what lies before it, or export the policy without it"
    )]
    Unknown { op: String, node: String },
    #[error("operator {op} (node {node:?}) cannot be trained through as it is used here: {reason}")]
    Unsupported { op: String, node: String, reason: String },
    #[error(transparent)]
    Build(#[from] BuildError),
}

/// A node with its tensors found.
struct Node {
    proto: NodeProto,
    inputs: Vec<Option<Value>>,
    outputs: Vec<Value>,
    /// Inputs whose gradient is asked for.
    is_needed: Vec<bool>,
}

/// Part of a gradient.
enum Part {
    Value(Value),
    /// `aᵀ b` of two matrices with equally many rows: parts of one gradient are stacked and
    /// multiplied once.
    Outer(Value, Value),
}

/// One part for each input, where it has one.
type Parts = Vec<Option<Part>>;

/// From the gradients of a node's outputs to those of its inputs.
type Rule = fn(&mut GraphBuilder, &Node, &[Option<Value>]) -> Result<Parts, GradError>;

/// Adds to `g` what computes the derivative of `loss` (one element) with respect to each of `wrt`.
/// A tensor that the loss does not depend on has none.
///
/// # Errors
/// An operator between them has no rule, or is used in a way its rule does not know.
pub fn differentiate(
    g: &mut GraphBuilder,
    loss: Value,
    wrt: &[Value],
) -> Result<Vec<Option<Value>>, GradError> {
    let nodes: Vec<NodeProto> = g.nodes().to_vec();
    let needed = needed(g, &nodes, wrt);
    let shape = g.shape(loss)?.to_vec();
    let one = g.constant(&shape, &vec![1.0; shape.iter().product()])?;
    let mut parts: HashMap<Value, Vec<Part>> = HashMap::from([(loss, vec![Part::Value(one)])]);
    g.scope("grad");
    for proto in nodes.into_iter().rev() {
        let outputs: Vec<_> = proto.output.iter().filter_map(|name| g.find(name)).collect();
        let is_used = |output: &Value| parts.contains_key(output) && needed.contains(output);
        if !outputs.iter().any(is_used) {
            continue;
        }
        let mut slopes = Vec::with_capacity(outputs.len());
        for output in &outputs {
            slopes.push(match parts.remove(output) {
                Some(list) => Some(sum(g, list)?),
                None => None,
            });
        }
        let inputs: Vec<_> = proto.input.iter().map(|name| g.find(name)).collect();
        let is_needed =
            inputs.iter().map(|input| input.is_some_and(|input| needed.contains(&input))).collect();
        let node = Node { proto, inputs, outputs, is_needed };
        let rule = rule(&node)?;
        let found = rule(g, &node, &slopes)?;
        for (input, part) in node.inputs.iter().zip(found) {
            if let (Some(input), Some(part)) = (input, part)
                && needed.contains(input)
            {
                parts.entry(*input).or_default().push(part);
            }
        }
    }
    let mut gradients = Vec::with_capacity(wrt.len());
    for value in wrt {
        gradients.push(match parts.remove(value) {
            Some(list) => Some(sum(g, list)?),
            None => None,
        });
    }
    g.scope("");
    Ok(gradients)
}

/// Tensors that depend on one of `wrt` in a way that has a slope.
fn needed(g: &GraphBuilder, nodes: &[NodeProto], wrt: &[Value]) -> HashSet<Value> {
    let mut needed: HashSet<Value> = wrt.iter().copied().collect();
    for node in nodes {
        let depends =
            node.input.iter().any(|name| g.find(name).is_some_and(|input| needed.contains(&input)));
        if depends {
            let outputs = node.output.iter().filter_map(|name| g.find(name));
            needed.extend(outputs.filter(|output| g.element(*output) == Ok(ElementType::F32)));
        }
    }
    needed
}

fn sum(g: &mut GraphBuilder, parts: Vec<Part>) -> Result<Value, GradError> {
    let mut total = None;
    let (mut left, mut right) = (Vec::new(), Vec::new());
    for part in parts {
        match part {
            Part::Value(value) => {
                total = Some(match total {
                    Some(total) => g.add(total, value)?,
                    None => value,
                });
            }
            Part::Outer(a, b) => {
                left.push(a);
                right.push(b);
            }
        }
    }
    // Nodes come last first: stacked in the order in which they run, the same stack is made once.
    left.reverse();
    right.reverse();
    if let (Some(a), Some(b)) = (stack(g, &left)?, stack(g, &right)?) {
        let turned = g.transpose(a, &[1, 0])?;
        let product = g.matmul(turned, b)?;
        total = Some(match total {
            Some(total) => g.add(total, product)?,
            None => product,
        });
    }
    total.ok_or_else(|| {
        let reason = "there is nothing to sum".to_owned();
        BuildError::Operator { op: "gradient", reason }.into()
    })
}

fn stack(g: &mut GraphBuilder, matrices: &[Value]) -> Result<Option<Value>, GradError> {
    Ok(match matrices {
        [] => None,
        [one] => Some(*one),
        many => Some(g.concat(many, 0)?),
    })
}

fn rule(node: &Node) -> Result<Rule, GradError> {
    let op = node.proto.op_type.as_str();
    let is_standard = matches!(node.proto.domain.as_str(), "" | "ai.onnx");
    let found = is_standard
        .then(|| {
            arithmetic::rule(op)
                .or_else(|| shape::rule(op))
                .or_else(|| linear::rule(op))
                .or_else(|| conv::rule(op))
                .or_else(|| reduce::rule(op))
                .or_else(|| normal::rule(op))
        })
        .flatten();
    found.ok_or_else(|| GradError::Unknown { op: op.to_owned(), node: node.proto.name.clone() })
}

impl Node {
    /// Input `i`, which must be there.
    fn input(&self, i: usize) -> Result<Value, GradError> {
        self.optional(i).ok_or_else(|| self.unsupported(&format!("it has no input {i}")))
    }

    fn optional(&self, i: usize) -> Option<Value> {
        self.inputs.get(i).copied().flatten()
    }

    fn output(&self) -> Result<Value, GradError> {
        let first = self.outputs.first().copied();
        first.ok_or_else(|| self.unsupported("it has no output"))
    }

    fn is_needed(&self, i: usize) -> bool {
        self.is_needed.get(i).copied().unwrap_or_default()
    }

    fn unsupported(&self, reason: &str) -> GradError {
        let (op, node) = (self.proto.op_type.clone(), self.proto.name.clone());
        GradError::Unsupported { op, node, reason: reason.to_owned() }
    }

    /// The axis that attribute `axis` names, counted from the front.
    fn axis(&self, default: i64, rank: usize) -> Result<usize, GradError> {
        self.place(self.proto.int("axis").unwrap_or(default), rank)
    }

    /// An axis that may be counted from the end, counted from the front.
    fn place(&self, axis: i64, rank: usize) -> Result<usize, GradError> {
        let rank_i = i64::try_from(rank).unwrap_or(i64::MAX);
        let from_front = if axis < 0 { axis + rank_i } else { axis };
        usize::try_from(from_front)
            .ok()
            .filter(|axis| *axis <= rank)
            .ok_or_else(|| self.unsupported(&format!("axis {axis} of {rank}")))
    }

    /// Integers given as input `i` or, in older operator sets, as an attribute.
    fn integers(
        &self,
        g: &GraphBuilder,
        i: usize,
        attribute: &str,
    ) -> Result<Option<Vec<i64>>, GradError> {
        if let Some(list) = self.proto.ints(attribute) {
            return Ok(Some(list.to_vec()));
        }
        match self.optional(i) {
            None => Ok(None),
            Some(value) => match g.known(value) {
                Some(known) => Ok(Some(known.to_vec())),
                None => Err(self.unsupported(&format!("its {attribute} depend on what is fed"))),
            },
        }
    }
}

/// The slope of a node's only output.
fn only(node: &Node, slopes: &[Option<Value>]) -> Result<Value, GradError> {
    let first = slopes.first().copied().flatten();
    first.ok_or_else(|| node.unsupported("its first output is not what the loss depends on"))
}

fn one(part: Value) -> Parts {
    vec![Some(Part::Value(part))]
}

/// Sums each slope down to its input's shape, where it is needed.
fn fit(g: &mut GraphBuilder, node: &Node, slopes: &[(usize, Value)]) -> Result<Parts, GradError> {
    let mut parts: Parts = node.inputs.iter().map(|_| None).collect();
    for (i, slope) in slopes {
        if node.is_needed(*i) {
            let shape = g.shape(node.input(*i)?)?.to_vec();
            let summed = g.sum_to(*slope, &shape)?;
            if let Some(part) = parts.get_mut(*i) {
                *part = Some(Part::Value(summed));
            }
        }
    }
    Ok(parts)
}
