//! Rules of matrix products.

use super::{GradError, GraphBuilder, Node, Part, Parts, Rule, Value, only};

pub(super) fn rule(op: &str) -> Option<Rule> {
    Some(match op {
        "MatMul" => matmul,
        "Gemm" => gemm,
        _ => return None,
    })
}

fn matmul(g: &mut GraphBuilder, node: &Node, slopes: &[Option<Value>]) -> Result<Parts, GradError> {
    let (a, b, dy) = (node.input(0)?, node.input(1)?, only(node, slopes)?);
    let (left, right) = (g.shape(a)?.to_vec(), g.shape(b)?.to_vec());
    let mut parts = vec![None, None];
    if left.len() < 2 || right.len() < 2 {
        return Err(node.unsupported("one of its inputs is a vector"));
    }
    if node.is_needed(0) {
        let turned = turned(g, b)?;
        let da = g.matmul(dy, turned)?;
        parts[0] = Some(Part::Value(g.sum_to(da, &left)?));
    }
    if node.is_needed(1) {
        parts[1] = Some(if right.len() == 2 {
            Part::Outer(rows(g, a)?, rows(g, dy)?)
        } else {
            let turned = turned(g, a)?;
            let db = g.matmul(turned, dy)?;
            Part::Value(g.sum_to(db, &right)?)
        });
    }
    Ok(parts)
}

/// `alpha * A' B' + beta * C`, where `'` may transpose.
fn gemm(g: &mut GraphBuilder, node: &Node, slopes: &[Option<Value>]) -> Result<Parts, GradError> {
    let (a, b, dy) = (node.input(0)?, node.input(1)?, only(node, slopes)?);
    let is_on = |name: &str| node.proto.int(name).unwrap_or_default() != 0;
    let scale = |name: &str| node.proto.float(name).unwrap_or(1.0);
    let (alpha, beta) = (scale("alpha"), scale("beta"));
    let scaled = if (alpha - 1.0).abs() > 0.0 { g.mul(dy, alpha)? } else { dy };
    let mut parts: Parts = node.inputs.iter().map(|_| None).collect();
    if node.is_needed(0) {
        let right = if is_on("transB") { b } else { turned(g, b)? };
        let da = g.matmul(scaled, right)?;
        parts[0] = Some(Part::Value(if is_on("transA") { turned(g, da)? } else { da }));
    }
    if node.is_needed(1) {
        let left = if is_on("transA") { turned(g, a)? } else { a };
        parts[1] = Some(if is_on("transB") {
            Part::Outer(scaled, left)
        } else {
            Part::Outer(left, scaled)
        });
    }
    if let (Some(c), true) = (node.optional(2), node.is_needed(2)) {
        let shape = g.shape(c)?.to_vec();
        let scaled = if (beta - 1.0).abs() > 0.0 { g.mul(dy, beta)? } else { dy };
        parts[2] = Some(Part::Value(g.sum_to(scaled, &shape)?));
    }
    Ok(parts)
}

/// The last two axes exchanged.
pub(super) fn turned(g: &mut GraphBuilder, x: Value) -> Result<Value, GradError> {
    let rank = g.shape(x)?.len();
    let mut order: Vec<_> = (0..rank).collect();
    if rank >= 2 {
        order.swap(rank - 2, rank - 1);
    }
    Ok(g.transpose(x, &order)?)
}

/// All axes but the last taken together.
fn rows(g: &mut GraphBuilder, x: Value) -> Result<Value, GradError> {
    let shape = g.shape(x)?.to_vec();
    let [outer @ .., last] = shape.as_slice() else { return Ok(x) };
    if outer.len() == 1 {
        return Ok(x);
    }
    Ok(g.reshape(x, &[outer.iter().product(), *last])?)
}
