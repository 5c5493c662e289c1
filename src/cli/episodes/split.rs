//! `pilothouse episodes split`: episodes into a dataset of their own.

use std::io::Write;
use std::path::PathBuf;

use super::numbers::{self, Numbers};
use super::root::{Root, quoted};

/// Which episodes, and where to.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Episodes, as 3 5-9
    #[arg(value_name = "N", required = true)]
    numbers: Vec<Numbers>,
    /// Folder of the new dataset
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
}

pub(super) fn run(args: &Args, root: &Root, out: &mut dyn Write) -> anyhow::Result<()> {
    let mut store = root.write()?;
    let numbers = numbers::resolve(&args.numbers, store.episodes().len())?;
    let moved = store.split_off(&numbers, &args.out)?;
    let (words, folder) = (numbers::words(&numbers), args.out.display().to_string());
    let (there, stay) = (numbers::words(&moved), store.episodes().len());
    writeln!(out, "moved {words} to {folder}, where it is {there}; {stay} stay here")?;
    let undo = format!("merge {}", quoted(&folder));
    writeln!(out, "undo: {}", root.command(&undo))?;
    Ok(())
}
