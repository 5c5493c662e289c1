//! One thing that a policy should go by, taken away or turned round: what does it do then?

use std::borrow::Cow;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_pcg::Pcg64;

use super::figures::Sums;
use super::{Episode, first_slot};
use crate::eval::calibration::{axes, is_within};
use crate::msg::{ActionChunk, Frame, Twist};
use crate::sim::language;

/// How much older pictures are than they should be, seconds.
pub const SHIFT_S: f64 = 1.0;
/// Slower than this nobody strafes, nor drives.
pub const STRAFES_MPS: f64 = 0.05;

/// What is changed of an episode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Left and right change places in the words alone.
    Words,
    /// The pictures come in any order.
    Order,
    /// Each picture comes [`SHIFT_S`] late.
    Time,
    /// Every picture is black.
    Blank,
    /// Left and right change places in pictures and words: so they should in the answers.
    Mirror,
}

/// The episode as it is shown.
pub(super) struct Changed<'a> {
    pub(super) instruction: Cow<'a, str>,
    pub(super) pictures: Vec<Cow<'a, Frame>>,
}

impl Change {
    pub const ALL: [Self; 5] = [Self::Words, Self::Order, Self::Time, Self::Blank, Self::Mirror];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Words => "left and right swapped in the words",
            Self::Order => "pictures in any order",
            Self::Time => "pictures one second late",
            Self::Blank => "pictures black",
            Self::Mirror => "pictures and words mirrored",
        }
    }

    /// `None` where nothing would be different, or nobody knows what the words mean then.
    pub(super) fn apply(self, episode: &Episode, rate_hz: f64, seed: u64) -> Option<Changed<'_>> {
        let n = episode.steps.len();
        let picture = |at: usize| episode.steps.get(at).map(|step| Cow::Borrowed(&step.picture));
        let mut pictures: Vec<_> = (0..n).filter_map(picture).collect();
        let mut instruction = Cow::Borrowed(episode.instruction.as_str());
        match self {
            Self::Words | Self::Mirror => {
                let mirrored = language::mirror(&instruction);
                let names_side = mirrored != *instruction;
                if !language::is_mirrorable(&instruction) || (self == Self::Words && !names_side) {
                    return None;
                }
                instruction = Cow::Owned(mirrored);
                if self == Self::Mirror {
                    for picture in &mut pictures {
                        *picture = Cow::Owned(mirrored_picture(picture));
                    }
                }
            }
            Self::Order => pictures.shuffle(&mut Pcg64::seed_from_u64(seed)),
            Self::Time => {
                let late = ((SHIFT_S * rate_hz).round() as usize).max(1);
                pictures = (0..n).filter_map(|at| picture(at.saturating_sub(late))).collect();
            }
            Self::Blank => {
                for picture in &mut pictures {
                    picture.to_mut().rgb.fill(0);
                }
            }
        }
        Some(Changed { instruction, pictures })
    }

    /// The answer that changes nothing but what should change.
    fn turned(self, twist: Twist) -> Twist {
        if self == Self::Mirror { twist.mirrored() } else { twist }
    }
}

fn mirrored_picture(picture: &Frame) -> Frame {
    let mut mirrored = Frame { rgb: Vec::with_capacity(picture.rgb.len()), ..*picture };
    for row in picture.rgb.chunks_exact((picture.width as usize * 3).max(1)) {
        mirrored.rgb.extend(row.as_chunks::<3>().0.iter().rev().flatten());
    }
    mirrored
}

/// What a change did to the answers on one episode.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Compared {
    /// Errors against what was wanted, first steps apart.
    pub(super) errors: Sums,
    pub(super) n_steps: usize,
    /// Steps on which a slot is not within the tolerance of what it is unchanged, mirrored where
    /// the episode is.
    pub(super) n_departs: usize,
    /// Distances from it of the first slot, by axis.
    pub(super) gap: [f64; 3],
    /// Steps on which the policy, unchanged, strafes; and of these those on which it strafes to the
    /// other side now.
    pub(super) n_strafes: usize,
    pub(super) n_turned: usize,
}

impl Compared {
    pub(super) fn of(
        change: Change,
        episode: &Episode,
        plain: &[ActionChunk],
        changed: &[ActionChunk],
        tolerance: [f64; 3],
    ) -> Self {
        let mut found = Self::default();
        let pairs = plain.iter().zip(changed);
        for (number, (step, (plain, changed))) in episode.steps.iter().zip(pairs).enumerate() {
            if let Some(wanted) = step.wanted.filter(|_| number > 0) {
                found.errors.add(first_slot(changed), change.turned(wanted), tolerance);
            }
            found.n_steps += 1;
            let mut slots = plain.twists().iter().zip(changed.twists());
            let departs = |(plain, changed): (&Twist, &Twist)| {
                !is_within(*changed, change.turned(*plain), tolerance)
            };
            found.n_departs += usize::from(slots.any(departs));
            let expected = axes(change.turned(first_slot(plain)));
            let said = axes(first_slot(changed));
            for (sum, (said, expected)) in found.gap.iter_mut().zip(said.into_iter().zip(expected))
            {
                *sum += (said - expected).abs();
            }
            let (before, now) = (strafing(plain), strafing(changed));
            found.n_strafes += usize::from(before != 0);
            found.n_turned += usize::from(before * now < 0);
        }
        found
    }
}

/// 1 to the left and -1 to the right, in the mean of a chunk's slots; 0 where it does neither.
fn strafing(chunk: &ActionChunk) -> i8 {
    let slots = chunk.twists();
    let mean = slots.iter().map(|twist| twist.linear_y).sum::<f64>() / slots.len().max(1) as f64;
    i8::from(mean > STRAFES_MPS) - i8::from(mean < -STRAFES_MPS)
}
