//! The closed-loop part of an examination, and its tables.

use std::collections::BTreeMap;
use std::io::Write;
use std::ops::ControlFlow;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::ensure;
use serde::Serialize;

use super::speed::Pace;
use super::{Candidate, size};
use crate::eval::closed_loop::{
    self, Attempt, ClosedLoop, ClosedLoopError, Doubt, Options, Run, Tally, Terms,
};
use crate::eval::statistics::Estimate;
use crate::policy::Policy;
use crate::runtime::clock;
use crate::sim::language::Wording;

/// How the worlds are posed.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Course {
    /// One built-in scenario, or a scenario file, in the place of all with a box in the way
    #[arg(long, value_name = "NAME|FILE")]
    scenario: Option<String>,
    /// The first world, counted from the first of those kept for examinations
    #[arg(long, default_value_t = 0, value_name = "N")]
    seed: u64,
    /// Words of the instructions: one sentence, those to train with, or those held out
    #[arg(long, value_enum, default_value_t)]
    wording: Words,
    /// Examine also on pictures that went through the recorder's H.264
    #[arg(long)]
    pub(super) through_video: bool,
    /// Size of the camera's pictures
    #[arg(long, default_value = "640x480", value_parser = size, value_name = "WxH")]
    pub(super) size: (u32, u32),
    /// Delays of an inference to draw from [default: measured on this machine, p50 to p99]
    #[arg(long, value_delimiter = ',', value_name = "MS,…", value_parser = delay)]
    delay_ms: Vec<Duration>,
    /// How often to engage again, a second after the station took autonomy away
    #[arg(long, default_value_t = 0, value_name = "N")]
    engage_again: u32,
}

#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
enum Words {
    #[default]
    One,
    Training,
    HeldOut,
}

impl From<Words> for Wording {
    fn from(words: Words) -> Self {
        match words {
            Words::One => Self::One,
            Words::Training => Self::Training,
            Words::HeldOut => Self::HeldOut,
        }
    }
}

impl Course {
    /// The attempts in `n_worlds` worlds.
    pub(super) fn pose(
        &self,
        candidate: &Candidate<'_>,
        n_worlds: u64,
    ) -> anyhow::Result<(Vec<Attempt>, Terms)> {
        let mut policy = candidate.load_narrow()?;
        let scenarios = match &self.scenario {
            Some(name) => vec![crate::cli::sim::scenario(name)?],
            None => closed_loop::scenarios()?,
        };
        let wording = self.wording.into();
        let attempts =
            closed_loop::attempts(&mut policy, &scenarios, n_worlds, self.seed, wording)?;
        let is_whole = self.scenario.is_none() && n_worlds >= scenarios.len() as u64;
        Ok((attempts, Terms { n_worlds, seed: self.seed, is_whole, wording }))
    }
}

fn delay(text: &str) -> Result<Duration, String> {
    let ms = text.trim().parse::<f64>().ok().filter(|ms| (0.0..=10_000.0).contains(ms));
    ms.map(|ms| Duration::from_secs_f64(ms / 1e3))
        .ok_or_else(|| format!("{text:?} is not a number of milliseconds from 0 to 10000"))
}

/// One attempt, for `--json`.
#[derive(Debug, Serialize)]
pub(super) struct Line {
    scenario: String,
    seed: u64,
    side: &'static str,
    instruction: String,
    through_video: bool,
    ending: closed_loop::Ending,
    passage: closed_loop::Passage,
    time_s: f64,
    expert_time_s: f64,
    path_m: f64,
    clearance_m: Option<f64>,
    n_inferences: u32,
    /// Time of each stop and its faults.
    stops: Vec<(f64, Vec<&'static str>)>,
    inference_error: Option<String>,
}

impl Line {
    fn new(attempt: &Attempt, run: &Run, through_video: bool) -> Self {
        let stops = run.stops.iter().map(|stop| {
            let faults = stop.faults.iter().map(crate::msg::Fault::short);
            (stop.at.as_secs_f64(), faults.collect())
        });
        Self {
            scenario: attempt.scenario.name.clone(),
            seed: attempt.seed,
            side: attempt.side.name(),
            instruction: attempt.instruction.clone(),
            through_video,
            ending: run.ending,
            passage: run.passage,
            time_s: run.time.as_secs_f64(),
            expert_time_s: run.expert_time.as_secs_f64(),
            path_m: run.travelled_m,
            clearance_m: Some(run.clearance_m).filter(|clearance| clearance.is_finite()),
            n_inferences: run.n_inferences,
            stops: stops.collect(),
            inference_error: run.inference_error.clone(),
        }
    }
}

/// The attempts, and the terms on which they are made.
pub(super) struct Examiner<'a> {
    candidate: &'a Candidate<'a>,
    attempts: Vec<Attempt>,
    options: Options,
    terms: Terms,
}

impl<'a> Examiner<'a> {
    pub(super) fn new(
        candidate: &'a Candidate<'a>,
        course: &Course,
        n_worlds: u64,
        pace: &Pace,
    ) -> anyhow::Result<Self> {
        let (attempts, terms) = course.pose(candidate, n_worlds)?;
        let is_measured = course.delay_ms.is_empty();
        let options = Options {
            size: course.size,
            delays: if is_measured { pace.delays.clone() } else { course.delay_ms.clone() },
            engages_again: course.engage_again,
            ..Options::default()
        };
        let is_whole = terms.is_whole && course.engage_again == 0;
        Ok(Self { candidate, attempts, options, terms: Terms { is_whole, ..terms } })
    }

    /// Makes all attempts and prints what they came to.
    pub(super) fn examine(
        &mut self,
        through_video: bool,
        threads: usize,
        out: &mut (impl Write + Send),
    ) -> anyhow::Result<(ClosedLoop, Vec<Line>)> {
        self.options.through_video = through_video;
        let started = clock::now();
        let tolerance = self.candidate.tolerance();
        let make = || -> Result<Box<dyn Policy>, _> {
            Ok(Box::new(self.candidate.load_narrow()?) as Box<dyn Policy>)
        };
        let progress = Mutex::new(Progress { n_done: 0, shown: started });
        let take = |_, end: Result<(Run, Doubt), ClosedLoopError>| {
            let mut progress = progress.lock().unwrap_or_else(PoisonError::into_inner);
            progress.count(self.attempts.len());
            ControlFlow::Continue(end)
        };
        let results = closed_loop::drive_all(
            &self.attempts,
            &self.options,
            threads,
            &make,
            &|_| Doubt::new(tolerance),
            &take,
        )?;
        let mut made = Vec::with_capacity(results.len());
        for (attempt, result) in self.attempts.iter().zip(&results) {
            match result {
                Ok((run, doubt)) => made.push((attempt, run, doubt)),
                Err(error @ ClosedLoopError::Unsolvable { .. }) => {
                    writeln!(out, "left out: {error}")?;
                }
                Err(error) => anyhow::bail!("{error}"),
            }
        }
        ensure!(!made.is_empty(), "no attempt could be made");
        let part = ClosedLoop::of(&self.terms, &self.options, &made);
        let seconds = clock::now().since(started).as_secs_f64();
        tell(&part, seconds, out)?;
        let lines = made.iter().map(|(attempt, run, _)| Line::new(attempt, run, through_video));
        Ok((part, lines.collect()))
    }
}

/// A line on the error stream every few seconds.
struct Progress {
    n_done: usize,
    shown: crate::msg::Stamp,
}

impl Progress {
    fn count(&mut self, n: usize) {
        self.n_done += 1;
        if clock::now().since(self.shown) >= Duration::from_secs(10) {
            self.shown = clock::now();
            // Nobody is harmed where it cannot be written.
            let _ = writeln!(std::io::stderr(), "{}/{n} attempts", self.n_done);
        }
    }
}

fn tell(part: &ClosedLoop, seconds: f64, out: &mut impl Write) -> anyhow::Result<()> {
    let pictures = if part.through_video { "pictures through H.264" } else { "raw pictures" };
    writeln!(
        out,
        "closed loop, {pictures} of {}x{}: {} attempts in {seconds:.0} s ({:.1}/s), worlds {} to \
         {} on both sides, wording {}, inference delay {:.1} to {:.1} ms",
        part.size.0,
        part.size.1,
        part.total.n,
        part.total.n as f64 / seconds,
        part.seed,
        part.seed + part.n_worlds - 1,
        part.wording,
        part.delay_ms.0,
        part.delay_ms.1,
    )?;
    writeln!(
        out,
        "{:<28}{:>5}  {:<22}{:<22}{:>6}{:>6}{:>6}{:>6}{:>8}{:>7}{:>8}",
        "",
        "n",
        "success [95 %]",
        "side obeyed [95 %]",
        "hit",
        "wrong",
        "late",
        "stop",
        "time",
        "x",
        "way"
    )?;
    for (title, group) in [
        ("by scenario", &part.scenarios),
        ("by family", &part.families),
        ("by distance", &part.distances),
    ] {
        rows(title, group, out)?;
    }
    row("all", &part.total, out)?;
    if let Some(found) = &part.reliability {
        writeln!(
            out,
            "confidence: mean {:.3}, right {:.3}, calibration error {:.3} ({} answers, against \
             the expert)",
            found.mean_confidence, found.accuracy, found.ece, found.n
        )?;
    }
    for found in &part.foretelling {
        writeln!(
            out,
            "low confidence foretells a {} by {} s: AUROC {:.3} ({} answers before, {} others)",
            found.event, found.ahead_s, found.auroc, found.n_before, found.n_others
        )?;
    }
    Ok(())
}

fn rows(title: &str, group: &BTreeMap<String, Tally>, out: &mut impl Write) -> std::io::Result<()> {
    writeln!(out, "{title}")?;
    group.iter().try_for_each(|(name, tally)| row(&format!("  {name}"), tally, out))
}

fn row(name: &str, tally: &Tally, out: &mut impl Write) -> std::io::Result<()> {
    let figure = |value: Option<f64>, unit: &str| {
        value.map_or_else(|| "-".to_owned(), |value| format!("{value:.1}{unit}"))
    };
    writeln!(
        out,
        "{name:<28}{:>5}  {:<22}{:<22}{:>6}{:>6}{:>6}{:>6}{:>8}{:>7}{:>8}",
        tally.n,
        share(tally.success),
        share(tally.obeyed),
        tally.n_contact,
        tally.n_wrong_side,
        tally.n_too_late,
        tally.n_stops,
        figure(tally.time_s, " s"),
        figure(tally.time_factor, ""),
        figure(tally.path_m, " m"),
    )
}

fn share(share: Option<Estimate>) -> String {
    share.map_or_else(|| "-".to_owned(), |share| format!("{:>21}", share.percent()))
}
