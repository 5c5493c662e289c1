//! What must not be overlooked, across the whole screen.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use super::text;
use crate::msg::{Fault, LinkState, StopState, Tick};
use crate::tui::glyphs::{self, Pen};
use crate::tui::{App, palette};

/// Without a tick for so long the figures on the screen mean nothing.
pub(super) const SILENT: Duration = Duration::from_millis(500);
/// The alarm swaps its colours this often: seen, and slow enough to be safe to look at.
const BEAT_MS: u64 = 600;

/// Every word this module or the banner shows in big letters; the glyph table is tested against
/// them.
#[cfg(test)]
pub(in crate::tui) const BIG_WORDS: [&str; 4] = ["STOP NOT", "CONFIRMED", "CONTROL", "SILENT"];

pub(super) struct Words {
    big: [&'static str; 2],
    small: String,
    /// Nothing to do about it now but to know it.
    is_calm: bool,
}

pub(super) fn words(app: &App) -> Option<Words> {
    let tick = app.tick()?;
    if is_silent(app) {
        let age = text::span(app.now.since(tick.now));
        let small = format!("no word from the control loop for {age}; what is shown is old");
        Some(Words { big: ["CONTROL", "SILENT"], small, is_calm: false })
    } else if let Some(small) = pulled_cable(tick) {
        Some(Words { big: ["LINK", "DOWN"], small, is_calm: true })
    } else if tick.faults.contains(Fault::StopNotConfirmed) {
        let small = Fault::StopNotConfirmed.remedy().to_owned();
        Some(Words { big: ["STOP NOT", "CONFIRMED"], small, is_calm: false })
    } else {
        None
    }
}

/// A stop that cannot be confirmed because the port is gone, from a base that stops by itself. An
/// e-stop stays loud, and so does a port that is open and silent: then the base may hang.
fn pulled_cable(tick: &Tick) -> Option<String> {
    let StopState::Pending { kind_is_e_stop: false, .. } = tick.base.stop else { return None };
    if !tick.faults.contains(Fault::StopNotConfirmed) || tick.base.link != LinkState::Down {
        return None;
    }
    let stop = text::span(tick.base.self_stop()?);
    let by = if tick.base.measured_stop.is_some() { "was seen to stop" } else { "says it stops" };
    Some(format!("the base {by} itself within {stop}; cut its power if it moves"))
}

pub(super) fn is_silent(app: &App) -> bool {
    app.tick().is_some_and(|tick| app.now.since(tick.now) > SILENT)
}

pub(super) fn draw(app: &App, area: Rect, buf: &mut Buffer) {
    let Some(words) = words(app) else { return };
    let is_swapped = app.now.0 / (BEAT_MS * 1_000_000) % 2 == 1;
    let (ink, ground) = match (words.is_calm, is_swapped) {
        (true, _) => (palette::INK, palette::CAUTION),
        (false, true) => (palette::STOP, palette::PAPER),
        (false, false) => (palette::PAPER, palette::STOP),
    };
    let style = Style::new().fg(ink).bg(ground).add_modifier(Modifier::BOLD);
    let both = words.big.join(" ");
    let room = usize::from(area.width.saturating_sub(4));
    let one_line = glyphs::width(&both);
    let lines: &[&str] = if one_line <= room { &[&both] } else { &words.big };
    let widest = lines.iter().map(|line| glyphs::width(line)).max().unwrap_or(1);
    // Letters of one, two or three cells a pixel, as the screen allows; plain words where none fit.
    let rows = |scale: usize| lines.len() * (glyphs::HEIGHT + 2) * scale / 2 + 4;
    let fits = |scale: &usize| widest * scale <= room && rows(*scale) <= usize::from(area.height);
    let scale = if words.is_calm { 0 } else { (1..=3).rev().find(fits).unwrap_or(0) };
    let height = if scale == 0 { 3 } else { rows(scale) as u16 }.min(area.height);
    let band = Rect { y: area.y + (area.height - height) / 2, height, ..area };
    for at in band.positions() {
        if let Some(cell) = buf.cell_mut(at) {
            cell.reset();
            cell.set_symbol(" ").set_style(style);
        }
    }
    if scale == 0 {
        text::put_centred(buf, Rect { height: 1, ..band }, &both, style);
    } else {
        let step = ((glyphs::HEIGHT + 2) * scale) as u16;
        for (i, line) in (0..).zip(lines) {
            draw_line(line, (band.y + 1) * 2 + i * step, scale as u16, style, band, buf);
        }
    }
    let last = text::below(band, height.saturating_sub(2));
    text::put_centred(buf, last, &words.small, style);
}

fn draw_line(line: &str, top: u16, scale: u16, style: Style, band: Rect, buf: &mut Buffer) {
    let width = glyphs::width(line) as u16 * scale;
    let left = band.x + band.width.saturating_sub(width) / 2;
    let ink = style.fg.unwrap_or_default();
    Pen { left, top, scale, ink, clip: band }.text(line, buf);
}
