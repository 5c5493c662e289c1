//! Where the terminal is no byte stream (a Windows console): crossterm's events as ours.
//!
//! Such a console answers no status query, so a held key has no lease there and [`super::Probe`]
//! stays with nudges.

use crossterm::event as term;

use crate::msg::{Key, KeyCode, KeyEvent, KeyPhase};

use super::TermEvent;

/// `None` for what is not operator input (resize, mouse).
#[must_use]
pub fn from_crossterm(event: &term::Event) -> Option<TermEvent> {
    match event {
        term::Event::FocusGained => Some(TermEvent::FocusGained),
        term::Event::FocusLost => Some(TermEvent::FocusLost),
        term::Event::Paste(text) => Some(TermEvent::Paste(text.clone())),
        term::Event::Key(event) => {
            let key = Key {
                code: code(event.code)?,
                ctrl: event.modifiers.contains(term::KeyModifiers::CONTROL),
                alt: event.modifiers.contains(term::KeyModifiers::ALT),
            };
            let phase = match event.kind {
                term::KeyEventKind::Press => KeyPhase::Press,
                term::KeyEventKind::Repeat => KeyPhase::Repeat,
                term::KeyEventKind::Release => KeyPhase::Release,
            };
            Some(TermEvent::Key(KeyEvent { key, phase }))
        }
        term::Event::Mouse(_) | term::Event::Resize(..) => None,
    }
}

fn code(code: term::KeyCode) -> Option<KeyCode> {
    Some(match code {
        term::KeyCode::Char(letter) => KeyCode::Char(letter),
        term::KeyCode::Enter => KeyCode::Enter,
        term::KeyCode::Esc => KeyCode::Esc,
        term::KeyCode::Tab => KeyCode::Tab,
        term::KeyCode::BackTab => KeyCode::BackTab,
        term::KeyCode::Backspace => KeyCode::Backspace,
        term::KeyCode::Delete => KeyCode::Delete,
        term::KeyCode::Insert => KeyCode::Insert,
        term::KeyCode::Up => KeyCode::Up,
        term::KeyCode::Down => KeyCode::Down,
        term::KeyCode::Left => KeyCode::Left,
        term::KeyCode::Right => KeyCode::Right,
        term::KeyCode::Home => KeyCode::Home,
        term::KeyCode::End => KeyCode::End,
        term::KeyCode::PageUp => KeyCode::PageUp,
        term::KeyCode::PageDown => KeyCode::PageDown,
        term::KeyCode::F(number) => KeyCode::F(number),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_keep_their_phase_and_modifiers() {
        // On Windows a release taken for a press would move the robot once more.
        let event = term::Event::Key(term::KeyEvent::new_with_kind(
            term::KeyCode::Char('c'),
            term::KeyModifiers::CONTROL,
            term::KeyEventKind::Release,
        ));
        let key = "ctrl-c".parse().unwrap();
        let wanted = TermEvent::Key(KeyEvent { key, phase: KeyPhase::Release });
        assert_eq!(from_crossterm(&event), Some(wanted));
        assert_eq!(from_crossterm(&term::Event::Resize(80, 24)), None);
    }
}
