//! The policy: its name, where it runs, its confidence now and over the last minute.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::{Canvas, text};
use crate::msg::{Authority, Fault};
use crate::tui::{App, palette};

pub(super) fn draw(app: &App, canvas: &mut Canvas, area: Rect, buf: &mut Buffer) {
    if area.is_empty() {
        return;
    }
    let (rest, rows) = text::title(buf, area, "policy  ");
    let none = if app.playback.is_some() { "none" } else { "none: choose one with p" };
    let name = app.info.policy.as_deref().unwrap_or(none);
    let rest = text::put(buf, rest, name, palette::bold());
    let device = format!("  {}", app.info.device);
    text::put(buf, rest, &device, palette::faint());
    if !app.info.policy_problem.is_empty() {
        for (row, line) in rows.rows().zip(text::wrap(&app.info.policy_problem, area.width)) {
            text::put(buf, row, &line, palette::fg(palette::ALARM));
        }
        return;
    }
    let least = app.tick().map_or(0.0, |tick| tick.readiness.policy.confidence_min);
    numbers(app, least, Rect { height: 1, ..rows }, buf);
    minute(app, canvas, least, text::below(rows, 1), buf);
}

fn numbers(app: &App, least: f64, row: Rect, buf: &mut Buffer) {
    let confidence = app.tick().and_then(|tick| tick.chunk).map(|chunk| chunk.confidence);
    let is_low = app.has(Fault::LowConfidence) || confidence.is_some_and(|now| now < least);
    let (value, style) = match confidence {
        None => ("–".to_owned(), palette::faint()),
        Some(now) if is_low => (format!("{now:.2} ▼"), palette::bold().fg(palette::CAUTION)),
        Some(now) => (format!("{now:.2}"), palette::bold().fg(palette::POLICY)),
    };
    let rest = text::spans(buf, row, &[("confidence ", palette::faint()), (&value, style)]);
    let needs = if least > 0.0 { format!("needs {least:.2}") } else { "advisory".to_owned() };
    let rest = text::put_right(buf, rest, &needs, palette::faint());
    // While the operator drives, the policy is the one that is examined.
    let drives = app.tick().is_some_and(|tick| tick.authority == Authority::Operator);
    match app.history.agreement().filter(|_| drives) {
        Some(share) if rest.width > 20 => {
            let text = format!("as you {:.0} % · ", 100.0 * share);
            text::put_right(buf, rest, &text, Style::new());
        }
        _ if rest.width > 20 => {
            text::put_right(buf, rest, "last minute · ", palette::faint());
        }
        _ => {}
    }
}

/// A line of the lowest confidence in each part of the minute, and the threshold as a dotted one.
fn minute(app: &App, canvas: &mut Canvas, least: f64, area: Rect, buf: &mut Buffer) {
    let dots = &mut canvas.dots;
    dots.reset(area.width, area.height);
    let (columns, rows) = (i32::from(area.width) * 2, i32::from(area.height) * 4);
    let row = |value: f64| ((1.0 - value.clamp(0.0, 1.0)) * f64::from(rows - 1)).round() as i32;
    if least > 0.0 {
        for x in (0..columns).step_by(3) {
            dots.set(x, row(least), palette::TRACK);
        }
    }
    let mut last: Option<i32> = None;
    for (x, value) in (0..columns).zip(app.history.confidence(columns.max(1) as usize)) {
        let y = value.map(row);
        if let (Some(y), Some(value)) = (y, value) {
            let color = if value < least { palette::CAUTION } else { palette::POLICY };
            let from = last.unwrap_or(y);
            (y.min(from)..=y.max(from)).for_each(|y| dots.set(x, y, color));
        }
        last = y;
    }
    dots.render(area, buf);
}
