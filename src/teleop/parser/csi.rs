//! What a complete control sequence means.

use crate::msg::{Key, KeyCode, KeyEvent, KeyPhase};

use super::TermEvent;

const SHIFT: u32 = 1;
const ALT: u32 = 2;
const CTRL: u32 = 4;
/// Super, hyper, meta: the window manager's.
const FOREIGN: u32 = 8 | 16 | 32;
const CAPS_LOCK: u32 = 64;

/// `SS3 byte`: a key in application mode.
pub(super) fn ss3(byte: u8) -> Option<KeyCode> {
    match byte {
        b'M' => Some(KeyCode::Enter),
        _ => letter_key(byte),
    }
}

/// `CSI params last`; `None` for what means nothing to us.
pub(super) fn decode(params: &[u8], last: u8) -> Option<TermEvent> {
    if let Some(private) = params.strip_prefix(b"?") {
        return match last {
            b'u' => Some(TermEvent::KeyFlags(Params::parse(private)?.field(0, 0))),
            b'c' => Some(TermEvent::Attributes),
            _ => None,
        };
    }
    let fields = Params::parse(params)?;
    match last {
        b'I' if params.is_empty() => Some(TermEvent::FocusGained),
        b'O' if params.is_empty() => Some(TermEvent::FocusLost),
        // 0: fine, 3: malfunction; either way somebody is there.
        b'n' if params == b"0" || params == b"3" => Some(TermEvent::Status),
        b'u' => fields.event(code_point_key(&fields)?),
        b'~' if fields.field(0, 0) == 27 => {
            fields.event(control_key(fields.field(2, 0)).or_else(|| plain(fields.field(2, 0)))?)
        }
        b'~' => fields.event(numbered_key(fields.field(0, 0))?),
        // With parameters this is a cursor report.
        b'R' if !params.is_empty() => None,
        b'Z' => fields.event(KeyCode::BackTab),
        _ if fields.field(0, 0) <= 1 => fields.event(letter_key(last)?),
        _ => None,
    }
}

/// Up to three fields of up to three sub-fields; what is missing is zero.
#[derive(Clone, Copy, Debug, Default)]
struct Params([[u32; 3]; 3]);

impl Params {
    /// `None` when a byte belongs to no number list. Numbers past the range stop at its end.
    fn parse(bytes: &[u8]) -> Option<Self> {
        let mut params = Self::default();
        let (mut field, mut sub) = (0, 0);
        for &byte in bytes {
            match byte {
                b'0'..=b'9' => {
                    if let Some(value) = params.0.get_mut(field).and_then(|subs| subs.get_mut(sub))
                    {
                        *value = value.saturating_mul(10).saturating_add(u32::from(byte - b'0'));
                    }
                }
                b':' => sub += 1,
                b';' => (field, sub) = (field + 1, 0),
                _ => return None,
            }
        }
        Some(params)
    }

    fn field(&self, field: usize, sub: usize) -> u32 {
        self.0.get(field).and_then(|subs| subs.get(sub)).copied().unwrap_or(0)
    }

    fn modifiers(&self) -> u32 {
        self.field(1, 0).saturating_sub(1)
    }

    fn event(&self, code: KeyCode) -> Option<TermEvent> {
        let modifiers = self.modifiers();
        let phase = match self.field(1, 1) {
            2 => KeyPhase::Repeat,
            3 => KeyPhase::Release,
            _ => KeyPhase::Press,
        };
        if modifiers & FOREIGN != 0 && phase != KeyPhase::Release {
            return None;
        }
        let key = Key { code, ctrl: modifiers & CTRL != 0, alt: modifiers & ALT != 0 };
        Some(TermEvent::Key(KeyEvent { key, phase }))
    }
}

/// `CSI code:shifted:base ; modifiers:phase ; text u`.
///
/// 1. A letter of a script beyond Latin is the Latin letter at its place, where the terminal tells
///    which: the drive and stop keys work on every layout (text in that script has to be pasted).
/// 2. Without ctrl and alt: the text the key produced, else its shifted form.
/// 3. Else the key itself.
fn code_point_key(fields: &Params) -> Option<KeyCode> {
    let (code, shifted, base) = (fields.field(0, 0), fields.field(0, 1), fields.field(0, 2));
    let text = fields.field(2, 0);
    let modifiers = fields.modifiers();
    if code == 9 && modifiers & SHIFT != 0 {
        return Some(KeyCode::BackTab);
    }
    if let Some(key) = control_key(code).or_else(|| private_key(code)) {
        return Some(key);
    }
    let is_upper = (modifiers & SHIFT != 0) != (modifiers & CAPS_LOCK != 0);
    let latin = char::from_u32(base).filter(char::is_ascii_alphabetic);
    if let (0x370.., Some(letter)) = (code, latin)
        && char::from_u32(code).is_some_and(char::is_alphabetic)
    {
        let letter = if is_upper { letter.to_ascii_uppercase() } else { letter };
        return Some(KeyCode::Char(letter));
    }
    if modifiers & (CTRL | ALT) != 0 {
        return plain(code);
    }
    let is_shifted = modifiers & SHIFT != 0 && shifted != 0;
    plain(text).or_else(|| if is_shifted { plain(shifted) } else { cased(code, is_upper) })
}

fn cased(code: u32, is_upper: bool) -> Option<KeyCode> {
    match plain(code)? {
        KeyCode::Char(letter) if is_upper && letter.is_alphabetic() => {
            letter.to_uppercase().next().map(KeyCode::Char)
        }
        key => Some(key),
    }
}

/// A printable character; private code points are keys we do not know (modifiers, media).
fn plain(code: u32) -> Option<KeyCode> {
    char::from_u32(code)
        .filter(|letter| !letter.is_control() && !('\u{e000}'..='\u{f8ff}').contains(letter))
        .map(KeyCode::Char)
}

fn control_key(code: u32) -> Option<KeyCode> {
    Some(match code {
        8 | 127 => KeyCode::Backspace,
        9 => KeyCode::Tab,
        13 => KeyCode::Enter,
        27 => KeyCode::Esc,
        _ => return None,
    })
}

/// The kitty protocol's functional keys: F13 and up, the keypad.
fn private_key(code: u32) -> Option<KeyCode> {
    Some(match code {
        57_376..=57_387 => KeyCode::F((code - 57_376 + 13) as u8),
        57_399..=57_408 => KeyCode::Char(char::from_digit(code - 57_399, 10)?),
        57_409 => KeyCode::Char('.'),
        57_410 => KeyCode::Char('/'),
        57_411 => KeyCode::Char('*'),
        57_412 => KeyCode::Char('-'),
        57_413 => KeyCode::Char('+'),
        57_414 => KeyCode::Enter,
        57_415 => KeyCode::Char('='),
        57_416 => KeyCode::Char(','),
        57_417 => KeyCode::Left,
        57_418 => KeyCode::Right,
        57_419 => KeyCode::Up,
        57_420 => KeyCode::Down,
        57_421 => KeyCode::PageUp,
        57_422 => KeyCode::PageDown,
        57_423 => KeyCode::Home,
        57_424 => KeyCode::End,
        57_425 => KeyCode::Insert,
        57_426 => KeyCode::Delete,
        _ => return None,
    })
}

/// `CSI number ~`, as the VT220 and xterm send.
fn numbered_key(number: u32) -> Option<KeyCode> {
    Some(match number {
        1 | 7 => KeyCode::Home,
        2 => KeyCode::Insert,
        3 => KeyCode::Delete,
        4 | 8 => KeyCode::End,
        5 => KeyCode::PageUp,
        6 => KeyCode::PageDown,
        11..=15 => KeyCode::F((number - 10) as u8),
        17..=21 => KeyCode::F((number - 11) as u8),
        23..=26 => KeyCode::F((number - 12) as u8),
        28 | 29 => KeyCode::F((number - 13) as u8),
        31..=34 => KeyCode::F((number - 14) as u8),
        _ => return None,
    })
}

/// The last byte of `CSI … letter` and `SS3 letter`.
fn letter_key(byte: u8) -> Option<KeyCode> {
    Some(match byte {
        b'A' => KeyCode::Up,
        b'B' => KeyCode::Down,
        b'C' => KeyCode::Right,
        b'D' => KeyCode::Left,
        b'F' => KeyCode::End,
        b'H' => KeyCode::Home,
        b'P'..=b'S' => KeyCode::F(byte - b'P' + 1),
        _ => return None,
    })
}
