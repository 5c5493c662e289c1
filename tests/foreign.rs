//! Files of other programs, as training takes them over.
#![expect(clippy::unwrap_used, reason = "a test may panic; clippy exempts only #[test] functions")]

mod onnxruntime;

use pilothouse::onnx::builder::{ElementType, GraphBuilder};
use pilothouse::onnx::foreign::{self, ForeignError, UpgradeError, unshare, upgrade};
use pilothouse::onnx::proto::{AttributeProto, AttributeType, ModelProto, StringStringEntryProto};
use pilothouse::onnx::{Device, Model, SessionOptions, StepSession, TensorView, weights};
use prost::Message;

const CPU: SessionOptions =
    SessionOptions { device: Device::Cpu, intra_threads: 1, engine_cache: None };

/// Two norms that share their factor, and one matrix used twice, with ones where its neighbours
/// may be anything.
fn shared() -> ModelProto {
    let mut g = GraphBuilder::new("shared");
    let x = g.input("x", ElementType::F32, &[2, 3]).unwrap();
    let ones = g.initializer("ones", &[3], &[1.0; 3]).unwrap();
    let zeros = g.initializer("zeros", &[3], &[0.0; 3]).unwrap();
    let table: Vec<f32> = (0..9_u8).map(|i| f32::from(i) * 0.1).collect();
    let table = g.initializer("table", &[3, 3], &table).unwrap();
    let [y, ..] = g.layer_norm(x, ones, Some(zeros), 1, 1e-5).unwrap();
    let y = g.matmul(y, table).unwrap();
    let [y, ..] = g.layer_norm(y, ones, Some(zeros), 1, 1e-5).unwrap();
    let y = g.matmul(y, table).unwrap();
    let y = g.reduce_mean(y, &[1]).unwrap();
    g.output("y", y).unwrap();
    g.finish("")
}

fn run(model: &ModelProto) -> Vec<f32> {
    let bytes = model.encode_to_vec();
    let mut session =
        StepSession::open(&onnxruntime::runtime(), Model::Bytes(&bytes), &CPU).unwrap();
    let x = [0.1, 0.9, -0.4, 2.0, 0.3, 0.5];
    let outputs = session.run(&[("x", TensorView::F32(&[2, 3], &x))]).unwrap();
    outputs.slices().unwrap()[0].to_vec()
}

#[test]
fn fresh_norms_are_trained_apart_and_true_ties_together() {
    // Exporters store equal tensors once: all norms of a network would move as one.
    let mut model = shared();
    let before = run(&model);
    assert_eq!(weights(model.graph.as_ref().unwrap()), ["ones", "zeros", "table"]);
    unshare(&mut model);
    let names = weights(model.graph.as_ref().unwrap());
    assert_eq!(names, ["ones", "zeros", "table", "ones 0", "zeros 0"]);
    assert_eq!(run(&model), before);
    let again = model.clone();
    unshare(&mut model);
    assert_eq!(model, again);
}

/// `shared` as an exporter of operator set 13 would write its mean.
fn old() -> ModelProto {
    let mut model = shared();
    let graph = model.graph.as_mut().unwrap();
    graph.node.retain(|node| node.op_type != "LayerNormalization");
    for node in &mut graph.node {
        match node.op_type.as_str() {
            "MatMul" => "x".clone_into(&mut node.input[0]),
            "ReduceMean" => {
                node.input.truncate(1);
                node.attribute.push(AttributeProto {
                    name: "axes".to_owned(),
                    ints: vec![-1],
                    r#type: AttributeType::Ints.into(),
                    ..AttributeProto::default()
                });
            }
            _ => {}
        }
    }
    model.opset_import[0].version = 13;
    model.ir_version = 7;
    model
}

#[test]
fn older_operator_sets_are_brought_up() {
    // Gradients of newer operators would be added to a graph that cannot hold them.
    let mut model = old();
    let before = run(&model);
    upgrade(&mut model).unwrap();
    assert_eq!(model.opset_import[0].version, 18);
    assert_eq!(run(&model), before);
    model.opset_import[0].version = 12;
    assert_eq!(upgrade(&mut model), Err(UpgradeError::Opset { found: 12 }));
    let mut model = old();
    model.graph.as_mut().unwrap().node[0].op_type = "RoiAlign".to_owned();
    assert!(upgrade(&mut model).unwrap_err().to_string().contains("RoiAlign"));
}

#[test]
fn weights_beside_the_file_are_read() {
    // PyTorch writes them there; a model of zeros would be trained.
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("model.onnx");
    let mut model = shared();
    let mut data = vec![0_u8; 16];
    let entry = |key: &str, value: &str| StringStringEntryProto {
        key: key.to_owned(),
        value: value.to_owned(),
    };
    for tensor in &mut model.graph.as_mut().unwrap().initializer {
        if tensor.data_type == i32::from(ElementType::F32) {
            let (offset, length) = (data.len().to_string(), tensor.raw_data.len().to_string());
            data.append(&mut tensor.raw_data);
            tensor.data_location = 1;
            tensor.external_data = vec![
                entry("location", "model.data"),
                entry("offset", &offset),
                entry("length", &length),
            ];
        }
    }
    let write = |model: &ModelProto| std::fs::write(&path, model.encode_to_vec()).unwrap();
    write(&model);
    let error = foreign::read(&path).unwrap_err();
    assert!(matches!(error, ForeignError::Io { .. }), "{error}");
    std::fs::write(place.path().join("model.data"), &data).unwrap();
    let mut expected = shared();
    unshare(&mut expected);
    assert_eq!(foreign::read(&path).unwrap(), expected);
    std::fs::write(place.path().join("model.data"), &data[..data.len() - 4]).unwrap();
    let error = foreign::read(&path).unwrap_err();
    assert!(error.to_string().contains("past that file's end"), "{error}");
    let graph = model.graph.as_mut().unwrap();
    graph.initializer[0].external_data[0].value = "../model.data".to_owned();
    write(&model);
    let error = foreign::read(&path).unwrap_err();
    assert!(error.to_string().contains("the model's own folder"), "{error}");
}
