//! How much light falls on a point: daylight through the window, the sun, the room's lamps, and
//! what stands in between. Computed once per world into light maps; nothing in a world but the
//! robot moves.

use glam::Vec3;

use super::solid::Solid;
use crate::sim::World;
use crate::sim::world::{Room, Wall, Window};

/// A small patch of an area light.
#[derive(Clone, Copy, Debug)]
struct Patch {
    position: Vec3,
    /// Towards the room.
    normal: Vec3,
    power: Vec3,
}

#[derive(Clone, Debug)]
pub(super) struct Light {
    patches: Vec<Patch>,
    /// To the sun, and its strength.
    sun: Vec3,
    sun_power: Vec3,
    window: Plane,
    ambient: Vec3,
    solids: Vec<Solid>,
    room: Room,
    exposure: f32,
}

/// The window's opening in space.
#[derive(Clone, Copy, Debug)]
struct Plane {
    corner: Vec3,
    along: Vec3,
    width: f32,
    height: f32,
    normal: Vec3,
}

/// Floor brightness that the exposure aims at, linear.
const EXPOSED: f32 = 0.62;

impl Light {
    pub(super) fn new(world: &World, solids: &[Solid]) -> Self {
        let look = &world.look;
        let window = opening(&world.room, &look.window);
        let warm = Vec3::ONE.lerp(Vec3::new(1.06, 0.92, 0.74), look.warmth);
        let mut patches = Vec::new();
        let (columns, rows) = (4, 3);
        for (column, row) in (0..columns).flat_map(|c| (0..rows).map(move |r| (c, r))) {
            let across = (column as f32 + 0.5) / columns as f32;
            let up = (row as f32 + 0.5) / rows as f32;
            let area = window.width * window.height / (columns * rows) as f32;
            patches.push(Patch {
                position: window.corner
                    + window.along * across * window.width
                    + Vec3::Z * up * window.height,
                normal: window.normal,
                power: Vec3::new(0.90, 0.98, 1.06) * (look.sky_strength * area * 2.6),
            });
        }
        let middle = Vec3::new(world.target.x as f32 * 0.5, 0.0, world.room.height as f32 - 0.05);
        for (x, y) in [(-0.3, -0.3), (0.3, -0.3), (-0.3, 0.3), (0.3, 0.3)] {
            patches.push(Patch {
                position: middle + Vec3::new(x, y, 0.0),
                normal: -Vec3::Z,
                power: warm * (look.lamp_strength * 0.8),
            });
        }
        let mut light = Self {
            patches,
            sun: sun(&window, look.sun),
            sun_power: Vec3::new(1.12, 1.0, 0.84) * look.sun_strength,
            window,
            ambient: (warm * 0.7 + Vec3::splat(0.3))
                * (0.12 + 0.25 * look.lamp_strength + 0.12 * look.sky_strength),
            solids: solids.to_vec(),
            room: world.room,
            exposure: 1.0,
        };
        let probes = [(0.2, 0.9), (0.5, -0.9), (0.5, 0.9), (0.9, 0.4), (0.0, 0.0)];
        let brightness = |(x, y): (f32, f32)| {
            let point = Vec3::new(x * world.target.x as f32, y, 0.0);
            (light.ambient(point, Vec3::Z) + light.soft(point, Vec3::Z)).element_sum() / 3.0
        };
        let mean = probes.map(brightness).iter().sum::<f32>() / probes.len() as f32;
        light.exposure = EXPOSED / mean.max(1e-3);
        light
    }

    /// Linear light on a surface from everywhere.
    pub(super) fn on(&self, point: Vec3, normal: Vec3) -> Vec3 {
        self.ambient(point, normal) + self.soft(point, normal) + self.direct(point, normal)
    }

    /// Linear light that the room itself returns.
    pub(super) fn ambient(&self, point: Vec3, normal: Vec3) -> Vec3 {
        self.ambient * (0.72 + 0.28 * normal.z) * self.openness(point, normal)
    }

    /// Linear light of sky and lamps, with soft shadows.
    pub(super) fn soft(&self, point: Vec3, normal: Vec3) -> Vec3 {
        let from = point + normal * 2e-3;
        let mut sum = Vec3::ZERO;
        for patch in &self.patches {
            let way = patch.position - from;
            let square = way.length_squared();
            let facing = normal.dot(way).max(0.0) * (-patch.normal.dot(way)).max(0.0);
            if facing > 0.0 && !self.is_blocked(from, way) {
                sum += patch.power * (facing / (square * square));
            }
        }
        sum
    }

    /// Linear light of the sun through the window.
    pub(super) fn direct(&self, point: Vec3, normal: Vec3) -> Vec3 {
        let slant = normal.dot(self.sun);
        let approach = -self.sun.dot(self.window.normal);
        if slant <= 0.0 || approach <= 1e-3 || self.sun_power.x <= 0.0 {
            return Vec3::ZERO;
        }
        let from = point + normal * 2e-3;
        let t = (from - self.window.corner).dot(self.window.normal) / approach;
        let through = from + self.sun * t - self.window.corner;
        let (across, up) = (through.dot(self.window.along), through.z);
        let middle = (across - self.window.width * 0.5).abs();
        let is_through = t > 0.0
            && (0.05..self.window.width - 0.05).contains(&across)
            && (0.05..self.window.height - 0.05).contains(&up)
            && middle > 0.05;
        if is_through && !self.is_blocked(from, self.sun * t) {
            self.sun_power * slant
        } else {
            Vec3::ZERO
        }
    }

    /// Linear light as the display-space factor that light maps hold: 0.5 is neutral.
    pub(super) fn exposed(&self, linear: Vec3) -> [f32; 3] {
        let light = linear * self.exposure;
        // Bright light is compressed before the 8 bits end.
        let soft = light * 1.16 / (Vec3::ONE + light * 0.16);
        soft.max(Vec3::ZERO).to_array().map(|value| 0.502 * value.powf(1.0 / 2.2))
    }

    fn is_blocked(&self, from: Vec3, way: Vec3) -> bool {
        self.solids.iter().any(|solid| solid.hit(from, way).is_some_and(|hit| hit.t < 1.0))
    }

    /// How much of the surroundings a point sees: less in corners and at the foot of things. Of the
    /// floor, the share that an upright wall of height h at distance d hides is (1 - d / sqrt(d² +
    /// h²)) / 2.
    fn openness(&self, point: Vec3, normal: Vec3) -> f32 {
        let hidden = |distance: f32, height: f32| {
            0.5 * (1.0 - distance / (distance * distance + height * height).sqrt().max(1e-6))
        };
        let room = &self.room;
        let walls = [
            point.x - room.x_min as f32,
            room.x_max as f32 - point.x,
            point.y - room.y_min as f32,
            room.y_max as f32 - point.y,
        ];
        let mut open = 1.0;
        if normal.z > 0.5 {
            for distance in walls {
                open *= 1.0 - 0.55 * hidden(distance.max(0.0), 0.9);
            }
            for solid in &self.solids {
                let local = solid.local_point(point);
                if local.z > 0.5 * solid.height || solid.base.z > 0.3 {
                    continue;
                }
                let half = solid.half_extent();
                let gap = glam::Vec2::new(local.x, local.y).abs() - half;
                let distance = gap.max(glam::Vec2::ZERO).length();
                let width = half.max_element() * 2.0;
                let seen = width / (width + distance);
                open *= 1.0 - 0.8 * hidden(distance, solid.height) * seen;
                open *= 1.0 - 0.35 * (-distance / 0.018).exp();
            }
        } else if normal.z > -0.5 {
            // The floor darkens what stands on it; it returns some of the light.
            open *= 1.0 - 0.55 * hidden(point.z.max(0.0), 0.25);
        }
        open
    }
}

fn opening(room: &Room, window: &Window) -> Plane {
    let (from, sill) = (window.along.0 as f32, window.up.0 as f32);
    let (x_min, x_max) = (room.x_min as f32, room.x_max as f32);
    let (y_min, y_max) = (room.y_min as f32, room.y_max as f32);
    let (corner, along, normal) = match window.wall {
        Wall::Front => (Vec3::new(x_max, y_min + from, sill), Vec3::Y, -Vec3::X),
        Wall::Back => (Vec3::new(x_min, y_min + from, sill), Vec3::Y, Vec3::X),
        Wall::Left => (Vec3::new(x_min + from, y_max, sill), Vec3::X, -Vec3::Y),
        Wall::Right => (Vec3::new(x_min + from, y_min, sill), Vec3::X, Vec3::Y),
    };
    Plane {
        corner,
        along,
        width: (window.along.1 - window.along.0) as f32,
        height: (window.up.1 - window.up.0) as f32,
        normal,
    }
}

/// Towards the sun, outside the window.
fn sun(window: &Plane, (azimuth, elevation): (f64, f64)) -> Vec3 {
    let outward = -window.normal;
    let (sin, cos) = (azimuth as f32).sin_cos();
    let level = outward * cos + window.along * sin;
    let (rise, reach) = (elevation as f32).sin_cos();
    level * reach + Vec3::Z * rise
}
