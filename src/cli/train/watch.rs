//! Looks at a run while it goes: curves, checkpoints, progress.

use std::sync::Arc;
use std::time::Duration;

use super::curves;
use super::progress::{Progress, Standing};
use super::stages::{Run, view};
use crate::msg::Stamp;
use crate::runtime::clock;
use crate::train::examples::Examples;
use crate::train::fit::{Fit, StepReport};
use crate::train::graph::TrainingGraph;
use crate::train::sampler::{Batch, Validation};

/// Between two checkpoints.
const SAVED_EVERY: Duration = Duration::from_mins(1);
/// Looks at held-out episodes in a run.
const LOOKS: u64 = 40;

/// Tells how a run is going, looks at held-out episodes, and saves.
pub(super) struct Watch<'a> {
    run: &'a Run,
    graph: TrainingGraph,
    validation: Validation,
    look_every: u64,
    began: (Stamp, u64),
    saved: Stamp,
    losses: (f64, u64),
    held_out: f32,
}

impl<'a> Watch<'a> {
    pub(super) fn new(run: &'a Run, fit: &Fit, held_out: &Arc<Examples>) -> anyhow::Result<Self> {
        let now = clock::now();
        Ok(Self {
            graph: run.graph(false)?,
            validation: Validation::new(held_out, run.shape(), 1, &run.tokens)?,
            look_every: (run.spec.optimiser.steps / LOOKS).max(1),
            began: (now, fit.steps()),
            saved: now,
            losses: (0.0, 0),
            held_out: fit.progress.curve.last().map_or(f32::NAN, |(.., loss)| *loss),
            run,
        })
    }

    pub(super) fn after(
        &mut self,
        report: StepReport,
        fit: &mut Fit,
        progress: &mut Progress<'_>,
    ) -> anyhow::Result<()> {
        self.losses.0 += f64::from(report.loss);
        self.losses.1 += 1;
        let steps = fit.steps();
        if steps.is_multiple_of(self.look_every) {
            let train_loss = (self.losses.0 / self.losses.1.max(1) as f64) as f32;
            self.losses = (0.0, 0);
            self.held_out = self.look(fit)?;
            fit.note(train_loss, self.held_out);
            let title = format!("{}: loss over steps", self.run.spec.name);
            curves::write(&self.run.work, &title, &fit.progress.curve)?;
        }
        let now = clock::now();
        progress.learning(|| self.standing(report, fit, now))?;
        if now.since(self.saved) >= SAVED_EVERY {
            self.saved = now;
            fit.save(&self.run.work.join("checkpoint"))?;
        }
        Ok(())
    }

    /// The loss of the averaged weights on held-out episodes.
    fn look(&mut self, fit: &Fit) -> anyhow::Result<f32> {
        let weights = fit.averaged();
        let mut batch = Batch::default();
        let (mut sum, mut total) = (0.0, 0.0);
        for number in 0..self.validation.n_batches() {
            self.validation.batch(number, &mut batch)?;
            let loss = self.graph.run(&weights, &view(&batch))?;
            let weight: f32 = batch.weights.iter().sum();
            sum += f64::from(loss) * f64::from(weight);
            total += f64::from(weight);
        }
        Ok((sum / f64::max(total, 1.0)) as f32)
    }

    fn standing(&self, report: StepReport, fit: &Fit, now: Stamp) -> Standing {
        let done = fit.steps().saturating_sub(self.began.1).max(1);
        Standing {
            step: fit.steps(),
            steps: self.run.spec.optimiser.steps,
            loss: report.loss,
            held_out: self.held_out,
            best: fit.progress.best.as_ref().map(|best| (best.loss, best.step)),
            rate: report.rate,
            norm: report.norm,
            step_s: now.since(self.began.0).as_secs_f64() / done as f64,
            curve: fit.progress.curve.clone(),
        }
    }
}
