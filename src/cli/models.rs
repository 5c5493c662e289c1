//! `pilothouse models`: what policies there are and how good they are, what each promises, whether
//! its files are whole.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Subcommand;

use crate::eval::leaderboard::{self, HEADINGS, Line};
use crate::policy::{self, Entry, Manifest, beacon};

/// The policies, the best first; or what else there is to do with them.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder that holds the policy folders [default: models here, else in your data folder]
    #[arg(long, value_name = "FOLDER")]
    pub models: Option<PathBuf>,
    /// Write the leaderboard as a table in Markdown to FILE
    #[arg(long, value_name = "FILE")]
    pub markdown: Option<PathBuf>,
    /// Write the leaderboard as one page for a browser to FILE
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    #[command(subcommand)]
    pub action: Option<Action>,
}

/// What to do with the policies.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// List the policies
    List,
    /// Show what a policy takes, gives and is
    Show { name: String },
    /// Check a policy's files against its manifest (every policy when none is named)
    Verify { name: Option<String> },
    /// Write beacon's graph and tokenizer anew, with their hashes
    BuildBeacon,
}

/// Runs the verb, writing to `out`.
///
/// # Errors
/// There is no such folder or policy, or a policy is damaged.
pub fn run(args: &Args, out: &mut impl Write) -> anyhow::Result<()> {
    let models = policy::home(args.models.as_deref())?;
    let Some(action) = &args.action else { return rank(&models, args, out) };
    if args.markdown.is_some() || args.html.is_some() {
        bail!("--markdown and --html are of the leaderboard: leave the other verb out");
    }
    match action {
        Action::List => list(&models, out),
        Action::Show { name } => show(&find(&models, name)?.manifest?, out),
        Action::Verify { name: Some(name) } => {
            policy::check(&find(&models, name)?.folder)?;
            Ok(writeln!(out, "{name}: good")?)
        }
        Action::Verify { name: None } => verify_all(&models, out),
        Action::BuildBeacon => {
            let folder = models.join("beacon");
            beacon::write(&folder).with_context(|| format!("cannot write {}", folder.display()))
        }
    }
}

/// The leaderboard: into the files that are asked for, else as a table.
fn rank(models: &Path, args: &Args, out: &mut impl Write) -> anyhow::Result<()> {
    let lines = leaderboard::lines(models).with_context(|| unreadable(models))?;
    let pages = [
        (&args.markdown, leaderboard::markdown as fn(&[Line]) -> String),
        (&args.html, leaderboard::page),
    ];
    for (path, make) in pages {
        if let Some(path) = path {
            std::fs::write(path, make(&lines))
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
    }
    if args.markdown.is_some() || args.html.is_some() {
        return Ok(());
    }
    let rows: Vec<_> = lines.iter().map(Line::cells).collect();
    let headings = HEADINGS.map(str::to_owned);
    let table: Vec<_> = std::iter::once(&headings).chain(&rows).collect();
    let width_of = |column: usize| {
        let lengths = table.iter().filter_map(|row| row.get(column));
        lengths.map(|cell| cell.chars().count()).max().unwrap_or_default()
    };
    for row in &table {
        let cells: Vec<_> = row
            .iter()
            .enumerate()
            .map(|(column, cell)| match column {
                0 => format!("{cell:<width$}", width = width_of(column)),
                _ if column + 1 == HEADINGS.len() => cell.clone(),
                _ => format!("{cell:>width$}", width = width_of(column)),
            })
            .collect();
        writeln!(out, "{}", cells.join("  ").trim_end())?;
    }
    Ok(())
}

fn unreadable(models: &Path) -> String {
    format!("cannot read the folder {}; name another with --models", models.display())
}

fn entries(models: &Path) -> anyhow::Result<Vec<Entry>> {
    policy::list(models).with_context(|| unreadable(models))
}

fn find(models: &Path, name: &str) -> anyhow::Result<Entry> {
    let mut names = Vec::new();
    for entry in entries(models)? {
        if entry.name == name {
            return Ok(entry);
        }
        names.push(entry.name);
    }
    bail!("no policy {name:?} in {}; there are: {}", models.display(), names.join(", "))
}

fn list(models: &Path, out: &mut impl Write) -> anyhow::Result<()> {
    for Entry { name, manifest, .. } in entries(models)? {
        match manifest {
            Ok(manifest) => writeln!(out, "{name:<16} {}", manifest.summary)?,
            Err(error) => writeln!(out, "{name:<16} DAMAGED: {error}")?,
        }
    }
    Ok(())
}

fn show(manifest: &Manifest, out: &mut impl Write) -> anyhow::Result<()> {
    let Manifest { image, action, confidence, training, .. } = manifest;
    let (width, height, rate) = (image.width, image.height, manifest.rate_hz);
    writeln!(out, "{}: {}", manifest.name, manifest.summary)?;
    writeln!(out, "picture     {width} x {height}, {rate} per second")?;
    if let Some(instruction) = &manifest.instruction {
        writeln!(out, "instruction {}", instruction.suggestions.join(" | "))?;
    }
    writeln!(
        out,
        "action      {} slots of {} ms, used for at most {} ms, {:?} base",
        action.slots, action.slot_ms, action.horizon_ms_max, action.kinematics
    )?;
    writeln!(out, "confidence  at least {}: {}", confidence.min, confidence.meaning)?;
    writeln!(out, "trained on  {}", training.data)?;
    writeln!(out, "scores      {}", training.scores)?;
    Ok(())
}

fn verify_all(models: &Path, out: &mut impl Write) -> anyhow::Result<()> {
    let mut n_damaged = 0;
    for entry in entries(models)? {
        match policy::check(&entry.folder) {
            Ok(_) => writeln!(out, "{}: good", entry.name)?,
            Err(error) => {
                n_damaged += 1;
                writeln!(out, "{}: {error}", entry.name)?;
            }
        }
    }
    if n_damaged > 0 {
        bail!("{n_damaged} damaged");
    }
    Ok(())
}
