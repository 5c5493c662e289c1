//! Left and right in instructions, also in those that a person typed.

use super::Side;

/// Whole English words, by side. In lower case; longer ones than these contain no side.
const WORDS: &[(&str, &str)] = &[
    ("left", "right"),
    ("lefthand", "righthand"),
    ("leftmost", "rightmost"),
    ("leftside", "rightside"),
    ("leftward", "rightward"),
    ("leftwards", "rightwards"),
];

/// Korean stems, by side; a particle may follow and another noun may stand before.
const STEMS: &[(&str, &str)] = &[
    ("왼쪽", "오른쪽"),
    ("왼편", "오른편"),
    ("왼손", "오른손"),
    ("왼팔", "오른팔"),
    ("왼발", "오른발"),
    ("왼 쪽", "오른 쪽"),
    ("왼 편", "오른 편"),
    ("좌측", "우측"),
    // 우회 alone is a detour, on either side.
    ("좌회전", "우회전"),
];

/// Korean words that say a side only when they stand alone.
const ALONE: &[(&str, &str)] = &[("왼", "오른"), ("좌", "우"), ("좌로", "우로")];

/// What follows `right` where it is no side, and what a mirror turns otherwise than as a word.
const AMBIGUOUS_AFTER: &[&str] =
    &["away", "now", "here", "there", "in", "before", "next", "beside", "behind", "after", "up"];
const AMBIGUOUS_BEFORE: &[&str] = &["all"];
const TURNING: &[&str] = &["clockwise", "counterclockwise", "anticlockwise", "port", "starboard"];
const TURNING_KOREAN: &[&str] = &["시계", "바른쪽"];

/// The same instruction seen in a mirror: left and right change places, all else stays. Twice is
/// the text itself. Ask [`is_mirrorable`] first where a person typed it.
#[must_use]
pub fn mirror(text: &str) -> String {
    let mut mirrored = String::with_capacity(text.len() + 8);
    for piece in pieces(text) {
        match piece.side {
            None => mirrored.push_str(piece.text),
            Some((Side::Left, right)) => mirrored.push_str(&in_case_of(piece.text, right)),
            Some((Side::Right, left)) => mirrored.push_str(&in_case_of(piece.text, left)),
        }
    }
    mirrored
}

/// The sides a text names, in its order. What they mean, keeping the box there or passing there,
/// is not asked.
#[must_use]
pub fn sides_named(text: &str) -> Vec<Side> {
    pieces(text).into_iter().filter_map(|piece| piece.side.map(|(side, _)| side)).collect()
}

/// Whether [`mirror`] gives what a person would say of the mirrored scene. Not so for `right away`
/// or `clockwise`.
#[must_use]
pub fn is_mirrorable(text: &str) -> bool {
    let lower = text.to_lowercase();
    let words: Vec<_> =
        lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let is_side = |word: &str| matches!(word, "left" | "right");
    let is_idiom = words.windows(2).any(|pair| {
        let [first, second] = pair else { return false };
        (is_side(first) && AMBIGUOUS_AFTER.contains(second))
            || (is_side(second) && AMBIGUOUS_BEFORE.contains(first))
    });
    let is_turning = words.iter().any(|word| TURNING.contains(word))
        || TURNING_KOREAN.iter().any(|word| lower.contains(word));
    !is_idiom && !is_turning
}

/// A part of a text; where it names a side, which, and the word for the other one.
struct Piece<'a> {
    text: &'a str,
    side: Option<(Side, &'static str)>,
}

/// The text in parts that make it up again.
fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    let mut is_start = true;
    while !rest.is_empty() {
        let (length, side) = side_at(rest, is_start).map_or_else(
            || (plain_length(rest), None),
            |(length, side, other)| (length, Some((side, other))),
        );
        let (part, after) = rest.split_at(length);
        pieces.push(Piece { text: part, side });
        is_start = part.chars().next_back().is_none_or(|last| !last.is_alphanumeric());
        rest = after;
    }
    pieces
}

/// A side named at the beginning of `rest`: its bytes, the side, the other side's word. `is_start`:
/// no letter stands before it.
fn side_at(rest: &str, is_start: bool) -> Option<(usize, Side, &'static str)> {
    let stem = STEMS.iter().find_map(|pair| of_pair(*pair, |word| rest.starts_with(word)));
    if stem.is_some() || !is_start {
        return stem;
    }
    let word = rest.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
    let is_word = |known: &str| word.eq_ignore_ascii_case(known);
    WORDS.iter().chain(ALONE).find_map(|pair| of_pair(*pair, is_word))
}

fn of_pair(
    (left, right): (&'static str, &'static str),
    is_it: impl Fn(&str) -> bool,
) -> Option<(usize, Side, &'static str)> {
    if is_it(left) {
        Some((left.len(), Side::Left, right))
    } else if is_it(right) {
        Some((right.len(), Side::Right, left))
    } else {
        None
    }
}

/// Bytes up to where a side may be named next: an English word as a whole, else one letter.
fn plain_length(rest: &str) -> usize {
    let word = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
    word.max(rest.chars().next().map_or(0, char::len_utf8))
}

/// `word` in the case of `model`: all capitals, a capital first, or as it is.
fn in_case_of(model: &str, word: &str) -> String {
    let is_upper = |c: char| c.is_ascii_uppercase();
    if model.chars().all(is_upper) {
        return word.to_ascii_uppercase();
    }
    let mut word = word.to_owned();
    if model.starts_with(is_upper)
        && let Some(first) = word.get_mut(..1)
    {
        first.make_ascii_uppercase();
    }
    word
}
