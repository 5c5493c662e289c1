//! Area averaging: every pixel of the small picture is the mean of the part of the large one that
//! it covers.

/// Positions are in 1/256 of a source pixel.
const ONE: u64 = 256;

/// Scales RGB pictures; keeps its buffers between calls.
#[derive(Debug, Default)]
pub(super) struct Scaler {
    /// One output row before its columns are averaged: weighted sums over source rows, `width * 3`.
    sums: Vec<u32>,
    spans: Vec<(u64, u64)>,
}

impl Scaler {
    /// Scales `source` (RGB, row-major) into `target`, which is resized to fit. False when the
    /// sizes make no picture.
    pub(super) fn scale(
        &mut self,
        source: &[u8],
        (width, height): (usize, usize),
        (target_width, target_height): (usize, usize),
        target: &mut Vec<u8>,
    ) -> bool {
        target.resize(target_width * target_height * 3, 0);
        let fits = source.len() == width * height * 3 && !source.is_empty() && !target.is_empty();
        if !fits {
            return false;
        }
        self.sums.resize(width * 3, 0);
        self.spans.clear();
        self.spans.extend((0..target_width).map(|x| span(x, width, target_width)));
        for (y, out) in target.chunks_exact_mut(target_width * 3).enumerate() {
            let rows = span(y, height, target_height);
            self.add_rows(source, rows);
            self.average_columns((rows.1 - rows.0) as f32, out);
        }
        true
    }

    /// Rows first: whole rows are added by straight loops that the compiler turns into vector code.
    fn add_rows(&mut self, source: &[u8], (from, to): (u64, u64)) {
        let stride = self.sums.len();
        let first = (from / ONE) as usize;
        self.sums.fill(0);
        for (row, y) in source.chunks_exact(stride).skip(first).zip(from / ONE..to.div_ceil(ONE)) {
            // At most 256 * 255: 16-bit products, which every processor has vector instructions
            // for.
            let weight = covered(y, from, to) as u16;
            for (sum, &value) in self.sums.iter_mut().zip(row) {
                *sum += u32::from(u16::from(value) * weight);
            }
        }
    }

    fn average_columns(&self, rows: f32, out: &mut [u8]) {
        for (pixel, &(from, to)) in out.chunks_exact_mut(3).zip(&self.spans) {
            let first = (from / ONE) as usize;
            let mut sum = [0_u64; 3];
            let columns = self.sums.chunks_exact(3).skip(first);
            for (column, x) in columns.zip(from / ONE..to.div_ceil(ONE)) {
                let weight = covered(x, from, to);
                for (sum, &value) in sum.iter_mut().zip(column) {
                    *sum += u64::from(value) * weight;
                }
            }
            let scale = 1.0 / (rows * (to - from) as f32);
            for (byte, sum) in pixel.iter_mut().zip(sum) {
                *byte = (sum as f32).mul_add(scale, 0.5) as u8;
            }
        }
    }
}

/// What target pixel `i` of `n_target` covers of `n_source` source pixels; never empty.
fn span(i: usize, n_source: usize, n_target: usize) -> (u64, u64) {
    let at = |i: usize| i as u64 * n_source as u64 * ONE / n_target.max(1) as u64;
    (at(i), at(i + 1).max(at(i) + 1))
}

/// How much of source pixel `i` lies between `from` and `to`.
fn covered(i: u64, from: u64, to: u64) -> u64 {
    to.min((i + 1) * ONE).saturating_sub(from.max(i * ONE))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition, in floating point, pixel by pixel.
    fn reference(source: &[u8], (w, h): (usize, usize), (tw, th): (usize, usize)) -> Vec<f64> {
        let overlap = |i: usize, j: usize, n: usize, tn: usize| {
            let (from, to) =
                (i as f64 * n as f64 / tn as f64, (i + 1) as f64 * n as f64 / tn as f64);
            (to.min((j + 1) as f64) - from.max(j as f64)).max(0.0)
        };
        let mut out = Vec::new();
        for (ty, tx, c) in
            (0..th).flat_map(|y| (0..tw).flat_map(move |x| (0..3).map(move |c| (y, x, c))))
        {
            let (mut sum, mut area) = (0.0, 0.0);
            for (y, x) in (0..h).flat_map(|y| (0..w).map(move |x| (y, x))) {
                let weight = overlap(ty, y, h, th) * overlap(tx, x, w, tw);
                sum += weight * f64::from(source[(y * w + x) * 3 + c]);
                area += weight;
            }
            out.push(sum / area);
        }
        out
    }

    proptest! {
        #[test]
        fn scaling_is_the_mean_of_what_a_pixel_covers(
            (w, h) in (1_usize..24, 1_usize..24), (tw, th) in (1_usize..24, 1_usize..24),
            seed in any::<u8>(),
        ) {
            // A wrong weight would shift or darken the picture the operator steers by.
            let noise = |i: usize| ((i * 89) as u8 ^ seed).wrapping_mul(31);
            let source: Vec<u8> = (0..w * h * 3).map(noise).collect();
            let mut got = Vec::new();
            prop_assert!(Scaler::default().scale(&source, (w, h), (tw, th), &mut got));
            for (got, want) in got.iter().zip(reference(&source, (w, h), (tw, th))) {
                // Positions are rounded to 1/256 pixel: up to two of them in a span of at least
                // 1/24.
                let zoom = (tw as f64 / w as f64).max(th as f64 / h as f64);
                let tolerance = 1.0 + 255.0 * 2.0 / 256.0 * zoom;
                prop_assert!((f64::from(*got) - want).abs() <= tolerance, "{got} is not {want}");
            }
        }
    }

    #[test]
    fn a_picture_of_the_wrong_length_is_refused() {
        // A camera that lies about its size must not panic the screen.
        let mut out = Vec::new();
        assert!(!Scaler::default().scale(&[0; 11], (2, 2), (1, 1), &mut out));
        assert!(!Scaler::default().scale(&[], (0, 0), (4, 4), &mut out));
        assert!(!Scaler::default().scale(&[0; 12], (2, 2), (0, 3), &mut out));
    }

    #[test]
    fn a_large_picture_does_not_overflow() {
        // White must stay white however much is averaged.
        let source = vec![255; 4000 * 300 * 3];
        let mut out = Vec::new();
        assert!(Scaler::default().scale(&source, (4000, 300), (2, 1), &mut out));
        assert!(out.iter().all(|&byte| byte == 255), "{out:?}");
    }
}
