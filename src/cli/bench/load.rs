//! `pilothouse bench load`: how fast rows and their pictures come from a dataset.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Mutex;

use anyhow::ensure;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use serde::Serialize;

use crate::dataset::loader::{Loader, Prepare, RowId};
use crate::msg::Frame;
use crate::policy::Preprocessor;
use crate::policy::manifest::{Colour, Filter, Fit, Image, ImageType, Layout};
use crate::runtime::clock;

/// Rows that are asked for at once.
const BATCH: usize = 32;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The dataset's folder.
    root: PathBuf,
    /// Batches of 32 rows in random order, for each size.
    #[arg(long, default_value_t = 20, value_name = "N")]
    batches: usize,
    /// Threads that decode.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Megabytes of decoded pictures to keep.
    #[arg(long, default_value_t = 0, value_name = "MB")]
    cache: usize,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Case {
    /// Pixels a side; none: as recorded.
    size: Option<u32>,
    threads: usize,
    frames_per_s: f64,
    /// Of all threads, for a frame.
    cpu_ms: f64,
    cached_mb: f64,
}

pub(super) fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<()> {
    let mut cases = Vec::new();
    for size in [None, Some(96), Some(224)] {
        cases.push(measure(args, size)?);
    }
    if args.json {
        serde_json::to_writer_pretty(&mut *out, &cases)?;
        return Ok(writeln!(out)?);
    }
    writeln!(
        out,
        "{:<10}{:>8}{:>12}{:>14}{:>12}",
        "size", "threads", "frames/s", "CPU ms/frame", "cached MB"
    )?;
    for case in &cases {
        let size = case.size.map_or("recorded".to_owned(), |side| format!("{side}x{side}"));
        let Case { threads, frames_per_s, cpu_ms, cached_mb, .. } = case;
        writeln!(out, "{size:<10}{threads:>8}{frames_per_s:>12.0}{cpu_ms:>14.2}{cached_mb:>12.0}")?;
    }
    Ok(())
}

fn measure(args: &Args, size: Option<u32>) -> anyhow::Result<Case> {
    let loader = Loader::open(&args.root, args.threads, args.cache << 20, prepare(size))?;
    let rows: Vec<RowId> = loader.rows().collect();
    ensure!(!rows.is_empty(), "{} has no rows", args.root.display());
    let mut random = Pcg64::seed_from_u64(7);
    let before = (clock::now(), clock::cpu());
    for _ in 0..args.batches {
        let batch: Vec<_> = (0..BATCH).map(|_| rows[random.random_range(0..rows.len())]).collect();
        loader.load(&batch)?;
    }
    let n = (args.batches * BATCH) as f64;
    let cpu = clock::cpu().saturating_sub(before.1).as_secs_f64();
    Ok(Case {
        size,
        threads: args.threads,
        frames_per_s: n / clock::now().since(before.0).as_secs_f64(),
        cpu_ms: cpu * 1e3 / n,
        cached_mb: loader.cached().1 as f64 / 1e6,
    })
}

/// Resizes as a policy's preprocessing does.
fn prepare(size: Option<u32>) -> Box<Prepare> {
    let Some(side) = size else { return Box::new(|rgb, _, _| rgb.to_vec()) };
    let image = Image {
        input: String::new(),
        width: side,
        height: side,
        fit: Fit::Stretch,
        filter: Filter::Bilinear,
        colour: Colour::Rgb,
        layout: Layout::Nhwc,
        dtype: ImageType::Uint8,
        scale: 1.0,
        mean: [0.0; 3],
        std: [1.0; 3],
    };
    // Each keeps its table of weights: one for each thread that is at it.
    let idle = Mutex::new(Vec::new());
    Box::new(move |rgb, width, height| {
        let take = || idle.lock().ok().and_then(|mut idle| idle.pop());
        let mut preprocessor = take().unwrap_or_else(|| Preprocessor::new(image.clone()));
        let frame = Frame { width, height, rgb: rgb.to_vec(), ..Frame::default() };
        let mut resized = vec![0_u8; preprocessor.len()];
        preprocessor.apply(&frame, &mut resized);
        if let Ok(mut idle) = idle.lock() {
            idle.push(preprocessor);
        }
        resized
    })
}
