//! `meta/info.json`: what a dataset consists of. Keys this program does not know are kept.

use std::fs;
use std::path::Path;

use serde::de::{Error as _, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value, json};

use super::episodes::Place;
use super::schema::{CameraSpec, Schema};
use crate::dataset::DatasetError;
use crate::dataset::table::Column;

pub(super) const INFO_PATH: &str = "meta/info.json";
const VERSION: &str = "v3.0";
const DATA_PATH: &str = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet";
const VIDEO_PATH: &str = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4";

/// The content of `info.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Info {
    pub codebase_version: String,
    #[serde(deserialize_with = "whole_number")]
    pub fps: u32,
    pub features: Features,
    #[serde(default)]
    pub total_episodes: usize,
    #[serde(default)]
    pub total_frames: usize,
    #[serde(default)]
    pub total_tasks: usize,
    /// Files in a chunk folder.
    #[serde(default = "Info::default_chunks_size")]
    pub chunks_size: usize,
    #[serde(default = "Info::default_data_mb")]
    pub data_files_size_in_mb: u64,
    #[serde(default = "Info::default_video_mb")]
    pub video_files_size_in_mb: u64,
    #[serde(default = "Info::default_data_path")]
    pub data_path: String,
    #[serde(default)]
    pub video_path: Option<String>,
    #[serde(default)]
    pub robot_type: Option<String>,
    #[serde(default)]
    pub splits: Map<String, Value>,
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// Features by name, in the order in which they were declared.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Features(pub Vec<(String, Feature)>);

/// A column of the data files, or a camera's video.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Feature {
    /// A numpy name, `string`, `image` or `video`.
    pub dtype: String,
    pub shape: Vec<usize>,
    #[serde(default)]
    pub names: Value,
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// The columns every dataset ends with, in order, and their types.
pub(super) const AUTOMATIC: [(&str, &str); 5] = [
    ("timestamp", "float32"),
    ("frame_index", "int64"),
    ("episode_index", "int64"),
    ("index", "int64"),
    ("task_index", "int64"),
];

impl Feature {
    /// One value a row; `dtype` is `float32`, `int64`, `bool` or `string`.
    #[must_use]
    pub fn scalar(dtype: &str, description: &str) -> Self {
        Self::described(dtype, 1, Value::Null, description)
    }

    /// A vector of float32 with a name for each element.
    #[must_use]
    pub fn vector(names: &[&str], description: &str) -> Self {
        Self::described("float32", names.len(), json!(names), description)
    }

    fn described(dtype: &str, len: usize, names: Value, description: &str) -> Self {
        let mut other = Map::new();
        if !description.is_empty() {
            other.insert("description".to_owned(), json!(description));
        }
        Self { dtype: dtype.to_owned(), shape: vec![len], names, other }
    }

    fn camera(camera: &CameraSpec, fps: u32) -> Self {
        let info = json!({
            "video.height": camera.height,
            "video.width": camera.width,
            "video.codec": "h264",
            "video.pix_fmt": "yuv420p",
            "video.fps": fps,
            "video.channels": 3,
            "has_audio": false,
            "is_depth_map": false,
        });
        Self {
            dtype: "video".to_owned(),
            shape: vec![camera.height as usize, camera.width as usize, 3],
            names: json!(["height", "width", "channels"]),
            other: Map::from_iter([("info".to_owned(), info)]),
        }
    }

    #[must_use]
    pub fn is_video(&self) -> bool {
        self.dtype == "video"
    }

    /// Whether `column` has values of this type and shape.
    pub(super) fn holds(&self, column: &Column) -> bool {
        let is_scalar = self.shape == [1];
        let is_whole = self.dtype.starts_with("int") || self.dtype.starts_with("uint");
        match column {
            Column::Bool(_) => is_scalar && self.dtype == "bool",
            Column::Text(_) => is_scalar && self.dtype == "string",
            Column::I64(_) => is_scalar && is_whole,
            Column::F32(_) => is_scalar && self.dtype == "float32",
            Column::F64(_) => is_scalar && self.dtype == "float64",
            Column::F32List { width, .. } => {
                self.dtype == "float32" && !is_scalar && self.shape == [*width]
            }
            Column::I64List(rows) => is_whole && rows.iter().all(|row| self.shape == [row.len()]),
            Column::F64List(rows) => {
                self.dtype == "float64" && rows.iter().all(|row| self.shape == [row.len()])
            }
            _ => false,
        }
    }

    /// Whether values of both can stand in one dataset.
    fn fits(&self, other: &Self) -> bool {
        (&self.dtype, &self.shape, &self.names) == (&other.dtype, &other.shape, &other.names)
    }
}

impl Features {
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Feature> {
        self.0.iter().find(|(own, _)| own == name).map(|(_, feature)| feature)
    }

    /// Names of the features that are videos.
    #[must_use]
    pub fn cameras(&self) -> Vec<String> {
        let videos = self.0.iter().filter(|(_, feature)| feature.is_video());
        videos.map(|(name, _)| name.clone()).collect()
    }

    /// What keeps data of `other` out of a dataset of these features; the order does not.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Option<String> {
        for (name, feature) in &self.0 {
            match other.get(name) {
                None => return Some(format!("{name} is missing")),
                Some(other) if !feature.fits(other) => {
                    return Some(format!(
                        "{name} is {} {:?} {} here and {} {:?} {} there",
                        feature.dtype,
                        feature.shape,
                        feature.names,
                        other.dtype,
                        other.shape,
                        other.names
                    ));
                }
                Some(_) => {}
            }
        }
        let extra = other.0.iter().find(|(name, _)| self.get(name).is_none());
        extra.map(|(name, _)| format!("{name} is not known here"))
    }
}

impl Info {
    /// The description of a dataset without episodes.
    #[must_use]
    pub fn new(schema: &Schema) -> Self {
        let cameras = schema.cameras.iter();
        let mut features: Vec<_> = cameras
            .map(|camera| (camera.key.clone(), Feature::camera(camera, schema.fps)))
            .collect();
        features.extend(schema.features.0.iter().cloned());
        features
            .extend(AUTOMATIC.map(|(name, dtype)| (name.to_owned(), Feature::scalar(dtype, ""))));
        Self {
            codebase_version: VERSION.to_owned(),
            fps: schema.fps,
            features: Features(features),
            total_episodes: 0,
            total_frames: 0,
            total_tasks: 0,
            chunks_size: Self::default_chunks_size(),
            data_files_size_in_mb: Self::default_data_mb(),
            video_files_size_in_mb: Self::default_video_mb(),
            data_path: DATA_PATH.to_owned(),
            video_path: (!schema.cameras.is_empty()).then(|| VIDEO_PATH.to_owned()),
            robot_type: Some(schema.robot_type.clone()),
            splits: Map::new(),
            other: Map::new(),
        }
    }

    /// Reads `info.json` below `root`. Refuses other versions of the format, and numbers that
    /// make no sense.
    pub fn read(root: &Path) -> Result<Self, DatasetError> {
        let path = root.join(INFO_PATH);
        let text = fs::read(&path).map_err(DatasetError::io("read", &path))?;
        let wrong = |reason: String, remedy: &str| DatasetError::Format {
            path: path.clone(),
            reason,
            remedy: remedy.to_owned(),
        };
        let info: Self = serde_json::from_slice(&text).map_err(|error| {
            wrong(format!("not the description of a dataset: {error}"), "restore it from a copy")
        })?;
        if !info.codebase_version.starts_with("v3.") {
            return Err(wrong(
                format!("the dataset is LeRobotDataset {}, not v3.0", info.codebase_version),
                "convert it with lerobot.scripts.convert_dataset_v21_to_v30",
            ));
        }
        if info.fps == 0 || info.chunks_size == 0 {
            return Err(wrong("fps or chunks_size is 0".to_owned(), "correct it"));
        }
        let video_path = info.video_path.as_deref().unwrap_or(VIDEO_PATH);
        if !super::is_inside(&info.data_path) || !super::is_inside(video_path) {
            return Err(wrong("its paths lead out of the dataset".to_owned(), "correct them"));
        }
        if info.video_path.is_none() && !info.features.cameras().is_empty() {
            return Err(wrong("it has videos but no video_path".to_owned(), "correct it"));
        }
        Ok(info)
    }

    /// The bytes of `info.json`.
    #[must_use]
    pub(super) fn to_json(&self) -> Vec<u8> {
        to_json(self)
    }

    /// Root-relative path of a data file.
    #[must_use]
    pub fn data_file(&self, place: Place) -> String {
        fill(&self.data_path, "", place)
    }

    /// Root-relative path of a video file.
    #[must_use]
    pub fn video_file(&self, camera: &str, place: Place) -> String {
        fill(self.video_path.as_deref().unwrap_or(VIDEO_PATH), camera, place)
    }

    fn default_chunks_size() -> usize {
        1000
    }

    fn default_data_mb() -> u64 {
        100
    }

    fn default_video_mb() -> u64 {
        200
    }

    fn default_data_path() -> String {
        DATA_PATH.to_owned()
    }
}

fn fill(template: &str, camera: &str, place: Place) -> String {
    let chunk = format!("{:03}", place.chunk);
    let file = format!("{:03}", place.file);
    template
        .replace("{video_key}", camera)
        .replace("{chunk_index:03d}", &chunk)
        .replace("{file_index:03d}", &file)
}

/// JSON as LeRobot writes it, indented by four.
pub(super) fn to_json(value: &impl Serialize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let indent = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, indent);
    value.serialize(&mut serializer).expect("maps with text keys into memory never fail");
    bytes
}

/// Some datasets have 30.0.
fn whole_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let number = f64::deserialize(deserializer)?;
    let is_whole = number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&number);
    if is_whole { Ok(number as u32) } else { Err(D::Error::custom("fps is no whole number")) }
}

impl Serialize for Features {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, feature) in &self.0 {
            map.serialize_entry(name, feature)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Features {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Features;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("features by name")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Features, M::Error> {
                let mut features = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    features.push(entry);
                }
                Ok(Features(features))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}
