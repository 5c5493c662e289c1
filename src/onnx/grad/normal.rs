//! Rules of operators that normalise.

use super::{GradError, GraphBuilder, Node, Part, Parts, Rule, Value, fit, one, only};

pub(super) fn rule(op: &str) -> Option<Rule> {
    Some(match op {
        "Softmax" => softmax,
        "LogSoftmax" => log_softmax,
        "LayerNormalization" => layer_norm,
        "BatchNormalization" => batch_norm,
        _ => return None,
    })
}

fn softmax(
    g: &mut GraphBuilder,
    node: &Node,
    slopes: &[Option<Value>],
) -> Result<Parts, GradError> {
    let (y, dy) = (node.output()?, only(node, slopes)?);
    let axis = node.axis(-1, g.shape(y)?.len())?;
    let weighted = g.mul(dy, y)?;
    let sum = g.reduce_sum(weighted, &[axis])?;
    let rest = g.sub(dy, sum)?;
    Ok(one(g.mul(rest, y)?))
}

fn log_softmax(
    g: &mut GraphBuilder,
    node: &Node,
    slopes: &[Option<Value>],
) -> Result<Parts, GradError> {
    let (y, dy) = (node.output()?, only(node, slopes)?);
    let axis = node.axis(-1, g.shape(y)?.len())?;
    let share = g.exp(y)?;
    let sum = g.reduce_sum(dy, &[axis])?;
    let back = g.mul(share, sum)?;
    Ok(one(g.sub(dy, back)?))
}

/// With `x` standardised, `n = (x - mean) * inverse` (Ba et al., 2016):
/// `dx = inverse * (dn - mean(dn) - n * mean(dn * n))`.
fn layer_norm(
    g: &mut GraphBuilder,
    node: &Node,
    slopes: &[Option<Value>],
) -> Result<Parts, GradError> {
    let (x, scale, dy) = (node.input(0)?, node.input(1)?, only(node, slopes)?);
    let shape = g.shape(x)?.to_vec();
    let axis = node.axis(-1, shape.len())?;
    let axes: Vec<_> = (axis..shape.len()).collect();
    let (mean, inverse) = match node.outputs.as_slice() {
        [_, mean, inverse] => (*mean, *inverse),
        _ => moments(g, node, x, &axes)?,
    };
    let centred = g.sub(x, mean)?;
    let n = g.mul(centred, inverse)?;
    let mut parts: Parts = node.inputs.iter().map(|_| None).collect();
    if node.is_needed(0) {
        let dn = g.mul(dy, scale)?;
        let along = g.mul(dn, n)?;
        let along = g.reduce_mean(along, &axes)?;
        let shift = g.reduce_mean(dn, &axes)?;
        let bend = g.mul(n, along)?;
        let rest = g.sub(dn, shift)?;
        let rest = g.sub(rest, bend)?;
        parts[0] = Some(Part::Value(g.mul(rest, inverse)?));
    }
    let scaled = g.mul(dy, n)?;
    let sums = fit(g, node, &[(1, scaled), (2, dy)])?;
    Ok(parts.into_iter().zip(sums).map(|(own, sum)| own.or(sum)).collect())
}

/// Mean and inverse deviation, where the node does not give them.
fn moments(
    g: &mut GraphBuilder,
    node: &Node,
    x: Value,
    axes: &[usize],
) -> Result<(Value, Value), GradError> {
    let mean = g.reduce_mean(x, axes)?;
    let centred = g.sub(x, mean)?;
    let square = g.mul(centred, centred)?;
    let variance = g.reduce_mean(square, axes)?;
    let safe = g.add(variance, node.proto.float("epsilon").unwrap_or(1e-5))?;
    let deviation = g.sqrt(safe)?;
    Ok((mean, g.div(1.0, deviation)?))
}

/// As it is when not training: statistics are constants.
fn batch_norm(
    g: &mut GraphBuilder,
    node: &Node,
    slopes: &[Option<Value>],
) -> Result<Parts, GradError> {
    let (x, scale, dy) = (node.input(0)?, node.input(1)?, only(node, slopes)?);
    if node.is_needed(3) || node.is_needed(4) {
        return Err(node.unsupported("its statistics are to be trained"));
    }
    let rank = g.shape(x)?.len();
    let n_channels = g.shape(scale)?.iter().product();
    let mut wide = vec![1; rank];
    wide.iter_mut().skip(1).take(1).for_each(|size| *size = n_channels);
    let channel = |g: &mut GraphBuilder, i: usize| -> Result<Value, GradError> {
        Ok(g.reshape(node.input(i)?, &wide)?)
    };
    let (mean, variance) = (channel(g, 3)?, channel(g, 4)?);
    let safe = g.add(variance, node.proto.float("epsilon").unwrap_or(1e-5))?;
    let deviation = g.sqrt(safe)?;
    let mut parts: Parts = node.inputs.iter().map(|_| None).collect();
    if node.is_needed(0) {
        let factor = channel(g, 1)?;
        let factor = g.div(factor, deviation)?;
        parts[0] = Some(Part::Value(g.mul(dy, factor)?));
    }
    let centred = g.sub(x, mean)?;
    let n = g.div(centred, deviation)?;
    let scaled = g.mul(dy, n)?;
    for (i, slope) in [(1, scaled), (2, dy)] {
        if node.is_needed(i) {
            let axes: Vec<_> = (0..rank).filter(|axis| *axis != 1).collect();
            let sum = g.reduce_sum(slope, &axes)?;
            parts[i] = Some(Part::Value(g.reshape(sum, &[n_channels])?));
        }
    }
    Ok(parts)
}
