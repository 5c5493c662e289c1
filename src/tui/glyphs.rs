//! Letters five pixels high for words that must be read across a room, drawn in half blocks.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Color;

use crate::msg::Mode;

pub(super) const HEIGHT: usize = 5;

type Glyph = [&'static str; HEIGHT];

const fn letter(c: char) -> Glyph {
    match c {
        'A' => [" ## ", "#  #", "####", "#  #", "#  #"],
        'B' => ["### ", "#  #", "### ", "#  #", "### "],
        'C' => [" ###", "#   ", "#   ", "#   ", " ###"],
        'D' => ["### ", "#  #", "#  #", "#  #", "### "],
        'E' => ["####", "#   ", "### ", "#   ", "####"],
        'F' => ["####", "#   ", "### ", "#   ", "#   "],
        'G' => [" ###", "#   ", "# ##", "#  #", " ###"],
        'H' => ["#  #", "#  #", "####", "#  #", "#  #"],
        'I' => ["#", "#", "#", "#", "#"],
        'L' => ["#   ", "#   ", "#   ", "#   ", "####"],
        'M' => ["#   #", "## ##", "# # #", "#   #", "#   #"],
        'N' => ["#  #", "## #", "# ##", "#  #", "#  #"],
        'O' => [" ## ", "#  #", "#  #", "#  #", " ## "],
        'P' => ["### ", "#  #", "### ", "#   ", "#   "],
        'R' => ["### ", "#  #", "### ", "#  #", "#  #"],
        'S' => [" ###", "#   ", " ## ", "   #", "### "],
        'T' => ["#####", "  #  ", "  #  ", "  #  ", "  #  "],
        'U' => ["#  #", "#  #", "#  #", "#  #", " ## "],
        'V' => ["#   #", "#   #", " # # ", " # # ", "  #  "],
        'Y' => ["#   #", " # # ", "  #  ", "  #  ", "  #  "],
        '-' => ["  ", "  ", "##", "  ", "  "],
        _ => ["  ", "  ", "  ", "  ", "  "],
    }
}

/// A shape of its own for each mode, so that none rests on colour alone.
pub(super) const fn icon(mode: Mode) -> Glyph {
    match mode {
        Mode::Standby => [" ## ## ", " ## ## ", " ## ## ", " ## ## ", " ## ## "],
        Mode::Manual => ["   #   ", "  ###  ", " ##### ", "  ###  ", "   #   "],
        Mode::Autonomous => [" ##    ", " ####  ", " ######", " ####  ", " ##    "],
        Mode::Override => ["   #  #", "  #  # ", " #  #  ", "  #  # ", "   #  #"],
        Mode::SoftStop => ["#######", " ##### ", "  ###  ", "   #   ", "       "],
        Mode::EStop => ["##   ##", " ## ## ", "  ###  ", " ## ## ", "##   ##"],
    }
}

pub(super) const fn word(mode: Mode) -> &'static str {
    match mode {
        Mode::Standby => "STANDBY",
        Mode::Manual => "MANUAL",
        Mode::Autonomous => "AUTONOMOUS",
        Mode::Override => "OVERRIDE",
        Mode::SoftStop => "SOFT STOP",
        Mode::EStop => "E-STOP",
    }
}

/// One character for the same shape, where there is only one line.
pub(super) const fn small_icon(mode: Mode) -> &'static str {
    match mode {
        Mode::Standby => "‖",
        Mode::Manual => "◆",
        Mode::Autonomous => "▶",
        Mode::Override => "«",
        Mode::SoftStop => "▼",
        Mode::EStop => "✖",
    }
}

/// Width of `text` in pixels, one pixel between letters.
pub(super) fn width(text: &str) -> usize {
    text.chars().map(|c| glyph_width(&letter(c)) + 1).sum::<usize>().saturating_sub(1)
}

fn glyph_width(glyph: &Glyph) -> usize {
    glyph.first().map_or(0, |row| row.len())
}

/// Where pixels go: from `left` on, `top` in half rows, each pixel `scale` columns wide and as many
/// half rows high.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pen {
    pub(super) left: u16,
    pub(super) top: u16,
    pub(super) scale: u16,
    pub(super) ink: Color,
    pub(super) clip: Rect,
}

impl Pen {
    /// Draws `text` and returns the pen after it.
    pub(super) fn text(mut self, text: &str, buf: &mut Buffer) -> Self {
        for c in text.chars() {
            self = self.glyph(&letter(c), buf);
        }
        self
    }

    pub(super) fn glyph(mut self, glyph: &Glyph, buf: &mut Buffer) -> Self {
        for (row, line) in (0..).zip(glyph) {
            for (column, _) in (0..).zip(line.bytes()).filter(|&(_, byte)| byte == b'#') {
                self.pixel(column, row, buf);
            }
        }
        self.left += (glyph_width(glyph) as u16 + 1) * self.scale;
        self
    }

    fn pixel(&self, column: u16, row: u16, buf: &mut Buffer) {
        for half in 0..self.scale {
            let half_row = self.top + row * self.scale + half;
            for x in 0..self.scale {
                let at = (self.left + column * self.scale + x, half_row / 2);
                if self.clip.contains(at.into()) {
                    fill_half(buf, at, half_row.is_multiple_of(2), self.ink);
                }
            }
        }
    }
}

/// Fills the upper or lower half of a cell whose other half is already `▀`, `▄` or empty.
pub(super) fn fill_half(buf: &mut Buffer, at: (u16, u16), upper: bool, ink: Color) {
    let Some(cell) = buf.cell_mut(at) else { return };
    let (this, other) = if upper { ("▀", "▄") } else { ("▄", "▀") };
    if cell.symbol() == other && cell.fg == ink {
        // The background too: many fonts leave seams between full blocks.
        cell.set_symbol("█").set_fg(ink).set_bg(ink);
    } else {
        cell.set_symbol(this).set_fg(ink);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_letter_that_is_shown_big_is_a_full_rectangle() {
        // A missing or ragged letter would make a banner unreadable.
        let modes = [
            Mode::Standby,
            Mode::Manual,
            Mode::Autonomous,
            Mode::Override,
            Mode::SoftStop,
            Mode::EStop,
        ];
        let words = modes.iter().map(|&mode| word(mode));
        for c in words.chain(super::super::view::BIG_WORDS.iter().copied()).flat_map(str::chars) {
            let glyph = letter(c);
            assert!(c == ' ' || glyph.iter().any(|row| row.contains('#')), "{c:?} has no glyph");
            assert!(glyph.iter().all(|row| row.len() == glyph[0].len()), "{c:?} is ragged");
        }
        for (i, &a) in modes.iter().enumerate() {
            assert!(icon(a).iter().all(|row| row.len() == icon(a)[0].len()));
            assert!(modes[i + 1..].iter().all(|&b| icon(a) != icon(b) && word(a) != word(b)));
        }
    }

    #[test]
    fn big_text_reads() {
        // Halves put together wrongly would garble every banner.
        let clip = Rect::new(0, 0, 10, 3);
        let mut buf = Buffer::empty(clip);
        Pen { left: 0, top: 0, scale: 1, ink: Color::Red, clip }.text("ST", &mut buf);
        let rows: Vec<String> =
            (0..3).map(|y| (0..10).map(|x| buf[(x, y)].symbol()).collect::<String>()).collect();
        assert_eq!(rows, ["▄▀▀▀ ▀▀█▀▀", " ▀▀▄   █  ", "▀▀▀    ▀  "]);
    }
}
