//! A wall, its skirting board and what hangs on it.

use glam::Vec3;

use super::super::light::Light;
use super::super::paint;
use super::super::texture::{Texel, Texture, phase, shade, tinted, unpack};
use super::{Surface, times};
use crate::sim::World;
use crate::sim::world::look::Tint;
use crate::sim::world::{DecalStyle, Wall};

/// Height of the skirting board, metres.
const SKIRTING_M: f32 = 0.09;
/// Light that changes nothing in [`shade`].
const NEUTRAL: Texel = 0x0080_8080;
/// Keeps samples of a wall's ends from wrapping around to the other end.
const MARGIN: f32 = 1.0 / 512.0;

/// A wall with its light already in its paint.
#[derive(Clone, Debug)]
pub(super) struct WallFace {
    /// The axis that runs along the wall, and where on it the wall begins.
    along: Vec3,
    begin: f32,
    per_length: f32,
    per_height: f32,
    paint: Texture,
    skirting: [u32; 3],
    skirting_edge: [u32; 3],
    decals: Vec<Flat>,
}

#[derive(Clone, Debug)]
struct Flat {
    along: f32,
    top: f32,
    per_width: f32,
    per_height: f32,
    paint: &'static Texture,
    tint: [u32; 3],
    glows: bool,
}

impl WallFace {
    pub(super) fn new(world: &World, wall: Wall, light: &Light) -> Self {
        let (room, look) = (&world.room, &world.look);
        let (x_min, x_max) = (room.x_min as f32, room.x_max as f32);
        let (y_min, y_max) = (room.y_min as f32, room.y_max as f32);
        let (corner, along, length, normal) = match wall {
            Wall::Front => (Vec3::new(x_max, y_min, 0.0), Vec3::Y, y_max - y_min, -Vec3::X),
            Wall::Back => (Vec3::new(x_min, y_min, 0.0), Vec3::Y, y_max - y_min, Vec3::X),
            Wall::Left => (Vec3::new(x_min, y_max, 0.0), Vec3::X, x_max - x_min, -Vec3::Y),
            Wall::Right => (Vec3::new(x_min, y_min, 0.0), Vec3::X, x_max - x_min, Vec3::Y),
        };
        let height = room.height as f32;
        let map = Texture::paint(5, 4, |u, v| {
            // Texel i of n stands for the share i / (n - 1).
            let (u, v) = ((u * 32.0 - 0.5) / 31.0, (v * 16.0 - 0.5) / 15.0);
            let point =
                corner + along * (u * length) + Vec3::Z * (v * height).clamp(0.02, height - 0.02);
            light.exposed(light.on(point, normal))
        });
        let plaster = paint::plaster();
        let lit = Texture::paint(8, 7, |u, v| {
            let grain =
                plaster.sample(plaster.level(1.0 / 60.0), phase(u * length), phase(v * height));
            let light = map.sample_corner(phase(u * (31.0 / 32.0)), phase(v * (15.0 / 16.0)));
            times(unpack(shade(grain, light)), look.wall_tint)
        });
        // What is on the wall takes the wall's colour for its light; this takes the wall's paint
        // out of it again.
        let unpainted = |color: Tint| -> [u32; 3] {
            let [red, green, blue] = look.wall_tint;
            tint([color[0] / red, color[1] / green, color[2] / blue])
        };
        let decals = look.decals.iter().filter(|decal| decal.wall == wall).map(|decal| {
            let glows = decal.style == DecalStyle::Window;
            Flat {
                along: decal.along.0 as f32,
                top: decal.up.1 as f32,
                per_width: 1.0 / (decal.along.1 - decal.along.0) as f32,
                per_height: 1.0 / (decal.up.1 - decal.up.0) as f32,
                paint: paint::decal(decal.style),
                tint: if glows {
                    tint(decal.tint)
                } else {
                    unpainted(decal.tint).map(|value| value / 2)
                },
                glows,
            }
        });
        Self {
            along,
            begin: corner.dot(along),
            per_length: 1.0 / length,
            per_height: 1.0 / height,
            paint: lit.with_smaller(),
            skirting: unpainted(look.skirting_tint),
            skirting_edge: unpainted(look.skirting_tint).map(|value| value * 2 / 3),
            decals: decals.collect(),
        }
    }

    /// The colour of a point on the wall and which part of the wall it is on.
    #[inline]
    pub(super) fn shade(&self, point: Vec3, pixel_m: f32) -> (Texel, Surface) {
        let along = point.dot(self.along) - self.begin;
        let up = point.z;
        let (u, v) = (along * self.per_length, up * self.per_height);
        let level = self.paint.level(pixel_m * self.per_length);
        let wall = self.paint.sample(level, phase(u.clamp(MARGIN, 1.0 - MARGIN)), phase(v));
        for (idx, decal) in self.decals.iter().enumerate() {
            let (u, v) =
                ((along - decal.along) * decal.per_width, (decal.top - up) * decal.per_height);
            if (0.0..1.0).contains(&u) && (0.0..1.0).contains(&v) {
                let level = decal.paint.level(pixel_m * decal.per_width);
                let paint = decal.paint.sample(level, phase(u), phase(v));
                let light = if decal.glows { NEUTRAL } else { wall };
                return (tinted(shade(paint, light), decal.tint), 2 + idx as Surface);
            }
        }
        if up < SKIRTING_M {
            let is_edge = up > SKIRTING_M - 0.012;
            return (tinted(wall, if is_edge { self.skirting_edge } else { self.skirting }), 1);
        }
        (wall, 0)
    }
}

/// A colour as factors of 128ths.
fn tint(color: Tint) -> [u32; 3] {
    color.map(|value| (value * 128.0).round() as u32)
}
