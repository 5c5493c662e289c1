//! `pilothouse episodes merge`: the episodes of other datasets, added at the end.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;

use super::root::Root;
use super::{facts, numbers};
use crate::dataset::Dataset;
use crate::dataset::lerobot::{CameraSpec, Features, Info, Schema, Store};

/// Which datasets.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Folders of the datasets to add; they stay as they are
    #[arg(value_name = "SOURCE", required = true)]
    sources: Vec<PathBuf>,
}

pub(super) fn run(args: &Args, root: &Root, out: &mut dyn Write) -> anyhow::Result<()> {
    add(&args.sources, root, out)
}

/// Adds the episodes of these datasets; the first of them begins a dataset where there is none.
pub(super) fn add(sources: &[PathBuf], root: &Root, out: &mut dyn Write) -> anyhow::Result<()> {
    let open = |path: &PathBuf| {
        Dataset::open(path).with_context(|| format!("cannot add {}", path.display()))
    };
    let sources: Vec<Dataset> = sources.iter().map(open).collect::<Result<_, _>>()?;
    let n_offered: usize = sources.iter().map(|source| source.episodes().len()).sum();
    let mut store = match sources.first() {
        Some(first) if !root.path.join("meta/info.json").exists() => {
            Store::create_or_open(&root.path, &schema(first.info()))?
        }
        _ => root.write()?,
    };
    let added = store.merge(&sources)?;
    let offered = facts::count(n_offered, "episode");
    if added.is_empty() {
        writeln!(out, "nothing to add: {offered} offered, each is here already")?;
        return Ok(());
    }
    writeln!(out, "added {}; {offered} offered", numbers::words(&added))?;
    let undo = format!("discard {}", numbers::typed(&added));
    writeln!(out, "undo: {}", root.command(&undo))?;
    Ok(())
}

/// What a dataset must hold for the episodes of another to fit.
pub(super) fn schema(info: &Info) -> Schema {
    let camera = |(name, feature): &(String, crate::dataset::lerobot::Feature)| match feature
        .shape
        .as_slice()
    {
        [height, width, _] if feature.is_video() => {
            Some(CameraSpec { key: name.clone(), width: *width as u32, height: *height as u32 })
        }
        _ => None,
    };
    let all = &info.features.0;
    let is_column = |name: &str| !facts::COUNTERS.contains(&name);
    let columns = all.iter().filter(|(name, feature)| !feature.is_video() && is_column(name));
    Schema {
        fps: info.fps,
        robot_type: info.robot_type.clone().unwrap_or_default(),
        cameras: all.iter().filter_map(camera).collect(),
        features: Features(columns.cloned().collect()),
    }
}
