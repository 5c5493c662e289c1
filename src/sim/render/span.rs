//! What one row of the picture sees of a plane. Along a row one over the depth of a plane is linear
//! in the column, and so is every coordinate on it over the depth: straight edges begin and end at
//! columns that need not be searched for.

use std::ops::Range;

/// Pixels that are worked on together.
pub(super) const BLOCK: usize = 16;

/// A quantity that is linear in the column; columns are counted at their pixels' centres.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Line {
    /// In column 0.
    pub(super) begin: f32,
    pub(super) step: f32,
}

impl Line {
    #[inline]
    pub(super) fn at(self, column: usize) -> f32 {
        // Narrow integers become floats in one instruction; rows are shorter than 65,536.
        self.begin + self.step * f32::from(column as u16)
    }

    #[inline]
    pub(super) fn times(self, factor: f32) -> Self {
        Self { begin: self.begin * factor, step: self.step * factor }
    }

    #[inline]
    pub(super) fn plus(self, other: Self) -> Self {
        Self { begin: self.begin + other.begin, step: self.step + other.step }
    }

    /// The first column after `column` where it is larger than `other`, which it is not there.
    pub(super) fn overtakes(self, other: Self, column: usize) -> usize {
        let (ahead, closing) = (other.begin - self.begin, self.step - other.step);
        if closing > 0.0 { ((ahead / closing) as usize + 1).max(column + 1) } else { usize::MAX }
    }

    /// The part of `columns` where it is not negative.
    pub(super) fn clip(self, columns: Range<usize>) -> Range<usize> {
        let root = -self.begin / self.step;
        if self.step > 0.0 {
            (root.ceil() as usize).clamp(columns.start, columns.end)..columns.end
        } else if self.step < 0.0 && root < 0.0 || self.step == 0.0 && self.begin < 0.0 {
            columns.start..columns.start
        } else if self.step < 0.0 {
            columns.start..(root as usize + 1).clamp(columns.start, columns.end)
        } else {
            columns
        }
    }
}

/// A coordinate on a plane: what the eye's own is, and how it grows with depth.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Coordinate {
    pub(super) eye: f32,
    pub(super) way: Line,
}

impl Coordinate {
    /// The coordinate from another origin and in another unit.
    #[inline]
    pub(super) fn mapped(self, origin: f32, factor: f32) -> Self {
        Self { eye: (self.eye - origin) * factor, way: self.way.times(factor) }
    }

    #[inline]
    pub(super) fn at(self, column: usize, depth: f32) -> f32 {
        self.eye + self.way.at(column) * depth
    }

    /// The part of `columns` where it lies within 0..=1 on the plane whose one over depth is
    /// `near`.
    pub(super) fn clip(self, near: Line, columns: Range<usize>) -> Range<usize> {
        let above = near.times(self.eye).plus(self.way);
        near.plus(above.times(-1.0)).clip(above.clip(columns))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clipping_finds_the_columns_that_a_search_would() {
        // If this failed, what hangs on a wall would have ragged edges.
        let near = Line { begin: 0.2, step: 0.004 };
        for (eye, begin, step) in [
            (0.5, -0.3, 0.0101),
            (0.1, 0.41, -0.006),
            (-2.0, 0.91, 0.0),
            (0.3, -0.2, 0.0),
            (3.0, 0.0, 0.0),
        ] {
            let place = Coordinate { eye, way: Line { begin, step } };
            let within =
                |column: &usize| (0.0..=1.0).contains(&place.at(*column, 1.0 / near.at(*column)));
            let found: Vec<usize> = place.clip(near, 5..90).collect();
            assert_eq!(found, (5..90).filter(within).collect::<Vec<_>>(), "{place:?}");
        }
    }
}
