//! From trained weights to a policy's folder.

use std::collections::BTreeMap;
use std::path::Path;

use prost::Message;

use super::TrainError;
use super::spec::Spec;
use super::tokenizer::PAD_ID;
use super::zoo;
use crate::msg::Kinematics;
use crate::onnx::builder::OPSET;
use crate::onnx::proto::ModelProto;
use crate::policy::manifest::{
    Action, Axis, Column, Confidence, FILE_NAME, Image, Instruction, Layout, Manifest, State,
    TokenType, Training, VERSION,
};
use crate::policy::{replace, sha256};

const GRAPH: &str = "policy.onnx";
const TOKENIZER: &str = "tokenizer.json";

/// Confidence under which the station takes autonomy away; trained policies are calibrated, so it
/// is a probability.
const CONFIDENCE_MIN: f64 = 0.2;

/// The contract of the graph that [`zoo`] builds for `spec`. The hashes of its files are put in
/// when they are written.
#[must_use]
pub fn manifest(spec: &Spec, suggestions: Vec<String>, training: Training) -> Manifest {
    let axes = [Axis::LinearX, Axis::LinearY, Axis::AngularZ];
    let column = |(axis, scale): (Axis, &f64)| Column {
        axis,
        scale: *scale,
        offset: 0.0,
        min: -*scale,
        max: *scale,
    };
    let [x, y, yaw] = spec.output.tolerance;
    Manifest {
        version: VERSION,
        name: spec.name.clone(),
        summary: spec.summary.clone(),
        graph: GRAPH.to_owned(),
        opset: OPSET,
        rate_hz: spec.input.rate_hz,
        files: BTreeMap::new(),
        // As the pictures of the examples were made.
        image: Image {
            input: zoo::IMAGE.to_owned(),
            layout: Layout::Nchw,
            ..spec.examples().image()
        },
        instruction: Some(Instruction {
            input: zoo::TOKENS.to_owned(),
            tokenizer: TOKENIZER.to_owned(),
            length: spec.input.tokens,
            pad_id: PAD_ID,
            dtype: TokenType::Int64,
            one_of: Vec::new(),
            suggestions,
        }),
        state: vec![State {
            input: zoo::MEMORY.to_owned(),
            output: zoo::MEMORY_NEXT.to_owned(),
            shape: vec![1, spec.architecture.width],
        }],
        action: Action {
            output: zoo::ACTION.to_owned(),
            slots: spec.output.slots,
            slot_ms: spec.output.slot_ms,
            horizon_ms_max: spec.output.horizon_ms_max,
            kinematics: Kinematics::Omni,
            axes: axes.into_iter().zip(&spec.output.scale).map(column).collect(),
        },
        confidence: Confidence {
            output: zoo::CONFIDENCE.to_owned(),
            min: CONFIDENCE_MIN,
            meaning: format!(
                "Probability that every axis is within {x} m/s, {y} m/s and {yaw} rad/s of what \
                 the operator would do, calibrated on held-out episodes."
            ),
            tolerance: Some(spec.output.tolerance),
        },
        training,
    }
}

/// Makes the manifest of a policy that is trained on that of the one `spec` names: other files,
/// not examined yet.
pub fn own(manifest: &mut Manifest, spec: &Spec) {
    manifest.name.clone_from(&spec.name);
    manifest.summary.clone_from(&spec.summary);
    GRAPH.clone_into(&mut manifest.graph);
    if let Some(instruction) = &mut manifest.instruction {
        TOKENIZER.clone_into(&mut instruction.tokenizer);
    }
    manifest.files.clear();
}

/// Writes the policy's folder; the manifest comes last, for it makes a folder a policy's.
///
/// # Errors
/// A file cannot be written.
pub fn write(
    folder: &Path,
    model: &ModelProto,
    tokenizer: &str,
    mut manifest: Manifest,
) -> Result<(), TrainError> {
    std::fs::create_dir_all(folder).map_err(TrainError::io("create", folder))?;
    let graph = model.encode_to_vec();
    for (name, bytes) in [(GRAPH, graph.as_slice()), (TOKENIZER, tokenizer.as_bytes())] {
        let path = folder.join(name);
        replace(&path, bytes).map_err(TrainError::io("write", &path))?;
        let hash = sha256(&path).map_err(TrainError::io("read", &path))?;
        manifest.files.insert(name.to_owned(), hash);
    }
    let text = toml::to_string(&manifest).map_err(|error| TrainError::Data(error.to_string()))?;
    let path = folder.join(FILE_NAME);
    replace(&path, text.as_bytes()).map_err(TrainError::io("write", &path))
}
