//! Beacon's network, in the units of the picture: `u` to the right and `v` down from its centre,
//! both in picture widths.

use crate::onnx::builder::{BuildError, ElementType, GraphBuilder, Value};

use super::words::{LENGTH, VOCABULARY};

/// Size of the picture it looks at.
pub const WIDTH: usize = 160;
pub const HEIGHT: usize = 120;
/// Slots of a chunk, `SLOT_S` each.
pub const SLOTS: usize = 10;
/// Its recurrent state: heading (rad, left positive), distance (m), trust (0..=1), width of the
/// target (m, 0 unknown).
pub const MEMORY: usize = 4;

pub(super) const SLOT_S: f32 = 0.1;
/// Focal length in picture widths for a horizontal field of view of 110 degrees: 0.5 / tan(55 deg).
pub(super) const FOCAL: f32 = 0.350_1;
/// Height of the camera over the floor, metres.
pub(super) const CAMERA_M: f32 = 0.35;
/// Where it stops: camera to the foot of the target, metres.
pub(super) const STOP_M: f32 = 0.31;
pub(super) const SPEED_MAX: f32 = 0.35;
/// Speed per metre still to go, 1/s.
pub(super) const APPROACH: f32 = 1.2;
/// Turning rate per radian of heading error, 1/s.
pub(super) const TURN: f32 = 1.5;
pub(super) const TURN_MAX: f32 = 0.8;
/// Coloured pixels that make a confidence of 1 - 1/e.
pub(super) const PIXELS: f32 = 12.0;
/// What remains of an unseen target's trust after each inference.
pub(super) const FADE: f32 = 0.8;
/// How much a fully trusted memory weighs against a fully seen target.
pub(super) const MEMORY_WEIGHT: f32 = 0.3;
/// Rows under this `v` are the lowest two: a blob there continues outside the picture.
pub(super) const EDGE: f32 = 0.36;

/// For each colour: how far its channel must stand out to count at all, and to count fully. Wood,
/// skin and warm light lean to red; shaded blue loses to warm light.
pub(super) const STAND_OUT: [(f32, f32); 3] = [(0.40, 0.60), (0.20, 0.40), (0.25, 0.45)];

/// The network as the bytes of an `.onnx` file.
///
/// Inputs: `image` [1, 3, [`HEIGHT`], [`WIDTH`]] in 0..=1, `tokens` [1, 16], `memory` [1,
/// [`MEMORY`]]. Outputs: `action` [1, [`SLOTS`], 2] (m/s forward, rad/s to the left), `confidence`
/// `[1]`, `memory_next`.
///
/// # Errors
/// Never: a test builds it.
pub fn graph() -> Result<Vec<u8>, BuildError> {
    let mut g = GraphBuilder::new("beacon");
    let image = g.input("image", ElementType::F32, &[1, 3, HEIGHT, WIDTH])?;
    let tokens = g.input("tokens", ElementType::I64, &[1, LENGTH])?;
    let memory = g.input("memory", ElementType::F32, &[1, MEMORY])?;
    let remembered = Memory::read(&mut g, memory)?;
    let solid = colour_response(&mut g, image, tokens)?;
    let blob = largest_blob(&mut g, solid, &remembered)?;
    let target = locate(&mut g, &blob, &remembered)?;
    let (action, memory_next) = steer(&mut g, &target)?;
    g.output("action", action)?;
    let confidence = g.reshape(target.trust, &[1])?;
    g.output("confidence", confidence)?;
    g.output("memory_next", memory_next)?;
    Ok(g.finish_bytes(
        "Drives to the largest blob of a named colour. Built by pilothouse, not trained.",
    ))
}

/// The four numbers of the state, each [1, 1, 1, 1].
struct Memory {
    heading: Value,
    distance: Value,
    trust: Value,
    width: Value,
}

impl Memory {
    fn read(g: &mut GraphBuilder, memory: Value) -> Result<Self, BuildError> {
        g.scope("memory");
        let mut number = |index: usize| {
            let part = g.slice(memory, 1, index, index + 1)?;
            g.reshape(part, &[1, 1, 1, 1])
        };
        Ok(Self { heading: number(0)?, distance: number(1)?, trust: number(2)?, width: number(3)? })
    }
}

/// How much each pixel is of the named colour and among its like: [1, 1, `HEIGHT`, `WIDTH`] in
/// 0..=1.
fn colour_response(g: &mut GraphBuilder, image: Value, tokens: Value) -> Result<Value, BuildError> {
    g.scope("colour");
    let mut table = vec![0.0; VOCABULARY.len() * 5];
    for (row, word) in table.chunks_exact_mut(5).zip(VOCABULARY) {
        let Some(channel) = ["red", "green", "blue"].iter().position(|name| *name == word) else {
            continue;
        };
        if let (Some(slot), Some((from, to))) = (row.get_mut(channel), STAND_OUT.get(channel)) {
            *slot = 1.0;
            row[3..].copy_from_slice(&[*from, 1.0 / (to - from)]);
        }
    }
    let table = g.initializer("colour_of_word", &[VOCABULARY.len(), 5], &table)?;
    let words = g.gather(table, tokens)?;
    let word = g.reduce_max(words, &[1])?;
    let word = g.reshape(word, &[1, 5, 1, 1])?;
    let channels = g.slice(word, 1, 0, 3)?;
    let from = g.slice(word, 1, 3, 4)?;
    let gain = g.slice(word, 1, 4, 5)?;
    let own = g.mul(image, channels)?;
    let own = g.reduce_sum(own, &[1])?;
    let rest = g.sub(1.0, channels)?;
    let rest = g.mul(image, rest)?;
    let rest = g.reduce_max(rest, &[1])?;
    let excess = g.sub(own, rest)?;
    // The small summand keeps the noise of dark pixels from counting as colour.
    let brightness = g.add(own, 0.06)?;
    let share = g.div(excess, brightness)?;
    let over = g.sub(share, from)?;
    let response = g.mul(over, gain)?;
    let response = g.clip(response, 0.0, 1.0)?;
    let among = mean_around(g, response, 5)?;
    let among = g.sub(among, 0.2)?;
    let among = g.mul(among, 2.5)?;
    let among = g.clip(among, 0.0, 1.0)?;
    g.mul(response, among)
}

/// The blob as a map, with the `v` of the map's rows; `u` of its centre and `pixels` are [1, 1, 1,
/// 1].
struct Blob {
    map: Value,
    rows: Value,
    u: Value,
    pixels: Value,
}

fn largest_blob(
    g: &mut GraphBuilder,
    solid: Value,
    remembered: &Memory,
) -> Result<Blob, BuildError> {
    g.scope("blob");
    let column = |x: usize| (x as f32 + 0.5) / WIDTH as f32 - 0.5;
    let row = |y: usize| (y as f32 + 0.5 - HEIGHT as f32 / 2.0) / WIDTH as f32;
    let columns: Vec<f32> = (0..WIDTH).map(column).collect();
    let rows: Vec<f32> = (0..HEIGHT).map(row).collect();
    let columns = g.constant(&[1, 1, 1, WIDTH], &columns)?;
    let rows = g.constant(&[1, 1, HEIGHT, 1], &rows)?;

    // Soft arg-max: the twelfth power of the crowd in proportion to the greatest lets the larger
    // blob win clearly.
    let crowd = mean_around(g, solid, 15)?;
    let greatest = g.reduce_max(crowd, &[2, 3])?;
    let greatest = g.add(greatest, 1e-6)?;
    let crowd = g.div(crowd, greatest)?;
    let crowd2 = g.mul(crowd, crowd)?;
    let crowd4 = g.mul(crowd2, crowd2)?;
    let crowd8 = g.mul(crowd4, crowd4)?;
    let crowd12 = g.mul(crowd8, crowd4)?;
    let slope = g.tan(remembered.heading)?;
    let u_before = g.mul(slope, -FOCAL)?;
    let near_before = bell(g, &[(columns, u_before)], 0.1)?;
    let favour = g.mul(near_before, remembered.trust)?;
    let favour = g.mul(favour, 30.0)?;
    let favour = g.add(favour, 1.0)?;
    let weight = g.mul(solid, crowd12)?;
    let weight = g.mul(weight, favour)?;
    let (u, v) = (mean(g, weight, columns)?, mean(g, weight, rows)?);

    // Once more around that place, now with all of the blob.
    let around = bell(g, &[(columns, u), (rows, v)], 0.2)?;
    let near = g.mul(solid, around)?;
    let (u, v) = (mean(g, near, columns)?, mean(g, near, rows)?);
    let pixels = g.reduce_sum(near, &[2, 3])?;
    let around = bell(g, &[(columns, u), (rows, v)], 0.25)?;
    let map = g.mul(solid, around)?;
    Ok(Blob { map, rows, u, pixels })
}

/// Mean over a square around each pixel; along the rows first and then the columns, which is far
/// cheaper.
fn mean_around(g: &mut GraphBuilder, x: Value, side: usize) -> Result<Value, BuildError> {
    let along = g.average_pool(x, (1, side))?;
    g.average_pool(along, (side, 1))
}

/// `exp(-r^2 / (2 width^2))` of the distance r of positions from centres.
fn bell(g: &mut GraphBuilder, offsets: &[(Value, Value)], width: f32) -> Result<Value, BuildError> {
    let mut squares = Vec::new();
    for (position, centre) in offsets {
        let offset = g.sub(*position, *centre)?;
        squares.push(g.mul(offset, offset)?);
    }
    let mut sum = None;
    for square in squares {
        sum = Some(match sum {
            Some(sum) => g.add(sum, square)?,
            None => square,
        });
    }
    let exponent = match sum {
        Some(sum) => g.mul(sum, -0.5 / (width * width))?,
        None => g.constant(&[], &[0.0])?,
    };
    g.exp(exponent)
}

/// Mean position weighted by `weight`; 0 where nothing weighs.
fn mean(g: &mut GraphBuilder, weight: Value, positions: Value) -> Result<Value, BuildError> {
    let moment = g.mul(weight, positions)?;
    let moment = g.reduce_sum(moment, &[2, 3])?;
    let total = g.reduce_sum(weight, &[2, 3])?;
    let total = g.add(total, 1e-9)?;
    g.div(moment, total)
}

/// Where the target is, all [1, 1, 1, 1].
struct Target {
    heading: Value,
    distance: Value,
    /// Seen now, 0..=1.
    seen: Value,
    /// Seen now or a moment ago, 0..=1: the confidence.
    trust: Value,
    width: Value,
    /// Share of the picture's width that it fills.
    share: Value,
}

fn locate(g: &mut GraphBuilder, blob: &Blob, before: &Memory) -> Result<Target, BuildError> {
    g.scope("locate");
    let exponent = g.mul(blob.pixels, -1.0 / PIXELS)?;
    let unseen = g.exp(exponent)?;
    let seen = g.sub(1.0, unseen)?;

    let is_blob = g.greater(blob.map, 0.4)?;
    let bottoms = g.select(is_blob, blob.rows, -1.0)?;
    let foot = g.reduce_max(bottoms, &[2, 3])?;
    let filled = g.select(is_blob, 1.0, 0.0)?;
    let filled = g.reduce_max(filled, &[2])?;
    let filled = g.reduce_sum(filled, &[3])?;
    let share = g.mul(filled, 1.0 / WIDTH as f32)?;

    let below = g.max(foot, 0.03)?;
    let by_floor = g.div(CAMERA_M * FOCAL, below)?;
    let at_least = g.max(share, 0.01)?;
    let by_width = g.div(before.width, at_least)?;
    let by_width = g.mul(by_width, FOCAL)?;
    let by_width = g.min(by_width, by_floor)?;
    let is_known = g.greater(before.width, 0.01)?;
    let close = g.select(is_known, by_width, by_floor)?;
    let is_cut = g.greater(foot, EDGE)?;
    let measured = g.select(is_cut, close, by_floor)?;

    // The width of the target is learned while its foot is in the picture.
    let width_now = g.mul(share, by_floor)?;
    let width_now = g.mul(width_now, 1.0 / FOCAL)?;
    let step = g.sub(width_now, before.width)?;
    let step = g.mul(step, 0.3)?;
    let mixed = g.add(before.width, step)?;
    let learned = g.select(is_known, mixed, width_now)?;
    let learned = g.select(is_cut, before.width, learned)?;
    let is_seen = g.greater(seen, 0.5)?;
    let width = g.select(is_seen, learned, before.width)?;

    let slope = g.mul(blob.u, -1.0 / FOCAL)?;
    let bearing = g.atan(slope)?;
    let recall = g.mul(before.trust, MEMORY_WEIGHT)?;
    let total = g.add(seen, recall)?;
    let total = g.add(total, 1e-6)?;
    let heading = blend(g, (bearing, seen), (before.heading, recall), total)?;
    let distance = blend(g, (measured, seen), (before.distance, recall), total)?;
    let faded = g.mul(before.trust, FADE)?;
    let trust = g.max(seen, faded)?;
    let is_trusted = g.greater(trust, 0.05)?;
    let trust = g.select(is_trusted, trust, 0.0)?;
    let width = g.select(is_trusted, width, 0.0)?;
    Ok(Target { heading, distance, seen, trust, width, share })
}

/// Two numbers by their weights over `total`.
fn blend(
    g: &mut GraphBuilder,
    (a, weight_a): (Value, Value),
    (b, weight_b): (Value, Value),
    total: Value,
) -> Result<Value, BuildError> {
    let a = g.mul(a, weight_a)?;
    let b = g.mul(b, weight_b)?;
    let sum = g.add(a, b)?;
    g.div(sum, total)
}

/// The chunk [1, `SLOTS`, 2] and the next state [1, `MEMORY`].
fn steer(g: &mut GraphBuilder, target: &Target) -> Result<(Value, Value), BuildError> {
    g.scope("steer");
    let times: Vec<f32> = (0..SLOTS).map(|slot| slot as f32 * SLOT_S).collect();
    let turned: Vec<f32> = times.iter().map(|time| (-TURN * time).exp()).collect();
    let times = g.constant(&[1, SLOTS, 1, 1], &times)?;
    let turned = g.constant(&[1, SLOTS, 1, 1], &turned)?;

    let headings = g.mul(target.heading, turned)?;
    let turns = g.mul(headings, TURN)?;
    let turns = g.clip(turns, -TURN_MAX, TURN_MAX)?;
    let may_turn = gate(g, target.trust, 4.0, 0.0)?;
    let turns = g.mul(turns, may_turn)?;

    // Forward only when it is seen, ahead, and does not fill the picture.
    let off = g.abs(target.heading)?;
    let is_ahead = gate(g, off, -2.0, 1.25)?;
    let is_seen = gate(g, target.seen, 4.0, -0.8)?;
    let is_apart = gate(g, target.share, -20.0, 13.0)?;
    let may_drive = g.mul(is_ahead, is_seen)?;
    let may_drive = g.mul(may_drive, is_apart)?;
    let to_go = g.sub(target.distance, STOP_M)?;
    let speed = g.mul(to_go, APPROACH)?;
    let speed = g.clip(speed, 0.0, SPEED_MAX)?;
    let speed = g.mul(speed, may_drive)?;
    let driven = g.mul(times, speed)?;
    let left = g.sub(to_go, driven)?;
    let speeds = g.mul(left, APPROACH)?;
    let speeds = g.clip(speeds, 0.0, SPEED_MAX)?;
    let speeds = g.mul(speeds, may_drive)?;
    let action = g.concat(&[speeds, turns], 2)?;
    let action = g.reshape(action, &[1, SLOTS, 2])?;

    // What one step of the first slot will have changed when the next picture comes.
    g.scope("remember");
    let turn = g.slice(turns, 1, 0, 1)?;
    let turn = g.mul(turn, SLOT_S)?;
    let heading = g.sub(target.heading, turn)?;
    let advance = g.mul(speed, SLOT_S)?;
    let distance = g.sub(target.distance, advance)?;
    let is_trusted = g.greater(target.trust, 0.0)?;
    let heading = g.select(is_trusted, heading, 0.0)?;
    let distance = g.select(is_trusted, distance, 0.0)?;
    let next = g.concat(&[heading, distance, target.trust, target.width], 1)?;
    let next = g.reshape(next, &[1, MEMORY])?;
    Ok((action, next))
}

/// `x * gain + bias`, limited to 0..=1.
fn gate(g: &mut GraphBuilder, x: Value, gain: f32, bias: f32) -> Result<Value, BuildError> {
    let x = g.mul(x, gain)?;
    let x = g.add(x, bias)?;
    g.clip(x, 0.0, 1.0)
}
