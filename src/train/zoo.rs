//! Architectures, written once: the graph that is trained and the graph that is deployed.

use serde::{Deserialize, Serialize};

use super::objective::LOG_DEVIATION;
use crate::onnx::builder::{BuildError, ElementType, GraphBuilder, Init, Layers, Value, Window};

/// Names of a built policy's inputs and outputs.
pub const IMAGE: &str = "image";
pub const TOKENS: &str = "tokens";
pub const MEMORY: &str = "memory";
pub const MEMORY_NEXT: &str = "memory_next";
pub const ACTION: &str = "action";
pub const CONFIDENCE: &str = "confidence";
/// Shifts the logarithm of the predicted deviation for the confidence; found after training.
pub const CALIBRATION: &str = "calibration";

/// Axes of the action tensor: `x.vel`, `y.vel`, `theta.vel`.
const AXES: usize = 3;
/// Predicted deviations stay in `exp(-3)..exp(1)` of an axis's scale.
const LOG_DEVIATION_RANGE: (f32, f32) = (-3.0, 1.0);
/// Slots that the confidence is about: what will be driven until the next chunk comes.
pub const CONFIDENT_SLOTS: usize = 3;

/// A small convolutional policy with memory, told what to do in words.
///
/// ```text
/// image ─▶ 4x4 patches ─▶ 3 convolutions, each halving ─▶ seen ─┐ scaled and shifted by
/// tokens ─▶ embedding ─▶ words in context ─▶ largest ─▶ told ───┤ what was told (FiLM)
/// memory ───────────────────────────────────────▶ gated unit ◀──┘ ─▶ memory_next
///                                                       └─▶ action, deviation ─▶ confidence
/// ```
///
/// `FiLM` after Perez et al. (2018). The measured velocity is no input: a policy that sees it
/// learns to copy it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Compact {
    /// Channels after the patches and after each convolution.
    pub channels: [usize; 4],
    /// Width of what is seen, and of the memory.
    pub width: usize,
    /// Width of a word's vector, and of what is told.
    pub words: usize,
}

impl Default for Compact {
    fn default() -> Self {
        Self { channels: [32, 48, 64, 96], width: 192, words: 48 }
    }
}

/// What the graph must fit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Frame {
    pub width: usize,
    pub height: usize,
    /// Tokens given, and how many there are.
    pub length: usize,
    pub n_tokens: usize,
    pub slots: usize,
    /// Tolerance of the confidence on each axis, as shares of the axes' scales.
    pub tolerance: [f32; AXES],
}

impl Compact {
    /// The graph with freshly drawn weights; the same seed draws the same.
    ///
    /// # Errors
    /// A picture too small for four halvings.
    pub fn build(&self, frame: &Frame, seed: u64) -> Result<GraphBuilder, BuildError> {
        let mut net = Layers::new("compact", seed);
        let picture = [3, frame.height, frame.width];
        let image = net.g.items_input(IMAGE, ElementType::U8, &picture)?;
        let tokens = net.g.items_input(TOKENS, ElementType::I64, &[frame.length])?;
        let memory = net.g.items_input(MEMORY, ElementType::F32, &[self.width])?;
        let seen = self.see(&mut net, image)?;
        let told = self.read(&mut net, tokens, frame.n_tokens)?;
        net.g.scope("joint");
        let factor = net.linear_of("joint.factor", told, self.width, Init::Normal(0.02))?;
        let factor = net.g.add(factor, 1.0)?;
        let shift = net.linear("joint.shift", told, self.width)?;
        let joint = net.g.mul(seen, factor)?;
        let joint = net.g.add(joint, shift)?;
        let joint = net.g.gelu(joint)?;
        net.g.scope("memory");
        let next = net.gru("memory", joint, memory)?;
        net.g.items_output(MEMORY_NEXT, next)?;
        self.act(&mut net, frame, &[next, joint, told])?;
        Ok(net.g)
    }

    /// [N, 3, H, W] levels to [N, width].
    fn see(&self, net: &mut Layers, image: Value) -> Result<Value, BuildError> {
        net.g.scope("see");
        let levels = net.g.cast(image, ElementType::F32)?;
        let centred = net.g.sub(levels, 127.5)?;
        let mut x = net.g.mul(centred, 1.0 / 64.0)?;
        for (i, channels) in self.channels.iter().enumerate() {
            let window = if i == 0 { Window::square(4, 4) } else { Window::square(3, 2).padded(1) };
            x = net.conv(&format!("see.{i}"), x, *channels, &window)?;
            x = net.g.relu(x)?;
        }
        let n = net.g.shape(x)?.iter().product();
        let flat = net.g.reshape_items(x, &[n])?;
        let seen = net.linear("see.all", flat, self.width)?;
        net.layer_norm("see.norm", seen)
    }

    /// [N, L] token ids to [N, words]: each word with its neighbours, then the largest of each
    /// element, so that it matters little where in the sentence a phrase stands.
    fn read(&self, net: &mut Layers, tokens: Value, n_tokens: usize) -> Result<Value, BuildError> {
        net.g.scope("read");
        let words = net.embedding("read.words", tokens, n_tokens, self.words)?;
        let length = net.g.shape(words)?.get(1).copied().unwrap_or(1);
        let padded = net.g.pad(words, &[0, 1, 0], &[0, 1, 0])?;
        let before = net.g.slice(padded, 1, 0, length)?;
        let after = net.g.slice(padded, 1, 2, length + 2)?;
        let context = net.g.concat(&[before, words, after], 2)?;
        let x = net.linear("read.context", context, 2 * self.words)?;
        let x = net.g.gelu(x)?;
        let x = net.g.reduce_max(x, &[1])?;
        let x = net.g.reshape_items(x, &[2 * self.words])?;
        let x = net.linear("read.told", x, self.words)?;
        net.layer_norm("read.norm", x)
    }

    fn act(&self, net: &mut Layers, frame: &Frame, from: &[Value]) -> Result<(), BuildError> {
        net.g.scope("act");
        let n = frame.slots * AXES;
        let all = net.g.concat(from, 1)?;
        let x = net.linear("act.hidden", all, self.width)?;
        let x = net.g.gelu(x)?;
        let action = net.linear_of("act.mean", x, n, Init::Normal(0.01))?;
        let action = net.g.reshape_items(action, &[frame.slots, AXES])?;
        let spread = net.linear_of("act.deviation", x, n, Init::Normal(0.01))?;
        let spread = net.g.sub(spread, 1.0)?;
        let spread = net.g.reshape_items(spread, &[frame.slots, AXES])?;
        let (low, high) = LOG_DEVIATION_RANGE;
        let spread = net.g.clip(spread, low, high)?;
        net.g.named(spread, LOG_DEVIATION)?;
        net.g.items_output(ACTION, action)?;
        confidence(net, frame, spread)
    }
}

/// The probability that every axis is within its tolerance, under the predicted normal
/// distributions: `erf(tolerance / (deviation * sqrt(2)))`, multiplied over the axes, averaged over
/// the first slots.
fn confidence(net: &mut Layers, frame: &Frame, spread: Value) -> Result<(), BuildError> {
    net.g.scope("confidence");
    let shift = net.weight(CALIBRATION, &[1], Init::Constant(0.0))?;
    let g = &mut net.g;
    let spread = g.slice(spread, 1, 0, CONFIDENT_SLOTS.min(frame.slots))?;
    let shifted = g.add(spread, shift)?;
    let narrow = g.neg(shifted)?;
    let precision = g.exp(narrow)?;
    let tolerance = frame.tolerance.map(|share| share * std::f32::consts::FRAC_1_SQRT_2);
    let tolerance = g.constant(&[1, 1, AXES], &tolerance)?;
    let ratio = g.mul(precision, tolerance)?;
    let within = g.erf(ratio)?;
    let x = g.slice(within, 2, 0, 1)?;
    let y = g.slice(within, 2, 1, 2)?;
    let yaw = g.slice(within, 2, 2, 3)?;
    let both = g.mul(x, y)?;
    let all = g.mul(both, yaw)?;
    let mean = g.reduce_mean(all, &[1, 2])?;
    let mean = g.reshape_items(mean, &[])?;
    g.items_output(CONFIDENCE, mean)
}
