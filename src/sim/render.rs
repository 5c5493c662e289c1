//! What the robot's camera sees: one ray a pixel through the room and what stands in it, exact in perspective and
//! silhouette, textured, lit from light maps that are computed once per world, smoothed where surfaces meet.
//!
//! Deterministic: the same world, pose, size and picture number give the same bytes.

mod light;
mod paint;
mod scene;
mod solid;
mod texture;

use glam::Vec3;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

use super::world::Mount;
use super::{Pose, World};
use crate::msg::Frame;
use scene::{Scene, Surface};
use texture::Texel;

/// Where the camera is and what a pixel is: the projection that the renderer uses.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct View {
    eye: Vec3,
    forward: Vec3,
    right: Vec3,
    up: Vec3,
    width: u32,
    height: u32,
    /// Side of a pixel at depth 1.
    pixel: f32,
}

impl View {
    /// A camera mounted on a robot at `pose`, with square pixels.
    #[must_use]
    pub fn new(mount: &Mount, pose: Pose, width: u32, height: u32) -> Self {
        let (sin, cos) = (pose.yaw as f32).sin_cos();
        let (sin_tilt, cos_tilt) = (mount.tilt as f32).sin_cos();
        Self {
            eye: Vec3::new(pose.x as f32, pose.y as f32, mount.height_m as f32),
            forward: Vec3::new(cos * cos_tilt, sin * cos_tilt, -sin_tilt),
            right: Vec3::new(sin, -cos, 0.0),
            up: Vec3::new(cos * sin_tilt, sin * sin_tilt, cos_tilt),
            width,
            height,
            pixel: 2.0 * (0.5 * mount.hfov as f32).tan() / width.max(1) as f32,
        }
    }

    /// Column and row (pixel centres at halves) of a point of the world, and its depth in metres; `None` behind the
    /// camera.
    #[must_use]
    pub fn project(&self, x: f64, y: f64, z: f64) -> Option<(f32, f32, f32)> {
        let way = Vec3::new(x as f32, y as f32, z as f32) - self.eye;
        let depth = way.dot(self.forward);
        (depth > 0.01).then(|| {
            let scale = 1.0 / (depth * self.pixel);
            (
                way.dot(self.right) * scale + 0.5 * self.width as f32,
                0.5 * self.height as f32 - way.dot(self.up) * scale,
                depth,
            )
        })
    }

    /// Direction through the middle of the pixel row, of depth 1.
    fn row(&self, row: f32) -> Vec3 {
        self.forward + self.up * ((0.5 * self.height as f32 - row) * self.pixel)
    }

    /// How far right of the middle a column is, at depth 1.
    fn across(&self, column: f32) -> f32 {
        (column - 0.5 * self.width as f32) * self.pixel
    }
}

/// Draws one world. Building it computes the light (tens of milliseconds); drawing is then cheap.
#[derive(Clone, Debug)]
pub struct Renderer {
    scene: Scene,
    mount: Mount,
    /// Sensor noise, read from a different place in every row.
    noise: Vec<i8>,
    seed: u64,
    pixels: Vec<Texel>,
    surfaces: Vec<Surface>,
    depths: Vec<f32>,
}

const NOISE_LEN: usize = 1 << 13;

impl Renderer {
    #[must_use]
    pub fn new(world: &World) -> Self {
        let mut rng = Pcg64::seed_from_u64(world.seed);
        let mut gauss = || (0..12).map(|_| rng.random_range(-0.5..0.5)).sum::<f32>();
        let noise = (0..NOISE_LEN).map(|_| (gauss() * world.look.noise).round() as i8).collect();
        Self {
            scene: Scene::new(world),
            mount: world.mount,
            noise,
            seed: world.seed,
            pixels: Vec::new(),
            surfaces: Vec::new(),
            depths: Vec::new(),
        }
    }

    /// Draws what a robot at `pose` sees into `frame.rgb` at the frame's size. `number` picks the sensor noise; the
    /// frame's `seq` and `captured` stay as they are.
    pub fn render(&mut self, pose: Pose, number: u64, frame: &mut Frame) {
        let (width, height) = (frame.width, frame.height);
        frame.resize(width, height);
        let view = View::new(&self.mount, pose, width, height);
        let count = width as usize * height as usize;
        self.pixels.resize(count, 0);
        self.surfaces.resize(count, 0);
        self.depths.resize(count, 0.0);
        if count == 0 {
            return;
        }
        self.draw(&view);
        self.smooth(&view);
        self.develop(number, &mut frame.rgb);
    }

    fn draw(&mut self, view: &View) {
        let width = view.width as usize;
        let rows = self.pixels.chunks_exact_mut(width);
        let rows = rows.zip(self.surfaces.chunks_exact_mut(width));
        for (row, (pixels, surfaces)) in rows.enumerate() {
            let depths = &mut self.depths[row * width..(row + 1) * width];
            self.scene.draw_room_row(view, row, pixels, surfaces, depths);
        }
        let places = self.scene.places(view);
        for place in &places {
            for row in place.rows.clone() {
                let span = row * width + place.columns.start..row * width + place.columns.end;
                self.scene.draw_solid_row(
                    view,
                    place,
                    row,
                    &mut self.pixels[span.clone()],
                    &mut self.surfaces[span.clone()],
                    &mut self.depths[span],
                );
            }
        }
    }

    /// Where two surfaces meet, four rays a pixel instead of one.
    fn smooth(&mut self, view: &View) {
        let width = view.width as usize;
        let places = self.scene.places(view);
        for row in 0..view.height as usize {
            for column in 0..width {
                let at = row * width + column;
                let here = self.surfaces[at];
                let differs = |other: usize| self.surfaces.get(other).is_some_and(|s| *s != here);
                let is_edge = (column + 1 < width && differs(at + 1))
                    || (column > 0 && differs(at - 1))
                    || differs(at + width)
                    || (row > 0 && differs(at - width));
                if is_edge {
                    let (x, y) = (column as f32, row as f32);
                    let four = [(0.375, 0.125), (0.875, 0.375), (0.125, 0.625), (0.625, 0.875)];
                    self.pixels[at] = texture::mean(
                        four.map(|(dx, dy)| self.scene.trace(view, &places, x + dx, y + dy)),
                    );
                }
            }
        }
    }

    /// Adds the sensor's noise and unpacks the pixels.
    fn develop(&self, number: u64, rgb: &mut [u8]) {
        let start = (self.seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15)) as usize;
        let mut noise = self.noise.iter().cycle().skip(start % NOISE_LEN);
        for (out, pixel) in rgb.chunks_exact_mut(3).zip(&self.pixels) {
            for (channel, value) in out.iter_mut().enumerate() {
                let level = (pixel >> (8 * channel)) as u8;
                *value = level.saturating_add_signed(*noise.next().unwrap_or(&0));
            }
        }
    }
}
