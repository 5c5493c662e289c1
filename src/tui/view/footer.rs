//! The keys that do something now. The stop key is always first.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use super::text;
use crate::msg::{BINDINGS, Command, Mode};
use crate::tui::{App, palette};

pub(super) fn draw(app: &App, area: Rect, buf: &mut Buffer) {
    let stop = Style::new().fg(palette::PAPER).bg(palette::STOP).add_modifier(Modifier::BOLD);
    let mut rest = area;
    if app.takes_text() {
        let parts = [(" esc", palette::bold()), (" closes and holds still", palette::faint())];
        let rest = text::spans(buf, rest, &parts);
        let quit = [("  ctrl-c", palette::bold()), (" quit", palette::faint())];
        text::spans(buf, rest, &quit);
        return;
    }
    if app.mode() != Mode::EStop {
        let label = format!(" {} E-STOP ", key_of(Command::EStop));
        rest = text::put(buf, rest, &label, stop);
    }
    for (keys, label) in hints(app.mode()) {
        if text::width(&keys) + text::width(label) + 3 > rest.width {
            break;
        }
        let parts = [("  ", Style::new()), (&keys, palette::bold()), (" ", Style::new())];
        rest = text::spans(buf, rest, &parts);
        rest = text::put(buf, rest, label, palette::faint());
    }
}

/// Keys and what they do in `mode`, the most useful first: those that do not fit are left out.
fn hints(mode: Mode) -> Vec<(String, &'static str)> {
    use Command::{
        ChoosePolicy, EditInstruction, Engage, Help, Pause, Quit, Reset, SpeedDown, SpeedUp,
        TakeOver,
    };
    let one = |command, label| (key_of(command).to_owned(), label);
    let drive = |label| (drive_keys(), label);
    let speed = || (format!("{} {}", key_of(SpeedDown), key_of(SpeedUp)), "speed");
    let first = match mode {
        Mode::Standby => vec![drive("drive"), one(Engage, "engage")],
        Mode::Manual => vec![drive("drive"), one(Pause, "hold"), one(Engage, "engage")],
        Mode::Autonomous => {
            vec![drive("take over"), one(Pause, "hold"), one(TakeOver, "take over still")]
        }
        Mode::Override => {
            vec![drive("drive"), one(Pause, "hold"), one(Engage, "back to the policy")]
        }
        Mode::SoftStop => vec![drive("take over"), one(Pause, "hold")],
        Mode::EStop => vec![one(Reset, "reset (twice)")],
    };
    let turn = (turn_keys(), "turn");
    let last =
        [one(EditInstruction, "instruction"), one(ChoosePolicy, "policy"), one(Quit, "quit")];
    let moving = (mode != Mode::EStop).then(|| [turn, speed()]).into_iter().flatten();
    let help = std::iter::once(one(Help, "help"));
    first.into_iter().chain(help).chain(moving).chain(last).collect()
}

/// The first key of `command`, as it is written on the keyboard.
pub(super) fn key_of(command: Command) -> &'static str {
    let binding = BINDINGS.iter().find(|binding| binding.command == command);
    binding.and_then(|binding| binding.keys.first().copied()).unwrap_or("")
}

/// `wasd`, from the table of keys.
fn drive_keys() -> String {
    let at = |x, y| key_of(Command::Drive { x, y, yaw: 0 });
    [at(1, 0), at(0, 1), at(-1, 0), at(0, -1)].concat()
}

fn turn_keys() -> String {
    let at = |yaw| key_of(Command::Drive { x: 0, y: 0, yaw });
    [at(1), at(-1)].concat()
}
