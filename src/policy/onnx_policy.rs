use std::path::Path;
use std::time::Duration;

use crate::msg::{ActionChunk, Frame, MAX_SLOTS, Twist};
use crate::onnx::{
    BoundSession, Device, Model, Refusal, Runtime, Session, SessionError, SessionOptions, inspect,
};

use super::contract::{Wiring, wire};
use super::folder::verify;
use super::manifest::{Axis, Column, ImageType, TokenType};
use super::{InstructionEncoder, Manifest, Policy, PolicyError, PolicyInfo, Preprocessor};

/// How far over 1 or under 0 a confidence may be by rounding.
const CONFIDENCE_SLACK: f32 = 1e-3;

/// A policy folder, loaded, checked and warm.
#[derive(Debug)]
pub struct OnnxPolicy {
    manifest: Manifest,
    info: PolicyInfo,
    refusals: Vec<Refusal>,
    wiring: Wiring,
    encoder: Option<InstructionEncoder>,
    preprocessor: Preprocessor,
    session: BoundSession,
    /// An instruction is in force, or the policy takes none.
    is_instructed: bool,
}

impl OnnxPolicy {
    /// Loads the policy in `folder`: manifest, hashes, graph, tokenizer, each checked against the
    /// others; then one inference on a black picture, so that the first real one is as fast as the
    /// rest.
    ///
    /// # Errors
    /// What does not fit, precisely, or the device's own words.
    pub fn load(folder: &Path, runtime: &Runtime, device: Device) -> Result<Self, PolicyError> {
        Self::load_with(folder, runtime, &SessionOptions { device, ..SessionOptions::default() })
    }

    /// As [`Self::load`], with all of a session's options.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn load_with(
        folder: &Path,
        runtime: &Runtime,
        options: &SessionOptions,
    ) -> Result<Self, PolicyError> {
        let (manifest, encoder) = check_files(folder)?;
        let failed = |source| PolicyError::Session { policy: manifest.name.clone(), source };
        let graph = folder.join(&manifest.graph);
        let session = Session::open(runtime, Model::File(&graph), options).map_err(failed)?;
        let wiring = wire(&manifest, session.inputs(), session.outputs())
            .map_err(|reason| PolicyError::Contract { policy: manifest.name.clone(), reason })?;
        let info = info_of(&manifest, session.provider());
        let refusals = session.refusals().to_vec();
        let bound = session.bind(&wiring.input_shapes, &wiring.output_shapes).map_err(failed)?;
        let mut policy = Self {
            preprocessor: Preprocessor::new(manifest.image.clone()),
            is_instructed: encoder.is_none(),
            manifest,
            info,
            refusals,
            wiring,
            encoder,
            session: bound,
        };
        policy.warm_up()?;
        Ok(policy)
    }

    /// The contract it was loaded by.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Devices that were tried before the one in [`PolicyInfo::device`], with their providers'
    /// reasons.
    #[must_use]
    pub fn refusals(&self) -> &[Refusal] {
        &self.refusals
    }

    fn warm_up(&mut self) -> Result<(), PolicyError> {
        self.fill_image(&Frame::default())?;
        if let Err(source) = self.session.run() {
            return Err(self.failed(source));
        }
        self.chunk_of_outputs(&mut ActionChunk::default())?;
        self.clear_state().map_err(|source| self.failed(source))
    }

    fn fill_image(&mut self, frame: &Frame) -> Result<(), PolicyError> {
        let index = self.wiring.image;
        let result = match self.preprocessor.dtype() {
            ImageType::Float32 => self
                .session
                .input::<f32>(index)
                .map(|tensor| self.preprocessor.apply(frame, tensor)),
            ImageType::Uint8 => {
                self.session.input::<u8>(index).map(|tensor| self.preprocessor.apply(frame, tensor))
            }
        };
        result.map_err(|source| self.failed(source))
    }

    fn put_tokens(&mut self, tokens: &[i64]) -> Result<(), SessionError> {
        let (Some(index), Some(rules)) = (self.wiring.tokens, &self.manifest.instruction) else {
            return Ok(());
        };
        match rules.dtype {
            TokenType::Int64 => {
                let input = self.session.input::<i64>(index)?;
                input.iter_mut().zip(tokens).for_each(|(slot, token)| *slot = *token);
            }
            TokenType::Int32 => {
                let input = self.session.input::<i32>(index)?;
                // Token ids of every tokenizer are below 2^31.
                input.iter_mut().zip(tokens).for_each(|(slot, token)| *slot = *token as i32);
            }
        }
        Ok(())
    }

    fn clear_state(&mut self) -> Result<(), SessionError> {
        for (input, _) in &self.wiring.state {
            self.session.input::<f32>(*input)?.fill(0.0);
        }
        Ok(())
    }

    /// Checks every output and turns the action tensor into twists.
    fn chunk_of_outputs(&self, chunk: &mut ActionChunk) -> Result<(), PolicyError> {
        let (action, confidence) = (&self.manifest.action, &self.manifest.confidence);
        let rows = self.finite(self.wiring.action, &action.output)?;
        for ((_, output), state) in self.wiring.state.iter().zip(&self.manifest.state) {
            self.finite(*output, &state.output)?;
        }
        let value = self.finite(self.wiring.confidence, &confidence.output)?;
        let value = value.first().copied().unwrap_or_default();
        if !(-CONFIDENCE_SLACK..=1.0 + CONFIDENCE_SLACK).contains(&value) {
            return Err(PolicyError::Confidence { policy: self.manifest.name.clone(), value });
        }
        let mut twists = [Twist::ZERO; MAX_SLOTS];
        let slots = rows.chunks_exact(action.axes.len());
        for (twist, row) in twists.iter_mut().zip(slots) {
            for (column, element) in action.axes.iter().zip(row) {
                put(twist, column, *element);
            }
        }
        chunk.set_twists(twists.get(..action.slots).unwrap_or(&twists));
        chunk.slot = Duration::from_millis(action.slot_ms);
        chunk.horizon = Duration::from_millis(action.horizon_ms_max);
        chunk.confidence = f64::from(value).clamp(0.0, 1.0);
        Ok(())
    }

    fn finite(&self, index: usize, name: &str) -> Result<&[f32], PolicyError> {
        let elements = self.session.output(index);
        if elements.iter().all(|element| element.is_finite()) {
            return Ok(elements);
        }
        let (policy, output) = (self.manifest.name.clone(), name.to_owned());
        Err(PolicyError::NotFinite { policy, output })
    }

    fn failed(&self, source: SessionError) -> PolicyError {
        PolicyError::Session { policy: self.manifest.name.clone(), source }
    }
}

impl Policy for OnnxPolicy {
    fn info(&self) -> &PolicyInfo {
        &self.info
    }

    fn set_instruction(&mut self, text: &str) -> Result<(), PolicyError> {
        let Some(encoder) = &self.encoder else {
            return Ok(());
        };
        self.is_instructed = false;
        let tokens = encoder.encode(text)?;
        self.put_tokens(&tokens).map_err(|source| self.failed(source))?;
        self.reset();
        self.is_instructed = true;
        Ok(())
    }

    fn reset(&mut self) {
        if let Err(error) = self.clear_state() {
            // The state inputs were written at load; this cannot fail afterwards.
            tracing::error!("policy {}: reset: {error}", self.manifest.name);
        }
    }

    fn infer(&mut self, frame: &Frame, chunk: &mut ActionChunk) -> Result<(), PolicyError> {
        if !self.is_instructed {
            return Err(PolicyError::NoInstruction { policy: self.manifest.name.clone() });
        }
        self.fill_image(frame)?;
        self.session.run().map_err(|source| self.failed(source))?;
        self.chunk_of_outputs(chunk)?;
        let Self { wiring, session, .. } = self;
        let carried =
            wiring.state.iter().try_for_each(|(input, output)| session.carry(*output, *input));
        carried.map_err(|source| self.failed(source))
    }
}

fn put(twist: &mut Twist, column: &Column, element: f32) {
    let value = f64::from(element) * column.scale + column.offset;
    let value = value.clamp(column.min, column.max);
    match column.axis {
        Axis::LinearX => twist.linear_x = value,
        Axis::LinearY => twist.linear_y = value,
        Axis::AngularZ => twist.angular_z = value,
    }
}

fn info_of(manifest: &Manifest, provider: &str) -> PolicyInfo {
    let suggestions =
        manifest.instruction.as_ref().map(|rules| rules.suggestions.clone()).unwrap_or_default();
    PolicyInfo {
        name: manifest.name.clone(),
        sha256: manifest.files.get(&manifest.graph).cloned().unwrap_or_default(),
        device: provider.to_owned(),
        kinematics: manifest.action.kinematics,
        confidence_min: manifest.confidence.min,
        tolerance: manifest.confidence.tolerance,
        rate_hz: manifest.rate_hz,
        suggestions,
    }
}

/// Everything about the policy in `folder` that can be checked without running it: manifest,
/// hashes, operator set, tokenizer and suggestions.
///
/// # Errors
/// The first thing that does not fit.
pub fn check(folder: &Path) -> Result<Manifest, PolicyError> {
    check_files(folder).map(|(manifest, _)| manifest)
}

fn check_files(folder: &Path) -> Result<(Manifest, Option<InstructionEncoder>), PolicyError> {
    let manifest = Manifest::read(folder)?;
    verify(folder, &manifest)?;
    check_opset(folder, &manifest)?;
    let encoder = match &manifest.instruction {
        Some(rules) => Some(InstructionEncoder::load(&manifest.name, folder, rules)?),
        None => None,
    };
    Ok((manifest, encoder))
}

fn check_opset(folder: &Path, manifest: &Manifest) -> Result<(), PolicyError> {
    let path = folder.join(&manifest.graph);
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) => return Err(PolicyError::File { path, reason: error.to_string() }),
    };
    match inspect::opset(&bytes) {
        Ok(found) if found == manifest.opset => Ok(()),
        Ok(found) => {
            let reason =
                format!("it imports operator set {found}, policy.toml says {}", manifest.opset);
            Err(PolicyError::Graph { path, reason })
        }
        Err(error) => Err(PolicyError::Graph { path, reason: error.to_string() }),
    }
}
