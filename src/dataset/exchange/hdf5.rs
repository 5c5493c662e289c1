//! The HDF5 layout of the Mobile VLA study, one file an episode.
//!
//! | name | kind | what |
//! |---|---|---|
//! | `images` | u8 (T, H, W, 3) | blue, green, red |
//! | `actions` | f32 (T, 3) | forward, left, turn: our `action`, m/s and rad/s |
//! | `action_event_types` | text (T,) | `episode_start` for the first row, `stop_action` for a command of zeros (as it is in every mode that stops the robot), else `start_action` |
//! | `language_instruction` | text (1,) | the task; (T,) where it changes on the way |
//! | `@episode_name`, `@total_duration`, `@num_frames`, `@action_chunk_size` | attributes | the name; seconds; T; 8, the study's length of a chunk |
//! | `@fps`, `@recording`, `@started_unix_ns` | attributes | ours: with them an import needs no flags |
//!
//! The study's own files lack ours, most of them the instruction too, and their rows are key
//! presses of no fixed rate. Reading is by the `hdf5-pure` crate: every kind of text, `gzip` and
//! `lzf`. Deliberately absent: compression of what is written (a sixth smaller, six times slower).

mod container;
mod import;
mod message;
mod study;

use std::path::Path;

#[cfg(test)]
pub(super) use study::Study;

pub use import::import;

use self::container::{Container, Value};
use self::message::Kind;
use super::episode::Episode;
use crate::dataset::DatasetError;

/// Actions that the study's models predict at a time.
const CHUNK: i64 = 8;
/// Bytes of an instruction, as in the study's files; more where it is longer.
const INSTRUCTION: usize = 256;

pub(super) fn export(episode: &mut Episode, out: &Path) -> Result<(), DatasetError> {
    let n_rows = episode.n_rows();
    let (width, actions) = episode.actions()?;
    let mut file = Container::create(out)?;
    let (w, h) = episode.size();
    let mut picture = Vec::new();
    let mut images = None;
    for row in 0..n_rows {
        episode.picture(0, row, &mut picture)?;
        swap_red_and_blue(&mut picture);
        let at = file.put(&picture)?;
        images.get_or_insert(at);
    }
    let shape = [n_rows as u64, u64::from(h), u64::from(w), 3];
    file.dataset("images", Kind::U8, &shape, images.unwrap_or_default())?;

    let bytes: Vec<u8> = actions.iter().flat_map(|value| value.to_le_bytes()).collect();
    let at = file.put(&bytes)?;
    file.dataset("actions", Kind::F32, &[n_rows as u64, width as u64], at)?;

    let (texts, text_width) = instructions(&episode.tasks);
    let at = file.put(&texts)?;
    let n_texts = (texts.len() / text_width) as u64;
    let kind = Kind::FixedText(text_width as u32);
    file.dataset("language_instruction", kind, &[n_texts], at)?;

    let events: Vec<_> = (0..n_rows).map(|row| event(&actions, width, row)).collect();
    file.finish(("action_event_types", &events), &attributes(episode))
}

/// Zero-padded to one width, which is the second value; one text where all rows have the same.
fn instructions(tasks: &[String]) -> (Vec<u8>, usize) {
    let is_same = tasks.windows(2).all(|pair| pair[0] == pair[1]);
    let tasks = if is_same { tasks.get(..1).unwrap_or_default() } else { tasks };
    let longest = tasks.iter().map(String::len).max().unwrap_or(0);
    let width = longest.max(INSTRUCTION);
    let padded = tasks.iter().flat_map(|task| {
        let mut bytes = task.as_bytes().to_vec();
        bytes.resize(width, 0);
        bytes
    });
    (padded.collect(), width)
}

pub(super) fn event(actions: &[f32], width: usize, row: usize) -> &'static str {
    let action = actions.get(row * width..(row + 1) * width).unwrap_or_default();
    if row == 0 {
        "episode_start"
    } else if action.iter().all(|value| *value == 0.0) {
        "stop_action"
    } else {
        "start_action"
    }
}

fn attributes(episode: &Episode) -> Vec<(&'static str, Value)> {
    let fps = episode.fps;
    let seconds = episode.n_rows() as f64 / f64::from(fps.max(1));
    let notes = &episode.notes;
    let name = match notes.recording.as_str() {
        "" => format!("episode_{:06}", episode.index),
        recording => recording.to_owned(),
    };
    let mut attributes = vec![
        ("episode_name", Value::Text(name)),
        ("total_duration", Value::Float(seconds)),
        ("num_frames", Value::Integer((episode.n_rows() as u64).cast_signed())),
        ("action_chunk_size", Value::Integer(CHUNK)),
        ("fps", Value::Integer(i64::from(fps))),
        ("started_unix_ns", Value::Integer(notes.started_unix_ns)),
    ];
    if !notes.recording.is_empty() {
        attributes.push(("recording", Value::Text(notes.recording.clone())));
    }
    attributes
}

fn swap_red_and_blue(picture: &mut [u8]) {
    for pixel in picture.chunks_exact_mut(3) {
        pixel.swap(0, 2);
    }
}
