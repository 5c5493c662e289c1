//! A camera picture becomes the tensor a policy asked for: fitted, resampled, ordered, normalised.
//!
//! Resampling is separable: one table of weights per axis, made when the picture's size changes.
//! Each output row is mixed from its source rows first and then along the row, so all that lies in
//! between is one row.

use crate::msg::Frame;

use super::manifest::{Colour, Filter, Fit, Image, ImageType, Layout};

/// Fills a policy's image tensor from frames of any size. Allocates only when the frame's size
/// changes.
#[derive(Debug)]
pub struct Preprocessor {
    image: Image,
    plan: Plan,
    /// One source row, mixed from several: width * 3 levels.
    row: Vec<f32>,
    /// The same with a fourth element, unused, so that each pixel is one vector register.
    pixels: Vec<[f32; 4]>,
}

/// Everything that follows from one source size.
#[derive(Debug, Default)]
struct Plan {
    source: (u32, u32),
    columns: Weights,
    rows: Weights,
    /// Top left corner of the picture in the tensor; what lies outside is black.
    left: usize,
    top: usize,
}

/// For each output position: the first source position and the weights from there on, which sum to
/// 1.
#[derive(Debug, Default)]
struct Weights {
    spans: Vec<Span>,
    weights: Vec<f32>,
}

#[derive(Clone, Copy, Debug)]
struct Span {
    source: usize,
    first: usize,
    len: usize,
}

/// An element type an image tensor can have.
pub trait Element: Copy {
    /// From a normalised level.
    fn from_level(level: f32) -> Self;
}

impl Element for f32 {
    fn from_level(level: f32) -> Self {
        level
    }
}

impl Element for u8 {
    fn from_level(level: f32) -> Self {
        level.round().clamp(0.0, 255.0) as u8
    }
}

impl Preprocessor {
    #[must_use]
    pub fn new(image: Image) -> Self {
        Self { image, plan: Plan::default(), row: Vec::new(), pixels: Vec::new() }
    }

    /// Elements of the tensor.
    #[must_use]
    pub fn len(&self) -> usize {
        self.image.width as usize * self.image.height as usize * 3
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Element type of the tensor.
    #[must_use]
    pub fn dtype(&self) -> ImageType {
        self.image.dtype
    }

    /// Fills `tensor`, row-major in the manifest's layout. An empty frame gives a black picture.
    pub fn apply<T: Element>(&mut self, frame: &Frame, tensor: &mut [T]) {
        let (width, height) = (frame.width as usize, frame.height as usize);
        if self.plan.source != (frame.width, frame.height) {
            self.plan = Plan::new(&self.image, frame.width, frame.height);
            self.row = vec![0.0; width * 3];
            self.pixels = vec![[0.0; 4]; width];
        }
        let placement = Placement::new(&self.image);
        let Plan { columns, rows, left, top, .. } = &self.plan;
        if columns.spans.len() * rows.spans.len() * 3 < tensor.len() {
            placement.fill_black(tensor);
        }
        if width * height == 0 {
            return;
        }
        for (y, span) in rows.spans.iter().enumerate() {
            self.row.fill(0.0);
            let sources = frame.rgb.chunks_exact(width * 3).skip(span.source);
            for (weight, levels) in rows.of(span).iter().zip(sources) {
                for (sum, level) in self.row.iter_mut().zip(levels) {
                    *sum += weight * f32::from(*level);
                }
            }
            for (pixel, [red, green, blue]) in self.pixels.iter_mut().zip(self.row.as_chunks().0) {
                *pixel = [*red, *green, *blue, 0.0];
            }
            for (x, span) in columns.spans.iter().enumerate() {
                let source = self.pixels.get(span.source..).unwrap_or(&[]);
                let mut sum = [0.0; 4];
                for (weight, pixel) in columns.of(span).iter().zip(source) {
                    for (sum, level) in sum.iter_mut().zip(pixel) {
                        *sum += weight * level;
                    }
                }
                let [red, green, blue, _] = sum;
                placement.put(tensor, (left + x, top + y), [red, green, blue]);
            }
        }
    }
}

/// Where an RGB level goes in the tensor and what it becomes.
#[derive(Debug)]
struct Placement {
    width: usize,
    height: usize,
    /// Distance of neighbouring pixels, rows and channels in the tensor.
    steps: (usize, usize, usize),
    /// For red, green and blue: its channel, and gain and bias of its normalisation.
    channels: [(usize, f32, f32); 3],
}

impl Placement {
    fn new(image: &Image) -> Self {
        let (width, height) = (image.width as usize, image.height as usize);
        let steps = match image.layout {
            Layout::Nchw => (1, width, width * height),
            Layout::Nhwc => (3, width * 3, 1),
        };
        let order = match image.colour {
            Colour::Rgb => [0, 1, 2],
            Colour::Bgr => [2, 1, 0],
        };
        let normal = |channel: usize| {
            let mean = image.mean.get(channel).copied().unwrap_or(0.0);
            let std = image.std.get(channel).copied().unwrap_or(1.0);
            (channel, image.scale / std, -mean / std)
        };
        Self { width, height, steps, channels: order.map(normal) }
    }

    fn put<T: Element>(&self, tensor: &mut [T], (x, y): (usize, usize), level: [f32; 3]) {
        let (pixel, row, plane) = self.steps;
        let start = x * pixel + y * row;
        for ((channel, gain, bias), level) in self.channels.iter().zip(level) {
            if let Some(element) = tensor.get_mut(start + channel * plane) {
                *element = T::from_level(level * gain + bias);
            }
        }
    }

    fn fill_black<T: Element>(&self, tensor: &mut [T]) {
        for y in 0..self.height {
            for x in 0..self.width {
                self.put(tensor, (x, y), [0.0; 3]);
            }
        }
    }
}

impl Plan {
    fn new(image: &Image, width: u32, height: u32) -> Self {
        let source = (f64::from(width), f64::from(height));
        let target = (f64::from(image.width), f64::from(image.height));
        if width == 0 || height == 0 {
            return Self { source: (width, height), ..Self::default() };
        }
        let (scale_x, scale_y) = (target.0 / source.0, target.1 / source.1);
        // Sides of the source part that is used, and of the target part that it fills.
        let (used, filled) = match image.fit {
            Fit::Stretch => (source, target),
            Fit::Crop => {
                let scale = scale_x.max(scale_y);
                ((target.0 / scale, target.1 / scale), target)
            }
            Fit::Pad => {
                let scale = scale_x.min(scale_y);
                let whole = |side: f64| (side * scale).round().max(1.0);
                (source, (whole(source.0), whole(source.1)))
            }
        };
        let make = |source: f64, used: f64, filled: f64| {
            let start = (source - used) / 2.0;
            Weights::new(image.filter, source as usize, (start, used), filled as usize)
        };
        Self {
            source: (width, height),
            columns: make(source.0, used.0, filled.0),
            rows: make(source.1, used.1, filled.1),
            left: ((target.0 - filled.0) / 2.0) as usize,
            top: ((target.1 - filled.1) / 2.0) as usize,
        }
    }
}

impl Weights {
    /// `n` output positions over the part `start..start + used` of `source` positions. Positions
    /// are half-pixel centred: output `i` lies at `start + (i + 0.5) * used / n`.
    fn new(filter: Filter, source: usize, (start, used): (f64, f64), n: usize) -> Self {
        let mut table = Self::default();
        let step = used / n as f64;
        let reach = match filter {
            Filter::Bilinear => step.max(1.0),
            Filter::Area => step.max(1.0) / 2.0,
        };
        for i in 0..n {
            let centre = start + (i as f64 + 0.5) * step;
            let from = (centre - reach).floor().max(0.0) as usize;
            let to = ((centre + reach).ceil() as usize).min(source);
            let weight = |position: usize| {
                let left = position as f64;
                match filter {
                    Filter::Bilinear => (1.0 - (left + 0.5 - centre).abs() / reach).max(0.0),
                    Filter::Area => {
                        ((centre + reach).min(left + 1.0) - (centre - reach).max(left)).max(0.0)
                    }
                }
            };
            let sum: f64 = (from..to).map(weight).sum();
            let first = table.weights.len();
            table.weights.extend((from..to).map(|position| (weight(position) / sum) as f32));
            table.spans.push(Span { source: from, first, len: to - from });
        }
        table
    }

    fn of(&self, span: &Span) -> &[f32] {
        self.weights.get(span.first..span.first + span.len).unwrap_or(&[])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Noise from the linear congruential generator of Numerical Recipes, as the Python side made
    /// it.
    fn noise(width: u32, height: u32) -> Frame {
        let mut frame = Frame::default();
        frame.resize(width, height);
        let mut state = 1_u32;
        for level in &mut frame.rgb {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *level = (state >> 24) as u8;
        }
        frame
    }

    fn image(width: u32, height: u32, fit: Fit, filter: Filter) -> Image {
        Image {
            input: String::new(),
            width,
            height,
            fit,
            filter,
            colour: Colour::Rgb,
            layout: Layout::Nhwc,
            dtype: ImageType::Float32,
            scale: 1.0,
            mean: [0.0; 3],
            std: [1.0; 3],
        }
    }

    fn apply<T: Element>(image: Image, frame: &Frame, blank: T) -> Vec<T> {
        let mut preprocessor = Preprocessor::new(image);
        let mut tensor = vec![blank; preprocessor.len()];
        preprocessor.apply(frame, &mut tensor);
        tensor
    }

    #[test]
    fn resampling_agrees_with_pillow_and_numpy() {
        // A policy trained on pictures that Python shrank would see other pictures here. Pillow 12
        // rounds to whole levels after each pass: one level of tolerance. The area values are
        // numpy's.
        let frame = noise(23, 17);
        let shrunk = image(8, 6, Fit::Stretch, Filter::Bilinear);
        let area = image(8, 6, Fit::Stretch, Filter::Area);
        let grown = image(31, 19, Fit::Stretch, Filter::Bilinear);
        let cropped = image(8, 8, Fit::Crop, Filter::Bilinear);
        let cases = [
            (
                shrunk,
                [154.0, 131.0, 111.0, 145.0, 157.0, 84.0, 118.0, 143.0, 103.0],
                [126.0, 136.0, 154.0],
                18_750.0_f32,
                1.0_f32,
            ),
            (
                area,
                [140.445, 124.381, 108.061, 146.808, 164.872, 89.13, 118.575, 141.187, 93.524],
                [125.974, 154.276, 162.737],
                18_757.566,
                0.002,
            ),
            (
                grown,
                [60.0, 94.0, 129.0, 134.0, 44.0, 108.0, 186.0, 58.0, 62.0],
                [41.0, 91.0, 226.0],
                230_367.0,
                1.0,
            ),
            (
                cropped,
                [156.0, 158.0, 81.0, 140.0, 157.0, 99.0, 103.0, 138.0, 97.0],
                [96.0, 91.0, 132.0],
                25_024.0,
                1.0,
            ),
        ];
        for (image, first, last, sum, tolerance) in cases {
            let found = apply(image.clone(), &frame, 0.0_f32);
            let ends = first.iter().zip(&found).chain(last.iter().zip(&found[found.len() - 3..]));
            for (expected, found) in ends {
                assert!((expected - found).abs() <= tolerance, "{image:?}: {found} {expected}");
            }
            let mean_off = (found.iter().sum::<f32>() - sum).abs() / found.len() as f32;
            assert!(mean_off < 0.1, "{image:?}: {mean_off}");
        }
    }

    #[test]
    fn levels_are_ordered_and_normalised_as_the_manifest_says() {
        // Red and blue swapped, or planes read as pixels, is the classic silent fault of a deployed
        // policy.
        let mut frame = Frame::default();
        frame.resize(2, 1);
        frame.rgb.copy_from_slice(&[10, 20, 30, 40, 50, 60]);
        let plain = image(2, 1, Fit::Stretch, Filter::Area);
        assert_eq!(apply(plain.clone(), &frame, 0_u8), [10, 20, 30, 40, 50, 60]);
        let bgr = Image { colour: Colour::Bgr, ..plain.clone() };
        assert_eq!(apply(bgr, &frame, 0_u8), [30, 20, 10, 60, 50, 40]);
        let planes = Image { layout: Layout::Nchw, ..plain.clone() };
        assert_eq!(apply(planes, &frame, 0_u8), [10, 40, 20, 50, 30, 60]);
        let normal = Image { scale: 0.1, mean: [1.0, 2.0, 3.0], std: [2.0, 0.5, 1.0], ..plain };
        let found = apply(normal, &frame, 0.0_f32);
        for (found, expected) in found.iter().zip([0.0, 0.0, 0.0, 1.5, 6.0, 3.0]) {
            assert!((found - expected).abs() < 1e-5, "{found} {expected}");
        }
    }

    #[test]
    fn another_aspect_gets_black_bars_and_changing_sizes_are_followed() {
        // Stretched pictures change every angle; stale weights after a camera change read the wrong
        // pixels.
        let mut preprocessor = Preprocessor::new(image(8, 8, Fit::Pad, Filter::Area));
        let mut tensor = vec![7.0_f32; preprocessor.len()];
        for (width, height) in [(16, 8), (8, 16), (16, 16), (0, 0)] {
            let mut frame = Frame::default();
            frame.resize(width, height);
            frame.rgb.fill(100);
            preprocessor.apply(&frame, &mut tensor);
            let is_lit: Vec<bool> = tensor.chunks_exact(3).map(|pixel| pixel[0] > 99.0).collect();
            let n_lit = is_lit.iter().filter(|lit| **lit).count();
            let expected = match (width, height) {
                (0, 0) => 0,
                (16, 16) => 64,
                _ => 32,
            };
            assert_eq!(n_lit, expected, "{width} x {height}");
            let is_in_corner = width > height;
            assert_eq!(is_lit[2 * 8], is_in_corner || expected == 64, "{width} x {height}");
            assert!(tensor.iter().all(|level| level.abs() < 1e-3 || (level - 100.0).abs() < 1e-3));
        }
    }
}
