//! `pilothouse models`: what policies there are, what each promises, whether its files are whole.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Subcommand;

use crate::policy::{self, Entry, Manifest, beacon};

/// Arguments of `pilothouse models`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder that holds the policy folders [default: models here, else in your data folder]
    #[arg(long, value_name = "FOLDER")]
    pub models: Option<PathBuf>,
    #[command(subcommand)]
    pub action: Action,
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
    match &args.action {
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

fn entries(models: &Path) -> anyhow::Result<Vec<Entry>> {
    policy::list(models).with_context(|| {
        format!("cannot read the folder {}; name another with --models", models.display())
    })
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
