//! LSTM and GRU nodes laid out in the operators that they consist of, so that they can be trained
//! through (definitions: ONNX operator specification, LSTM-14 and GRU-14).
//!
//! Only the graph that trains is laid out, and only where weights are trained; the file that is
//! deployed keeps its nodes. All steps meet the input weights in one product, each step the
//! recurrent ones in one more, and the slopes of both are again one product each over all steps.
//! Deliberately absent: peepholes, clipping, other activations, and sequences of unequal length.

use std::collections::HashMap;

use super::builder::{BuildError, GraphBuilder, Value};
use super::proto::NodeProto;

/// Lays out recurrent nodes; weights that several nodes share are taken apart once.
#[derive(Debug, Default)]
pub(super) struct Layout {
    /// A stored tensor cut into its directions.
    cut: HashMap<Value, Vec<Value>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Lstm,
    Gru {
        /// Resets the state after the product with its weights, not before it.
        is_reset_late: bool,
    },
}

/// One direction of a node with its tensors.
struct Direction {
    /// Rows: step by step, all sequences.
    x: Value,
    weight: Value,
    state_weight: Value,
    /// Of the input and of the state.
    biases: Option<(Value, Value)>,
    first: Option<Value>,
    first_cell: Option<Value>,
    /// Steps, sequences, width of the state.
    size: [usize; 3],
    is_backward: bool,
}

/// What a direction comes to: the states of all steps in the order of time, the last ones.
struct Outcome {
    states: Vec<Value>,
    last: Value,
    last_cell: Option<Value>,
}

/// Whether `node` is one that [`Layout`] knows.
pub(super) fn is_recurrent(node: &NodeProto) -> bool {
    kind(node).is_some()
}

fn kind(node: &NodeProto) -> Option<Kind> {
    let is_standard = matches!(node.domain.as_str(), "" | "ai.onnx");
    let is_reset_late = node.int("linear_before_reset").unwrap_or_default() != 0;
    match node.op_type.as_str() {
        "LSTM" if is_standard => Some(Kind::Lstm),
        "GRU" if is_standard => Some(Kind::Gru { is_reset_late }),
        _ => None,
    }
}

impl Kind {
    const fn op(self) -> &'static str {
        match self {
            Self::Lstm => "LSTM",
            Self::Gru { .. } => "GRU",
        }
    }

    /// Parts of the weights, one below the other.
    const fn gates(self) -> usize {
        match self {
            Self::Lstm => 4,
            Self::Gru { .. } => 3,
        }
    }

    const fn activations(self) -> &'static [&'static str] {
        match self {
            Self::Lstm => &["sigmoid", "tanh", "tanh"],
            Self::Gru { .. } => &["sigmoid", "tanh"],
        }
    }
}

impl Layout {
    /// Adds to `g` what `node` computes; its outputs keep their names.
    ///
    /// # Errors
    /// It is used in a way that is not known; the error names it.
    pub(super) fn add(&mut self, g: &mut GraphBuilder, node: &NodeProto) -> Result<(), BuildError> {
        let Some(kind) = kind(node) else { return Err(refused("LSTM", node, "it is neither")) };
        check(kind, node)?;
        g.scope(&format!("steps of {}", node.name));
        let (size, directions) = self.directions(g, kind, node)?;
        let mut outcomes = Vec::with_capacity(directions.len());
        for direction in &directions {
            outcomes.push(match kind {
                Kind::Lstm => direction.lstm(g)?,
                Kind::Gru { is_reset_late } => direction.gru(g, is_reset_late)?,
            });
        }
        finish(g, node, &outcomes, size)?;
        g.scope("");
        Ok(())
    }

    fn directions(
        &mut self,
        g: &mut GraphBuilder,
        kind: Kind,
        node: &NodeProto,
    ) -> Result<([usize; 3], Vec<Direction>), BuildError> {
        let input = |g: &GraphBuilder, i: usize| node.input.get(i).and_then(|name| g.find(name));
        let needed = |g: &GraphBuilder, i: usize| {
            input(g, i).ok_or_else(|| refused(kind.op(), node, &format!("it has no input {i}")))
        };
        let (x, weight, state_weight) = (needed(g, 0)?, needed(g, 1)?, needed(g, 2)?);
        let (from, widths) = (g.shape(x)?.to_vec(), g.shape(state_weight)?.to_vec());
        let (&[steps, n, n_in], &[_, _, width]) = (from.as_slice(), widths.as_slice()) else {
            return Err(refused(kind.op(), node, &format!("its input is {from:?}")));
        };
        let is_backward: &[bool] = match node.text("direction") {
            Some("reverse") => &[true],
            Some("bidirectional") => &[false, true],
            _ => &[false],
        };
        let rows = kind.gates() * width;
        let x = g.reshape(x, &[steps * n, n_in])?;
        let weights = self.cut(g, weight, is_backward.len(), &[rows, n_in])?;
        let state_weights = self.cut(g, state_weight, is_backward.len(), &[rows, width])?;
        let mut optional = |g: &mut GraphBuilder, i: usize, shape: &[usize]| match input(g, i) {
            Some(value) => self.cut(g, value, is_backward.len(), shape),
            None => Ok(Vec::new()),
        };
        let biases = optional(g, 3, &[2 * rows])?;
        let firsts = optional(g, 5, &[n, width])?;
        let cells = if kind == Kind::Lstm { optional(g, 6, &[n, width])? } else { Vec::new() };
        let mut directions = Vec::with_capacity(is_backward.len());
        for (i, is_backward) in is_backward.iter().enumerate() {
            let biases = match biases.get(i) {
                None => None,
                Some(both) => self.halves(g, *both, rows)?,
            };
            directions.push(Direction {
                x,
                weight: weights[i],
                state_weight: state_weights[i],
                biases,
                first: firsts.get(i).copied(),
                first_cell: cells.get(i).copied(),
                size: [steps, n, width],
                is_backward: *is_backward,
            });
        }
        Ok(([steps, n, width], directions))
    }

    /// `value` [directions, ..], each direction in `shape`.
    fn cut(
        &mut self,
        g: &mut GraphBuilder,
        value: Value,
        n: usize,
        shape: &[usize],
    ) -> Result<Vec<Value>, BuildError> {
        if let Some(known) = self.cut.get(&value) {
            return Ok(known.clone());
        }
        let parts = if n == 1 { vec![value] } else { g.split(value, 0, &vec![1; n])? };
        let mut each = Vec::with_capacity(n);
        for part in parts {
            each.push(g.reshape(part, shape)?);
        }
        self.cut.insert(value, each.clone());
        Ok(each)
    }

    fn halves(
        &mut self,
        g: &mut GraphBuilder,
        both: Value,
        size: usize,
    ) -> Result<Option<(Value, Value)>, BuildError> {
        let halves = match self.cut.get(&both) {
            Some(known) => known.clone(),
            None => g.split(both, 0, &[size, size])?,
        };
        let pair = match halves.as_slice() {
            [first, second] => Some((*first, *second)),
            _ => None,
        };
        self.cut.insert(both, halves);
        Ok(pair)
    }
}

fn check(kind: Kind, node: &NodeProto) -> Result<(), BuildError> {
    let has = |i: usize| node.input.get(i).is_some_and(|name| !name.is_empty());
    let is_on = |name: &str| node.int(name).unwrap_or_default() != 0;
    let refuse = |reason: &str| Err(refused(kind.op(), node, reason));
    if has(7) {
        return refuse("it has peepholes");
    }
    if has(4) {
        return refuse("its sequences have lengths of their own");
    }
    if node.float("clip").is_some() {
        return refuse("it clips");
    }
    if is_on("input_forget") {
        return refuse("its input and forget gates are one");
    }
    if is_on("layout") {
        return refuse("its first axis is the sequences, not the steps");
    }
    let names = node.texts("activations").unwrap_or_default();
    let usual = kind.activations().iter().cycle();
    if let Some((other, _)) = names.iter().zip(usual).find(|(a, b)| !a.eq_ignore_ascii_case(b)) {
        return refuse(&format!("its activation {other} is not the usual one"));
    }
    Ok(())
}

fn refused(op: &'static str, node: &NodeProto, reason: &str) -> BuildError {
    let reason = format!(
        "node {:?} cannot be trained through: {reason}; freeze what lies before it and its \
         weights, or export the policy without it",
        node.name
    );
    BuildError::Operator { op, reason }
}

/// Declares the node's outputs: all states [steps, directions, n, width], the last ones
/// [directions, n, width].
fn finish(
    g: &mut GraphBuilder,
    node: &NodeProto,
    outcomes: &[Outcome],
    [steps, n, width]: [usize; 3],
) -> Result<(), BuildError> {
    let name = |i: usize| node.output.get(i).filter(|name| !name.is_empty());
    if let Some(name) = name(0) {
        let mut all = Vec::with_capacity(outcomes.len());
        for outcome in outcomes {
            let rows = g.concat(&outcome.states, 0)?;
            all.push(g.reshape(rows, &[steps, 1, n, width])?);
        }
        let all = g.concat(&all, 1)?;
        g.named(all, name)?;
    }
    let lasts = [
        (1, outcomes.iter().map(|outcome| Some(outcome.last)).collect::<Option<Vec<_>>>()),
        (2, outcomes.iter().map(|outcome| outcome.last_cell).collect()),
    ];
    for (i, lasts) in lasts {
        if let (Some(name), Some(lasts)) = (name(i), lasts) {
            let last = g.concat(&lasts, 0)?;
            let last = g.reshape(last, &[outcomes.len(), n, width])?;
            g.named(last, name)?;
        }
    }
    Ok(())
}

impl Direction {
    /// The input's part of each step [n, rows], in the order in which they are run.
    fn seen(&self, g: &mut GraphBuilder, bias: Option<Value>) -> Result<Vec<Value>, BuildError> {
        let [steps, n, _] = self.size;
        let all = g.gemm_turned(self.x, self.weight, bias)?;
        let mut each = if steps == 1 { vec![all] } else { g.split(all, 0, &vec![n; steps])? };
        if self.is_backward {
            each.reverse();
        }
        Ok(each)
    }

    fn outcome(&self, mut states: Vec<Value>, last: Value, last_cell: Option<Value>) -> Outcome {
        if self.is_backward {
            states.reverse();
        }
        Outcome { states, last, last_cell }
    }

    /// A state of zeros.
    fn zeros(&self, g: &mut GraphBuilder) -> Result<Value, BuildError> {
        let [_, n, width] = self.size;
        let zero = g.constant(&[1, 1], &[0.0])?;
        g.expand(zero, &[n, width])
    }

    /// Gates in the order input, output, forget, cell:
    /// `c' = f * c + i * tanh(g)`, `h' = o * tanh(c')`.
    fn lstm(&self, g: &mut GraphBuilder) -> Result<Outcome, BuildError> {
        let width = self.size[2];
        let bias = match self.biases {
            Some((seen, kept)) => Some(g.add(seen, kept)?),
            None => None,
        };
        let (mut h, mut c) = (self.first, self.first_cell);
        let mut states = Vec::with_capacity(self.size[0]);
        for seen in self.seen(g, bias)? {
            let all = match h {
                Some(h) => g.gemm_turned(h, self.state_weight, Some(seen))?,
                None => seen,
            };
            let parts = g.split(all, 1, &[3 * width, width])?;
            let gates = g.sigmoid(parts[0])?;
            let gates = g.split(gates, 1, &[width; 3])?;
            let new = g.tanh(parts[1])?;
            let new = g.mul(gates[0], new)?;
            let cell = match c {
                Some(c) => {
                    let kept = g.mul(gates[2], c)?;
                    g.add(kept, new)?
                }
                None => new,
            };
            let shown = g.tanh(cell)?;
            let state = g.mul(gates[1], shown)?;
            states.push(state);
            (h, c) = (Some(state), Some(cell));
        }
        let (last, cell) = match (h, c) {
            (Some(h), Some(c)) => (h, c),
            _ => (self.zeros(g)?, self.zeros(g)?),
        };
        Ok(self.outcome(states, last, Some(cell)))
    }

    /// Gates in the order update, reset, new: `h' = n + z * (h - n)`, where `n` is
    /// `tanh(x W + b + r * (h R + d))`, or `tanh(x W + b + (r * h) R + d)`.
    fn gru(&self, g: &mut GraphBuilder, is_reset_late: bool) -> Result<Outcome, BuildError> {
        let width = self.size[2];
        let (bias, state_bias) = self.gru_biases(g, is_reset_late)?;
        let weights = g.split(self.state_weight, 0, &[2 * width, width])?;
        let mut h = match self.first {
            Some(first) => first,
            None => self.zeros(g)?,
        };
        let mut states = Vec::with_capacity(self.size[0]);
        for seen in self.seen(g, bias)? {
            let parts = g.split(seen, 1, &[2 * width, width])?;
            let (gates, kept) = if is_reset_late {
                let kept = g.gemm_turned(h, self.state_weight, state_bias)?;
                let kept = g.split(kept, 1, &[2 * width, width])?;
                (g.add(parts[0], kept[0])?, Some(kept[1]))
            } else {
                (g.gemm_turned(h, weights[0], Some(parts[0]))?, None)
            };
            let gates = g.sigmoid(gates)?;
            let gates = g.split(gates, 1, &[width; 2])?;
            let new = if let Some(kept) = kept {
                let kept = g.mul(gates[1], kept)?;
                g.add(parts[1], kept)?
            } else {
                let kept = g.mul(gates[1], h)?;
                g.gemm_turned(kept, weights[1], Some(parts[1]))?
            };
            let new = g.tanh(new)?;
            let change = g.sub(h, new)?;
            let change = g.mul(gates[0], change)?;
            h = g.add(new, change)?;
            states.push(h);
        }
        Ok(self.outcome(states, h, None))
    }

    /// What is added to the input's part and to the state's. The state's can go with the input's,
    /// except where the reset gate scales it.
    fn gru_biases(
        &self,
        g: &mut GraphBuilder,
        is_reset_late: bool,
    ) -> Result<(Option<Value>, Option<Value>), BuildError> {
        Ok(match self.biases {
            None => (None, None),
            Some((seen, kept)) if is_reset_late => (Some(seen), Some(kept)),
            Some((seen, kept)) => (Some(g.add(seen, kept)?), None),
        })
    }
}
