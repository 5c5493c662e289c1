//! What a run begins with: a graph with fresh weights, or a policy that exists already.

use std::path::Path;

use anyhow::{Context, ensure};
use prost::Message;

use crate::onnx::proto::ModelProto;
use crate::policy;
use crate::policy::manifest::{Manifest, Training};
use crate::sim::Side;
use crate::train::deploy;
use crate::train::spec::Spec;
use crate::train::tokenizer::{Tokens, tokenizer_json};

/// A graph with its words and its contract.
#[derive(Clone, Debug)]
pub(super) struct Start {
    pub(super) model: ModelProto,
    /// The text of a `tokenizer.json`.
    pub(super) tokenizer: String,
    pub(super) manifest: Manifest,
    /// The policy it was; `None` when it is a new one.
    pub(super) from: Option<String>,
}

impl Start {
    /// The specification's architecture, with a word for each word of `instructions`.
    pub(super) fn fresh(spec: &Spec, instructions: &[String]) -> anyhow::Result<Self> {
        let tokenizer = tokenizer_json(instructions.iter().map(String::as_str))?;
        let tokens = Tokens::new(&tokenizer, spec.input.tokens)?;
        let frame = spec.frame(tokens.n_entries());
        let model = spec.architecture.build(&frame, spec.seed)?.finish(&spec.summary);
        let suggestions = Side::BOTH.map(|side| side.instruction().to_owned()).to_vec();
        let training = Training { data: String::new(), scores: String::new() };
        let manifest = deploy::manifest(spec, suggestions, training);
        Ok(Self { model, tokenizer, manifest, from: None })
    }

    /// The policy in `folder`. `spec` takes over what its contract says of inputs and outputs.
    ///
    /// # Errors
    /// Its files are not whole, or its contract is one that training cannot keep.
    pub(super) fn of(folder: &Path, spec: &mut Spec) -> anyhow::Result<Self> {
        let manifest = policy::check(folder)?;
        let cannot = || format!("{} cannot be trained on", folder.display());
        spec.adopt(&manifest).map_err(anyhow::Error::msg).with_context(cannot)?;
        let graph = folder.join(&manifest.graph);
        let bytes =
            std::fs::read(&graph).with_context(|| format!("cannot read {}", graph.display()))?;
        let model = ModelProto::decode(bytes.as_slice())
            .with_context(|| format!("{} is no ONNX file", graph.display()))?;
        let words = manifest.instruction.as_ref().map(|words| folder.join(&words.tokenizer));
        let words = words.context("it takes no instruction").with_context(cannot)?;
        let tokenizer = std::fs::read_to_string(&words)
            .with_context(|| format!("cannot read {}", words.display()))?;
        ensure!(
            manifest.files.len() == 2,
            "{}: its weights lie in a file of their own; put them into the graph's",
            folder.display()
        );
        let from = Some(format!("{} {}", manifest.name, policy::sha256(&graph)?));
        Ok(Self { model, tokenizer, manifest, from })
    }
}
