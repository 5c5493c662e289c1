//! `meta/episodes`: a row for each episode, LeRobot's columns, ours, and whatever else was there.

use std::collections::BTreeMap;
use std::path::Path;

use super::stats::{FeatureStats, NAMES, Stats};
use crate::dataset::DatasetError;
use crate::dataset::table::{self, Column, Table};

/// Which file of its kind: `chunk-<chunk>/file-<file>`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    pub chunk: usize,
    pub file: usize,
}

/// The part of a video file that is an episode's, seconds from its start.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct VideoSpan {
    pub place: Place,
    pub from_s: f64,
    pub to_s: f64,
}

/// What the metadata tells of one episode.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EpisodeMeta {
    pub index: usize,
    /// Texts of its tasks, in the order in which they came up.
    pub tasks: Vec<String>,
    /// Rows.
    pub length: usize,
    pub data: Place,
    /// Its rows are `from_index..to_index` of the dataset.
    pub from_index: usize,
    pub to_index: usize,
    pub videos: BTreeMap<String, VideoSpan>,
    /// The file this very row stands in.
    pub meta: Place,
    pub notes: EpisodeNotes,
    /// Empty where only [`super::Dataset`] reads: it has no use for them.
    pub stats: Stats,
    /// Columns of other programs: one row.
    pub other: Table,
}

/// What we note of an episode beyond LeRobot's columns; columns of the same names.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EpisodeNotes {
    /// Unknown until somebody says so.
    pub success: Option<bool>,
    pub tags: Vec<String>,
    pub operator_note: String,
    pub takeovers: i64,
    pub policy: String,
    pub policy_sha256: String,
    /// Version of the program, and hash of its configuration.
    pub station: String,
    /// Why the episode is not whole; empty when it is.
    pub incomplete: String,
    /// Unique id of the recording; empty in datasets of other programs.
    pub recording: String,
    /// Nanoseconds since 1970, UTC; 0 when unknown.
    pub started_unix_ns: i64,
    pub frames_repeated: i64,
    pub frames_dropped: i64,
    /// Root-relative path of its tick journal; empty when it has none.
    pub ticks: String,
}

impl Place {
    #[must_use]
    pub fn new(chunk: usize, file: usize) -> Self {
        Self { chunk, file }
    }

    /// The place after this one, with `chunks_size` files in a chunk.
    #[must_use]
    pub fn next(self, chunks_size: usize) -> Self {
        if self.file + 1 >= chunks_size {
            Self::new(self.chunk + 1, 0)
        } else {
            Self::new(self.chunk, self.file + 1)
        }
    }

    /// `<folder>/chunk-000/file-000.<extension>`
    #[must_use]
    pub(super) fn path(self, folder: &str, extension: &str) -> String {
        format!("{folder}/chunk-{:03}/file-{:03}.{extension}", self.chunk, self.file)
    }
}

/// Root-relative path of a file of episode metadata.
pub(super) fn meta_path(place: Place) -> String {
    place.path("meta/episodes", "parquet")
}

/// Root-relative path of a tick journal.
pub(super) fn ticks_path(place: Place) -> String {
    place.path("ticks", "ticks")
}

/// The rows of all files, in order of `index`, and columns that had to be left out because
/// they are of unknown kinds.
pub(super) fn read_all(
    root: &Path,
    with_stats: bool,
) -> Result<(Vec<EpisodeMeta>, Vec<String>), DatasetError> {
    let mut episodes = Vec::new();
    let mut skipped = Vec::new();
    for path in super::parquet_files(&root.join("meta/episodes"))? {
        let (mut rows, mut unknown) = read_file(&path, with_stats)?;
        episodes.append(&mut rows);
        skipped.append(&mut unknown);
    }
    skipped.sort();
    skipped.dedup();
    episodes.sort_by_key(|episode: &EpisodeMeta| episode.index);
    Ok((episodes, skipped))
}

/// The rows of one file. They stand where they are read, whatever their own columns say of it:
/// those are wrong after a merge by LeRobot 0.6.
pub(super) fn read_file(
    path: &Path,
    with_stats: bool,
) -> Result<(Vec<EpisodeMeta>, Vec<String>), DatasetError> {
    let wanted = |name: &str| with_stats || !name.starts_with("stats/");
    let contents = table::read_where(path, wanted)?;
    let mut episodes = Vec::new();
    for row in 0..contents.table.n_rows() {
        let row = contents.table.slice(row..row + 1);
        let mut episode = from_row(row).map_err(|reason| DatasetError::Format {
            path: path.to_owned(),
            reason,
            remedy: "run `pilothouse episodes verify`".to_owned(),
        })?;
        episode.meta = place_of(path).unwrap_or(episode.meta);
        episodes.push(episode);
    }
    Ok((episodes, contents.skipped))
}

/// The place in a path that ends as `chunk-000/file-000.ticks`.
pub(super) fn place_of(path: &Path) -> Option<Place> {
    let chunk = path.parent()?.file_name()?.to_str()?.strip_prefix("chunk-")?;
    let file = path.file_stem()?.to_str()?.strip_prefix("file-")?;
    Some(Place::new(chunk.parse().ok()?, file.parse().ok()?))
}

/// Gives all episodes the same columns, as readers of several files want it: statistics that an
/// episode lacks are empty, and columns of other programs hold nothing.
pub(super) fn unify(episodes: &mut [EpisodeMeta]) {
    let mut stats = Stats::new();
    let mut other = Table::new();
    for episode in &*episodes {
        for (name, own) in &episode.stats {
            let none = || FeatureStats::new(own.is_image, 0, Default::default());
            stats.entry(name.clone()).or_insert_with(none);
        }
        for (name, column) in episode.other.columns() {
            if other.column(name).is_none() {
                other.push(name, column.nothing()).ok();
            }
        }
    }
    for episode in episodes {
        for (name, none) in &stats {
            episode.stats.entry(name.clone()).or_insert_with(|| none.clone());
        }
        let mut columns = Table::new();
        for (name, nothing) in other.columns() {
            let own = episode.other.column(name).unwrap_or(nothing);
            columns.push(name, own.clone()).ok();
        }
        episode.other = columns;
    }
}

/// A row, in the order in which LeRobot has the columns.
pub(super) fn to_table(episodes: &[EpisodeMeta]) -> Result<Table, DatasetError> {
    let rows: Result<Vec<_>, _> = episodes.iter().map(to_row).collect();
    Table::concat(&rows?)
}

fn from_row(mut row: Table) -> Result<EpisodeMeta, String> {
    let row = &mut row;
    let mut episode = EpisodeMeta {
        index: take_index(row, "episode_index")?,
        tasks: take_texts(row, "tasks"),
        length: take_index(row, "length")?,
        data: take_place(row, "data")?,
        from_index: take_index(row, "dataset_from_index")?,
        to_index: take_index(row, "dataset_to_index")?,
        meta: take_place(row, "meta/episodes")?,
        notes: take_notes(row)?,
        ..EpisodeMeta::default()
    };
    let fits = episode.from_index.checked_add(episode.length) == Some(episode.to_index);
    if !fits {
        return Err(format!("episode {}: its length is not that of its rows", episode.index));
    }
    let ticks = &episode.notes.ticks;
    if !ticks.is_empty() && !super::is_inside(ticks) {
        return Err(format!("episode {}: its ticks lie outside the dataset", episode.index));
    }
    let names: Vec<_> = row.columns().map(|(name, _)| name.to_owned()).collect();
    for name in &names {
        if let Some(camera) = between(name, "videos/", "/chunk_index") {
            let place = take_place(row, &format!("videos/{camera}"))?;
            let from_s = take_seconds(row, &format!("videos/{camera}/from_timestamp"))?;
            let to_s = take_seconds(row, &format!("videos/{camera}/to_timestamp"))?;
            episode.videos.insert(camera.to_owned(), VideoSpan { place, from_s, to_s });
        } else if let Some(feature) = between(name, "stats/", "/count")
            && let Some(stats) = take_stats(row, feature)
        {
            episode.stats.insert(feature.to_owned(), stats);
        }
    }
    episode.other = row.clone();
    Ok(episode)
}

fn between<'a>(name: &'a str, start: &str, end: &str) -> Option<&'a str> {
    name.strip_prefix(start)?.strip_suffix(end)
}

fn take_index(row: &mut Table, name: &str) -> Result<usize, String> {
    let value = match row.remove(name) {
        Some(Column::I64(values)) => values.first().and_then(|v| usize::try_from(*v).ok()),
        _ => None,
    };
    value.ok_or_else(|| format!("{name} is missing or no whole number"))
}

fn take_place(row: &mut Table, kind: &str) -> Result<Place, String> {
    let chunk = take_index(row, &format!("{kind}/chunk_index"))?;
    Ok(Place::new(chunk, take_index(row, &format!("{kind}/file_index"))?))
}

fn take_seconds(row: &mut Table, name: &str) -> Result<f64, String> {
    let value = match row.remove(name) {
        Some(Column::F64(values)) => values.first().copied(),
        Some(Column::F32(values)) => values.first().map(|v| f64::from(*v)),
        _ => None,
    };
    let value = value.filter(|v| v.is_finite() && *v >= 0.0);
    value.ok_or_else(|| format!("{name} is missing or no time"))
}

fn take_texts(row: &mut Table, name: &str) -> Vec<String> {
    match row.remove(name) {
        Some(Column::TextList(mut rows)) => rows.pop().unwrap_or_default(),
        Some(Column::Text(texts)) => texts,
        _ => Vec::new(),
    }
}

fn take_text(row: &mut Table, name: &str) -> Result<String, String> {
    match row.remove(name) {
        Some(Column::Text(mut texts)) => Ok(texts.pop().unwrap_or_default()),
        Some(Column::OptText(mut texts)) => Ok(texts.pop().flatten().unwrap_or_default()),
        None => Ok(String::new()),
        Some(_) => Err(format!("{name} is no text")),
    }
}

fn take_number(row: &mut Table, name: &str) -> Result<i64, String> {
    match row.remove(name) {
        Some(Column::I64(values)) => Ok(values.first().copied().unwrap_or_default()),
        Some(Column::OptI64(values)) => Ok(values.first().copied().flatten().unwrap_or_default()),
        None => Ok(0),
        Some(_) => Err(format!("{name} is no whole number")),
    }
}

fn take_truth(row: &mut Table, name: &str) -> Result<Option<bool>, String> {
    match row.remove(name) {
        Some(Column::Bool(values)) => Ok(values.first().copied()),
        Some(Column::OptBool(values)) => Ok(values.first().copied().flatten()),
        Some(Column::I64(values)) => Ok(values.first().map(|v| *v != 0)),
        Some(Column::F64(values)) => {
            Ok(values.first().filter(|v| !v.is_nan()).map(|v| v.abs() > 0.0))
        }
        None => Ok(None),
        Some(_) => Err(format!("{name} is neither true nor false")),
    }
}

fn take_notes(row: &mut Table) -> Result<EpisodeNotes, String> {
    Ok(EpisodeNotes {
        success: take_truth(row, "success")?,
        tags: take_texts(row, "tags"),
        operator_note: take_text(row, "operator_note")?,
        takeovers: take_number(row, "takeovers")?,
        policy: take_text(row, "policy")?,
        policy_sha256: take_text(row, "policy_sha256")?,
        station: take_text(row, "station")?,
        incomplete: take_text(row, "incomplete")?,
        recording: take_text(row, "recording")?,
        started_unix_ns: take_number(row, "started_unix_ns")?,
        frames_repeated: take_number(row, "frames_repeated")?,
        frames_dropped: take_number(row, "frames_dropped")?,
        ticks: take_text(row, "ticks")?,
    })
}

fn take_stats(row: &mut Table, feature: &str) -> Option<FeatureStats> {
    let count_name = format!("stats/{feature}/count");
    let count = match row.column(&count_name)? {
        Column::I64List(rows) => u64::try_from(*rows.first()?.first()?).ok()?,
        _ => return None,
    };
    let mut is_image = false;
    let mut values: [Vec<f64>; NAMES.len()] = Default::default();
    for (values, name) in values.iter_mut().zip(NAMES) {
        match row.remove(&format!("stats/{feature}/{name}")) {
            Some(Column::F64List(mut rows)) => *values = rows.pop()?,
            Some(Column::F64Image(mut rows)) => {
                is_image = true;
                *values = rows.pop()?;
            }
            Some(Column::I64List(mut rows)) => {
                *values = rows.pop()?.into_iter().map(|v| v as f64).collect();
            }
            _ => {}
        }
    }
    row.remove(&count_name);
    Some(FeatureStats::new(is_image, count, values))
}

fn to_row(episode: &EpisodeMeta) -> Result<Table, DatasetError> {
    let mut row = Table::new();
    row.push("episode_index", index(episode.index))?;
    row.push("tasks", Column::TextList(vec![episode.tasks.clone()]))?;
    row.push("length", index(episode.length))?;
    push_place(&mut row, "data", episode.data)?;
    row.push("dataset_from_index", index(episode.from_index))?;
    row.push("dataset_to_index", index(episode.to_index))?;
    for (camera, span) in &episode.videos {
        push_place(&mut row, &format!("videos/{camera}"), span.place)?;
        row.push(&format!("videos/{camera}/from_timestamp"), Column::F64(vec![span.from_s]))?;
        row.push(&format!("videos/{camera}/to_timestamp"), Column::F64(vec![span.to_s]))?;
    }
    push_notes(&mut row, &episode.notes)?;
    for (name, column) in episode.other.columns() {
        row.push(name, column.clone())?;
    }
    for (feature, stats) in &episode.stats {
        for name in NAMES {
            let values = vec![stats.get(name).unwrap_or_default().to_vec()];
            let is_image = stats.is_image;
            let column = if is_image { Column::F64Image(values) } else { Column::F64List(values) };
            row.push(&format!("stats/{feature}/{name}"), column)?;
        }
        let count = Column::I64List(vec![vec![stats.count.cast_signed()]]);
        row.push(&format!("stats/{feature}/count"), count)?;
    }
    push_place(&mut row, "meta/episodes", episode.meta)?;
    Ok(row)
}

fn index(value: usize) -> Column {
    Column::I64(vec![value.cast_signed() as i64])
}

fn push_place(row: &mut Table, kind: &str, place: Place) -> Result<(), DatasetError> {
    row.push(&format!("{kind}/chunk_index"), index(place.chunk))?;
    row.push(&format!("{kind}/file_index"), index(place.file))
}

fn push_notes(row: &mut Table, notes: &EpisodeNotes) -> Result<(), DatasetError> {
    let text = |value: &String| Column::Text(vec![value.clone()]);
    row.push("success", Column::OptBool(vec![notes.success]))?;
    row.push("tags", Column::TextList(vec![notes.tags.clone()]))?;
    row.push("operator_note", text(&notes.operator_note))?;
    row.push("takeovers", Column::I64(vec![notes.takeovers]))?;
    row.push("policy", text(&notes.policy))?;
    row.push("policy_sha256", text(&notes.policy_sha256))?;
    row.push("station", text(&notes.station))?;
    row.push("incomplete", text(&notes.incomplete))?;
    row.push("recording", text(&notes.recording))?;
    row.push("started_unix_ns", Column::I64(vec![notes.started_unix_ns]))?;
    row.push("frames_repeated", Column::I64(vec![notes.frames_repeated]))?;
    row.push("frames_dropped", Column::I64(vec![notes.frames_dropped]))?;
    row.push("ticks", text(&notes.ticks))
}
