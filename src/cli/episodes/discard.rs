//! `pilothouse episodes discard|restore`: out of the dataset, and back.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::Path;

use super::columns::{self, Cell, Column, Look};
use super::facts;
use super::numbers::{self, Numbers};
use super::root::{Root, quoted};
use crate::cli::terminal::one_line;
use crate::dataset::Dataset;
use crate::dataset::lerobot::{DISCARDED, Store};

/// Which episodes.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Episodes, as 3 5-9
    #[arg(value_name = "N", required = true)]
    numbers: Vec<Numbers>,
}

/// What is brought back.
#[derive(Debug, clap::Args)]
pub(super) struct RestoreArgs {
    /// Name of the recording
    recording: Option<String>,
}

pub(super) fn discard(args: &Args, root: &Root, out: &mut dyn Write) -> anyhow::Result<()> {
    let mut store = root.write()?;
    let numbers = numbers::resolve(&args.numbers, store.episodes().len())?;
    let before = discarded(&store)?;
    store.discard(&numbers)?;
    writeln!(out, "discarded {}", numbers::words(&numbers))?;
    let left = store.episodes().len();
    if numbers.first().is_some_and(|first| *first < left) {
        writeln!(out, "the episodes after it are numbered anew; there are {left} now")?;
    }
    for name in discarded(&store)?.difference(&before) {
        writeln!(out, "undo: {}", root.command(&format!("restore {}", quoted(name))))?;
    }
    Ok(())
}

/// Names of what is discarded.
pub(super) fn discarded(store: &Store) -> anyhow::Result<BTreeSet<String>> {
    Ok(store.discarded()?.into_iter().collect())
}

pub(super) fn restore(
    args: &RestoreArgs,
    root: &Root,
    look: &Look,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let Some(recording) = &args.recording else { return list(root, look, out) };
    let mut store = root.write()?;
    let number = store.restore(recording)?;
    writeln!(out, "restored {recording} as episode {number}")?;
    writeln!(out, "undo: {}", root.command(&format!("discard {number}")))?;
    Ok(())
}

fn list(root: &Root, look: &Look, out: &mut dyn Write) -> anyhow::Result<()> {
    let store = root.write()?;
    let names = discarded(&store)?;
    if names.is_empty() {
        writeln!(out, "nothing is discarded in {}", root.path.display())?;
        return Ok(());
    }
    show(&names, &store, look, out)?;
    writeln!(out, "\nbring one back: {}", root.command("restore RECORDING"))?;
    writeln!(out, "delete them for good: {}", root.command("purge"))?;
    Ok(())
}

/// Shows discarded recordings as a table. Returns the bytes they take.
pub(super) fn show(
    names: &BTreeSet<String>,
    store: &Store,
    look: &Look,
    out: &mut dyn Write,
) -> anyhow::Result<u64> {
    let (mut name, mut length, mut size) = (Vec::new(), Vec::new(), Vec::new());
    let (mut what, mut task) = (Vec::new(), Vec::new());
    let mut total = 0;
    for discarded in names {
        let folder = store.root().join(DISCARDED).join(discarded);
        let bytes = bytes_in(&folder)?;
        total += bytes;
        let opened = Dataset::open(&folder);
        let meta = opened.as_ref().ok().and_then(|set| Some((set.episodes().first()?, set.info())));
        name.push(Cell::from(discarded.clone()));
        size.push(Cell::from(facts::size(bytes)));
        what.push(Cell::from(remainder(store, discarded)));
        let seconds = meta.map(|(meta, info)| meta.length as f64 / f64::from(info.fps));
        length.push(Cell::from(seconds.map(facts::length).unwrap_or_default()));
        task.push(Cell::from(match (meta, &opened) {
            (Some((meta, _)), _) => one_line(&meta.tasks.join(" | ")),
            (None, Err(error)) => format!("DAMAGED: {}", one_line(&error.to_string())),
            (None, Ok(_)) => "DAMAGED: it holds no episode".to_owned(),
        }));
    }
    let task = Column { is_elastic: true, ..Column::new("task", 1, task) };
    let table = vec![
        Column::new("recording", 0, name),
        Column::right("length", 0, length),
        Column::right("size", 2, size),
        task,
        Column::new("what is left of it", 3, what),
    ];
    columns::write(out, table, look)?;
    Ok(total)
}

/// Which episode of the dataset is the rest of what was put aside whole, by a trim or a cut.
fn remainder(store: &Store, discarded: &str) -> String {
    let recording = discarded.strip_suffix("-uncut").unwrap_or(discarded);
    store.find(recording).map(|number| format!("episode {number}")).unwrap_or_default()
}

fn bytes_in(folder: &Path) -> anyhow::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let about = entry.metadata()?;
        bytes += if about.is_dir() { bytes_in(&entry.path())? } else { about.len() };
    }
    Ok(bytes)
}
