//! How long each stage takes against its budget.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::text;
use crate::msg::Snapshot;
use crate::tui::{App, palette};

/// Name, p50 and p99, budget in ms. Budgets: a third of a 30/s frame for decoding; ten inferences a
/// second; one 50 Hz tick and 1 ms from a key to the line; the age at which a frame is called late;
/// a tenth of a tick of jitter.
fn stages(snapshot: &Snapshot) -> [(&'static str, (f64, f64), f64); 5] {
    [
        ("picture", snapshot.frame_ms, 11.0),
        ("inference", snapshot.inference_ms, 100.0),
        ("reaction", snapshot.reaction_ms, 150.0),
        ("operator", snapshot.operator_ms, 21.0),
        ("jitter", snapshot.jitter_ms, 2.0),
    ]
}

pub(super) fn draw(app: &App, area: Rect, buf: &mut Buffer) {
    if area.is_empty() {
        return;
    }
    let (rest, rows) = text::title(buf, area, "latency in ms");
    text::put_right(buf, rest, &format!("{:>6}{:>6} {:>5}", "p50", "p99", "of"), palette::faint());
    let Some(snapshot) = &app.snapshot else { return };
    for (row, (name, times, budget)) in rows.rows().zip(stages(snapshot)) {
        stage(name, times, budget, row, buf);
    }
}

fn stage(name: &str, (p50, p99): (f64, f64), budget: f64, row: Rect, buf: &mut Buffer) {
    let is_over = p99 > budget;
    let style = if is_over { palette::fg(palette::CAUTION) } else { palette::fg(palette::POLICY) };
    text::put(buf, row, name, palette::faint());
    let room = text::put_right(buf, row, &format!(" {budget:>4.0}"), palette::faint());
    let strong = if is_over { style.patch(palette::bold()) } else { Style::new() };
    let late = if is_over { "!" } else { " " };
    let room = text::put_right(buf, room, &format!("{p99:>6.1}{late}"), strong);
    let room = text::put_right(buf, room, &format!("{p50:>6.1}"), Style::new());
    let bar = Rect { x: room.x + 10, width: room.width.saturating_sub(11), ..room };
    let share = |ms: f64| ((ms / budget).clamp(0.0, 1.0) * f64::from(bar.width)).round() as u16;
    let (typical, worst) = (share(p50), share(p99));
    for (i, x) in (0..bar.width).zip(bar.left()..) {
        let (symbol, style) = match i {
            i if i < typical => ("━", style),
            i if i < worst => ("╍", style),
            _ => ("─", palette::fg(palette::TRACK)),
        };
        buf.set_string(x, row.y, symbol, style);
    }
}
