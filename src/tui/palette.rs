//! The colours, and their reduction for terminals that have fewer.
//!
//! Hues are those of Okabe and Ito ("Color Universal Design", 2008), which stay apart in every
//! common colour blindness. Text tones are of middle luminance, so that they read on dark and on
//! light backgrounds; whatever they say is also said by a word or a shape.

use ratatui::buffer::{Buffer, Cell, CellDiffOption};
use ratatui::style::{Color, Modifier, Style};

use super::Depth;
use crate::msg::{Mode, Severity};

pub(super) const OPERATOR: Color = Color::Rgb(64, 158, 222);
pub(super) const POLICY: Color = Color::Rgb(16, 168, 124);
pub(super) const CAUTION: Color = Color::Rgb(216, 138, 0);
pub(super) const ALARM: Color = Color::Rgb(226, 84, 16);
/// Labels and everything that may be overlooked.
pub(super) const FAINT: Color = Color::Rgb(132, 136, 142);
/// Rules, axes and empty bars.
pub(super) const TRACK: Color = Color::Rgb(98, 103, 110);
pub(super) const INK: Color = Color::Rgb(12, 14, 18);
pub(super) const PAPER: Color = Color::Rgb(255, 255, 255);
/// The e-stop's red and the darker one of its hatching.
pub(super) const STOP: Color = Color::Rgb(204, 30, 14);
pub(super) const STOP_DARK: Color = Color::Rgb(150, 14, 6);

/// Foreground and background of a mode's banner.
pub(super) const fn mode(mode: Mode) -> (Color, Color) {
    match mode {
        Mode::Standby => (Color::Rgb(228, 230, 234), Color::Rgb(70, 76, 86)),
        Mode::Manual => (INK, Color::Rgb(86, 180, 233)),
        Mode::Autonomous => (INK, Color::Rgb(0, 176, 128)),
        Mode::Override => (INK, Color::Rgb(230, 159, 0)),
        Mode::SoftStop => (INK, Color::Rgb(240, 228, 66)),
        Mode::EStop => (PAPER, STOP),
    }
}

pub(super) const fn severity(severity: Severity) -> Color {
    match severity {
        Severity::Immediate => ALARM,
        Severity::Soft | Severity::Refuse | Severity::Warn => CAUTION,
    }
}

pub(super) fn fg(color: Color) -> Style {
    Style::new().fg(color)
}

pub(super) fn faint() -> Style {
    fg(FAINT)
}

pub(super) fn bold() -> Style {
    Style::new().add_modifier(Modifier::BOLD)
}

/// The terminal's own text colour, bold, over whatever was there.
pub(super) fn strong() -> Style {
    bold().fg(Color::Reset)
}

/// Rewrites every colour of `buf` to one the terminal has.
pub(super) fn reduce(buf: &mut Buffer, depth: Depth) {
    match depth {
        Depth::TrueColor => {}
        Depth::Ansi256 => {
            // A cell of pixel graphics carries no colour: kitty's placeholders keep numbers there.
            let is_text = |cell: &&mut Cell| cell.diff_option == CellDiffOption::None;
            for cell in buf.content.iter_mut().filter(is_text) {
                cell.fg = indexed(cell.fg);
                cell.bg = indexed(cell.bg);
            }
        }
        Depth::Mono => {
            for cell in &mut buf.content {
                if cell.bg != Color::Reset {
                    cell.modifier.insert(Modifier::REVERSED);
                }
                (cell.fg, cell.bg) = (Color::Reset, Color::Reset);
            }
        }
    }
}

/// The nearest of xterm's 6x6x6 cube and grey ramp.
fn indexed(color: Color) -> Color {
    let Color::Rgb(r, g, b) = color else { return color };
    let [ri, gi, bi] = [r, g, b].map(nearest_level);
    let cube = [ri, gi, bi].map(level);
    let mean = (u16::from(r) + u16::from(g) + u16::from(b)) / 3;
    let step = (mean.saturating_sub(3) / 10).min(23) as u8;
    let grey = 8 + 10 * step;
    if distance([r, g, b], [grey; 3]) < distance([r, g, b], cube) {
        Color::Indexed(232 + step)
    } else {
        Color::Indexed(16 + 36 * ri + 6 * gi + bi)
    }
}

/// The cube's levels are 0, 95, 135, 175, 215 and 255.
const fn level(index: u8) -> u8 {
    if index == 0 { 0 } else { 55 + 40 * index }
}

const fn nearest_level(value: u8) -> u8 {
    match value {
        0..48 => 0,
        48..115 => 1,
        _ => (value - 35) / 40,
    }
}

fn distance(a: [u8; 3], b: [u8; 3]) -> u32 {
    a.iter().zip(b).map(|(&a, b)| u32::from(a.abs_diff(b)).pow(2)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indexed_is_the_nearest_of_the_palette() {
        // A wrong cube index would turn the picture's colours upside down on 256-colour terminals.
        let palette = |index: u8| {
            if index >= 232 {
                return [8 + 10 * (index - 232); 3];
            }
            let i = index - 16;
            [level(i / 36), level(i / 6 % 6), level(i % 6)]
        };
        for r in (0..=255).step_by(5) {
            for g in (0..=255).step_by(15) {
                for b in (0..=255).step_by(17) {
                    let Color::Indexed(index) = indexed(Color::Rgb(r, g, b)) else { panic!() };
                    let best = (16..=255).map(|i| distance([r, g, b], palette(i))).min().unwrap();
                    let got = distance([r, g, b], palette(index));
                    assert!(got <= best + 60, "{r},{g},{b} -> {index}: {got} > {best}");
                }
            }
        }
    }

    #[test]
    fn mono_keeps_a_filled_band_visible() {
        // Without colours the e-stop's band must still be a band.
        let mut buf = Buffer::empty(ratatui::layout::Rect::new(0, 0, 1, 1));
        buf.content[0].set_style(Style::new().fg(PAPER).bg(STOP));
        reduce(&mut buf, Depth::Mono);
        assert!(buf.content[0].modifier.contains(Modifier::REVERSED));
        assert_eq!(buf.content[0].fg, Color::Reset);
    }
}
