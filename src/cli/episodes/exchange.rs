//! `pilothouse episodes import|export`: files of other programs.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, bail, ensure};
use clap::ValueEnum;

use super::root::Root;
use super::{facts, merge, numbers};
use crate::dataset::exchange::{self, Format, ImportOptions, hdf5};
use crate::dataset::lerobot::{Feature, Store};
use crate::dataset::table::Column;
use crate::dataset::{Dataset, DatasetError};
use crate::train::labels::{self, LabelRules};

/// The column of how much a label counts.
const WEIGHT: &str = "label_weight";

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
    /// The episode; with --labels all of them when left out
    #[arg(required_unless_present = "labels")]
    number: Option<usize>,
    #[arg(long, required_unless_present = "labels", conflicts_with = "labels")]
    format: Option<Format>,
    /// A LeRobot dataset in which `action` is what `pilothouse train` learns from, and
    /// `label_weight` how much it counts there
    #[arg(long)]
    labels: bool,
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
    if args.labels {
        return export_labels(args, &dataset, out);
    }
    let (Some(number), Some(format)) = (args.number, args.format) else {
        bail!("name an episode and a --format");
    };
    exchange::export(&dataset, number, format, &args.out)?;
    writeln!(out, "wrote episode {number} to {}", args.out.display())?;
    Ok(())
}

/// For other trainers: the choice of labels as it is made here, in a dataset of its own.
fn export_labels(args: &ExportArgs, dataset: &Dataset, out: &mut dyn Write) -> anyhow::Result<()> {
    let to = args.out.display();
    ensure!(!args.out.exists(), "{to} exists; name another, or remove it first");
    let mut schema = merge::schema(dataset.info());
    let weight = Feature::scalar("float32", "how much the action counts; 0: not to be imitated");
    ensure!(
        schema.features.get(WEIGHT).is_none(),
        "{} holds exported labels already; export from the recordings themselves",
        dataset.root().display()
    );
    schema.features.0.push((WEIGHT.to_owned(), weight));
    let episodes = match args.number {
        Some(number) => vec![dataset.episode(number)?.index],
        None => (0..dataset.episodes().len()).collect(),
    };
    let fps = dataset.info().fps;
    let rules = LabelRules::default();
    let mut store = Store::create_or_open(&args.out, &schema)?;
    let added = store.add_edited(dataset, &episodes, |meta, table| {
        let is_failure = meta.notes.success == Some(false);
        let labels = labels::labels(table, fps, &rules, is_failure)
            .map_err(|error| DatasetError::Refused(format!("episode {}: {error}", meta.index)))?;
        let values = labels.iter().flat_map(|label| label.twist).collect();
        table.set("action", Column::F32List { width: labels::AXES, values })?;
        table.set(WEIGHT, Column::F32(labels.iter().map(|label| label.weight).collect()))
    })?;
    writeln!(out, "wrote the labels of {} to {to}", facts::count(added.len(), "episode"))?;
    Ok(())
}
