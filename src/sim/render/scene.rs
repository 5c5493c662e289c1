//! A world as surfaces: the room and the bodies in it, each with paint and a light map.

mod body;
mod ground;
mod wall;

use std::ops::Range;

use glam::{Vec2, Vec3};

use super::View;
use super::light::Light;
use super::paint;
use super::solid::Solid;
use super::texture::Texel;
use crate::sim::World;
use crate::sim::world::look::Tint;
use crate::sim::world::{Room, Wall};
use body::{Body, FACES};
use ground::{Ground, GroundRow};
use wall::WallFace;

/// Tells surfaces apart: where two neighbouring pixels differ there is an edge.
pub(super) type Surface = u16;

const CEILING: Surface = 1;
const WALLS: Surface = 8;
/// Surfaces of one wall: itself, its skirting board, what hangs on it.
const WALL_SURFACES: Surface = 16;
const SOLIDS: Surface = 512;

#[derive(Clone, Debug)]
pub(super) struct Scene {
    room: Room,
    /// The room's lowest and highest corner.
    corners: (Vec3, Vec3),
    floor: Ground,
    ceiling: Ground,
    walls: Vec<WallFace>,
    bodies: Vec<Body>,
}

/// The part of the picture that a body can be in.
#[derive(Clone, Debug)]
pub(super) struct Place {
    body: usize,
    pub(super) rows: Range<usize>,
    pub(super) columns: Range<usize>,
    eye: Vec3,
    right: Vec3,
}

fn times(rgb: [f32; 3], by: Tint) -> [f32; 3] {
    [rgb[0] * by[0], rgb[1] * by[1], rgb[2] * by[2]]
}

impl Scene {
    pub(super) fn new(world: &World) -> Self {
        let mut bodies = body::all(world);
        let solids: Vec<Solid> = bodies.iter().map(|body| body.solid).collect();
        let light = Light::new(world, &solids);
        for body in &mut bodies {
            body.put_in(&light);
        }
        let room = world.room;
        Self {
            room,
            corners: (
                Vec3::new(room.x_min as f32, room.y_min as f32, 0.0),
                Vec3::new(room.x_max as f32, room.y_max as f32, room.height as f32),
            ),
            floor: Ground::floor(
                &room,
                &light,
                paint::floor(world.look.floor),
                world.look.floor_tint,
            ),
            ceiling: Ground::ceiling(&room, &light),
            walls: Wall::ALL.map(|wall| WallFace::new(world, wall, &light)).into(),
            bodies,
        }
    }

    /// Draws floor, ceiling and walls into one row.
    pub(super) fn draw_room_row(
        &self,
        view: &View,
        row: usize,
        pixels: &mut [Texel],
        surfaces: &mut [Surface],
        depths: &mut [f32],
    ) {
        let middle = view.row(row as f32 + 0.5);
        let level = self.level_plane(view, middle);
        let step = view.right * view.pixel;
        let first = middle + view.right * view.across(0.5);
        for (column, (surface, depth)) in surfaces.iter_mut().zip(depths.iter_mut()).enumerate() {
            let (t, wall) = self.wall_ahead(view.eye, first + step * column as f32);
            let is_level = level.t <= t;
            *depth = if is_level { level.t } else { t };
            *surface =
                if is_level { level.surface } else { WALLS + wall as Surface * WALL_SURFACES };
        }
        let ground = GroundRow::new(self.ground(middle), &self.room, view, middle, level.t);
        let mut begin = 0;
        while let Some(&surface) = surfaces.get(begin) {
            let same = surfaces[begin..].iter().take_while(|other| **other == surface).count();
            let run = begin..begin + same;
            if surface == level.surface {
                ground.draw(begin as u32, &mut pixels[run]);
            } else {
                let wall = &self.walls[usize::from((surface - WALLS) / WALL_SURFACES)];
                let outputs = pixels[run.clone()].iter_mut().zip(&mut surfaces[run.clone()]);
                for (column, ((pixel, surface), t)) in run.clone().zip(outputs.zip(&depths[run])) {
                    let point = view.eye + (first + step * column as f32) * *t;
                    let part;
                    (*pixel, part) = wall.shade(point, t * view.pixel);
                    *surface += part;
                }
            }
            begin += same;
        }
    }

    /// Draws one row of one body, where it is nearest. The slices are the row's part within the
    /// body's columns.
    pub(super) fn draw_solid_row(
        &self,
        view: &View,
        place: &Place,
        row: usize,
        pixels: &mut [Texel],
        surfaces: &mut [Surface],
        depths: &mut [f32],
    ) {
        let body = &self.bodies[place.body];
        let middle = body.solid.local_direction(view.row(row as f32 + 0.5));
        let outputs = pixels.iter_mut().zip(surfaces).zip(depths);
        for (idx, ((pixel, surface), depth)) in outputs.enumerate() {
            let across = view.across((place.columns.start + idx) as f32 + 0.5);
            let Some(hit) = body.solid.hit_local(place.eye, middle + place.right * across) else {
                continue;
            };
            if hit.t < *depth {
                *depth = hit.t;
                *surface = SOLIDS + place.body as Surface * FACES + body::face_idx(hit.face);
                *pixel = body.shade(&hit, view.pixel);
            }
        }
    }

    /// The colour of one ray, anywhere in the picture.
    pub(super) fn trace(&self, view: &View, places: &[Place], x: f32, y: f32) -> Texel {
        let direction = view.row(y) + view.right * view.across(x);
        let (column, row) = (x as usize, y as usize);
        let nearest = places
            .iter()
            .filter(|place| place.columns.contains(&column) && place.rows.contains(&row))
            .filter_map(|place| {
                let body = &self.bodies[place.body];
                let hit = body.solid.hit_local(place.eye, body.solid.local_direction(direction))?;
                Some((hit, body))
            })
            .min_by(|a, b| a.0.t.total_cmp(&b.0.t));
        if let Some((hit, body)) = nearest {
            return body.shade(&hit, view.pixel);
        }
        let level = self.level_plane(view, direction);
        let (t, wall) = self.wall_ahead(view.eye, direction);
        if level.t <= t {
            self.ground(direction).trace(&self.room, view, direction, level.t)
        } else {
            self.walls[wall as usize].shade(view.eye + direction * t, t * view.pixel).0
        }
    }

    /// Where each body may appear.
    pub(super) fn places(&self, view: &View) -> Vec<Place> {
        self.bodies
            .iter()
            .enumerate()
            .filter_map(|(idx, body)| place(view, idx, &body.solid))
            .collect()
    }

    /// Floor or ceiling, whichever a row looks at.
    fn level_plane(&self, view: &View, direction: Vec3) -> Level {
        if direction.z < 0.0 {
            Level { t: -view.eye.z / direction.z, surface: 0 }
        } else {
            let rise = self.room.height as f32 - view.eye.z;
            Level { t: rise / direction.z.max(1e-9), surface: CEILING }
        }
    }

    fn ground(&self, direction: Vec3) -> &Ground {
        if direction.z < 0.0 { &self.floor } else { &self.ceiling }
    }

    #[inline]
    fn wall_ahead(&self, eye: Vec3, direction: Vec3) -> (f32, Wall) {
        let (low, high) = (self.corners.0, self.corners.1);
        let x = if direction.x > 0.0 { high.x } else { low.x };
        let y = if direction.y > 0.0 { high.y } else { low.y };
        let t_x = (x - eye.x) / direction.x;
        let t_y = (y - eye.y) / direction.y;
        if t_x < t_y {
            (t_x, if direction.x > 0.0 { Wall::Front } else { Wall::Back })
        } else {
            (t_y, if direction.y > 0.0 { Wall::Left } else { Wall::Right })
        }
    }
}

struct Level {
    t: f32,
    surface: Surface,
}

/// The rectangle around a body's projected corners; the whole picture when it reaches behind the
/// camera.
fn place(view: &View, body: usize, solid: &Solid) -> Option<Place> {
    let half = solid.half_extent();
    let corners = [(1.0, 1.0), (-1.0, 1.0), (-1.0, -1.0), (1.0, -1.0)]
        .into_iter()
        .flat_map(|(x, y)| [0.0, solid.height].map(|z| Vec3::new(half.x * x, half.y * y, z)));
    let mut low = Vec2::INFINITY;
    let mut high = Vec2::NEG_INFINITY;
    let mut behind = 0;
    for corner in corners {
        let p = solid.world_point(corner);
        if let Some((x, y, _)) = view.project(p.x.into(), p.y.into(), p.z.into()) {
            low = low.min(Vec2::new(x, y));
            high = high.max(Vec2::new(x, y));
        } else {
            behind += 1;
        }
    }
    let whole = Vec2::new(view.width as f32, view.height as f32);
    match behind {
        0 => {}
        8 => return None,
        _ => (low, high) = (Vec2::ZERO, whole),
    }
    let low = (low - 1.0).clamp(Vec2::ZERO, whole);
    let high = (high + 1.0).clamp(Vec2::ZERO, whole).ceil();
    let place = Place {
        body,
        rows: low.y as usize..high.y as usize,
        columns: low.x as usize..high.x as usize,
        eye: solid.local_point(view.eye),
        right: solid.local_direction(view.right),
    };
    (!place.rows.is_empty() && !place.columns.is_empty()).then_some(place)
}
