//! The graph builder and sessions, on the real ONNX Runtime.
#![expect(clippy::unwrap_used, reason = "a test may panic; clippy exempts only #[test] functions")]

mod onnxruntime;

use pilothouse::onnx::builder::{BuildError, ElementType, GraphBuilder, Value};
use pilothouse::onnx::inspect::{self, InspectError};
use pilothouse::onnx::proto::ModelProto;
use pilothouse::onnx::{BoundSession, Device, Dim, Model, Session, SessionError, SessionOptions};
use prost::Message;

const CPU: SessionOptions =
    SessionOptions { device: Device::Cpu, intra_threads: 1, engine_cache: None };

fn open(bytes: &[u8]) -> Session {
    Session::open(&onnxruntime::runtime(), Model::Bytes(bytes), &CPU).unwrap()
}

/// Builds `y = build(x)` for an f32 input of `shape` and runs it on `x`; the output's shape is the
/// builder's own.
fn run(
    shape: &[usize],
    x: &[f32],
    build: impl FnOnce(&mut GraphBuilder, Value) -> Result<Value, BuildError>,
) -> Vec<f32> {
    let mut g = GraphBuilder::new("test");
    let input = g.input("x", ElementType::F32, shape).unwrap();
    let y = build(&mut g, input).unwrap();
    let output_shape = g.shape(y).unwrap().to_vec();
    g.output("y", y).unwrap();
    let mut bound = bind(&g.finish_bytes(""), shape, &output_shape);
    bound.input::<f32>(0).unwrap().copy_from_slice(x);
    bound.run().unwrap();
    bound.output(0).to_vec()
}

fn bind(bytes: &[u8], input: &[usize], output: &[usize]) -> BoundSession {
    open(bytes).bind(&[input.to_vec()], &[output.to_vec()]).unwrap()
}

fn assert_near(found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len(), "{found:?} against {expected:?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() <= 1e-6 * expected.abs().max(1.0), "{found} {expected}");
    }
}

type Build = fn(&mut GraphBuilder, Value) -> Result<Value, BuildError>;
type Plain = fn(f32) -> f32;

#[test]
fn elementwise_operators_mean_what_they_are_called() {
    // Swapped operands or a wrong operator name would give another function than the one written.
    let x = [-2.0, -0.5, 0.0, 0.25, 1.5, 3.0];
    let cases: [(Build, Plain); 13] = [
        (|g, x| g.add(x, 2.0), |x| x + 2.0),
        (|g, x| g.sub(2.0, x), |x| 2.0 - x),
        (|g, x| g.mul(x, x), |x| x * x),
        (|g, x| g.div(x, 4.0), |x| x / 4.0),
        (|g, x| g.max(x, 0.1), |x| x.max(0.1)),
        (|g, x| g.min(0.1, x), |x| x.min(0.1)),
        (|g, x| g.clip(x, -1.0, 1.0), |x| x.clamp(-1.0, 1.0)),
        (|g, x| g.abs(x), f32::abs),
        (|g, x| g.exp(x), f32::exp),
        (|g, x| g.neg(x), |x| -x),
        (|g, x| g.tan(x), f32::tan),
        (|g, x| g.atan(x), f32::atan),
        (
            |g, x| {
                let is_over = g.greater(x, 0.0)?;
                g.select(is_over, x, -7.0)
            },
            |x| if x > 0.0 { x } else { -7.0 },
        ),
    ];
    for (build, plain) in cases {
        assert_near(&run(&[2, 3], &x, build), &x.map(plain));
    }
}

#[test]
fn shaping_operators_move_the_right_elements() {
    // A wrong axis or window would silently look at other pixels or words.
    let x: Vec<f32> = (0..24_u8).map(f32::from).collect();
    let shape = [1, 2, 3, 4];
    let found = run(&shape, &x, |g, x| g.reduce_sum(x, &[1, 3]));
    assert_near(&found, &[60.0, 92.0, 124.0]);
    let found = run(&shape, &x, |g, x| g.reduce_max(x, &[2, 3]));
    assert_near(&found, &[11.0, 23.0]);
    let found = run(&shape, &x, |g, x| g.slice(x, 2, 1, 2));
    assert_near(&found, &[4.0, 5.0, 6.0, 7.0, 16.0, 17.0, 18.0, 19.0]);
    let found = run(&[2, 2], &x[..4], |g, x| {
        let twice = g.concat(&[x, x], 1)?;
        g.reshape(twice, &[8])
    });
    assert_near(&found, &[0.0, 1.0, 0.0, 1.0, 2.0, 3.0, 2.0, 3.0]);
    // Broadcasting: a column beside a row.
    let found = run(&[2, 1], &x[1..3], |g, x| {
        let row = g.constant(&[3], &[10.0, 20.0, 30.0])?;
        g.add(x, row)
    });
    assert_near(&found, &[11.0, 21.0, 31.0, 12.0, 22.0, 32.0]);
    // Outside counts as zero, the divisor stays 9.
    let found = run(&[1, 1, 2, 3], &x[..6], |g, x| g.average_pool(x, (3, 3)));
    let (edge, middle) = (1.0 + 3.0 + 4.0, 15.0);
    assert_near(
        &found,
        &[edge / 9.0, middle / 9.0, 12.0 / 9.0, edge / 9.0, middle / 9.0, 12.0 / 9.0],
    );
}

#[test]
fn gather_picks_rows() {
    // The instruction reaches a policy through this operator.
    let mut g = GraphBuilder::new("test");
    let ids = g.input("ids", ElementType::I64, &[1, 3]).unwrap();
    let table = g.initializer("table", &[2, 2], &[1.0, 2.0, 3.0, 4.0]).unwrap();
    let rows = g.gather(table, ids).unwrap();
    assert_eq!(g.shape(rows).unwrap(), [1, 3, 2]);
    g.output("rows", rows).unwrap();
    let mut bound = bind(&g.finish_bytes(""), &[1, 3], &[1, 3, 2]);
    bound.input::<i64>(0).unwrap().copy_from_slice(&[1, 0, 1]);
    bound.run().unwrap();
    assert_near(bound.output(0), &[3.0, 4.0, 1.0, 2.0, 3.0, 4.0]);
}

#[test]
fn mistakes_are_found_when_a_graph_is_built() {
    // Found later, they would be ONNX Runtime's errors about generated names.
    let mut g = GraphBuilder::new("test");
    let x = g.input("x", ElementType::F32, &[2, 3]).unwrap();
    let ids = g.input("ids", ElementType::I64, &[4]).unwrap();
    let errors = [
        (g.input("x", ElementType::F32, &[1]).unwrap_err(), "used twice"),
        (g.initializer("w", &[2, 2], &[0.0; 3]).unwrap_err(), "needs 4 elements, 3"),
        (g.add(x, ids).unwrap_err(), "Add: needs F32, got I64"),
        (g.gather(x, x).unwrap_err(), "Gather: needs I64"),
        (g.reshape(x, &[4]).unwrap_err(), "does not fit"),
        (g.slice(x, 1, 2, 5).unwrap_err(), "2..5 along axis 1"),
        (g.reduce_sum(x, &[2]).unwrap_err(), "no axis 2"),
        (g.average_pool(x, (3, 3)).unwrap_err(), "4 dimensions"),
        (g.concat(&[], 0).unwrap_err(), "nothing to join"),
        (g.select(x, 1.0, 0.0).unwrap_err(), "needs Bool"),
    ];
    for (error, expected) in errors {
        assert!(error.to_string().contains(expected), "{error}");
    }
    let row = g.constant(&[2], &[0.0; 2]).unwrap();
    assert!(g.mul(x, row).unwrap_err().to_string().contains("do not broadcast"));
    let column = g.constant(&[2, 1], &[0.0; 2]).unwrap();
    assert!(g.concat(&[x, column], 0).unwrap_err().to_string().contains("beside"));
    let foreign = GraphBuilder::new("other").abs(column).unwrap_err();
    assert!(matches!(foreign, BuildError::Foreign { .. }), "{foreign}");
}

/// `y = (x + 1) * 1` over two elements, with a scope.
fn small() -> Vec<u8> {
    let mut g = GraphBuilder::new("small");
    let x = g.input("x", ElementType::F32, &[1, 2]).unwrap();
    g.scope("part");
    let sum = g.add(x, 1.0).unwrap();
    let y = g.mul(sum, 1.0).unwrap();
    g.output("y", y).unwrap();
    g.finish_bytes("two numbers")
}

#[test]
fn the_same_calls_give_the_same_bytes() {
    // Otherwise a rebuilt model has another sha256 and its manifest calls it damaged.
    assert_eq!(small(), small());
    let graph = ModelProto::decode(small().as_slice()).unwrap().graph.unwrap();
    let names: Vec<&str> = graph.node.iter().map(|node| node.name.as_str()).collect();
    assert_eq!(names, ["part/Add_0", "part/Mul_0", "part/Identity_0"]);
    assert_eq!(graph.initializer.len(), 1, "equal constants are stored once");
}

#[test]
fn a_session_tells_its_tensors_and_refuses_what_does_not_fit() {
    // The policy loader's messages rest on these.
    let session = open(&small());
    assert_eq!(session.provider(), "CPU");
    assert_eq!(session.inputs()[0].to_string(), "x float32[1, 2]");
    assert_eq!(session.outputs()[0].dims, [Dim::Size(1), Dim::Size(2)]);
    let error = session.bind(&[vec![1, 3]], &[vec![1, 2]]).unwrap_err().to_string();
    assert!(error.contains("x float32[1, 2]") && error.contains("[1, 3]"), "{error}");
    let error = open(&small()).bind(&[], &[vec![1, 2]]).unwrap_err().to_string();
    assert!(error.contains("0 shapes were given for 1"), "{error}");
    let mut bound = bind(&small(), &[1, 2], &[1, 2]);
    assert!(bound.input::<i64>(0).is_err(), "float32 must not be written as int64");
    assert!(bound.input::<f32>(1).is_err(), "there is no second input");
    assert!(bound.output(1).is_empty());
}

#[test]
fn outputs_carry_over_into_inputs() {
    // Recurrent policies would start anew at every picture.
    let mut bound = bind(&small(), &[1, 2], &[1, 2]);
    bound.input::<f32>(0).unwrap().copy_from_slice(&[1.0, 5.0]);
    for _ in 0..3 {
        bound.run().unwrap();
        bound.carry(0, 0).unwrap();
    }
    assert_near(bound.output(0), &[4.0, 8.0]);
}

#[test]
fn devices_that_are_not_there_are_told_apart_from_bad_graphs() {
    // `--device cuda` must never quietly run on the CPU; `auto` must say why it does.
    let runtime = onnxruntime::runtime();
    let on = |device| SessionOptions { device, ..CPU };
    let error = Session::open(&runtime, Model::Bytes(&small()), &on(Device::DirectMl)).unwrap_err();
    assert!(matches!(error, SessionError::Device { device: Device::DirectMl, .. }), "{error}");
    assert!(error.to_string().contains("choose --device auto or cpu"), "{error}");
    let session = Session::open(&runtime, Model::Bytes(&small()), &on(Device::Auto)).unwrap();
    let has_fallen_back = session.provider() == "CPU";
    assert_eq!(has_fallen_back, !session.refusals().is_empty(), "{:?}", session.refusals());
    let error = Session::open(&runtime, Model::Bytes(b"no graph"), &CPU).unwrap_err();
    assert!(matches!(error, SessionError::Graph(_)), "{error}");
}

#[test]
fn foreign_graphs_are_judged_before_they_run() {
    // Otherwise they are ONNX Runtime's errors, or worse, other meanings of the same operator.
    let change = |edit: &dyn Fn(&mut ModelProto)| {
        let mut model = ModelProto::decode(small().as_slice()).unwrap();
        edit(&mut model);
        inspect::opset(&model.encode_to_vec())
    };
    assert_eq!(change(&|_| {}), Ok(21));
    assert_eq!(change(&|model| model.opset_import.clear()), Err(InspectError::NoOpset));
    assert_eq!(
        change(&|model| model.opset_import[0].version = 99),
        Err(InspectError::Opset { found: 99 })
    );
    let error = change(&|model| {
        model.graph.as_mut().unwrap().node[1].domain = "acme".to_owned();
    });
    assert!(error.unwrap_err().to_string().contains("operator Mul of the unknown domain"));
    assert!(matches!(change(&|model| model.graph = None), Err(InspectError::Format(_))));
    assert!(matches!(inspect::opset(b"\xff\xff no"), Err(InspectError::Format(_))));
}
