//! Makes a policy's tokenizer from the instructions it is trained on: a Hugging Face
//! `tokenizer.json`, the same bytes for the same instructions.
//!
//! 1. Text is decomposed (NFKD) and put in lower case; punctuation is a gap between words. Korean
//!    syllables become their letters, so that 67 of them spell every Korean word.
//! 2. A word of the instructions is one token, but for the particle of a Korean one: 왼쪽, 왼쪽으로
//!    and 왼쪽에 share the token of 왼쪽. A stem is what several words begin with.
//! 3. Any other word is spelt in the longest known pieces (`WordPiece`), at worst in its letters. A
//!    word of letters that nothing here spells is `[UNK]`.
//!
//! Deliberately absent: the meaning of tokens, and texts without a letter, which have none.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Bound, RangeInclusive};

use serde_json::{Map, Value, json};
use tokenizers::Tokenizer;

use super::TrainError;

/// The id of padding.
pub const PAD_ID: i64 = 0;
/// Most entries of a vocabulary. An embedding has a row for each.
pub const ENTRIES_MAX: usize = 600;

const SPECIAL: [&str; 2] = ["[PAD]", "[UNK]"];
/// Marks a piece that continues a word.
const CONTINUES: &str = "##";
/// Hangul in decomposed form: leading consonants, vowels, final consonants.
const LEADS: RangeInclusive<char> = '\u{1100}'..='\u{1112}';
const VOWELS: RangeInclusive<char> = '\u{1161}'..='\u{1175}';
const FINALS: RangeInclusive<char> = '\u{11a8}'..='\u{11c2}';
/// Longer words are `[UNK]` as a whole; a Korean syllable counts up to three.
const LETTERS_MAX: usize = 200;

/// The text of a `tokenizer.json` for these instructions. Their order and number do not matter.
///
/// # Errors
/// They hold more different words than fit [`ENTRIES_MAX`].
pub fn tokenizer_json<'a>(
    instructions: impl IntoIterator<Item = &'a str>,
) -> Result<String, TrainError> {
    let letters = read(&json(&vocabulary(&BTreeSet::new())).to_string())?;
    let mut words = BTreeSet::new();
    for text in instructions {
        words.extend(split(&letters, text)?);
    }
    let entries = vocabulary(&words);
    if entries.len() > ENTRIES_MAX {
        return Err(TrainError::Tokenizer(format!(
            "the instructions need {} entries, {ENTRIES_MAX} at most; leave rare ones out",
            entries.len()
        )));
    }
    Ok(format!("{:#}\n", json(&entries)))
}

/// Gives instructions the ids that the station's encoder gives them.
#[derive(Clone, Debug)]
pub struct Tokens {
    tokenizer: Tokenizer,
    length: usize,
}

impl Tokens {
    /// From the text of a `tokenizer.json`; `length` ids for each instruction.
    ///
    /// # Errors
    /// It is none.
    pub fn new(tokenizer_json: &str, length: usize) -> Result<Self, TrainError> {
        Ok(Self { tokenizer: read(tokenizer_json)?, length })
    }

    /// Ids of each instruction, padding included.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.length
    }

    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Entries of the vocabulary.
    #[must_use]
    pub fn n_entries(&self) -> usize {
        self.tokenizer.get_vocab_size(true)
    }

    /// The ids of `text`, padded with [`PAD_ID`].
    ///
    /// # Errors
    /// It has none, or more than fit; the station would refuse it too.
    pub fn encode(&self, text: &str) -> Result<Vec<i64>, TrainError> {
        let failed = |why: String| TrainError::Tokenizer(format!("instruction {text:?}: {why}"));
        let encoding =
            self.tokenizer.encode(text, true).map_err(|error| failed(error.to_string()))?;
        let mut ids: Vec<i64> = encoding.get_ids().iter().map(|id| i64::from(*id)).collect();
        if ids.is_empty() {
            return Err(failed("it has no word".to_owned()));
        }
        if ids.len() > self.length {
            let (n, most) = (ids.len(), self.length);
            return Err(failed(format!("it has {n} tokens, the policy takes {most}")));
        }
        ids.resize(self.length, PAD_ID);
        Ok(ids)
    }
}

fn read(json: &str) -> Result<Tokenizer, TrainError> {
    json.parse().map_err(|error: tokenizers::Error| TrainError::Tokenizer(error.to_string()))
}

/// The words of a text as the tokenizer cuts them, decomposed and in lower case.
fn split(letters: &Tokenizer, text: &str) -> Result<Vec<String>, TrainError> {
    let encoding = letters
        .encode(text, false)
        .map_err(|error| TrainError::Tokenizer(format!("instruction {text:?}: {error}")))?;
    let mut words: BTreeMap<u32, String> = BTreeMap::new();
    for (token, word) in encoding.get_tokens().iter().zip(encoding.get_word_ids()) {
        if let Some(word) = word {
            let piece = token.strip_prefix(CONTINUES).unwrap_or(token);
            words.entry(*word).or_default().push_str(piece);
        }
    }
    // A word of foreign letters is a single `[UNK]` and no entry of its own.
    Ok(words.into_values().filter(|word| !SPECIAL.contains(&word.as_str())).collect())
}

/// All entries by id: special ones, letters, then words and pieces in their order.
fn vocabulary(words: &BTreeSet<String>) -> Vec<String> {
    let first = || ('a'..='z').chain('0'..='9').chain(LEADS).chain(VOWELS);
    let mut entries: Vec<String> = SPECIAL.map(str::to_owned).to_vec();
    entries.extend(first().map(String::from));
    entries.extend(first().chain(FINALS).map(|letter| format!("{CONTINUES}{letter}")));
    let known: BTreeSet<String> = entries.iter().cloned().collect();
    let mut pieces = BTreeSet::new();
    for word in words {
        let (stem, ending) = cut(word, words);
        pieces.insert(stem.to_owned());
        if !ending.is_empty() {
            pieces.insert(format!("{CONTINUES}{ending}"));
        }
    }
    entries.extend(pieces.into_iter().filter(|piece| !known.contains(piece)));
    entries
}

/// A Korean word's longest beginning that other words share, and the rest; other words stay whole.
fn cut<'a>(word: &'a str, words: &BTreeSet<String>) -> (&'a str, &'a str) {
    if !word.chars().all(is_hangul) {
        return (word, "");
    }
    let is_shared = |stem: &&str| {
        let from = words.range::<str, _>((Bound::Included(*stem), Bound::Unbounded));
        let alike = from.take_while(|other| other.starts_with(stem));
        alike.filter(|other| syllable_ends(other).contains(&stem.len())).nth(1).is_some()
    };
    let ends = syllable_ends(word);
    let stem = ends.iter().rev().filter_map(|end| word.get(..*end)).find(is_shared);
    stem.map_or((word, ""), |stem| word.split_at(stem.len()))
}

fn is_hangul(c: char) -> bool {
    LEADS.contains(&c) || VOWELS.contains(&c) || FINALS.contains(&c)
}

/// Where the syllables of a decomposed Korean word end, bytes.
fn syllable_ends(word: &str) -> Vec<usize> {
    let starts = word.char_indices().filter(|(at, letter)| *at > 0 && LEADS.contains(letter));
    starts.map(|(at, _)| at).chain([word.len()]).collect()
}

fn json(entries: &[String]) -> Value {
    let vocabulary: Map<String, Value> =
        entries.iter().enumerate().map(|(id, entry)| (entry.clone(), json!(id))).collect();
    let special = |id: usize, content: &str| {
        json!({
            "id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": true
        })
    };
    json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": [special(0, SPECIAL[0]), special(1, SPECIAL[1])],
        "normalizer": { "type": "Sequence", "normalizers": [
            { "type": "NFKD" },
            { "type": "Lowercase" },
            { "type": "Replace", "pattern": { "Regex": r"[^\p{L}\p{N}]+" }, "content": " " }
        ] },
        "pre_tokenizer": { "type": "WhitespaceSplit" },
        "post_processor": null,
        "decoder": { "type": "WordPiece", "prefix": CONTINUES, "cleanup": true },
        "model": {
            "type": "WordPiece",
            "unk_token": SPECIAL[1],
            "continuing_subword_prefix": CONTINUES,
            "max_input_chars_per_word": LETTERS_MAX,
            "vocab": vocabulary
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::InstructionEncoder;
    use crate::policy::manifest::{Instruction, TokenType};
    use crate::sim::language::{Template, texts};

    /// Enough for every instruction of the grammar.
    const LENGTH: usize = 40;

    fn corpus() -> Vec<String> {
        texts(|template| !template.is_held_out())
    }

    fn made() -> (String, Tokens) {
        let corpus = corpus();
        let json = tokenizer_json(corpus.iter().map(String::as_str)).unwrap();
        let tokens = Tokens::new(&json, LENGTH).unwrap();
        (json, tokens)
    }

    fn pieces(tokens: &Tokens, text: &str) -> Vec<String> {
        tokens.tokenizer.encode(text, true).unwrap().get_tokens().to_vec()
    }

    #[test]
    fn the_same_instructions_give_the_same_bytes() {
        // A policy could not be trained again to the same files.
        let (json, tokens) = made();
        let corpus = corpus();
        let again = corpus.iter().rev().chain(&corpus).map(String::as_str);
        assert_eq!(tokenizer_json(again).unwrap(), json);
        assert!(tokens.n_entries() <= ENTRIES_MAX, "{} entries", tokens.n_entries());
    }

    #[test]
    fn whatever_is_typed_has_tokens() {
        // The station would refuse an instruction because of a word, not of its length.
        let (_, tokens) = made();
        for text in ["Go LEFT!", "zigzag 42", "쀍뚫끓", "ㅋㅋ 왼쪽ㅇㅇ", "日本", "이쪽으로요"]
        {
            let ids = tokens.encode(text).unwrap();
            assert_eq!(ids.len(), LENGTH);
            let is_foreign = text == "日本";
            assert_eq!(ids.contains(&1), is_foreign, "{text}: {:?}", pieces(&tokens, text));
        }
        assert!(tokens.encode("... !").is_err());
        assert!(tokens.encode(&"go ".repeat(LENGTH + 1)).is_err());
    }

    #[test]
    fn words_are_whole_and_particles_apart() {
        // A side would be another token with each particle, to be learnt anew.
        let (_, tokens) = made();
        assert_eq!(pieces(&tokens, "Pass, left-hand!"), ["pass", "left", "hand"]);
        let side = &pieces(&tokens, "왼쪽")[0];
        for text in ["왼쪽으로", "왼쪽에", "왼쪽을", "왼쪽에서"] {
            assert_eq!(&pieces(&tokens, text)[0], side, "{text}");
        }
        let all = corpus().into_iter().chain(texts(Template::is_held_out));
        let longest = all.map(|text| pieces(&tokens, &text).len()).max();
        assert!(longest <= Some(24), "{longest:?}");
    }

    #[test]
    fn both_sides_of_every_template_differ() {
        // The tokens would not say which side was meant.
        let (_, tokens) = made();
        for text in texts(Template::has_side) {
            let mirrored = crate::sim::language::mirror(&text);
            assert_ne!(tokens.encode(&text).unwrap(), tokens.encode(&mirrored).unwrap(), "{text}");
        }
    }

    #[test]
    fn the_station_reads_the_same_tokens() {
        // A policy would be driven by other tokens than it was trained on.
        let (json, tokens) = made();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("tokenizer.json"), &json).unwrap();
        let rules = Instruction {
            input: "tokens".to_owned(),
            tokenizer: "tokenizer.json".to_owned(),
            length: LENGTH,
            pad_id: PAD_ID,
            dtype: TokenType::Int64,
            one_of: Vec::new(),
            suggestions: corpus(),
        };
        let station = InstructionEncoder::load("policy", folder.path(), &rules).unwrap();
        for text in texts(|_| true) {
            assert_eq!(station.encode(&text).unwrap(), tokens.encode(&text).unwrap());
        }
    }
}
