//! A world as surfaces: the room and the bodies in it, each with paint and a light map.

use std::ops::Range;

use glam::{Vec2, Vec3};

use super::View;
use super::light::Light;
use super::paint;
use super::solid::{Face, Form, Hit, Solid, direction_around};
use super::texture::{Texel, Texture, fine_phase, phase, shade};
use crate::sim::World;
use crate::sim::world::look::{LAMP_FOOT, Tint};
use crate::sim::world::{DecalStyle, Room, Shape, Wall};

/// Tells surfaces apart: where two neighbouring pixels differ there is an edge.
pub(super) type Surface = u16;

const CEILING: Surface = 1;
const WALLS: Surface = 8;
const SOLIDS: Surface = 512;
/// Surfaces of one solid.
const FACES: Surface = 8;
/// Height of the skirting board, metres.
const SKIRTING_M: f32 = 0.09;
/// Neutral for [`shade`].
const NEUTRAL: Texel = 0x0080_8080;

#[derive(Clone, Debug)]
pub(super) struct Scene {
    room: Room,
    floor: Ground,
    ceiling: Ground,
    walls: Vec<WallFace>,
    bodies: Vec<Body>,
}

/// Floor or ceiling.
#[derive(Clone, Debug)]
struct Ground {
    paint: &'static Texture,
    tint: [u32; 3],
    /// Copies of the paint per metre.
    per_metre: f32,
    light: Texture,
    light_log: u32,
}

#[derive(Clone, Debug)]
struct WallFace {
    length: f32,
    tint: [u32; 3],
    skirting: [u32; 3],
    light: Texture,
    decals: Vec<Flat>,
}

#[derive(Clone, Debug)]
struct Flat {
    along: (f32, f32),
    up: (f32, f32),
    paint: &'static Texture,
    tint: [u32; 3],
    glows: bool,
}

#[derive(Clone, Debug)]
struct Body {
    solid: Solid,
    side: &'static Texture,
    top: &'static Texture,
    tint: [u32; 3],
    light: Texture,
    glows: bool,
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

/// Light maps of box faces stand side by side in one picture: slots of 8 texels.
const SLOT: f32 = 8.0;
/// Texels around and up a light map of a round body.
const ROUND_LOG: (u32, u32) = (5, 3);
const FLOOR_LOG: u32 = 8;
const CEILING_LOG: u32 = 4;

fn tint(tint: Tint) -> [u32; 3] {
    tint.map(|value| (value * 128.0).round() as u32)
}

impl Scene {
    pub(super) fn new(world: &World) -> Self {
        let mut bodies = bodies(world);
        let solids: Vec<Solid> = bodies.iter().map(|body| body.solid).collect();
        let light = Light::new(world, &solids);
        for body in &mut bodies {
            body.light = body_light(&body.solid, &light);
        }
        let (floor_paint, floor_metres) = paint::floor(world.look.floor);
        let height = world.room.height as f32;
        Self {
            room: world.room,
            floor: Ground {
                paint: floor_paint,
                tint: tint(world.look.floor_tint),
                per_metre: 1.0 / floor_metres,
                light: ground_light(&world.room, &light, FLOOR_LOG, 0.0),
                light_log: FLOOR_LOG,
            },
            ceiling: Ground {
                paint: paint::plaster(),
                tint: tint([0.97, 0.97, 0.95]),
                per_metre: 1.0,
                light: ground_light(&world.room, &light, CEILING_LOG, height),
                light_log: CEILING_LOG,
            },
            walls: Wall::ALL.map(|wall| wall_face(world, wall, &light)).into(),
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
        let ground = GroundRow::new(self, view, middle, level.t);
        let step = view.right * view.pixel;
        let first = middle + view.right * view.across(0.5);
        let outputs = pixels.iter_mut().zip(surfaces).zip(depths);
        for (column, ((pixel, surface), depth)) in outputs.enumerate() {
            let direction = first + step * column as f32;
            let (t, wall) = self.wall_ahead(view.eye, direction);
            if level.t <= t {
                *pixel = ground.shade(column as u32);
                *surface = level.surface;
                *depth = level.t;
            } else {
                let point = view.eye + direction * t;
                (*pixel, *surface) = self.shade_wall(wall, point, t * view.pixel);
                *depth = t;
            }
        }
    }

    /// Draws one row of one body, where it is nearest. The slices are the row's part within the body's columns.
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
                *surface = SOLIDS + place.body as Surface * FACES + face_idx(hit.face);
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
            GroundRow::new(self, view, direction, level.t).at(view.eye + direction * level.t)
        } else {
            self.shade_wall(wall, view.eye + direction * t, t * view.pixel).0
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

    fn wall_ahead(&self, eye: Vec3, direction: Vec3) -> (f32, Wall) {
        let room = &self.room;
        let (x, wall_x) =
            if direction.x > 0.0 { (room.x_max, Wall::Front) } else { (room.x_min, Wall::Back) };
        let (y, wall_y) =
            if direction.y > 0.0 { (room.y_max, Wall::Left) } else { (room.y_min, Wall::Right) };
        let t_x = (x as f32 - eye.x) / direction.x;
        let t_y = (y as f32 - eye.y) / direction.y;
        if t_x < t_y { (t_x, wall_x) } else { (t_y, wall_y) }
    }

    fn shade_wall(&self, wall: Wall, point: Vec3, pixel_m: f32) -> (Texel, Surface) {
        let face = &self.walls[wall as usize];
        let along = match wall {
            Wall::Front | Wall::Back => point.y - self.room.y_min as f32,
            Wall::Left | Wall::Right => point.x - self.room.x_min as f32,
        };
        let up = point.z;
        let surface = WALLS + wall as Surface * 16;
        let light = face.light.sample_corner(
            phase((along / face.length).clamp(0.0, 1.0) * (31.0 / 32.0)),
            phase((up / self.room.height as f32).clamp(0.0, 1.0) * (15.0 / 16.0)),
        );
        for (idx, decal) in face.decals.iter().enumerate() {
            let (width, height) = (decal.along.1 - decal.along.0, decal.up.1 - decal.up.0);
            let (u, v) = ((along - decal.along.0) / width, (decal.up.1 - up) / height);
            if (0.0..1.0).contains(&u) && (0.0..1.0).contains(&v) {
                let paint =
                    decal.paint.sample(decal.paint.level(pixel_m / width), phase(u), phase(v));
                let light = if decal.glows { NEUTRAL } else { light };
                return (shade(paint, light, decal.tint), surface + 2 + idx as Surface);
            }
        }
        if up < SKIRTING_M {
            let rounded = if up > SKIRTING_M - 0.012 { 0x00a8_a8a8 } else { 0x00f0_f0f0 };
            return (shade(rounded, light, face.skirting), surface + 1);
        }
        let plaster = paint::plaster();
        let paint = plaster.sample(plaster.level(pixel_m), phase(along), phase(up));
        (shade(paint, light, face.tint), surface)
    }
}

struct Level {
    t: f32,
    surface: Surface,
}

/// One row of floor or ceiling: all its coordinates are linear in the column.
struct GroundRow<'a> {
    ground: &'a Ground,
    room: &'a Room,
    level: usize,
    paint: Steps,
    light: Steps,
}

/// Phases that grow by a constant a column.
#[derive(Clone, Copy, Default)]
struct Steps {
    u: u32,
    v: u32,
    u_step: u32,
    v_step: u32,
}

impl Steps {
    const fn at(self, column: u32) -> (u32, u32) {
        (
            self.u.wrapping_add(self.u_step.wrapping_mul(column)),
            self.v.wrapping_add(self.v_step.wrapping_mul(column)),
        )
    }
}

impl<'a> GroundRow<'a> {
    fn new(scene: &'a Scene, view: &View, direction: Vec3, t: f32) -> Self {
        let ground = if direction.z < 0.0 { &scene.floor } else { &scene.ceiling };
        // A pixel is wide across and long along the view; the mean of both, weighed towards the sharper.
        let across = t * view.pixel;
        let along =
            across * (t / (view.eye.z - direction.z * t - view.eye.z).abs().max(0.05)).max(1.0);
        let footprint = across.powf(0.6) * along.powf(0.4) * ground.per_metre;
        let mut row = Self {
            ground,
            room: &scene.room,
            level: ground.paint.level(footprint),
            paint: Steps::default(),
            light: Steps::default(),
        };
        let first = view.eye + (direction + view.right * view.across(0.5)) * t;
        let step = view.right * (view.pixel * t);
        let per_metre = f64::from(ground.per_metre);
        row.paint = Steps {
            u: fine_phase(f64::from(first.x) * per_metre),
            v: fine_phase(f64::from(first.y) * per_metre),
            u_step: fine_phase(f64::from(step.x) * per_metre),
            v_step: fine_phase(f64::from(step.y) * per_metre),
        };
        let (u, v) = row.light_share(first);
        let (u_next, v_next) = row.light_share(first + step);
        row.light = Steps {
            u: fine_phase(u),
            v: fine_phase(v),
            u_step: fine_phase(u_next - u),
            v_step: fine_phase(v_next - v),
        };
        row
    }

    /// Light-map coordinates, half a texel away from the edges so that nothing wraps around.
    fn light_share(&self, point: Vec3) -> (f64, f64) {
        let size = f64::from(1_u32 << self.ground.light_log);
        let inner = |value: f64| (value * (size - 2.0) + 0.5) / size;
        let room = self.room;
        (
            inner((f64::from(point.x) - room.x_min) / (room.x_max - room.x_min)),
            inner((f64::from(point.y) - room.y_min) / (room.y_max - room.y_min)),
        )
    }

    fn shade(&self, column: u32) -> Texel {
        let (u, v) = self.paint.at(column);
        let (light_u, light_v) = self.light.at(column);
        let paint = self.ground.paint.sample(self.level, u, v);
        shade(paint, self.ground.light.sample_corner(light_u, light_v), self.ground.tint)
    }

    fn at(&self, point: Vec3) -> Texel {
        let (u, v) = (point.x * self.ground.per_metre, point.y * self.ground.per_metre);
        let (light_u, light_v) = self.light_share(point);
        let paint = self.ground.paint.sample(self.level, phase(u), phase(v));
        let light = self.ground.light.sample_corner(fine_phase(light_u), fine_phase(light_v));
        shade(paint, light, self.ground.tint)
    }
}

impl Body {
    fn shade(&self, hit: &Hit, pixel: f32) -> Texel {
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
        let light = if self.glows { NEUTRAL } else { self.light.sample_corner(phase(u), phase(v)) };
        let tint = match hit.face {
            // Deeper inside a cup is darker.
            Face::Inside => self.tint.map(|value| (value as f32 * (0.92 - 0.5 * hit.v)) as u32),
            _ => self.tint,
        };
        shade(paint.sample(level, phase(hit.u), phase(hit.v)), light, tint)
    }
}

const fn face_idx(face: Face) -> u16 {
    match face {
        Face::Side(side) => side as u16,
        Face::Top => 4,
        Face::Round => 5,
        Face::Inside => 6,
    }
}

/// The rectangle around a body's projected corners; the whole picture when it reaches behind the camera.
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

fn ground_light(room: &Room, light: &Light, log: u32, z: f32) -> Texture {
    let size = (1_u32 << log) as f32;
    let normal = if z > 0.0 { -Vec3::Z } else { Vec3::Z };
    let spread = |share: f32, low: f64, high: f64| {
        let inner = (share * size - 1.0) / (size - 2.0);
        (low + (high - low) * f64::from(inner.clamp(0.001, 0.999))) as f32
    };
    Texture::paint(log, log, |u, v| {
        let point =
            Vec3::new(spread(u, room.x_min, room.x_max), spread(v, room.y_min, room.y_max), z);
        light.exposed(light.soft(point, normal) + light.direct(point, normal))
    })
}

fn wall_face(world: &World, wall: Wall, light: &Light) -> WallFace {
    let room = &world.room;
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
        light.exposed(light.soft(point, normal) + light.direct(point, normal))
    });
    let decals = world.look.decals.iter().filter(|decal| decal.wall == wall).map(|decal| Flat {
        along: (decal.along.0 as f32, decal.along.1 as f32),
        up: (decal.up.0 as f32, decal.up.1 as f32),
        paint: paint::decal(decal.style),
        tint: tint(decal.tint),
        glows: decal.style == DecalStyle::Window,
    });
    WallFace {
        length,
        tint: tint(world.look.wall_tint),
        skirting: tint(world.look.skirting_tint),
        light: map,
        decals: decals.collect(),
    }
}

fn body_light(solid: &Solid, light: &Light) -> Texture {
    let lit = |local: Vec3, normal: Vec3| {
        let (point, normal) = (solid.world_point(local), solid.world_direction(normal));
        light.exposed(light.soft(point, normal) + light.direct(point, normal))
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

fn bodies(world: &World) -> Vec<Body> {
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
        let base = Vec3::new(thing.x as f32, thing.y as f32, 0.0);
        let yaw = thing.yaw as f32;
        let round = |radius: f64, widening: f32, is_open| Form::Frustum {
            bottom: radius as f32 * widening,
            top: radius as f32,
            is_open,
        };
        match thing.shape {
            Shape::Bin { radius, height } => {
                bodies.push(body(
                    standing(round(radius, 0.82, true), base, height as f32, yaw),
                    thing.tint,
                ));
            }
            Shape::Pouf { radius, height } => bodies.push(Body {
                side: paint::fabric(),
                top: paint::fabric(),
                ..body(standing(round(radius, 0.97, false), base, height as f32, yaw), thing.tint)
            }),
            Shape::Ball { radius } => {
                let form = Form::Ball { radius: radius as f32 };
                bodies.push(body(standing(form, base, 2.0 * radius as f32, yaw), thing.tint));
            }
            Shape::Lamp { height } => lamp(base, height as f32, thing.tint, &mut bodies),
            Shape::Cabinet { half_x, half_y, height } => {
                let form = Form::Cuboid { half: Vec2::new(half_x as f32, half_y as f32) };
                bodies.push(Body {
                    side: paint::wood(),
                    ..body(
                        standing(form, base, height as f32, yaw),
                        thing.tint.map(|c| 0.5 + 0.5 * c),
                    )
                });
            }
        }
    }
    bodies
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
        tint: tint(color),
        light: Texture::paint(0, 0, |_, _| [0.5; 3]),
        glows: false,
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
