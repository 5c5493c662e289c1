//! Painted surfaces: computed once per process, tileable where they repeat. The same for every
//! seed; tints and light are not.

use std::sync::OnceLock;

use super::texture::Texture;
use crate::sim::world::{BoxStyle, DecalStyle, FloorStyle};

macro_rules! once {
    ($paint:expr) => {{
        static TEXTURE: OnceLock<Texture> = OnceLock::new();
        TEXTURE.get_or_init(|| $paint.with_smaller())
    }};
}

/// The floor's texture and how many metres one copy of it covers.
pub(super) fn floor(style: FloorStyle) -> (&'static Texture, f32) {
    match style {
        FloorStyle::Planks => (once!(Texture::paint(8, 8, planks)), 0.9),
        FloorStyle::Tiles => (once!(Texture::paint(8, 8, tiles)), 1.0),
        FloorStyle::Carpet => (once!(Texture::paint(8, 8, carpet)), 0.8),
        FloorStyle::Concrete => (once!(Texture::paint(8, 8, concrete)), 1.4),
    }
}

pub(super) fn plaster() -> &'static Texture {
    once!(Texture::paint(8, 8, |u, v| {
        let grain = 0.96 + 0.03 * cloud(u, v, 8, 1) + 0.03 * cloud(u, v, 64, 2);
        [grain; 3]
    }))
}

pub(super) fn plain() -> &'static Texture {
    once!(Texture::plain([1.0; 3]))
}

pub(super) fn box_side(style: BoxStyle) -> &'static Texture {
    match style {
        BoxStyle::Cardboard => once!(Texture::paint(7, 7, |u, v| cardboard(u, v, false))),
        BoxStyle::Crate => once!(Texture::paint(7, 7, slats)),
        BoxStyle::Tote => once!(Texture::paint(7, 7, tote)),
    }
}

pub(super) fn box_top(style: BoxStyle) -> &'static Texture {
    match style {
        BoxStyle::Cardboard => once!(Texture::paint(7, 7, |u, v| cardboard(u, v, true))),
        BoxStyle::Crate => once!(Texture::paint(7, 7, |u, v| slats(v, u))),
        BoxStyle::Tote => once!(Texture::paint(7, 7, |u, v| {
            let rim = edge(u, 0.06) * edge(v, 0.06);
            scaled([0.60, 0.61, 0.63], 1.08 - 0.2 * rim + 0.03 * cloud(u, v, 32, 9))
        })),
    }
}

/// The cup's coat around (u) and up (v from the rim down): paint with one white ring.
pub(super) fn cup() -> &'static Texture {
    once!(Texture::paint(6, 7, |_, v| {
        let ring = step(0.13, 0.02, v) * (1.0 - step(0.20, 0.02, v));
        // More than the tint can undo: the ring stays nearly white.
        let base = 0.96 - 0.10 * step(0.93, 0.04, v);
        [base + (1.0 - base) * ring; 3]
    }))
}

pub(super) fn decal(style: DecalStyle) -> &'static Texture {
    match style {
        DecalStyle::Window => once!(Texture::paint(7, 7, window)),
        DecalStyle::Door => once!(Texture::paint(7, 7, door)),
        DecalStyle::Picture => once!(Texture::paint(7, 7, picture)),
    }
}

pub(super) fn wood() -> &'static Texture {
    once!(Texture::paint(7, 7, |u, v| {
        let shelf = 0.75 + 0.25 * edge((v * 2.0).fract(), 0.025) * edge((u * 2.0).fract(), 0.012);
        scaled(grain(u, v, 3), shelf)
    }))
}

pub(super) fn fabric() -> &'static Texture {
    once!(Texture::paint(7, 7, |u, v| {
        let weave = 0.03 * ((u * 400.0).sin() + (v * 400.0).sin());
        [0.93 + weave + 0.05 * cloud(u, v, 16, 4); 3]
    }))
}

fn scaled(rgb: [f32; 3], factor: f32) -> [f32; 3] {
    rgb.map(|value| value * factor)
}

/// 0 below `at`, 1 above, over `soft`.
fn step(at: f32, soft: f32, value: f32) -> f32 {
    let t = ((value - at) / soft + 0.5).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// 1 inside 0..1, falling to 0 within `width` of both ends.
fn edge(value: f32, width: f32) -> f32 {
    step(width, width, value) * step(width, width, 1.0 - value)
}

/// A number 0..1 that looks random, for a lattice point.
fn hash(x: u32, y: u32, salt: u32) -> f32 {
    let mut h =
        x.wrapping_mul(0x85eb_ca6b) ^ y.wrapping_mul(0xc2b2_ae35) ^ salt.wrapping_mul(0x27d4_eb2f);
    h = (h ^ h >> 15).wrapping_mul(0x2c1b_3c6d);
    h = (h ^ h >> 12).wrapping_mul(0x297a_2d39);
    (h ^ h >> 15) as f32 / u32::MAX as f32
}

/// Smooth noise -1..1 on a lattice of `cells` a side that repeats with the picture.
fn cloud(u: f32, v: f32, cells: u32, salt: u32) -> f32 {
    cloud_stretched(u, v, cells, cells, salt)
}

fn cloud_stretched(u: f32, v: f32, across: u32, down: u32, salt: u32) -> f32 {
    let (x, y) = (u.rem_euclid(1.0) * across as f32, v.rem_euclid(1.0) * down as f32);
    let (column, row) = (x as u32, y as u32);
    let (fx, fy) = (step(0.5, 1.0, x.fract()), step(0.5, 1.0, y.fract()));
    let at = |dx: u32, dy: u32| hash((column + dx) % across, (row + dy) % down, salt);
    let top = at(0, 0) + (at(1, 0) - at(0, 0)) * fx;
    let bottom = at(0, 1) + (at(1, 1) - at(0, 1)) * fx;
    2.0 * (top + (bottom - top) * fy) - 1.0
}

/// Wood with fibres along u.
fn grain(u: f32, v: f32, salt: u32) -> [f32; 3] {
    let fibre =
        0.06 * cloud_stretched(u, v, 4, 128, salt) + 0.05 * cloud_stretched(u, v, 2, 32, salt + 1);
    let ring = 0.03 * (v * 90.0 + 3.0 * cloud_stretched(u, v, 3, 6, salt + 2)).sin();
    scaled([0.80, 0.67, 0.53], 0.92 + fibre + ring)
}

fn planks(u: f32, v: f32) -> [f32; 3] {
    const ROWS: f32 = 6.0;
    let row = (v * ROWS) as u32;
    let shifted = (u + hash(row, 0, 7)).fract();
    let length = (shifted * 1.0) as u32;
    let tone = 0.86 + 0.26 * hash(row, length, 8);
    let joint = edge((v * ROWS).fract(), 0.022) * edge(shifted, 0.003);
    scaled(grain(u + hash(row, length, 9), v, 11), tone * (0.55 + 0.45 * joint))
}

fn tiles(u: f32, v: f32) -> [f32; 3] {
    const SIDE: f32 = 4.0;
    let (column, row) = ((u * SIDE) as u32, (v * SIDE) as u32);
    let joint = edge((u * SIDE).fract(), 0.014) * edge((v * SIDE).fract(), 0.014);
    let tone = 0.86
        + 0.07 * hash(column, row, 21)
        + 0.04 * cloud(u, v, 16, 22)
        + 0.02 * cloud(u, v, 90, 23);
    let dark = if (column + row).is_multiple_of(2) { 1.0 } else { 0.86 };
    scaled([0.92, 0.90, 0.86], tone * dark * (0.72 + 0.28 * joint))
}

fn carpet(u: f32, v: f32) -> [f32; 3] {
    let pile = 0.16 * cloud(u, v, 200, 31) + 0.07 * cloud(u, v, 60, 32) + 0.05 * cloud(u, v, 9, 33);
    scaled([0.62, 0.60, 0.58], 0.95 + pile)
}

fn concrete(u: f32, v: f32) -> [f32; 3] {
    let stain =
        0.07 * cloud(u, v, 5, 41) + 0.05 * cloud(u, v, 17, 42) + 0.05 * cloud(u, v, 120, 43);
    let joint = edge((u * 2.0).fract(), 0.006) * edge((v * 2.0).fract(), 0.006);
    scaled([0.70, 0.70, 0.69], (0.95 + stain) * (0.7 + 0.3 * joint))
}

fn cardboard(u: f32, v: f32, top: bool) -> [f32; 3] {
    let flute = 0.015 * (u * 300.0).sin() + 0.04 * cloud(u, v, 12, 51);
    let worn = 0.86 + 0.14 * edge(u, 0.02) * edge(v, 0.02);
    let tape = step(0.43, 0.015, v) * (1.0 - step(0.57, 0.015, v));
    let taped = if top { tape } else { tape * (step(0.93, 0.02, u) + 1.0 - step(0.07, 0.02, u)) };
    let seam = if top { 1.0 - 0.35 * (1.0 - step(0.006, 0.006, (v - 0.5).abs())) } else { 1.0 };
    let label = if top { 0.0 } else { inside(u, v, (0.12, 0.38), (0.25, 0.60)) };
    let print = if top { 0.0 } else { inside(u, v, (0.62, 0.84), (0.55, 0.86)) * bars(u) };
    let base = scaled([0.76, 0.62, 0.47], (0.98 + flute) * worn * seam * (1.0 - 0.5 * print));
    let paper = [0.93, 0.92, 0.89];
    let mut rgb = base;
    for ((out, paper), tape) in rgb.iter_mut().zip(paper).zip([0.80, 0.72, 0.60]) {
        *out += (paper - *out) * label * (0.9 - 0.6 * bars(v * 2.0)) + (tape - *out) * 0.6 * taped;
    }
    rgb
}

fn inside(u: f32, v: f32, across: (f32, f32), down: (f32, f32)) -> f32 {
    let within = |value: f32, (from, to): (f32, f32)| {
        step(from, 0.01, value) * (1.0 - step(to, 0.01, value))
    };
    within(u, across) * within(v, down)
}

/// Printed stripes.
fn bars(value: f32) -> f32 {
    let stripe = (value * 40.0) as u32;
    if hash(stripe, 5, 61) > 0.5 { 1.0 } else { 0.0 }
}

fn slats(u: f32, v: f32) -> [f32; 3] {
    const BOARDS: f32 = 4.0;
    let board = (v * BOARDS) as u32;
    let gap = edge((v * BOARDS).fract(), 0.05);
    let post = 1.0 - step(0.09, 0.02, u.min(1.0 - u));
    let tone = 0.88 + 0.2 * hash(board, 1, 71);
    let board_rgb = scaled(grain(u, v + hash(board, 2, 72), 73), tone * (0.35 + 0.65 * gap));
    let post_rgb = scaled(grain(v, u, 77), 1.02 * edge(u, 0.01));
    std::array::from_fn(|idx| board_rgb[idx] + (post_rgb[idx] - board_rgb[idx]) * post)
}

fn tote(u: f32, v: f32) -> [f32; 3] {
    let rib = 0.06 * ((u * 6.0).fract() - 0.5).abs();
    let lip = 0.14 * (1.0 - step(0.12, 0.02, v));
    let grip = inside(u, v, (0.38, 0.62), (0.22, 0.34));
    scaled([0.55, 0.57, 0.60], 0.95 + rib + lip - 0.45 * grip)
}

fn window(u: f32, v: f32) -> [f32; 3] {
    let pane = edge((u * 2.0).fract(), 0.06) * edge(v, 0.035);
    let sky = 1.0 - 0.16 * step(0.55, 0.5, v);
    let hills = step(0.72 + 0.05 * (u * 9.0).sin(), 0.02, v) * 0.22;
    let view = [0.90 * sky - hills, 0.95 * sky - hills, 1.0 * sky - hills];
    view.map(|value| 0.80 + (value - 0.80) * pane)
}

fn door(u: f32, v: f32) -> [f32; 3] {
    let frame = edge(u, 0.05) * step(0.02, 0.02, v);
    let panel = |from: f32, to: f32| {
        let outer = inside(u, v, (0.2, 0.8), (from, to));
        outer - inside(u, v, (0.22, 0.78), (from + 0.01, to - 0.01))
    };
    let knob = inside(u, v, (0.86, 0.92), (0.50, 0.52));
    [0.96 - 0.22 * (panel(0.1, 0.45) + panel(0.55, 0.92)) - 0.25 * (1.0 - frame) - 0.5 * knob; 3]
}

fn picture(u: f32, v: f32) -> [f32; 3] {
    let mat = edge(u, 0.10) * edge(v, 0.10);
    let image = edge(u, 0.22) * edge(v, 0.22);
    let brush = 0.55 + 0.25 * cloud(u, v, 4, 81) + 0.12 * cloud(u, v, 11, 82);
    let frame = 0.25 + 0.7 * mat;
    let art = [brush * 1.02, brush * 0.96, brush * 0.86];
    art.map(|value| frame + (value - frame) * image)
}
