//! A run from the first demonstration to the policy's folder: demonstrate, learn, let the policy
//! drive and be corrected, learn on.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use prost::Message;
use sha2::{Digest, Sha256};

use super::Pair;
use super::progress::Progress;
use super::start::Start;
use super::watch::Watch;
use crate::cli::cores;
use crate::eval::closed_loop::MakePolicy;
use crate::msg::Kinematics;
use crate::onnx::proto::ModelProto;
use crate::onnx::{Device, Runtime, SessionOptions};
use crate::policy::manifest::{Manifest, Training};
use crate::policy::{OnnxPolicy, Policy, PolicyError, hex};
use crate::runtime::clock;
use crate::sim::Scenario;
use crate::train::attempts::{self, Plan};
use crate::train::calibration::{Chunk, calibrate};
use crate::train::examples::{Examples, ExamplesWriter};
use crate::train::fit::Fit;
use crate::train::graph::{BatchView, TrainingGraph, put_back, trainable, weights_of};
use crate::train::sampler::{Batch, BatchShape, Sampler, SamplerOptions, Source, Validation};
use crate::train::spec::Spec;
use crate::train::tokenizer::Tokens;
use crate::train::zoo::{CALIBRATION, CONFIDENT_SLOTS};
use crate::train::{deploy, graph::Weight};

/// Seeds of the worlds: to learn from, to choose the best weights by, and of each round. Evaluation
/// has its own, far away.
const SEED_DEMONSTRATIONS: u64 = 0;
const SEED_HELD_OUT: u64 = 500_000;
const SEED_ROUNDS: u64 = 1_000_000;
const SEEDS_A_ROUND: u64 = 100_000;

/// Most of what a recorded step weighs against a simulated one.
const RECORDED_MAX: f64 = 10.0;

/// Batches made ready ahead.
const AHEAD: usize = 2;

/// A run that is set up.
pub(super) struct Run {
    pub(super) spec: Spec,
    pub(super) work: PathBuf,
    runtime: Runtime,
    recorded: Vec<Pair>,
    scenarios: Vec<Scenario>,
    tokenizer: String,
    pub(super) tokens: Tokens,
    model: ModelProto,
    manifest: Manifest,
    names: Vec<String>,
    from: Option<String>,
}

impl Run {
    pub(super) fn new(
        spec: Spec,
        work: PathBuf,
        runtime: Runtime,
        recorded: Vec<Pair>,
        start: Start,
        scenarios: &[String],
    ) -> anyhow::Result<Self> {
        let Start { model, tokenizer, mut manifest, from } = start;
        deploy::own(&mut manifest, &spec);
        let tokens = Tokens::new(&tokenizer, spec.input.tokens)?;
        let names = trainable(&model);
        let scenarios = if scenarios.is_empty() {
            let all = Scenario::all()?.into_iter();
            all.filter(|scenario| scenario.base == Kinematics::Omni).collect()
        } else {
            scenarios.iter().map(|name| Scenario::embedded(name)).collect::<Result<_, _>>()?
        };
        Ok(Self {
            spec,
            work,
            runtime,
            recorded,
            scenarios,
            tokenizer,
            tokens,
            model,
            manifest,
            names,
            from,
        })
    }

    /// Everything; the policy lies in `models` afterwards.
    pub(super) fn train(
        mut self,
        resume: bool,
        models: &Path,
        progress: &mut Progress<'_>,
    ) -> anyhow::Result<()> {
        let started = clock::now();
        let demonstrated = self.demonstrations(progress)?;
        let held_out = self.held_out(progress)?;
        let weights = self.first_weights()?;
        let mut fit = Fit::new(self.spec.optimiser.clone(), weights, self.identity());
        let checkpoint = self.work.join("checkpoint");
        if resume {
            fit.resume(&checkpoint)?;
            progress.line(&format!("going on at step {}", fit.steps()))?;
        }
        let mut graph = self.graph(true)?;
        let mut sources = demonstrated;
        let stages = self.spec.attempts.rounds + 1;
        for stage in 0..stages {
            if stage > 0 {
                sources.push(self.round(stage, &fit, progress)?);
            }
            let ends = self.spec.optimiser.steps * (stage + 1) / stages;
            if fit.steps() < ends {
                self.stage(ends, &sources, &held_out, &mut fit, &mut graph, progress)?;
                fit.save(&checkpoint)?;
            }
        }
        drop(graph);
        // Where something else is learnt than what is held out, that does not say which weights
        // drive best: corrections make demonstrations a little less likely.
        let is_simulated = self.spec.attempts.demonstrations > 0;
        let is_alike = stages == 1 && (self.recorded.is_empty() || !is_simulated);
        let weights = if is_alike { fit.best() } else { fit.averaged() };
        let labels = n_steps(&sources);
        self.deploy(&fit, &weights, &held_out, labels, models, progress)?;
        let took = clock::now().since(started).as_secs_f64() / 60.0;
        Ok(progress.line(&format!("trained in {took:.1} minutes"))?)
    }

    /// Of all that decides what the run computes.
    fn identity(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(format!("{:?} {:?}", self.spec, self.scenarios));
        hash.update(&self.tokenizer);
        hash.update(self.from.as_deref().unwrap_or_default());
        for (training, _) in &self.recorded {
            for clip in training.clips() {
                hash.update(&clip.origin);
            }
        }
        let hex = hex(&hash.finalize());
        format!("{} {hex}", env!("CARGO_PKG_VERSION"))
    }

    fn plan(&self, seed: u64, attempts: u64) -> Plan {
        let asked = self.spec.attempts;
        Plan {
            scenarios: self.scenarios.clone(),
            seed,
            attempts,
            disturbed: asked.disturbed,
            disturbance_mps: asked.disturbance_mps,
            expert_share: asked.expert_share,
            camera: asked.camera,
            examples: self.spec.examples(),
        }
    }

    fn demonstrations(&self, progress: &mut Progress<'_>) -> anyhow::Result<Vec<Arc<Examples>>> {
        let mut sources = Vec::new();
        let n = self.spec.attempts.demonstrations;
        if n > 0 {
            let plan = self.plan(SEED_DEMONSTRATIONS, n);
            sources.push(self.made("demonstrations", &plan, None, progress)?);
        }
        Ok(sources)
    }

    fn held_out(&self, progress: &mut Progress<'_>) -> anyhow::Result<Arc<Examples>> {
        if self.spec.attempts.demonstrations == 0
            && let Some((_, held_out)) = self.recorded.first()
        {
            return Ok(Arc::clone(held_out));
        }
        let plan = self.plan(SEED_HELD_OUT, self.spec.attempts.held_out.max(2));
        self.made("held-out", &plan, None, progress)
    }

    /// The policy as it is now drives; the expert says what it should have done.
    fn round(
        &mut self,
        stage: u64,
        fit: &Fit,
        progress: &mut Progress<'_>,
    ) -> anyhow::Result<Arc<Examples>> {
        let seed = SEED_ROUNDS + SEEDS_A_ROUND * stage;
        let plan = self.plan(seed, self.spec.attempts.attempts_a_round);
        let folder = self.work.join("driver");
        let mut model = self.model.clone();
        put_back(&mut model, &fit.averaged());
        // It shall drive on however unsure it is: what it does then is what is to be corrected.
        let mut manifest = self.manifest.clone();
        manifest.confidence.min = 0.0;
        deploy::write(&folder, &model, &self.tokenizer, manifest)?;
        self.made(&format!("round-{stage}"), &plan, Some(&folder), progress)
    }

    /// The examples of `plan`; those that were made before are used again.
    fn made(
        &self,
        name: &str,
        plan: &Plan,
        driver: Option<&Path>,
        progress: &mut Progress<'_>,
    ) -> anyhow::Result<Arc<Examples>> {
        let mut hash = Sha256::new();
        hash.update(format!("{plan:?} {}", self.tokenizer.len()));
        if driver.is_some() {
            // The run and the plan decide who drives; a later step of it is not asked again.
            hash.update(self.identity());
        }
        let hex = hex(hash.finalize().get(..6).unwrap_or_default());
        let path = self.work.join(format!("{name}-{hex}.examples"));
        if path.exists() {
            return Ok(Arc::new(Examples::open(&[&path])?));
        }
        let started = clock::now();
        let threads = cores();
        let load = || -> Result<Box<dyn Policy>, PolicyError> {
            let options =
                SessionOptions { device: Device::Cpu, intra_threads: 1, engine_cache: None };
            let folder = driver.unwrap_or(&self.work);
            Ok(Box::new(OnnxPolicy::load_with(folder, &self.runtime, &options)?))
        };
        let policy: Option<&MakePolicy<'_>> = driver.is_some().then_some(&load);
        let part = path.with_extension("part");
        if part.exists() {
            std::fs::remove_file(&part)
                .with_context(|| format!("cannot remove {}", part.display()))?;
        }
        let mut writer = ExamplesWriter::create(&part, &plan.examples)?;
        let mut n_made = 0;
        let tally = attempts::run(plan, policy, threads, &mut |clip| {
            n_made += 1;
            // A terminal that went away is noticed by the next line.
            let _ = progress.errand(name, n_made, plan.attempts);
            writer.push(&clip)
        })?;
        writer.finish()?;
        std::fs::rename(&part, &path)
            .with_context(|| format!("cannot rename {}", part.display()))?;
        progress.line(&format!(
            "{name}: {} of {} attempts succeeded, {} labels, {:.0} s",
            tally.successes,
            tally.attempts,
            tally.labels,
            clock::now().since(started).as_secs_f64()
        ))?;
        Ok(Arc::new(Examples::open(&[&path])?))
    }

    pub(super) fn graph(&self, has_slopes: bool) -> anyhow::Result<TrainingGraph> {
        let Self { runtime, model, manifest, spec, names, .. } = self;
        let (size, objective) = (spec.batch_size(), &spec.objective);
        Ok(TrainingGraph::new(runtime, model, manifest, size, objective, names, has_slopes)?)
    }

    pub(super) fn shape(&self) -> BatchShape {
        let (batch, tokens) = (self.spec.batch, self.spec.input.tokens);
        BatchShape { lanes: batch.lanes, steps: batch.steps, tokens }
    }

    /// Learns until step `ends`.
    fn stage(
        &self,
        ends: u64,
        simulated: &[Arc<Examples>],
        held_out: &Arc<Examples>,
        fit: &mut Fit,
        graph: &mut TrainingGraph,
        progress: &mut Progress<'_>,
    ) -> anyhow::Result<()> {
        let recorded: Vec<_> = self.recorded.iter().map(|(training, _)| training).collect();
        let source =
            |examples: &Arc<Examples>, weight| Source { examples: Arc::clone(examples), weight };
        let weight = recorded_weight(n_steps(simulated), n_steps(recorded.iter().copied()));
        let mut all: Vec<Source> = simulated.iter().map(|examples| source(examples, 1.0)).collect();
        all.extend(recorded.into_iter().map(|examples| source(examples, weight)));
        let options = SamplerOptions { seed: self.spec.seed, ..SamplerOptions::default() };
        let sampler = Sampler::new(all, self.shape(), options, &self.tokens)?;
        let mut watch = Watch::new(self, fit, held_out)?;
        let steps: Range<u64> = fit.steps()..ends;
        sampler.prefetch(steps.clone(), AHEAD, |batches| -> anyhow::Result<()> {
            for _ in steps {
                let batch = batches.next()?;
                let report = fit.step(graph, &view(&batch))?;
                batches.give_back(batch);
                watch.after(report, fit, progress)?;
            }
            Ok(())
        })
    }

    /// What the confidence should have been for each chunk on `examples` that counts.
    pub(super) fn judged(
        &self,
        weights: &[Weight],
        examples: &Arc<Examples>,
    ) -> anyhow::Result<Vec<Chunk>> {
        let validation = Validation::new(examples, self.shape(), 1, &self.tokens)?;
        let mut graph = self.graph(false)?;
        let mut batch = Batch::default();
        let mut chunks = Vec::new();
        let tolerance = self.spec.frame(0).tolerance;
        for number in 0..validation.n_batches() {
            validation.batch(number, &mut batch)?;
            graph.run(weights, &view(&batch))?;
            chunks.extend(judged(&graph, &batch, self.spec.output.slots, tolerance));
        }
        Ok(chunks)
    }

    /// The policy's.
    pub(super) fn name(&self) -> &str {
        &self.spec.name
    }

    /// The weights it begins with.
    pub(super) fn first_weights(&self) -> anyhow::Result<Vec<Weight>> {
        Ok(weights_of(&self.model, &self.names)?)
    }

    /// Calibrates the confidence and writes the policy's folder.
    fn deploy(
        mut self,
        fit: &Fit,
        weights: &[Weight],
        held_out: &Arc<Examples>,
        labels: usize,
        models: &Path,
        progress: &mut Progress<'_>,
    ) -> anyhow::Result<()> {
        put_back(&mut self.model, weights);
        let shape = self.shape();
        let found = calibrate(&self.judged(weights, held_out)?, self.spec.frame(0).tolerance);
        let shift =
            Weight { name: CALIBRATION.to_owned(), shape: vec![1], elements: vec![found.shift] };
        put_back(&mut self.model, &[shift]);
        let n_recorded = n_steps(self.recorded.iter().map(|(training, _)| training));
        let held_out_loss = fit.progress.curve.last().map_or(f32::NAN, |(.., loss)| *loss);
        self.manifest.training = Training {
            data: format!(
                "{}{labels} labels from {} demonstrations and {} rounds of {} corrected attempts \
                 in the simulator, {n_recorded} from recordings; seed {}, {} steps of {} pictures, \
                 by `{}` of pilothouse {}. Run {}.",
                self.from.as_ref().map_or_else(String::new, |from| format!("From {from}: ")),
                self.spec.attempts.demonstrations,
                self.spec.attempts.rounds,
                self.spec.attempts.attempts_a_round,
                self.spec.seed,
                fit.steps(),
                shape.lanes * shape.steps,
                command(),
                env!("CARGO_PKG_VERSION"),
                fit.progress.identity,
            ),
            scores: format!(
                "On {} held-out clips: loss {held_out_loss:.3}, calibration error {:.3} (before \
                 calibration {:.3}). How it drives: `pilothouse eval {}`.",
                held_out.n_clips(),
                found.error,
                found.error_before,
                self.spec.name,
            ),
        };
        let folder = models.join(&self.spec.name);
        deploy::write(&folder, &self.model, &self.tokenizer, self.manifest)?;
        Ok(progress.line(&format!(
            "{}: {:.1} MB, calibration error {:.3} (before {:.3})",
            folder.display(),
            self.model.encoded_len() as f64 / 1e6,
            found.error,
            found.error_before
        ))?)
    }
}

/// What the user typed.
fn command() -> String {
    let words: Vec<_> = std::env::args().skip(1).collect();
    format!("pilothouse {}", words.join(" "))
}

fn n_steps<'a>(examples: impl IntoIterator<Item = &'a Arc<Examples>>) -> usize {
    examples.into_iter().map(|examples| examples.n_steps()).sum()
}

/// How often a recorded step is drawn, against a simulated one: until half of what is learnt from
/// was recorded, but no more than [`RECORDED_MAX`] times, or few minutes would be learnt by heart.
fn recorded_weight(n_simulated: usize, n_recorded: usize) -> f64 {
    (n_simulated as f64 / n_recorded.max(1) as f64).clamp(1.0, RECORDED_MAX)
}

pub(super) fn view(batch: &Batch) -> BatchView<'_> {
    BatchView {
        pictures: &batch.pictures,
        tokens: &batch.tokens,
        targets: &batch.targets,
        weights: &batch.weights,
    }
}

/// What the confidence should have been for each chunk of a batch that counts.
fn judged<'a>(
    graph: &'a TrainingGraph,
    batch: &'a Batch,
    slots: usize,
    tolerance: [f32; 3],
) -> impl Iterator<Item = Chunk> + 'a {
    let mut outputs = graph.outputs();
    let predicted = outputs.next().unwrap_or_default();
    let deviations = outputs.next().unwrap_or_default();
    let rows = slots * 3;
    let chunks = predicted.chunks_exact(rows).zip(deviations.chunks_exact(rows));
    let known = graph.targets().chunks_exact(rows).zip(batch.weights.chunks_exact(slots));
    chunks.zip(known).filter_map(move |((predicted, deviations), (targets, weights))| {
        if weights.iter().take(CONFIDENT_SLOTS).any(|weight| *weight <= 0.0) {
            return None;
        }
        let mut log_deviations = [[0.0; 3]; CONFIDENT_SLOTS];
        let mut hits = [false; CONFIDENT_SLOTS];
        let all = predicted.chunks_exact(3).zip(targets.chunks_exact(3));
        let all = all.zip(deviations.chunks_exact(3)).zip(log_deviations.iter_mut().zip(&mut hits));
        for (((predicted, target), deviation), (slot, hit)) in all {
            slot.copy_from_slice(deviation);
            let near = |((p, t), most): ((&f32, &f32), f32)| (p - t).abs() <= most;
            *hit = predicted.iter().zip(target).zip(tolerance).all(near);
        }
        Some(Chunk { log_deviations, hits })
    })
}
