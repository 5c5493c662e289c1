//! The instruction editor and the policy chooser, as a box over the screen.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::widgets::{Block, BorderType, Clear, Padding, Widget};

use super::text;
use crate::tui::dialog::{Dialog, Instruction, Policy};
use crate::tui::editor::Editor;
use crate::tui::{App, palette};

const WIDTH: u16 = 64;

/// Draws the open dialog and returns where the text cursor stands.
pub(super) fn draw(app: &App, area: Rect, buf: &mut Buffer) -> Option<Position> {
    match app.dialog.as_ref()? {
        Dialog::Help => None,
        Dialog::Instruction(dialog) => Some(instruction(app, dialog, area, buf)),
        Dialog::Tag(editor) => {
            let inner = boxed("Tag the episode", 3, area, buf);
            let cursor = line(editor, Rect { height: inner.height.min(1), ..inner }, buf);
            hints("enter adds it   esc leaves it", inner, buf);
            Some(cursor)
        }
        Dialog::Policy(dialog) => {
            policy(app, dialog, area, buf);
            None
        }
    }
}

fn instruction(app: &App, dialog: &Instruction, area: Rect, buf: &mut Buffer) -> Position {
    let suggestions = &app.info.suggestions;
    let n_shown = suggestions.len().min(8) as u16;
    let inner = boxed("Instruction", 4 + n_shown, area, buf);
    let cursor = line(&dialog.editor, Rect { height: inner.height.min(1), ..inner }, buf);
    let list = text::below(inner, 2);
    for (i, (row, suggestion)) in list.rows().zip(suggestions).take(8).enumerate() {
        entry(suggestion, dialog.suggestion == Some(i), "", row, buf);
    }
    let keys = if suggestions.is_empty() {
        "enter gives it to the policy   esc leaves it as it was"
    } else {
        "↑ ↓ suggestions   enter gives it   esc leaves it"
    };
    hints(keys, inner, buf);
    cursor
}

/// The edited line, moved so that the cursor is in sight.
fn line(editor: &Editor, row: Rect, buf: &mut Buffer) -> Position {
    let rest = text::put(buf, row, "❯ ", palette::fg(palette::OPERATOR));
    let (mut before, behind) = editor.split();
    let room = rest.width.saturating_sub(1);
    while text::width(&before) > room && !before.is_empty() {
        before.remove(0);
    }
    let rest = text::put(buf, rest, &before, palette::bold());
    text::put(buf, rest, &behind, palette::bold());
    Position::new(rest.x, rest.y)
}

fn policy(app: &App, dialog: &Policy, area: Rect, buf: &mut Buffer) {
    let names = &app.info.policies;
    let problem = match (&app.info.policy_problem, names.is_empty()) {
        (_, true) => "no model folders were found",
        (problem, false) => problem.as_str(),
    };
    let problem = text::wrap(problem, WIDTH.min(area.width).saturating_sub(6));
    let n_shown = names.len().min(10) as u16;
    let inner = boxed("Policy", n_shown + problem.len() as u16 + 3, area, buf);
    let visible = Rect { height: n_shown.min(inner.height), ..inner };
    let skipped = (dialog.selected + 1).saturating_sub(usize::from(visible.height));
    for (i, (row, name)) in (skipped..).zip(visible.rows().zip(names.iter().skip(skipped))) {
        let is_current = Some(name) == app.info.policy.as_ref();
        let note = if is_current { app.info.device.as_str() } else { "" };
        entry(name, i == dialog.selected, note, row, buf);
    }
    for (row, part) in text::below(inner, n_shown + 1).rows().zip(&problem) {
        text::put(buf, row, part, palette::fg(palette::ALARM));
    }
    hints("↑ ↓ choose   enter loads it   esc leaves it", inner, buf);
}

fn entry(name: &str, is_selected: bool, note: &str, row: Rect, buf: &mut Buffer) {
    let style =
        if is_selected { Style::new().add_modifier(Modifier::REVERSED) } else { Style::new() };
    if is_selected {
        buf.set_style(row, style);
    }
    let rest = text::put(buf, row, if is_selected { "▸ " } else { "  " }, style);
    let rest = text::put(buf, rest, name, style);
    let note = if note.is_empty() { String::new() } else { format!("in use on {note} ") };
    text::put_right(buf, rest, &note, style);
}

fn hints(keys: &str, inner: Rect, buf: &mut Buffer) {
    let row = text::below(inner, inner.height.saturating_sub(1));
    text::put(buf, row, keys, palette::faint());
}

/// Clears a box in the middle of the screen and returns its inside.
fn boxed(title: &str, rows: u16, area: Rect, buf: &mut Buffer) -> Rect {
    let width = WIDTH.min(area.width);
    let height = (rows + 3).min(area.height);
    let left = area.x + (area.width - width) / 2;
    let top = area.y + (area.height - height) / 3;
    let place = Rect::new(left, top, width, height);
    Clear.render(place, buf);
    let block = Block::bordered()
        .border_type(BorderType::Rounded)
        .border_style(palette::fg(palette::OPERATOR))
        .title(format!(" {title} "))
        .title_bottom(" the robot holds still while this is open ")
        .padding(Padding::symmetric(2, 0));
    let inner = block.inner(place);
    block.render(place, buf);
    Rect { y: inner.y + 1, height: inner.height.saturating_sub(1), ..inner }
}
