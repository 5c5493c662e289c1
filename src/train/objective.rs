//! What training makes small.

use serde::{Deserialize, Serialize};

use super::TrainError;
use crate::onnx::builder::{GraphBuilder, Value};

/// Name of the tensor, inside a policy's graph, that holds the logarithm of the standard deviation
/// of each element of its action.
pub const LOG_DEVIATION: &str = "log_deviation";

/// How far a prediction is from its target, in the units of the action tensor.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Objective {
    /// Absolute difference.
    L1,
    /// Square below `delta`, straight above (Huber, 1964).
    Huber { delta: f32 },
    /// Negative logarithm of the likelihood under a normal distribution whose deviation the policy
    /// predicts, and `huber` times the Huber distance (`delta` 1), which keeps the mean learning
    /// where the predicted deviation is large.
    Gaussian { huber: f32 },
}

/// Adds the mean of `objective` over the elements of `action` [N, slots, axes], weighted by
/// `weights` [N, slots, 1]: a scalar.
///
/// # Errors
/// The policy predicts no deviation where the objective needs one.
pub(super) fn add(
    g: &mut GraphBuilder,
    objective: Objective,
    action: Value,
    targets: Value,
    weights: Value,
) -> Result<Value, TrainError> {
    g.scope("loss");
    let difference = g.sub(action, targets)?;
    let each = match objective {
        Objective::L1 => g.abs(difference)?,
        Objective::Huber { delta } => huber(g, difference, delta)?,
        Objective::Gaussian { huber: share } => {
            let name = LOG_DEVIATION;
            let found = g.find(name).ok_or_else(|| TrainError::Tensor { name: name.to_owned() });
            let log_deviation = found?;
            let likelihood = gaussian(g, difference, log_deviation)?;
            let distance = huber(g, difference, 1.0)?;
            let distance = g.mul(distance, share)?;
            g.add(likelihood, distance)?
        }
    };
    let weighted = g.mul(each, weights)?;
    let axes = [0, 1, 2];
    let sum = g.reduce_sum(weighted, &axes)?;
    let total = g.reduce_sum(weights, &axes)?;
    let n_axes = g.shape(action)?.last().copied().unwrap_or(1);
    let total = g.mul(total, n_axes as f32)?;
    // A window of nothing but unknowns has no loss, not an infinite one.
    let total = g.max(total, 1e-6)?;
    let mean = g.div(sum, total)?;
    let loss = g.reshape(mean, &[])?;
    g.scope("");
    Ok(loss)
}

fn huber(g: &mut GraphBuilder, difference: Value, delta: f32) -> Result<Value, TrainError> {
    let size = g.abs(difference)?;
    let near = g.min(size, delta)?;
    let square = g.mul(near, near)?;
    let square = g.mul(square, 0.5)?;
    let beyond = g.sub(size, near)?;
    let straight = g.mul(beyond, delta)?;
    Ok(g.add(square, straight)?)
}

/// Negative logarithm of the likelihood, `d^2 / (2 s^2) + ln s`; the constant `ln(2 pi) / 2` is
/// left out.
///
/// # Errors
/// The shapes do not fit.
pub fn gaussian(
    g: &mut GraphBuilder,
    difference: Value,
    log_deviation: Value,
) -> Result<Value, TrainError> {
    let square = g.mul(difference, difference)?;
    let exponent = g.mul(log_deviation, -2.0)?;
    let precision = g.exp(exponent)?;
    let weighted = g.mul(square, precision)?;
    let half = g.mul(weighted, 0.5)?;
    Ok(g.add(half, log_deviation)?)
}
