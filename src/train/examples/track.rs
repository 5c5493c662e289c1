use super::ExamplesSpec;
use crate::train::labels::{AXES, Label};

/// What was to be done at each moment of an attempt, for asking at any moment.
#[derive(Clone, Debug)]
pub struct LabelTrack {
    /// Ascending, seconds.
    times: Vec<f64>,
    labels: Vec<Label>,
    end: TrackEnd,
}

/// What is wanted after the last label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrackEnd {
    /// Nobody knows.
    Unknown,
    /// The attempt is over and succeeded: standing.
    Standing,
}

/// A moment is at most so many label distances away from a label that says something of it.
const REACH: f64 = 1.5;

impl LabelTrack {
    /// `times` in seconds, ascending, one for each label. Of a time that is not after the one
    /// before, the label is left out.
    #[must_use]
    pub fn new(times: &[f64], labels: &[Label], end: TrackEnd) -> Self {
        let mut track = Self { times: Vec::new(), labels: Vec::new(), end };
        for (time, label) in times.iter().zip(labels) {
            if track.times.last().is_none_or(|last| time > last) {
                track.times.push(*time);
                track.labels.push(*label);
            }
        }
        track
    }

    /// The label at a moment: between two that count alike a mixture of both, else the nearer one;
    /// outside and in long gaps, none (weight 0).
    #[must_use]
    pub fn at(&self, time: f64) -> Label {
        let after = self.times.partition_point(|own| *own < time);
        let next = self.times.get(after).zip(self.labels.get(after));
        let before = after.checked_sub(1);
        let last = before.and_then(|at| self.times.get(at).zip(self.labels.get(at)));
        let reach = REACH * self.distance();
        match (last, next) {
            (Some((t0, a)), Some((t1, b))) => {
                let share = (time - t0) / (t1 - t0);
                let nearer = if share < 0.5 { a } else { b };
                let is_mixed = (a.weight - b.weight).abs() < f32::EPSILON && t1 - t0 <= 2.0 * reach;
                if is_mixed {
                    mixture(a, b, share as f32)
                } else if (time - t0).min(t1 - time) <= reach {
                    *nearer
                } else {
                    Label::default()
                }
            }
            (None, Some((t, label))) if t - time <= reach => *label,
            (Some(_), None) if self.end == TrackEnd::Standing => {
                Label { twist: [0.0; AXES], weight: 1.0 }
            }
            (Some((t, label)), None) if time - t <= self.distance() / 2.0 => *label,
            _ => Label::default(),
        }
    }

    /// Appends the targets and weights of a step: a command for each slot from `capture_s` on.
    pub fn push_step(
        &self,
        capture_s: f64,
        spec: &ExamplesSpec,
        targets: &mut Vec<[f32; AXES]>,
        weights: &mut Vec<f32>,
    ) {
        for slot in 0..spec.slots {
            let ahead = slot as f64 * spec.slot_ms as f64 / 1000.0;
            let label = self.at(capture_s + ahead);
            targets.push(label.twist);
            weights.push(label.weight);
        }
    }

    /// Mean time between two labels.
    fn distance(&self) -> f64 {
        match (self.times.first(), self.times.last()) {
            (Some(first), Some(last)) if last > first => {
                (last - first) / (self.times.len() - 1) as f64
            }
            _ => 0.0,
        }
    }
}

fn mixture(a: &Label, b: &Label, share: f32) -> Label {
    let mut twist = a.twist;
    for (axis, other) in twist.iter_mut().zip(b.twist) {
        *axis += share * (other - *axis);
    }
    Label { twist, weight: a.weight }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(x: f32, weight: f32) -> Label {
        Label { twist: [x, -x, 0.0], weight }
    }

    fn assert_at(track: &LabelTrack, time: f64, x: f32, weight: f32) {
        let found = track.at(time);
        let off = (found.twist[0] - x).abs() + (found.weight - weight).abs();
        assert!(off < 1e-5, "at {time}: {found:?}, expected {x} of weight {weight}");
    }

    #[test]
    fn labels_are_those_of_their_moments() {
        // Commands would be learnt for pictures of another moment.
        let labels = [label(1.0, 1.0), label(2.0, 1.0), label(4.0, 3.0), label(5.0, 3.0)];
        let track = LabelTrack::new(&[10.0, 10.1, 10.2, 10.3], &labels, TrackEnd::Unknown);
        for (time, x, weight) in [
            (10.0, 1.0, 1.0),
            (10.025, 1.25, 1.0),
            (9.95, 1.0, 1.0),
            // No mixture of who drove before with who drives now.
            (10.14, 2.0, 1.0),
            (10.16, 4.0, 3.0),
            (10.29, 4.9, 3.0),
            (10.34, 5.0, 3.0),
            (10.36, 0.0, 0.0),
            (9.8, 0.0, 0.0),
            (12.0, 0.0, 0.0),
        ] {
            assert_at(&track, time, x, weight);
        }
        assert_at(&LabelTrack::new(&[], &[], TrackEnd::Standing), 1.0, 0.0, 0.0);
    }

    #[test]
    fn a_success_goes_on_standing() {
        // The policy would never learn what to do once it is there.
        let labels = [label(1.0, 2.0), label(0.5, 2.0)];
        let track = LabelTrack::new(&[0.0, 0.1], &labels, TrackEnd::Standing);
        assert_at(&track, 0.1, 0.5, 2.0);
        assert_at(&track, 0.11, 0.0, 1.0);
        assert_at(&track, 99.0, 0.0, 1.0);
    }

    #[test]
    fn gaps_and_times_that_go_back_are_not_filled() {
        // A command would be made up for a time nobody recorded.
        let labels = [label(1.0, 1.0), label(2.0, 1.0), label(3.0, 1.0), label(9.0, 1.0)];
        let track = LabelTrack::new(&[0.0, 0.1, 0.2, 0.15], &labels, TrackEnd::Unknown);
        assert_at(&track, 0.19, 2.9, 1.0);
        let times: Vec<f64> = (0..40).map(|i| f64::from(i) * 0.1).collect();
        let mut gap = times.clone();
        gap[20..].iter_mut().for_each(|time| *time += 3.0);
        let labels = vec![label(1.0, 1.0); 40];
        let track = LabelTrack::new(&gap, &labels, TrackEnd::Unknown);
        assert_at(&track, 3.4, 0.0, 0.0);
        assert_at(&track, 1.95, 1.0, 1.0);
    }

    #[test]
    fn slots_lie_at_their_times() {
        // The chunk's later slots would be played too early or too late.
        let times: Vec<f64> = (0..30).map(|i| f64::from(i) / 30.0).collect();
        let labels: Vec<_> = times.iter().map(|time| label(*time as f32, 1.0)).collect();
        let track = LabelTrack::new(&times, &labels, TrackEnd::Unknown);
        let spec = ExamplesSpec { width: 1, height: 1, rate_hz: 10.0, slots: 4, slot_ms: 100 };
        let (mut targets, mut weights) = (Vec::new(), Vec::new());
        track.push_step(0.25, &spec, &mut targets, &mut weights);
        track.push_step(0.75, &spec, &mut targets, &mut weights);
        let x: Vec<_> = targets.iter().map(|target| target[0]).collect();
        for (found, expected) in x.iter().zip([0.25, 0.35, 0.45, 0.55, 0.75, 0.85, 0.95, 0.0]) {
            assert!((found - expected).abs() < 1e-5, "{x:?}");
        }
        assert_eq!(weights, [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0]);
    }
}
