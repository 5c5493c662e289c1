//! An episode as an MCAP file, for Foxglove and Rerun.
//!
//! | topic | message | |
//! |---|---|---|
//! | `/<camera>` | `foxglove.CompressedVideo` | H.264 as recorded, at the moment of capture |
//! | `/action`, `/observation.state`, … | `pilothouse.<column>` | every list column, a field for each element; only rows where `<column>_valid` |
//! | `/row` | `pilothouse.row` | every other column: mode, intervention, confidence, …; the task |
//!
//! Times are the wall clock's at the episode's start plus what the station's clock says has gone by
//! since. Messages are Protocol Buffers, which both programs read without help. Deliberately
//! absent: compression (video has its own), and reading.

mod proto;
mod video;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use ::mcap::records::{MessageHeader, Metadata};
use ::mcap::{McapError, WriteOptions, Writer};

use self::proto::{Kind, Message, descriptor, identifier};
use self::video::Stream;
use super::episode::Episode;
use crate::dataset::DatasetError;
use crate::dataset::table::Column;

pub(super) fn export(episode: &mut Episode, out: &Path) -> Result<(), DatasetError> {
    let file = File::create_new(out).map_err(DatasetError::io("create", out))?;
    let options = WriteOptions::new()
        .library(concat!("pilothouse ", env!("CARGO_PKG_VERSION")))
        .compression(None);
    let writer = options.create(BufWriter::new(file)).map_err(failed(out))?;
    let mut log = Log { out, writer, sequences: BTreeMap::new() };
    log.describe(episode)?;
    let times = Times::of(episode);
    let vectors = vectors(episode, &mut log)?;
    let row = Row::open(episode, &mut log)?;
    let mut cameras = Vec::new();
    for camera in 0..episode.cameras.len() {
        cameras.push((log.video(episode, camera)?, Stream::open(episode, camera)?));
    }
    for at in 0..episode.n_rows() {
        for (camera, (channel, stream)) in cameras.iter_mut().enumerate() {
            let time = times.captured.get(at).copied().unwrap_or(0);
            let frame = stream.frame(episode, camera, at)?;
            let name = episode.cameras.get(camera).map_or("", |camera| &camera.name);
            log.write(*channel, time, &picture(name, time, &frame))?;
        }
        let time = times.commanded.get(at).copied().unwrap_or(0);
        for (channel, column) in &vectors {
            if let Some(message) = vector(episode, column, at) {
                log.write(*channel, time, &message)?;
            }
        }
        log.write(row.channel, time, &row.message(episode, at))?;
    }
    log.writer.finish().map_err(failed(out))?;
    let file = log.writer.into_inner().into_inner().map_err(std::io::IntoInnerError::into_error);
    file.and_then(|file| file.sync_all()).map_err(DatasetError::io("write", out))
}

fn failed(out: &Path) -> impl Fn(McapError) -> DatasetError {
    move |error| match error {
        McapError::Io(source) => DatasetError::io("write", out)(source),
        error => DatasetError::Refused(format!("cannot write {}: {error}", out.display())),
    }
}

/// The file, and how many messages each channel has.
struct Log<'a> {
    out: &'a Path,
    writer: Writer<BufWriter<File>>,
    sequences: BTreeMap<u16, u32>,
}

impl Log<'_> {
    fn channel(
        &mut self,
        topic: &str,
        (package, name): (&str, &str),
        fields: &[(String, Kind)],
    ) -> Result<u16, DatasetError> {
        let schema = descriptor(package, name, fields);
        let name = format!("{package}.{name}");
        let schema = self.writer.add_schema(&name, "protobuf", &schema);
        let schema = schema.map_err(failed(self.out))?;
        let channel = self.writer.add_channel(schema, topic, "protobuf", &BTreeMap::new());
        channel.map_err(failed(self.out))
    }

    fn video(&mut self, episode: &Episode, camera: usize) -> Result<u16, DatasetError> {
        let name = episode.cameras.get(camera).map_or("", |camera| &camera.name);
        let fields = [
            ("timestamp", Kind::Timestamp),
            ("frame_id", Kind::Text),
            ("data", Kind::Bytes),
            ("format", Kind::Text),
        ];
        let fields = fields.map(|(name, kind)| (name.to_owned(), kind));
        self.channel(&format!("/{name}"), ("foxglove", "CompressedVideo"), &fields)
    }

    fn write(&mut self, channel_id: u16, time: u64, message: &Message) -> Result<(), DatasetError> {
        let sequence = self.sequences.entry(channel_id).or_default();
        let header =
            MessageHeader { channel_id, sequence: *sequence, log_time: time, publish_time: time };
        *sequence += 1;
        self.writer.write_to_known_channel(&header, &message.bytes).map_err(failed(self.out))
    }

    fn describe(&mut self, episode: &Episode) -> Result<(), DatasetError> {
        let notes = &episode.notes;
        let success = notes.success.map_or(String::new(), |success| success.to_string());
        let facts = [
            ("episode", episode.index.to_string()),
            ("fps", episode.fps.to_string()),
            ("success", success),
            ("tags", notes.tags.join(", ")),
            ("operator_note", notes.operator_note.clone()),
            ("policy", notes.policy.clone()),
            ("policy_sha256", notes.policy_sha256.clone()),
            ("station", notes.station.clone()),
            ("incomplete", notes.incomplete.clone()),
            ("recording", notes.recording.clone()),
        ];
        let metadata = facts.into_iter().map(|(name, text)| (name.to_owned(), text)).collect();
        let metadata = Metadata { name: "episode".to_owned(), metadata };
        self.writer.write_metadata(&metadata).map_err(failed(self.out))
    }
}

/// Unix time in nanoseconds, for each row: of the picture, and of the command.
struct Times {
    captured: Vec<u64>,
    commanded: Vec<u64>,
}

impl Times {
    fn of(episode: &Episode) -> Self {
        let grid = |row: u64| (row * 1_000_000_000 / u64::from(episode.fps.max(1))).cast_signed();
        let grid: Vec<i64> = (0..episode.n_rows() as u64).map(grid).collect();
        let captured = episode.rows.i64s("capture_time_ns").unwrap_or(&grid);
        let commanded = episode.rows.i64s("tick_time_ns").unwrap_or(captured);
        let (start, first) = (episode.notes.started_unix_ns, captured.first().copied());
        let unix = |time: &i64| {
            let since = time.saturating_sub(first.unwrap_or(0));
            u64::try_from(start.saturating_add(since)).unwrap_or(0)
        };
        // A camera that was late gave one picture to two rows; a player wants each frame later than
        // the one before.
        let mut last = None;
        let captured = captured.iter().map(|time| {
            let time = unix(time).max(last.map_or(0, |last| last + 1));
            last = Some(time);
            time
        });
        Self { captured: captured.collect(), commanded: commanded.iter().map(unix).collect() }
    }
}

/// Columns that every dataset has and that say nothing more here.
const COUNTERS: &[&str] = &["timestamp", "frame_index", "episode_index", "index", "task_index"];

/// A channel for each list column.
fn vectors(episode: &Episode, log: &mut Log) -> Result<Vec<(u16, String)>, DatasetError> {
    let mut channels = Vec::new();
    for (name, column) in episode.rows.columns() {
        let Column::F32List { width, .. } = column else { continue };
        let fields = (0..*width).map(|i| identifier(&episode.element_name(name, i)));
        let fields: Vec<_> = fields.map(|field| (field, Kind::Float)).collect();
        let message = identifier(name);
        let channel = log.channel(&format!("/{name}"), ("pilothouse", &message), &fields)?;
        channels.push((channel, name.to_owned()));
    }
    Ok(channels)
}

/// The list of a row; `None` where the row has none that counts.
fn vector(episode: &Episode, column: &str, row: usize) -> Option<Message> {
    let valid = episode.rows.bools(&format!("{column}_valid"));
    let is_valid = valid.is_none_or(|valid| valid.get(row) == Some(&true));
    let (width, values) = episode.rows.f32_lists(column).filter(|_| is_valid)?;
    let mut message = Message::default();
    for (field, value) in (1..).zip(values.get(row * width..(row + 1) * width)?) {
        message.float(field, *value);
    }
    Some(message)
}

/// The message with every column that is no list.
struct Row {
    channel: u16,
    columns: Vec<String>,
}

impl Row {
    fn open(episode: &Episode, log: &mut Log) -> Result<Self, DatasetError> {
        let (mut columns, mut fields) = (Vec::new(), Vec::new());
        for (name, column) in episode.rows.columns().filter(|(name, _)| !COUNTERS.contains(name)) {
            if let Some(kind) = kind(column) {
                columns.push(name.to_owned());
                fields.push((identifier(name), kind));
            }
        }
        fields.push(("task".to_owned(), Kind::Text));
        let channel = log.channel("/row", ("pilothouse", "row"), &fields)?;
        Ok(Self { channel, columns })
    }

    fn message(&self, episode: &Episode, row: usize) -> Message {
        let mut message = Message::default();
        for (field, column) in (1..).zip(&self.columns) {
            if let Some(column) = episode.rows.column(column) {
                put(&mut message, field, column, row);
            }
        }
        let task = episode.tasks.get(row).map_or("", String::as_str);
        message.bytes(self.columns.len() as u32 + 1, task.as_bytes());
        message
    }
}

fn kind(column: &Column) -> Option<Kind> {
    match column {
        Column::Bool(_) => Some(Kind::Bool),
        Column::I64(_) => Some(Kind::Int64),
        Column::F32(_) => Some(Kind::Float),
        Column::F64(_) => Some(Kind::Double),
        Column::Text(_) => Some(Kind::Text),
        _ => None,
    }
}

fn put(message: &mut Message, field: u32, column: &Column, row: usize) {
    match column {
        Column::Bool(values) => message.integer(field, i64::from(values.get(row) == Some(&true))),
        Column::I64(values) => message.integer(field, values.get(row).copied().unwrap_or(0)),
        Column::F32(values) => message.float(field, values.get(row).copied().unwrap_or(0.0)),
        Column::F64(values) => message.double(field, values.get(row).copied().unwrap_or(0.0)),
        Column::Text(values) => {
            message.bytes(field, values.get(row).map_or("", String::as_str).as_bytes());
        }
        _ => {}
    }
}

fn picture(camera: &str, time: u64, frame: &[u8]) -> Message {
    let mut timestamp = Message::default();
    timestamp.integer(1, (time / 1_000_000_000).cast_signed());
    timestamp.integer(2, (time % 1_000_000_000).cast_signed());
    let mut message = Message::default();
    message.bytes(1, &timestamp.bytes);
    message.bytes(2, camera.as_bytes());
    message.bytes(3, frame);
    message.bytes(4, b"h264");
    message
}
