//! A world as surfaces: the room and the bodies in it, each with paint and a light map.

mod body;
mod facet;
mod ground;
mod wall;

use std::ops::Range;

use glam::{Vec2, Vec3};

use super::light::Light;
use super::paint;
use super::solid::{Hit, Solid};
use super::span::{Coordinate, Line};
use super::texel::{Texel, mean};
use super::{NEAR_M, View};
use crate::sim::World;
use crate::sim::world::look::Tint;
use crate::sim::world::{Room, Wall};
use body::{Body, BodySight, FACES, face_idx};
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

/// One row of the picture.
#[derive(Clone, Debug, Default)]
pub(super) struct Row {
    pub(super) pixels: Vec<Texel>,
    pub(super) surfaces: Vec<Surface>,
    /// One over the depth.
    nears: Vec<f32>,
}

impl Row {
    pub(super) fn resize(&mut self, width: usize) {
        self.pixels.resize(width, 0);
        self.surfaces.resize(width, 0);
        self.nears.resize(width, 0.0);
    }
}

/// What is the same for every row of one picture.
#[derive(Clone, Debug)]
pub(super) struct Shot {
    view: View,
    planes: Planes,
    places: Vec<Place>,
}

/// The room's planes before and behind the eye on each axis, as one over the eye's distance: times
/// a ray's direction, that is one over the depth at which the ray meets them.
#[derive(Clone, Copy, Debug)]
struct Planes {
    low: Vec3,
    high: Vec3,
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

    /// What a picture from here needs first.
    pub(super) fn shot(&self, view: View) -> Shot {
        let places = self.bodies.iter().enumerate();
        let places = places.filter_map(|(idx, body)| place(&view, idx, &body.solid)).collect();
        Shot { view, planes: Planes::new(self.corners, view.eye), places }
    }

    pub(super) fn draw(&self, shot: &Shot, row: usize, out: &mut Row) {
        self.draw_room(shot, row, out);
        for place in shot.places.iter().filter(|place| place.rows.contains(&row)) {
            let first = shot.view.row(row as f32 + 0.5) + shot.view.right * shot.view.across(0.5);
            let body = &self.bodies[place.body];
            let sight = BodySight {
                eye: place.eye,
                first: body.solid.local_direction(first),
                step: place.right * shot.view.pixel,
                pixel: shot.view.pixel,
                surface: SOLIDS + place.body as Surface * FACES,
            };
            body.draw(&sight, place.columns.clone(), out);
        }
    }

    /// Draws floor, ceiling and walls. The room is convex: of all its planes the one with the
    /// largest inverse depth is seen.
    fn draw_room(&self, shot: &Shot, row: usize, out: &mut Row) {
        let view = &shot.view;
        let middle = view.row(row as f32 + 0.5);
        let step = view.right * view.pixel;
        let first = middle + view.right * view.across(0.5);
        let (begins, steps) = (shot.planes.nears(first), shot.planes.nears(step));
        let lines: [Line; PLANES] =
            std::array::from_fn(|idx| Line { begin: begins[idx], step: steps[idx] });
        let way = |axis: Vec3| Coordinate {
            eye: axis.dot(view.eye),
            way: Line { begin: axis.dot(first), step: axis.dot(step) },
        };
        let mut begin = 0;
        while begin < out.pixels.len() {
            let idx = largest(&lines.map(|line| line.at(begin)));
            let near = lines[idx];
            let end = lines.iter().map(|line| line.overtakes(near, begin)).min();
            let range = begin..end.unwrap_or(usize::MAX).clamp(begin + 1, out.pixels.len());
            for (near_here, column) in out.nears[range.clone()].iter_mut().zip(begin..) {
                *near_here = near.at(column);
            }
            if let Some(wall) = self.walls.get(idx) {
                let sight = Sight {
                    near,
                    along: way(wall.axis()),
                    up: way(Vec3::Z),
                    pixel: view.pixel,
                    surface: wall_surface(idx),
                };
                wall.draw(&sight, &range, &mut out.pixels, &mut out.surfaces);
            } else {
                out.surfaces[range.clone()].fill(self.ground_surface(idx));
                GroundRow::new(self.ground(middle), &self.room, view, middle, 1.0 / near.begin)
                    .draw(begin, &mut out.pixels[range.clone()]);
            }
            begin = range.end;
        }
    }

    /// The mean colour of four rays through one pixel. `seen` is what its middle sees; that colour
    /// serves for every ray that meets the same surface, and so does the first of any other's.
    pub(super) fn trace(
        &self,
        shot: &Shot,
        (column, row): (usize, usize),
        seen: (Surface, Texel),
    ) -> Texel {
        let view = &shot.view;
        let corner = view.row(row as f32) + view.right * view.across(column as f32);
        let (right, down) = (view.right * view.pixel, view.up * -view.pixel);
        let mut rays = RAYS.map(|(x, y)| Ray {
            direction: corner + right * x + down * y,
            t: f32::INFINITY,
            met: None,
        });
        let is_near = |place: &&Place| place.columns.contains(&column) && place.rows.contains(&row);
        for place in shot.places.iter().filter(is_near) {
            let solid = &self.bodies[place.body].solid;
            for ray in &mut rays {
                let direction = solid.local_direction(ray.direction);
                if let Some(hit) = solid.hit_local(place.eye, direction)
                    && hit.t < ray.t
                {
                    (ray.t, ray.met) = (hit.t, Some((hit, place.body)));
                }
            }
        }
        let mut found = [seen; RAYS.len() + 1];
        for (idx, ray) in rays.iter().enumerate() {
            found[idx + 1] = self.color(shot, ray, &found[..=idx]);
        }
        let [_, colors @ ..] = found.map(|(_, color)| color);
        mean(colors)
    }

    /// What a ray meets, and its colour unless it is known.
    fn color(&self, shot: &Shot, ray: &Ray, known: &[(Surface, Texel)]) -> (Surface, Texel) {
        let pixel = shot.view.pixel;
        let once = |surface: Surface, shade: &dyn Fn() -> Texel| {
            let same = known.iter().find(|(known, _)| *known == surface);
            (surface, same.map_or_else(shade, |(_, color)| *color))
        };
        if let Some((hit, idx)) = ray.met {
            let surface = SOLIDS + idx as Surface * FACES + face_idx(hit.face);
            return once(surface, &|| self.bodies[idx].shade(&hit, pixel));
        }
        let nears = shot.planes.nears(ray.direction);
        let idx = largest(&nears);
        let t = 1.0 / nears[idx];
        if let Some(wall) = self.walls.get(idx) {
            let spot = wall.spot(shot.view.eye + ray.direction * t);
            once(wall_surface(idx) + spot.surface(), &|| wall.shade(&spot, t * pixel))
        } else {
            once(self.ground_surface(idx), &|| {
                self.ground(ray.direction).trace(&self.room, &shot.view, ray.direction, t)
            })
        }
    }

    fn ground(&self, direction: Vec3) -> &Ground {
        if direction.z < 0.0 { &self.floor } else { &self.ceiling }
    }

    fn ground_surface(&self, plane: usize) -> Surface {
        (plane - self.walls.len()) as Surface
    }
}

impl Planes {
    fn new(corners: (Vec3, Vec3), eye: Vec3) -> Self {
        // An eye in a wall would see nothing else.
        Self {
            low: (corners.0 - eye).min(Vec3::splat(-NEAREST_M)).recip(),
            high: (corners.1 - eye).max(Vec3::splat(NEAREST_M)).recip(),
        }
    }

    /// One over the depth of every plane along `direction`: of the walls in [`Wall::ALL`]'s order,
    /// then of floor and ceiling.
    #[inline]
    fn nears(&self, direction: Vec3) -> [f32; PLANES] {
        let (low, high) = (self.low * direction, self.high * direction);
        [high.x, high.y, low.x, low.y, low.z, high.z]
    }
}

const fn wall_surface(wall: usize) -> Surface {
    WALLS + wall as Surface * WALL_SURFACES
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
