//! A small braille canvas: two by four dots a cell, one colour a cell.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Color;

/// Dots 1-3 and 7 of a braille cell are its left column, 4-6 and 8 its right one.
const BITS: [[u8; 2]; 4] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];

/// Dots are addressed from the top left, x to the right, y down; those outside are left out.
#[derive(Debug, Default)]
pub(super) struct Dots {
    width: i32,
    height: i32,
    cells: Vec<(u8, Color)>,
}

impl Dots {
    /// Empties the canvas and makes it `width` x `height` cells, keeping the allocation.
    pub(super) fn reset(&mut self, width: u16, height: u16) {
        (self.width, self.height) = (i32::from(width), i32::from(height));
        self.cells.clear();
        self.cells.resize(usize::from(width) * usize::from(height), (0, Color::Reset));
    }

    pub(super) fn set(&mut self, x: i32, y: i32, color: Color) {
        if x < 0 || y < 0 || x >= self.width * 2 || y >= self.height * 4 {
            return;
        }
        let bit = BITS[(y % 4) as usize][(x % 2) as usize];
        if let Some(cell) = self.cells.get_mut((y / 4 * self.width + x / 2) as usize) {
            *cell = (cell.0 | bit, color);
        }
    }

    pub(super) fn line(&mut self, from: (f64, f64), to: (f64, f64), color: Color) {
        let span = (to.0 - from.0).abs().max((to.1 - from.1).abs());
        // Longer than any canvas: a point far outside; its visible part is not worth the walk.
        if !span.is_finite() || span > 4096.0 {
            return;
        }
        let steps = span.ceil().max(1.0) as i32;
        for i in 0..=steps {
            let t = f64::from(i) / f64::from(steps);
            let at = |a: f64, b: f64| (a + (b - a) * t).round() as i32;
            self.set(at(from.0, to.0), at(from.1, to.1), color);
        }
    }

    /// Draws the cells that hold dots; the others stay as they are.
    pub(super) fn render(&self, area: Rect, buf: &mut Buffer) {
        let width = (self.width as usize).max(1);
        for (y, row) in (area.top()..area.bottom()).zip(self.cells.chunks(width)) {
            for (x, &(bits, color)) in (area.left()..area.right()).zip(row) {
                let symbol = char::from_u32(0x2800 + u32::from(bits)).unwrap_or(' ');
                if let Some(cell) = buf.cell_mut((x, y)).filter(|_| bits != 0) {
                    cell.set_char(symbol).set_fg(color);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_land_where_braille_has_them() {
        // A wrong bit table would scramble the trail.
        let area = Rect::new(0, 0, 2, 1);
        let (mut dots, mut buf) = (Dots::default(), Buffer::empty(area));
        dots.reset(2, 1);
        dots.line((0.0, 3.0), (3.0, 0.0), Color::Reset);
        dots.set(-1, 0, Color::Reset);
        dots.set(4, 0, Color::Reset);
        dots.render(area, &mut buf);
        assert_eq!(buf[(0, 0)].symbol(), "⡠");
        assert_eq!(buf[(1, 0)].symbol(), "⠊");
    }
}
