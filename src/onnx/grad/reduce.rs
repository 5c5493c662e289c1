//! Rules of sums, means and largest elements over axes.

use super::{GradError, GraphBuilder, Node, Part, Parts, Rule, Value, one, only};

pub(super) fn rule(op: &str) -> Option<Rule> {
    Some(match op {
        "ReduceSum" => |g, node, slopes| {
            let (wide, _) = widened(g, node, slopes)?;
            Ok(one(wide))
        },
        "ReduceMean" | "GlobalAveragePool" => |g, node, slopes| {
            let (wide, n) = widened(g, node, slopes)?;
            Ok(one(g.mul(wide, 1.0 / n as f32)?))
        },
        "ReduceMax" => largest,
        _ => return None,
    })
}

/// The slope repeated over the axes that were reduced, and how many elements went into one.
fn widened(
    g: &mut GraphBuilder,
    node: &Node,
    slopes: &[Option<Value>],
) -> Result<(Value, usize), GradError> {
    let (x, dy) = (node.input(0)?, only(node, slopes)?);
    let from = g.shape(x)?.to_vec();
    let axes = axes(g, node, from.len())?;
    let kept = kept(&from, &axes);
    let dy = g.reshape(dy, &kept)?;
    let n = from.iter().product::<usize>() / kept.iter().product::<usize>().max(1);
    Ok((g.expand(dy, &from)?, n))
}

fn kept(from: &[usize], axes: &[usize]) -> Vec<usize> {
    from.iter().enumerate().map(|(i, size)| if axes.contains(&i) { 1 } else { *size }).collect()
}

fn axes(g: &GraphBuilder, node: &Node, rank: usize) -> Result<Vec<usize>, GradError> {
    if node.proto.op_type == "GlobalAveragePool" {
        return Ok((2..rank).collect());
    }
    match node.integers(g, 1, "axes")? {
        Some(axes) if !axes.is_empty() => axes.iter().map(|axis| node.place(*axis, rank)).collect(),
        _ if node.proto.int("noop_with_empty_axes").unwrap_or_default() != 0 => Ok(Vec::new()),
        _ => Ok((0..rank).collect()),
    }
}

/// To the largest element; shared where several are.
fn largest(
    g: &mut GraphBuilder,
    node: &Node,
    slopes: &[Option<Value>],
) -> Result<Parts, GradError> {
    let (x, y) = (node.input(0)?, node.output()?);
    let from = g.shape(x)?.to_vec();
    let axes = axes(g, node, from.len())?;
    let (wide, _) = widened(g, node, slopes)?;
    let top = g.reshape(y, &kept(&from, &axes))?;
    let is_top = g.equal(x, top)?;
    let share = g.select(is_top, 1.0, 0.0)?;
    let n = g.reduce_sum(share, &axes)?;
    let share = g.div(share, n)?;
    Ok(vec![Some(Part::Value(g.mul(wide, share)?))])
}
