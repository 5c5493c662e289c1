//! The recorder's line: what is being kept, and the keys for it.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use super::footer::key_of;
use super::text;
use super::transport::clock;
use crate::msg::{Command, Level, RecordPhase, RecordStatus, Stamp};
use crate::tui::{App, palette};

/// How long a word of the recorder's is shown.
const SAID: Duration = Duration::from_secs(4);

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
    let mut facts = facts(status);
    if let Some((words, style)) = said(status, app.now) {
        // Behind the clock of an episode, which must not jump.
        let is_open = matches!(status.phase, RecordPhase::Recording | RecordPhase::Takeover);
        let at = usize::from(is_open);
        let taken: u16 = facts.iter().take(at).map(|(part, _)| text::width(part) + 2).sum();
        let words = text::cut(&words, room.width.saturating_sub(taken + 2));
        facts.insert(at, (words, style));
    }
    for (part, style) in facts {
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

/// What the recorder said last: for a moment, or while it is something wrong. Small screens have no
/// event log, and on large ones the eye is here.
fn said(status: &RecordStatus, now: Stamp) -> Option<(String, Style)> {
    let said = status.said.as_ref()?;
    let is_wrong = said.level >= Level::Warn;
    let style = if is_wrong { palette::fg(palette::CAUTION) } else { Style::new() };
    (is_wrong || now.since(said.at) < SAID).then(|| (said.text.clone(), style))
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
            if status.repeated > 0 {
                facts.push((format!("{} repeated", status.repeated), wrong(status.repeated)));
            }
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
    let mut keys = match status.phase {
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
        ],
        RecordPhase::Idle => vec![(Record, "record")],
        RecordPhase::Off => Vec::new(),
    };
    if status.can_undo && !keys.is_empty() {
        keys.insert(1, (UndoEpisode, "undo"));
    }
    keys
}

/// How long the disk lasts, at the right; loud when that is not long.
fn disk(status: &RecordStatus, area: Rect, buf: &mut Buffer) -> Rect {
    let Some(left) = status.disk_left else { return area };
    let (text, style) = match left.as_secs() / 60 {
        minutes @ 0..30 => (format!("disk {minutes} min "), palette::fg(palette::CAUTION)),
        minutes @ 30..120 => {
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
