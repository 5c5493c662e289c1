//! An episode as a folder that any program can read: a JPEG for each row (in a folder for each
//! camera where there are several), `rows.csv` with every column, `episode.json`.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use image::ExtendedColorType;
use image::codecs::jpeg::JpegEncoder;
use serde_json::json;

use super::episode::Episode;
use crate::dataset::DatasetError;
use crate::dataset::table::Column;

const QUALITY: u8 = 92;

pub(super) fn export(episode: &mut Episode, out: &Path) -> Result<(), DatasetError> {
    fs::create_dir_all(out).map_err(DatasetError::io("create", out))?;
    let is_one = episode.cameras.len() == 1;
    for camera in 0..episode.cameras.len() {
        let name = episode.cameras.get(camera).map_or("", |camera| &camera.name);
        let folder = if is_one { out.to_owned() } else { out.join(name) };
        fs::create_dir_all(&folder).map_err(DatasetError::io("create", &folder))?;
        pictures(episode, camera, &folder)?;
    }
    write(&out.join("rows.csv"), csv(episode).as_bytes())?;
    let described = serde_json::to_vec_pretty(&description(episode)).unwrap_or_default();
    write(&out.join("episode.json"), &described)
}

fn pictures(episode: &mut Episode, camera: usize, folder: &Path) -> Result<(), DatasetError> {
    let mut rgb = Vec::new();
    for row in 0..episode.n_rows() {
        let (width, height) = episode.cameras.get(camera).map_or((0, 0), |c| c.video.size());
        episode.picture(camera, row, &mut rgb)?;
        let path = folder.join(format!("frame-{row:06}.jpg"));
        let file = File::create(&path).map_err(DatasetError::io("create", &path))?;
        let mut file = BufWriter::new(file);
        let mut encoder = JpegEncoder::new_with_quality(&mut file, QUALITY);
        let encoded = encoder.encode(&rgb, width, height, ExtendedColorType::Rgb8);
        encoded.map_err(|error| DatasetError::Refused(format!("{}: {error}", path.display())))?;
        file.flush().map_err(DatasetError::io("write", &path))?;
    }
    Ok(())
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), DatasetError> {
    let written = File::create(path).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.map_err(DatasetError::io("write", path))
}

/// A line of names, then a line for each row: the columns in their order, then the task.
fn csv(episode: &Episode) -> String {
    let mut names = Vec::new();
    for (name, column) in episode.rows.columns() {
        match column {
            Column::F32List { width, .. } => {
                let elements = (0..*width).map(|i| episode.element_name(name, i));
                names.extend(elements.map(|element| quoted(&format!("{name}.{element}"))));
            }
            _ => names.push(quoted(name)),
        }
    }
    names.push("task".to_owned());
    let mut lines = names.join(",");
    lines.push('\n');
    for row in 0..episode.n_rows() {
        let cells = episode.rows.columns().flat_map(|(_, column)| cells(column, row));
        let task = episode.tasks.get(row).map_or(String::new(), |task| quoted(task));
        lines.push_str(&cells.chain([task]).collect::<Vec<_>>().join(","));
        lines.push('\n');
    }
    lines
}

/// The values of a row, one for each name of the column; nothing where there is no value.
fn cells(column: &Column, row: usize) -> Vec<String> {
    fn cell<T: ToString>(values: &[T], row: usize) -> Vec<String> {
        vec![values.get(row).map_or(String::new(), T::to_string)]
    }
    fn optional<T: ToString>(values: &[Option<T>], row: usize) -> Vec<String> {
        let value = values.get(row).and_then(Option::as_ref);
        vec![value.map_or(String::new(), |value| quoted(&value.to_string()))]
    }
    fn list<T: ToString>(values: &[Vec<T>], row: usize) -> Vec<String> {
        let texts = values.get(row).into_iter().flatten().map(T::to_string);
        vec![quoted(&texts.collect::<Vec<_>>().join(" "))]
    }
    match column {
        Column::Bool(values) => cell(values, row),
        Column::I64(values) => cell(values, row),
        Column::F32(values) => cell(values, row),
        Column::F64(values) => cell(values, row),
        Column::Text(values) => vec![quoted(values.get(row).map_or("", String::as_str))],
        Column::OptBool(values) => optional(values, row),
        Column::OptI64(values) => optional(values, row),
        Column::OptText(values) => optional(values, row),
        Column::F32List { width, values } => {
            let row = values.get(row * width..(row + 1) * width).unwrap_or_default();
            row.iter().map(f32::to_string).collect()
        }
        Column::TextList(values) => list(values, row),
        Column::I64List(values) => list(values, row),
        Column::F64List(values) | Column::F64Image(values) => list(values, row),
    }
}

/// A cell as RFC 4180 has it.
fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

fn description(episode: &Episode) -> serde_json::Value {
    let notes = &episode.notes;
    let mut tasks: Vec<&String> = Vec::new();
    for task in &episode.tasks {
        if !tasks.contains(&task) {
            tasks.push(task);
        }
    }
    let cameras = episode.cameras.iter().map(|camera| {
        let (width, height) = camera.video.size();
        json!({ "name": camera.name, "width": width, "height": height })
    });
    json!({
        "episode": episode.index,
        "fps": episode.fps,
        "length": episode.n_rows(),
        "tasks": tasks,
        "cameras": cameras.collect::<Vec<_>>(),
        "success": notes.success,
        "tags": notes.tags,
        "operator_note": notes.operator_note,
        "takeovers": notes.takeovers,
        "policy": notes.policy,
        "policy_sha256": notes.policy_sha256,
        "station": notes.station,
        "incomplete": notes.incomplete,
        "recording": notes.recording,
        "started_unix_ns": notes.started_unix_ns,
        "frames_repeated": notes.frames_repeated,
        "frames_dropped": notes.frames_dropped,
    })
}
