//! The record of an episode while it is written, and ever after: every tick of the control loop
//! with its inputs and its command, and which picture went with which tick.
//!
//! # Format
//!
//! A file begins with [`MAGIC`]; then records follow, each as its length (u32), the CRC-32
//! (ISO-HDLC) of its bytes (u32), both little-endian, and its bytes: a [`Record`] in postcard. A
//! reader takes records until the first that is not whole: what a crash left of the last one is
//! no record. The version in the magic counts up whenever a record's bytes change their meaning.
//!
//! Deliberately absent: what a row of the dataset is; that is [`super::rows`]'.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use crc::{CRC_32_ISO_HDLC, Crc};
use serde::{Deserialize, Serialize};

use super::DatasetError;
use super::video::{FragmentWriter, Parameters, Unit};
use crate::msg::{ActionChunk, Stamp, Tick};

/// First bytes of a tick journal; the last two are the version.
pub const MAGIC: &[u8; 8] = b"PHTICK01";

const CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);

/// Longest record: a start with a long configuration is far below.
const RECORD_MAX: usize = 1 << 24;

/// One entry of a journal, in the order in which things happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Record {
    /// The first record of every journal.
    Start(Box<Start>),
    /// The control loop's memory before the tick that follows: a replay may begin here.
    Checkpoint(Vec<u8>),
    /// A chunk, before the first tick that saw it.
    Chunk(Box<ActionChunk>),
    Tick(Box<TickRecord>),
    /// The instruction in force from here on.
    Task(String),
    /// The policy in force from here on.
    Policy {
        name: String,
        sha256: String,
    },
    Row(Row),
    /// Channel values of one picture, thinned out: 3 x 256 counts, for statistics.
    Histogram(Vec<u32>),
    Mark(Mark),
    End(End),
}

/// What is true of the whole episode.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Start {
    /// Unique name of the recording.
    pub recording: String,
    /// The same moment on the wall clock (nanoseconds since 1970, UTC) and on the station's
    /// monotonic one.
    pub started_unix_ns: i64,
    pub started: Stamp,
    /// Rows a second.
    pub fps: u32,
    /// The dataset's name of the camera, as `observation.images.front`.
    pub camera: String,
    pub video: Parameters,
    pub robot: String,
    /// Version of the station and hash of its configuration.
    pub station: String,
    /// The configuration itself, as TOML.
    pub config: String,
    /// Nobody pressed record: a takeover is kept.
    pub is_takeover: bool,
}

/// A tick without its chunk, which a record of its own holds once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TickRecord {
    pub tick: Tick,
    /// The newest chunk record was this tick's chunk.
    pub has_chunk: bool,
}

/// Row `n` of the episode: the `n`th row record, and picture `n` of the video.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// The first tick at or after the picture.
    pub tick: u64,
    pub frame: u64,
    pub captured: Stamp,
    /// The camera was late: the picture before is here once more.
    pub is_repeated: bool,
    /// Pictures of the camera that got lost since the row before.
    pub n_dropped: u32,
}

/// What the operator says of the episode, while it runs or later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mark {
    Success(Option<bool>),
    Tag(String),
    /// Rows `from..until` are bad.
    Cut {
        from: u64,
        until: u64,
    },
    /// Takes the last cut back.
    Uncut,
}

/// Why an episode ended. Empty: as the operator wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    pub incomplete: String,
}

/// Appends `record` to `bytes` in the journal's framing.
pub fn write_record(record: &Record, bytes: &mut Vec<u8>) {
    // Serialising plain data into memory has no way to fail.
    let body = postcard::to_stdvec(record).unwrap_or_default();
    bytes.extend_from_slice(&(body.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&CRC.checksum(&body).to_le_bytes());
    bytes.extend_from_slice(&body);
}

/// The whole records at the beginning of a journal's bytes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Contents {
    pub records: Vec<Record>,
    /// Bytes after the last whole record: what a crash left.
    pub n_torn: usize,
}

/// Reads as many whole records as there are.
///
/// # Errors
/// The file cannot be read, or does not begin as a journal of this version does.
pub fn read(path: &Path) -> Result<Contents, DatasetError> {
    let mut bytes = Vec::new();
    let opened = File::open(path).and_then(|mut file| file.read_to_end(&mut bytes));
    opened.map_err(DatasetError::io("read the tick journal", path))?;
    parse(&bytes).ok_or_else(|| DatasetError::Format {
        path: path.to_owned(),
        reason: "it is no tick journal of this version".to_owned(),
        remedy: "the rows and pictures of the dataset are not affected; to replay it, use the \
                 version of Pilothouse that recorded it"
            .to_owned(),
    })
}

pub(super) fn parse(bytes: &[u8]) -> Option<Contents> {
    let mut rest = bytes.strip_prefix(MAGIC)?;
    let mut records = Vec::new();
    while let Some((record, tail)) = next_record(rest) {
        records.push(record);
        rest = tail;
    }
    Some(Contents { records, n_torn: rest.len() })
}

fn next_record(bytes: &[u8]) -> Option<(Record, &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (checksum, rest) = rest.split_first_chunk::<4>()?;
    let length = u32::from_le_bytes(*length) as usize;
    let (body, rest) = rest.split_at_checked(length).filter(|_| length <= RECORD_MAX)?;
    if CRC.checksum(body) != u32::from_le_bytes(*checksum) {
        return None;
    }
    Some((postcard::from_bytes(body).ok()?, rest))
}

/// The records' file in a journal's folder.
pub const TICKS: &str = "ticks";

/// The pictures' file in a journal's folder.
#[must_use]
pub fn video_file(folder: &Path) -> PathBuf {
    folder.join("video.mp4")
}

/// An episode being written: a folder with the records and the pictures.
#[derive(Debug)]
pub struct Journal {
    folder: PathBuf,
    ticks: File,
    video: FragmentWriter,
    bytes: Vec<u8>,
}

impl Journal {
    /// Makes `folder` and both files in it.
    ///
    /// # Errors
    /// The folder exists, or the disk does not take it.
    pub fn create(folder: &Path, start: &Start) -> Result<Self, DatasetError> {
        let io = |what| DatasetError::io(what, folder);
        if let Some(parent) = folder.parent() {
            std::fs::create_dir_all(parent).map_err(io("create the folder of"))?;
        }
        std::fs::create_dir(folder).map_err(io("create"))?;
        let path = folder.join(TICKS);
        let video = FragmentWriter::create(&video_file(folder), start.fps, &start.video)?;
        let ticks = File::create_new(&path).map_err(DatasetError::io("create", &path))?;
        // Tells a repair that somebody is writing; a crash lets go of it.
        let _ = ticks.try_lock();
        let mut journal = Self { folder: folder.to_owned(), ticks, video, bytes: MAGIC.to_vec() };
        journal.append(&[Record::Start(Box::new(start.clone()))], &[])?;
        Ok(journal)
    }

    /// Writes pictures, then records, and has both on the disk when it returns. So a row never
    /// lies there without its picture.
    ///
    /// # Errors
    /// The disk is full or gone. What was written before stays.
    pub fn append(&mut self, records: &[Record], units: &[Unit]) -> Result<(), DatasetError> {
        if !units.is_empty() {
            self.video.append(units)?;
        }
        for record in records {
            write_record(record, &mut self.bytes);
        }
        let written = self.ticks.write_all(&self.bytes).and_then(|()| self.ticks.sync_data());
        self.bytes.clear();
        written.map_err(DatasetError::io("write", &self.folder.join(TICKS)))
    }

    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}
