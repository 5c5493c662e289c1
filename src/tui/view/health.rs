//! What is wrong and what to do about it: why engaging was refused, then every fault, the worst
//! first.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::text;
use crate::msg::{Fault, FaultSet, Severity, StopState, Tick};
use crate::tui::{App, palette};

pub(super) fn draw(app: &App, area: Rect, buf: &mut Buffer) {
    if area.is_empty() {
        return;
    }
    let Some(tick) = app.tick() else {
        text::title(buf, area, "faults");
        return;
    };
    let refused = app.refused();
    let others = tick.faults.minus(refused);
    if refused.is_empty() {
        let (rest, rows) = text::title(buf, area, "faults  ");
        if others.is_empty() {
            let good = [("✔ ", palette::fg(palette::POLICY)), ("none", Style::new())];
            text::spans(buf, rest, &good);
        }
        base_line(tick, list(&sorted(others), rows, buf), buf);
    } else {
        text::put(buf, area, "engage refused", palette::bold().fg(palette::CAUTION));
        let both = [sorted(refused), sorted(others)].concat();
        base_line(tick, list(&both, text::below(area, 1), buf), buf);
    }
}

/// The most severe first.
fn sorted(faults: FaultSet) -> Vec<Fault> {
    let mut sorted: Vec<Fault> = faults.iter().collect();
    sorted.sort_by_key(|fault| std::cmp::Reverse(fault.severity()));
    sorted
}

fn mark(severity: Severity) -> &'static str {
    match severity {
        Severity::Immediate => "✖ ",
        Severity::Soft => "▼ ",
        Severity::Refuse => "■ ",
        Severity::Warn => "! ",
    }
}

/// One fault a line, its remedy beside it, or under it while rows are to spare; faults that find no
/// line of their own are told in the last. Returns the rows left.
fn list(faults: &[Fault], area: Rect, buf: &mut Buffer) -> Rect {
    let mut spare = usize::from(area.height).saturating_sub(faults.len());
    let mut rows = area;
    for (i, fault) in faults.iter().enumerate() {
        let style = palette::fg(palette::severity(fault.severity()));
        if rows.height == 1 && i + 1 < faults.len() {
            let rest: Vec<_> = faults.iter().skip(i).map(|fault| fault.short()).collect();
            text::put(buf, rows, &format!("+ {}", rest.join(", ")), style);
            return text::below(rows, 1);
        }
        let rest = text::put(buf, rows, mark(fault.severity()), style);
        let is_bold = fault.severity() >= Severity::Soft;
        let name = if is_bold { palette::bold() } else { Style::new() };
        let rest = text::put(buf, rest, fault.short(), name);
        rows = text::below(rows, 1);
        let remedy = fault.remedy();
        if text::width(remedy) + 2 <= rest.width {
            let place = Rect { x: rest.x + 2, width: rest.width - 2, ..rest };
            text::put(buf, Rect { height: 1, ..place }, remedy, palette::faint());
            continue;
        }
        let indented = Rect { x: rows.x + 2, width: rows.width.saturating_sub(2), ..rows };
        let lines = text::wrap(remedy, indented.width);
        if lines.len() <= spare {
            for (row, line) in indented.rows().zip(&lines) {
                text::put(buf, row, line, palette::faint());
            }
            (rows, spare) = (text::below(rows, lines.len() as u16), spare - lines.len());
        }
    }
    rows
}

/// In the next row, while one is left: how the base stops, a stop under way, damaged packets; as
/// much as fits.
fn base_line(tick: &Tick, rows: Rect, buf: &mut Buffer) {
    let Some(row) = rows.rows().next().filter(|_| tick.base.session > 0) else { return };
    let mut parts = Vec::new();
    if let StopState::Pending { since, .. } = tick.base.stop {
        parts.push(format!("stop asked {} ago", text::span(tick.now.since(since))));
    }
    if tick.base.fault_bits != 0 {
        parts.push(format!("fault bits {:#06x}", tick.base.fault_bits));
    }
    if let Some(stop) = tick.base.measured_stop {
        parts.push(format!("stops in {}", text::span(stop)));
    }
    parts.push(format!("watchdog {}", text::span(tick.base.watchdog)));
    if tick.base.bad_packets > 0 {
        parts.push(format!("{} bad packets", tick.base.bad_packets));
    }
    let mut line = "base  ".to_owned();
    for part in parts {
        if text::width(&line) + text::width(&part) + 2 <= row.width {
            line.push_str(&part);
            line.push_str("  ");
        }
    }
    text::put(buf, row, line.trim_end(), palette::faint());
}
