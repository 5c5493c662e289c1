//! `pilothouse bench train`: what one step of training costs.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use prost::Message;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use serde::Serialize;

use super::nets::{BATCH, Net};
use crate::onnx::TensorView;
use crate::onnx::builder::ElementType;
use crate::policy::manifest::Training;
use crate::runtime::clock;
use crate::train::fit::Fit;
use crate::train::graph::{BatchView, TrainingGraph, Weight, trainable, weights_of};
use crate::train::objective::gaussian;
use crate::train::optimiser::{AdamW, Config};
use crate::train::slopes::{Plan, SlopeGraph, find};
use crate::train::spec::Spec;
use crate::train::{TrainError, deploy, tokenizer};

/// Steps before those that are measured.
const WARM: usize = 3;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// What is trained.
    #[arg(default_value = crate::train::spec::DEFAULT_PATH)]
    spec: PathBuf,
    /// Instead, a network that other programs are measured with as well: batch 32, `AdamW`
    #[arg(long, value_enum, conflicts_with = "spec")]
    net: Option<Net>,
    /// Steps that are measured, after three that are not.
    #[arg(long, default_value_t = 15, value_name = "N")]
    steps: usize,
    /// Writes the graph that is run, to be looked into
    #[arg(long, value_name = "FILE", requires = "net")]
    graph: Option<PathBuf>,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Figures {
    parameters: usize,
    megabytes: f64,
    examples_a_step: usize,
    /// Median, forward, backward and optimiser.
    step_ms: f64,
    /// Of all threads.
    cpu_ms: f64,
    us_an_example: f64,
    rss_peak_mb: Option<f64>,
}

pub(super) fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<()> {
    let figures = match args.net {
        Some(net) => of_net(net, args)?,
        None => of_spec(&args.spec, args.steps)?,
    };
    if args.json {
        serde_json::to_writer_pretty(&mut *out, &figures)?;
        return Ok(writeln!(out)?);
    }
    let Figures { parameters, megabytes, examples_a_step, step_ms, cpu_ms, .. } = figures;
    writeln!(
        out,
        "{parameters} parameters ({megabytes:.1} MB), {examples_a_step} examples a step: \
         {step_ms:.0} ms ({cpu_ms:.0} ms of CPU), {:.0} us an example, {:.0} MB at most",
        figures.us_an_example,
        figures.rss_peak_mb.unwrap_or(f64::NAN)
    )?;
    Ok(())
}

/// Takes steps and times them.
fn measure(
    parameters: usize,
    megabytes: f64,
    examples_a_step: usize,
    n_steps: usize,
    mut step: impl FnMut() -> Result<(), TrainError>,
) -> anyhow::Result<Figures> {
    for _ in 0..WARM {
        step()?;
    }
    let before = clock::cpu();
    let mut times = Vec::with_capacity(n_steps);
    for _ in 0..n_steps.max(1) {
        let started = clock::now();
        step()?;
        times.push(clock::now().since(started).as_secs_f64() * 1e3);
    }
    let cpu_ms = clock::cpu().saturating_sub(before).as_secs_f64() * 1e3 / times.len() as f64;
    times.sort_unstable_by(f64::total_cmp);
    let step_ms = times.get(times.len() / 2).copied().unwrap_or_default();
    Ok(Figures {
        parameters,
        megabytes,
        examples_a_step,
        step_ms,
        cpu_ms,
        us_an_example: step_ms * 1e3 / examples_a_step as f64,
        rss_peak_mb: super::rss_peak_mb(),
    })
}

fn n_elements(weights: &[Weight]) -> usize {
    weights.iter().map(|weight| weight.elements.len()).sum()
}

fn of_net(net: Net, args: &Args) -> anyhow::Result<Figures> {
    let runtime = super::super::train::onnx_runtime(None)?;
    let model = net.build(1)?;
    let names = trainable(&model);
    let feed = [("x".to_owned(), (ElementType::F32, net.input()))];
    let plan = Plan { model: &model, feed: &feed, weights: &names };
    let whole = plan.with_slopes(&runtime, |g| {
        let y = find(g, "y")?;
        let target = g.input("target", ElementType::F32, &[BATCH, 3])?;
        let (mean, log_deviation) = (g.slice(y, 1, 0, 3)?, g.slice(y, 1, 3, 6)?);
        let difference = g.sub(mean, target)?;
        let each = gaussian(g, difference, log_deviation)?;
        let loss = g.reduce_mean(each, &[0, 1])?;
        Ok(g.reshape(loss, &[])?)
    })?;
    if let Some(path) = &args.graph {
        std::fs::write(path, whole.encode_to_vec())
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    let mut graph = SlopeGraph::open(&runtime, &whole)?;
    let mut weights = weights_of(&model, &names)?;
    let mut adam = AdamW::new(&weights);
    let config = Config { average: 0.0, norm_max: f32::INFINITY, warmup: 0, ..Config::default() };
    let mut rng = Pcg64::seed_from_u64(1);
    let shape = net.input();
    let x: Vec<f32> = (0..shape.iter().product()).map(|_| rng.random()).collect();
    let target: Vec<f32> = (0..BATCH * 3).map(|_| rng.random::<f32>() - 0.5).collect();
    let parameters = n_elements(&weights);
    let megabytes = model.encoded_len() as f64 / 1e6;
    measure(parameters, megabytes, BATCH, args.steps, || {
        let feed =
            [("x", TensorView::F32(&shape, &x)), ("target", TensorView::F32(&[BATCH, 3], &target))];
        let outputs = graph.run(&weights, &feed)?;
        adam.step(&config, &mut weights, outputs.slices()?.get(1..).unwrap_or_default());
        Ok(())
    })
}

fn of_spec(path: &Path, n_steps: usize) -> anyhow::Result<Figures> {
    let spec = Spec::read(path)?;
    let runtime = super::super::train::onnx_runtime(None)?;
    let n_tokens = tokenizer::ENTRIES_MAX;
    let model = spec.architecture.build(&spec.frame(n_tokens), spec.seed)?.finish("");
    let training = Training { data: String::new(), scores: String::new() };
    let manifest = deploy::manifest(&spec, Vec::new(), training);
    let names = trainable(&model);
    let size = spec.batch_size();
    let mut graph =
        TrainingGraph::new(&runtime, &model, &manifest, size, &spec.objective, &names, true)?;
    let weights = weights_of(&model, &names)?;
    let parameters = n_elements(&weights);
    let mut fit = Fit::new(spec.optimiser.clone(), weights, String::new());
    let n = size.lanes * size.steps;
    let mut rng = Pcg64::seed_from_u64(1);
    let n_pixels = n * 3 * spec.input.width as usize * spec.input.height as usize;
    let n_slots = n * spec.output.slots;
    let pictures: Vec<u8> = (0..n_pixels).map(|_| rng.random()).collect();
    let tokens: Vec<i64> = (0..size.lanes * spec.input.tokens)
        .map(|_| rng.random_range(0..n_tokens))
        .map(|token| i64::try_from(token).unwrap_or(0))
        .collect();
    let targets: Vec<f32> = (0..n_slots * 3).map(|_| rng.random::<f32>() - 0.5).collect();
    let weights = vec![1.0; n_slots];
    let batch =
        BatchView { pictures: &pictures, tokens: &tokens, targets: &targets, weights: &weights };
    measure(parameters, model.encoded_len() as f64 / 1e6, n, n_steps, || {
        fit.step(&mut graph, &batch).map(|_| ())
    })
}
