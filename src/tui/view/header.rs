//! The top line: who we are, the robot, its line, the battery, how keys become motion.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::text;
use crate::msg::{Device, Fault, InputMode, LinkState, Tick};
use crate::tui::{App, palette};

pub(super) fn draw(app: &App, area: Rect, buf: &mut Buffer) {
    let brand = palette::bold().fg(palette::OPERATOR);
    let mut rest = text::spans(buf, area, &[(" Pilothouse", brand), ("  ", Style::new())]);
    let is_replay = app.playback.is_some();
    if is_replay {
        let chip = palette::bold().fg(palette::CAUTION);
        rest = text::spans(buf, rest, &[("REPLAY", chip), ("  ", Style::new())]);
        rest = text::put(buf, rest, &app.info.robot, Style::new());
    }
    // Most important first; what does not fit is left out from the end.
    let mut items = if is_replay { Vec::new() } else { vec![input(app)] };
    if let Some(tick) = app.tick() {
        items.insert(0, link(tick));
        items.extend(battery(app, tick));
        items.extend(terminal(tick));
        items.extend(late(app));
    }
    let mut room = rest;
    for item in &items {
        let width = item.width() as u16 + 3;
        if width > room.width {
            break;
        }
        let place = Rect { x: room.right() - width + 2, width: width - 2, ..room };
        text::set_line(buf, place, item);
        room.width -= width;
    }
    if room.width >= 8 && !is_replay {
        room.width -= 2;
        text::put(buf, room, &app.info.robot, palette::faint());
    }
}

fn item(mark: &'static str, style: Style, text: String) -> Line<'static> {
    Line::from(vec![Span::styled(mark, style), Span::raw(text)])
}

fn link(tick: &Tick) -> Line<'static> {
    let quiet = tick.faults.contains(Fault::BaseSilent) || tick.faults.contains(Fault::BaseBlocked);
    match tick.base.link {
        LinkState::Up if quiet => item("✖ ", palette::fg(palette::ALARM), "base silent".into()),
        LinkState::Up => {
            let trip = tick.base.round_trip.map_or("up".to_owned(), text::span);
            item("● ", palette::fg(palette::POLICY), format!("base {trip}"))
        }
        LinkState::Connecting => {
            item("◌ ", palette::fg(palette::CAUTION), "base connecting".into())
        }
        LinkState::Foreign { major, minor } => {
            let text = format!("base speaks version {major}.{minor}");
            item("✖ ", palette::fg(palette::ALARM), text)
        }
        LinkState::Down => item("✖ ", palette::fg(palette::ALARM), "base down".into()),
    }
}

fn input(app: &App) -> Line<'static> {
    let operator = app.tick().map(|tick| tick.operator).unwrap_or_default();
    let (word, style) = match (operator.device, app.info.input_mode) {
        (Device::Gamepad, _) => ("GAMEPAD", palette::bold()),
        (Device::Script, _) => ("SCRIPT", palette::bold()),
        (Device::Keyboard, InputMode::Hold) => ("HOLD", palette::bold()),
        (Device::Keyboard, InputMode::Nudge) => ("NUDGE", palette::bold().fg(palette::CAUTION)),
    };
    Line::from(vec![Span::styled("keys ", palette::faint()), Span::styled(word, style)])
}

fn battery(app: &App, tick: &Tick) -> Option<Line<'static>> {
    let battery = tick.base.battery?;
    let is_low = app.has(Fault::BatteryLow);
    let style = if is_low { palette::bold().fg(palette::ALARM) } else { palette::faint() };
    let charge = (battery.charge.clamp(0.0, 1.0) * 100.0).round();
    let mark = if is_low { "! battery " } else { "battery " };
    Some(item(mark, style, format!("{charge} %")))
}

fn terminal(tick: &Tick) -> Option<Line<'static>> {
    let trip = tick.operator.terminal_rtt_ms?;
    Some(item("terminal ", palette::faint(), format!("{trip:.0} ms")))
}

fn late(app: &App) -> Option<Line<'static>> {
    let snapshot = app.snapshot.as_deref()?;
    let n_late = snapshot.ticks_late;
    (n_late > 0).then(|| item("late ticks ", palette::faint(), n_late.to_string()))
}
