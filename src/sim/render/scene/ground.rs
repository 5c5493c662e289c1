//! Floor and ceiling.

use glam::Vec3;

use super::super::View;
use super::super::light::Light;
use super::super::paint;
use super::super::span::BLOCK;
use super::super::texel::{Texel, shade};
use super::super::texture::{Level, Places, Texture};
use super::times;
use crate::sim::world::Room;
use crate::sim::world::look::Tint;

/// Floor or ceiling. Light maps hold the tint, too.
#[derive(Clone, Debug)]
pub(super) struct Ground {
    paint: &'static Texture,
    /// Copies of the paint per metre.
    per_metre: f32,
    light: Texture,
    light_log: u32,
}

const FLOOR_LOG: u32 = 8;
const CEILING_LOG: u32 = 4;

impl Ground {
    /// `paint` and how many metres one copy of it covers.
    pub(super) fn floor(
        room: &Room,
        light: &Light,
        (paint, metres): (&'static Texture, f32),
        color: Tint,
    ) -> Self {
        Self {
            paint,
            per_metre: 1.0 / metres,
            light: ground_light(room, light, FLOOR_LOG, 0.0, color),
            light_log: FLOOR_LOG,
        }
    }

    pub(super) fn ceiling(room: &Room, light: &Light) -> Self {
        let height = room.height as f32;
        Self {
            paint: paint::plaster(),
            per_metre: 1.0,
            light: ground_light(room, light, CEILING_LOG, height, [0.97, 0.97, 0.95]),
            light_log: CEILING_LOG,
        }
    }

    /// The colour of one ray that meets it at `t`.
    pub(super) fn trace(&self, room: &Room, view: &View, direction: Vec3, t: f32) -> Texel {
        let point = view.eye + direction * t;
        let (u, v) = (point.x * self.per_metre, point.y * self.per_metre);
        let (light_u, light_v) = self.light_share(room, point);
        shade(
            self.level(direction, t, view.pixel).sample(u, v),
            self.light.full().sample_corner(light_u as f32, light_v as f32),
        )
    }

    /// Light-map coordinates, half a texel away from the edges so that nothing wraps around.
    fn light_share(&self, room: &Room, point: Vec3) -> (f64, f64) {
        let size = f64::from(1_u32 << self.light_log);
        let inner = |value: f64| (value * (size - 2.0) + 0.5) / size;
        (
            inner((f64::from(point.x) - room.x_min) / (room.x_max - room.x_min)),
            inner((f64::from(point.y) - room.y_min) / (room.y_max - room.y_min)),
        )
    }

    /// Level of detail where a pixel covers more along the view than across: between the two.
    #[inline]
    fn level(&self, direction: Vec3, t: f32, pixel: f32) -> &Level {
        let stretch = (1.0 / direction.z.abs().max(0.05)).max(1.0).sqrt();
        self.paint.level(0.8 * t * pixel * stretch * self.per_metre)
    }
}

/// One row of floor or ceiling: all its coordinates are linear in the column.
pub(super) struct GroundRow<'a> {
    paint_level: &'a Level,
    light_level: &'a Level,
    paint: Steps,
    light: Steps,
}

/// Texels in 65,536ths, which wrap around, growing by a constant a column.
#[derive(Clone, Copy)]
struct Steps {
    x: u32,
    y: u32,
    x_step: u32,
    y_step: u32,
}

impl Steps {
    /// From `first`, in shares of a picture, `next` being one column on; `corner` is the texel
    /// centre's place in a texel.
    fn new(level: &Level, first: (f64, f64), next: (f64, f64), corner: f64) -> Self {
        let fine = |texels: f64| (texels * 65_536.0) as i64 as u32;
        let (width, height) = level.size();
        let (width, height) = (f64::from(width), f64::from(height));
        Self {
            x: fine(first.0 * width - corner),
            y: fine(first.1 * height - corner),
            x_step: fine((next.0 - first.0) * width),
            y_step: fine((next.1 - first.1) * height),
        }
    }

    /// In 256ths of texels.
    #[inline]
    const fn at(self, column: usize) -> (u32, u32) {
        let column = column as u32;
        (
            self.x.wrapping_add(self.x_step.wrapping_mul(column)) >> 8,
            self.y.wrapping_add(self.y_step.wrapping_mul(column)) >> 8,
        )
    }
}

impl<'a> GroundRow<'a> {
    /// The row whose middle looks along `direction` and meets the ground at depth `t`.
    pub(super) fn new(
        ground: &'a Ground,
        room: &Room,
        view: &View,
        direction: Vec3,
        t: f32,
    ) -> Self {
        let first = view.eye + (direction + view.right * view.across(0.5)) * t;
        let next = first + view.right * (view.pixel * t);
        let per_metre = f64::from(ground.per_metre);
        let paint = |p: Vec3| (f64::from(p.x) * per_metre, f64::from(p.y) * per_metre);
        let (paint_level, light_level) =
            (ground.level(direction, t, view.pixel), ground.light.full());
        let light = (ground.light_share(room, first), ground.light_share(room, next));
        Self {
            paint: Steps::new(paint_level, paint(first), paint(next), 0.5),
            light: Steps::new(light_level, light.0, light.1, 0.0),
            paint_level,
            light_level,
        }
    }

    /// Draws the pixels of the row from column `begin` on.
    pub(super) fn draw(&self, begin: usize, pixels: &mut [Texel]) {
        let mut column = begin;
        for block in pixels.chunks_mut(BLOCK) {
            let mut places = Places::default();
            for (idx, (x, y)) in places.iter_mut().enumerate() {
                (*x, *y) = self.paint.at(column + idx);
            }
            for (pixel, paint) in block.iter_mut().zip(self.paint_level.read_all(&places)) {
                *pixel = paint;
            }
            column += BLOCK;
        }
        self.light_level.lighten(begin, pixels, |column| self.light.at(column));
    }
}

/// Soft light is smooth: it is computed on a coarse grid; contact shadows and the sun's edges are
/// not.
fn ground_light(room: &Room, light: &Light, log: u32, z: f32, color: Tint) -> Texture {
    const COARSE: usize = 40;
    let size = (1_u32 << log) as f32;
    let normal = if z > 0.0 { -Vec3::Z } else { Vec3::Z };
    let place = |u: f32, v: f32| {
        let between = |share: f32, low: f64, high: f64| {
            (low + (high - low) * f64::from(share.clamp(0.001, 0.999))) as f32
        };
        Vec3::new(between(u, room.x_min, room.x_max), between(v, room.y_min, room.y_max), z)
    };
    let soft: Vec<Vec3> = (0..=COARSE)
        .flat_map(|row| (0..=COARSE).map(move |column| (column, row)))
        .map(|(column, row)| (column as f32 / COARSE as f32, row as f32 / COARSE as f32))
        .map(|(u, v)| light.soft(place(u, v), normal))
        .collect();
    let smooth = |u: f32, v: f32| {
        let (x, y) = (u.clamp(0.0, 0.999) * COARSE as f32, v.clamp(0.0, 0.999) * COARSE as f32);
        let at = y as usize * (COARSE + 1) + x as usize;
        let top = soft[at].lerp(soft[at + 1], x.fract());
        let bottom = soft[at + COARSE + 1].lerp(soft[at + COARSE + 2], x.fract());
        top.lerp(bottom, y.fract())
    };
    Texture::paint(log, log, |u, v| {
        // Texel 0 and the last one lie half a texel outside the room: see `GroundRow::light_share`.
        let (u, v) = ((u * size - 1.0) / (size - 2.0), (v * size - 1.0) / (size - 2.0));
        let point = place(u, v);
        let lit = light.ambient(point, normal) + smooth(u, v) + light.direct(point, normal);
        times(light.exposed(lit), color)
    })
}
