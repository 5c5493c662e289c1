//! The camera picture: scaled once for each frame and size, the plan blended in for each drawing.

mod ribbon;
mod scale;

use image::{DynamicImage, RgbImage};
use ratatui::buffer::Buffer;
use ratatui::layout::{Rect, Size};
use ratatui::style::Color;
use ratatui::widgets::Widget;
use ratatui_image::picker::{Capability, Picker, ProtocolType};
use ratatui_image::protocol::Protocol;
use ratatui_image::protocol::kitty::Kitty;
use ratatui_image::{Image, Resize};

use self::ribbon::{Ribbon, Strength, mix};
use self::scale::Scaler;
use super::path::{Ground, Waypoint};
use super::{Depth, Graphics};
use crate::msg::{Frame, Stamp};

/// A pixel keeps its shown value while the new one differs by no more in any channel: sensor noise
/// would otherwise repaint the whole picture over a slow line. Invisible at 8 bits.
const STILL: u8 = 5;
/// Characters by rising brightness, for terminals without colours.
const RAMP: &[u8] = b" .,:;-=+*xoX#%@";

/// How the picture is to look.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look<'a> {
    pub(super) graphics: &'a Graphics,
    pub(super) depth: Depth,
    /// Something will be drawn over it, which pixel graphics do not allow.
    pub(super) covered: bool,
    /// Too old to steer by: without colours.
    pub(super) stale: bool,
}

/// The plan to draw into the picture.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan<'a> {
    pub(super) way: &'a [Waypoint],
    pub(super) ground: Ground,
    pub(super) half_width_m: f64,
    /// The policy drives now.
    pub(super) driving: bool,
}

/// What the scaled picture was made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Source {
    seq: u64,
    captured: Stamp,
    size: (usize, usize),
}

#[derive(Default)]
pub(super) struct Picture {
    source: Option<Source>,
    scaler: Scaler,
    ribbon: Ribbon,
    fresh: Vec<u8>,
    /// The scaled picture as shown last, without the ribbon.
    still: Vec<u8>,
    painted: Vec<u8>,
    encoded: Option<(Rect, Protocol)>,
    n_encoded: u32,
}

impl std::fmt::Debug for Picture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Picture").field("source", &self.source).finish_non_exhaustive()
    }
}

impl Picture {
    /// Everything is scaled and sent anew at the next drawing.
    pub(super) fn forget(&mut self) {
        (self.source, self.encoded) = (None, None);
    }

    /// Draws `frame` into the middle of `area`, as large as its shape allows, and returns where.
    pub(super) fn draw(
        &mut self,
        frame: &Frame,
        plan: Option<Plan<'_>>,
        look: Look<'_>,
        area: Rect,
        buf: &mut Buffer,
    ) -> Rect {
        let place = fit(frame, area);
        let picker = match look.graphics {
            Graphics::Pixels(picker) if !look.covered && look.depth != Depth::Mono => Some(picker),
            _ => None,
        };
        let pixels = match picker {
            Some(picker) => pixel_size(place, picker),
            None => (usize::from(place.width), usize::from(place.height) * 2),
        };
        let source = Source { seq: frame.seq, captured: frame.captured, size: pixels };
        let is_new = self.source != Some(source);
        if is_new && !self.take(frame, pixels) {
            return place;
        }
        self.source = Some(source);
        if let Some(picker) = picker {
            let is_shown = self.encoded.as_ref().is_some_and(|(at, _)| *at == place);
            if is_new || !is_shown {
                self.paint(plan, look.stale, pixels);
                self.encode(picker, place, pixels);
            }
            if let Some((_, protocol)) = &self.encoded {
                Image::new(protocol).render(place, buf);
            }
            return place;
        }
        self.encoded = None;
        self.paint(plan, look.stale, pixels);
        if look.depth == Depth::Mono {
            characters(&self.painted, place, buf);
        } else {
            half_blocks(&self.painted, place, buf);
        }
        place
    }

    fn take(&mut self, frame: &Frame, pixels: (usize, usize)) -> bool {
        let size = (frame.width as usize, frame.height as usize);
        let same_size = self.source.is_some_and(|source| source.size == pixels);
        if !self.scaler.scale(&frame.rgb, size, pixels, &mut self.fresh) {
            return false;
        }
        if !same_size || self.still.len() != self.fresh.len() {
            self.still.clone_from(&self.fresh);
            return true;
        }
        for (still, fresh) in self.still.chunks_exact_mut(3).zip(self.fresh.chunks_exact(3)) {
            if still.iter().zip(fresh).any(|(a, b)| a.abs_diff(*b) > STILL) {
                still.copy_from_slice(fresh);
            }
        }
        true
    }

    fn paint(&mut self, plan: Option<Plan<'_>>, stale: bool, pixels: (usize, usize)) {
        self.painted.clone_from(&self.still);
        if stale {
            for pixel in self.painted.chunks_exact_mut(3) {
                let grey = mix(brightness(pixel), 60, 90);
                pixel.fill(grey);
            }
        }
        if let Some(plan) = plan {
            let strength = if plan.driving { Strength::DRIVING } else { Strength::SHADOW };
            let shape = (plan.half_width_m, strength);
            self.ribbon.blend(&mut self.painted, pixels, plan.way, &plan.ground, shape);
        }
    }

    /// Keeps the last picture when the encoder fails: an old picture is told by its age.
    fn encode(&mut self, picker: &Picker, place: Rect, (width, height): (usize, usize)) {
        let rgb = RgbImage::from_raw(width as u32, height as u32, self.painted.clone());
        let Some(image) = rgb.map(DynamicImage::ImageRgb8) else { return };
        let size = Size::new(place.width, place.height);
        let protocol = if picker.protocol_type() == ProtocolType::Kitty {
            // Two numbers in turn: the terminal keeps no more than two pictures, and the one on
            // screen stays until the next has arrived. The number is also the cells' colour, so a
            // change repaints them all.
            self.n_encoded = self.n_encoded.wrapping_add(1);
            let id = 0x0070_1100 + self.n_encoded % 2;
            let compress = picker.capabilities().contains(&Capability::KittyCompression);
            Kitty::new(image, size, id, picker.tmux_detected(), compress).map(Protocol::Kitty)
        } else {
            picker.new_protocol(image, size, Resize::Scale(None))
        };
        match protocol {
            Ok(protocol) => self.encoded = Some((place, protocol)),
            Err(error) => tracing::warn!(%error, "the camera picture was not encoded"),
        }
    }
}

/// The largest place of the frame's shape in `area`, in its middle; cells are twice as high as
/// wide.
fn fit(frame: &Frame, area: Rect) -> Rect {
    let aspect = f64::from(frame.width.max(1)) / f64::from(frame.height.max(1)) * 2.0;
    let by_height = (f64::from(area.height) * aspect).round().min(65_535.0) as u16;
    // A cell or two more or less distort nobody's picture, and fill the column.
    let width =
        if area.width.abs_diff(by_height) <= 2 { area.width } else { area.width.min(by_height) };
    let height = area.height.min((f64::from(width) / aspect).round() as u16).max(1);
    let left = area.x + (area.width - width) / 2;
    let top = area.y + area.height.saturating_sub(height) / 2;
    Rect::new(left, top, width, height).intersection(area)
}

/// Pixels for `place` by the picker's cell size: all three protocols show a picture at its own
/// size.
fn pixel_size(place: Rect, picker: &Picker) -> (usize, usize) {
    let font = picker.font_size();
    let pixels = |cells: u16, pixels: u16| usize::from(cells) * usize::from(pixels.max(1));
    (pixels(place.width, font.width), pixels(place.height, font.height))
}

fn half_blocks(pixels: &[u8], place: Rect, buf: &mut Buffer) {
    let stride = usize::from(place.width).max(1) * 3;
    for (y, rows) in (place.top()..place.bottom()).zip(pixels.chunks_exact(stride * 2)) {
        let (upper, lower) = rows.split_at(stride);
        let pairs = upper.chunks_exact(3).zip(lower.chunks_exact(3));
        for (x, (above, below)) in (place.left()..place.right()).zip(pairs) {
            if let Some(cell) = buf.cell_mut((x, y)) {
                cell.set_symbol("▀").set_fg(color(above)).set_bg(color(below));
            }
        }
    }
}

fn characters(pixels: &[u8], place: Rect, buf: &mut Buffer) {
    let stride = usize::from(place.width).max(1) * 3;
    for (y, rows) in (place.top()..place.bottom()).zip(pixels.chunks_exact(stride * 2)) {
        let (upper, lower) = rows.split_at(stride);
        let pairs = upper.chunks_exact(3).zip(lower.chunks_exact(3));
        for (x, (above, below)) in (place.left()..place.right()).zip(pairs) {
            let mean = usize::from(brightness(above).midpoint(brightness(below)));
            let symbol = RAMP.get(mean * RAMP.len() / 256).map_or(' ', |&byte| char::from(byte));
            if let Some(cell) = buf.cell_mut((x, y)) {
                cell.set_char(symbol);
            }
        }
    }
}

fn color(pixel: &[u8]) -> Color {
    match *pixel {
        [r, g, b] => Color::Rgb(r, g, b),
        _ => Color::Reset,
    }
}

/// Luma of ITU-R BT.601.
fn brightness(pixel: &[u8]) -> u8 {
    match *pixel {
        [r, g, b] => ((u32::from(r) * 77 + u32::from(g) * 150 + u32::from(b) * 29) >> 8) as u8,
        _ => 0,
    }
}
