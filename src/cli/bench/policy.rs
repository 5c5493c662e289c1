//! `pilothouse bench policy`: how long one inference takes.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use serde::Serialize;

use crate::msg::{ActionChunk, Frame};
use crate::onnx::{BoundSession, Device, Dim, Model, Session, SessionOptions, TensorInfo};
use crate::policy::{self, OnnxPolicy, Policy};
use crate::runtime::clock;
use crate::runtime::latency::{Percentiles, Whole};

/// Inferences before those that are measured.
const WARM: usize = 20;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A policy's folder; all of the shipped ones when none is named.
    #[arg(value_name = "FOLDER")]
    folders: Vec<PathBuf>,
    /// Inferences that are measured.
    #[arg(long, default_value_t = 500, value_name = "N")]
    steps: usize,
    /// Threads that share the work of one operator.
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
}

/// Milliseconds.
#[derive(Debug, Serialize)]
struct Figures {
    policy: String,
    /// The graph alone, on pictures of noise.
    graph: Percentiles,
    /// As the station runs it: from a frame of 640x480 to a chunk.
    whole: Percentiles,
}

pub(super) fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<()> {
    let mut folders = args.folders.clone();
    if folders.is_empty() {
        folders.extend(policy::list(&policy::home(None)?)?.into_iter().map(|entry| entry.folder));
    }
    let mut all = Vec::with_capacity(folders.len());
    for folder in &folders {
        all.push(measure(args, folder)?);
    }
    if args.json {
        serde_json::to_writer_pretty(&mut *out, &all)?;
        return Ok(writeln!(out)?);
    }
    writeln!(out, "{:<24}{:>9}{:>9}{:>9}{:>9}", "ms", "p50", "p99", "p99.9", "max")?;
    for Figures { policy, graph, whole } in &all {
        for (name, p) in [(format!("{policy}, graph"), graph), (format!("{policy}, whole"), whole)]
        {
            writeln!(out, "{name:<24}{:>9.3}{:>9.3}{:>9.3}{:>9.3}", p.p50, p.p99, p.p99_9, p.max)?;
        }
    }
    Ok(())
}

fn measure(args: &Args, folder: &std::path::Path) -> anyhow::Result<Figures> {
    let runtime = super::super::train::onnx_runtime(None)?;
    let options =
        SessionOptions { device: Device::Cpu, intra_threads: args.threads, engine_cache: None };
    let mut policy = OnnxPolicy::load_with(folder, &runtime, &options)?;
    let manifest = policy.manifest().clone();
    let file = folder.join(&manifest.graph);
    let session = Session::open(&runtime, Model::File(&file), &options)?;
    let shapes = |infos: &[TensorInfo]| infos.iter().map(shape).collect::<Vec<_>>();
    let (inputs, outputs) = (shapes(session.inputs()), shapes(session.outputs()));
    let image = session.inputs().iter().position(|info| info.name == manifest.image.input);
    let mut bound = session.bind(&inputs, &outputs)?;
    fill(&mut bound, image.context("the graph has no image")?)?;
    let graph = time(args.steps, || Ok(bound.run()?))?;
    if let Some(first) = policy.info().suggestions.first().cloned() {
        policy.set_instruction(&first)?;
    }
    let mut rng = Pcg64::seed_from_u64(1);
    let rgb = (0..640 * 480 * 3).map(|_| rng.random()).collect();
    let frame = Frame { width: 640, height: 480, rgb, ..Frame::default() };
    let mut chunk = ActionChunk::default();
    let whole = time(args.steps, || Ok(policy.infer(&frame, &mut chunk)?))?;
    Ok(Figures { policy: manifest.name, graph, whole })
}

/// One item where a graph takes any number.
fn shape(info: &TensorInfo) -> Vec<usize> {
    let size = |dim: &Dim| match dim {
        Dim::Size(size) => *size,
        Dim::Symbol(_) => 1,
    };
    info.dims.iter().map(size).collect()
}

/// Noise, in whichever type the picture is.
fn fill(bound: &mut BoundSession, image: usize) -> anyhow::Result<()> {
    let mut rng = Pcg64::seed_from_u64(1);
    if let Ok(pixels) = bound.input::<u8>(image) {
        rng.fill(pixels);
        return Ok(());
    }
    for pixel in bound.input::<f32>(image)? {
        *pixel = rng.random();
    }
    Ok(())
}

fn time(
    n_steps: usize,
    mut step: impl FnMut() -> anyhow::Result<()>,
) -> anyhow::Result<Percentiles> {
    for _ in 0..WARM {
        step()?;
    }
    let mut times = Whole::default();
    for _ in 0..n_steps {
        let started = clock::now();
        step()?;
        times.push(clock::now().since(started));
    }
    Ok(times.percentiles())
}
