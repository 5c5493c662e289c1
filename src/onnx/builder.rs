//! Writes ONNX graphs: every operator checks the types and shapes of what it is given when the graph is built.
//!
//! A graph is made of [`Value`]s, each with an element type and a static [`shape`](GraphBuilder::shape). The same calls
//! give the same bytes: names count up per operator, nothing depends on hashing or time. Deliberately absent: symbolic
//! dimensions, sub-graphs, operators nobody uses.

mod ops;

use std::collections::{BTreeMap, HashMap, HashSet};

use prost::Message;

pub use super::proto::ElementType;
use super::proto::{
    AttributeProto, AttributeType, DimensionProto, DimensionValue, GraphProto, ModelProto,
    NodeProto, OperatorSetIdProto, TensorProto, TensorShapeProto, TensorTypeProto, TypeProto,
    ValueInfoProto,
};

/// The operator set every built graph imports; ONNX Runtime 1.18 and later run it.
pub const OPSET: i64 = 21;
/// The file format that goes with [`OPSET`].
const IR_VERSION: i64 = 10;

/// One tensor of a graph under construction; belongs to the builder that made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Value(usize);

/// What an elementwise operator takes: a tensor of the graph, or a number that becomes a shared `f32` constant.
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
}

/// A graph under construction.
#[derive(Debug)]
pub struct GraphBuilder {
    name: String,
    /// Prefix of the names of the nodes that follow.
    scope: String,
    values: Vec<Info>,
    names: HashSet<String>,
    inputs: Vec<Value>,
    outputs: Vec<Value>,
    nodes: Vec<NodeProto>,
    initializers: Vec<TensorProto>,
    /// Nodes so far of each scoped operator, for stable names.
    counts: BTreeMap<String, usize>,
    /// Constants by element type, shape and bytes, so that equal ones are stored once.
    constants: HashMap<(ElementType, Vec<usize>, Vec<u8>), Value>,
}

impl GraphBuilder {
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            scope: String::new(),
            values: Vec::new(),
            names: HashSet::new(),
            inputs: Vec::new(),
            outputs: Vec::new(),
            nodes: Vec::new(),
            initializers: Vec::new(),
            counts: BTreeMap::new(),
            constants: HashMap::new(),
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
        let Info { element, shape, .. } = self.info(value)?.clone();
        let output = self.declare(name, element, &shape)?;
        let from = self.info(value)?.name.clone();
        self.add_node("Identity", vec![from], name.to_owned(), Vec::new());
        self.outputs.push(output);
        Ok(())
    }

    /// Dimensions of `value`; empty for a scalar.
    pub fn shape(&self, value: Value) -> Result<&[usize], BuildError> {
        Ok(&self.info(value)?.shape)
    }

    pub fn element(&self, value: Value) -> Result<ElementType, BuildError> {
        Ok(self.info(value)?.element)
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
        };
        ModelProto {
            ir_version: IR_VERSION,
            producer_name: "pilothouse".to_owned(),
            doc_string: doc.to_owned(),
            graph: Some(graph),
            opset_import: vec![OperatorSetIdProto { domain: String::new(), version: OPSET }],
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
        if !self.names.insert(name.to_owned()) {
            return Err(BuildError::Duplicate { graph: self.name.clone(), name: name.to_owned() });
        }
        self.values.push(Info { name: name.to_owned(), element, shape: shape.to_vec() });
        Ok(Value(self.values.len() - 1))
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
        let name = format!("constant_{}", self.constants.len());
        let value = self.store(&name, element, shape, n_elements, key.2.clone())?;
        self.constants.insert(key, value);
        Ok(value)
    }

    /// A shared `int64` vector, as shapes and axes are given to operators.
    fn indices(&mut self, data: &[i64]) -> Result<Value, BuildError> {
        let raw = data.iter().flat_map(|number| number.to_le_bytes()).collect();
        self.shared(ElementType::I64, &[data.len()], data.len(), raw)
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
        (element, shape): (ElementType, Vec<usize>),
    ) -> Result<Value, BuildError> {
        let mut names = Vec::with_capacity(inputs.len());
        for input in inputs {
            names.push(self.info(*input)?.name.clone());
        }
        let name = self.next_name(op);
        let value = self.declare(&format!("{name}_out"), element, &shape)?;
        self.push_node(op, &name, names, format!("{name}_out"), attributes);
        Ok(value)
    }

    fn add_node(
        &mut self,
        op: &str,
        inputs: Vec<String>,
        output: String,
        attributes: Vec<AttributeProto>,
    ) {
        let name = self.next_name(op);
        self.push_node(op, &name, inputs, output, attributes);
    }

    fn next_name(&mut self, op: &str) -> String {
        let stem =
            if self.scope.is_empty() { op.to_owned() } else { format!("{}/{op}", self.scope) };
        let count = self.counts.entry(stem.clone()).or_insert(0);
        *count += 1;
        format!("{stem}_{}", *count - 1)
    }

    fn push_node(
        &mut self,
        op: &str,
        name: &str,
        input: Vec<String>,
        output: String,
        attribute: Vec<AttributeProto>,
    ) {
        self.nodes.push(NodeProto {
            input,
            output: vec![output],
            name: name.to_owned(),
            op_type: op.to_owned(),
            attribute,
            domain: String::new(),
        });
    }
}

fn int(name: &str, i: i64) -> AttributeProto {
    AttributeProto { name: name.to_owned(), i, ints: Vec::new(), r#type: AttributeType::Int.into() }
}

fn ints(name: &str, ints: Vec<i64>) -> AttributeProto {
    AttributeProto { name: name.to_owned(), i: 0, ints, r#type: AttributeType::Ints.into() }
}

fn dims_of(shape: &[usize]) -> Vec<i64> {
    shape.iter().map(|size| i64::try_from(*size).unwrap_or(i64::MAX)).collect()
}

fn value_info(info: &Info) -> ValueInfoProto {
    let dim = dims_of(&info.shape)
        .into_iter()
        .map(|size| DimensionProto { value: Some(DimensionValue::Size(size)) })
        .collect();
    let tensor_type =
        TensorTypeProto { elem_type: info.element.into(), shape: Some(TensorShapeProto { dim }) };
    ValueInfoProto {
        name: info.name.clone(),
        r#type: Some(TypeProto { tensor_type: Some(tensor_type) }),
    }
}
