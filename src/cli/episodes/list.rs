//! `pilothouse episodes list`: a line for each episode.

use std::collections::HashMap;
use std::fs;
use std::io::Write;

use clap::ValueEnum;
use serde_json::{Value, json};

use super::columns::{self, Cell, Column, GREEN, Look, RED, YELLOW};
use super::numbers::{self, Numbers};
use super::root::Root;
use super::{columns as table, facts};
use crate::cli::terminal::one_line;
use crate::dataset::Dataset;
use crate::dataset::lerobot::EpisodeMeta;

/// Tags are cut at this width, so that they leave room for the task.
const TAGS_MAX: usize = 24;

/// Which episodes, and how they are told.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Only these, as 3 5-9
    #[arg(value_name = "N")]
    numbers: Vec<Numbers>,
    /// Only those whose task has this in it
    #[arg(long, value_name = "TEXT")]
    task: Option<String>,
    /// Only those whose attempt came out so
    #[arg(long)]
    success: Option<Success>,
    /// Only those with this tag
    #[arg(long, value_name = "TAG")]
    tag: Vec<String>,
    /// Only those that are not whole
    #[arg(long)]
    incomplete: bool,
    /// Only those with a takeover
    #[arg(long)]
    takeovers: bool,
    /// As JSON, with everything that is known
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Success {
    Yes,
    No,
    Unknown,
}

impl Args {
    fn takes(&self, meta: &EpisodeMeta) -> bool {
        let notes = &meta.notes;
        let has_task = |text: &String| {
            let text = text.to_lowercase();
            meta.tasks.iter().any(|task| task.to_lowercase().contains(&text))
        };
        let wanted = self.success.map(|success| match success {
            Success::Yes => Some(true),
            Success::No => Some(false),
            Success::Unknown => None,
        });
        self.task.as_ref().is_none_or(has_task)
            && wanted.is_none_or(|wanted| notes.success == wanted)
            && self.tag.iter().all(|tag| notes.tags.contains(tag))
            && (!self.incomplete || !notes.incomplete.is_empty())
            && (!self.takeovers || notes.takeovers > 0)
    }
}

/// An episode and what it takes on the disk.
struct Line<'a> {
    meta: &'a EpisodeMeta,
    seconds: f64,
    bytes: u64,
}

pub(super) fn run(
    args: &Args,
    root: &Root,
    look: &Look,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let dataset = root.read()?;
    let episodes = dataset.episodes();
    let mut numbers = numbers::resolve(&args.numbers, episodes.len())?;
    if args.numbers.is_empty() {
        numbers.extend(0..episodes.len());
    }
    let mut sizes = Sizes::new(&dataset);
    let fps = f64::from(dataset.info().fps);
    let chosen = numbers.iter().filter_map(|number| episodes.get(*number));
    let lines: Vec<_> = chosen
        .filter(|meta| args.takes(meta))
        .map(|meta| Line { meta, seconds: meta.length as f64 / fps, bytes: sizes.of(meta) })
        .collect();
    if args.json {
        let lines: Vec<_> = lines.iter().map(json).collect();
        writeln!(out, "{:#}", Value::Array(lines))?;
        return Ok(());
    }
    if !lines.is_empty() {
        table::write(out, rows(&lines), look)?;
        writeln!(out)?;
    }
    for Line { meta, .. } in lines.iter().filter(|line| !line.meta.notes.incomplete.is_empty()) {
        writeln!(out, "! {}: {}", meta.index, one_line(&meta.notes.incomplete))?;
    }
    writeln!(out, "{}", totals(&lines, episodes.len()))?;
    Ok(())
}

fn rows(lines: &[Line<'_>]) -> Vec<Column> {
    let of = |cell: fn(&Line<'_>) -> Cell| lines.iter().map(cell).collect::<Vec<_>>();
    let count = |n: i64| Cell::from(if n > 0 { n.to_string() } else { String::new() });
    let mut task = Column::new("task", 0, of(|line| one_line(&line.meta.tasks.join(" | ")).into()));
    task.is_elastic = true;
    vec![
        Column::right("#", 0, of(|line| line.meta.index.to_string().into())),
        Column::new("", 0, of(incomplete)),
        Column::new(
            "recorded, UTC",
            3,
            of(|line| facts::short_date(line.meta.notes.started_unix_ns).into()),
        ),
        Column::right("length", 0, of(|line| facts::length(line.seconds).into())),
        Column::right("rows", 6, of(|line| line.meta.length.to_string().into())),
        task,
        Column::new("✔", 0, of(|line| outcome(line.meta.notes.success))),
        Column::right(
            "takeovers",
            2,
            lines.iter().map(|line| count(line.meta.notes.takeovers)).collect(),
        ),
        Column::right("lost/rep.", 5, of(trouble)),
        Column::right("size", 4, of(|line| facts::size(line.bytes).into())),
        Column::new("tags", 1, of(tags)),
    ]
}

fn incomplete(line: &Line<'_>) -> Cell {
    let mark = if line.meta.notes.incomplete.is_empty() { "" } else { "!" };
    Cell { text: mark.to_owned(), colour: YELLOW }
}

fn outcome(success: Option<bool>) -> Cell {
    let (mark, colour) = match success {
        Some(true) => ("✔", GREEN),
        Some(false) => ("✖", RED),
        None => ("–", columns::FAINT),
    };
    Cell { text: mark.to_owned(), colour }
}

/// Lost and repeated pictures; nothing where all is well.
fn trouble(line: &Line<'_>) -> Cell {
    let notes = &line.meta.notes;
    let (lost, repeated) = (notes.frames_dropped, notes.frames_repeated);
    let text = if lost + repeated > 0 { format!("{lost}/{repeated}") } else { String::new() };
    Cell { text, colour: YELLOW }
}

fn tags(line: &Line<'_>) -> Cell {
    let tags = one_line(&line.meta.notes.tags.join(", "));
    table::cut(&tags, TAGS_MAX).into()
}

fn totals(lines: &[Line<'_>], n_all: usize) -> String {
    let of = if lines.len() == n_all { String::new() } else { format!(" of {n_all}") };
    let plural = if n_all == 1 { "" } else { "s" };
    let seconds = facts::length(lines.iter().map(|line| line.seconds).sum());
    let rows: usize = lines.iter().map(|line| line.meta.length).sum();
    let size = facts::size(lines.iter().map(|line| line.bytes).sum());
    let n = |success| lines.iter().filter(|line| line.meta.notes.success == success).count();
    let (good, bad, unknown) = (n(Some(true)), n(Some(false)), n(None));
    let takeovers: i64 = lines.iter().map(|line| line.meta.notes.takeovers).sum();
    let takeovers = facts::count(usize::try_from(takeovers).unwrap_or_default(), "takeover");
    format!(
        "{}{of} episode{plural}, {seconds}, {rows} rows, {size}; ✔ {good}  ✖ {bad}  – {unknown}; \
         {takeovers}",
        lines.len()
    )
}

fn json(line: &Line<'_>) -> Value {
    let Line { meta, seconds, bytes } = line;
    let notes = &meta.notes;
    json!({
        "number": meta.index,
        "recording": notes.recording,
        "started_unix_ns": notes.started_unix_ns,
        "started": facts::date(notes.started_unix_ns),
        "seconds": seconds,
        "rows": meta.length,
        "tasks": meta.tasks,
        "success": notes.success,
        "takeovers": notes.takeovers,
        "frames_lost": notes.frames_dropped,
        "frames_repeated": notes.frames_repeated,
        "bytes": bytes,
        "tags": notes.tags,
        "note": notes.operator_note,
        "incomplete": notes.incomplete,
        "policy": notes.policy,
        "policy_sha256": notes.policy_sha256,
        "station": notes.station,
        "ticks": notes.ticks,
    })
}

/// Sizes of the files of rows, pictures and ticks; a file of several episodes is shared by their
/// rows.
struct Sizes<'a> {
    dataset: &'a Dataset,
    /// Rows of all episodes in each file.
    rows: HashMap<String, usize>,
    bytes: HashMap<String, u64>,
}

impl<'a> Sizes<'a> {
    fn new(dataset: &'a Dataset) -> Self {
        let mut rows = HashMap::new();
        for meta in dataset.episodes() {
            for file in files(dataset, meta) {
                *rows.entry(file).or_default() += meta.length;
            }
        }
        Self { dataset, rows, bytes: HashMap::new() }
    }

    fn of(&mut self, meta: &EpisodeMeta) -> u64 {
        let mut sum = 0.0;
        for file in files(self.dataset, meta) {
            let n_rows = self.rows.get(&file).copied().unwrap_or_default().max(1);
            let path = self.dataset.root().join(&file);
            // A file that is missing is `verify`'s to tell.
            let length = || fs::metadata(path).map_or(0, |file| file.len());
            let bytes = *self.bytes.entry(file).or_insert_with(length);
            sum += bytes as f64 * meta.length as f64 / n_rows as f64;
        }
        sum.round() as u64
    }
}

fn files(dataset: &Dataset, meta: &EpisodeMeta) -> Vec<String> {
    let info = dataset.info();
    let mut files = vec![info.data_file(meta.data)];
    files.extend(meta.videos.iter().map(|(camera, span)| info.video_file(camera, span.place)));
    if !meta.notes.ticks.is_empty() {
        files.push(meta.notes.ticks.clone());
    }
    files
}
