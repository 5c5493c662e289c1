use serde_json::{Map, json};

/// Tokens of an instruction.
pub const LENGTH: usize = 16;

/// Every word the policy reads, by token id; whatever else is said is `[UNK]`.
pub(super) const VOCABULARY: [&str; 24] = [
    "[PAD]", "[UNK]", "red", "green", "blue", "find", "go", "drive", "move", "come", "to", "the",
    "a", "target", "cup", "ball", "object", "thing", "marker", "cone", "toward", "towards", "and",
    "stop",
];

/// The tokenizer as the text of a Hugging Face `tokenizer.json`: words in lower case, one token
/// each.
#[must_use]
pub fn tokenizer() -> String {
    let vocabulary: Map<String, serde_json::Value> =
        VOCABULARY.iter().enumerate().map(|(id, word)| ((*word).to_owned(), json!(id))).collect();
    let special = |id: usize, content: &str| {
        json!({
            "id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": true
        })
    };
    let tokenizer = json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": [special(0, "[PAD]"), special(1, "[UNK]")],
        "normalizer": { "type": "Lowercase" },
        "pre_tokenizer": { "type": "Whitespace" },
        "post_processor": null,
        "decoder": null,
        "model": { "type": "WordLevel", "vocab": vocabulary, "unk_token": "[UNK]" }
    });
    format!("{tokenizer:#}\n")
}
