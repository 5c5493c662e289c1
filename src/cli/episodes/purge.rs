//! `pilothouse episodes purge`: deletes what was discarded, after saying what and asking.

use std::collections::BTreeSet;
use std::io::{BufRead, Write};

use anyhow::bail;

use super::columns::Look;
use super::discard;
use super::facts;
use super::root::Root;
use crate::cli::terminal;

/// What is deleted.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Names of recordings, as `episodes restore` lists them
    #[arg(value_name = "RECORDING")]
    recordings: Vec<String>,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

/// Asks on `out`; `answers` is `None` where nobody can answer.
pub(super) fn run(
    args: &Args,
    root: &Root,
    look: &Look,
    answers: Option<&mut dyn BufRead>,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let store = root.write()?;
    let there = discard::discarded(&store)?;
    let names: BTreeSet<_> = match args.recordings.as_slice() {
        [] => there.clone(),
        named => named.iter().cloned().collect(),
    };
    if names.is_empty() {
        writeln!(out, "nothing is discarded in {}", root.path.display())?;
        return Ok(());
    }
    if let Some(name) = names.difference(&there).next() {
        bail!("no discarded recording is named {name}");
    }
    let bytes = discard::show(&names, &store, look, out)?;
    let what = format!("{}, {}", facts::count(names.len(), "recording"), facts::size(bytes));
    writeln!(out)?;
    // While a person thinks, a station may have episodes to save.
    drop(store);
    if !args.yes {
        let Some(answers) = answers else {
            bail!("nothing was deleted: nobody can be asked here; `--yes` deletes without asking");
        };
        let question = format!("Delete {what}, for good?");
        if !terminal::is_agreed(&question, answers, out)? {
            bail!("nothing was deleted");
        }
    }
    let names: Vec<_> = names.into_iter().collect();
    root.write()?.purge(&names)?;
    writeln!(out, "deleted {what}, for good")?;
    Ok(())
}
