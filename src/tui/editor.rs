//! One line of text with a cursor.

use crate::msg::{Key, KeyCode};

/// Longer instructions are cut; no policy's tokenizer takes more.
const MAX_CHARS: usize = 200;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Editor {
    text: Vec<char>,
    cursor: usize,
}

impl Editor {
    /// The cursor stands behind the text.
    pub(super) fn new(text: &str) -> Self {
        let mut editor = Self::default();
        editor.insert(text);
        editor
    }

    pub(super) fn text(&self) -> String {
        self.text.iter().collect()
    }

    /// The text before and behind the cursor.
    pub(super) fn split(&self) -> (String, String) {
        let (before, behind) = self.text.split_at(self.cursor.min(self.text.len()));
        (before.iter().collect(), behind.iter().collect())
    }

    /// Inserts at the cursor; line breaks and tabs become spaces, other control characters are left
    /// out.
    pub(super) fn insert(&mut self, text: &str) {
        let room = MAX_CHARS.saturating_sub(self.text.len());
        let plain = text.chars().map(|c| if c.is_whitespace() { ' ' } else { c });
        let plain: Vec<char> = plain.filter(|c| !c.is_control()).take(room).collect();
        let n_new = plain.len();
        self.text.splice(self.cursor..self.cursor, plain);
        self.cursor += n_new;
    }

    /// Edits as shells do: ctrl-a, ctrl-e, ctrl-u, ctrl-k and ctrl-w beside the plain keys. False
    /// when the key means nothing here.
    pub(super) fn key(&mut self, key: Key) -> bool {
        let end = self.text.len();
        match (key.code, key.ctrl) {
            (KeyCode::Char(c), false) if !key.alt => self.insert(c.encode_utf8(&mut [0; 4])),
            (KeyCode::Left, _) => self.cursor = self.cursor.saturating_sub(1),
            (KeyCode::Right, _) => self.cursor = (self.cursor + 1).min(end),
            (KeyCode::Home, _) | (KeyCode::Char('a'), true) => self.cursor = 0,
            (KeyCode::End, _) | (KeyCode::Char('e'), true) => self.cursor = end,
            (KeyCode::Backspace, false) => self.remove(self.cursor.saturating_sub(1)..self.cursor),
            (KeyCode::Delete, _) => self.remove(self.cursor..(self.cursor + 1).min(end)),
            (KeyCode::Char('u'), true) => self.remove(0..self.cursor),
            (KeyCode::Char('k'), true) => self.remove(self.cursor..end),
            (KeyCode::Char('w') | KeyCode::Backspace, true) => {
                self.remove(self.word_start()..self.cursor);
            }
            _ => return false,
        }
        true
    }

    fn word_start(&self) -> usize {
        let before = self.text.iter().take(self.cursor).rev();
        let spaces = before.clone().take_while(|c| **c == ' ').count();
        let word = before.skip(spaces).take_while(|c| **c != ' ').count();
        self.cursor - spaces - word
    }

    fn remove(&mut self, range: std::ops::Range<usize>) {
        self.cursor = range.start;
        self.text.drain(range);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(start: &str, keys: &str) -> (String, String) {
        let mut editor = Editor::new(start);
        for name in keys.split_whitespace() {
            editor.key(name.parse().unwrap());
        }
        editor.split()
    }

    #[test]
    fn keys_edit_where_the_cursor_is() {
        // An instruction must become what the operator typed.
        let cases = [
            ("", "g o space x backspace", ("go ", "")),
            ("go left", "home delete G", ("G", "o left")),
            ("go left", "left left left left delete end !", ("go eft!", "")),
            ("go to the cup", "ctrl-w ctrl-w", ("go to ", "")),
            ("go left", "left left ctrl-u", ("", "ft")),
            ("go left", "ctrl-a right ctrl-k", ("g", "")),
            ("", "backspace delete left right ctrl-w", ("", "")),
            ("é", "left 日", ("日", "é")),
        ];
        for (start, keys, (before, behind)) in cases {
            assert_eq!(
                typed(start, keys),
                (before.to_owned(), behind.to_owned()),
                "{start:?} {keys}"
            );
        }
    }

    #[test]
    fn a_paste_is_one_bounded_line() {
        // A pasted line break or escape sequence must not reach the screen or the policy.
        let mut editor = Editor::new("");
        editor.insert("find\nthe\t\u{1b}[31mcup");
        assert_eq!(editor.text(), "find the [31mcup");
        editor.insert(&"x".repeat(1000));
        assert_eq!(editor.text().chars().count(), MAX_CHARS);
    }
}
