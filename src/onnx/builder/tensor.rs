//! Operators that move, cut, join or look up elements.

use super::ops::{broadcast, wrong};
use super::{AttributeProto, BuildError, ElementType, GraphBuilder, Value};
use super::{dims_of, int, ints, text};

use ElementType::{F32, I64};

impl GraphBuilder {
    /// The axes in another order: axis `i` of the result is axis `order[i]` of `x`.
    pub fn transpose(&mut self, x: Value, order: &[usize]) -> Result<Value, BuildError> {
        let (from, element) = (self.shape(x)?.to_vec(), self.element(x)?);
        let mut sorted = order.to_vec();
        sorted.sort_unstable();
        if sorted != (0..from.len()).collect::<Vec<_>>() {
            return Err(wrong("Transpose", &format!("{order:?} is no order of {from:?}")));
        }
        let shape = order.iter().filter_map(|axis| from.get(*axis).copied()).collect();
        self.node("Transpose", &[x], vec![ints("perm", dims_of(order))], (element, shape))
    }

    /// `x` with its first dimension, the items, kept and each item in another shape.
    pub fn reshape_items(&mut self, x: Value, item: &[usize]) -> Result<Value, BuildError> {
        let (from, element) = (self.shape(x)?.to_vec(), self.element(x)?);
        let n = from.first().copied().unwrap_or(1);
        let shape = [&[n], item].concat();
        if from.iter().product::<usize>() != shape.iter().product::<usize>() {
            return Err(wrong("Reshape", &format!("{from:?} does not fit into {shape:?}")));
        }
        // Zero keeps the dimension, whatever it is when the graph runs.
        let target = self.indices(&[&[0], dims_of(item).as_slice()].concat())?;
        self.node("Reshape", &[x, target], Vec::new(), (element, shape))
    }

    /// `x` repeated along axes of size 1 (or new leading ones) to `shape`.
    pub fn expand(&mut self, x: Value, shape: &[usize]) -> Result<Value, BuildError> {
        let (from, element) = (self.shape(x)?.to_vec(), self.element(x)?);
        if from == shape {
            return Ok(x);
        }
        if broadcast("Expand", &from, shape)? != shape {
            return Err(wrong("Expand", &format!("{from:?} is no part of {shape:?}")));
        }
        let target = self.indices(&dims_of(shape))?;
        self.node("Expand", &[x, target], Vec::new(), (element, shape.to_vec()))
    }

    /// Cuts `x` along `axis` into parts of the given sizes.
    pub fn split(
        &mut self,
        x: Value,
        axis: usize,
        sizes: &[usize],
    ) -> Result<Vec<Value>, BuildError> {
        let (from, element) = (self.shape(x)?.to_vec(), self.element(x)?);
        if from.get(axis).copied() != Some(sizes.iter().sum()) {
            return Err(wrong("Split", &format!("{sizes:?} along axis {axis} of {from:?}")));
        }
        let outputs = sizes.iter().map(|size| {
            let mut shape = from.clone();
            shape.iter_mut().skip(axis).take(1).for_each(|along| *along = *size);
            (element, shape)
        });
        let outputs = outputs.collect();
        let sizes = self.indices(&dims_of(sizes))?;
        let attributes = vec![int("axis", dims_of(&[axis])[0])];
        self.node_of("Split", &[Some(x), Some(sizes)], attributes, outputs)
    }

    /// Every `step`-th element of each axis from `start` on, `count` of them.
    pub fn strided(
        &mut self,
        x: Value,
        axes: &[usize],
        start: &[usize],
        count: &[usize],
        step: &[usize],
    ) -> Result<Value, BuildError> {
        let (mut shape, element) = (self.shape(x)?.to_vec(), self.element(x)?);
        let mut ends = Vec::with_capacity(axes.len());
        for (((axis, start), count), step) in axes.iter().zip(start).zip(count).zip(step) {
            let end = start + (count.saturating_sub(1)) * step + 1;
            match shape.get_mut(*axis) {
                Some(size) if *count > 0 && end <= *size => *size = *count,
                _ => {
                    let reason =
                        format!("{count} from {start} by {step}, axis {axis} of {shape:?}");
                    return Err(wrong("Slice", &reason));
                }
            }
            ends.push(end);
        }
        let mut inputs = vec![x];
        for list in [start, &ends, axes, step] {
            inputs.push(self.indices(&dims_of(list))?);
        }
        self.node("Slice", &inputs, Vec::new(), (element, shape))
    }

    /// `x` with zeros before and after each axis.
    pub fn pad(
        &mut self,
        x: Value,
        before: &[usize],
        after: &[usize],
    ) -> Result<Value, BuildError> {
        self.expect_element("Pad", x, F32)?;
        let from = self.shape(x)?.to_vec();
        if from.len() != before.len() || from.len() != after.len() {
            return Err(wrong("Pad", &format!("{before:?}, {after:?} for {from:?}")));
        }
        if before.iter().chain(after).all(|n| *n == 0) {
            return Ok(x);
        }
        let shape = from.iter().zip(before).zip(after).map(|((n, b), a)| n + b + a).collect();
        let pads = self.indices(&dims_of(&[before, after].concat()))?;
        self.node("Pad", &[x, pads], Vec::new(), (F32, shape))
    }

    /// Ones where an index (int64) meets its own number along a new last axis of `depth`, zeros
    /// elsewhere.
    pub fn one_hot(&mut self, indices: Value, depth: usize) -> Result<Value, BuildError> {
        self.expect_element("OneHot", indices, I64)?;
        let shape = [self.shape(indices)?, &[depth]].concat();
        let depth = self.indices(&dims_of(&[depth]))?;
        let values = self.constant(&[2], &[0.0, 1.0])?;
        self.node("OneHot", &[indices, depth, values], vec![int("axis", -1)], (F32, shape))
    }

    /// The same elements as another type.
    pub fn cast(&mut self, x: Value, to: ElementType) -> Result<Value, BuildError> {
        let shape = self.shape(x)?.to_vec();
        self.node("Cast", &[x], vec![int("to", i64::from(i32::from(to)))], (to, shape))
    }

    /// `a == b`, elementwise with broadcasting; the result is boolean.
    pub fn equal(&mut self, a: Value, b: Value) -> Result<Value, BuildError> {
        let shape = broadcast("Equal", self.shape(a)?, self.shape(b)?)?;
        self.node("Equal", &[a, b], Vec::new(), (ElementType::Bool, shape))
    }

    /// `x` with `updates` added at `places` (int64), all of one axis.
    pub fn scatter_add(
        &mut self,
        x: Value,
        places: Value,
        updates: Value,
    ) -> Result<Value, BuildError> {
        let shape = self.shape(x)?.to_vec();
        let attributes = vec![int("axis", 0), text("reduction", "add")];
        self.node("ScatterElements", &[x, places, updates], attributes, (F32, shape))
    }

    /// Where in the whole of `x` the largest elements lie that max pooling with `attributes` picks;
    /// of shape `out`.
    pub(in crate::onnx) fn max_places(
        &mut self,
        x: Value,
        attributes: &[AttributeProto],
        out: &[usize],
    ) -> Result<Value, BuildError> {
        let outputs = vec![(F32, out.to_vec()), (I64, out.to_vec())];
        let values = self.node_of("MaxPool", &[Some(x)], attributes.to_vec(), outputs)?;
        values.get(1).copied().ok_or_else(|| wrong("MaxPool", "needs two outputs"))
    }

    /// Sums `x` down to `shape`, from which broadcasting had made its shape.
    pub fn sum_to(&mut self, x: Value, shape: &[usize]) -> Result<Value, BuildError> {
        let from = self.shape(x)?.to_vec();
        if from == shape {
            return Ok(x);
        }
        let extra = from.len().saturating_sub(shape.len());
        let target = [vec![1; extra], shape.to_vec()].concat();
        let widened = from.iter().zip(&target).enumerate();
        let axes: Vec<_> = widened.filter(|(_, (a, b))| a != b).map(|(axis, _)| axis).collect();
        let summed = if axes.is_empty() { x } else { self.reduce_sum(x, &axes)? };
        self.reshape(summed, shape)
    }
}
