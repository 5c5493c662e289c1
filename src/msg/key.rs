use std::str::FromStr;

/// A key, independent of the terminal that sent it: the character it types, shift and caps lock
/// applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    pub code: KeyCode,
    pub ctrl: bool,
    pub alt: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyCode {
    Char(char),
    Enter,
    Esc,
    Tab,
    BackTab,
    Backspace,
    Delete,
    Insert,
    Up,
    Down,
    Left,
    Right,
    Home,
    End,
    PageUp,
    PageDown,
    F(u8),
}

/// Terminals that do not report releases only ever send `Press`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyPhase {
    Press,
    Repeat,
    Release,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KeyEvent {
    pub key: Key,
    pub phase: KeyPhase,
}

impl Key {
    #[must_use]
    pub const fn plain(code: KeyCode) -> Self {
        Self { code, ctrl: false, alt: false }
    }

    /// The same key with its letter in lower case: caps lock must not make a stop key dead.
    #[must_use]
    pub fn folded(self) -> Self {
        match self.code {
            KeyCode::Char(letter) => {
                Self { code: KeyCode::Char(letter.to_ascii_lowercase()), ..self }
            }
            _ => self,
        }
    }
}

/// Names as in [`super::BINDINGS`] and key scripts: `w`, `up`, `enter`, `space`, `ctrl-c`, `alt-x`,
/// `f1`.
impl FromStr for Key {
    type Err = UnknownKey;

    fn from_str(name: &str) -> Result<Self, UnknownKey> {
        let (mut ctrl, mut alt, mut rest) = (false, false, name);
        loop {
            if let Some(tail) = rest.strip_prefix("ctrl-") {
                (ctrl, rest) = (true, tail);
            } else if let Some(tail) = rest.strip_prefix("alt-") {
                (alt, rest) = (true, tail);
            } else {
                break;
            }
        }
        let code = code(rest).ok_or_else(|| UnknownKey(name.to_owned()))?;
        Ok(Self { code, ctrl, alt })
    }
}

fn code(name: &str) -> Option<KeyCode> {
    let mut chars = name.chars();
    if let (Some(only), None) = (chars.next(), chars.next()) {
        return Some(KeyCode::Char(only));
    }
    Some(match name {
        "space" => KeyCode::Char(' '),
        "enter" => KeyCode::Enter,
        "esc" => KeyCode::Esc,
        "tab" => KeyCode::Tab,
        "backtab" => KeyCode::BackTab,
        "backspace" => KeyCode::Backspace,
        "delete" => KeyCode::Delete,
        "insert" => KeyCode::Insert,
        "up" => KeyCode::Up,
        "down" => KeyCode::Down,
        "left" => KeyCode::Left,
        "right" => KeyCode::Right,
        "home" => KeyCode::Home,
        "end" => KeyCode::End,
        "pageup" => KeyCode::PageUp,
        "pagedown" => KeyCode::PageDown,
        _ => {
            let number: u8 = name.strip_prefix('f')?.parse().ok()?;
            return (1..=24).contains(&number).then_some(KeyCode::F(number));
        }
    })
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no key named {0:?}; names are like w, up, enter, space, ctrl-c, f1")]
pub struct UnknownKey(pub String);
