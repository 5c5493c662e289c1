//! A recurrent graph laid out over time, so that it can be trained on whole windows.
//!
//! What does not depend on the carried state runs once on the pictures of all steps together; only
//! the nodes between the state that comes in and the state that goes out are repeated, one copy a
//! step; what follows them runs once again on all steps. Steps lie one after the other along the
//! first axis: rows `t * n .. (t + 1) * n` are step `t` of `n` sequences.

use std::collections::{HashMap, HashSet};

use super::foreign::OPSET_MIN;
use super::node::int;
use super::proto::{GraphProto, ModelProto, NodeProto, ValueInfoProto};

/// An output that is the input of the next step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carry {
    pub input: String,
    pub output: String,
}

/// Why a graph cannot be unrolled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnrollError {
    #[error("the graph has no {kind} {name:?} to carry state")]
    Missing { kind: &'static str, name: String },
    #[error(
        "the graph imports operator set {found}; training needs {OPSET_MIN} or newer; upgrade it first, or export it again"
    )]
    Opset { found: i64 },
}

/// `model` over `steps` steps. Inputs keep their names: those of `carries` take the state before
/// the first step, the others all steps. Outputs give all steps, states included.
///
/// # Errors
/// A carried tensor that the graph does not have, or an operator set that is too old.
pub fn unroll(
    model: &ModelProto,
    carries: &[Carry],
    steps: usize,
) -> Result<ModelProto, UnrollError> {
    let mut model = model.clone();
    if carries.is_empty() {
        return Ok(model);
    }
    let set = model.opset_import.iter().find(|set| set.domain.is_empty());
    let found = set.map_or(0, |set| set.version);
    if found < OPSET_MIN {
        return Err(UnrollError::Opset { found });
    }
    let graph = model.graph.take().unwrap_or_default();
    let missing = |kind, name: &str| UnrollError::Missing { kind, name: name.to_owned() };
    for carry in carries {
        let has = |list: &[ValueInfoProto], name: &str| list.iter().any(|info| info.name == name);
        if !has(&graph.input, &carry.input) {
            return Err(missing("input", &carry.input));
        }
        if !has(&graph.output, &carry.output) {
            return Err(missing("output", &carry.output));
        }
    }
    let mut unroller = Unroller::new(&graph, carries, steps);
    for node in &graph.node {
        unroller.add(node);
    }
    let node = unroller.finish(&graph);
    // Sizes of values inside are those of one step, and wrong now.
    model.graph = Some(GraphProto { node, value_info: Vec::new(), ..graph });
    Ok(model)
}

struct Unroller<'a> {
    carries: &'a [Carry],
    steps: usize,
    /// Depends on the carried state.
    after: HashSet<String>,
    /// The next state depends on it.
    before: HashSet<String>,
    /// Depends on any input: its rows are steps.
    fed: HashSet<String>,
    /// Cut into steps already.
    cut: HashSet<String>,
    /// Joined from steps already.
    joined: HashSet<String>,
    /// What comes before, between, and behind the repeated nodes.
    pre: Vec<NodeProto>,
    core: Vec<NodeProto>,
    post: Vec<NodeProto>,
}

impl<'a> Unroller<'a> {
    fn new(graph: &GraphProto, carries: &'a [Carry], steps: usize) -> Self {
        let mut after: HashSet<_> = carries.iter().map(|carry| carry.input.clone()).collect();
        let mut fed: HashSet<_> = graph.input.iter().map(|input| input.name.clone()).collect();
        for tensor in &graph.initializer {
            fed.remove(&tensor.name);
        }
        for node in &graph.node {
            for set in [&mut after, &mut fed] {
                if node.input.iter().any(|input| set.contains(input)) {
                    set.extend(node.output.iter().cloned());
                }
            }
        }
        let mut before: HashSet<_> = carries.iter().map(|carry| carry.output.clone()).collect();
        for node in graph.node.iter().rev() {
            if node.output.iter().any(|output| before.contains(output)) {
                before.extend(node.input.iter().cloned());
            }
        }
        let (cut, joined) = (HashSet::new(), HashSet::new());
        let (pre, core, post) = (Vec::new(), Vec::new(), Vec::new());
        Self { carries, steps, after, before, fed, cut, joined, pre, core, post }
    }

    fn add(&mut self, node: &NodeProto) {
        let is = |set: &HashSet<String>| node.output.iter().any(|output| set.contains(output));
        match (is(&self.after), is(&self.before)) {
            (false, _) => self.pre.push(node.clone()),
            // Kept for later: its copies are made step by step.
            (true, true) => self.core.push(node.clone()),
            (true, false) => {
                for input in &node.input {
                    self.join(input);
                }
                self.post.push(node.clone());
            }
        }
    }

    /// All nodes, in an order in which they can run.
    fn finish(mut self, graph: &GraphProto) -> Vec<NodeProto> {
        let core = std::mem::take(&mut self.core);
        for input in core.iter().flat_map(|node| &node.input) {
            if self.fed.contains(input) && !self.after.contains(input) {
                self.cut(input);
            }
        }
        let mut inside = HashMap::new();
        for carry in self.carries {
            inside.insert(carry.input.clone(), carry.input.clone());
            // A next state that does not depend on the last one.
            if !self.after.contains(&carry.output) {
                self.cut(&carry.output);
            }
        }
        let mut repeated = Vec::with_capacity(core.len() * self.steps);
        for step in 0..self.steps {
            for node in &core {
                repeated.push(self.copy(node, step, &inside));
            }
            let next = self.carries.iter();
            inside = next.map(|carry| (carry.input.clone(), at(&carry.output, step))).collect();
        }
        for output in &graph.output {
            self.join(&output.name);
        }
        let mut nodes = self.pre;
        nodes.extend(repeated);
        // What joins the steps must come before what uses them together.
        let (joins, rest): (Vec<_>, Vec<_>) =
            self.post.into_iter().partition(|node| node.name.starts_with(JOIN));
        nodes.extend(joins);
        nodes.extend(rest);
        nodes
    }

    fn copy(&self, node: &NodeProto, step: usize, state: &HashMap<String, String>) -> NodeProto {
        let mut copy = node.clone();
        copy.name = at(&node.name, step);
        for input in &mut copy.input {
            if let Some(now) = state.get(input) {
                input.clone_from(now);
            } else if self.fed.contains(input) {
                *input = at(input, step);
            }
        }
        for output in &mut copy.output {
            *output = at(output, step);
        }
        copy
    }

    /// Cuts a tensor of all steps into one for each.
    fn cut(&mut self, name: &str) {
        if self.cut.insert(name.to_owned()) {
            self.pre.push(NodeProto {
                input: vec![name.to_owned()],
                output: (0..self.steps).map(|step| at(name, step)).collect(),
                name: format!("steps of {name}"),
                op_type: "Split".to_owned(),
                attribute: vec![
                    int("axis", 0),
                    int("num_outputs", i64::try_from(self.steps).unwrap_or(i64::MAX)),
                ],
                ..NodeProto::default()
            });
        }
    }

    /// Joins what the repeated nodes give, for whoever uses all steps together.
    fn join(&mut self, name: &str) {
        let is_core = self.after.contains(name) && self.before.contains(name);
        if !is_core || !self.joined.insert(name.to_owned()) {
            return;
        }
        let carry = self.carries.iter().find(|carry| carry.input == name);
        let part = |step: usize| match (carry, step) {
            (Some(carry), 0) => carry.input.clone(),
            (Some(carry), step) => at(&carry.output, step - 1),
            (None, step) => at(name, step),
        };
        self.post.push(NodeProto {
            input: (0..self.steps).map(part).collect(),
            output: vec![name.to_owned()],
            name: format!("{JOIN}{name}"),
            op_type: "Concat".to_owned(),
            attribute: vec![int("axis", 0)],
            ..NodeProto::default()
        });
    }
}

const JOIN: &str = "all steps of ";

fn at(name: &str, step: usize) -> String {
    format!("{name}@{step}")
}
