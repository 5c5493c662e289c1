//! The recorder's line: what is being kept, and the keys for it.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use super::footer::key_of;
use super::text;
use super::transport::clock;
use crate::msg::{Command, RecordPhase, RecordStatus};
use crate::tui::{App, palette};

pub(super) fn draw(app: &App, area: Rect, buf: &mut Buffer) {
    let status = &app.record;
    if area.is_empty() {
        return;
    }
    let (word, style) = chip(status);
    let rest = text::put(buf, area, &word, style);
    let rest = text::put(buf, rest, "  ", Style::new());
    let rest = disk(status, rest, buf);
    // Most important first; what does not fit is left out.
    let mut room = rest;
    for (part, style) in facts(status) {
        if text::width(&part) + 2 > room.width {
            break;
        }
        room = text::spans(buf, room, &[(&part, style), ("  ", Style::new())]);
    }
    for (command, label) in keys(status) {
        let key = key_of(command);
        if text::width(key) + text::width(label) + 3 > room.width {
            break;
        }
        let parts = [(key, palette::bold()), (" ", Style::new()), (label, palette::faint())];
        room = text::spans(buf, room, &parts);
        room = text::put(buf, room, "  ", Style::new());
    }
}

fn chip(status: &RecordStatus) -> (String, Style) {
    let bold = |style: Style| style.add_modifier(Modifier::BOLD);
    match status.phase {
        // Not on red: red ground is the stop key's alone.
        RecordPhase::Recording => {
            (format!(" ● REC {} ", status.episode), bold(Style::new().fg(palette::ALARM)))
        }
        RecordPhase::Takeover => {
            (" ● TAKEOVER ".to_owned(), bold(Style::new().fg(palette::INK).bg(palette::CAUTION)))
        }
        RecordPhase::Pause { left } => (
            format!(" ◌ PAUSE {} s ", left.as_secs() + 1),
            bold(Style::new().fg(palette::INK).bg(palette::OPERATOR)),
        ),
        RecordPhase::Idle | RecordPhase::Off => (" ○ not recording ".to_owned(), palette::faint()),
    }
}

fn facts(status: &RecordStatus) -> Vec<(String, Style)> {
    let plain = Style::new();
    let faint = palette::faint();
    let wrong = |n: u64| if n > 0 { palette::fg(palette::CAUTION) } else { faint };
    let mut facts = Vec::new();
    match status.phase {
        RecordPhase::Recording | RecordPhase::Takeover => {
            let most = if status.length_max.is_zero() {
                String::new()
            } else {
                format!(" of {}", clock(status.length_max))
            };
            facts.push((format!("{}{most}", clock(status.length)), palette::bold()));
            facts.push((format!("{} rows", status.rows), plain));
            facts.push((format!("{} lost", status.dropped), wrong(status.dropped)));
            facts.push((format!("{} repeated", status.repeated), wrong(status.repeated)));
            match status.success {
                Some(true) => facts.push(("✔ success".to_owned(), palette::fg(palette::POLICY))),
                Some(false) => facts.push(("✖ failure".to_owned(), palette::fg(palette::ALARM))),
                None => {}
            }
        }
        _ if !status.problem.is_empty() => {
            facts.push((status.problem.clone(), palette::fg(palette::CAUTION)));
        }
        _ => {
            let of =
                if status.target > 0 { format!(" of {}", status.target) } else { String::new() };
            facts.push((format!("{}{of} saved", status.saved), faint));
        }
    }
    if status.finishing > 0 {
        facts.push(("saving…".to_owned(), faint));
    }
    facts
}

fn keys(status: &RecordStatus) -> Vec<(Command, &'static str)> {
    use Command::{CutEpisode, Discard, Failure, Record, RecordAgain, Success, UndoEpisode};
    match status.phase {
        RecordPhase::Recording => vec![
            (Record, "stop"),
            (Success, "success"),
            (Failure, "failure"),
            (CutEpisode, "cut 5 s"),
            (Discard, "discard"),
            (RecordAgain, "again"),
        ],
        RecordPhase::Takeover => vec![(Record, "keep on recording"), (Success, "success")],
        RecordPhase::Pause { .. } => vec![(Record, "start now"), (RecordAgain, "again")],
        RecordPhase::Idle if status.saved > 0 => vec![
            (Record, "record"),
            (Success, "success"),
            (Failure, "failure"),
            (Discard, "discard"),
            (UndoEpisode, "undo"),
        ],
        RecordPhase::Idle => vec![(Record, "record")],
        RecordPhase::Off => Vec::new(),
    }
}

/// How long the disk lasts, at the right; loud when that is not long.
fn disk(status: &RecordStatus, area: Rect, buf: &mut Buffer) -> Rect {
    let Some(left) = status.disk_left else { return area };
    let (text, style) = match left.as_secs() / 60 {
        minutes @ 0..30 => (format!("disk {minutes} min "), palette::fg(palette::CAUTION)),
        minutes @ 30..600 => {
            (format!("disk {} h {} min ", minutes / 60, minutes % 60), palette::faint())
        }
        minutes => (format!("disk {} h ", minutes / 60), palette::faint()),
    };
    let name = format!("{}  {text}", status.dataset);
    if area.width > text::width(&name) + 60 {
        return text::put_right(buf, area, &name, style);
    }
    text::put_right(buf, area, &text, style)
}
