//! Makes the changes. Both axes are resampled with four taps, which hold crop, shift, mirror and
//! blur at once; then comes one matrix for all changes of colour, then the noise.

use std::sync::LazyLock;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

use super::Look;

/// Source pixels that an output pixel is mixed from, along each axis.
const TAPS: usize = 4;
/// The outermost pixels go on so far, so that all taps lie side by side.
const PAD: usize = TAPS - 1;
/// A row's noise begins anywhere among so many, and goes on for at most as many pixels.
const NOISE: usize = 1 << 12;
/// How much red, green and blue make a colour bright (ITU-R BT.601).
const LUMINANCE: [f32; 3] = [0.299, 0.587, 0.114];
/// Contrast leaves this level.
const MIDDLE: f32 = 127.5;
/// The level of what is cut out.
const HIDDEN: u8 = 128;

/// A pixel with a fourth element, unused, so that it is one vector register.
type Pixel = [f32; 4];

/// Changes pictures of one size. Allocates nothing after it was made.
#[derive(Debug)]
pub struct Painter {
    width: usize,
    height: usize,
    look: Look,
    columns: Vec<Taps>,
    rows: Vec<Taps>,
    colour: Colour,
    /// One source row, mixed from several.
    levels: Vec<f32>,
    /// The same as pixels, [`PAD`] more at each end.
    pixels: Vec<Pixel>,
    /// The rectangle that is cut out: first and last columns and rows.
    hidden: [usize; 4],
}

#[derive(Clone, Copy, Debug, Default)]
struct Taps {
    /// The first source pixel, counted from [`PAD`] before the edge.
    first: usize,
    weights: [f32; TAPS],
}

/// `bias + red * r + green * g + blue * b`.
#[derive(Clone, Copy, Debug, Default)]
struct Colour {
    bias: Pixel,
    of: [Pixel; 3],
}

impl Painter {
    #[must_use]
    pub fn new(width: u32, height: u32) -> Self {
        let (width, height) = (width as usize, height as usize);
        let mut painter = Self {
            width,
            height,
            look: Look::PLAIN,
            columns: vec![Taps::default(); width],
            rows: vec![Taps::default(); height],
            colour: Colour::default(),
            levels: vec![0.0; width * 3],
            pixels: vec![Pixel::default(); width + 2 * PAD],
            hidden: [0; 4],
        };
        painter.plan();
        painter
    }

    /// Sets what is done from here on.
    pub fn set(&mut self, look: &Look) {
        if self.look != *look {
            self.look = *look;
            self.plan();
        }
    }

    /// From `rgb`, row-major pixels, to `planes`, red then green then blue; both are of the size
    /// the painter was made for. `number` tells the picture's noise from others'.
    pub fn paint(&mut self, rgb: &[u8], number: u64, planes: &mut [u8]) {
        let Self { width, height, .. } = *self;
        if self.look == Look::PLAIN {
            return split(rgb, width * height, planes);
        }
        let (red, rest) = planes.split_at_mut_checked(width * height).unwrap_or_default();
        let (green, blue) = rest.split_at_mut_checked(width * height).unwrap_or_default();
        let mut random = Pcg64::seed_from_u64(number);
        let lines = red.chunks_exact_mut(width.max(1)).zip(green.chunks_exact_mut(width.max(1)));
        let lines = lines.zip(blue.chunks_exact_mut(width.max(1)));
        for (y, ((red, green), blue)) in lines.enumerate() {
            self.mix_rows(rgb, y);
            let noise = random.random_range(0..NOISE);
            self.paint_row(y, noise, [red, green, blue]);
        }
    }

    /// The source row under output row `y`.
    fn mix_rows(&mut self, rgb: &[u8], y: usize) {
        let taps = self.rows.get(y).copied().unwrap_or_default();
        let length = self.width * 3;
        let last = self.height.saturating_sub(1);
        let line = |tap: usize| {
            let row = (taps.first + tap).saturating_sub(PAD).min(last);
            rgb.get(row * length..(row + 1) * length).unwrap_or_default()
        };
        let [wa, wb, wc, wd] = taps.weights;
        let lines = line(0).iter().zip(line(1)).zip(line(2)).zip(line(3));
        for (sum, (((a, b), c), d)) in self.levels.iter_mut().zip(lines) {
            let [a, b, c, d] = [*a, *b, *c, *d].map(f32::from);
            *sum = (wa * a + wb * b) + (wc * c + wd * d);
        }
        let inner = self.pixels.iter_mut().skip(PAD).zip(self.levels.as_chunks().0);
        for (pixel, [red, green, blue]) in inner {
            *pixel = [*red, *green, *blue, 0.0];
        }
        let edges = (self.pixels.get(PAD).copied(), self.pixels.get(PAD + self.width - 1).copied());
        if let ((Some(left), Some(right)), Some((before, rest))) =
            (edges, self.pixels.split_at_mut_checked(PAD))
        {
            before.fill(left);
            rest.get_mut(self.width..).unwrap_or_default().fill(right);
        }
    }

    fn paint_row(&self, y: usize, noise: usize, [red, green, blue]: [&mut [u8]; 3]) {
        let noises = NOISES.get(noise..).unwrap_or_default();
        let places = red.iter_mut().zip(green.iter_mut()).zip(blue.iter_mut());
        for ((((red, green), blue), taps), noise) in places.zip(&self.columns).zip(noises) {
            let Some(sources) = self.pixels.get(taps.first..taps.first + TAPS) else { continue };
            let mut pixel = Pixel::default();
            for (source, weight) in sources.iter().zip(taps.weights) {
                for (sum, level) in pixel.iter_mut().zip(source) {
                    *sum += weight * level;
                }
            }
            let mut mixed = self.colour.bias;
            let [r, g, b, _] = pixel;
            for (level, of) in [r, g, b].into_iter().zip(self.colour.of) {
                for (sum, gain) in mixed.iter_mut().zip(of) {
                    *sum += level * gain;
                }
            }
            for (sum, noise) in mixed.iter_mut().zip(noise) {
                *sum += self.look.noise * noise;
            }
            let [r, g, b, _] = mixed.map(to_level);
            (*red, *green, *blue) = (r, g, b);
        }
        let [left, right, top, bottom] = self.hidden;
        if (top..bottom).contains(&y) {
            for plane in [red, green, blue] {
                plane.get_mut(left..right).unwrap_or_default().fill(HIDDEN);
            }
        }
    }

    fn plan(&mut self) {
        let look = self.look;
        for (taps, x) in self.columns.iter_mut().zip(0..) {
            *taps = Taps::new(x, self.width, look.shift.0, &look);
        }
        if look.is_mirrored {
            self.columns.reverse();
        }
        for (taps, y) in self.rows.iter_mut().zip(0..) {
            *taps = Taps::new(y, self.height, look.shift.1, &look);
        }
        self.colour = Colour::new(&look);
        self.hidden = look.cut_out.map_or([0; 4], |[left, top, width, height]| {
            let span = |from: f32, length: f32, side: usize| {
                let from = from * (1.0 - length) * side as f32;
                [from as usize, (from + length * side as f32) as usize]
            };
            let ([a, b], [c, d]) = (span(left, width, self.width), span(top, height, self.height));
            [a, b, c, d]
        });
    }
}

impl Taps {
    /// Where output pixel `at` of `side` comes from, beyond the edge from the last pixel there.
    fn new(at: usize, side: usize, shift: f32, look: &Look) -> Self {
        let middle = side as f32 / 2.0;
        let place = (at as f32 + 0.5 - middle) * look.zoom + middle - 0.5 + shift * side as f32;
        let first = place.floor();
        let part = place - first;
        let (edge, centre) = (look.blur, 2.0f32.mul_add(-look.blur, 1.0));
        Self {
            first: (first - 1.0 + PAD as f32).clamp(0.0, (side + PAD - 1) as f32) as usize,
            weights: [
                edge * (1.0 - part),
                centre * (1.0 - part) + edge * part,
                edge * (1.0 - part) + centre * part,
                edge * part,
            ],
        }
    }
}

impl Colour {
    fn new(look: &Look) -> Self {
        let Look { contrast, saturation, tint, brightness, .. } = *look;
        let [r, g, b] = tint;
        let gains: Pixel = [r * contrast, g * contrast, b * contrast, 0.0];
        let column = |channel: usize| {
            let grey = LUMINANCE.get(channel).copied().unwrap_or_default() * (1.0 - saturation);
            let mut column = gains.map(|gain| gain * grey);
            if let (Some(own), Some(gain)) = (column.get_mut(channel), gains.get(channel)) {
                *own += gain * saturation;
            }
            column
        };
        let bias = brightness.mul_add(255.0, (1.0 - contrast) * MIDDLE);
        Self { bias: [bias; 4], of: [column(0), column(1), column(2)] }
    }
}

fn split(rgb: &[u8], n_pixels: usize, planes: &mut [u8]) {
    for (channel, plane) in planes.chunks_exact_mut(n_pixels.max(1)).enumerate() {
        for (level, pixel) in plane.iter_mut().zip(rgb.as_chunks::<3>().0) {
            *level = pixel.get(channel).copied().unwrap_or_default();
        }
    }
}

/// The nearest level, without a branch.
fn to_level(level: f32) -> u8 {
    // From here on floats are whole numbers, their lowest bits.
    const WHOLE: f32 = 8_388_608.0;
    (level.clamp(0.0, 255.0) + WHOLE).to_bits() as u8
}

/// Samples of the standard normal distribution, the same on every machine; after Box and Muller
/// (1958).
static NOISES: LazyLock<Vec<Pixel>> = LazyLock::new(|| {
    let mut rng = Pcg64::seed_from_u64(0x6e01_5e5e);
    let mut normal = || {
        let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
        (radius * (std::f64::consts::TAU * rng.random::<f64>()).cos()) as f32
    };
    (0..2 * NOISE).map(|_| [normal(), normal(), normal(), 0.0]).collect()
});

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::augment::AugmentConfig;

    const WIDTH: u32 = 16;
    const HEIGHT: u32 = 10;

    fn picture() -> Vec<u8> {
        let mut rng = Pcg64::seed_from_u64(5);
        (0..WIDTH * HEIGHT * 3).map(|_| rng.random()).collect()
    }

    fn planes(rgb: &[u8]) -> Vec<u8> {
        (0..3).flat_map(|c| rgb.iter().skip(c).step_by(3).copied()).collect()
    }

    fn pixels(planes: &[u8]) -> Vec<u8> {
        let n = planes.len() / 3;
        (0..n).flat_map(|i| [planes[i], planes[n + i], planes[2 * n + i]]).collect()
    }

    fn paint(look: &Look, rgb: &[u8], number: u64) -> Vec<u8> {
        let mut painter = Painter::new(WIDTH, HEIGHT);
        painter.set(look);
        let mut planes = vec![0; rgb.len()];
        painter.paint(rgb, number, &mut planes);
        planes
    }

    #[test]
    fn a_plain_look_changes_nothing() {
        // Validation would see other pictures than the station.
        let rgb = picture();
        assert_eq!(paint(&Look::PLAIN, &rgb, 3), planes(&rgb));
    }

    #[test]
    fn a_mirror_swaps_left_and_right_and_back() {
        // The picture would say one side and the command another.
        let rgb = picture();
        let look = Look { is_mirrored: true, ..Look::PLAIN };
        let mirrored = paint(&look, &rgb, 3);
        let lines: Vec<u8> = planes(&rgb)
            .chunks_exact(WIDTH as usize)
            .flat_map(|line| line.iter().rev().copied().collect::<Vec<_>>())
            .collect();
        assert_eq!(mirrored, lines);
        assert_eq!(paint(&look, &pixels(&mirrored), 3), planes(&rgb));
    }

    #[test]
    fn a_mirrored_look_is_the_look_of_a_mirrored_picture_but_for_the_shift() {
        // Mirrored windows would be blurred, lit or cropped otherwise than others.
        let rgb = picture();
        let mirror = Look { is_mirrored: true, ..Look::PLAIN };
        let look = Look { blur: 0.15, contrast: 0.9, tint: [1.05, 1.0, 0.95], ..Look::PLAIN };
        let both = paint(&Look { is_mirrored: true, ..look }, &rgb, 3);
        let after = paint(&look, &pixels(&paint(&mirror, &rgb, 3)), 3);
        assert!(both.iter().zip(&after).all(|(a, b)| a.abs_diff(*b) <= 1));
    }

    #[test]
    fn crops_and_shifts_move_the_picture_by_their_share() {
        // A few per cent would be a few pixels too many, and the way look turned.
        let width = WIDTH as usize;
        let column = |i: usize| (i / 3 % width) as u8 * 10;
        let rgb: Vec<u8> = (0..(WIDTH * HEIGHT * 3) as usize).map(column).collect();
        let shifted = paint(&Look { shift: (2.0 / WIDTH as f32, 0.0), ..Look::PLAIN }, &rgb, 3);
        assert_eq!(&shifted[..width], [&planes(&rgb)[2..width], &[150, 150]].concat());
        let zoomed = paint(&Look { zoom: 0.75, ..Look::PLAIN }, &rgb, 3);
        // The outermost pixel's centre moves from 7.5 pixels off the middle to 5.625.
        assert_eq!((zoomed[0], zoomed[width - 1]), (19, 131));
    }

    #[test]
    fn colours_change_as_asked() {
        // Augmentation would bleach or tint every picture the same way.
        let grey = vec![100; (WIDTH * HEIGHT * 3) as usize];
        let level = |look: Look| {
            let planes = paint(&look, &grey, 3);
            [0, 1, 2].map(|c| planes[c * (WIDTH * HEIGHT) as usize])
        };
        assert_eq!(level(Look { brightness: 0.1, ..Look::PLAIN }), [126; 3]);
        assert_eq!(level(Look { contrast: 0.5, ..Look::PLAIN }), [114; 3]);
        assert_eq!(level(Look { saturation: 0.2, ..Look::PLAIN }), [100; 3]);
        assert_eq!(level(Look { tint: [1.1, 1.0, 0.5], ..Look::PLAIN }), [110, 100, 50]);
        assert_eq!(level(Look { brightness: 0.9, ..Look::PLAIN }), [255; 3]);
        let red: Vec<u8> = [200, 0, 0].repeat((WIDTH * HEIGHT) as usize);
        let faded = paint(&Look { saturation: 0.0, ..Look::PLAIN }, &red, 3);
        assert!(faded.iter().all(|level| *level == 60), "{:?}", &faded[..4]);
    }

    #[test]
    fn noise_has_its_size_and_is_each_pictures_own() {
        // The policy would learn one frozen pattern, or a noisier camera than there is.
        let grey = vec![128; (WIDTH * HEIGHT * 3) as usize];
        let look = Look { noise: 8.0, ..Look::PLAIN };
        let first = paint(&look, &grey, 1);
        assert_eq!(first, paint(&look, &grey, 1));
        assert_ne!(first, paint(&look, &grey, 2));
        let squares: f64 = first.iter().map(|level| (f64::from(*level) - 128.0).powi(2)).sum();
        let deviation = (squares / first.len() as f64).sqrt();
        assert!((7.0..9.0).contains(&deviation), "{deviation}");
    }

    #[test]
    fn a_cut_out_hides_its_part_only() {
        // The whole picture would go, or nothing.
        let black = vec![0; (WIDTH * HEIGHT * 3) as usize];
        let look = Look { cut_out: Some([0.5, 0.0, 0.25, 0.3]), ..Look::PLAIN };
        let hidden = paint(&look, &black, 1);
        let sum: u32 = hidden.iter().map(|level| u32::from(*level)).sum();
        assert_eq!(sum, 4 * 3 * 3 * u32::from(HIDDEN));
        assert!(hidden.iter().all(|level| [0, 128].contains(level)));
        let mut rng = Pcg64::seed_from_u64(2);
        let config = AugmentConfig { cut_out: 1.0, ..AugmentConfig::default() };
        for _ in 0..50 {
            let painted = paint(&Look::draw(&config, true, &mut rng), &black, 1);
            assert_eq!(painted.len(), black.len());
        }
    }
}
