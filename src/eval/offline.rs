//! How near a policy comes to what the operator did on recorded episodes, and whether it looks and
//! listens while it does.
//!
//! ```text
//! Episode ─▶ pictures in order, from a fresh state on ─▶ Policy::infer ─▶ first slot ─▶ errors
//!    └─ Change: words, order, time, nothing to see, mirror ─▶ the same ─▶ what became different
//! ```
//!
//! An error says nothing by itself: the study's best policy was worse than driving straight on. So
//! each stands beside those of policies that see nothing, and beside what the same policy does when
//! what it should go by is taken away.
//!
//! Deliberately absent: reading datasets and choosing labels, which is training's choice; and any
//! word on driving, where a policy meets its own mistakes: that is [`super::closed_loop`]'s.

mod change;
mod figures;
mod simulated;
mod summary;
#[cfg(test)]
mod tests;

use std::ops::ControlFlow;

use super::calibration::is_within;
use super::closed_loop::MakePolicy;
use super::pool::share_out;
use crate::msg::{ActionChunk, Frame, Twist};
use crate::policy::manifest::{Colour, Image, ImageType, Layout, Manifest};
use crate::policy::{Policy, PolicyError, Preprocessor};

use self::change::Compared;
use self::figures::Sums;

pub use change::{Change, SHIFT_S, STRAFES_MPS};
pub use figures::{Figures, NEAR, Study};
pub use simulated::simulated;
pub use summary::{Contender, Counterfactual, IGNORED_BELOW, Offline};

/// What a policy is shown and held against.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Episode {
    pub instruction: String,
    /// At the policy's pace.
    pub steps: Vec<Step>,
}

/// One inference.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Step {
    /// As [`Eye::look`] makes it.
    pub picture: Frame,
    /// The command for the moment the picture was taken; none where nobody's is to be imitated.
    pub wanted: Option<Twist>,
    /// The command one step before; zero at the first.
    pub before: Twist,
    /// While the policy of the recording drove: whether the operator took over soon after.
    pub takeover: Option<bool>,
}

/// Policies that see nothing: what they always answer.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Constants {
    /// Straight on, with the median speed of the commands that go ahead.
    pub forward: Twist,
    /// The mean of all commands.
    pub mean: Twist,
}

impl Constants {
    /// Of the commands to learn from; `None` where there are none.
    #[must_use]
    pub fn of(commands: &[Twist]) -> Option<Self> {
        let n = commands.len() as f64;
        let sum = commands.iter().fold(Twist::ZERO, |sum, twist| {
            Twist::new(
                sum.linear_x + twist.linear_x,
                sum.linear_y + twist.linear_y,
                sum.angular_z + twist.angular_z,
            )
        });
        let mut ahead: Vec<f64> =
            commands.iter().map(|twist| twist.linear_x).filter(|x| *x > STRAFES_MPS).collect();
        ahead.sort_by(f64::total_cmp);
        let speed = super::statistics::quantile(&ahead, 0.5).unwrap_or_default();
        let forward = Twist::new(speed, 0.0, 0.0);
        (!commands.is_empty()).then(|| Self { forward, mean: sum.scaled(1.0 / n) })
    }
}

/// What an examination depends on besides the policy.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Terms {
    /// What the dataset is called.
    pub data: String,
    /// Share of its episodes that is held out.
    pub held_out: f64,
    /// Episodes that are not.
    pub n_training: usize,
    /// As in [`is_within`].
    pub tolerance: [f64; 3],
    /// Steps a second.
    pub rate_hz: f64,
    pub constants: Option<Constants>,
}

/// Shrinks pictures to what a policy makes of them first, once for all that it is shown.
#[derive(Debug)]
pub struct Eye(Image);

impl Eye {
    #[must_use]
    pub fn new(manifest: &Manifest) -> Self {
        Self(Image {
            colour: Colour::Rgb,
            layout: Layout::Nhwc,
            dtype: ImageType::Uint8,
            scale: 1.0,
            mean: [0.0; 3],
            std: [1.0; 3],
            ..manifest.image.clone()
        })
    }

    /// RGB of [`Self::size`], from RGB of any other.
    #[must_use]
    pub fn look(&self, rgb: &[u8], width: u32, height: u32) -> Vec<u8> {
        let mut preprocessor = Preprocessor::new(self.0.clone());
        let mut picture = vec![0; preprocessor.len()];
        let frame = Frame { width, height, rgb: rgb.to_vec(), ..Frame::default() };
        preprocessor.apply(&frame, &mut picture);
        picture
    }

    #[must_use]
    pub const fn size(&self) -> (u32, u32) {
        (self.0.width, self.0.height)
    }
}

/// Who is held against the operator, in the order of [`Outcome`]'s sums.
const CONTENDERS: [&str; 4] = ["the policy", "always forward", "always the mean", AS_BEFORE];
/// The only one of them that looks at what the operator did.
const AS_BEFORE: &str = "as a step before";

/// What one episode told.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// Errors of the [`CONTENDERS`] on the first step of an episode, where a recording shows only
    /// that nobody drove yet, and on all others.
    first: [Sums; CONTENDERS.len()],
    later: [Sums; CONTENDERS.len()],
    /// Confidence, and whether the answer was within the tolerance.
    answers: Vec<(f64, bool)>,
    /// Confidence, and whether a takeover came.
    takeovers: Vec<(f64, bool)>,
    /// For each of [`Change::ALL`]; none where it changes nothing.
    changes: [Option<Compared>; Change::ALL.len()],
}

/// Shows the policy all episodes, `names` one after the other from `open`, on `threads` threads;
/// the outcomes are the same on any number of them. `None` stands for an episode whose instruction
/// it does not take.
///
/// # Errors
/// A policy cannot be made or fails, or an episode cannot be opened.
pub fn examine<E: From<PolicyError> + Send>(
    names: &[usize],
    open: &(dyn Fn(usize) -> Result<Vec<Episode>, E> + Sync),
    policy: &MakePolicy<'_>,
    terms: &Terms,
    threads: usize,
) -> Result<Vec<Option<Outcome>>, E> {
    let make = || policy().map_err(E::from);
    let all = |policy: &mut Box<dyn Policy>, name: usize| -> Result<_, E> {
        let mut outcomes = Vec::new();
        for episode in open(name)? {
            outcomes.push(show(policy.as_mut(), &episode, terms, name as u64)?);
        }
        Ok(outcomes)
    };
    let shown = share_out(names, 1, threads, &make, &|policy, _, name| match all(policy, *name) {
        Ok(outcomes) => ControlFlow::Continue(Ok(outcomes)),
        Err(error) => ControlFlow::Break(Err(error)),
    })?;
    Ok(shown.into_iter().collect::<Result<Vec<_>, E>>()?.into_iter().flatten().collect())
}

/// Shows the policy one episode, and once more for each change. `seed` decides the order of
/// shuffled pictures.
///
/// # Errors
/// The policy fails.
pub fn show(
    policy: &mut dyn Policy,
    episode: &Episode,
    terms: &Terms,
    seed: u64,
) -> Result<Option<Outcome>, PolicyError> {
    let pictures = episode.steps.iter().map(|step| &step.picture);
    let plain = match answers(policy, &episode.instruction, pictures) {
        Err(PolicyError::Instruction { .. }) => return Ok(None),
        answers => answers?,
    };
    let mut outcome = Outcome::default();
    for (number, (step, chunk)) in episode.steps.iter().zip(&plain).enumerate() {
        outcome.add(number == 0, step, chunk, terms);
    }
    for (slot, change) in outcome.changes.iter_mut().zip(Change::ALL) {
        let Some(changed) = change.apply(episode, terms.rate_hz, seed) else { continue };
        let pictures = changed.pictures.iter().map(AsRef::as_ref);
        match answers(policy, &changed.instruction, pictures) {
            Err(PolicyError::Instruction { .. }) => {}
            answers => {
                *slot = Some(Compared::of(change, episode, &plain, &answers?, terms.tolerance));
            }
        }
    }
    Ok(Some(outcome))
}

impl Outcome {
    fn add(&mut self, is_first: bool, step: &Step, chunk: &ActionChunk, terms: &Terms) {
        if let Some(came) = step.takeover {
            self.takeovers.push((chunk.confidence, came));
        }
        let Some(wanted) = step.wanted else { return };
        let said = first_slot(chunk);
        let sums = if is_first { &mut self.first } else { &mut self.later };
        let constants = terms.constants;
        let contenders = [
            Some(said),
            constants.map(|constants| constants.forward),
            constants.map(|constants| constants.mean),
            Some(step.before),
        ];
        for (sums, said) in sums.iter_mut().zip(contenders) {
            if let Some(said) = said {
                sums.add(said, wanted, terms.tolerance);
            }
        }
        self.answers.push((chunk.confidence, is_within(said, wanted, terms.tolerance)));
    }
}

/// What it says at each picture of an attempt with these words.
fn answers<'a>(
    policy: &mut dyn Policy,
    instruction: &str,
    pictures: impl Iterator<Item = &'a Frame>,
) -> Result<Vec<ActionChunk>, PolicyError> {
    policy.set_instruction(instruction)?;
    policy.reset();
    let infer = |picture| {
        let mut chunk = ActionChunk::default();
        policy.infer(picture, &mut chunk).map(|()| chunk)
    };
    pictures.map(infer).collect()
}

/// What it wants at the moment of the picture.
fn first_slot(chunk: &ActionChunk) -> Twist {
    chunk.twists().first().copied().unwrap_or_default()
}
