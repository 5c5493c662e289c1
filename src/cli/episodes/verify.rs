//! `pilothouse episodes verify`: is everything as it should be? Looks only; changes nothing.

use std::io::Write;
use std::process::ExitCode;

use anyhow::ensure;

use super::columns::{Look, RED, YELLOW, coloured};
use super::facts;
use super::root::Root;
use crate::cli::terminal::one_line;
use crate::dataset::Dataset;
use crate::dataset::lerobot::{DecodeCheck, Severity, verify};

/// Without `--all-frames`, one picture in this many is decoded.
const SAMPLE: usize = 30;

/// How much is looked at.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Decode every picture, not one in 30
    #[arg(long)]
    all_frames: bool,
}

/// The exit code is 1 when something is wrong; a warning is not.
pub(super) fn run(
    args: &Args,
    root: &Root,
    look: &Look,
    out: &mut dyn Write,
) -> anyhow::Result<ExitCode> {
    let path = root.path.display();
    ensure!(root.path.is_dir(), "there is no dataset {path}; name another with --dataset");
    let every = if args.all_frames { 1 } else { SAMPLE };
    let findings = verify(&root.path, DecodeCheck::EveryNth(every));
    for finding in &findings {
        let (word, colour) = match finding.severity {
            Severity::Error => ("wrong", RED),
            Severity::Warning => ("note ", YELLOW),
        };
        let file = finding.path.strip_prefix(&root.path).unwrap_or(&finding.path);
        let place = if file.as_os_str().is_empty() { root.path.as_path() } else { file };
        let what = one_line(&format!("{}: {}", place.display(), finding.what));
        writeln!(out, "{} {what}", coloured(word, colour, look))?;
        writeln!(out, "      → {}", one_line(&finding.remedy))?;
    }
    let n = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
    let (wrong, notes) = (n(Severity::Error), n(Severity::Warning));
    if wrong > 0 {
        writeln!(
            out,
            "\n{path}: {} wrong, {}",
            facts::count(wrong, "thing"),
            facts::count(notes, "note")
        )?;
        return Ok(ExitCode::FAILURE);
    }
    let dataset = Dataset::open(&root.path)?;
    let episodes = facts::count(dataset.episodes().len(), "episode");
    let rows = facts::count(dataset.info().total_frames, "row");
    let pictures = if args.all_frames { "every picture" } else { "pictures in samples" };
    let notes =
        if notes > 0 { format!("; {}", facts::count(notes, "note")) } else { String::new() };
    writeln!(out, "{path}: good: {episodes}, {rows}, {pictures} decoded{notes}")?;
    Ok(ExitCode::SUCCESS)
}
