//! A world as surfaces: the room and the bodies in it, each with paint and a light map.

mod body;
mod ground;
mod wall;

use std::ops::Range;

use glam::{Vec2, Vec3};

use super::light::Light;
use super::paint;
use super::solid::{Face, Hit, Solid};
use super::span::{Coordinate, Line};
use super::texture::{Texel, mean};
use super::{NEAR_M, View};
use crate::sim::World;
use crate::sim::world::look::Tint;
use crate::sim::world::{Room, Wall};
use body::{Body, FACES};
use ground::{Ground, GroundRow};
use wall::{Sight, WallFace};

/// Tells surfaces apart: where two neighbouring pixels differ there is an edge.
pub(super) type Surface = u16;

const WALLS: Surface = 8;
/// Surfaces of one wall: itself, its skirting board, what hangs on it.
const WALL_SURFACES: Surface = 16;
const SOLIDS: Surface = 512;
/// Four walls, floor, ceiling.
const PLANES: usize = 6;
/// The eye is at least as far from every wall.
const NEAREST_M: f32 = 1e-3;

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

/// Where in a pixel the four rays go that smooth an edge: no two in one row or column.
const RAYS: [(f32, f32); 4] = [(0.375, 0.125), (0.875, 0.375), (0.125, 0.625), (0.625, 0.875)];

struct Ray {
    direction: Vec3,
    t: f32,
    /// The nearest body.
    met: Option<(Hit, usize)>,
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

    /// Draws floor, ceiling and walls into one row. The room is convex: of all its planes the one
    /// with the largest inverse depth is seen.
    pub(super) fn draw_room_row(
        &self,
        view: &View,
        row: usize,
        pixels: &mut [Texel],
        surfaces: &mut [Surface],
        nears: &mut [f32],
    ) {
        let middle = view.row(row as f32 + 0.5);
        let step = view.right * view.pixel;
        let first = middle + view.right * view.across(0.5);
        let planes = self.planes(view.eye);
        let lines = planes.map(|plane| Line { begin: plane.dot(first), step: plane.dot(step) });
        let way = |axis: Vec3| Coordinate {
            eye: axis.dot(view.eye),
            way: Line { begin: axis.dot(first), step: axis.dot(step) },
        };
        let mut begin = 0;
        while begin < pixels.len() {
            let idx = largest(&lines.map(|line| line.at(begin)));
            let near = lines[idx];
            let end = lines.iter().map(|line| line.overtakes(near, begin)).min();
            let range = begin..end.unwrap_or(pixels.len()).clamp(begin + 1, pixels.len());
            for (near_here, column) in nears[range.clone()].iter_mut().zip(begin..) {
                *near_here = near.at(column);
            }
            if let Some(wall) = self.walls.get(idx) {
                let sight = Sight {
                    near,
                    along: way(wall.axis()),
                    up: way(Vec3::Z),
                    pixel: view.pixel,
                    surface: WALLS + idx as Surface * WALL_SURFACES,
                };
                wall.draw(&sight, &range, pixels, surfaces);
            } else {
                surfaces[range.clone()].fill((idx - self.walls.len()) as Surface);
                let ground = self.ground(middle);
                GroundRow::new(ground, &self.room, view, middle, 1.0 / near.begin)
                    .draw(begin as u32, &mut pixels[range.clone()]);
            }
            begin = range.end;
        }
    }

    /// The walls, floor and ceiling as normals away from the eye over the eye's distance: their
    /// product with a ray's direction is one over the depth at which it meets the plane.
    fn planes(&self, eye: Vec3) -> [Vec3; PLANES] {
        // An eye in a wall would see nothing else.
        let low = (self.corners.0 - eye).min(Vec3::splat(-NEAREST_M)).recip();
        let high = (self.corners.1 - eye).max(Vec3::splat(NEAREST_M)).recip();
        let wall = |wall: Wall| match wall {
            Wall::Front => Vec3::X * high.x,
            Wall::Back => Vec3::X * low.x,
            Wall::Left => Vec3::Y * high.y,
            Wall::Right => Vec3::Y * low.y,
        };
        let [a, b, c, d] = Wall::ALL.map(wall);
        [a, b, c, d, Vec3::Z * low.z, Vec3::Z * high.z]
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
        nears: &mut [f32],
    ) {
        let body = &self.bodies[place.body];
        let middle = body.solid.local_direction(view.row(row as f32 + 0.5));
        let outputs = pixels.iter_mut().zip(surfaces).zip(nears);
        let mut is_inside = false;
        for (idx, ((pixel, surface), near)) in outputs.enumerate() {
            let across = view.across((place.columns.start + idx) as f32 + 0.5);
            let Some(hit) = body.solid.hit_local(place.eye, middle + place.right * across) else {
                // Every body is convex.
                if is_inside {
                    break;
                }
                continue;
            };
            is_inside = true;
            if hit.t * *near < 1.0 {
                *near = 1.0 / hit.t;
                *surface = body_surface(place.body, hit.face);
                *pixel = body.shade(&hit, view.pixel);
            }
        }
    }

    /// The mean colour of four rays through one pixel. `seen` is what its middle sees and that
    /// one's colour, which serves for every ray that meets the same surface.
    pub(super) fn trace(
        &self,
        view: &View,
        places: &[Place],
        (column, row): (usize, usize),
        seen: (Surface, Texel),
    ) -> Texel {
        let corner = view.row(row as f32) + view.right * view.across(column as f32);
        let (right, down) = (view.right * view.pixel, view.up * -view.pixel);
        let mut nearest = RAYS.map(|(x, y)| Ray {
            direction: corner + right * x + down * y,
            t: f32::INFINITY,
            met: None,
        });
        let is_near = |place: &&Place| place.columns.contains(&column) && place.rows.contains(&row);
        for place in places.iter().filter(is_near) {
            let solid = &self.bodies[place.body].solid;
            for ray in &mut nearest {
                let direction = solid.local_direction(ray.direction);
                if let Some(hit) = solid.hit_local(place.eye, direction)
                    && hit.t < ray.t
                {
                    (ray.t, ray.met) = (hit.t, Some((hit, place.body)));
                }
            }
        }
        let planes = self.planes(view.eye);
        mean(nearest.map(|ray| match ray.met {
            Some((hit, body)) if body_surface(body, hit.face) == seen.0 => seen.1,
            Some((hit, body)) => self.bodies[body].shade(&hit, view.pixel),
            None => self.trace_room(view, &planes, ray.direction, seen),
        }))
    }

    fn trace_room(
        &self,
        view: &View,
        planes: &[Vec3; PLANES],
        direction: Vec3,
        seen: (Surface, Texel),
    ) -> Texel {
        let mut nears = [0.0; PLANES];
        for (near, plane) in nears.iter_mut().zip(planes) {
            *near = plane.dot(direction);
        }
        let idx = largest(&nears);
        let t = 1.0 / nears[idx];
        if let Some(wall) = self.walls.get(idx) {
            wall.shade(view.eye + direction * t, t * view.pixel)
        } else if usize::from(seen.0) + self.walls.len() == idx {
            seen.1
        } else {
            self.ground(direction).trace(&self.room, view, direction, t)
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

    fn ground(&self, direction: Vec3) -> &Ground {
        if direction.z < 0.0 { &self.floor } else { &self.ceiling }
    }
}

const fn body_surface(body: usize, face: Face) -> Surface {
    SOLIDS + body as Surface * FACES + body::face_idx(face)
}

/// Which of the planes' inverse depths is the largest.
#[inline]
fn largest(nears: &[f32; PLANES]) -> usize {
    let mut best = 0;
    for (idx, near) in nears.iter().enumerate() {
        if *near > nears[best] {
            best = idx;
        }
    }
    best
}

/// The rectangle around the part of a body's corners and edges that is in front of the camera.
fn place(view: &View, body: usize, solid: &Solid) -> Option<Place> {
    let half = solid.half_extent();
    let mut corners = [Vec3::ZERO; 8];
    for (idx, corner) in corners.iter_mut().enumerate() {
        let side = |bit: usize| if idx >> bit & 1 == 0 { -1.0 } else { 1.0 };
        let z = if idx < 4 { 0.0 } else { solid.height };
        *corner = view.seen(solid.world_point(Vec3::new(half.x * side(0), half.y * side(1), z)));
    }
    let mut low = Vec2::INFINITY;
    let mut high = Vec2::NEG_INFINITY;
    let mut include = |seen: Vec3| {
        let (x, y) = view.pixel_of(seen);
        low = low.min(Vec2::new(x, y));
        high = high.max(Vec2::new(x, y));
    };
    for (idx, corner) in corners.iter().enumerate() {
        if corner.z > NEAR_M {
            include(*corner);
            continue;
        }
        // Edges that come from behind enter the picture in the plane just before the camera.
        for other in [1, 2, 4].map(|bit| corners[idx ^ bit]).iter().filter(|p| p.z > NEAR_M) {
            include(corner.lerp(*other, (NEAR_M - corner.z) / (other.z - corner.z)));
        }
    }
    if low.x > high.x {
        return None;
    }
    let whole = Vec2::new(view.width as f32, view.height as f32);
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
