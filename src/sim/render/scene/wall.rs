//! A wall, its skirting board and what hangs on it.

use std::ops::Range;

use glam::Vec3;

use super::super::light::Light;
use super::super::paint;
use super::super::span::{Coordinate, Line};
use super::super::texel::{Texel, shade, tinted, unpack};
use super::super::texture::Texture;
use super::{Surface, times};
use crate::sim::World;
use crate::sim::world::look::Tint;
use crate::sim::world::{DecalStyle, Wall};

/// Height of the skirting board, metres.
const SKIRTING_M: f32 = 0.09;
/// Of that, its darker upper edge.
const EDGE_M: f32 = 0.012;
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

/// How one row of the picture sees a wall.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sight {
    /// One over depth.
    pub(super) near: Line,
    pub(super) along: Coordinate,
    pub(super) up: Coordinate,
    /// A pixel's side at depth 1.
    pub(super) pixel: f32,
    /// Of the wall itself; its parts have the following ones.
    pub(super) surface: Surface,
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

/// A place on a wall and what it is part of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spot {
    along: f32,
    up: f32,
    part: Part,
}

#[derive(Clone, Copy, Debug)]
enum Part {
    Bare,
    Skirting { is_edge: bool },
    Decal { idx: usize, u: f32, v: f32 },
}

impl WallFace {
    /// The axis that runs along the wall.
    pub(super) fn axis(&self) -> Vec3 {
        self.along
    }

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
        let plaster = paint::plaster().level(1.0 / 60.0);
        let lit = Texture::paint(8, 7, |u, v| {
            let grain = plaster.sample(u * length, v * height);
            let light = map.full().sample_corner(u * (31.0 / 32.0), v * (15.0 / 16.0));
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

    /// Draws the columns `range` of a row, which see the wall: it, then what is on it.
    pub(super) fn draw(
        &self,
        sight: &Sight,
        range: &Range<usize>,
        pixels: &mut [Texel],
        surfaces: &mut [Surface],
    ) {
        let Sight { near, up, pixel, .. } = *sight;
        let along = sight.along.mapped(self.begin, self.per_length);
        let place = (along.mapped(-MARGIN, 1.0 - 2.0 * MARGIN), up.mapped(0.0, self.per_height));
        let footprint = pixel * self.per_length;
        self.paint.spread(
            near,
            place,
            footprint,
            range.start,
            &mut pixels[range.clone()],
            |_, wall| wall,
        );
        let part = up.mapped(0.0, 1.0 / SKIRTING_M).clip(near, range.clone());
        let plain = up.mapped(0.0, 1.0 / (SKIRTING_M - EDGE_M)).clip(near, part.clone());
        surfaces[range.clone()].fill(sight.surface);
        surfaces[part.clone()].fill(sight.surface + 1);
        for (column, pixel) in part.clone().zip(&mut pixels[part]) {
            let tint = if plain.contains(&column) { self.skirting } else { self.skirting_edge };
            *pixel = tinted(*pixel, tint);
        }
        for (idx, decal) in self.decals.iter().enumerate() {
            let place = (
                sight.along.mapped(self.begin + decal.along, decal.per_width),
                up.mapped(decal.top, -decal.per_height),
            );
            let part = place.1.clip(near, place.0.clip(near, range.clone()));
            surfaces[part.clone()].fill(sight.surface + 2 + idx as Surface);
            let footprint = pixel * decal.per_width;
            let pixels = &mut pixels[part.clone()];
            decal.paint.spread(near, place, footprint, part.start, pixels, |wall, paint| {
                tinted(shade(paint, if decal.glows { NEUTRAL } else { wall }), decal.tint)
            });
        }
    }

    /// What is at a point of the wall.
    pub(super) fn spot(&self, point: Vec3) -> Spot {
        let (along, up) = (point.dot(self.along) - self.begin, point.z);
        let decals = self.decals.iter().enumerate();
        let mut decals = decals.map(|(idx, decal)| {
            let u = (along - decal.along) * decal.per_width;
            let v = (decal.top - up) * decal.per_height;
            (idx, u, v)
        });
        let part = match decals.find(|(_, u, v)| (0.0..1.0).contains(u) && (0.0..1.0).contains(v)) {
            Some((idx, u, v)) => Part::Decal { idx, u, v },
            None if up >= SKIRTING_M => Part::Bare,
            None => Part::Skirting { is_edge: up > SKIRTING_M - EDGE_M },
        };
        Spot { along, up, part }
    }

    /// The colour of a spot for a pixel that covers `pixel_m` of it.
    pub(super) fn shade(&self, spot: &Spot, pixel_m: f32) -> Texel {
        let (u, v) = (spot.along * self.per_length, spot.up * self.per_height);
        let level = self.paint.level(pixel_m * self.per_length);
        let wall = level.sample(MARGIN + u * (1.0 - 2.0 * MARGIN), v);
        match spot.part {
            Part::Bare => wall,
            Part::Skirting { is_edge: true } => tinted(wall, self.skirting_edge),
            Part::Skirting { is_edge: false } => tinted(wall, self.skirting),
            Part::Decal { idx, u, v } => {
                let decal = &self.decals[idx];
                let paint = decal.paint.level(pixel_m * decal.per_width).sample(u, v);
                tinted(shade(paint, if decal.glows { NEUTRAL } else { wall }), decal.tint)
            }
        }
    }
}

impl Spot {
    /// The number of its part among the wall's surfaces.
    pub(super) fn surface(&self) -> Surface {
        match self.part {
            Part::Bare => 0,
            Part::Skirting { .. } => 1,
            Part::Decal { idx, .. } => 2 + idx as Surface,
        }
    }
}

/// A colour as factors of 128ths.
fn tint(color: Tint) -> [u32; 3] {
    color.map(|value| (value * 128.0).round() as u32)
}
