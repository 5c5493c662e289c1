//! Every rule of differentiation, against finite differences on the real ONNX Runtime.
#![expect(clippy::unwrap_used, reason = "a test may panic; clippy exempts only #[test] functions")]

mod onnxruntime;
mod slopes;

use pilothouse::onnx::builder::{
    BuildError, ElementType, GraphBuilder, Init, Layers, Value, Window,
};
use pilothouse::onnx::grad::{GradError, differentiate};
use slopes::{hold, weighted};

/// Inputs of `shapes`, one output of `build`; its slopes are held against differences.
fn check(
    name: &str,
    shapes: &[&[usize]],
    build: impl Fn(&mut GraphBuilder, &[Value]) -> Result<Value, BuildError>,
) {
    let mut g = GraphBuilder::new(name);
    let names: Vec<_> = (0..shapes.len()).map(|i| format!("x{i}")).collect();
    let inputs: Vec<_> = names
        .iter()
        .zip(shapes)
        .map(|(name, shape)| g.input(name, ElementType::F32, shape).unwrap())
        .collect();
    let y = build(&mut g, &inputs).unwrap();
    let loss = weighted(&mut g, &[y]);
    hold(name, g, loss, &names, shapes);
}

#[test]
fn slopes_of_elementwise_operators() {
    // A policy would be trained away from what its loss asks for.
    let s: &[usize] = &[2, 3];
    check("add, broadcast", &[s, &[3]], |g, x| g.add(x[0], x[1]));
    check("sub, broadcast", &[&[2, 1], &[1, 3]], |g, x| g.sub(x[0], x[1]));
    check("mul, broadcast", &[s, &[2, 1]], |g, x| g.mul(x[0], x[1]));
    check("mul by itself", &[s], |g, x| g.mul(x[0], x[0]));
    check("div", &[s, &[3]], |g, x| {
        let below = g.abs(x[1])?;
        let below = g.add(below, 0.5)?;
        g.div(x[0], below)
    });
    check("max", &[s, s], |g, x| g.max(x[0], x[1]));
    check("min", &[s, s], |g, x| g.min(x[0], x[1]));
    check("clip", &[s], |g, x| g.clip(x[0], -0.5, 0.5));
    check("neg", &[s], |g, x| g.neg(x[0]));
    check("exp", &[s], |g, x| g.exp(x[0]));
    check("abs", &[s], |g, x| g.abs(x[0]));
    check("log, sqrt", &[s], |g, x| {
        let square = g.mul(x[0], x[0])?;
        let positive = g.add(square, 1.0)?;
        let log = g.log(positive)?;
        let root = g.sqrt(positive)?;
        g.mul(log, root)
    });
    check("pow", &[s], |g, x| {
        let positive = g.abs(x[0])?;
        g.pow(positive, 3.0)
    });
    check("tanh", &[s], |g, x| g.tanh(x[0]));
    check("tan", &[s], |g, x| g.tan(x[0]));
    check("atan", &[s], |g, x| g.atan(x[0]));
    check("sigmoid", &[s], |g, x| g.sigmoid(x[0]));
    check("relu", &[s], |g, x| g.relu(x[0]));
    check("erf", &[s], |g, x| g.erf(x[0]));
    check("gelu", &[s], |g, x| g.gelu(x[0]));
    check("where", &[s, &[3]], |g, x| {
        let is_more = g.greater(x[0], 0.0)?;
        g.select(is_more, x[0], x[1])
    });
}

#[test]
fn slopes_of_products() {
    // Weights of linear layers would be trained wrongly.
    check("matmul", &[&[4, 3], &[3, 2]], |g, x| g.matmul(x[0], x[1]));
    check("matmul of a batch by a matrix", &[&[2, 4, 3], &[3, 2]], |g, x| g.matmul(x[0], x[1]));
    check("matmul of two batches", &[&[2, 4, 3], &[2, 3, 2]], |g, x| g.matmul(x[0], x[1]));
    check("matmul, broadcast", &[&[2, 1, 2, 3], &[3, 3, 2]], |g, x| g.matmul(x[0], x[1]));
    check("one matrix used twice", &[&[2, 3], &[3, 3]], |g, x| {
        let once = g.matmul(x[0], x[1])?;
        let bent = g.tanh(once)?;
        g.matmul(bent, x[1])
    });
}

#[test]
fn slopes_of_operators_that_move_elements() {
    // Slopes would arrive at other elements than they belong to.
    check("transpose", &[&[2, 3, 4]], |g, x| g.transpose(x[0], &[2, 0, 1]));
    check("reshape", &[&[2, 6]], |g, x| g.reshape(x[0], &[3, 4]));
    check("expand", &[&[2, 1]], |g, x| g.expand(x[0], &[3, 2, 4]));
    check("concat", &[&[2, 1], &[2, 3]], |g, x| g.concat(x, 1));
    check("split", &[&[2, 5]], |g, x| {
        let parts = g.split(x[0], 1, &[2, 1, 2])?;
        g.mul(parts[0], parts[2])
    });
    check("slice", &[&[3, 5]], |g, x| g.slice(x[0], 1, 1, 4));
    check("strided slice", &[&[5, 8]], |g, x| g.strided(x[0], &[0, 1], &[1, 0], &[2, 3], &[2, 3]));
    check("strided slice to the end", &[&[7]], |g, x| g.strided(x[0], &[0], &[0], &[3], &[3]));
    check("pad", &[&[2, 3]], |g, x| g.pad(x[0], &[1, 0], &[0, 2]));
}

#[test]
fn slopes_of_lookups() {
    // An embedding would learn the wrong words.
    let fixed = |g: &mut GraphBuilder, table: Value, axis: Option<usize>| {
        let list = g.constant(&[2, 2], &[0.0, 2.0, 2.0, 1.0])?;
        let list = g.cast(list, ElementType::I64)?;
        match axis {
            None => g.gather(table, list),
            Some(axis) => g.gather_along(table, list, axis),
        }
    };
    check("gather", &[&[3, 4]], |g, x| fixed(g, x[0], None));
    check("gather along axis 1", &[&[2, 3, 2]], |g, x| fixed(g, x[0], Some(1)));
}

#[test]
fn slopes_of_reductions_and_normalisations() {
    // Normalised networks would not learn, or learn something else.
    check("sum", &[&[2, 3, 2]], |g, x| g.reduce_sum(x[0], &[1]));
    check("mean", &[&[2, 3, 2]], |g, x| g.reduce_mean(x[0], &[0, 2]));
    check("max", &[&[2, 5]], |g, x| g.reduce_max(x[0], &[1]));
    check("softmax", &[&[2, 4]], |g, x| g.softmax(x[0], 1));
    check("softmax of the first axis", &[&[3, 2]], |g, x| g.softmax(x[0], 0));
    check("log softmax", &[&[2, 4]], |g, x| g.log_softmax(x[0], 1));
    check("layer norm", &[&[3, 4], &[4], &[4]], |g, x| {
        Ok(g.layer_norm(x[0], x[1], Some(x[2]), 1, 1e-5)?[0])
    });
    check("layer norm of two axes", &[&[2, 3, 2], &[3, 2]], |g, x| {
        Ok(g.layer_norm(x[0], x[1], None, 1, 1e-5)?[0])
    });
}

#[test]
fn slopes_of_convolutions_and_pooling() {
    // A policy would not learn to see.
    let conv = |window: Window, groups: usize| {
        move |g: &mut GraphBuilder, x: &[Value]| g.conv(x[0], x[1], Some(x[2]), &window, groups)
    };
    let x: &[usize] = &[2, 2, 5, 6];
    let plain = Window::square(3, 1);
    check("conv", &[x, &[3, 2, 3, 3], &[3]], conv(plain, 1));
    check("conv, padded", &[x, &[3, 2, 3, 3], &[3]], conv(plain.padded(1), 1));
    check("conv, stride 2", &[x, &[3, 2, 3, 3], &[3]], conv(Window::square(3, 2).padded(1), 1));
    check("conv, patches", &[x, &[3, 2, 2, 2], &[3]], conv(Window::square(2, 2), 1));
    let wide = Window { kernel: [1, 2], stride: [2, 1], pads: [0, 1, 1, 0], dilation: [1, 2] };
    check("conv, uneven", &[x, &[3, 2, 1, 2], &[3]], conv(wide, 1));
    check("conv, many channels", &[&[1, 16, 4, 5], &[2, 16, 3, 2], &[2]], {
        let window = Window { kernel: [3, 2], stride: [2, 1], pads: [1, 0, 0, 1], ..wide };
        conv(window, 1)
    });
    check("conv, each channel alone", &[x, &[2, 1, 3, 3], &[2]], conv(plain, 2));
    check("conv, two groups", &[&[1, 4, 4, 4], &[6, 2, 3, 3], &[6]], conv(plain.padded(1), 2));
    let back = |window: Window, groups: usize, size: [usize; 2]| {
        move |g: &mut GraphBuilder, x: &[Value]| g.conv_transpose(x[0], x[1], &window, groups, size)
    };
    let (y, doubled) = (&[2, 3, 3, 4], Window::square(3, 2).padded(1));
    check("transposed conv", &[y, &[3, 2, 3, 3]], back(plain, 1, [5, 6]));
    check("transposed conv, stride 2", &[y, &[3, 2, 3, 3]], back(doubled, 1, [6, 7]));
    check("transposed conv, alone", &[y, &[3, 1, 3, 3]], back(plain, 3, [5, 6]));
    check("mean pool", &[x], |g, x| g.average_pool(x[0], (3, 3)));
    check("max pool", &[&[2, 2, 4, 4]], |g, x| g.max_pool(x[0], &Window::square(2, 2)));
    check("max pool, overlapping", &[&[1, 1, 5, 5]], |g, x| {
        g.max_pool(x[0], &Window::square(3, 1))
    });
}

#[test]
fn an_operator_without_a_rule_is_named() {
    // A gradient would silently stop there.
    let mut g = GraphBuilder::new("unknown");
    let x = g.input("x", ElementType::F32, &[2]).unwrap();
    let y = g.unary_of("Mish", x).unwrap();
    let loss = g.reduce_sum(y, &[0]).unwrap();
    let error = differentiate(&mut g, loss, &[x]).unwrap_err();
    assert!(matches!(&error, GradError::Unknown { op, .. } if op == "Mish"), "{error}");
}

#[test]
fn layers_pass_slopes_to_every_weight() {
    // A weight without a slope stays as it was drawn.
    let mut layers = Layers::new("layers", 3);
    let x = layers.g.items_input("x", ElementType::F32, &[3, 8]).unwrap();
    let y = layers.transformer_block("block", x, 2).unwrap();
    let flat = layers.g.reshape_items(y, &[24]).unwrap();
    let h = layers.linear("start", flat, 6).unwrap();
    let h = layers.gru("gru", flat, h).unwrap();
    let extra = layers.weight("extra", &[6], Init::Constant(1.0)).unwrap();
    let h = layers.g.mul(h, extra).unwrap();
    let loss = layers.g.reduce_sum(h, &[0, 1]).unwrap();
    let weights: Vec<_> =
        layers.g.weights().iter().map(|name| layers.g.find(name).unwrap()).collect();
    assert!(weights.len() > 20);
    let slopes = differentiate(&mut layers.g, loss, &weights).unwrap();
    assert!(slopes.iter().all(Option::is_some));
}
