//! Draws a world from a seed, within the bounds that keep the task solvable from the camera.

use std::f64::consts::FRAC_PI_2;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

use super::look::Tint;
use super::{
    Block, BoxStyle, Decal, DecalStyle, FloorStyle, Look, Mount, Pose, Room, Shape, Target,
    TargetColor, Thing, Wall, Window, World,
};
use crate::sim::scenario::{Distance, Layout};
use crate::sim::{Scenario, robot};

/// Free floor between the start and the first box: body, the expert's clearance, some slack.
const FREE_BEFORE_M: f64 = 0.37;
/// Free floor between the last box and the target's centre: room to swing in behind the box.
const FREE_BEHIND_M: f64 = 0.56;
/// How much of the target is seen over a box, at least.
const VISIBLE_M: f64 = 0.07;
/// Clutter keeps this far from the straight way.
const CLUTTER_FREE_M: f64 = 1.15;

/// Independent streams, so that one more draw in one of them does not change the others.
#[derive(Clone, Copy)]
enum Stream {
    Course,
    Room,
    Look,
}

fn rng(seed: u64, stream: Stream) -> Pcg64 {
    Pcg64::seed_from_u64(seed.wrapping_mul(4).wrapping_add(stream as u64))
}

pub(super) fn world(scenario: &Scenario, seed: u64) -> World {
    let mut course = rng(seed, Stream::Course);
    let mount = Mount {
        height_m: course.random_range(0.32..0.38),
        tilt: course.random_range(-3.0_f64..3.0).to_radians(),
        hfov: course.random_range(105.0_f64..115.0).to_radians(),
    };
    let start = Pose { x: 0.0, y: 0.0, yaw: course.random_range(-0.14..0.14) };
    let target = Target {
        x: scenario.distance.metres(),
        y: 0.0,
        radius: course.random_range(0.10..0.13),
        height: course.random_range(0.26..0.34),
        color: TargetColor::ALL[course.random_range(0..TargetColor::ALL.len())],
    };
    let boxes = boxes(scenario, &mount, &target, &mut course);
    let mut rng_room = rng(seed, Stream::Room);
    let room = room(&target, &mut rng_room);
    let things = things(&room, &target, &mut rng_room);
    let look = look(&room, boxes.len(), &mut rng(seed, Stream::Look));
    World { scenario: scenario.clone(), seed, room, boxes, target, things, start, mount, look }
}

fn boxes(scenario: &Scenario, mount: &Mount, target: &Target, rng: &mut Pcg64) -> Vec<Block> {
    let (length, stagger, shift) = match scenario.distance {
        Distance::Close => (0.21..0.24, 0.0, 0.04),
        Distance::Medium => (0.28..0.42, 0.08, 0.08),
        Distance::Far => (0.32..0.48, 0.18, 0.10),
    };
    let gap = rng.random_range(0.04..0.7 * robot::RADIUS_M);
    let middle_y = rng.random_range(-shift..shift);
    let middle_x = rng.random_range(0.40..0.52);
    let mut stagger = rng.random_range(-1.0..1.0) * stagger;
    let mut blocks = Vec::new();
    for idx in 0..scenario.boxes {
        let long = rng.random_range(length.clone()) / 2.0;
        let short = (long * rng.random_range(0.5..0.7_f64)).max(0.065);
        let (half_x, half_y) = match scenario.layout {
            Layout::Lengthwise => (long, short),
            Layout::Crosswise => (short, long),
        };
        let yaw: f64 = rng.random_range(-0.12..0.12);
        let reach_x = half_x * yaw.cos() + half_y * yaw.sin().abs();
        let reach_y = half_y * yaw.cos() + half_x * yaw.sin().abs();
        let nearest = FREE_BEFORE_M + reach_x;
        let farthest = target.x - FREE_BEHIND_M - reach_x;
        let x = (middle_x * target.x + stagger).min(farthest).max(nearest);
        let side = if scenario.boxes == 1 { 0.0 } else { f64::from(idx) * 2.0 - 1.0 };
        let y = middle_y + side * (reach_y + gap / 2.0);
        stagger = -stagger;
        let mut block = Block { x, y, yaw, half_x, half_y, height: 0.0 };
        block.height = rng.random_range(0.15..0.24_f64).min(height_max(&block, mount, target));
        blocks.push(block);
    }
    blocks
}

/// The height at which the line of sight over the farthest corner still meets [`VISIBLE_M`] of the
/// target.
fn height_max(block: &Block, mount: &Mount, target: &Target) -> f64 {
    let far = block.corners().iter().fold(0.0, |far: f64, c| far.max(c.0.hypot(c.1)));
    let below_camera = mount.height_m - target.height + VISIBLE_M;
    mount.height_m - below_camera * far / (target.x - target.radius)
}

fn room(target: &Target, rng: &mut Pcg64) -> Room {
    Room {
        x_min: -rng.random_range(0.9..1.6),
        x_max: target.x + rng.random_range(1.1..2.2),
        y_min: -rng.random_range(1.4..2.3),
        y_max: rng.random_range(1.4..2.3),
        height: rng.random_range(2.3..2.7),
    }
}

fn things(room: &Room, target: &Target, rng: &mut Pcg64) -> Vec<Thing> {
    let wanted = rng.random_range(2..6);
    let mut things: Vec<Thing> = Vec::new();
    // Bounded: a small room simply gets less clutter.
    for _ in 0..60 {
        if things.len() == wanted {
            break;
        }
        let mut thing = Thing { x: 0.0, y: 0.0, yaw: 0.0, shape: shape(rng), tint: paint(rng) };
        place(&mut thing, room, rng);
        let nearest_x = thing.x.clamp(-0.2, target.x);
        let free = (thing.x - nearest_x).hypot(thing.y) - thing.reach();
        let crowded = things.iter().any(|other| {
            (other.x - thing.x).hypot(other.y - thing.y) < other.reach() + thing.reach() + 0.05
        });
        if free > CLUTTER_FREE_M && !crowded {
            things.push(thing);
        }
    }
    things
}

fn shape(rng: &mut Pcg64) -> Shape {
    match rng.random_range(0..5) {
        0 => Shape::Bin {
            radius: rng.random_range(0.11..0.16),
            height: rng.random_range(0.28..0.42),
        },
        1 => Shape::Pouf {
            radius: rng.random_range(0.18..0.26),
            height: rng.random_range(0.3..0.42),
        },
        2 => Shape::Ball { radius: rng.random_range(0.08..0.13) },
        3 => Shape::Lamp { height: rng.random_range(1.3..1.6) },
        _ => Shape::Cabinet {
            half_x: rng.random_range(0.25..0.45),
            half_y: rng.random_range(0.17..0.22),
            height: rng.random_range(0.4..0.95),
        },
    }
}

/// Cabinets stand with their back to a wall, everything else anywhere.
fn place(thing: &mut Thing, room: &Room, rng: &mut Pcg64) {
    let margin = thing.reach() + 0.03;
    thing.x = rng.random_range(room.x_min + margin..room.x_max - margin);
    thing.y = rng.random_range(room.y_min + margin..room.y_max - margin);
    thing.yaw = rng.random_range(0.0..FRAC_PI_2);
    if let Shape::Cabinet { half_y, .. } = thing.shape {
        let off = half_y + 0.02;
        (thing.x, thing.y, thing.yaw) = match rng.random_range(0..4) {
            0 => (room.x_max - off, thing.y, FRAC_PI_2),
            1 => (room.x_min + off, thing.y, FRAC_PI_2),
            2 => (thing.x, room.y_max - off, 0.0),
            _ => (thing.x, room.y_min + off, 0.0),
        };
    }
}

/// Furniture colours; none of them strongly red, green or blue.
const PAINTS: [Tint; 8] = [
    [0.32, 0.31, 0.32],
    [0.80, 0.78, 0.74],
    [0.62, 0.52, 0.42],
    [0.85, 0.76, 0.52],
    [0.55, 0.58, 0.60],
    [0.72, 0.66, 0.68],
    [0.45, 0.40, 0.37],
    [0.68, 0.70, 0.64],
];

/// Walls are light.
const WALLS: [Tint; 6] = [
    [0.93, 0.92, 0.88],
    [0.86, 0.87, 0.88],
    [0.90, 0.85, 0.76],
    [0.80, 0.84, 0.80],
    [0.82, 0.80, 0.84],
    [0.76, 0.76, 0.74],
];

fn paint(rng: &mut Pcg64) -> Tint {
    PAINTS[rng.random_range(0..PAINTS.len())]
}

fn gray(rng: &mut Pcg64, range: std::ops::Range<f32>) -> Tint {
    let level = rng.random_range(range);
    [level * rng.random_range(0.97..1.03), level, level * rng.random_range(0.96..1.03)]
}

fn look(room: &Room, boxes: usize, rng: &mut Pcg64) -> Look {
    let window = window(room, rng);
    let floors = [FloorStyle::Planks, FloorStyle::Tiles, FloorStyle::Carpet, FloorStyle::Concrete];
    let styles = [BoxStyle::Cardboard, BoxStyle::Cardboard, BoxStyle::Crate, BoxStyle::Tote];
    Look {
        floor: floors[rng.random_range(0..floors.len())],
        floor_tint: gray(rng, 0.78..1.05),
        wall_tint: WALLS[rng.random_range(0..WALLS.len())],
        skirting_tint: if rng.random_range(0..3) == 0 { paint(rng) } else { [0.95, 0.95, 0.93] },
        boxes: (0..boxes)
            .map(|_| (styles[rng.random_range(0..styles.len())], gray(rng, 0.85..1.05)))
            .collect(),
        decals: decals(room, &window, rng),
        window,
        sun: (rng.random_range(-0.7..0.7), rng.random_range(0.45..0.95)),
        sun_strength: if rng.random_range(0..10) < 6 { rng.random_range(0.6..1.6) } else { 0.0 },
        sky_strength: rng.random_range(0.5..1.3),
        lamp_strength: rng.random_range(0.35..0.75),
        warmth: rng.random_range(0.0..1.0),
        noise: rng.random_range(0.8..2.6),
    }
}

fn wall_length(room: &Room, wall: Wall) -> f64 {
    match wall {
        Wall::Front | Wall::Back => room.y_max - room.y_min,
        Wall::Left | Wall::Right => room.x_max - room.x_min,
    }
}

/// In any wall but the one behind the robot, where it would never be seen.
fn window(room: &Room, rng: &mut Pcg64) -> Window {
    let wall = [Wall::Front, Wall::Left, Wall::Right][rng.random_range(0..3)];
    let length = wall_length(room, wall);
    let width = rng.random_range(0.9..1.5);
    let begin = rng.random_range(0.35..length - width - 0.35);
    let sill = rng.random_range(0.55..0.95);
    Window { wall, along: (begin, begin + width), up: (sill, rng.random_range(1.7..2.1)) }
}

fn decals(room: &Room, window: &Window, rng: &mut Pcg64) -> Vec<Decal> {
    let pane = Decal {
        wall: window.wall,
        along: window.along,
        up: window.up,
        style: DecalStyle::Window,
        tint: [1.0; 3],
    };
    let mut decals = vec![pane];
    for wall in Wall::ALL {
        let length = wall_length(room, wall);
        let (style, width, up) = match rng.random_range(0..3) {
            0 => (DecalStyle::Door, 0.85, (0.0, 2.02)),
            1 => (DecalStyle::Picture, rng.random_range(0.4..0.8), (1.0, 1.55)),
            _ => (DecalStyle::Picture, rng.random_range(0.3..0.5), (0.9, 1.5)),
        };
        let begin = rng.random_range(0.2..length - width - 0.2);
        let free = wall != window.wall
            || begin + width + 0.15 < window.along.0
            || begin > window.along.1 + 0.15;
        if free {
            let along = (begin, begin + width);
            decals.push(Decal { wall, along, up, style, tint: paint(rng) });
        }
    }
    decals
}
