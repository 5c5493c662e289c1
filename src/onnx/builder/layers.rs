//! Layers with weights: an architecture written with these reads like its figure.

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

use super::{BuildError, GraphBuilder, Value, Window};

/// Epsilon of every normalisation.
const EPSILON: f32 = 1e-5;

/// What a weight holds before it is trained.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Init {
    /// Every element the same.
    Constant(f32),
    /// Normal with this standard deviation.
    Normal(f32),
}

impl Init {
    /// Keeps the variance of what passes through `n_inputs` (`LeCun` et al., 1998).
    #[must_use]
    pub fn lecun(n_inputs: usize) -> Self {
        Self::Normal((1.0 / n_inputs.max(1) as f32).sqrt())
    }

    /// The same for what a rectifier follows, which halves it (He et al., 2015).
    #[must_use]
    pub fn he(n_inputs: usize) -> Self {
        Self::Normal((2.0 / n_inputs.max(1) as f32).sqrt())
    }
}

/// A graph builder that draws weights. The same calls and the same seed give the same graph.
#[derive(Debug)]
pub struct Layers {
    pub g: GraphBuilder,
    rng: Pcg64,
}

impl Layers {
    #[must_use]
    pub fn new(name: &str, seed: u64) -> Self {
        Self { g: GraphBuilder::new(name), rng: Pcg64::seed_from_u64(seed) }
    }

    /// A weight.
    pub fn weight(&mut self, name: &str, shape: &[usize], init: Init) -> Result<Value, BuildError> {
        let n: usize = shape.iter().product();
        let data: Vec<f32> = match init {
            Init::Constant(number) => vec![number; n],
            Init::Normal(deviation) => (0..n).map(|_| self.normal() * deviation).collect(),
        };
        self.g.initializer(name, shape, &data)
    }

    /// A sample of the standard normal distribution (Box & Muller, 1958).
    fn normal(&mut self) -> f32 {
        let radius = (-2.0 * (1.0 - self.rng.random::<f64>()).ln()).sqrt();
        (radius * (std::f64::consts::TAU * self.rng.random::<f64>()).cos()) as f32
    }

    /// `x W + b`: [.., `n_in`] to [.., `n_out`].
    pub fn linear(&mut self, name: &str, x: Value, n_out: usize) -> Result<Value, BuildError> {
        let n_in = self.last(x)?;
        self.linear_of(name, x, n_out, Init::lecun(n_in))
    }

    /// [`linear`](Self::linear) with weights of another size at first.
    pub fn linear_of(
        &mut self,
        name: &str,
        x: Value,
        n_out: usize,
        init: Init,
    ) -> Result<Value, BuildError> {
        let n_in = self.last(x)?;
        let weight = self.weight(&format!("{name}.weight"), &[n_in, n_out], init)?;
        let bias = self.weight(&format!("{name}.bias"), &[n_out], Init::Constant(0.0))?;
        let product = self.g.matmul(x, weight)?;
        self.g.add(product, bias)
    }

    /// Convolution of [N, C, H, W] to `n_out` channels.
    pub fn conv(
        &mut self,
        name: &str,
        x: Value,
        n_out: usize,
        window: &Window,
    ) -> Result<Value, BuildError> {
        let n_in = self.g.shape(x)?.get(1).copied().unwrap_or(1);
        let [kh, kw] = window.kernel;
        let (shape, init) = ([n_out, n_in, kh, kw], Init::he(n_in * kh * kw));
        let weight = self.weight(&format!("{name}.weight"), &shape, init)?;
        let bias = self.weight(&format!("{name}.bias"), &[n_out], Init::Constant(0.0))?;
        self.g.conv(x, weight, Some(bias), window, 1)
    }

    /// Standardises the last axis (Ba et al., 2016).
    pub fn layer_norm(&mut self, name: &str, x: Value) -> Result<Value, BuildError> {
        let (n, axis) = (self.last(x)?, self.g.shape(x)?.len().saturating_sub(1));
        let scale = self.weight(&format!("{name}.weight"), &[n], Init::Constant(1.0))?;
        let bias = self.weight(&format!("{name}.bias"), &[n], Init::Constant(0.0))?;
        let [y, ..] = self.g.layer_norm(x, scale, Some(bias), axis, EPSILON)?;
        Ok(y)
    }

    /// A vector of `width` for each token id below `n_tokens`.
    pub fn embedding(
        &mut self,
        name: &str,
        tokens: Value,
        n_tokens: usize,
        width: usize,
    ) -> Result<Value, BuildError> {
        let init = Init::Normal(1.0);
        let table = self.weight(&format!("{name}.weight"), &[n_tokens, width], init)?;
        self.g.gather(table, tokens)
    }

    /// One step of a gated recurrent unit (Cho et al., 2014): the next state, from what is seen
    /// `x` [N, K] and the state `h` [N, H].
    pub fn gru(&mut self, name: &str, x: Value, h: Value) -> Result<Value, BuildError> {
        let width = self.last(h)?;
        let seen = self.linear(&format!("{name}.input"), x, 3 * width)?;
        let kept = self.linear(&format!("{name}.state"), h, 3 * width)?;
        let g = &mut self.g;
        let gates_seen = g.slice(seen, 1, 0, 2 * width)?;
        let gates_kept = g.slice(kept, 1, 0, 2 * width)?;
        let gates = g.add(gates_seen, gates_kept)?;
        let gates = g.sigmoid(gates)?;
        let (reset, update) = (g.slice(gates, 1, 0, width)?, g.slice(gates, 1, width, 2 * width)?);
        let new_seen = g.slice(seen, 1, 2 * width, 3 * width)?;
        let new_kept = g.slice(kept, 1, 2 * width, 3 * width)?;
        let new_kept = g.mul(reset, new_kept)?;
        let new = g.add(new_seen, new_kept)?;
        let new = g.tanh(new)?;
        let change = g.sub(h, new)?;
        let change = g.mul(update, change)?;
        g.add(new, change)
    }

    /// A layer of long short-term memory (Hochreiter & Schmidhuber, 1997) over `x` [T, N, K], from
    /// a state of zeros: the states of all steps [T, N, width].
    pub fn lstm(&mut self, name: &str, x: Value, width: usize) -> Result<Value, BuildError> {
        let n_in = self.last(x)?;
        let init = Init::lecun(width);
        let rows = 4 * width;
        let weight = self.weight(&format!("{name}.input"), &[1, rows, n_in], init)?;
        let state = self.weight(&format!("{name}.state"), &[1, rows, width], init)?;
        let bias = self.weight(&format!("{name}.bias"), &[1, 2 * rows], Init::Constant(0.0))?;
        self.g.lstm(x, weight, state, bias)
    }

    /// Attention of every place of `x` [N, L, D] to all others, with `heads` heads (Vaswani et
    /// al., 2017).
    pub fn attention(&mut self, name: &str, x: Value, heads: usize) -> Result<Value, BuildError> {
        self.attend(name, x, x, heads)
    }

    /// Attention of every place of `x` [N, L, D] to the places of `memory` [N, S, E].
    pub fn attend(
        &mut self,
        name: &str,
        x: Value,
        memory: Value,
        heads: usize,
    ) -> Result<Value, BuildError> {
        let width = self.last(x)?;
        let each = width / heads.max(1);
        let mut sides = Vec::with_capacity(3);
        for (part, from) in [("query", x), ("key", memory), ("value", memory)] {
            let places = self.g.shape(from)?.get(1).copied().unwrap_or(1);
            let y = self.linear(&format!("{name}.{part}"), from, width)?;
            let y = self.g.reshape_items(y, &[places, heads, each])?;
            let order = if part == "key" { [0, 2, 3, 1] } else { [0, 2, 1, 3] };
            sides.push(self.g.transpose(y, &order)?);
        }
        let [query, key, value] = sides[..] else {
            return Err(BuildError::Foreign { graph: name.to_owned() });
        };
        let g = &mut self.g;
        let fit = g.matmul(query, key)?;
        let fit = g.mul(fit, 1.0 / (each as f32).sqrt())?;
        let share = g.softmax(fit, 3)?;
        let mixed = g.matmul(share, value)?;
        let mixed = g.transpose(mixed, &[0, 2, 1, 3])?;
        let places = g.shape(mixed)?.get(1).copied().unwrap_or(1);
        let mixed = g.reshape_items(mixed, &[places, width])?;
        self.linear(&format!("{name}.output"), mixed, width)
    }

    /// A block of a transformer with normalisation first (Xiong et al., 2020); the inner layer is
    /// four times as wide.
    pub fn transformer_block(
        &mut self,
        name: &str,
        x: Value,
        heads: usize,
    ) -> Result<Value, BuildError> {
        let width = self.last(x)?;
        let y = self.layer_norm(&format!("{name}.norm1"), x)?;
        let y = self.attention(&format!("{name}.attention"), y, heads)?;
        let x = self.g.add(x, y)?;
        let y = self.layer_norm(&format!("{name}.norm2"), x)?;
        let y = self.linear(&format!("{name}.wide"), y, 4 * width)?;
        let y = self.g.gelu(y)?;
        let y = self.linear(&format!("{name}.narrow"), y, width)?;
        self.g.add(x, y)
    }

    fn last(&self, x: Value) -> Result<usize, BuildError> {
        Ok(self.g.shape(x)?.last().copied().unwrap_or(1))
    }
}
