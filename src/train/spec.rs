//! What to train: the file that `pilothouse train` is given.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::TrainError;
use super::examples::ExamplesSpec;
use super::graph::BatchSize;
use super::objective::Objective;
use super::optimiser;
use super::zoo::{Compact, Frame};
use crate::policy::Manifest;
use crate::policy::manifest::{Axis, Image, Layout};

/// A policy to be trained. Every key but those with a default is required, and no other is known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    pub name: String,
    /// One line for lists.
    pub summary: String,
    /// Draws the first weights, the batches and their augmentation.
    pub seed: u64,
    pub input: Input,
    pub output: Output,
    pub architecture: Compact,
    pub objective: Objective,
    pub batch: Batch,
    pub attempts: Attempts,
    #[serde(default)]
    pub optimiser: optimiser::Config,
}

/// What the policy sees and how often.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    pub width: u32,
    pub height: u32,
    pub rate_hz: f64,
    /// Longest instruction, tokens.
    pub tokens: usize,
}

/// What it answers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Output {
    pub slots: usize,
    pub slot_ms: u64,
    pub horizon_ms_max: u64,
    /// Largest command on each axis, m/s, m/s, rad/s; 1 in the action tensor.
    pub scale: [f64; 3],
    /// What the confidence is the probability of: being within this of the operator's command.
    pub tolerance: [f64; 3],
}

/// How much is learnt from at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Batch {
    /// Sequences.
    pub lanes: usize,
    /// Steps of each, through which slopes are carried back.
    pub steps: usize,
}

/// What is learnt from in the simulator, besides recordings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attempts {
    /// Demonstrations by the expert to learn from, and to examine with.
    pub demonstrations: u64,
    pub held_out: u64,
    /// Share of the attempts whose execution is disturbed, and by how much, m/s.
    pub disturbed: f64,
    pub disturbance_mps: f64,
    /// How often the policy drives and the expert says what it should have done (`DAgger`), how
    /// many attempts each time, and the share of the time in which the expert drives meanwhile.
    pub rounds: u64,
    pub attempts_a_round: u64,
    pub expert_share: f64,
    /// Size of the simulated camera's pictures.
    pub camera: (u32, u32),
}

/// The station's own policy, for a program that runs without this file beside it.
const DEFAULT: &str = include_str!("../../configs/policies/default.toml");
/// Where it lies.
pub const DEFAULT_PATH: &str = "configs/policies/default.toml";

impl Spec {
    /// Without a file at [`DEFAULT_PATH`], the one that was there when this program was built.
    ///
    /// # Errors
    /// The file cannot be read, a key is missing, unknown or has a value it cannot have.
    pub fn read(path: &Path) -> Result<Self, TrainError> {
        let text = match std::fs::read_to_string(path) {
            Err(error)
                if error.kind() == std::io::ErrorKind::NotFound
                    && path == Path::new(DEFAULT_PATH) =>
            {
                DEFAULT.to_owned()
            }
            read => read.map_err(TrainError::io("read", path))?,
        };
        let failed = |reason: String| TrainError::Spec { path: path.to_owned(), reason };
        let spec: Self = toml::from_str(&text).map_err(|error| failed(error.to_string()))?;
        spec.check().map_err(failed)?;
        Ok(spec)
    }

    /// The first rule broken, in words.
    fn check(&self) -> Result<(), String> {
        let Input { width, height, rate_hz, tokens } = self.input;
        if !(32..=1024).contains(&width) || !(32..=1024).contains(&height) {
            return Err(format!("input is {width} x {height}; each side must be 32 to 1024"));
        }
        if !(rate_hz.is_finite() && (1.0..=60.0).contains(&rate_hz)) {
            return Err(format!("input.rate_hz is {rate_hz}; it must be 1 to 60"));
        }
        let sizes = [
            ("input.tokens", tokens, 256),
            ("output.slots", self.output.slots, crate::msg::MAX_SLOTS),
            ("batch.lanes", self.batch.lanes, 1024),
            ("batch.steps", self.batch.steps, 256),
        ];
        for (key, size, most) in sizes {
            if !(1..=most).contains(&size) {
                return Err(format!("{key} is {size}; it must be 1 to {most}"));
            }
        }
        let Attempts { disturbed, disturbance_mps, expert_share, camera, .. } = self.attempts;
        let is_share = |share: f64| (0.0..=1.0).contains(&share);
        if !is_share(disturbed) || !is_share(expert_share) || !is_share(disturbance_mps) {
            return Err(
                "attempts.disturbed, disturbance_mps and expert_share must be 0 to 1".into()
            );
        }
        let sides = 32..=4096;
        if !sides.contains(&camera.0) || !sides.contains(&camera.1) {
            return Err(format!("attempts.camera is {camera:?}; each side must be 32 to 4096"));
        }
        let scales = self.output.scale.iter().chain(&self.output.tolerance);
        if scales.clone().all(|scale| scale.is_finite() && *scale > 0.0) {
            Ok(())
        } else {
            Err("output.scale and output.tolerance must be positive".to_owned())
        }
    }

    /// Takes over what the contract of a finished policy says of inputs and outputs, to train it
    /// on. The architecture is the policy's own from then on.
    ///
    /// # Errors
    /// What of the contract training cannot keep, in words.
    pub fn adopt(&mut self, manifest: &Manifest) -> Result<(), String> {
        let Some(words) = &manifest.instruction else {
            return Err("it takes no instruction".to_owned());
        };
        let axes = [Axis::LinearX, Axis::LinearY, Axis::AngularZ];
        let columns = &manifest.action.axes;
        if !columns.iter().map(|column| column.axis).eq(axes) {
            return Err("its action is not x, y and yaw".to_owned());
        }
        for (scale, column) in self.output.scale.iter_mut().zip(columns) {
            *scale = column.scale;
        }
        self.summary.clone_from(&manifest.summary);
        let image = &manifest.image;
        (self.input.width, self.input.height) = (image.width, image.height);
        self.input.rate_hz = manifest.rate_hz;
        self.input.tokens = words.length;
        self.output.slots = manifest.action.slots;
        self.output.slot_ms = manifest.action.slot_ms;
        self.output.horizon_ms_max = manifest.action.horizon_ms_max;
        self.output.tolerance = manifest.confidence.tolerance.unwrap_or(self.output.tolerance);
        let ours =
            Image { input: image.input.clone(), layout: Layout::Nchw, ..self.examples().image() };
        if *image != ours {
            return Err(
                "its pictures are prepared in another way than examples are: levels, RGB, \
                        planar, all of the picture between black bars"
                    .to_owned(),
            );
        }
        self.check()
    }

    #[must_use]
    pub const fn batch_size(&self) -> BatchSize {
        BatchSize { lanes: self.batch.lanes, steps: self.batch.steps }
    }

    #[must_use]
    pub const fn examples(&self) -> ExamplesSpec {
        ExamplesSpec {
            width: self.input.width,
            height: self.input.height,
            rate_hz: self.input.rate_hz,
            slots: self.output.slots,
            slot_ms: self.output.slot_ms,
        }
    }

    /// What the graph must fit, with `n_tokens` known tokens.
    #[must_use]
    pub fn frame(&self, n_tokens: usize) -> Frame {
        let Output { slots, scale, tolerance, .. } = self.output;
        let share = |axis: usize| (tolerance[axis] / scale[axis]) as f32;
        Frame {
            width: self.input.width as usize,
            height: self.input.height as usize,
            length: self.input.tokens,
            n_tokens,
            slots,
            tolerance: [share(0), share(1), share(2)],
        }
    }
}
