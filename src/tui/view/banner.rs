//! The mode, readable across a room: a band in the mode's colour with its shape, its word and what
//! it means.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};

use super::text;
use crate::msg::{Mode, StopState, Tick};
use crate::tui::glyphs::{self, Pen};
use crate::tui::{App, palette};

pub(super) fn draw(app: &App, area: Rect, scale: u16, buf: &mut Buffer) {
    if area.is_empty() {
        return;
    }
    let mode = app.mode();
    let (ink, ground) = palette::mode(mode);
    if scale == 0 {
        one_line(app, area, buf);
        return;
    }
    // Letters are five pixels high with one half row above and below; what is left of the last row
    // is the gap.
    let half_rows = 5 * scale + 2;
    fill(area, half_rows, ground, buf);
    let pen = Pen { left: area.x + scale, top: area.y * 2 + 1, scale, ink, clip: area };
    let pen = pen.glyph(&glyphs::icon(mode), buf);
    let pen = Pen { left: pen.left + scale, ..pen }.text(glyphs::word(mode), buf);
    let room = area.right().saturating_sub(pen.left + 1);
    let right = Rect { x: pen.left, width: room, ..area };
    let style = Style::new().fg(ink).bg(ground);
    let rows = half_rows / 2;
    let mut lines = vec![(who(app), style.add_modifier(Modifier::BOLD))];
    if app.playback.is_none() {
        let hint = text::wrap(hint(mode), room.clamp(18, 36));
        lines.extend(hint.into_iter().map(|line| (line, style)));
    }
    if mode == Mode::EStop {
        hatch(right, half_rows, &lines, buf);
    }
    let first = (rows + 1).saturating_sub(lines.len() as u16) / 2;
    for (row, (line, style)) in (first..rows).zip(lines) {
        text::put_right(buf, text::below(right, row), &line, style);
    }
}

fn one_line(app: &App, area: Rect, buf: &mut Buffer) {
    let mode = app.mode();
    let (ink, ground) = palette::mode(mode);
    let style = Style::new().fg(ink).bg(ground);
    let area = Rect { height: 1, ..area };
    buf.set_style(area, style);
    let word = format!(" {} {} ", glyphs::small_icon(mode), glyphs::word(mode));
    let rest = text::put(buf, area, &word, style.add_modifier(Modifier::BOLD));
    let rest = Rect { width: rest.width.saturating_sub(1), ..rest };
    text::put_right(buf, rest, &who(app), style);
}

fn fill(area: Rect, half_rows: u16, ground: Color, buf: &mut Buffer) {
    for at in area.positions() {
        let Some(cell) = buf.cell_mut(at) else { continue };
        match half_rows.saturating_sub((at.y - area.y) * 2) {
            0 => {}
            1 => {
                cell.set_symbol("▀").set_fg(ground);
            }
            _ => {
                cell.set_symbol(" ").set_bg(ground);
            }
        }
    }
}

/// Stripes between the word and the lines at the right: the e-stop differs in texture too.
fn hatch(area: Rect, half_rows: u16, lines: &[(String, Style)], buf: &mut Buffer) {
    let taken = lines.iter().map(|(line, _)| text::width(line)).max().unwrap_or(0) + 2;
    let area = Rect { x: area.x + 3, width: area.width.saturating_sub(taken + 3), ..area };
    let full = Rect { height: half_rows / 2, ..area };
    for at in full.positions().filter(|at| (at.x + at.y * 2) / 4 % 2 == 0) {
        if let Some(cell) = buf.cell_mut(at) {
            cell.set_bg(palette::STOP_DARK);
        }
    }
}

fn who(app: &App) -> String {
    let Some(tick) = app.tick() else { return "waiting for the control loop".into() };
    match tick.mode {
        Mode::Standby => "nobody drives".into(),
        Mode::Manual => "you drive".into(),
        Mode::Autonomous => "the policy drives".into(),
        Mode::Override => "you drive, autonomy waits".into(),
        Mode::SoftStop => format!("slowing down: {}", reason(tick)),
        Mode::EStop => match tick.base.stop {
            StopState::Pending { .. } => "asking the base to stop".into(),
            StopState::Acknowledged { .. } => "latched, the base confirms".into(),
            StopState::Idle => "latched".into(),
        },
    }
}

/// The most severe fault.
fn reason(tick: &Tick) -> &'static str {
    tick.faults.iter().max_by_key(|fault| fault.severity()).map_or("no reason given", |f| f.short())
}

const fn hint(mode: Mode) -> &'static str {
    match mode {
        Mode::Standby => "drive, or enter to engage",
        Mode::Manual => "enter engages the policy",
        Mode::Autonomous | Mode::SoftStop => "any drive key takes over",
        Mode::Override => "enter gives it back",
        Mode::EStop => "press u twice to reset",
    }
}
