//! Writes ONNX graphs: every operator checks the types and shapes of what it is given when the
//! graph is built.
//!
//! A graph is made of [`Value`]s, each with an element type and a static
//! [`shape`](GraphBuilder::shape). The same calls give the same bytes: names count up per operator,
//! nothing depends on hashing or time. Deliberately absent: sub-graphs, operators nobody uses, and
//! symbolic dimensions but for one: an input of [items](GraphBuilder::items_input) is any number of
//! them.

mod import;
mod layers;
mod linear;
mod ops;
mod tensor;

use std::collections::{BTreeMap, HashMap, HashSet};

use prost::Message;

use super::node::{float, int, ints, text};
pub use super::proto::ElementType;
use super::proto::{
    AttributeProto, DimensionProto, DimensionValue, GraphProto, ModelProto, NodeProto,
    OperatorSetIdProto, TensorProto, TensorShapeProto, TensorTypeProto, TypeProto, ValueInfoProto,
};

pub use layers::{Init, Layers};
pub use linear::Window;

/// The operator set every built graph imports; ONNX Runtime 1.18 and later run it.
pub const OPSET: i64 = 21;
/// The file format that goes with [`OPSET`].
const IR_VERSION: i64 = 10;

/// One tensor of a graph under construction; belongs to the builder that made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Value(usize);

/// What an elementwise operator takes: a tensor of the graph, or a number that becomes a shared
/// `f32` constant.
#[derive(Clone, Copy, Debug)]
pub enum Operand {
    Value(Value),
    Number(f32),
}

impl From<Value> for Operand {
    fn from(value: Value) -> Self {
        Self::Value(value)
    }
}

impl From<f32> for Operand {
    fn from(number: f32) -> Self {
        Self::Number(number)
    }
}

/// Why a graph cannot be built. Each names the operator or the tensor.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    #[error("{op}: {reason}")]
    Operator { op: &'static str, reason: String },
    #[error("the name {name:?} is used twice in graph {graph:?}")]
    Duplicate { graph: String, name: String },
    #[error(
        "initialiser {name:?} of shape {shape:?} needs {expected} elements, {found} were given"
    )]
    Data { name: String, shape: Vec<usize>, expected: usize, found: usize },
    #[error("a tensor of another graph was used in graph {graph:?}")]
    Foreign { graph: String },
}

#[derive(Clone, Debug)]
struct Info {
    name: String,
    element: ElementType,
    shape: Vec<usize>,
    /// The first dimension is any number of items; `shape` says one.
    is_items: bool,
}

/// Name of the dimension that is any number of items.
const ITEMS: &str = "batch";

/// A graph under construction.
#[derive(Debug)]
pub struct GraphBuilder {
    name: String,
    /// Prefix of the names of the nodes that follow.
    scope: String,
    values: Vec<Info>,
    names: HashMap<String, Value>,
    inputs: Vec<Value>,
    outputs: Vec<Value>,
    nodes: Vec<NodeProto>,
    node_names: HashSet<String>,
    initializers: Vec<TensorProto>,
    /// Nodes so far of each scoped operator, for stable names.
    counts: BTreeMap<String, usize>,
    /// Constants by element type, shape and bytes, so that equal ones are stored once.
    constants: HashMap<(ElementType, Vec<usize>, Vec<u8>), Value>,
    /// Integers whose values are known: shapes, axes, indices.
    known: HashMap<Value, Vec<i64>>,
    opset: i64,
}

impl GraphBuilder {
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            scope: String::new(),
            values: Vec::new(),
            names: HashMap::new(),
            inputs: Vec::new(),
            outputs: Vec::new(),
            nodes: Vec::new(),
            node_names: HashSet::new(),
            initializers: Vec::new(),
            counts: BTreeMap::new(),
            constants: HashMap::new(),
            known: HashMap::new(),
            opset: OPSET,
        }
    }

    /// Nodes added from here on are named `scope/…`; an empty scope ends it.
    pub fn scope(&mut self, scope: &str) {
        scope.clone_into(&mut self.scope);
    }

    /// Declares a graph input.
    pub fn input(
        &mut self,
        name: &str,
        element: ElementType,
        shape: &[usize],
    ) -> Result<Value, BuildError> {
        let value = self.declare(name, element, shape)?;
        self.inputs.push(value);
        Ok(value)
    }

    /// Declares an input of any number of items, each of shape `item`. The graph is built for one;
    /// operators that keep the items apart hold for any number
    /// ([`reshape_items`](Self::reshape_items)).
    pub fn items_input(
        &mut self,
        name: &str,
        element: ElementType,
        item: &[usize],
    ) -> Result<Value, BuildError> {
        let value = self.input(name, element, &[&[1], item].concat())?;
        self.mark_items(value);
        Ok(value)
    }

    /// Declares `value`, whose first dimension counts the items, an output called `name`.
    pub fn items_output(&mut self, name: &str, value: Value) -> Result<(), BuildError> {
        self.output(name, value)?;
        if let Some(output) = self.outputs.last().copied() {
            self.mark_items(output);
        }
        Ok(())
    }

    fn mark_items(&mut self, value: Value) {
        if let Some(info) = self.values.get_mut(value.0) {
            info.is_items = true;
        }
    }

    /// A named `f32` tensor stored in the file: a weight.
    pub fn initializer(
        &mut self,
        name: &str,
        shape: &[usize],
        data: &[f32],
    ) -> Result<Value, BuildError> {
        let raw: Vec<u8> = data.iter().flat_map(|number| number.to_le_bytes()).collect();
        self.store(name, ElementType::F32, shape, data.len(), raw)
    }

    /// An unnamed `f32` constant; equal ones are stored once.
    pub fn constant(&mut self, shape: &[usize], data: &[f32]) -> Result<Value, BuildError> {
        let raw: Vec<u8> = data.iter().flat_map(|number| number.to_le_bytes()).collect();
        self.shared(ElementType::F32, shape, data.len(), raw)
    }

    /// Declares `value` a graph output called `name`.
    ///
    /// # Errors
    /// The name is taken, or the value is of another graph.
    pub fn output(&mut self, name: &str, value: Value) -> Result<(), BuildError> {
        self.named(value, name)?;
        self.outputs.extend(self.find(name));
        Ok(())
    }

    /// Dimensions of `value`; empty for a scalar.
    pub fn shape(&self, value: Value) -> Result<&[usize], BuildError> {
        Ok(&self.info(value)?.shape)
    }

    pub fn element(&self, value: Value) -> Result<ElementType, BuildError> {
        Ok(self.info(value)?.element)
    }

    pub fn name(&self, value: Value) -> Result<&str, BuildError> {
        Ok(&self.info(value)?.name)
    }

    /// Gives `value` a name of its own, by which it is found in the finished graph.
    pub fn named(&mut self, value: Value, name: &str) -> Result<(), BuildError> {
        let Info { name: from, element, shape, .. } = self.info(value)?.clone();
        self.declare(name, element, &shape)?;
        let node = self.next_name("Identity");
        self.push_node("Identity", &node, vec![from], vec![name.to_owned()], Vec::new());
        Ok(())
    }

    /// The tensor called `name`, if there is one.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<Value> {
        self.names.get(name).copied()
    }

    /// The integers in `value`, where they are known when the graph is built.
    #[must_use]
    pub fn known(&self, value: Value) -> Option<&[i64]> {
        self.known.get(&value).map(Vec::as_slice)
    }

    /// Names of the weights, in the order they were made.
    #[must_use]
    pub fn weights(&self) -> Vec<String> {
        let is_shared = |name: &str| {
            self.names.get(name).is_some_and(|value| self.constants.values().any(|c| c == value))
        };
        let names = self.initializers.iter().map(|tensor| &tensor.name);
        names.filter(|name| !is_shared(name)).cloned().collect()
    }

    /// The nodes so far, in an order in which they can run.
    #[must_use]
    pub fn nodes(&self) -> &[NodeProto] {
        &self.nodes
    }

    /// The finished model.
    #[must_use]
    pub fn finish(self, doc: &str) -> ModelProto {
        let describe = |value: &Value| self.values.get(value.0).map(value_info);
        let graph = GraphProto {
            input: self.inputs.iter().filter_map(describe).collect(),
            output: self.outputs.iter().filter_map(describe).collect(),
            name: self.name,
            node: self.nodes,
            initializer: self.initializers,
            ..GraphProto::default()
        };
        ModelProto {
            ir_version: IR_VERSION,
            producer_name: "pilothouse".to_owned(),
            doc_string: doc.to_owned(),
            graph: Some(graph),
            opset_import: vec![OperatorSetIdProto { domain: String::new(), version: self.opset }],
            ..ModelProto::default()
        }
    }

    /// The finished model as the bytes of an `.onnx` file.
    #[must_use]
    pub fn finish_bytes(self, doc: &str) -> Vec<u8> {
        self.finish(doc).encode_to_vec()
    }

    fn info(&self, value: Value) -> Result<&Info, BuildError> {
        self.values.get(value.0).ok_or_else(|| BuildError::Foreign { graph: self.name.clone() })
    }

    fn declare(
        &mut self,
        name: &str,
        element: ElementType,
        shape: &[usize],
    ) -> Result<Value, BuildError> {
        let value = Value(self.values.len());
        if self.names.contains_key(name) {
            return Err(BuildError::Duplicate { graph: self.name.clone(), name: name.to_owned() });
        }
        self.names.insert(name.to_owned(), value);
        let (name, shape) = (name.to_owned(), shape.to_vec());
        self.values.push(Info { name, element, shape, is_items: false });
        Ok(value)
    }

    fn store(
        &mut self,
        name: &str,
        element: ElementType,
        shape: &[usize],
        n_elements: usize,
        raw_data: Vec<u8>,
    ) -> Result<Value, BuildError> {
        let expected = shape.iter().product();
        if expected != n_elements {
            return Err(BuildError::Data {
                name: name.to_owned(),
                shape: shape.to_vec(),
                expected,
                found: n_elements,
            });
        }
        let value = self.declare(name, element, shape)?;
        self.initializers.push(TensorProto {
            dims: dims_of(shape),
            data_type: element.into(),
            name: name.to_owned(),
            raw_data,
            ..TensorProto::default()
        });
        Ok(value)
    }

    fn shared(
        &mut self,
        element: ElementType,
        shape: &[usize],
        n_elements: usize,
        raw: Vec<u8>,
    ) -> Result<Value, BuildError> {
        let key = (element, shape.to_vec(), raw);
        if let Some(value) = self.constants.get(&key) {
            return Ok(*value);
        }
        // A graph that was taken over has constants of its own.
        let mut number = self.constants.len();
        while self.names.contains_key(&format!("constant_{number}")) {
            number += 1;
        }
        let name = format!("constant_{number}");
        let value = self.store(&name, element, shape, n_elements, key.2.clone())?;
        self.constants.insert(key, value);
        Ok(value)
    }

    /// A shared `int64` vector, as shapes and axes are given to operators.
    fn indices(&mut self, data: &[i64]) -> Result<Value, BuildError> {
        let raw = data.iter().flat_map(|number| number.to_le_bytes()).collect();
        let value = self.shared(ElementType::I64, &[data.len()], data.len(), raw)?;
        self.known.insert(value, data.to_vec());
        Ok(value)
    }

    fn operand(&mut self, operand: Operand) -> Result<Value, BuildError> {
        match operand {
            Operand::Value(value) => Ok(value),
            Operand::Number(number) => self.constant(&[], &[number]),
        }
    }

    /// Adds a node with one output of the given type.
    fn node(
        &mut self,
        op: &str,
        inputs: &[Value],
        attributes: Vec<AttributeProto>,
        output: (ElementType, Vec<usize>),
    ) -> Result<Value, BuildError> {
        let inputs: Vec<_> = inputs.iter().copied().map(Some).collect();
        let outputs = self.node_of(op, &inputs, attributes, vec![output])?;
        outputs.first().copied().ok_or_else(|| BuildError::Foreign { graph: self.name.clone() })
    }

    /// Adds a node whose optional inputs may be left out, with an output for each type given.
    fn node_of(
        &mut self,
        op: &str,
        inputs: &[Option<Value>],
        attributes: Vec<AttributeProto>,
        outputs: Vec<(ElementType, Vec<usize>)>,
    ) -> Result<Vec<Value>, BuildError> {
        let mut names = Vec::with_capacity(inputs.len());
        for input in inputs {
            names.push(match input {
                Some(value) => self.info(*value)?.name.clone(),
                None => String::new(),
            });
        }
        let name = self.next_name(op);
        let n_outputs = outputs.len();
        let mut values = Vec::with_capacity(n_outputs);
        let mut output_names = Vec::with_capacity(n_outputs);
        for (i, (element, shape)) in outputs.into_iter().enumerate() {
            let output = if n_outputs == 1 { format!("{name}_out") } else { format!("{name}_{i}") };
            values.push(self.declare(&output, element, &shape)?);
            output_names.push(output);
        }
        self.push_node(op, &name, names, output_names, attributes);
        Ok(values)
    }

    /// A name for the next node, from which its outputs have theirs. A graph that was taken over
    /// may have some already.
    fn next_name(&mut self, op: &str) -> String {
        let stem =
            if self.scope.is_empty() { op.to_owned() } else { format!("{}/{op}", self.scope) };
        let count = self.counts.entry(stem.clone()).or_insert(0);
        loop {
            let name = format!("{stem}_{count}");
            *count += 1;
            let is_output = |end: &str| self.names.contains_key(&format!("{name}{end}"));
            if !is_output("_out") && !is_output("_0") && !self.node_names.contains(&name) {
                return name;
            }
        }
    }

    fn push_node(
        &mut self,
        op: &str,
        name: &str,
        input: Vec<String>,
        output: Vec<String>,
        attribute: Vec<AttributeProto>,
    ) {
        self.node_names.insert(name.to_owned());
        self.nodes.push(NodeProto {
            input,
            output,
            name: name.to_owned(),
            op_type: op.to_owned(),
            attribute,
            ..NodeProto::default()
        });
    }
}

fn dims_of(shape: &[usize]) -> Vec<i64> {
    shape.iter().map(|size| i64::try_from(*size).unwrap_or(i64::MAX)).collect()
}

fn value_info(info: &Info) -> ValueInfoProto {
    let dim = dims_of(&info.shape).into_iter().enumerate().map(|(axis, size)| {
        let value = match (info.is_items, axis) {
            (true, 0) => DimensionValue::Symbol(ITEMS.to_owned()),
            _ => DimensionValue::Size(size),
        };
        DimensionProto { value: Some(value), denotation: String::new() }
    });
    let tensor_type = TensorTypeProto {
        elem_type: info.element.into(),
        shape: Some(TensorShapeProto { dim: dim.collect() }),
    };
    ValueInfoProto {
        name: info.name.clone(),
        r#type: Some(TypeProto { tensor_type: Some(tensor_type), ..TypeProto::default() }),
        ..ValueInfoProto::default()
    }
}
