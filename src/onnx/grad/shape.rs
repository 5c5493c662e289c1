//! Rules of operators that move, cut, join or look up elements.

use super::{ElementType, GradError, GraphBuilder, Node, Part, Parts, Rule, Value, one, only};

pub(super) fn rule(op: &str) -> Option<Rule> {
    Some(match op {
        "Reshape" | "Flatten" | "Squeeze" | "Unsqueeze" => |g, node, slopes| {
            let (dy, shape) = (only(node, slopes)?, g.shape(node.input(0)?)?.to_vec());
            Ok(one(g.reshape(dy, &shape)?))
        },
        "Expand" => |g, node, slopes| {
            let (dy, shape) = (only(node, slopes)?, g.shape(node.input(0)?)?.to_vec());
            Ok(one(g.sum_to(dy, &shape)?))
        },
        "Transpose" => transpose,
        "Concat" => concat,
        "Split" => split,
        "Slice" => slice,
        "Pad" => pad,
        "Gather" => gather,
        _ => return None,
    })
}

fn transpose(
    g: &mut GraphBuilder,
    node: &Node,
    slopes: &[Option<Value>],
) -> Result<Parts, GradError> {
    let dy = only(node, slopes)?;
    let rank = g.shape(dy)?.len();
    let order: Vec<usize> = match node.proto.ints("perm") {
        Some(perm) => perm.iter().map(|axis| node.place(*axis, rank)).collect::<Result<_, _>>()?,
        None => (0..rank).rev().collect(),
    };
    let back: Vec<_> = (0..rank).filter_map(|axis| order.iter().position(|o| *o == axis)).collect();
    Ok(one(g.transpose(dy, &back)?))
}

fn concat(g: &mut GraphBuilder, node: &Node, slopes: &[Option<Value>]) -> Result<Parts, GradError> {
    let dy = only(node, slopes)?;
    let axis = node.axis(0, g.shape(dy)?.len())?;
    let mut sizes = Vec::with_capacity(node.inputs.len());
    for i in 0..node.inputs.len() {
        sizes.push(g.shape(node.input(i)?)?.get(axis).copied().unwrap_or(1));
    }
    let cut = g.split(dy, axis, &sizes)?;
    Ok(cut.into_iter().map(|part| Some(Part::Value(part))).collect())
}

fn split(g: &mut GraphBuilder, node: &Node, slopes: &[Option<Value>]) -> Result<Parts, GradError> {
    let axis = node.axis(0, g.shape(node.input(0)?)?.len())?;
    let mut parts = Vec::with_capacity(slopes.len());
    for (output, slope) in node.outputs.iter().zip(slopes) {
        parts.push(match slope {
            Some(slope) => *slope,
            None => zeros(g, *output)?,
        });
    }
    Ok(one(g.concat(&parts, axis)?))
}

fn zeros(g: &mut GraphBuilder, like: Value) -> Result<Value, GradError> {
    let shape = g.shape(like)?.to_vec();
    let zero = g.constant(&vec![1; shape.len()], &[0.0])?;
    Ok(g.expand(zero, &shape)?)
}

/// What a slice left out has no slope.
fn slice(g: &mut GraphBuilder, node: &Node, slopes: &[Option<Value>]) -> Result<Parts, GradError> {
    let mut dy = only(node, slopes)?;
    let from = g.shape(node.input(0)?)?.to_vec();
    let starts = node.integers(g, 1, "starts")?.unwrap_or_default();
    let steps = node.integers(g, 4, "steps")?.unwrap_or_else(|| vec![1; starts.len()]);
    let every: Vec<i64> = (0..i64::try_from(starts.len()).unwrap_or_default()).collect();
    let axes = node.integers(g, 3, "axes")?.unwrap_or(every);
    for ((start, step), axis) in starts.iter().zip(&steps).zip(&axes) {
        let axis = node.place(*axis, from.len())?;
        let step = usize::try_from(*step).ok().filter(|step| *step > 0);
        let step = step.ok_or_else(|| node.unsupported("it steps backwards"))?;
        let size = from.get(axis).copied().unwrap_or_default();
        let size_i = i64::try_from(size).unwrap_or(i64::MAX);
        let start = if *start < 0 { start + size_i } else { *start };
        let start = usize::try_from(start.clamp(0, size_i)).unwrap_or_default();
        dy = spread(g, dy, axis, step)?;
        let shape = g.shape(dy)?.to_vec();
        let n = shape.get(axis).copied().unwrap_or_default();
        // Zeros after the last element may reach past the end.
        let n_kept = n.min(size - start);
        if n_kept < n {
            dy = g.slice(dy, axis, 0, n_kept)?;
        }
        dy = pad_axis(g, dy, axis, start, size - start - n_kept)?;
    }
    Ok(one(dy))
}

/// `step - 1` zeros behind each element along `axis`.
fn spread(g: &mut GraphBuilder, x: Value, axis: usize, step: usize) -> Result<Value, GradError> {
    if step == 1 {
        return Ok(x);
    }
    let shape = g.shape(x)?.to_vec();
    let mut apart = shape.clone();
    apart.insert(axis + 1, 1);
    let apart = g.reshape(x, &apart)?;
    let apart = pad_axis(g, apart, axis + 1, 0, step - 1)?;
    let mut wide = shape;
    wide.iter_mut().skip(axis).take(1).for_each(|size| *size *= step);
    Ok(g.reshape(apart, &wide)?)
}

fn pad_axis(
    g: &mut GraphBuilder,
    x: Value,
    axis: usize,
    before: usize,
    after: usize,
) -> Result<Value, GradError> {
    let rank = g.shape(x)?.len();
    let at_axis = |n: usize| (0..rank).map(|i| if i == axis { n } else { 0 }).collect::<Vec<_>>();
    Ok(g.pad(x, &at_axis(before), &at_axis(after))?)
}

fn pad(g: &mut GraphBuilder, node: &Node, slopes: &[Option<Value>]) -> Result<Parts, GradError> {
    let mut dy = only(node, slopes)?;
    if node.proto.text("mode").is_some_and(|mode| mode != "constant") || node.inputs.len() > 3 {
        return Err(node.unsupported("only constants around all axes are known"));
    }
    let from = g.shape(node.input(0)?)?.to_vec();
    let pads = node.integers(g, 1, "pads")?.unwrap_or_default();
    for (axis, (size, before)) in from.iter().zip(&pads).enumerate() {
        let before = usize::try_from(*before).ok();
        let before = before.ok_or_else(|| node.unsupported("it cuts instead of padding"))?;
        if g.shape(dy)?.get(axis) != Some(size) {
            dy = g.slice(dy, axis, before, before + size)?;
        }
    }
    Ok(one(dy))
}

/// Each looked-up row's slope is added to its row: a product with ones where the index is.
fn gather(g: &mut GraphBuilder, node: &Node, slopes: &[Option<Value>]) -> Result<Parts, GradError> {
    let (table, indices, dy) = (node.input(0)?, node.input(1)?, only(node, slopes)?);
    let shape = g.shape(table)?.to_vec();
    let picked = g.shape(indices)?.to_vec();
    let axis = node.axis(0, shape.len())?;
    let depth = shape.get(axis).copied().unwrap_or(1);
    let indices = match g.element(indices)? {
        ElementType::I64 => indices,
        _ => g.cast(indices, ElementType::I64)?,
    };
    let n_picked = picked.iter().product();
    let flat = g.reshape(indices, &[n_picked])?;
    let hot = g.one_hot(flat, depth)?;
    // Picked axes first, then what was before and behind them.
    let rank = g.shape(dy)?.len();
    let order: Vec<_> =
        (axis..axis + picked.len()).chain(0..axis).chain(axis + picked.len()..rank).collect();
    let dy = g.transpose(dy, &order)?;
    let n_rest = shape.iter().product::<usize>() / depth.max(1);
    let dy = g.reshape(dy, &[n_picked, n_rest])?;
    if axis == 0 && shape.len() == 2 {
        return Ok(vec![Some(Part::Outer(hot, dy)), None]);
    }
    let turned = g.transpose(hot, &[1, 0])?;
    let rows = g.matmul(turned, dy)?;
    let mut first = shape.clone();
    first.remove(axis);
    first.insert(0, depth);
    let rows = g.reshape(rows, &first)?;
    let back: Vec<_> = (1..=axis).chain([0]).chain(axis + 1..shape.len()).collect();
    Ok(vec![Some(Part::Value(g.transpose(rows, &back)?)), None])
}
