//! All episodes together.

use serde::{Deserialize, Serialize};

use super::change::{Change, Compared};
use super::figures::{Figures, Sums, by_axis, ratio};
use super::{AS_BEFORE, CONTENDERS, Outcome, Terms};
use crate::eval::calibration::{Foretelling, Reliability};
use crate::eval::closed_loop::AHEAD;
use crate::eval::statistics::Estimate;

/// A policy whose answers depart on fewer steps than this share goes by something else than what
/// was changed.
pub const IGNORED_BELOW: f64 = 0.05;

/// What was found on the held-out episodes of a dataset.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Offline {
    /// The dataset's folder.
    pub data: String,
    /// Share of its episodes that is held out, by the hash of their recording's name.
    pub held_out: f64,
    /// Stretches of one instruction that were examined, those whose instruction the policy does not
    /// take, and episodes not held out, of which the constants are; where there are none, they are
    /// of the examined ones.
    pub n_episodes: usize,
    pub n_refused: usize,
    pub n_training: usize,
    /// As in [`crate::eval::calibration::is_within`].
    pub tolerance: [f64; 3],
    /// The policy, and those that see nothing.
    pub contenders: Vec<Contender>,
    pub counterfactuals: Vec<Counterfactual>,
    /// Its answers hardly change when left and right change places in the words.
    pub ignores_words: Option<bool>,
    /// Nor when the pictures come in any order, nor when they are black.
    pub ignores_picture: Option<bool>,
    /// Confidence against whether the first slot was within the tolerance.
    pub reliability: Option<Reliability>,
    /// Takeovers in the recordings.
    pub foretelling: Option<Foretelling>,
}

/// Errors of the policy, or of a constant in its place.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Contender {
    pub name: String,
    /// First steps of episodes, where a recording shows only that nobody drove yet.
    pub first: Option<Figures>,
    /// All others.
    pub later: Option<Figures>,
}

/// What a change of pictures or words did.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Counterfactual {
    pub name: String,
    /// Episodes that it changes, and their steps.
    pub n_episodes: usize,
    pub n_steps: usize,
    /// Share of steps on which a slot of the answer is not within the tolerance of the unchanged
    /// one, mirrored where the episode was.
    pub departs: Estimate,
    /// Share of episodes with such a step.
    pub departs_ever: Estimate,
    /// Of steps on which the policy, unchanged, strafes: the share on which it strafes to the other
    /// side.
    pub turned: Option<Estimate>,
    /// Mean distance of the first slot from the unchanged one, mirrored where the episode was.
    pub gap: [f64; 3],
    /// Errors against what was wanted, first steps apart.
    pub errors: Option<Figures>,
}

impl Offline {
    /// `None` stands for an episode whose instruction was not taken.
    #[must_use]
    pub fn of(terms: &Terms, outcomes: &[Option<Outcome>]) -> Self {
        let shown: Vec<_> = outcomes.iter().flatten().collect();
        let contender = |(number, name): (usize, &&str)| {
            let figures = |of: &dyn Fn(&Outcome) -> Option<Sums>| {
                Figures::of(&shown.iter().filter_map(|outcome| of(outcome)).collect::<Vec<_>>())
            };
            Contender {
                name: (*name).to_owned(),
                first: figures(&|outcome| outcome.first.get(number).copied()),
                later: figures(&|outcome| outcome.later.get(number).copied()),
            }
        };
        let counterfactuals = Change::ALL.iter().enumerate().filter_map(|(number, change)| {
            let of = |outcome: &&Outcome| outcome.changes.get(number).copied().flatten();
            let compared: Vec<_> = shown.iter().filter_map(of).collect();
            Counterfactual::of(*change, &compared)
        });
        let counterfactuals: Vec<_> = counterfactuals.collect();
        let is_ignored = |change: Change| {
            let found = counterfactuals.iter().find(|found| found.name == change.name());
            found.map(|found| found.departs.value < IGNORED_BELOW)
        };
        let ignores_picture = is_ignored(Change::Order).zip(is_ignored(Change::Blank));
        let answers: Vec<_> = shown.iter().flat_map(|outcome| outcome.answers.clone()).collect();
        let takeovers: Vec<_> =
            shown.iter().flat_map(|outcome| outcome.takeovers.clone()).collect();
        Self {
            data: terms.data.clone(),
            held_out: terms.held_out,
            n_episodes: shown.len(),
            n_refused: outcomes.len() - shown.len(),
            n_training: terms.n_training,
            tolerance: terms.tolerance,
            contenders: CONTENDERS.iter().enumerate().map(contender).collect(),
            ignores_words: is_ignored(Change::Words),
            ignores_picture: ignores_picture.map(|(order, blank)| order && blank),
            counterfactuals,
            reliability: Reliability::of(&answers),
            foretelling: Foretelling::of("takeover", AHEAD.as_secs_f64(), &takeovers),
        }
    }

    /// Whether its answers are within the tolerance more often than those of any constant, and its
    /// errors over x and y are smaller; `None` where there is nothing to compare.
    #[must_use]
    pub fn beats_constants(&self) -> Option<bool> {
        let (own, others) = self.contenders.split_first()?;
        let own = own.later.as_ref()?;
        let constants = others.iter().filter(|other| other.name != AS_BEFORE);
        let constants: Vec<_> = constants.filter_map(|other| other.later.as_ref()).collect();
        let is_better = |other: &&Figures| {
            own.right.value > other.right.value && own.study.mae_2d < other.study.mae_2d
        };
        (!constants.is_empty()).then(|| constants.iter().all(is_better))
    }

    /// What speaks against it, each in a few words.
    #[must_use]
    pub fn reproaches(&self) -> Vec<&'static str> {
        let reproaches = [
            (self.ignores_words == Some(true), "ignores the words"),
            (self.ignores_picture == Some(true), "ignores the picture"),
            (self.beats_constants() == Some(false), "no better than a constant"),
        ];
        reproaches.into_iter().filter_map(|(is_so, what)| is_so.then_some(what)).collect()
    }
}

impl Counterfactual {
    fn of(change: Change, compared: &[Compared]) -> Option<Self> {
        let n_steps: usize = compared.iter().map(|found| found.n_steps).sum();
        let steps = |found: &Compared| found.n_steps as f64;
        let gap = |axis: usize| ratio(compared, |found| found.gap[axis], steps);
        let n_departed = compared.iter().filter(|found| found.n_departs > 0).count();
        let errors: Vec<_> = compared.iter().map(|found| found.errors).collect();
        Some(Self {
            name: change.name().to_owned(),
            n_episodes: compared.len(),
            n_steps,
            departs: ratio(compared, |found| found.n_departs as f64, steps)?,
            departs_ever: Estimate::share(n_departed, compared.len())?,
            turned: ratio(compared, |found| found.n_turned as f64, |found| found.n_strafes as f64),
            gap: by_axis(gap)?.map(|gap| gap.value),
            errors: Figures::of(&errors),
        })
    }
}
