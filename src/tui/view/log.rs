//! The event log, newest first.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::text;
use crate::msg::Level;
use crate::tui::{App, palette};

pub(super) fn draw(app: &App, area: Rect, buf: &mut Buffer) {
    let started = app.started.unwrap_or_default();
    for (i, (row, notice)) in area.rows().zip(app.notices.iter().rev()).enumerate() {
        let seconds = notice.at.since(started).as_secs();
        let time = format!("{:02}:{:02} ", seconds / 60, seconds % 60);
        let (mark, style) = match notice.level {
            Level::Info => ("· ", palette::faint()),
            Level::Good => ("✔ ", palette::fg(palette::POLICY)),
            Level::Warn => ("! ", palette::fg(palette::CAUTION)),
            Level::Error => ("✖ ", palette::fg(palette::ALARM)),
        };
        let words = if i < 2 { Style::new() } else { palette::faint() };
        text::spans(buf, row, &[(&time, palette::faint()), (mark, style), (&notice.text, words)]);
    }
}
