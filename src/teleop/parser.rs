//! Terminal bytes → [`TermEvent`]. A byte-driven state machine: where a read happens to end changes
//! nothing.
//!
//! Understood: UTF-8 text, control bytes, xterm's keys (`CSI`, `SS3`, modifiers,
//! `modifyOtherKeys`), the Linux console's, the kitty keyboard protocol, focus reports, bracketed
//! paste, and the answers to the questions in [`super::TERMINAL_ENTER`]. Everything else is passed
//! over. Written because no input crate hands out status answers: crossterm keeps `CSI 0 n` to
//! itself and termina drops it, and the lease of a held key lives on them.
//!
//! Sources: xterm's "Control Sequences", ECMA-48 (5.4, 5.6), kitty's "Comprehensive keyboard
//! handling in terminals".

mod csi;
#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::msg::{Key, KeyCode, KeyEvent, KeyPhase, Stamp};

/// One thing the terminal said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TermEvent {
    /// A key sent as an escape sequence; its phase is true where the terminal reports phases.
    Key(KeyEvent),
    /// A key sent as plain text: a press or its repeat, never followed by a release.
    Typed(Key),
    FocusGained,
    FocusLost,
    /// Answer to [`super::TERMINAL_STATUS_QUERY`].
    Status,
    /// The keyboard enhancements in force.
    KeyFlags(u32),
    /// Answer to the primary device attributes query.
    Attributes,
    /// Pasted text, at most [`Parser::PASTE_MAX`] bytes of it, invalid UTF-8 replaced.
    Paste(String),
}

impl TermEvent {
    /// The key of this event, where it is one; text counts as pressed.
    #[must_use]
    pub const fn key(&self) -> Option<KeyEvent> {
        match self {
            Self::Key(event) => Some(*event),
            Self::Typed(key) => Some(KeyEvent { key: *key, phase: KeyPhase::Press }),
            _ => None,
        }
    }
}

/// See the module. Memory is bounded by [`Self::PASTE_MAX`].
#[derive(Clone, Debug, Default)]
pub struct Parser {
    state: State,
    /// When the sequence under way began; in a paste, when its last byte came.
    since: Stamp,
    /// Parameters of a sequence, bytes of a character, or pasted text.
    buffer: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Ground,
    /// Inside a UTF-8 character of this many bytes.
    Utf8(usize),
    Esc,
    Ss3,
    Csi,
    /// A `CSI` longer than any we know: passed over up to its final byte.
    CsiTooLong,
    /// `CSI [`: a function key of the Linux console follows.
    LinuxKey,
    /// Bytes of an old mouse report still to be passed over.
    Mouse(u8),
    /// OSC, DCS, APC, PM, SOS: passed over up to its terminator.
    Text,
    /// `ESC` inside such a text.
    TextEsc,
    /// Bracketed paste, this many bytes of its end marker matched.
    Paste(usize),
}

const ESC: u8 = 0x1b;
const PASTE_END: &[u8] = b"\x1b[201~";

impl Parser {
    /// Bytes of a paste that are kept.
    pub const PASTE_MAX: usize = 4096;
    /// A lone `ESC` is the Esc key after this long. Also how long a text we never asked for may
    /// take, so that alt-shift-P (`ESC P`) cannot make the station deaf.
    pub const ESC_TIMEOUT: Duration = Duration::from_millis(50);
    /// A paste that pauses for this long is over.
    pub const PASTE_TIMEOUT: Duration = Duration::from_millis(500);

    const CSI_MAX: usize = 64;

    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes what was read at `now`; events are appended to `out`.
    pub fn feed(&mut self, bytes: &[u8], now: Stamp, out: &mut Vec<TermEvent>) {
        self.idle(now, out);
        for &byte in bytes {
            self.step(byte, now, out);
        }
    }

    /// When [`Self::idle`] has something to do; `None` while nothing is pending.
    #[must_use]
    pub fn deadline(&self) -> Option<Stamp> {
        self.patience().map(|patience| self.since + patience)
    }

    /// Settles what waited too long for its next byte: a lone `ESC` was the Esc key.
    pub fn idle(&mut self, now: Stamp, out: &mut Vec<TermEvent>) {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return;
        }
        match self.state {
            State::Esc => typed(KeyCode::Esc, false, false, out),
            State::Csi => typed(KeyCode::Char('['), false, true, out),
            State::Ss3 => typed(KeyCode::Char('O'), false, true, out),
            State::Paste(_) => self.finish_paste(out),
            _ => {}
        }
        self.reset();
    }

    /// A `CSI` with parameters was not typed by hand: its rest is waited for however slow the line,
    /// since taken for keys it would drive.
    fn patience(&self) -> Option<Duration> {
        match self.state {
            State::Esc | State::Ss3 | State::LinuxKey | State::Text | State::TextEsc => {
                Some(Self::ESC_TIMEOUT)
            }
            State::Mouse(_) => Some(Self::ESC_TIMEOUT),
            State::Csi if self.buffer.is_empty() => Some(Self::ESC_TIMEOUT),
            State::Paste(_) => Some(Self::PASTE_TIMEOUT),
            State::Ground | State::Utf8(_) | State::Csi | State::CsiTooLong => None,
        }
    }

    fn reset(&mut self) {
        self.state = State::Ground;
        self.buffer.clear();
    }

    fn step(&mut self, byte: u8, now: Stamp, out: &mut Vec<TermEvent>) {
        match self.state {
            State::Ground => self.ground(byte, now, out),
            State::Utf8(length) => self.utf8(length, byte, now, out),
            State::Esc => self.after_esc(byte, now, out),
            State::Ss3 => {
                self.reset();
                match csi::ss3(byte) {
                    Some(code) => out.push(pressed(code)),
                    None => self.ground(byte, now, out),
                }
            }
            State::Csi => self.csi(byte, now, out),
            State::CsiTooLong => match byte {
                0x20..=0x3f => {}
                0x40..=0x7e => self.reset(),
                _ => self.restart(byte, now, out),
            },
            State::LinuxKey => {
                self.reset();
                match byte {
                    b'A'..=b'E' => out.push(pressed(KeyCode::F(byte - b'A' + 1))),
                    _ => self.ground(byte, now, out),
                }
            }
            State::Mouse(1) => self.reset(),
            State::Mouse(left) => self.state = State::Mouse(left - 1),
            State::Text => match byte {
                ESC => self.state = State::TextEsc,
                0x07 => self.reset(),
                0x00..=0x1f => self.restart(byte, now, out),
                _ => {}
            },
            State::TextEsc if byte == b'\\' => self.reset(),
            State::TextEsc => {
                self.begin(State::Esc, now);
                self.after_esc(byte, now, out);
            }
            State::Paste(matched) => self.paste(matched, byte, now, out),
        }
    }

    fn begin(&mut self, state: State, now: Stamp) {
        self.state = state;
        self.since = now;
        self.buffer.clear();
    }

    /// The sequence under way was none; `byte` starts anew.
    fn restart(&mut self, byte: u8, now: Stamp, out: &mut Vec<TermEvent>) {
        self.reset();
        self.ground(byte, now, out);
    }

    fn ground(&mut self, byte: u8, now: Stamp, out: &mut Vec<TermEvent>) {
        let length = match byte {
            ESC => return self.begin(State::Esc, now),
            0x00..=0x7f => {
                let (code, ctrl) = ascii(byte);
                return typed(code, ctrl, false, out);
            }
            0xc2..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf4 => 4,
            _ => return,
        };
        self.begin(State::Utf8(length), now);
        self.buffer.push(byte);
    }

    fn utf8(&mut self, length: usize, byte: u8, now: Stamp, out: &mut Vec<TermEvent>) {
        if !(0x80..=0xbf).contains(&byte) {
            return self.restart(byte, now, out);
        }
        self.buffer.push(byte);
        if self.buffer.len() == length {
            if let Some(letter) =
                std::str::from_utf8(&self.buffer).ok().and_then(|text| text.chars().next())
            {
                typed(KeyCode::Char(letter), false, false, out);
            }
            self.reset();
        }
    }

    fn after_esc(&mut self, byte: u8, now: Stamp, out: &mut Vec<TermEvent>) {
        match byte {
            b'[' => self.begin(State::Csi, now),
            b'O' => self.begin(State::Ss3, now),
            b']' | b'P' | b'_' | b'^' | b'X' => self.begin(State::Text, now),
            // Esc pressed twice; the first is an emergency stop and must not wait for the second.
            ESC => {
                typed(KeyCode::Esc, false, false, out);
                self.begin(State::Esc, now);
            }
            0x00..=0x7f => {
                let (code, ctrl) = ascii(byte);
                typed(code, ctrl, true, out);
                self.reset();
            }
            _ => {
                typed(KeyCode::Esc, false, false, out);
                self.restart(byte, now, out);
            }
        }
    }

    fn csi(&mut self, byte: u8, now: Stamp, out: &mut Vec<TermEvent>) {
        match byte {
            b'[' if self.buffer.is_empty() => self.state = State::LinuxKey,
            b'M' if self.buffer.is_empty() => self.state = State::Mouse(3),
            0x20..=0x3f if self.buffer.len() == Self::CSI_MAX => self.state = State::CsiTooLong,
            0x20..=0x3f => self.buffer.push(byte),
            b'~' if self.buffer == b"200" => self.begin(State::Paste(0), now),
            0x40..=0x7e => {
                out.extend(csi::decode(&self.buffer, byte));
                self.reset();
            }
            _ => self.restart(byte, now, out),
        }
    }

    fn paste(&mut self, matched: usize, byte: u8, now: Stamp, out: &mut Vec<TermEvent>) {
        self.since = now;
        if PASTE_END.get(matched) == Some(&byte) {
            self.state = State::Paste(matched + 1);
            if matched + 1 == PASTE_END.len() {
                self.finish_paste(out);
                self.reset();
            }
            return;
        }
        // The marker holds ESC only at its start, so a mismatch can begin a new match only with
        // ESC.
        self.keep(PASTE_END.get(..matched).unwrap_or_default());
        if byte == ESC {
            self.state = State::Paste(1);
        } else {
            self.keep(&[byte]);
            self.state = State::Paste(0);
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = Self::PASTE_MAX - self.buffer.len();
        self.buffer.extend(bytes.iter().take(room));
    }

    fn finish_paste(&mut self, out: &mut Vec<TermEvent>) {
        out.push(TermEvent::Paste(String::from_utf8_lossy(&self.buffer).into_owned()));
    }
}

/// A byte below 0x80 as the key that sends it, and whether with ctrl (kitty's table of legacy
/// control codes).
fn ascii(byte: u8) -> (KeyCode, bool) {
    match byte {
        b'\r' => (KeyCode::Enter, false),
        b'\t' => (KeyCode::Tab, false),
        0x08 | 0x7f => (KeyCode::Backspace, false),
        0x00 => (KeyCode::Char(' '), true),
        0x01..=0x1a => (KeyCode::Char((byte - 1 + b'a') as char), true),
        0x1b => (KeyCode::Esc, false),
        0x1c..=0x1f => (KeyCode::Char((byte - 0x1c + b'\\') as char), true),
        _ => (KeyCode::Char(byte as char), false),
    }
}

fn typed(code: KeyCode, ctrl: bool, alt: bool, out: &mut Vec<TermEvent>) {
    out.push(TermEvent::Typed(Key { code, ctrl, alt }));
}

fn pressed(code: KeyCode) -> TermEvent {
    TermEvent::Key(KeyEvent { key: Key::plain(code), phase: KeyPhase::Press })
}
