//! What the robot's camera sees: one ray a pixel through the room and what stands in it, exact in
//! perspective and silhouette, textured, lit from light maps that are computed once per world,
//! smoothed where surfaces meet.
//!
//! Deterministic: the same world, pose, size and picture number give the same bytes.

mod light;
mod paint;
mod scene;
mod solid;
mod span;
mod texel;
mod texture;

use glam::Vec3;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

use super::world::Mount;
use super::{Pose, World};
use crate::msg::Frame;
use scene::{Row, Scene, Shot, Surface};

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

    /// Column and row (pixel centres at halves) of a point of the world, and its depth in metres;
    /// `None` behind the camera.
    #[must_use]
    pub fn project(&self, x: f64, y: f64, z: f64) -> Option<(f32, f32, f32)> {
        let seen = self.seen(Vec3::new(x as f32, y as f32, z as f32));
        let (column, row) = self.pixel_of(seen);
        (seen.z > NEAR_M).then_some((column, row, seen.z))
    }

    /// A point as the camera has it: to the right, up, ahead.
    fn seen(&self, point: Vec3) -> Vec3 {
        let way = point - self.eye;
        Vec3::new(way.dot(self.right), way.dot(self.up), way.dot(self.forward))
    }

    /// Column and row of such a point.
    fn pixel_of(&self, seen: Vec3) -> (f32, f32) {
        let scale = 1.0 / (seen.z * self.pixel);
        (seen.x * scale + 0.5 * self.width as f32, 0.5 * self.height as f32 - seen.y * scale)
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
    /// Sensor noise; each run of a picture reads another part of it.
    noise: Vec<i8>,
    seed: u64,
    /// The row that is finished, and those above and below it, where its edges are looked for.
    rows: [Row; 3],
    edges: Vec<bool>,
}

/// What is nearer is not seen.
const NEAR_M: f32 = 0.01;
/// Pixels whose edges are looked for together.
const EDGE_BLOCK: usize = 16;
const NOISE_LEN: usize = 1 << 13;
/// Bytes that share one run of the noise.
const NOISE_RUN: usize = 960;

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
            rows: Default::default(),
            edges: Vec::new(),
        }
    }

    /// Draws what a robot at `pose` sees into `frame.rgb` at the frame's size. `number` picks the
    /// sensor noise; the frame's `seq` and `captured` stay as they are.
    pub fn render(&mut self, pose: Pose, number: u64, frame: &mut Frame) {
        let (width, height) = (frame.width, frame.height);
        frame.resize(width, height);
        let view = View::new(&self.mount, pose, width, height);
        if width == 0 || height == 0 {
            return;
        }
        for row in &mut self.rows {
            row.resize(width as usize);
        }
        self.edges.resize(width as usize, false);
        let shot = self.scene.shot(view);
        let mut noise = self.seed ^ number;
        let [_, _, first] = &mut self.rows;
        self.scene.draw(&shot, 0, first);
        for (row, rgb) in frame.rgb.chunks_exact_mut(3 * width as usize).enumerate() {
            self.rows.rotate_left(1);
            let is_last = row + 1 == height as usize;
            if !is_last {
                let [_, _, below] = &mut self.rows;
                self.scene.draw(&shot, row + 1, below);
            }
            self.smooth(&shot, row, is_last);
            self.develop(&mut noise, rgb);
        }
    }

    /// Where two surfaces meet, four rays a pixel instead of one.
    fn smooth(&mut self, shot: &Shot, row: usize, is_last: bool) {
        let [above, here, below] = &mut self.rows;
        let above = if row == 0 { &here.surfaces } else { &above.surfaces };
        let below = if is_last { &here.surfaces } else { &below.surfaces };
        mark_edges(&here.surfaces, above, below, &mut self.edges);
        for (block, edges) in self.edges.chunks(EDGE_BLOCK).enumerate() {
            if !edges.contains(&true) {
                continue;
            }
            for (idx, _) in edges.iter().enumerate().filter(|(_, is_edge)| **is_edge) {
                let column = block * EDGE_BLOCK + idx;
                let seen = (here.surfaces[column], here.pixels[column]);
                here.pixels[column] = self.scene.trace(shot, (column, row), seen);
            }
        }
    }

    /// Unpacks the pixels of a row and adds the sensor's noise.
    fn develop(&self, at: &mut u64, rgb: &mut [u8]) {
        for (out, pixel) in rgb.chunks_exact_mut(3).zip(&self.rows[1].pixels) {
            if let [red, green, blue] = out {
                [*red, *green, *blue] = texel::bytes(*pixel);
            }
        }
        for part in rgb.chunks_mut(NOISE_RUN) {
            *at = at.wrapping_add(0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let start = (*at >> 40) as usize % (NOISE_LEN - NOISE_RUN);
            for (value, noise) in part.iter_mut().zip(&self.noise[start..start + NOISE_RUN]) {
                *value = (i16::from(*value) + i16::from(*noise)).clamp(0, 255) as u8;
            }
        }
    }
}

/// Marks the pixels of a row that have a neighbour of another surface.
fn mark_edges(here: &[Surface], above: &[Surface], below: &[Surface], edges: &mut [bool]) {
    for (edge, ((here, above), below)) in edges.iter_mut().zip(here.iter().zip(above).zip(below)) {
        *edge = (here ^ above) | (here ^ below) != 0;
    }
    let pairs = here.iter().zip(&here[1..]);
    for (edge, (here, right)) in edges.iter_mut().zip(pairs.clone()) {
        *edge |= here != right;
    }
    for (edge, (left, here)) in edges[1..].iter_mut().zip(pairs) {
        *edge |= here != left;
    }
}

#[cfg(test)]
mod tests;
