//! LSTM and GRU nodes as training lays them out, against ONNX Runtime's own.
#![expect(clippy::unwrap_used, reason = "a test may panic; clippy exempts only #[test] functions")]

mod onnxruntime;
mod slopes;

use pilothouse::onnx::builder::{ElementType, GraphBuilder};
use pilothouse::onnx::probe;
use pilothouse::onnx::proto::{AttributeProto, AttributeType, ModelProto, NodeProto};
use pilothouse::onnx::{Device, Model, SessionOptions, StepSession, TensorView};
use prost::Message;
use slopes::{hold, numbers, weighted};

/// Steps, sequences, width of the input and of the state.
const SIZE: [usize; 4] = [3, 2, 4, 3];

/// A graph of one recurrent node.
struct Case {
    op: &'static str,
    attributes: Vec<AttributeProto>,
    directions: usize,
    has_bias: bool,
    has_first: bool,
}

impl Case {
    fn of(op: &'static str) -> Self {
        Self { op, attributes: Vec::new(), directions: 1, has_bias: true, has_first: true }
    }

    fn towards(mut self, direction: &str) -> Self {
        self.directions = if direction == "bidirectional" { 2 } else { 1 };
        let s = direction.as_bytes().to_vec();
        let name = "direction".to_owned();
        let r#type = AttributeType::String.into();
        self.attributes.push(AttributeProto { name, s, r#type, ..AttributeProto::default() });
        self
    }

    fn with(mut self, name: &str, i: i64) -> Self {
        let r#type = AttributeType::Int.into();
        let name = name.to_owned();
        self.attributes.push(AttributeProto { name, i, r#type, ..AttributeProto::default() });
        self
    }

    /// Names and shapes of what is fed, in the order of the node's inputs.
    fn inputs(&self) -> Vec<(&'static str, Vec<usize>)> {
        let [steps, n, n_in, width] = SIZE;
        let (gates, d) = (if self.op == "LSTM" { 4 } else { 3 }, self.directions);
        let mut inputs = vec![
            ("x", vec![steps, n, n_in]),
            ("w", vec![d, gates * width, n_in]),
            ("r", vec![d, gates * width, width]),
            ("b", vec![d, 2 * gates * width]),
            ("h", vec![d, n, width]),
            ("c", vec![d, n, width]),
        ];
        inputs.retain(|(name, _)| match *name {
            "b" => self.has_bias,
            "h" => self.has_first,
            "c" => self.has_first && self.op == "LSTM",
            _ => true,
        });
        inputs
    }

    /// The graph, with everything fed.
    fn model(&self) -> ModelProto {
        let mut g = GraphBuilder::new("recurrent");
        for (name, shape) in self.inputs() {
            g.input(name, ElementType::F32, &shape).unwrap();
        }
        let mut model = g.finish("");
        let graph = model.graph.as_mut().unwrap();
        let has = |name: &str| self.inputs().iter().any(|(input, _)| *input == name);
        let place = |name: &str| if has(name) { name.to_owned() } else { String::new() };
        let mut input = ["x", "w", "r", "b", "", "h", "c"].map(place).to_vec();
        let n = if self.op == "LSTM" { 3 } else { 2 };
        input.truncate(n + 4);
        let mut attribute = self.attributes.clone();
        attribute.extend(Case::of("").with("hidden_size", 3).attributes);
        graph.node.push(NodeProto {
            input,
            output: ["y", "y_h", "y_c"][..n].iter().map(ToString::to_string).collect(),
            name: "cell".to_owned(),
            op_type: self.op.to_owned(),
            attribute,
            ..NodeProto::default()
        });
        model
    }

    /// The graph taken over for training, and its outputs' names.
    fn laid_out(&self) -> Result<(GraphBuilder, Vec<&'static str>), String> {
        let feed: Vec<_> = self
            .inputs()
            .into_iter()
            .map(|(name, shape)| (name.to_owned(), (ElementType::F32, shape)))
            .collect();
        let model = self.model();
        let facts = probe(&onnxruntime::runtime(), &model, &feed).map_err(|e| e.to_string())?;
        let names: Vec<_> = feed.into_iter().map(|(name, _)| name).collect();
        let g = GraphBuilder::import(&model, &facts, &names).map_err(|e| e.to_string())?;
        Ok((g, if self.op == "LSTM" { vec!["y", "y_h", "y_c"] } else { vec!["y", "y_h"] }))
    }

    fn check(&self, name: &str) {
        let (mut g, outputs) = self.laid_out().unwrap();
        assert!(g.nodes().iter().all(|node| node.op_type != self.op), "{name} is still there");
        let mut whole = self.model();
        let values: Vec<_> = outputs.iter().map(|name| g.find(name).unwrap()).collect();
        for (name, value) in outputs.iter().zip(&values) {
            g.output(&format!("{name} laid out"), *value).unwrap();
        }
        // The node itself beside what it was laid out in.
        let mut both = g.finish("");
        let (graph, own) = (both.graph.as_mut().unwrap(), whole.graph.as_mut().unwrap());
        let mut node = own.node.remove(0);
        for (output, all) in node.output.iter_mut().zip(&mut graph.output.clone()) {
            *output = format!("{output} itself");
            all.name.clone_from(output);
            graph.output.push(all.clone());
        }
        graph.node.push(node);
        let bytes = both.encode_to_vec();
        let options = SessionOptions { device: Device::Cpu, intra_threads: 1, engine_cache: None };
        let mut session =
            StepSession::open(&onnxruntime::runtime(), Model::Bytes(&bytes), &options).unwrap();
        let inputs = self.inputs();
        let data: Vec<_> =
            inputs.iter().zip(1..).map(|((_, s), i)| numbers(s.iter().product(), i)).collect();
        let feed: Vec<_> =
            inputs.iter().zip(&data).map(|((n, s), d)| (*n, TensorView::F32(s, d))).collect();
        let found = session.run(&feed).unwrap();
        let found = found.slices().unwrap();
        for i in 0..outputs.len() {
            let pairs = found[i].iter().zip(found[outputs.len() + i]);
            let most = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(most < 1e-6, "{name}: {} differs by {most}", outputs[i]);
        }

        let (mut g, outputs) = self.laid_out().unwrap();
        let values: Vec<_> = outputs.iter().map(|name| g.find(name).unwrap()).collect();
        let loss = weighted(&mut g, &values);
        let names: Vec<_> = inputs.iter().map(|(name, _)| (*name).to_owned()).collect();
        let shapes: Vec<_> = inputs.iter().map(|(_, shape)| shape.as_slice()).collect();
        hold(name, g, loss, &names, &shapes);
    }
}

#[test]
fn an_lstm_is_trained_as_it_is_run() {
    // Memory would learn something else than what drives.
    Case::of("LSTM").check("lstm");
    Case { has_bias: false, has_first: false, ..Case::of("LSTM") }.check("lstm, bare");
    Case::of("LSTM").towards("reverse").check("lstm, backward");
    Case::of("LSTM").towards("bidirectional").check("lstm, both ways");
}

#[test]
fn a_gru_is_trained_as_it_is_run() {
    // Memory would learn something else than what drives.
    Case::of("GRU").check("gru");
    Case::of("GRU").with("linear_before_reset", 1).check("gru, reset late");
    let bare = Case { has_bias: false, has_first: false, ..Case::of("GRU") };
    bare.check("gru, bare");
    Case { has_bias: false, has_first: false, ..Case::of("GRU").with("linear_before_reset", 1) }
        .check("gru, reset late, bare");
    Case::of("GRU").towards("bidirectional").check("gru, both ways");
}

#[test]
fn recurrent_nodes_of_other_kinds_are_named() {
    // They would be trained as if they were the usual kind.
    let clipped = {
        let mut case = Case::of("LSTM");
        case.attributes.push(AttributeProto {
            name: "clip".to_owned(),
            f: 1.0,
            r#type: AttributeType::Float.into(),
            ..AttributeProto::default()
        });
        case
    };
    let other = {
        let mut case = Case::of("GRU");
        case.attributes.push(AttributeProto {
            name: "activations".to_owned(),
            strings: vec![b"HardSigmoid".to_vec(), b"Tanh".to_vec()],
            r#type: AttributeType::Strings.into(),
            ..AttributeProto::default()
        });
        case
    };
    for (case, expected) in [
        (clipped, "LSTM: node \"cell\" cannot be trained through: it clips"),
        (other, "GRU: node \"cell\" cannot be trained through: its activation HardSigmoid"),
        (Case::of("LSTM").with("input_forget", 1), "input and forget gates are one"),
    ] {
        let error = case.laid_out().unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
    let peepholes = {
        let case = Case::of("LSTM");
        let mut model = case.model();
        model.graph.as_mut().unwrap().node[0].input.push("x".to_owned());
        model
    };
    let facts = probe(&onnxruntime::runtime(), &Case::of("LSTM").model(), &[]);
    assert!(facts.is_err(), "nothing was fed");
    let facts = [("x", 3), ("w", 3), ("r", 3), ("b", 2), ("h", 3), ("c", 3)].map(|(name, rank)| {
        let (element, shape) = (ElementType::F32, vec![1; rank]);
        (name.to_owned(), pilothouse::onnx::Fact { element, shape, known: None })
    });
    let names = ["w".to_owned()];
    let error = GraphBuilder::import(&peepholes, &facts.into(), &names).unwrap_err();
    assert!(error.to_string().contains("peepholes"), "{error}");
}
