//! `policy.toml`: what a policy's graph takes and gives, so that the loader can hold the graph to
//! it.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use serde::{Deserialize, Serialize};

use crate::msg::{Kinematics, MAX_SLOTS};

use super::PolicyError;

/// The manifest's file name in a policy folder.
pub const FILE_NAME: &str = "policy.toml";
/// The manifest format this program reads.
pub const VERSION: u32 = 1;
/// Longest instruction, in tokens.
const LENGTH_MAX: usize = 1024;
/// Longest side of the picture a policy may ask for, pixels.
const SIDE_MAX: u32 = 4096;

/// A policy's contract. Unknown keys are refused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Format of this file: [`VERSION`].
    pub version: u32,
    pub name: String,
    /// One line for lists.
    pub summary: String,
    /// File name of the graph.
    pub graph: String,
    /// Version of the standard operator set the graph imports.
    pub opset: i64,
    /// Inferences per second it was made for; its recurrent state counts on it.
    pub rate_hz: f64,
    /// sha256 (hex) of every file of the policy but this one.
    pub files: BTreeMap<String, String>,
    pub image: Image,
    pub instruction: Option<Instruction>,
    /// Recurrent tensors: an output that becomes an input of the next inference, zero at first.
    #[serde(default)]
    pub state: Vec<State>,
    pub action: Action,
    pub confidence: Confidence,
    pub training: Training,
}

/// The picture input.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Image {
    /// The graph's name of it; shape [1, 3, height, width] or [1, height, width, 3].
    pub input: String,
    pub width: u32,
    pub height: u32,
    pub fit: Fit,
    pub filter: Filter,
    pub colour: Colour,
    pub layout: Layout,
    pub dtype: ImageType,
    /// Each element is `(level * scale - mean) / std`, level 0..=255; `mean` and `std` per channel
    /// of `colour`.
    pub scale: f32,
    pub mean: [f32; 3],
    pub std: [f32; 3],
}

/// How a picture of another aspect is fitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fit {
    /// Each side scaled by itself.
    Stretch,
    /// The largest centred part of the wanted aspect.
    Crop,
    /// All of it, centred between black bars.
    Pad,
}

/// How it is resampled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Filter {
    /// Triangle filter, widened when shrinking: Pillow's `BILINEAR`, torchvision with `antialias`.
    Bilinear,
    /// Mean over the covered area when shrinking, as `OpenCV`'s `INTER_AREA`; linear when
    /// enlarging.
    Area,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Colour {
    Rgb,
    Bgr,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    Nchw,
    Nhwc,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ImageType {
    Float32,
    /// Levels as they are: needs `scale = 1`, `mean = 0`, `std = 1`.
    Uint8,
}

/// The instruction input.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Instruction {
    /// The graph's name of it; shape [1, length].
    pub input: String,
    /// File name of a Hugging Face `tokenizer.json`.
    pub tokenizer: String,
    /// Tokens given; longer instructions are refused, shorter ones padded with `pad_id`.
    pub length: usize,
    pub pad_id: i64,
    pub dtype: TokenType,
    /// Where not empty: exactly one of these words must be in an instruction.
    #[serde(default)]
    pub one_of: Vec<String>,
    /// Instructions it was made for, most useful first.
    pub suggestions: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenType {
    Int32,
    Int64,
}

/// One recurrent tensor, `float32`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    pub input: String,
    pub output: String,
    pub shape: Vec<usize>,
}

/// The action output: `float32` [1, slots, axes].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Action {
    pub output: String,
    /// At most [`MAX_SLOTS`].
    pub slots: usize,
    pub slot_ms: u64,
    /// Never play a chunk past this time after its frame's capture.
    pub horizon_ms_max: u64,
    pub kinematics: Kinematics,
    /// Columns of the tensor, in its order; a twist's other axes are zero.
    pub axes: Vec<Column>,
}

/// One column of the action tensor: `clip(element * scale + offset, min, max)` in m/s or rad/s.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    pub axis: Axis,
    pub scale: f64,
    pub offset: f64,
    pub min: f64,
    pub max: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Axis {
    LinearX,
    LinearY,
    AngularZ,
}

/// The confidence output: one `float32` in 0..=1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Confidence {
    pub output: String,
    /// Under it for 0.5 s the station takes autonomy away; 0 makes it advisory.
    pub min: f64,
    /// What the number is, in words: calibrated on what, or not.
    pub meaning: String,
    /// How far each axis may be off, m/s, m/s and rad/s, to count as what the operator would do;
    /// left out where the number claims no such thing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tolerance: Option<[f64; 3]>,
}

/// Where the policy comes from and what was measured on exactly these files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Training {
    pub data: String,
    pub scores: String,
}

impl Manifest {
    /// Reads the manifest of the policy in `folder` and checks it against itself.
    ///
    /// # Errors There is none, it is no valid TOML (the key and the nearest valid one are named),
    /// or its parts do not agree.
    pub fn read(folder: &Path) -> Result<Self, PolicyError> {
        let path = folder.join(FILE_NAME);
        let failed = |reason| PolicyError::Manifest { path: path.clone(), reason };
        let text = std::fs::read_to_string(&path).map_err(|error| failed(error.to_string()))?;
        Self::parse(&text).map_err(failed)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let manifest: Self = toml::from_str(text).map_err(|error| explain(&error))?;
        manifest.check()?;
        Ok(manifest)
    }

    /// The first rule broken, in words.
    fn check(&self) -> Result<(), String> {
        if self.version != VERSION {
            let found = self.version;
            return Err(format!("version is {found}; this program reads version {VERSION}"));
        }
        if !(self.rate_hz.is_finite() && self.rate_hz > 0.0) {
            return Err(format!("rate_hz is {}; it must be positive", self.rate_hz));
        }
        self.check_files()?;
        self.image.check()?;
        if let Some(instruction) = &self.instruction {
            instruction.check()?;
        }
        self.action.check()?;
        if (0.0..=1.0).contains(&self.confidence.min) {
            Ok(())
        } else {
            Err(format!("confidence.min is {}; it must be in 0..=1", self.confidence.min))
        }
    }

    fn check_files(&self) -> Result<(), String> {
        let tokenizer = self.instruction.as_ref().map(|instruction| &instruction.tokenizer);
        for needed in [Some(&self.graph), tokenizer].into_iter().flatten() {
            if !self.files.contains_key(needed) {
                return Err(format!("[files] has no sha256 of {needed:?}"));
            }
        }
        for (name, sha256) in &self.files {
            let mut parts = Path::new(name).components();
            if !matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None)) {
                return Err(format!("[files] names {name:?}; only files in the folder itself"));
            }
            if sha256.len() != 64 || !sha256.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                return Err(format!("[files] {name:?}: a sha256 is 64 hexadecimal digits"));
            }
        }
        Ok(())
    }
}

impl Image {
    fn check(&self) -> Result<(), String> {
        let sides = 1..=SIDE_MAX;
        if !sides.contains(&self.width) || !sides.contains(&self.height) {
            return Err(format!(
                "[image] is {} x {}; each side must be 1 to {SIDE_MAX}",
                self.width, self.height
            ));
        }
        if !self.std.iter().all(|std| std.is_finite() && *std > 0.0) {
            return Err(format!("image.std is {:?}; each must be positive", self.std));
        }
        if !self.scale.is_finite() || !self.mean.iter().all(|mean| mean.is_finite()) {
            return Err("image.scale and image.mean must be finite".to_owned());
        }
        #[expect(clippy::float_cmp, reason = "exactly the identity is asked for")]
        let is_identity = self.scale == 1.0 && self.mean == [0.0; 3] && self.std == [1.0; 3];
        if self.dtype == ImageType::Uint8 && !is_identity {
            return Err("image.dtype uint8 needs scale = 1, mean = 0 and std = 1".to_owned());
        }
        Ok(())
    }
}

impl Instruction {
    fn check(&self) -> Result<(), String> {
        if !(1..=LENGTH_MAX).contains(&self.length) {
            let length = self.length;
            return Err(format!("instruction.length is {length}; it must be 1 to {LENGTH_MAX}"));
        }
        if self.suggestions.is_empty() {
            return Err("instruction.suggestions is empty; name at least one".to_owned());
        }
        Ok(())
    }
}

impl Action {
    fn check(&self) -> Result<(), String> {
        if !(1..=MAX_SLOTS).contains(&self.slots) {
            let slots = self.slots;
            return Err(format!("action.slots is {slots}; it must be 1 to {MAX_SLOTS}"));
        }
        if self.slot_ms == 0 || self.horizon_ms_max == 0 {
            return Err("action.slot_ms and action.horizon_ms_max must be positive".to_owned());
        }
        if self.axes.is_empty() {
            return Err("action.axes is empty".to_owned());
        }
        for (index, column) in self.axes.iter().enumerate() {
            let axis = column.axis;
            let numbers = [column.scale, column.offset, column.min, column.max];
            if !numbers.iter().all(|number| number.is_finite()) || column.min > column.max {
                return Err(format!("action.axes {axis:?}: min must not be over max, all finite"));
            }
            if self.axes.iter().skip(index + 1).any(|other| other.axis == axis) {
                return Err(format!("action.axes names {axis:?} twice"));
            }
            if axis == Axis::LinearY && self.kinematics == Kinematics::Differential {
                return Err("action.axes has linear_y, which a differential base has not".into());
            }
        }
        Ok(())
    }
}

/// The parser's message with the nearest valid word added where a key or word is unknown.
fn explain(error: &toml::de::Error) -> String {
    let text = error.to_string();
    let mut quoted = error.message().split('`').skip(1).step_by(2);
    let (Some(unknown), true) = (quoted.next(), error.message().starts_with("unknown")) else {
        return text;
    };
    let nearest = quoted.max_by(|a, b| {
        strsim::jaro_winkler(a, unknown).total_cmp(&strsim::jaro_winkler(b, unknown))
    });
    match nearest {
        Some(nearest) => format!("{text}did you mean `{nearest}`?"),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEACON: &str = include_str!("../../models/beacon/policy.toml");

    #[test]
    fn broken_manifests_are_told_apart() {
        // Each rule of the contract must be checked, and its message must name the key that broke
        // it.
        let cases = [
            ("version = 1", "version = 2", "reads version 1"),
            ("rate_hz = ", "rat_hz = ", "did you mean `rate_hz`?"),
            ("fit = \"pad\"", "fit = \"padd\"", "did you mean `pad`?"),
            ("rate_hz = ", "rate_hz = -", "rate_hz is -"),
            ("slots = 10", "slots = 33", "action.slots is 33"),
            ("slots = 10", "slots = \"many\"", "slots"),
            ("axis = \"linear_x\"", "axis = \"linear_y\"", "differential base has not"),
            ("axis = \"linear_x\"", "axis = \"angular_z\"", "twice"),
            ("std = [1.0, 1.0, 1.0]", "std = [1.0, 0.0, 1.0]", "image.std"),
            ("dtype = \"float32\"", "dtype = \"uint8\"", "uint8 needs scale = 1"),
            ("width = 160", "width = 0", "each side"),
            ("length = 16", "length = 0", "instruction.length is 0"),
            ("graph = \"policy.onnx\"", "graph = \"other.onnx\"", "no sha256 of \"other.onnx\""),
            ("\"policy.onnx\" = \"", "\"../policy.onnx\" = \"", "sha256"),
            ("min = 0.35", "min = 1.5", "confidence.min is 1.5"),
            ("[action]", "[acton]", "did you mean `action`?"),
            ("[action]", "[action", "TOML parse error"),
        ];
        for (from, to, expected) in cases {
            let text = BEACON.replacen(from, to, 1);
            assert_ne!(text, BEACON, "{from:?} is not in the manifest");
            let message = Manifest::parse(&text).unwrap_err();
            assert!(message.contains(expected), "{to}: {message}");
        }
    }
}
