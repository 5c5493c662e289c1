//! A graph that exists already, continued: differentiation and losses are added to it.

use std::collections::HashSet;

use super::super::probe::{Fact, Facts};
use super::super::proto::{ElementType, ModelProto, TensorProto};
use super::super::recurrent::{Layout, is_recurrent};
use super::{BuildError, GraphBuilder, Value};

impl GraphBuilder {
    /// Takes over `model` with the shapes that `facts` tell of every tensor in it. Its outputs are
    /// outputs no longer; `parameters` are inputs from now on instead of stored in the graph, and
    /// recurrent nodes that depend on them are laid out in what they consist of.
    ///
    /// # Errors
    /// A tensor that the facts do not tell of, or a recurrent node of a kind that is not known.
    pub fn import(
        model: &ModelProto,
        facts: &Facts,
        parameters: &[String],
    ) -> Result<Self, BuildError> {
        let graph = model.graph.clone().unwrap_or_default();
        let mut g = Self::new(&graph.name);
        let standard = model.opset_import.iter().find(|set| set.domain.is_empty());
        g.opset = standard.map_or(g.opset, |set| set.version);
        let is_stored = |name: &str| graph.initializer.iter().any(|tensor| tensor.name == name);
        for input in graph.input.iter().filter(|input| !is_stored(&input.name)) {
            let value = g.adopt(&input.name, facts)?;
            g.inputs.push(value);
        }
        for tensor in &graph.initializer {
            let value = g.adopt_tensor(tensor)?;
            if parameters.contains(&tensor.name) {
                g.inputs.push(value);
            } else {
                g.initializers.push(tensor.clone());
            }
        }
        g.node_names.extend(graph.node.iter().map(|node| node.name.clone()));
        let mut trained: HashSet<String> = parameters.iter().cloned().collect();
        let mut layout = Layout::default();
        for node in graph.node {
            let is_trained = node.input.iter().any(|input| trained.contains(input));
            if is_trained {
                trained.extend(node.output.iter().cloned());
            }
            if is_trained && is_recurrent(&node) {
                layout.add(&mut g, &node)?;
                continue;
            }
            for output in node.output.iter().filter(|output| !output.is_empty()) {
                g.adopt(output, facts)?;
            }
            g.nodes.push(node);
        }
        Ok(g)
    }

    fn adopt(&mut self, name: &str, facts: &Facts) -> Result<Value, BuildError> {
        let Some(Fact { element, shape, known }) = facts.get(name) else {
            let reason = format!("nothing is known of its tensor {name:?}");
            return Err(BuildError::Operator { op: "import", reason });
        };
        let value = self.declare(name, *element, shape)?;
        if let Some(known) = known {
            self.known.insert(value, known.clone());
        }
        Ok(value)
    }

    fn adopt_tensor(&mut self, tensor: &TensorProto) -> Result<Value, BuildError> {
        let element = ElementType::try_from(tensor.data_type).unwrap_or(ElementType::Undefined);
        let shape: Vec<_> =
            tensor.dims.iter().map(|size| usize::try_from(*size).unwrap_or_default()).collect();
        let value = self.declare(&tensor.name, element, &shape)?;
        if let Some(known) = tensor.integers() {
            self.known.insert(value, known);
        }
        Ok(value)
    }
}
