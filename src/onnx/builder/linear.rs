//! Operators that are sums of products: matrix products and convolutions.

use super::ops::{broadcast, wrong};
use super::{AttributeProto, BuildError, ElementType, GraphBuilder, Value, dims_of, int, ints};

use ElementType::F32;

/// How a convolution's kernel passes over a picture [batch, channel, height, width].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Height and width, pixels.
    pub kernel: [usize; 2],
    pub stride: [usize; 2],
    /// Zeros above, left of, below and right of the picture.
    pub pads: [usize; 4],
    pub dilation: [usize; 2],
}

impl Window {
    /// A square kernel without padding or dilation.
    #[must_use]
    pub const fn square(kernel: usize, stride: usize) -> Self {
        let (kernel, stride) = ([kernel; 2], [stride; 2]);
        Self { kernel, stride, pads: [0; 4], dilation: [1; 2] }
    }

    /// The same with `pad` zeros on every side.
    #[must_use]
    pub const fn padded(self, pad: usize) -> Self {
        Self { pads: [pad; 4], ..self }
    }

    /// How many places the kernel takes along axis `i` (0 is height) of a picture of `size`; none
    /// when it does not fit.
    #[must_use]
    pub fn places(&self, i: usize, size: usize) -> Option<usize> {
        let span = self.dilation[i] * (self.kernel[i].checked_sub(1)?) + 1;
        let room = (size + self.pads[i] + self.pads[i + 2]).checked_sub(span)?;
        Some(room.checked_div(self.stride[i])? + 1)
    }

    fn attributes(&self) -> Vec<AttributeProto> {
        vec![
            ints("kernel_shape", dims_of(&self.kernel)),
            ints("strides", dims_of(&self.stride)),
            ints("pads", dims_of(&self.pads)),
            ints("dilations", dims_of(&self.dilation)),
        ]
    }
}

impl GraphBuilder {
    /// Matrix product of the last two axes, the others broadcast; both have at least two.
    pub fn matmul(&mut self, a: Value, b: Value) -> Result<Value, BuildError> {
        self.expect_element("MatMul", a, F32)?;
        self.expect_element("MatMul", b, F32)?;
        let (left, right) = (self.shape(a)?.to_vec(), self.shape(b)?.to_vec());
        let misfit = || wrong("MatMul", &format!("{left:?} by {right:?}"));
        let ([outer_a @ .., n, k], [outer_b @ .., k_b, m]) = (left.as_slice(), right.as_slice())
        else {
            return Err(misfit());
        };
        if k != k_b {
            return Err(misfit());
        }
        let shape = [broadcast("MatMul", outer_a, outer_b)?, vec![*n, *m]].concat();
        self.node("MatMul", &[a, b], Vec::new(), (F32, shape))
    }

    /// `a bᵀ + c` of matrices; `c` is broadcast.
    pub fn gemm_turned(
        &mut self,
        a: Value,
        b: Value,
        c: Option<Value>,
    ) -> Result<Value, BuildError> {
        self.expect_element("Gemm", a, F32)?;
        self.expect_element("Gemm", b, F32)?;
        let (left, right) = (self.shape(a)?.to_vec(), self.shape(b)?.to_vec());
        let shape = match (left.as_slice(), right.as_slice()) {
            (&[n, k], &[m, k_b]) if k == k_b => vec![n, m],
            _ => return Err(wrong("Gemm", &format!("{left:?} by {right:?} turned"))),
        };
        if let Some(c) = c
            && broadcast("Gemm", self.shape(c)?, &shape)? != shape
        {
            return Err(wrong("Gemm", &format!("{:?} added to {shape:?}", self.shape(c)?)));
        }
        let inputs = [Some(a), Some(b), c];
        let inputs = if c.is_some() { &inputs[..] } else { &inputs[..2] };
        let values = self.node_of("Gemm", inputs, vec![int("transB", 1)], vec![(F32, shape)])?;
        values.first().copied().ok_or_else(|| wrong("Gemm", "needs an output"))
    }

    /// LSTM over `x` [T, N, K] with `weight` [1, 4 H, K], `state` [1, 4 H, H] and `bias` [1, 8 H],
    /// from a state of zeros: the states of all steps [T, N, H].
    pub fn lstm(
        &mut self,
        x: Value,
        weight: Value,
        state: Value,
        bias: Value,
    ) -> Result<Value, BuildError> {
        let (from, kept) = (self.shape(x)?.to_vec(), self.shape(state)?.to_vec());
        let misfit = || wrong("LSTM", &format!("{from:?} with {kept:?}"));
        let (&[t, n, k], &[1, rows, h]) = (from.as_slice(), kept.as_slice()) else {
            return Err(misfit());
        };
        let fits = rows == 4 * h
            && *self.shape(weight)? == [1, rows, k]
            && *self.shape(bias)? == [1, 2 * rows];
        if !fits {
            return Err(misfit());
        }
        let inputs = [x, weight, state, bias];
        let attributes = vec![int("hidden_size", dims_of(&[h])[0])];
        let y = self.node("LSTM", &inputs, attributes, (F32, vec![t, 1, n, h]))?;
        self.reshape(y, &[t, n, h])
    }

    /// Convolution of `x` `[N, C, H, W]` with `weight` `[M, C / groups, kH, kW]` and `bias` `[M]`.
    pub fn conv(
        &mut self,
        x: Value,
        weight: Value,
        bias: Option<Value>,
        window: &Window,
        groups: usize,
    ) -> Result<Value, BuildError> {
        let (from, kernel) = (self.shape(x)?.to_vec(), self.shape(weight)?.to_vec());
        let misfit = || wrong("Conv", &format!("{from:?} with {kernel:?}, {window:?}"));
        let ([n, c, h, w], [m, per_group, kh, kw]) = (from.as_slice(), kernel.as_slice()) else {
            return Err(misfit());
        };
        if groups == 0 || *c != per_group * groups || [*kh, *kw] != window.kernel {
            return Err(misfit());
        }
        let high = window.places(0, *h).ok_or_else(misfit)?;
        let wide = window.places(1, *w).ok_or_else(misfit)?;
        let mut attributes = window.attributes();
        attributes.push(int("group", dims_of(&[groups])[0]));
        let inputs = [Some(x), Some(weight), bias];
        let n_inputs = if bias.is_some() { 3 } else { 2 };
        let output = vec![(F32, vec![*n, *m, high, wide])];
        let values =
            self.node_of("Conv", inputs.get(..n_inputs).unwrap_or(&inputs), attributes, output)?;
        values.first().copied().ok_or_else(misfit)
    }

    /// The picture [N, C, height, width] whose convolution by `window` and `weight`
    /// [M, C / groups, kH, kW] is answered by `dy` [N, M, h, w]: the convolution's transpose.
    pub fn conv_transpose(
        &mut self,
        dy: Value,
        weight: Value,
        window: &Window,
        groups: usize,
        size: [usize; 2],
    ) -> Result<Value, BuildError> {
        let (from, kernel) = (self.shape(dy)?.to_vec(), self.shape(weight)?.to_vec());
        let misfit = || wrong("ConvTranspose", &format!("{from:?} with {kernel:?}, {window:?}"));
        let ([n, _, h, w], [_, per_group, ..]) = (from.as_slice(), kernel.as_slice()) else {
            return Err(misfit());
        };
        // What the strides left over at the far edges.
        let mut extra = [0; 2];
        for (i, places) in [*h, *w].into_iter().enumerate() {
            let span = window.dilation[i] * (window.kernel[i] - 1) + 1;
            let reached = (places - 1) * window.stride[i] + span;
            let padded = size[i] + window.pads[i] + window.pads[i + 2];
            extra[i] = padded.checked_sub(reached).ok_or_else(misfit)?;
        }
        let mut attributes = window.attributes();
        attributes.push(int("group", dims_of(&[groups])[0]));
        attributes.push(ints("output_padding", dims_of(&extra)));
        let shape = vec![*n, per_group * groups, size[0], size[1]];
        self.node("ConvTranspose", &[dy, weight], attributes, (F32, shape))
    }

    /// The largest element in each window of `x` [N, C, H, W].
    pub fn max_pool(&mut self, x: Value, window: &Window) -> Result<Value, BuildError> {
        self.expect_element("MaxPool", x, F32)?;
        let from = self.shape(x)?.to_vec();
        let misfit = || wrong("MaxPool", &format!("{from:?} by {window:?}"));
        let [n, c, h, w] = from.as_slice() else {
            return Err(misfit());
        };
        let high = window.places(0, *h).ok_or_else(misfit)?;
        let wide = window.places(1, *w).ok_or_else(misfit)?;
        self.node("MaxPool", &[x], window.attributes(), (F32, vec![*n, *c, high, wide]))
    }
}
