use std::path::Path;

use tokenizers::Tokenizer;

use super::PolicyError;
use super::manifest::Instruction;

/// Turns an instruction into the token ids a policy's graph takes.
#[derive(Debug)]
pub struct InstructionEncoder {
    policy: String,
    rules: Instruction,
    tokenizer: Tokenizer,
    /// Token ids of each word of `one_of`.
    words: Vec<Vec<u32>>,
}

impl InstructionEncoder {
    /// Reads the tokenizer in `folder` and checks that it can tell the manifest's words and suggestions apart.
    ///
    /// # Errors
    /// The file is no tokenizer, or does not know a word or suggestion that the manifest names.
    pub fn load(policy: &str, folder: &Path, rules: &Instruction) -> Result<Self, PolicyError> {
        let path = folder.join(&rules.tokenizer);
        let failed = |reason: String| PolicyError::Tokenizer {
            policy: policy.to_owned(),
            path: path.clone(),
            reason,
        };
        let tokenizer = Tokenizer::from_file(&path).map_err(|error| failed(error.to_string()))?;
        let mut words = Vec::with_capacity(rules.one_of.len());
        for word in &rules.one_of {
            let ids = ids_of(&tokenizer, word).map_err(&failed)?;
            if words.contains(&ids) {
                return Err(failed(format!("it gives {word:?} the same tokens as another word")));
            }
            words.push(ids);
        }
        let encoder = Self { policy: policy.to_owned(), rules: rules.clone(), tokenizer, words };
        for suggestion in &rules.suggestions {
            encoder.encode(suggestion).map_err(|_| {
                failed(format!("it cannot encode the policy's own suggestion {suggestion:?}"))
            })?;
        }
        Ok(encoder)
    }

    /// The token ids of `text`, padded to the policy's length.
    ///
    /// # Errors
    /// [`PolicyError::Instruction`]: empty, too long, or not exactly one of the words the policy needs.
    pub fn encode(&self, text: &str) -> Result<Vec<i64>, PolicyError> {
        let unknown = || PolicyError::Instruction {
            policy: self.policy.clone(),
            instruction: text.to_owned(),
            suggestion: self.rules.suggestions.first().cloned().unwrap_or_default(),
        };
        let ids = ids_of(&self.tokenizer, text).map_err(|_| unknown())?;
        let is_in = |word: &&Vec<u32>| ids.windows(word.len()).any(|window| window == *word);
        let n_found = self.words.iter().filter(is_in).count();
        if ids.len() > self.rules.length || (!self.words.is_empty() && n_found != 1) {
            return Err(unknown());
        }
        let mut tokens: Vec<i64> = ids.into_iter().map(i64::from).collect();
        tokens.resize(self.rules.length, self.rules.pad_id);
        Ok(tokens)
    }
}

/// At least one id, or why there is none.
fn ids_of(tokenizer: &Tokenizer, text: &str) -> Result<Vec<u32>, String> {
    let encoding = tokenizer.encode(text, true).map_err(|error| error.to_string())?;
    match encoding.get_ids() {
        [] => Err(format!("it has no token for {text:?}")),
        ids => Ok(ids.to_vec()),
    }
}
