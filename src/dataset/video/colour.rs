//! RGB to planes of luma and halved chroma and back: ITU-R BT.601, limited range, rounded to
//! nearest.
//!
//! Why not the codec's own: it rounds down both ways, which darkens a picture by one to two levels.

/// The weights as whole numbers of 2^-16.
const Y: [i32; 3] = [16_829, 33_039, 6_416];
const U: [i32; 3] = [-9_714, -19_070, 28_784];
const V: [i32; 3] = [28_784, -24_103, -4_681];

const BITS: i32 = 16;
const HALF: i32 = 1 << (BITS - 1);

/// Three planes one after the other; the second and third have half the width and height.
#[derive(Debug)]
pub(super) struct Planes {
    width: usize,
    bytes: Vec<u8>,
    n_luma: usize,
}

impl Planes {
    /// Both sides must be even.
    pub(super) fn new(width: usize, height: usize) -> Self {
        let n_luma = width * height;
        Self { width, bytes: vec![0; n_luma / 2 * 3], n_luma }
    }

    pub(super) fn split(&self) -> (&[u8], &[u8], &[u8]) {
        let (luma, chroma) = self.bytes.split_at(self.n_luma);
        let (u, v) = chroma.split_at(self.n_luma / 4);
        (luma, u, v)
    }

    /// `rgb` has three bytes for each luma byte.
    pub(super) fn fill(&mut self, rgb: &[u8]) {
        let (luma, chroma) = self.bytes.split_at_mut(self.n_luma);
        let (u, v) = chroma.split_at_mut(self.n_luma / 4);
        let width = self.width;
        let rows = rgb.chunks_exact(width * 6).zip(luma.chunks_exact_mut(width * 2));
        let chroma_rows = u.chunks_exact_mut(width / 2).zip(v.chunks_exact_mut(width / 2));
        for ((rgb, luma), (u, v)) in rows.zip(chroma_rows) {
            for (luma, pixel) in luma.iter_mut().zip(rgb.as_chunks().0) {
                *luma = to_luma(*pixel);
            }
            let (upper, lower) = rgb.split_at(width * 3);
            let squares = upper.as_chunks::<6>().0.iter().zip(lower.as_chunks::<6>().0);
            for ((u, v), (upper, lower)) in u.iter_mut().zip(v).zip(squares) {
                let sum = [0, 1, 2].map(|i| {
                    i32::from(upper[i])
                        + i32::from(upper[i + 3])
                        + i32::from(lower[i])
                        + i32::from(lower[i + 3])
                });
                *u = to_chroma(U, sum);
                *v = to_chroma(V, sum);
            }
        }
    }
}

fn weigh(weights: [i32; 3], rgb: [i32; 3]) -> i32 {
    weights[0] * rgb[0] + weights[1] * rgb[1] + weights[2] * rgb[2]
}

fn to_luma(pixel: [u8; 3]) -> u8 {
    ((weigh(Y, pixel.map(i32::from)) + (16 << BITS) + HALF) >> BITS) as u8
}

/// Of the sum of four pixels.
fn to_chroma(weights: [i32; 3], sum: [i32; 3]) -> u8 {
    ((weigh(weights, sum) + (128 << (BITS + 2)) + (HALF << 2)) >> (BITS + 2)) as u8
}

/// Writes RGB from planes whose rows begin every `strides` bytes; `rgb` is `width * height * 3`,
/// both even. A pixel that a plane lacks stays as it was.
pub(super) fn to_rgb(planes: [&[u8]; 3], strides: [usize; 3], width: usize, rgb: &mut [u8]) {
    for (y, row) in rgb.chunks_exact_mut(width * 3).enumerate() {
        let luma = planes[0].get(y * strides[0]..).unwrap_or_default();
        let u = planes[1].get(y / 2 * strides[1]..).unwrap_or_default();
        let v = planes[2].get(y / 2 * strides[2]..).unwrap_or_default();
        let pairs = row.as_chunks_mut::<6>().0.iter_mut().zip(luma.as_chunks::<2>().0);
        for ((pixels, luma), (&u, &v)) in pairs.zip(u.iter().zip(v)) {
            let (u, v) = (i32::from(u) - 128, i32::from(v) - 128);
            let tint = [104_597 * v, -25_675 * u - 53_279 * v, 132_201 * u].map(|t| t + HALF);
            let grey = luma.map(|luma| 76_309 * (i32::from(luma) - 16));
            for (i, value) in pixels.iter_mut().enumerate() {
                *value = ((grey[i / 3] + tint[i % 3]) >> BITS).clamp(0, 255) as u8;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grey_and_colours_survive_the_way_there_and_back() {
        // Broken: recorded pictures would be darker or tinted.
        for rgb in [[0; 3], [255; 3], [128; 3], [1, 2, 3], [255, 0, 0], [0, 255, 0], [0, 0, 255]] {
            let picture = rgb.repeat(4);
            let mut planes = Planes::new(2, 2);
            planes.fill(&picture);
            let (y, u, v) = planes.split();
            let mut back = vec![0; 12];
            to_rgb([y, u, v], [2, 1, 1], 2, &mut back);
            for (seen, want) in back.iter().zip(&picture) {
                assert!(seen.abs_diff(*want) <= 2, "{seen} for {want} of {rgb:?}");
            }
        }
    }

    #[test]
    fn there_is_no_bias() {
        // Broken: every recording would be a level darker than what the camera saw.
        let mut sum = 0;
        let mut n = 0;
        for r in (0..256).step_by(15) {
            for g in (0..256).step_by(15) {
                for b in (0..256).step_by(15) {
                    let rgb = [r as u8, g as u8, b as u8];
                    let mut planes = Planes::new(2, 2);
                    planes.fill(&rgb.repeat(4));
                    let (y, u, v) = planes.split();
                    let mut back = vec![0; 12];
                    to_rgb([y, u, v], [2, 1, 1], 2, &mut back);
                    for i in 0..3 {
                        sum += i32::from(back[i]) - i32::from(rgb[i]);
                        n += 1;
                    }
                }
            }
        }
        let bias = f64::from(sum) / f64::from(n);
        assert!(bias.abs() < 0.05, "{bias}");
    }
}
