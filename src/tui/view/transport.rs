//! A recorded drive's place in time, and the keys that move it.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use super::text;
use crate::msg::Playback;
use crate::tui::palette;

/// Keys and what they do, the most useful first: those that do not fit are left out.
const KEYS: [(&str, &str); 8] = [
    ("space", "pause"),
    ("← →", "1 s"),
    ("q", "quit"),
    ("pgup pgdn", "10 s"),
    ("- +", "speed"),
    (", .", "row"),
    ("p n", "episode"),
    ("home end", "ends"),
];

/// One line: running or not, time, row, speed, and a bar with the takeovers marked.
pub(super) fn draw(playback: &Playback, area: Rect, buf: &mut Buffer) {
    let (word, ground) =
        if playback.is_paused { (" ‖ ", palette::CAUTION) } else { (" ▶ ", palette::POLICY) };
    let chip = Style::new().fg(palette::INK).bg(ground).add_modifier(Modifier::BOLD);
    let rest = text::put(buf, area, word, chip);
    let (at, length) = (clock(playback.at), clock(playback.length));
    let parts = [(" ", Style::new()), (&at, palette::bold()), (" of ", palette::faint())];
    let rest = text::spans(buf, rest, &parts);
    let rest = text::put(buf, rest, &length, palette::faint());
    // As wide as the last row's, so that the bar does not move.
    let width = playback.n_rows.to_string().len();
    let row = format!("  row {:>width$}", playback.row);
    let rest = text::put(buf, rest, &row, Style::new());
    let speed = format!("  {:<6}", format!("{}x", playback.speed));
    let rest = text::put(buf, rest, &speed, Style::new());
    bar(playback, Rect { width: rest.width.saturating_sub(1), ..rest }, buf);
}

pub(super) fn keys(area: Rect, buf: &mut Buffer) {
    let mut rest = area;
    for (keys, label) in KEYS {
        if text::width(keys) + text::width(label) + 3 > rest.width {
            break;
        }
        let parts = [("  ", Style::new()), (keys, palette::bold()), (" ", Style::new())];
        rest = text::spans(buf, rest, &parts);
        rest = text::put(buf, rest, label, palette::faint());
    }
}

/// A takeover differs in shape too.
fn bar(playback: &Playback, area: Rect, buf: &mut Buffer) {
    if area.width < 2 || playback.n_rows == 0 {
        return;
    }
    let last = playback.n_rows.max(2) - 1;
    let column = |row: usize| (row * usize::from(area.width - 1) / last) as u16;
    let now = column(playback.row.min(last));
    for (x, i) in (area.left()..area.right()).zip(0..) {
        let (symbol, style) =
            if i < now { ("━", Style::new()) } else { ("─", palette::fg(palette::TRACK)) };
        buf.set_string(x, area.y, symbol, style);
    }
    for (first, until) in playback.takeovers.iter() {
        for i in column(*first)..=column((*until).min(last)) {
            buf.set_string(area.x + i, area.y, "▄", palette::fg(palette::CAUTION));
        }
    }
    buf.set_string(area.x + now, area.y, "●", palette::strong());
}

/// `0:07.1`
pub(super) fn clock(span: Duration) -> String {
    let tenths = span.as_millis() / 100;
    format!("{}:{:02}.{}", tenths / 600, tenths / 10 % 60, tenths % 10)
}
