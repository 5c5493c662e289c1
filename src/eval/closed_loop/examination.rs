//! The closed-loop examination: which attempts, and what they say together.

use std::collections::BTreeMap;
use std::time::Duration;

use rand::SeedableRng;
use rand_pcg::Pcg64;
use serde::{Deserialize, Serialize};

use super::tally::Tally;
use super::{Attempt, Ending, Glimpse, Options, Run, Witness};
use crate::eval::calibration::{Foretelling, Reliability, is_within};
use crate::eval::statistics::quantile;
use crate::msg::{Kinematics, Twist};
use crate::policy::{Policy, PolicyError};
use crate::sim::language::{self, Wording};
use crate::sim::scenario::{Distance, Layout, ScenarioError};
use crate::sim::{EVALUATION_SEED, Expert, Scenario, Side, World};

/// How far ahead confidence shall foretell what goes wrong.
pub const AHEAD: Duration = Duration::from_secs(2);

/// The scenarios of the whole examination, the same for every policy: all built-in ones with a box
/// in the way (without one there is no side to obey) and the base that every policy can drive.
///
/// # Errors
/// Never for a released binary.
pub fn scenarios() -> Result<Vec<Scenario>, ScenarioError> {
    let fits = |scenario: &Scenario| scenario.boxes > 0 && scenario.base == Kinematics::Omni;
    Ok(Scenario::all()?.into_iter().filter(fits).collect())
}

/// `n_worlds` attempts on both sides each: world `i` is of the scenario `i` modulo their number and
/// has the seed `EVALUATION_SEED + seed + i`.
///
/// A policy that does not take the task's words is given the world's own (`find the red target`),
/// and judged by the same rules.
///
/// # Errors
/// The policy takes none of the world's instructions.
pub fn attempts(
    policy: &mut dyn Policy,
    scenarios: &[Scenario],
    n_worlds: u64,
    seed: u64,
    wording: Wording,
) -> Result<Vec<Attempt>, PolicyError> {
    let mut attempts = Vec::new();
    for (number, scenario) in (0..n_worlds).zip(scenarios.iter().cycle()) {
        let seed = EVALUATION_SEED.saturating_add(seed).saturating_add(number);
        for side in Side::BOTH {
            let mut attempt = Attempt::new(scenario.clone(), seed, side);
            let mut rng = Pcg64::seed_from_u64(seed ^ 0x0077_0726);
            attempt.instruction =
                language::draw(wording, side, usize::from(scenario.boxes), &mut rng);
            if policy.set_instruction(&attempt.instruction).is_err() {
                let known = World::generate(scenario, seed).instructions();
                attempt.instruction = known.last().cloned().unwrap_or_default();
                policy.set_instruction(&attempt.instruction)?;
            }
            attempts.push(attempt);
        }
    }
    Ok(attempts)
}

/// What was asked and what came of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClosedLoop {
    /// Worlds, each posed with both sides.
    pub n_worlds: u64,
    /// Added to [`EVALUATION_SEED`].
    pub seed: u64,
    /// Over all scenarios of the whole examination.
    pub is_whole: bool,
    pub wording: String,
    pub through_video: bool,
    pub size: (u32, u32),
    /// Median and 99th percentile of the inference delays drawn from, milliseconds.
    pub delay_ms: (f64, f64),
    pub total: Tally,
    /// By number of boxes, how they lie, and instructed side: the study's eight.
    pub families: BTreeMap<String, Tally>,
    pub scenarios: BTreeMap<String, Tally>,
    pub distances: BTreeMap<String, Tally>,
    /// Confidence against whether the first slot was within the tolerance of what the expert does
    /// there.
    pub reliability: Option<Reliability>,
    /// Collisions, and mistakes: collisions and passages on the wrong side, for which an operator
    /// would have taken over.
    pub foretelling: Vec<Foretelling>,
}

/// What an examination depends on besides the policy.
#[derive(Clone, Debug)]
pub struct Terms {
    pub n_worlds: u64,
    pub seed: u64,
    pub is_whole: bool,
    pub wording: Wording,
}

impl ClosedLoop {
    #[must_use]
    pub fn of(terms: &Terms, options: &Options, results: &[(&Attempt, &Run, &Doubt)]) -> Self {
        let by = |name: &dyn Fn(&Attempt) -> String| {
            let mut groups: BTreeMap<String, Vec<&Run>> = BTreeMap::new();
            for (attempt, run, _) in results {
                groups.entry(name(attempt)).or_default().push(run);
            }
            groups.into_iter().map(|(name, runs)| (name, Tally::of(runs))).collect()
        };
        let mut delays: Vec<f64> = options.delays.iter().map(|d| d.as_secs_f64() * 1e3).collect();
        delays.sort_by(f64::total_cmp);
        let delay = |share| quantile(&delays, share).unwrap_or_default();
        let answers: Vec<_> =
            results.iter().flat_map(|(.., doubt)| &doubt.0).map(|a| (a.sure, a.is_right)).collect();
        let foretelling = [
            foretell("collision", results, |ending| matches!(ending, Ending::Contact(_))),
            foretell("mistake", results, |ending| {
                matches!(ending, Ending::Contact(_) | Ending::WrongSide)
            }),
        ];
        Self {
            n_worlds: terms.n_worlds,
            seed: terms.seed,
            is_whole: terms.is_whole,
            wording: format!("{:?}", terms.wording).to_lowercase(),
            through_video: options.through_video,
            size: options.size,
            delay_ms: (delay(0.5), delay(0.99)),
            total: Tally::of(results.iter().map(|(_, run, _)| *run)),
            families: by(&family),
            scenarios: by(&|attempt| attempt.scenario.name.clone()),
            distances: by(&|attempt| distance(&attempt.scenario).to_owned()),
            reliability: Reliability::of(&answers),
            foretelling: foretelling.into_iter().flatten().collect(),
        }
    }
}

/// As `two boxes lengthwise, left`.
#[must_use]
pub fn family(attempt: &Attempt) -> String {
    let Scenario { boxes, layout, base, .. } = &attempt.scenario;
    let boxes = match boxes {
        0 => return "no box".to_owned(),
        1 => "one box",
        _ => "two boxes",
    };
    let layout = match layout {
        Layout::Lengthwise => "lengthwise",
        Layout::Crosswise => "crosswise",
    };
    let base = match base {
        Kinematics::Omni => "",
        Kinematics::Differential => " (differential)",
    };
    format!("{boxes} {layout}, {}{base}", attempt.side.name())
}

const fn distance(scenario: &Scenario) -> &'static str {
    match scenario.distance {
        Distance::Close => "close",
        Distance::Medium => "medium",
        Distance::Far => "far",
    }
}

/// Keeps how sure the policy was, and whether it was right.
#[derive(Clone, Debug, PartialEq)]
pub struct Doubt(Vec<Answer>, [f64; 3]);

#[derive(Clone, Copy, Debug, PartialEq)]
struct Answer {
    at: Duration,
    sure: f64,
    is_right: bool,
}

impl Doubt {
    /// `tolerance` as in [`is_within`].
    #[must_use]
    pub const fn new(tolerance: [f64; 3]) -> Self {
        Self(Vec::new(), tolerance)
    }
}

impl Witness for Doubt {
    fn see(&mut self, glimpse: &Glimpse<'_>) {
        let wanted = expected(glimpse);
        let said = glimpse.chunk.twists().first().copied().unwrap_or_default();
        let is_right = is_within(said, wanted, self.1);
        self.0.push(Answer { at: glimpse.at, sure: glimpse.chunk.confidence, is_right });
    }
}

/// What the expert does where the picture was taken.
#[must_use]
pub fn expected(glimpse: &Glimpse<'_>) -> Twist {
    Expert::new(glimpse.side).drive(glimpse.world, glimpse.robot.truth().pose)
}

fn foretell(
    event: &str,
    results: &[(&Attempt, &Run, &Doubt)],
    is_event: fn(Ending) -> bool,
) -> Option<Foretelling> {
    let answers = results.iter().flat_map(|(_, run, doubt)| {
        let comes = is_event(run.ending);
        doubt
            .0
            .iter()
            .map(move |answer| (answer.sure, comes && run.time.saturating_sub(answer.at) <= AHEAD))
    });
    Foretelling::of(event, AHEAD.as_secs_f64(), &answers.collect::<Vec<_>>())
}
