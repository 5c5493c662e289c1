//! `pilothouse bench train`: what one step of training costs.

use std::io::Write;
use std::path::PathBuf;

use prost::Message;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use serde::Serialize;

use crate::policy::manifest::Training;
use crate::runtime::clock;
use crate::train::fit::Fit;
use crate::train::graph::{BatchView, TrainingGraph, trainable, weights_of};
use crate::train::spec::Spec;
use crate::train::{deploy, tokenizer};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// What is trained.
    #[arg(default_value = crate::train::spec::DEFAULT_PATH)]
    spec: PathBuf,
    /// Steps that are measured, after three that are not.
    #[arg(long, default_value_t = 15, value_name = "N")]
    steps: usize,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Figures {
    parameters: usize,
    megabytes: f64,
    pictures_a_step: usize,
    /// Median, forward, backward and optimiser.
    step_ms: f64,
    /// Of all threads.
    cpu_ms: f64,
    us_a_picture: f64,
    rss_peak_mb: Option<f64>,
}

pub(super) fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<()> {
    let spec = Spec::read(&args.spec)?;
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
    let parameters = weights.iter().map(|weight| weight.elements.len()).sum();
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
    for _ in 0..3 {
        fit.step(&mut graph, &batch)?;
    }
    let before = clock::cpu();
    let mut times = Vec::with_capacity(args.steps);
    for _ in 0..args.steps.max(1) {
        let started = clock::now();
        fit.step(&mut graph, &batch)?;
        times.push(clock::now().since(started).as_secs_f64() * 1e3);
    }
    let cpu_ms = clock::cpu().saturating_sub(before).as_secs_f64() * 1e3 / times.len() as f64;
    times.sort_unstable_by(f64::total_cmp);
    let step_ms = times.get(times.len() / 2).copied().unwrap_or_default();
    let figures = Figures {
        parameters,
        megabytes: model.encoded_len() as f64 / 1e6,
        pictures_a_step: n,
        step_ms,
        cpu_ms,
        us_a_picture: step_ms * 1e3 / n as f64,
        rss_peak_mb: super::rss_peak_mb(),
    };
    if args.json {
        serde_json::to_writer_pretty(&mut *out, &figures)?;
        return Ok(writeln!(out)?);
    }
    let Figures { megabytes, pictures_a_step, us_a_picture, rss_peak_mb, .. } = figures;
    writeln!(
        out,
        "{parameters} parameters ({megabytes:.1} MB), {pictures_a_step} pictures a step: \
         {step_ms:.0} ms ({cpu_ms:.0} ms of CPU), {us_a_picture:.0} us a picture, {:.0} MB at most",
        rss_peak_mb.unwrap_or(f64::NAN)
    )?;
    Ok(())
}
