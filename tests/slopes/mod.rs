//! Slopes held against finite differences on the real ONNX Runtime.

use pilothouse::onnx::builder::{GraphBuilder, Value};
use pilothouse::onnx::grad::differentiate;
use pilothouse::onnx::{Device, Model, SessionOptions, StepSession, TensorView};

use super::onnxruntime;

const CPU: SessionOptions =
    SessionOptions { device: Device::Cpu, intra_threads: 1, engine_cache: None };
/// Half the distance of the two points a slope is measured between.
const STEP: f32 = 1e-2;
/// Of the slope and of the loss's own rounding in `f32`.
const TOLERANCE: f32 = 2e-2;

/// Numbers that look random, the same each time; away from zero by at least 0.1, where rectifiers
/// and absolute values have no slope.
pub(crate) fn numbers(n: usize, seed: usize) -> Vec<f32> {
    let number = |i: usize| {
        let turn = ((i * 37 + seed * 101 + 11) as f32 * 0.618_034).fract() * 2.0 - 1.0;
        turn + 0.1 * turn.signum()
    };
    (0..n).map(number).collect()
}

/// `sum(weights * outputs)`, the weights all different.
pub(crate) fn weighted(g: &mut GraphBuilder, outputs: &[Value]) -> Value {
    let mut total = g.constant(&[], &[0.0]).unwrap();
    for (output, seed) in outputs.iter().zip(7..) {
        let shape = g.shape(*output).unwrap().to_vec();
        let weights = g.constant(&shape, &numbers(shape.iter().product(), seed)).unwrap();
        let weighted = g.mul(*output, weights).unwrap();
        let axes: Vec<_> = (0..shape.len()).collect();
        let sum = g.reduce_sum(weighted, &axes).unwrap();
        let sum = g.reshape(sum, &[]).unwrap();
        total = g.add(total, sum).unwrap();
    }
    total
}

/// Holds the slopes of `loss` by the inputs called `names` against differences of it.
pub(crate) fn hold(
    name: &str,
    mut g: GraphBuilder,
    loss: Value,
    names: &[String],
    shapes: &[&[usize]],
) {
    let inputs: Vec<_> = names.iter().map(|name| g.find(name).unwrap()).collect();
    let slopes = differentiate(&mut g, loss, &inputs).unwrap();
    g.output("loss", loss).unwrap();
    for (i, slope) in slopes.iter().enumerate() {
        let slope = slope.unwrap_or_else(|| panic!("{name}: no slope for input {i}"));
        assert_eq!(g.shape(slope).unwrap(), shapes[i], "{name}: input {i}");
        g.output(&format!("dx{i}"), slope).unwrap();
    }
    let bytes = g.finish_bytes("");
    let mut session =
        StepSession::open(&onnxruntime::runtime(), Model::Bytes(&bytes), &CPU).unwrap();
    let mut data: Vec<_> =
        shapes.iter().zip(1..).map(|(shape, seed)| numbers(shape.iter().product(), seed)).collect();
    let mut run = |data: &[Vec<f32>]| {
        let feed: Vec<_> = (0..shapes.len())
            .map(|i| (names[i].as_str(), TensorView::F32(shapes[i], &data[i])))
            .collect();
        let found = session.run(&feed).unwrap();
        found.slices().unwrap().iter().map(|output| output.to_vec()).collect::<Vec<_>>()
    };
    let found = run(&data);
    for i in 0..shapes.len() {
        for k in 0..data[i].len() {
            let at = data[i][k];
            data[i][k] = at + STEP;
            let high = run(&data)[0][0];
            data[i][k] = at - STEP;
            let low = run(&data)[0][0];
            data[i][k] = at;
            let expected = (high - low) / (2.0 * STEP);
            let got = found[i + 1][k];
            let most = TOLERANCE * expected.abs().max(1.0);
            assert!(
                (got - expected).abs() < most,
                "{name}: input {i}, element {k}: {got} {expected}"
            );
        }
    }
}
