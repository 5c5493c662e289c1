//! `pilothouse episodes import|export`: files of other programs.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use clap::ValueEnum;

use super::merge;
use super::numbers;
use super::root::Root;
use crate::dataset::exchange::{self, Format, ImportOptions, hdf5};

/// What is read.
#[derive(Debug, clap::Args)]
pub(super) struct ImportArgs {
    /// Files of the study (.h5), or folders of LeRobot datasets
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,
    #[arg(long)]
    format: Source,
    /// hdf5: rows a second, where the file does not say
    #[arg(long, value_name = "N")]
    fps: Option<u32>,
    /// hdf5: the instruction, where the file does not say, or another
    #[arg(long, value_name = "TEXT")]
    task: Option<String>,
    /// hdf5: m/s and rad/s of an action of 1.0
    #[arg(long, value_name = "X", default_value_t = 1.0)]
    action_scale: f64,
    /// hdf5: the pictures are RGB, not BGR
    #[arg(long)]
    rgb: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Source {
    /// The layout of the Mobile VLA study
    Hdf5,
    /// `LeRobotDataset` v3.0
    Lerobot,
}

/// What is written.
#[derive(Debug, clap::Args)]
pub(super) struct ExportArgs {
    number: usize,
    #[arg(long)]
    format: Format,
    /// File, or folder, to be made
    #[arg(long, value_name = "PATH")]
    out: PathBuf,
}

pub(super) fn import(args: &ImportArgs, root: &Root, out: &mut dyn Write) -> anyhow::Result<()> {
    if args.format == Source::Lerobot {
        return merge::add(&args.paths, root, out);
    }
    let options = ImportOptions {
        fps: args.fps,
        task: args.task.clone(),
        action_scale: args.action_scale,
        rgb: args.rgb,
    };
    let mut added = Vec::new();
    // What was added before a file that cannot be read stays, and is told.
    let result = args.paths.iter().try_for_each(|path| {
        let imported = hdf5::import(&root.path, path, &options)
            .with_context(|| format!("cannot import {}", path.display()))?;
        let (path, number, rows) = (path.display(), imported.episode, imported.n_rows);
        if imported.is_new {
            added.push(number);
            writeln!(out, "{path}: episode {number}, {rows} rows")?;
        } else {
            writeln!(out, "{path}: here already, as episode {number}")?;
        }
        for assumed in &imported.assumed {
            writeln!(out, "  assumed: {assumed}")?;
        }
        anyhow::Ok(())
    });
    if !added.is_empty() {
        let undo = format!("discard {}", numbers::typed(&added));
        writeln!(out, "undo: {}", root.command(&undo))?;
    }
    result
}

pub(super) fn export(args: &ExportArgs, root: &Root, out: &mut dyn Write) -> anyhow::Result<()> {
    let dataset = root.read()?;
    exchange::export(&dataset, args.number, args.format, &args.out)?;
    writeln!(out, "wrote episode {} to {}", args.number, args.out.display())?;
    Ok(())
}
