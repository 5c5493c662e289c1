//! Putting words on the screen: left, right, wrapped.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::tui::palette;

/// One line at the top left of `area`, cut at its width. Returns what is right of it.
pub(super) fn put(buf: &mut Buffer, area: Rect, text: &str, style: Style) -> Rect {
    if area.is_empty() {
        return area;
    }
    let (x, _) = buf.set_stringn(area.x, area.y, text, usize::from(area.width), style);
    Rect { x, width: area.right().saturating_sub(x), ..area }
}

/// Styled parts at the top left of `area`. Returns what is right of them.
pub(super) fn spans(buf: &mut Buffer, area: Rect, parts: &[(&str, Style)]) -> Rect {
    parts.iter().fold(area, |rest, (text, style)| put(buf, rest, text, *style))
}

/// One line at the top right of `area`, left out when it does not fit. Returns what is left of it.
pub(super) fn put_right(buf: &mut Buffer, area: Rect, text: &str, style: Style) -> Rect {
    let width = width(text);
    if width > area.width || area.is_empty() {
        return area;
    }
    let left = area.width - width;
    put(buf, Rect { x: area.x + left, width, ..area }, text, style);
    Rect { width: left, ..area }
}

pub(super) fn put_centred(buf: &mut Buffer, area: Rect, text: &str, style: Style) {
    let x = area.x + area.width.saturating_sub(width(text)) / 2;
    put(buf, Rect { x, width: area.right() - x, ..area }, text, style);
}

/// A panel's title, and the rows under it.
pub(super) fn title(buf: &mut Buffer, area: Rect, text: &str) -> (Rect, Rect) {
    let rest = put(buf, Rect { height: area.height.min(1), ..area }, text, palette::faint());
    (rest, below(area, 1))
}

pub(super) fn below(area: Rect, rows: u16) -> Rect {
    let rows = rows.min(area.height);
    Rect { y: area.y + rows, height: area.height - rows, ..area }
}

pub(super) fn width(text: &str) -> u16 {
    Span::raw(text).width() as u16
}

/// `text`, with a mark at its end where it had to be cut to `columns`.
pub(super) fn cut(text: &str, columns: u16) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut short = String::new();
    for letter in text.chars() {
        short.push(letter);
        if width(&short) >= columns {
            short.pop();
            break;
        }
    }
    short + "…"
}

/// Breaks `text` at spaces into lines of at most `width` columns; a longer word is cut by the
/// screen.
pub(super) fn wrap(text: &str, columns: u16) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() && width(&line) + 1 + width(word) > columns {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}

/// `41 ms`, `1.2 s`, `3 min`.
pub(super) fn span(span: Duration) -> String {
    match span.as_millis() {
        ms @ 0..1000 => format!("{ms} ms"),
        1000..100_000 => format!("{:.1} s", span.as_secs_f64()),
        _ => format!("{} min", span.as_secs() / 60),
    }
}

/// A signed number of fixed width, `+0.28`; zero has no sign.
pub(super) fn signed(value: f64) -> String {
    if value.abs() < 0.005 { " 0.00".to_owned() } else { format!("{value:+.2}") }
}

pub(super) fn set_line(buf: &mut Buffer, area: Rect, line: &Line<'_>) {
    if !area.is_empty() {
        buf.set_line(area.x, area.y, line, area.width);
    }
}
