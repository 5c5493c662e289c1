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
        proptest::sample::select(&["\x1b[119;1:3u", "\x1b[200~", "\x1b[201~", "é", "\x1bP"][..])
            .prop_map(|text| text.as_bytes().to_vec()),
    ];
    proptest::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_split_gives_the_same_events(
        bytes in bytes(),
        cuts in proptest::collection::vec(0usize..200, 0..20),
    ) {
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
