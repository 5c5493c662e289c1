//! Rules of convolutions and pooling over pictures [batch, channel, height, width].

use super::super::builder::Window;
use super::{GradError, GraphBuilder, Node, Part, Parts, Rule, Value, one, only};

pub(super) fn rule(op: &str) -> Option<Rule> {
    Some(match op {
        "Conv" => conv,
        "ConvTranspose" => conv_transpose,
        "AveragePool" => average_pool,
        "MaxPool" => max_pool,
        _ => return None,
    })
}

fn window(g: &GraphBuilder, node: &Node, kernel: [usize; 2]) -> Result<Window, GradError> {
    if g.shape(node.input(0)?)?.len() != 4 {
        return Err(node.unsupported("only pictures of two dimensions are known"));
    }
    if node.proto.text("auto_pad").is_some_and(|pad| !matches!(pad, "NOTSET" | "VALID")) {
        return Err(node.unsupported("its padding is automatic"));
    }
    let pair = |name: &str| list::<2>(node, name, 1);
    let (stride, dilation) = (pair("strides")?, pair("dilations")?);
    Ok(Window { kernel, stride, pads: list::<4>(node, "pads", 0)?, dilation })
}

fn list<const N: usize>(node: &Node, name: &str, default: usize) -> Result<[usize; N], GradError> {
    let Some(list) = node.proto.ints(name).filter(|list| !list.is_empty()) else {
        return Ok([default; N]);
    };
    let sizes: Vec<_> = list.iter().filter_map(|size| usize::try_from(*size).ok()).collect();
    sizes.try_into().map_err(|_| node.unsupported(&format!("its {name} are {list:?}")))
}

/// `dx` is the transposed convolution of `dy`. `dw` is one matrix product: `dy` [M, N·h·w] by the
/// patches of `x` [C·kH·kW, N·h·w], cut out by strided slices, channels first so that they lie
/// behind one another without another copy; with many channels it is [`channels_last`].
fn conv(g: &mut GraphBuilder, node: &Node, slopes: &[Option<Value>]) -> Result<Parts, GradError> {
    let (x, weight, dy) = (node.input(0)?, node.input(1)?, only(node, slopes)?);
    let groups = usize::try_from(node.proto.int("group").unwrap_or(1)).unwrap_or(1);
    let (from, kernel) = (g.shape(x)?.to_vec(), g.shape(weight)?.to_vec());
    let &[m, _, kh, kw] = kernel.as_slice() else {
        return Err(node.unsupported("only pictures of two dimensions are known"));
    };
    let window = window(g, node, [kh, kw])?;
    let mut parts: Parts = node.inputs.iter().map(|_| None).collect();
    if node.is_needed(0) {
        let size = [from[2], from[3]];
        parts[0] = Some(Part::Value(g.conv_transpose(dy, weight, &window, groups, size)?));
    }
    if !node.is_needed(1) && !node.is_needed(2) {
        return Ok(parts);
    }
    let places: usize = g.shape(dy)?.iter().product::<usize>() / m.max(1);
    let rows = g.transpose(dy, &[1, 0, 2, 3])?;
    let rows = g.reshape(rows, &[m, places])?;
    if node.is_needed(1) {
        let dw = kernel_slope(g, x, rows, &kernel, &window, groups, dy)?;
        parts[1] = Some(Part::Value(dw));
    }
    if node.is_needed(2) {
        let sum = g.reduce_sum(rows, &[1])?;
        parts[2] = Some(Part::Value(g.reshape(sum, &[m])?));
    }
    Ok(parts)
}

/// A convolution's answer asked back: its slope is the convolution itself, and for the kernel the
/// picture and what is convolved change places.
fn conv_transpose(
    g: &mut GraphBuilder,
    node: &Node,
    slopes: &[Option<Value>],
) -> Result<Parts, GradError> {
    let (x, weight, dy) = (node.input(0)?, node.input(1)?, only(node, slopes)?);
    if node.proto.ints("output_shape").is_some() {
        return Err(node.unsupported("its padding follows from its output's shape"));
    }
    let groups = usize::try_from(node.proto.int("group").unwrap_or(1)).unwrap_or(1);
    let kernel = g.shape(weight)?.to_vec();
    let &[c, per_group, kh, kw] = kernel.as_slice() else {
        return Err(node.unsupported("only pictures of two dimensions are known"));
    };
    let window = window(g, node, [kh, kw])?;
    let mut parts: Parts = node.inputs.iter().map(|_| None).collect();
    if node.is_needed(0) {
        parts[0] = Some(Part::Value(g.conv(dy, weight, None, &window, groups)?));
    }
    if node.is_needed(1) {
        let places: usize = g.shape(x)?.iter().product::<usize>() / c.max(1);
        let rows = g.transpose(x, &[1, 0, 2, 3])?;
        let rows = g.reshape(rows, &[c, places])?;
        let dw = kernel_slope(g, dy, rows, &kernel, &window, groups, x)?;
        parts[1] = Some(Part::Value(dw));
    }
    if node.is_needed(2) {
        let sum = g.reduce_sum(dy, &[0, 2, 3])?;
        parts[2] = Some(Part::Value(g.reshape(sum, &[groups * per_group])?));
    }
    Ok(parts)
}

fn kernel_slope(
    g: &mut GraphBuilder,
    x: Value,
    rows: Value,
    kernel: &[usize],
    window: &Window,
    groups: usize,
    dy: Value,
) -> Result<Value, GradError> {
    let (m, per_group) = (kernel[0], kernel[1]);
    let [kh, kw] = window.kernel;
    let places = g.shape(rows)?[1];
    let out = g.shape(dy)?.to_vec();
    if groups == 1 && window.stride == window.kernel && window.pads == [0; 4] {
        let patches = tiles(g, x, window, [out[2], out[3]])?;
        let product = product(g, rows, patches)?;
        return Ok(g.reshape(product, kernel)?);
    }
    if groups == 1 && per_group >= CHANNELS_LAST_MIN {
        return channels_last(g, x, rows, kernel, window, [out[2], out[3]]);
    }
    let padded = pad(g, x, window.pads)?;
    let first = g.transpose(padded, &[1, 0, 2, 3])?;
    let mut offsets = Vec::with_capacity(kh * kw);
    for i in 0..kh {
        for j in 0..kw {
            let start = [i * window.dilation[0], j * window.dilation[1]];
            offsets.push(g.strided(first, &[2, 3], &start, &[out[2], out[3]], &window.stride)?);
        }
    }
    let patches = g.concat(&offsets, 0)?;
    let n_offsets = kh * kw;
    if groups == 1 {
        let patches = g.reshape(patches, &[n_offsets * per_group, places])?;
        let product = product(g, rows, patches)?;
        let apart = g.reshape(product, &[m, n_offsets, per_group])?;
        let ordered = g.transpose(apart, &[0, 2, 1])?;
        return Ok(g.reshape(ordered, kernel)?);
    }
    let patches = g.reshape(patches, &[n_offsets, groups, per_group, places])?;
    let patches = g.transpose(patches, &[1, 0, 2, 3])?;
    let patches = g.reshape(patches, &[groups, n_offsets * per_group, places])?;
    let rows = g.reshape(rows, &[groups, m / groups, places])?;
    let product = product(g, rows, patches)?;
    let apart = g.reshape(product, &[m, n_offsets, per_group])?;
    let ordered = g.transpose(apart, &[0, 2, 1])?;
    Ok(g.reshape(ordered, kernel)?)
}

/// With channels last a strided slice copies whole vectors, which pays from so many on (measured:
/// 31 instead of 44 ms for 32 to 128 channels, but 16 instead of 8 ms for 3).
const CHANNELS_LAST_MIN: usize = 16;

/// One product for each place of the kernel, channels last.
fn channels_last(
    g: &mut GraphBuilder,
    x: Value,
    rows: Value,
    kernel: &[usize],
    window: &Window,
    out: [usize; 2],
) -> Result<Value, GradError> {
    let (m, per_group, [kh, kw]) = (kernel[0], kernel[1], window.kernel);
    let [top, left, bottom, right] = window.pads;
    let last = g.transpose(x, &[0, 2, 3, 1])?;
    let last = g.pad(last, &[0, top, left, 0], &[0, bottom, right, 0])?;
    let places = g.shape(rows)?[1];
    let mut each = Vec::with_capacity(kh * kw);
    for i in 0..kh {
        for j in 0..kw {
            let start = [i * window.dilation[0], j * window.dilation[1]];
            let patch = g.strided(last, &[1, 2], &start, &out, &window.stride)?;
            let patch = g.reshape(patch, &[places, per_group])?;
            each.push(g.matmul(rows, patch)?);
        }
    }
    let all = g.concat(&each, 1)?;
    let apart = g.reshape(all, &[m, kh * kw, per_group])?;
    let ordered = g.transpose(apart, &[0, 2, 1])?;
    Ok(g.reshape(ordered, kernel)?)
}

/// `a bᵀ` of the last two axes.
fn product(g: &mut GraphBuilder, a: Value, b: Value) -> Result<Value, GradError> {
    let turned = super::linear::turned(g, b)?;
    Ok(g.matmul(a, turned)?)
}

/// Patches that touch but do not overlap: [C·kH·kW, N·h·w] without cutting anything out.
fn tiles(
    g: &mut GraphBuilder,
    x: Value,
    window: &Window,
    [h, w]: [usize; 2],
) -> Result<Value, GradError> {
    let shape = g.shape(x)?.to_vec();
    let [kh, kw] = window.kernel;
    let mut x = x;
    for (axis, used) in [(2, h * kh), (3, w * kw)] {
        if shape[axis] != used {
            x = g.slice(x, axis, 0, used)?;
        }
    }
    let (n, c) = (shape[0], shape[1]);
    let apart = g.reshape(x, &[n, c, h, kh, w, kw])?;
    let ordered = g.transpose(apart, &[1, 3, 5, 0, 2, 4])?;
    Ok(g.reshape(ordered, &[c * kh * kw, n * h * w])?)
}

fn pad(g: &mut GraphBuilder, x: Value, pads: [usize; 4]) -> Result<Value, GradError> {
    let [top, left, bottom, right] = pads;
    Ok(g.pad(x, &[0, 0, top, left], &[0, 0, bottom, right])?)
}

fn average_pool(
    g: &mut GraphBuilder,
    node: &Node,
    slopes: &[Option<Value>],
) -> Result<Parts, GradError> {
    let (x, dy) = (node.input(0)?, only(node, slopes)?);
    let kernel = list::<2>(node, "kernel_shape", 1)?;
    let window = window(g, node, kernel)?;
    let counts_pads = node.proto.int("count_include_pad").unwrap_or_default() != 0;
    if window.pads != [0; 4] && !counts_pads {
        return Err(node.unsupported("its mean leaves padding out"));
    }
    let from = g.shape(x)?.to_vec();
    let (n, c) = (from[0], from[1]);
    let [kh, kw] = kernel;
    let weight = g.constant(&[1, 1, kh, kw], &vec![1.0 / (kh * kw) as f32; kh * kw])?;
    // Every channel is a picture of its own.
    let out = g.shape(dy)?.to_vec();
    let dy = g.reshape(dy, &[n * c, 1, out[2], out[3]])?;
    let dx = g.conv_transpose(dy, weight, &window, 1, [from[2], from[3]])?;
    Ok(one(g.reshape(dx, &from)?))
}

/// To the element that was the largest, which the operator itself can tell.
fn max_pool(
    g: &mut GraphBuilder,
    node: &Node,
    slopes: &[Option<Value>],
) -> Result<Parts, GradError> {
    let (x, dy) = (node.input(0)?, only(node, slopes)?);
    let shape = g.shape(x)?.to_vec();
    let kernel = list::<2>(node, "kernel_shape", 1)?;
    window(g, node, kernel)?;
    let out = g.shape(dy)?.to_vec();
    let places = g.max_places(x, &node.proto.attribute, &out)?;
    let (n, n_out) = (shape.iter().product(), out.iter().product());
    let zero = g.constant(&[1], &[0.0])?;
    let zeros = g.expand(zero, &[n])?;
    let (flat, places) = (g.reshape(dy, &[n_out])?, g.reshape(places, &[n_out])?);
    let dx = g.scatter_add(zeros, places, flat)?;
    Ok(one(g.reshape(dx, &shape)?))
}
