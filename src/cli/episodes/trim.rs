//! `pilothouse episodes trim`: keeps a span of an episode.

use std::io::Write;

use anyhow::{Context, ensure};

use super::root::{Root, quoted};
use super::{facts, numbers};

/// Which span of which episode.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    number: usize,
    /// Seconds from the start; the first picture kept may lie before it, where decoding can begin
    #[arg(long, value_name = "S", default_value_t = 0.0)]
    from: f64,
    /// Seconds from the start [default: the end]
    #[arg(long, value_name = "S")]
    to: Option<f64>,
}

pub(super) fn run(args: &Args, root: &Root, out: &mut dyn Write) -> anyhow::Result<()> {
    let mut store = root.write()?;
    let fps = f64::from(store.info().fps);
    let number = args.number;
    let rows = length(&store, number)?;
    let end_s = rows as f64 / fps;
    let (from, to) = (args.from, args.to.unwrap_or(end_s));
    ensure!(
        (0.0..to).contains(&from) && to.is_finite(),
        "--from {from} --to {to} is no span; the episode goes from 0 to {end_s:.2} s"
    );
    let keep = (from * fps).round() as usize..((to * fps).round() as usize).min(rows);
    ensure!(
        !keep.is_empty(),
        "nothing would be left between {from} s and {to} s; the episode goes from 0 to {end_s:.2} s"
    );
    ensure!(keep != (0..rows), "that is the whole episode; nothing was changed");
    let kept = store.trim(number, keep)?;
    let seconds = |rows: usize| facts::length(rows as f64 / fps);
    writeln!(
        out,
        "kept {} to {} of episode {number}: {} of {}, {} of {rows} rows",
        seconds(kept.start),
        seconds(kept.end),
        seconds(kept.len()),
        seconds(rows),
        kept.len()
    )?;
    let recording = store.episodes().get(number).map(|meta| meta.notes.recording.clone());
    let undo = format!("restore {}", quoted(&recording.unwrap_or_default()));
    writeln!(out, "undo: {}", root.command(&undo))?;
    Ok(())
}

fn length(store: &crate::dataset::lerobot::Store, number: usize) -> anyhow::Result<usize> {
    let episodes = store.episodes();
    let meta = episodes.get(number).with_context(|| numbers::missing(number, episodes.len()))?;
    Ok(meta.length)
}
