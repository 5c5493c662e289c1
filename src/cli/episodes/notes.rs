//! `pilothouse episodes tag|untag|mark|note`: what the operator says of episodes.

use std::io::Write;

use clap::ValueEnum;

use super::facts;
use super::numbers::{self, Numbers};
use super::root::{Root, quoted};
use crate::cli::terminal::one_line;

/// Which tags on which episodes.
#[derive(Debug, clap::Args)]
pub(super) struct TagArgs {
    /// Episodes, as 3 or 3,5-9
    #[arg(value_name = "N")]
    numbers: Numbers,
    /// Tags, one a word
    #[arg(value_name = "TAG", required = true)]
    tags: Vec<String>,
}

/// How the attempts came out.
#[derive(Debug, clap::Args)]
pub(super) struct MarkArgs {
    /// Episodes, as 3 5-9
    #[arg(value_name = "N", required = true)]
    numbers: Vec<Numbers>,
    outcome: Outcome,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Outcome {
    Success,
    Failure,
    Unknown,
}

/// A note beside an episode.
#[derive(Debug, clap::Args)]
pub(super) struct NoteArgs {
    number: usize,
    /// Replaces what was there
    text: String,
}

pub(super) fn tag(args: &TagArgs, root: &Root, out: &mut dyn Write) -> anyhow::Result<()> {
    change_tags(args, root, out, true)
}

pub(super) fn untag(args: &TagArgs, root: &Root, out: &mut dyn Write) -> anyhow::Result<()> {
    change_tags(args, root, out, false)
}

/// Changes, and tells of, only the episodes that did not have (or lack) the tag already.
fn change_tags(args: &TagArgs, root: &Root, out: &mut dyn Write, adds: bool) -> anyhow::Result<()> {
    let mut store = root.write()?;
    let numbers = numbers::resolve(std::slice::from_ref(&args.numbers), store.episodes().len())?;
    for tag in &args.tags {
        let tag = one_line(tag);
        anyhow::ensure!(!tag.is_empty(), "a tag has at least one letter");
        let has = |number: &usize| {
            store.episodes().get(*number).is_some_and(|meta| meta.notes.tags.contains(&tag))
        };
        let changed: Vec<_> =
            numbers.iter().copied().filter(|number| has(number) != adds).collect();
        for &number in &changed {
            store.set_notes(number, |notes| {
                notes.tags.retain(|own| *own != tag);
                if adds {
                    notes.tags.push(tag.clone());
                }
            })?;
        }
        if changed.is_empty() {
            let state = if adds { "already has" } else { "does not have" };
            let who = numbers::words(&numbers);
            writeln!(out, "{who} {state} the tag {tag:?}; nothing was changed")?;
            continue;
        }
        let (verb, back) = if adds { ("tagged", "untag") } else { ("untagged", "tag") };
        writeln!(out, "{verb} {}: {tag}", numbers::words(&changed))?;
        let undo = format!("{back} {} {}", numbers::typed(&changed), quoted(&tag));
        writeln!(out, "undo: {}", root.command(&undo))?;
    }
    Ok(())
}

pub(super) fn mark(args: &MarkArgs, root: &Root, out: &mut dyn Write) -> anyhow::Result<()> {
    let success = match args.outcome {
        Outcome::Success => Some(true),
        Outcome::Failure => Some(false),
        Outcome::Unknown => None,
    };
    let mut store = root.write()?;
    let numbers = numbers::resolve(&args.numbers, store.episodes().len())?;
    let before = |number: &usize| store.episodes().get(*number).and_then(|m| m.notes.success);
    let before: Vec<_> = numbers.iter().map(|number| (*number, before(number))).collect();
    for &number in &numbers {
        store.set_notes(number, |notes| notes.success = success)?;
    }
    writeln!(out, "marked {} as {}", numbers::words(&numbers), facts::success(success))?;
    for was in [Some(true), Some(false), None].into_iter().filter(|was| *was != success) {
        let of: Vec<_> = before.iter().filter(|(_, own)| *own == was).map(|(n, _)| *n).collect();
        if !of.is_empty() {
            let undo = format!("mark {} {}", numbers::typed(&of), facts::success(was));
            writeln!(out, "undo: {}", root.command(&undo))?;
        }
    }
    Ok(())
}

pub(super) fn note(args: &NoteArgs, root: &Root, out: &mut dyn Write) -> anyhow::Result<()> {
    let NoteArgs { number, text } = args;
    let mut store = root.write()?;
    let mut before = String::new();
    store.set_notes(*number, |notes| {
        before = std::mem::replace(&mut notes.operator_note, text.clone());
    })?;
    let what = if text.is_empty() { "removed the note of" } else { "wrote a note beside" };
    writeln!(out, "{what} episode {number}")?;
    let undo = format!("note {number} {}", quoted(&before));
    writeln!(out, "undo: {}", root.command(&undo))?;
    Ok(())
}
