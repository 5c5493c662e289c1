//! Whether a policy's confidence is the probability it claims to be, and what it foretells.

use serde::{Deserialize, Serialize};

use super::statistics::auroc;
use crate::msg::Twist;

/// Equal parts of 0..1 in which confidences are compared with what happened.
const BINS: usize = 10;

/// How far each axis may be off, m/s, m/s and rad/s, for an action to count as what the operator
/// would do, where a policy's manifest does not say.
pub const TOLERANCE: [f64; 3] = [0.1, 0.1, 0.2];

/// True when every axis of `said` is within its tolerance of `wanted`.
#[must_use]
pub fn is_within(said: Twist, wanted: Twist, tolerance: [f64; 3]) -> bool {
    let pairs = axes(said).into_iter().zip(axes(wanted));
    pairs.zip(tolerance).all(|((said, wanted), most)| (said - wanted).abs() <= most)
}

/// Forward, left and turn.
pub(super) const fn axes(twist: Twist) -> [f64; 3] {
    [twist.linear_x, twist.linear_y, twist.angular_z]
}

/// Confidence against truth.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Reliability {
    pub n: usize,
    /// Expected calibration error: the bins' distances between mean confidence and share of right
    /// answers, weighted by their counts (Naeini et al., 2015).
    pub ece: f64,
    pub mean_confidence: f64,
    /// Share of answers within the tolerance.
    pub accuracy: f64,
    /// Only bins with answers in them.
    pub bins: Vec<Bin>,
}

/// Answers of similar confidence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Bin {
    /// It ends a tenth above; 1 belongs to the last one.
    pub from: f64,
    pub n: usize,
    pub mean_confidence: f64,
    pub accuracy: f64,
}

impl Reliability {
    /// Of pairs of confidence and whether the answer was right; `None` of nothing.
    #[must_use]
    pub fn of(answers: &[(f64, bool)]) -> Option<Self> {
        if answers.is_empty() {
            return None;
        }
        let part = |from: usize| {
            let inside = answers.iter().filter(|(confidence, _)| bin_of(*confidence) == from);
            let inside: Vec<_> = inside.copied().collect();
            let (mean_confidence, accuracy) = means(&inside);
            let from = from as f64 / BINS as f64;
            Bin { from, n: inside.len(), mean_confidence, accuracy }
        };
        let bins: Vec<_> = (0..BINS).map(part).filter(|bin| bin.n > 0).collect();
        let n = answers.len();
        let gaps = bins.iter().map(|bin| bin.n as f64 * (bin.mean_confidence - bin.accuracy).abs());
        let ece = gaps.sum::<f64>() / n as f64;
        let (mean_confidence, accuracy) = means(answers);
        Some(Self { n, ece, mean_confidence, accuracy, bins })
    }
}

fn bin_of(confidence: f64) -> usize {
    ((confidence.clamp(0.0, 1.0) * BINS as f64) as usize).min(BINS - 1)
}

fn means(answers: &[(f64, bool)]) -> (f64, f64) {
    let n = answers.len().max(1) as f64;
    let confidence: f64 = answers.iter().map(|(confidence, _)| confidence).sum();
    let right = answers.iter().filter(|(_, is_right)| *is_right).count() as f64;
    (confidence / n, right / n)
}

/// How well low confidence foretells an event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Foretelling {
    pub event: String,
    /// Answers this long before the event shall be less confident than all others, seconds.
    pub ahead_s: f64,
    pub n_before: usize,
    pub n_others: usize,
    /// Probability that an answer before an event is less confident than another one; 0.5 foretells
    /// nothing.
    pub auroc: f64,
}

impl Foretelling {
    /// Of pairs of confidence and whether the event came within `ahead_s`; `None` where it came
    /// never or always.
    #[must_use]
    pub fn of(event: &str, ahead_s: f64, answers: &[(f64, bool)]) -> Option<Self> {
        let doubts: Vec<_> = answers.iter().map(|(sure, came)| (1.0 - sure, *came)).collect();
        let n_before = answers.iter().filter(|(_, came)| *came).count();
        Some(Self {
            event: event.to_owned(),
            ahead_s,
            n_before,
            n_others: answers.len() - n_before,
            auroc: auroc(&doubts)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calibration_error_by_hand() {
        // A policy that is always sure would count as one that knows.
        let sure = |n_right: usize| -> Vec<_> { (0..10).map(|i| (0.95, i < n_right)).collect() };
        let mut answers = sure(5);
        answers.extend((0..10).map(|i| (0.25, i < 2)));
        let found = Reliability::of(&answers).unwrap();
        // Bins: |0.95 - 0.5| and |0.25 - 0.2|, ten each.
        assert!((found.ece - 0.25).abs() < 1e-12, "{found:?}");
        assert!(
            (found.accuracy - 0.35).abs() < 1e-12 && (found.mean_confidence - 0.6).abs() < 1e-12
        );
        assert_eq!(
            found.bins.iter().map(|bin| (bin.from, bin.n)).collect::<Vec<_>>(),
            [(0.2, 10), (0.9, 10)]
        );
        let last = Reliability::of(&[(1.0, true)]).unwrap().bins[0];
        assert!((last.from - 0.9).abs() < 1e-12);
        assert_eq!(Reliability::of(&[]), None);
    }

    #[test]
    fn tolerance_is_met_on_every_axis_or_not_at_all() {
        // Turning the wrong way at the right speed would count as right.
        let near = Twist::new(0.3, 0.1, 0.2);
        for (twist, expected) in [
            (near, true),
            (Twist::new(0.399, 0.001, 0.399), true),
            (Twist::new(0.41, 0.1, 0.2), false),
            (Twist::new(0.3, -0.01, 0.2), false),
            (Twist::new(0.3, 0.1, -0.1), false),
        ] {
            assert_eq!(is_within(twist, near, TOLERANCE), expected, "{twist:?}");
        }
    }

    #[test]
    fn doubt_before_an_event_foretells_it() {
        // The figure would be upside down: a policy that is sure of its mistakes would look wise.
        let answers = [(0.1, true), (0.3, true), (0.9, false), (0.8, false)];
        let found = Foretelling::of("collision", 2.0, &answers).unwrap();
        assert_eq!((found.auroc, found.n_before, found.n_others), (1.0, 2, 2));
        assert_eq!(Foretelling::of("collision", 2.0, &answers[..2]), None);
    }
}
