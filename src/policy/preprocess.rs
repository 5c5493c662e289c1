//! A camera picture becomes the tensor a policy asked for: fitted, resampled, ordered, normalised.
//!
//! Resampling is separable: one table of weights per axis, made when the picture's size changes. Each output row is
//! mixed from its source rows first and then along the row, so all that lies in between is one row.

use crate::msg::Frame;

use super::manifest::{Colour, Filter, Fit, Image, ImageType, Layout};

/// Fills a policy's image tensor from frames of any size. Allocates only when the frame's size changes.
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

/// For each output position: the first source position and the weights from there on, which sum to 1.
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
    /// `n` output positions over the part `start..start + used` of `source` positions. Positions are half-pixel
    /// centred: output `i` lies at `start + (i + 0.5) * used / n`.
    fn new(filter: Filter, source: usize, (start, used): (f64, f64), n: usize) -> Self {
        let mut table = Self::default();
        let step = used / n as f64;
        let reach = match filter {
            Filter::Bilinear => step.max(1.0),
            // Enlarging takes the nearest pixel, as Pillow's box does.
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
