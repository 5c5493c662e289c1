use std::f32::consts::TAU;
use std::time::Duration;

use super::{Camera, CameraError, CameraInfo, Grabbed};
use crate::msg::Frame;

/// A moving picture made here: a red disc that swings from side to side, and the picture's number
/// in white on black. For trying the station without a camera; the disc is something that a policy
/// can drive to.
#[derive(Debug)]
pub struct Pattern {
    info: CameraInfo,
    /// Pictures grabbed so far.
    grabbed: u64,
}

impl Pattern {
    /// `rate` in frames per second; sizes and rates of zero become one.
    #[must_use]
    pub fn new(width: u32, height: u32, rate: u32) -> Self {
        let info = CameraInfo {
            name: "test pattern".to_owned(),
            path: "pattern".to_owned(),
            width: width.max(1),
            height: height.max(1),
            rate: f64::from(rate.max(1)),
            format: "RGB".to_owned(),
        };
        Self { info, grabbed: 0 }
    }
}

impl Camera for Pattern {
    fn info(&self) -> &CameraInfo {
        &self.info
    }

    fn grab(&mut self) -> Result<Grabbed, CameraError> {
        let number = self.grabbed;
        self.grabbed += 1;
        let due = Duration::from_secs_f64(number as f64 / self.info.rate);
        Ok(Grabbed { device_seq: Some(number), due: Some(due) })
    }

    fn retrieve(&mut self, frame: &mut Frame) -> Result<(), CameraError> {
        frame.resize(self.info.width, self.info.height);
        let number = self.grabbed.saturating_sub(1);
        draw_scene(frame, number as f32 / self.info.rate as f32);
        draw_number(frame, number);
        Ok(())
    }
}

/// The disc swings once in this many seconds.
const SWING_S: f32 = 6.0;

fn draw_scene(frame: &mut Frame, seconds: f32) {
    let (width, height) = (frame.width as f32, frame.height as f32);
    let radius = height / 8.0;
    let phase = (seconds % SWING_S) / SWING_S * TAU;
    let (x0, y0) = (width / 2.0 + phase.sin() * width / 3.0, height * 0.6);
    let row_bytes = frame.width as usize * 3;
    for (y, row) in frame.rgb.chunks_exact_mut(row_bytes).enumerate() {
        let shade = (90.0 + 100.0 * y as f32 / height) as u8;
        let dy = y as f32 - y0;
        let half_chord = (radius * radius - dy * dy).max(0.0).sqrt();
        for (x, pixel) in row.as_chunks_mut::<3>().0.iter_mut().enumerate() {
            let is_disc = (x as f32 - x0).abs() < half_chord;
            *pixel = if is_disc { [210, 30, 30] } else { [shade / 2, shade / 2 + 20, shade] };
        }
    }
}

/// Digits 0 to 9, three cells wide, five high; each row's three low bits, left cell highest.
const GLYPHS: [[u8; 5]; 10] = [
    [0b111, 0b101, 0b101, 0b101, 0b111],
    [0b010, 0b110, 0b010, 0b010, 0b111],
    [0b111, 0b001, 0b111, 0b100, 0b111],
    [0b111, 0b001, 0b111, 0b001, 0b111],
    [0b101, 0b101, 0b111, 0b001, 0b001],
    [0b111, 0b100, 0b111, 0b001, 0b111],
    [0b111, 0b100, 0b111, 0b101, 0b111],
    [0b111, 0b001, 0b010, 0b010, 0b010],
    [0b111, 0b101, 0b111, 0b101, 0b111],
    [0b111, 0b101, 0b111, 0b001, 0b111],
];
const DIGITS: u32 = 6;

/// Pixels a cell of a digit is wide; zero where the picture is too small for a number.
fn cell(frame: &Frame) -> u32 {
    (frame.width / (DIGITS * 4 + 1)).min(frame.height / 7).min(8)
}

/// Calls `visit` with the digit's place (0 is the leftmost) and its glyph's row and column for each
/// cell, and the byte offset of every pixel in that cell.
fn cells(frame: &Frame, mut visit: impl FnMut(u32, u32, u32, &mut dyn Iterator<Item = usize>)) {
    let (size, width) = (cell(frame), frame.width);
    for place in 0..DIGITS {
        for (row, column) in (0..5).flat_map(|row| (0..3).map(move |column| (row, column))) {
            let (left, top) = ((1 + place * 4 + column) * size, (1 + row) * size);
            let mut offsets = (top..top + size)
                .flat_map(|y| (left..left + size).map(move |x| (y * width + x) as usize * 3));
            visit(place, row, column, &mut offsets);
        }
    }
}

fn digit(number: u64, place: u32) -> usize {
    (number / 10_u64.pow(DIGITS - 1 - place) % 10) as usize
}

fn draw_number(frame: &mut Frame, number: u64) {
    let size = cell(frame);
    let row_bytes = frame.width as usize * 3;
    let box_bytes = ((DIGITS * 4 + 1) * size) as usize * 3;
    for row in frame.rgb.chunks_exact_mut(row_bytes).take(7 * size as usize) {
        row.iter_mut().take(box_bytes).for_each(|byte| *byte = 0);
    }
    let mut rgb = std::mem::take(&mut frame.rgb);
    cells(frame, |place, row, column, offsets| {
        let glyph = GLYPHS.get(digit(number, place)).copied().unwrap_or_default();
        if glyph.get(row as usize).is_some_and(|bits| bits & (0b100 >> column) != 0) {
            for offset in offsets {
                if let Some(pixel) = rgb.get_mut(offset..offset + 3) {
                    pixel.fill(255);
                }
            }
        }
    });
    frame.rgb = rgb;
}

/// Reads the number back out of a test picture (modulo a million); `None` where there is none.
#[must_use]
pub fn read_number(frame: &Frame) -> Option<u64> {
    let mut seen = [[0_u8; 5]; DIGITS as usize];
    if cell(frame) == 0 {
        return None;
    }
    cells(frame, |place, row, column, offsets| {
        let is_lit = offsets.next().and_then(|at| frame.rgb.get(at)).is_some_and(|&red| red > 127);
        if let Some(bits) =
            seen.get_mut(place as usize).and_then(|glyph| glyph.get_mut(row as usize))
        {
            *bits |= u8::from(is_lit) << (2 - column);
        }
    });
    seen.iter().try_fold(0, |number, glyph| {
        let digit = GLYPHS.iter().position(|known| known == glyph)?;
        Some(number * 10 + digit as u64)
    })
}
