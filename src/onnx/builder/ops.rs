//! The operators, one method each, after the ONNX operator specification (opset 21).

use super::{BuildError, ElementType, GraphBuilder, Operand, Value, dims_of, float, int, ints};

use ElementType::{Bool, F32, I64};

impl GraphBuilder {
    /// Elementwise sum with broadcasting.
    pub fn add(
        &mut self,
        a: impl Into<Operand>,
        b: impl Into<Operand>,
    ) -> Result<Value, BuildError> {
        self.binary("Add", a.into(), b.into(), F32)
    }

    /// `a - b`, elementwise with broadcasting.
    pub fn sub(
        &mut self,
        a: impl Into<Operand>,
        b: impl Into<Operand>,
    ) -> Result<Value, BuildError> {
        self.binary("Sub", a.into(), b.into(), F32)
    }

    /// Elementwise product with broadcasting.
    pub fn mul(
        &mut self,
        a: impl Into<Operand>,
        b: impl Into<Operand>,
    ) -> Result<Value, BuildError> {
        self.binary("Mul", a.into(), b.into(), F32)
    }

    /// `a / b`, elementwise with broadcasting.
    pub fn div(
        &mut self,
        a: impl Into<Operand>,
        b: impl Into<Operand>,
    ) -> Result<Value, BuildError> {
        self.binary("Div", a.into(), b.into(), F32)
    }

    /// The larger of two, elementwise with broadcasting.
    pub fn max(
        &mut self,
        a: impl Into<Operand>,
        b: impl Into<Operand>,
    ) -> Result<Value, BuildError> {
        self.binary("Max", a.into(), b.into(), F32)
    }

    /// The smaller of two, elementwise with broadcasting.
    pub fn min(
        &mut self,
        a: impl Into<Operand>,
        b: impl Into<Operand>,
    ) -> Result<Value, BuildError> {
        self.binary("Min", a.into(), b.into(), F32)
    }

    /// `a > b`, elementwise with broadcasting; the result is boolean.
    pub fn greater(
        &mut self,
        a: impl Into<Operand>,
        b: impl Into<Operand>,
    ) -> Result<Value, BuildError> {
        self.binary("Greater", a.into(), b.into(), Bool)
    }

    /// `if_true` where `condition` holds, `if_false` elsewhere, broadcasting all three.
    pub fn select(
        &mut self,
        condition: Value,
        if_true: impl Into<Operand>,
        if_false: impl Into<Operand>,
    ) -> Result<Value, BuildError> {
        let (a, b) = (self.operand(if_true.into())?, self.operand(if_false.into())?);
        self.expect_element("Where", condition, Bool)?;
        self.expect_element("Where", a, F32)?;
        self.expect_element("Where", b, F32)?;
        let branches = broadcast("Where", self.shape(a)?, self.shape(b)?)?;
        let shape = broadcast("Where", self.shape(condition)?, &branches)?;
        self.node("Where", &[condition, a, b], Vec::new(), (F32, shape))
    }

    /// `x` limited to `low..=high`.
    pub fn clip(&mut self, x: Value, low: f32, high: f32) -> Result<Value, BuildError> {
        let (low, high) = (self.constant(&[], &[low])?, self.constant(&[], &[high])?);
        self.expect_element("Clip", x, F32)?;
        let shape = self.shape(x)?.to_vec();
        self.node("Clip", &[x, low, high], Vec::new(), (F32, shape))
    }

    pub fn abs(&mut self, x: Value) -> Result<Value, BuildError> {
        self.unary("Abs", x)
    }

    pub fn exp(&mut self, x: Value) -> Result<Value, BuildError> {
        self.unary("Exp", x)
    }

    pub fn neg(&mut self, x: Value) -> Result<Value, BuildError> {
        self.unary("Neg", x)
    }

    /// Natural logarithm.
    pub fn log(&mut self, x: Value) -> Result<Value, BuildError> {
        self.unary("Log", x)
    }

    pub fn sqrt(&mut self, x: Value) -> Result<Value, BuildError> {
        self.unary("Sqrt", x)
    }

    pub fn tanh(&mut self, x: Value) -> Result<Value, BuildError> {
        self.unary("Tanh", x)
    }

    /// `1 / (1 + exp(-x))`.
    pub fn sigmoid(&mut self, x: Value) -> Result<Value, BuildError> {
        self.unary("Sigmoid", x)
    }

    /// The larger of `x` and zero.
    pub fn relu(&mut self, x: Value) -> Result<Value, BuildError> {
        self.unary("Relu", x)
    }

    /// The error function.
    pub fn erf(&mut self, x: Value) -> Result<Value, BuildError> {
        self.unary("Erf", x)
    }

    /// `x * Phi(x)`, `Phi` the normal distribution's (Hendrycks & Gimpel, 2016).
    pub fn gelu(&mut self, x: Value) -> Result<Value, BuildError> {
        self.unary("Gelu", x)
    }

    /// -1, 0 or 1.
    pub fn sign(&mut self, x: Value) -> Result<Value, BuildError> {
        self.unary("Sign", x)
    }

    /// `x` to the power of `exponent`, elementwise with broadcasting.
    pub fn pow(&mut self, x: Value, exponent: impl Into<Operand>) -> Result<Value, BuildError> {
        self.binary("Pow", x.into(), exponent.into(), F32)
    }

    pub fn tan(&mut self, x: Value) -> Result<Value, BuildError> {
        self.unary("Tan", x)
    }

    pub fn atan(&mut self, x: Value) -> Result<Value, BuildError> {
        self.unary("Atan", x)
    }

    /// A unary operator by its name in the specification.
    pub fn unary_of(&mut self, op: &'static str, x: Value) -> Result<Value, BuildError> {
        self.unary(op, x)
    }

    /// Rows of `table` [n, …] picked by `indices` (int64): the shape of `indices`, then the rest of
    /// the table's.
    pub fn gather(&mut self, table: Value, indices: Value) -> Result<Value, BuildError> {
        self.gather_along(table, indices, 0)
    }

    /// Elements along `axis` of `table` picked by `indices` (int64), whose shape takes that axis's
    /// place.
    pub fn gather_along(
        &mut self,
        table: Value,
        indices: Value,
        axis: usize,
    ) -> Result<Value, BuildError> {
        self.expect_element("Gather", indices, I64)?;
        let (from, element) = (self.shape(table)?.to_vec(), self.element(table)?);
        if axis >= from.len() {
            return Err(wrong("Gather", &format!("no axis {axis} in {from:?}")));
        }
        let shape = [&from[..axis], self.shape(indices)?, &from[axis + 1..]].concat();
        let attributes = vec![int("axis", dims_of(&[axis])[0])];
        self.node("Gather", &[table, indices], attributes, (element, shape))
    }

    /// Sum over `axes`, which stay as size 1.
    pub fn reduce_sum(&mut self, x: Value, axes: &[usize]) -> Result<Value, BuildError> {
        self.reduce("ReduceSum", x, axes)
    }

    /// Largest element over `axes`, which stay as size 1.
    pub fn reduce_max(&mut self, x: Value, axes: &[usize]) -> Result<Value, BuildError> {
        self.reduce("ReduceMax", x, axes)
    }

    /// Mean over `axes`, which stay as size 1.
    pub fn reduce_mean(&mut self, x: Value, axes: &[usize]) -> Result<Value, BuildError> {
        self.reduce("ReduceMean", x, axes)
    }

    /// `exp(x) / sum(exp(x))` along `axis`.
    pub fn softmax(&mut self, x: Value, axis: usize) -> Result<Value, BuildError> {
        self.along("Softmax", x, axis)
    }

    /// The logarithm of [`softmax`](Self::softmax).
    pub fn log_softmax(&mut self, x: Value, axis: usize) -> Result<Value, BuildError> {
        self.along("LogSoftmax", x, axis)
    }

    fn along(&mut self, op: &'static str, x: Value, axis: usize) -> Result<Value, BuildError> {
        self.expect_element(op, x, F32)?;
        let shape = self.shape(x)?.to_vec();
        self.node(op, &[x], vec![int("axis", dims_of(&[axis])[0])], (F32, shape))
    }

    /// Standardises the elements of all axes from `axis` on, then scales and shifts them (Ba et
    /// al., 2016); with the mean and the inverse deviation of each.
    pub fn layer_norm(
        &mut self,
        x: Value,
        scale: Value,
        bias: Option<Value>,
        axis: usize,
        epsilon: f32,
    ) -> Result<[Value; 3], BuildError> {
        self.expect_element("LayerNormalization", x, F32)?;
        let shape = self.shape(x)?.to_vec();
        let kept = shape.iter().enumerate().map(|(i, size)| if i < axis { *size } else { 1 });
        let moments = (F32, kept.collect::<Vec<_>>());
        let attributes = vec![int("axis", dims_of(&[axis])[0]), float("epsilon", epsilon)];
        let outputs = vec![(F32, shape), moments.clone(), moments];
        let inputs = [Some(x), Some(scale), bias];
        let inputs = if bias.is_some() { &inputs[..] } else { &inputs[..2] };
        let values = self.node_of("LayerNormalization", inputs, attributes, outputs)?;
        values.try_into().map_err(|_| wrong("LayerNormalization", "needs three outputs"))
    }

    /// Mean over a window of `height` x `width` pixels (both odd) around each pixel of `x` [batch,
    /// channel, height, width]; what lies outside counts as zero, the shape stays.
    pub fn average_pool(
        &mut self,
        x: Value,
        (height, width): (usize, usize),
    ) -> Result<Value, BuildError> {
        self.expect_element("AveragePool", x, F32)?;
        let shape = self.shape(x)?.to_vec();
        if shape.len() != 4 || height.is_multiple_of(2) || width.is_multiple_of(2) {
            let reason =
                format!("needs 4 dimensions and odd sides, got {shape:?}, {height} x {width}");
            return Err(wrong("AveragePool", &reason));
        }
        let (down, across) = (height / 2, width / 2);
        let attributes = vec![
            ints("kernel_shape", dims_of(&[height, width])),
            ints("pads", dims_of(&[down, across, down, across])),
            int("count_include_pad", 1),
        ];
        self.node("AveragePool", &[x], attributes, (F32, shape))
    }

    /// The same elements in another shape.
    pub fn reshape(&mut self, x: Value, shape: &[usize]) -> Result<Value, BuildError> {
        let (from, element) = (self.shape(x)?, self.element(x)?);
        if from.iter().product::<usize>() != shape.iter().product::<usize>() {
            return Err(wrong("Reshape", &format!("{from:?} does not fit into {shape:?}")));
        }
        let target = self.indices(&dims_of(shape))?;
        self.node("Reshape", &[x, target], Vec::new(), (element, shape.to_vec()))
    }

    /// Joins tensors that differ only along `axis`.
    pub fn concat(&mut self, parts: &[Value], axis: usize) -> Result<Value, BuildError> {
        let Some(first) = parts.first() else {
            return Err(wrong("Concat", "nothing to join"));
        };
        let (mut shape, element) = (self.shape(*first)?.to_vec(), self.element(*first)?);
        let mut size = 0;
        for part in parts {
            self.expect_element("Concat", *part, element)?;
            let mut other = self.shape(*part)?.to_vec();
            let along = other.get(axis).copied();
            if let (Some(slot), Some(mine)) = (other.get_mut(axis), shape.get(axis)) {
                *slot = *mine;
            }
            match along {
                Some(along) if other == shape => size += along,
                _ => return Err(wrong("Concat", &format!("{other:?} beside {shape:?}"))),
            }
        }
        if let Some(slot) = shape.get_mut(axis) {
            *slot = size;
        }
        let axis = int("axis", i64::try_from(axis).unwrap_or(i64::MAX));
        self.node("Concat", parts, vec![axis], (element, shape))
    }

    /// Elements `start..end` along `axis`.
    pub fn slice(
        &mut self,
        x: Value,
        axis: usize,
        start: usize,
        end: usize,
    ) -> Result<Value, BuildError> {
        let (mut shape, element) = (self.shape(x)?.to_vec(), self.element(x)?);
        match shape.get_mut(axis) {
            Some(size) if start < end && end <= *size => *size = end - start,
            _ => {
                let reason = format!("{start}..{end} along axis {axis} of {shape:?}");
                return Err(wrong("Slice", &reason));
            }
        }
        let bounds = [start, end, axis];
        let mut inputs = vec![x];
        for bound in dims_of(&bounds) {
            inputs.push(self.indices(&[bound])?);
        }
        self.node("Slice", &inputs, Vec::new(), (element, shape))
    }

    pub(super) fn unary(&mut self, op: &'static str, x: Value) -> Result<Value, BuildError> {
        self.expect_element(op, x, F32)?;
        let shape = self.shape(x)?.to_vec();
        self.node(op, &[x], Vec::new(), (F32, shape))
    }

    fn binary(
        &mut self,
        op: &'static str,
        a: Operand,
        b: Operand,
        element: ElementType,
    ) -> Result<Value, BuildError> {
        let (a, b) = (self.operand(a)?, self.operand(b)?);
        self.expect_element(op, a, F32)?;
        self.expect_element(op, b, F32)?;
        let shape = broadcast(op, self.shape(a)?, self.shape(b)?)?;
        self.node(op, &[a, b], Vec::new(), (element, shape))
    }

    pub(super) fn reduce(
        &mut self,
        op: &'static str,
        x: Value,
        axes: &[usize],
    ) -> Result<Value, BuildError> {
        self.expect_element(op, x, F32)?;
        let mut shape = self.shape(x)?.to_vec();
        for axis in axes {
            match shape.get_mut(*axis) {
                Some(size) => *size = 1,
                None => return Err(wrong(op, &format!("no axis {axis} in {shape:?}"))),
            }
        }
        let axes = self.indices(&dims_of(axes))?;
        self.node(op, &[x, axes], vec![int("keepdims", 1)], (F32, shape))
    }

    pub(super) fn expect_element(
        &self,
        op: &'static str,
        value: Value,
        expected: ElementType,
    ) -> Result<(), BuildError> {
        let found = self.element(value)?;
        if found == expected {
            return Ok(());
        }
        Err(wrong(op, &format!("needs {expected:?}, got {found:?}")))
    }
}

pub(super) fn wrong(op: &'static str, reason: &str) -> BuildError {
    BuildError::Operator { op, reason: reason.to_owned() }
}

/// The shape two tensors broadcast to (ONNX's multidirectional rule: align at the end, sizes equal
/// or 1).
pub(super) fn broadcast(
    op: &'static str,
    a: &[usize],
    b: &[usize],
) -> Result<Vec<usize>, BuildError> {
    let rank = a.len().max(b.len());
    let padded =
        |shape: &[usize]| [vec![1; rank - shape.len()], shape.to_vec()].concat().into_iter();
    let join = |(a, b): (usize, usize)| match (a, b) {
        (a, b) if a == b || b == 1 => Some(a),
        (1, b) => Some(b),
        _ => None,
    };
    let shape: Option<Vec<usize>> = padded(a).zip(padded(b)).map(join).collect();
    shape.ok_or_else(|| wrong(op, &format!("{a:?} and {b:?} do not broadcast")))
}
