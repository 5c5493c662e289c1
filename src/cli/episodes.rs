//! `pilothouse episodes`: the recorded episodes at rest, one file a verb.
//!
//! Deliberately absent: what a dataset is; every change is one call of [`crate::dataset`], which
//! makes it whole or not at all.

mod columns;
mod compact;
mod discard;
mod exchange;
pub(super) mod facts;
mod list;
mod merge;
mod notes;
mod numbers;
mod purge;
mod repair;
pub(super) mod root;
mod split;
mod stats;
mod trim;
mod verify;

use std::io::{self, BufRead, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;

use self::columns::Look;
use self::root::Root;
use super::{replay, terminal};
use crate::config::{self, Flags};

/// Lists, corrects, moves and checks episodes.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder of the dataset [default: what record.folder and record.dataset say]
    #[arg(long, value_name = "FOLDER", global = true)]
    dataset: Option<PathBuf>,
    /// Configuration file [default: pilothouse.toml in this folder, where there is one]
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// A line for each episode
    List(list::Args),
    /// Play an episode in the terminal
    Show { number: usize },
    /// Add tags to episodes
    Tag(notes::TagArgs),
    /// Take tags away from episodes
    Untag(notes::TagArgs),
    /// Say whether the attempt succeeded
    Mark(notes::MarkArgs),
    /// Write a note beside an episode; an empty one removes it
    Note(notes::NoteArgs),
    /// Keep only a span of an episode
    Trim(trim::Args),
    /// Put episodes aside
    Discard(discard::Args),
    /// Bring a discarded episode back; without a name, list what is discarded
    Restore(discard::RestoreArgs),
    /// Delete discarded episodes for good; without a name, all of them
    Purge(purge::Args),
    /// Add the episodes of other datasets
    Merge(merge::Args),
    /// Move episodes to a dataset of their own
    Split(split::Args),
    /// Put many small files together into few large ones
    Compact,
    /// Finish recordings and changes that a crash cut short
    Repair,
    /// Check the whole dataset
    Verify(verify::Args),
    /// What the numbers of the dataset are
    Stats,
    /// Add episodes from files of other programs
    Import(exchange::ImportArgs),
    /// Write an episode for other programs
    Export(exchange::ExportArgs),
}

/// Runs the verb.
///
/// # Errors
/// There is no dataset or no such episode, or it cannot be read or changed.
pub fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let flags = Flags { config: args.config.clone(), ..Flags::default() };
    let config = config::load(&flags)?.config;
    let root = &Root::new(args.dataset.clone(), args.config.as_deref(), &config);
    match &args.verb {
        Verb::List(args) => list::run(args, root, &look(), out)?,
        Verb::Show { number } => return replay::player::run(root, *number, 1.0, &config),
        Verb::Tag(args) => notes::tag(args, root, out)?,
        Verb::Untag(args) => notes::untag(args, root, out)?,
        Verb::Mark(args) => notes::mark(args, root, out)?,
        Verb::Note(args) => notes::note(args, root, out)?,
        Verb::Trim(args) => trim::run(args, root, out)?,
        Verb::Discard(args) => discard::discard(args, root, out)?,
        Verb::Restore(args) => discard::restore(args, root, &look(), out)?,
        Verb::Purge(args) => {
            let stdin = io::stdin();
            let mut lines = stdin.lock();
            let answers = stdin.is_terminal().then_some(&mut lines as &mut dyn BufRead);
            purge::run(args, root, &look(), answers, out)?;
        }
        Verb::Merge(args) => merge::run(args, root, out)?,
        Verb::Split(args) => split::run(args, root, out)?,
        Verb::Compact => compact::run(root, out)?,
        Verb::Repair => return repair::run(root, out),
        Verb::Verify(args) => return verify::run(args, root, &look(), out),
        Verb::Stats => stats::run(root, &look(), out)?,
        Verb::Import(args) => exchange::import(args, root, out)?,
        Verb::Export(args) => exchange::export(args, root, out)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// What the terminal shows; a pipe gets everything.
fn look() -> Look {
    let is_terminal = io::stdout().is_terminal();
    let width = crossterm::terminal::size().ok().map(|(width, _)| usize::from(width));
    Look { width: width.filter(|_| is_terminal), is_coloured: terminal::is_coloured(&io::stdout()) }
}
