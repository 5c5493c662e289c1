//! Terminal bytes → [`TermEvent`]. A byte-driven state machine: where a read happens to end changes nothing.
//!
//! Understood: UTF-8 text, control bytes, xterm's keys (`CSI`, `SS3`, modifiers, `modifyOtherKeys`), the Linux
//! console's, the kitty keyboard protocol, focus reports, bracketed paste, and the answers to the questions in
//! [`super::TERMINAL_ENTER`]. Everything else is passed over. Written because no input crate hands out status answers:
//! crossterm keeps `CSI 0 n` to itself and termina drops it, and the lease of a held key lives on them.
//!
//! Sources: xterm's "Control Sequences", ECMA-48 (5.4, 5.6), kitty's "Comprehensive keyboard handling in terminals".

mod csi;

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
    /// A lone `ESC` is the Esc key after this long. Also how long a text we never asked for may take, so that
    /// alt-shift-P (`ESC P`) cannot make the station deaf.
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

    /// A `CSI` with parameters was not typed by hand: its rest is waited for however slow the line, since taken
    /// for keys it would drive.
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
        // The marker holds ESC only at its start, so a mismatch can begin a new match only with ESC.
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

/// A byte below 0x80 as the key that sends it, and whether with ctrl (kitty's table of legacy control codes).
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(bytes: &[u8]) -> Vec<TermEvent> {
        let mut out = Vec::new();
        Parser::new().feed(bytes, Stamp::ZERO, &mut out);
        out
    }

    fn key(name: &str, phase: KeyPhase) -> TermEvent {
        TermEvent::Key(KeyEvent { key: name.parse().unwrap(), phase })
    }

    fn text(name: &str) -> TermEvent {
        TermEvent::Typed(name.parse().unwrap())
    }

    #[test]
    fn legacy_keys() {
        // A terminal without the kitty protocol could not drive, stop or quit.
        for (bytes, name) in [
            (&b"w"[..], "w"),
            (b"W", "W"),
            (b" ", "space"),
            (b"\r", "enter"),
            (b"\t", "tab"),
            (b"\x7f", "backspace"),
            (b"\x03", "ctrl-c"),
            (b"\x11", "ctrl-q"),
            (b"\x1bx", "alt-x"),
            ("é".as_bytes(), "é"),
            ("目".as_bytes(), "目"),
        ] {
            assert_eq!(parse(bytes), [text(name)], "{bytes:?}");
        }
        for (bytes, name) in [
            (&b"\x1b[A"[..], "up"),
            (b"\x1bOB", "down"),
            (b"\x1b[1;5C", "ctrl-right"),
            (b"\x1b[3~", "delete"),
            (b"\x1b[6;3~", "alt-pagedown"),
            (b"\x1bOP", "f1"),
            (b"\x1b[15~", "f5"),
            (b"\x1b[24~", "f12"),
            (b"\x1b[[C", "f3"),
            (b"\x1b[Z", "backtab"),
            (b"\x1b[27;5;13~", "ctrl-enter"),
        ] {
            assert_eq!(parse(bytes), [key(name, KeyPhase::Press)], "{bytes:?}");
        }
    }

    #[test]
    fn kitty_keys() {
        // A wrong phase or letter here keeps the robot going after the key was let go.
        use KeyPhase::{Press, Release, Repeat};
        for (bytes, name, phase) in [
            (&b"\x1b[119u"[..], "w", Press),
            (b"\x1b[119;1:1;119u", "w", Press),
            (b"\x1b[119;1:2;119u", "w", Repeat),
            (b"\x1b[119;1:3u", "w", Release),
            (b"\x1b[119:87;2;87u", "W", Press),
            (b"\x1b[119;65;87u", "W", Press),
            (b"\x1b[119;65:3u", "W", Release),
            (b"\x1b[119;5:1u", "ctrl-w", Press),
            (b"\x1b[99;5u", "ctrl-c", Press),
            (b"\x1b[1094::119;;1094u", "w", Press),
            (b"\x1b[246::59;;246u", "ö", Press),
            (b"\x1b[223:63:45;2;63u", "?", Press),
            (b"\x1b[113;;64u", "@", Press),
            (b"\x1b[27u", "esc", Press),
            (b"\x1b[13;1:3u", "enter", Release),
            (b"\x1b[9;2u", "backtab", Press),
            (b"\x1b[1;1:3A", "up", Release),
            (b"\x1b[1;1:2D", "left", Repeat),
            (b"\x1b[57414u", "enter", Press),
            (b"\x1b[57407;129u", "8", Press),
            (b"\x1b[57419;1:3u", "up", Release),
            (b"\x1b[57376u", "f13", Press),
            (b"\x1b[13;1:3~", "f3", Release),
        ] {
            assert_eq!(parse(bytes), [key(name, phase)], "{:?}", bytes.escape_ascii().to_string());
        }
        // Modifier keys by themselves, keys held with the window manager's: nothing of ours.
        assert_eq!(parse(b"\x1b[57441;2u\x1b[119;9u\x1b[57358u"), []);
        // But a release always counts, whatever is held with it.
        assert_eq!(parse(b"\x1b[119;9:3u"), [key("w", Release)]);
    }

    #[test]
    fn reports_and_answers() {
        // The lease of a held key and the probe live on these.
        assert_eq!(parse(b"\x1b[0n"), [TermEvent::Status]);
        assert_eq!(parse(b"\x1b[?31u"), [TermEvent::KeyFlags(31)]);
        assert_eq!(parse(b"\x1b[?62;22;52c"), [TermEvent::Attributes]);
        assert_eq!(parse(b"\x1b[I\x1b[O"), [TermEvent::FocusGained, TermEvent::FocusLost]);
        assert_eq!(parse(b"\x1b[200~a\x1b[b\x1b[201~"), [TermEvent::Paste("a\x1b[b".to_owned())]);
        // Answers to other people's questions are nothing, not keys.
        assert_eq!(parse(b"\x1b[5;10R\x1b]11;rgb:0/0/0\x07\x1bP1$r0m\x1b\\\x1b_Gi=1;OK\x1b\\"), []);
        assert_eq!(parse(b"\x1b[?997;1n\x1b[<0;3;4M\x1b[Mxwa\x1b[6;18;9t"), []);
    }

    #[test]
    fn lone_esc_is_the_esc_key_after_a_while() {
        // Esc is an emergency stop: it must come, and not eat the key after it.
        let at = Stamp::from_millis;
        let (mut parser, mut out) = (Parser::new(), Vec::new());
        parser.feed(b"\x1b", at(0), &mut out);
        assert_eq!(parser.deadline(), Some(at(50)));
        parser.idle(at(49), &mut out);
        assert_eq!(out, []);
        parser.idle(at(50), &mut out);
        assert_eq!(out, [text("esc")]);
        assert_eq!(parser.deadline(), None);
        parser.feed(b"\x1b", at(100), &mut out);
        parser.feed(b"x", at(151), &mut out);
        assert_eq!(out, [text("esc"), text("esc"), text("x")]);
        assert_eq!(parse(b"\x1b\x1b[A"), [text("esc"), key("up", KeyPhase::Press)]);
    }

    #[test]
    fn half_a_sequence_never_becomes_keys() {
        // On a slow line the tail of an arrow's sequence would otherwise type `3A` or `u`.
        let (mut parser, mut out) = (Parser::new(), Vec::new());
        parser.feed(b"\x1b[119;1:", Stamp::ZERO, &mut out);
        parser.idle(Stamp::from_millis(5_000), &mut out);
        parser.feed(b"3u", Stamp::from_millis(9_000), &mut out);
        assert_eq!(out, [key("w", KeyPhase::Release)]);
    }

    #[test]
    fn a_text_never_asked_for_does_not_deafen() {
        // alt-shift-p begins a device control string; the e-stop after it must arrive.
        let (mut parser, mut out) = (Parser::new(), Vec::new());
        parser.feed(b"\x1bP", Stamp::ZERO, &mut out);
        parser.feed(b"x", Stamp::from_millis(60), &mut out);
        assert_eq!(out, [text("x")]);
        out.clear();
        parser.feed(b"\x1bP", Stamp::from_millis(100), &mut out);
        parser.feed(b"\x03", Stamp::from_millis(101), &mut out);
        assert_eq!(out, [text("ctrl-c")]);
    }

    #[test]
    fn memory_stays_bounded() {
        // A terminal that never ends what it began must not eat the memory.
        let mut parser = Parser::new();
        let mut out = Vec::new();
        parser.feed(b"\x1b[200~", Stamp::ZERO, &mut out);
        parser.feed(&vec![b'a'; 100_000], Stamp::ZERO, &mut out);
        assert!(parser.buffer.len() <= Parser::PASTE_MAX);
        parser.feed(b"\x1b[201~\x1b[", Stamp::ZERO, &mut out);
        assert_eq!(out, [TermEvent::Paste("a".repeat(Parser::PASTE_MAX))]);
        parser.feed(&vec![b'1'; 100_000], Stamp::ZERO, &mut out);
        assert!(parser.buffer.len() <= Parser::CSI_MAX);
        parser.feed(b"ux", Stamp::ZERO, &mut out);
        assert_eq!(out.last(), Some(&text("x")));
    }

    /// Bytes that are likely to be meaningful, so that random strings reach every state.
    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            any::<u8>().prop_map(|byte| vec![byte]),
            proptest::sample::select(&b"\x1b[]OPM~uAn;:?0123456789\x07\\"[..])
                .prop_map(|byte| vec![byte]),
            proptest::sample::select(
                &["\x1b[119;1:3u", "\x1b[200~", "\x1b[201~", "é", "\x1bP"][..]
            )
            .prop_map(|text| text.as_bytes().to_vec()),
        ];
        proptest::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_events(bytes in bytes(), cuts in proptest::collection::vec(0usize..200, 0..20)) {
            // Reads end anywhere; a release cut in two must still be a release. Garbage must not panic.
            let whole = parse(&bytes);
            let (mut parser, mut out, mut from) = (Parser::new(), Vec::new(), 0);
            let mut cuts: Vec<_> = cuts.into_iter().filter(|&cut| cut <= bytes.len()).collect();
            cuts.sort_unstable();
            cuts.push(bytes.len());
            for cut in cuts {
                parser.feed(&bytes[from..cut], Stamp::ZERO, &mut out);
                from = cut;
            }
            prop_assert_eq!(out, whole);
        }

        #[test]
        fn garbage_is_survived(reads in proptest::collection::vec((bytes(), 0u64..800), 0..20)) {
            // After any garbage and a pause, the emergency stop must get through.
            let (mut parser, mut out, mut now) = (Parser::new(), Vec::new(), 0);
            for (bytes, pause_ms) in reads {
                parser.feed(&bytes, Stamp::from_millis(now), &mut out);
                now += pause_ms;
            }
            // At most one byte may be needed to end a `CSI` that was begun by hand.
            now += 1_000;
            parser.idle(Stamp::from_millis(now), &mut out);
            out.clear();
            parser.feed(b"xx", Stamp::from_millis(now), &mut out);
            prop_assert_eq!(out.last(), Some(&text("x")));
        }
    }
}
