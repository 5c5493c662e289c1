//! What stands in the room: a solid with paint on it and its own light map.

use std::ops::Range;

use glam::{Vec2, Vec3};

use super::super::light::Light;
use super::super::paint;
use super::super::solid::{Face, Form, Hit, Solid, direction_around};
use super::super::span::Coordinate;
use super::super::texel::{Texel, shade, tinted};
use super::super::texture::{Texture, fixed};
use super::facet::{Facet, Sight};
use super::{Row, Surface, times};
use crate::sim::World;
use crate::sim::world::look::{LAMP_FOOT, Tint};
use crate::sim::world::{Shape, Thing};

/// Light maps of box faces stand side by side in one picture: slots of 8 texels.
const SLOT: f32 = 8.0;
/// Texels around and up a light map of a round body.
const ROUND_LOG: (u32, u32) = (5, 3);
/// Surfaces of one body.
pub(super) const FACES: u16 = 8;

#[derive(Clone, Debug)]
pub(super) struct Body {
    pub(super) solid: Solid,
    side: &'static Texture,
    top: &'static Texture,
    /// Folded into the light map.
    color: Tint,
    light: Texture,
    glows: bool,
    /// Of a cuboid: drawn as spans.
    facets: Vec<Facet>,
}

/// How one row of the picture sees a body, in the body's axes.
#[derive(Clone, Copy, Debug)]
pub(super) struct BodySight {
    pub(super) eye: Vec3,
    /// Where the row's first pixel looks, at depth 1.
    pub(super) first: Vec3,
    /// From one pixel to the next.
    pub(super) step: Vec3,
    /// A pixel's side at depth 1.
    pub(super) pixel: f32,
    /// Of its first face.
    pub(super) surface: Surface,
}

impl Body {
    /// Computes the light on it, and what shines by itself.
    pub(super) fn put_in(&mut self, light: &Light) {
        self.light = if self.glows {
            Texture::plain(times([0.502; 3], self.color))
        } else {
            body_light(&self.solid, light, self.color)
        };
    }

    /// Draws it into `columns` of a row, where it is nearest.
    pub(super) fn draw(&self, sight: &BodySight, columns: Range<usize>, out: &mut Row) {
        for facet in &self.facets {
            self.draw_facet(facet, sight, columns.clone(), out);
        }
        if self.facets.is_empty() {
            self.draw_round(sight, columns, out);
        }
    }

    fn draw_facet(&self, facet: &Facet, sight: &BodySight, columns: Range<usize>, out: &mut Row) {
        let Some(Sight { near, place }) = facet.sight(sight.eye, sight.first, sight.step) else {
            return;
        };
        let face = face_idx(facet.face);
        let mut rest = place.1.clip(near, place.0.clip(near, near.clip(columns)));
        let paint = if facet.face == Face::Top { self.top } else { self.side };
        let slot = f32::from(face) * SLOT;
        let light_at = |column: usize| {
            let depth = 1.0 / near.at(column);
            let share = |place: Coordinate| place.at(column, depth).clamp(0.0, 1.0);
            (fixed(slot + 7.0 * share(place.0)), fixed(7.0 * share(place.1)))
        };
        while !rest.is_empty() {
            let is_seen = |column: &usize| near.at(*column) > out.nears[*column];
            let begin = rest.clone().find(is_seen).unwrap_or(rest.end);
            let end = (begin..rest.end).find(|column| !is_seen(column)).unwrap_or(rest.end);
            for (near_here, column) in out.nears[begin..end].iter_mut().zip(begin..) {
                *near_here = near.at(column);
            }
            out.surfaces[begin..end].fill(sight.surface + face);
            let pixels = &mut out.pixels[begin..end];
            let footprint = sight.pixel / facet.width;
            paint.spread(near, place, footprint, begin, pixels, |_, paint| paint);
            self.light.full().lighten(begin, pixels, light_at);
            rest = end..rest.end;
        }
    }

    fn draw_round(&self, sight: &BodySight, columns: Range<usize>, out: &mut Row) {
        let mut is_inside = false;
        for column in columns {
            let direction = sight.first + sight.step * f32::from(column as u16);
            let Some(hit) = self.solid.hit_local(sight.eye, direction) else {
                // Every body is convex.
                if is_inside {
                    break;
                }
                continue;
            };
            is_inside = true;
            if hit.t * out.nears[column] < 1.0 {
                out.nears[column] = 1.0 / hit.t;
                out.surfaces[column] = sight.surface + face_idx(hit.face);
                out.pixels[column] = self.shade(&hit, sight.pixel);
            }
        }
    }

    /// The colour where a ray met it; `pixel` is a pixel's side at depth 1.
    pub(super) fn shade(&self, hit: &Hit, pixel: f32) -> Texel {
        let solid = &self.solid;
        let half = solid.half_extent();
        let slot = f32::from(face_idx(hit.face)) * SLOT;
        let (width, u, v) = match hit.face {
            Face::Side(0 | 2) => (2.0 * half.y, (slot + hit.u * 7.0) / 64.0, hit.v * 7.0 / 8.0),
            Face::Side(_) | Face::Top if matches!(solid.form, Form::Cuboid { .. }) => {
                (2.0 * half.x, (slot + hit.u * 7.0) / 64.0, hit.v * 7.0 / 8.0)
            }
            Face::Inside => (half.x, 0.5, 0.0),
            _ => (3.0 * half.x, hit.u, hit.v * 7.0 / 8.0),
        };
        let paint = if hit.face == Face::Top { self.top } else { self.side };
        let level = paint.level(hit.t * pixel / width);
        let light = self.light.full().sample_corner(u, v);
        let lit = shade(level.sample(hit.u, hit.v), light);
        match hit.face {
            // Deeper inside a cup is darker.
            Face::Inside => tinted(lit, [(118.0 - 64.0 * hit.v) as u32; 3]),
            _ => lit,
        }
    }
}

/// Tells the surfaces of one body apart.
pub(super) const fn face_idx(face: Face) -> u16 {
    match face {
        Face::Side(side) => side as u16,
        Face::Top => 4,
        Face::Round => 5,
        Face::Inside => 6,
    }
}

fn body_light(solid: &Solid, light: &Light, color: Tint) -> Texture {
    let lit = |local: Vec3, normal: Vec3| {
        let (point, normal) = (solid.world_point(local), solid.world_direction(normal));
        times(light.exposed(light.on(point, normal)), color)
    };
    let height = solid.height;
    let round = |paint: &dyn Fn(Vec2, f32) -> (Vec3, Vec3)| {
        Texture::paint(ROUND_LOG.0, ROUND_LOG.1, |u, v| {
            let (u, v) = (u - 0.5 / 32.0, (v * 8.0 - 0.5) / 7.0);
            let (local, normal) = paint(direction_around(u), v);
            lit(local, normal)
        })
    };
    match solid.form {
        Form::Cuboid { half } => Texture::paint(6, 3, |u, v| {
            let slot = (u * SLOT) as u32;
            let (u, v) = ((u * 64.0 - 0.5 - slot as f32 * SLOT) / 7.0, (v * 8.0 - 0.5) / 7.0);
            let across = 2.0 * u - 1.0;
            let z = height * (1.0 - v).clamp(0.02, 1.0);
            match slot {
                0 => lit(Vec3::new(half.x, half.y * across, z), Vec3::X),
                1 => lit(Vec3::new(-half.x * across, half.y, z), Vec3::Y),
                2 => lit(Vec3::new(-half.x, -half.y * across, z), -Vec3::X),
                3 => lit(Vec3::new(half.x * across, -half.y, z), -Vec3::Y),
                _ => lit(Vec3::new(half.x * across, half.y * (2.0 * v - 1.0), height), Vec3::Z),
            }
        }),
        Form::Frustum { bottom, top, .. } => round(&|way, v| {
            let radius = top + (bottom - top) * v;
            let local = Vec3::new(way.x * radius, way.y * radius, height * (1.0 - v).max(0.02));
            (local, Vec3::new(way.x, way.y, 0.0))
        }),
        Form::Ball { radius } => round(&|way, v| {
            let up = 1.0 - 2.0 * v;
            let level = (1.0 - up * up).max(0.0).sqrt();
            let normal = Vec3::new(way.x * level, way.y * level, up);
            (normal * radius + Vec3::Z * radius, normal)
        }),
    }
}

/// Everything that stands in the room, unlit.
pub(super) fn all(world: &World) -> Vec<Body> {
    let mut bodies = Vec::new();
    for (block, (style, box_tint)) in world.boxes.iter().zip(&world.look.boxes) {
        let half = Vec2::new(block.half_x as f32, block.half_y as f32);
        let base = Vec3::new(block.x as f32, block.y as f32, 0.0);
        let solid = standing(Form::Cuboid { half }, base, block.height as f32, block.yaw as f32);
        bodies.push(Body {
            side: paint::box_side(*style),
            top: paint::box_top(*style),
            ..body(solid, *box_tint)
        });
    }
    cup(world, &mut bodies);
    for thing in &world.things {
        furnish(thing, &mut bodies);
    }
    bodies
}

fn furnish(thing: &Thing, bodies: &mut Vec<Body>) {
    let base = Vec3::new(thing.x as f32, thing.y as f32, 0.0);
    let round = |radius: f64, widening: f32, is_open| Form::Frustum {
        bottom: radius as f32 * widening,
        top: radius as f32,
        is_open,
    };
    let (form, height) = match thing.shape {
        Shape::Bin { radius, height } => (round(radius, 0.82, true), height),
        Shape::Pouf { radius, height } => (round(radius, 0.97, false), height),
        Shape::Ball { radius } => (Form::Ball { radius: radius as f32 }, 2.0 * radius),
        Shape::Cabinet { half_x, half_y, height } => {
            (Form::Cuboid { half: Vec2::new(half_x as f32, half_y as f32) }, height)
        }
        Shape::Lamp { height } => return lamp(base, height as f32, thing.tint, bodies),
    };
    let plain = body(standing(form, base, height as f32, thing.yaw as f32), thing.tint);
    bodies.push(match thing.shape {
        Shape::Pouf { .. } => Body { side: paint::fabric(), top: paint::fabric(), ..plain },
        Shape::Cabinet { .. } => {
            Body { side: paint::wood(), color: thing.tint.map(|c| 0.5 + 0.5 * c), ..plain }
        }
        _ => plain,
    });
}

fn standing(form: Form, base: Vec3, height: f32, yaw: f32) -> Solid {
    let (sin, cos) = yaw.sin_cos();
    Solid { form, base, height, cos, sin }
}

fn body(solid: Solid, color: Tint) -> Body {
    Body {
        solid,
        side: paint::plain(),
        top: paint::plain(),
        color,
        light: Texture::plain([0.5; 3]),
        glows: false,
        facets: match solid.form {
            Form::Cuboid { half } => Facet::all(half, solid.height).to_vec(),
            _ => Vec::new(),
        },
    }
}

/// A mug: an open cone with a handle of three bars.
fn cup(world: &World, bodies: &mut Vec<Body>) {
    let target = &world.target;
    let (radius, height) = (target.radius as f32, target.height as f32);
    let base = Vec3::new(target.x as f32, target.y as f32, 0.0);
    let color = target.color.tint();
    let yaw = world.seed as f32 * 2.399;
    let coat = Form::Frustum { bottom: 0.80 * radius, top: radius, is_open: true };
    bodies.push(Body { side: paint::cup(), ..body(standing(coat, base, height, yaw), color) });
    let (sin, cos) = yaw.sin_cos();
    let bar = |reach: f32, z: f32, half: Vec2, height: f32| {
        let at = base + Vec3::new(cos * reach, sin * reach, z);
        body(standing(Form::Cuboid { half }, at, height, yaw), color)
    };
    let thick = 0.016;
    let out = radius + 0.055;
    bodies.push(bar(out, 0.25 * height, Vec2::new(thick, thick), 0.5 * height));
    for z in [0.25 * height, 0.75 * height - 2.0 * thick] {
        bodies.push(bar(radius + 0.02, z, Vec2::new(0.05, thick), 2.0 * thick));
    }
}

fn lamp(base: Vec3, height: f32, shade_tint: Tint, bodies: &mut Vec<Body>) {
    let dark = [0.25, 0.24, 0.23];
    let foot = LAMP_FOOT as f32;
    let disc = |radius: f32| Form::Frustum { bottom: radius, top: radius, is_open: false };
    bodies.push(body(standing(disc(foot), base, 0.025, 0.0), dark));
    bodies.push(body(standing(disc(0.014), base, height, 0.0), dark));
    let screen = Form::Frustum { bottom: 0.19, top: 0.13, is_open: true };
    let at = base + Vec3::Z * (height - 0.08);
    let warm = shade_tint.map(|value| 0.75 + 0.25 * value);
    bodies.push(Body { glows: true, ..body(standing(screen, at, 0.26, 0.0), warm) });
}
