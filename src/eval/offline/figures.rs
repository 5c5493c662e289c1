//! Errors of answers against what was wanted, in SI units and as the study counted them.

use serde::{Deserialize, Serialize};

use crate::eval::calibration::{axes, is_within};
use crate::eval::statistics::Estimate;
use crate::msg::Twist;

/// How near an element must come to count as right in the study's accuracies.
pub const NEAR: [f64; 3] = [0.05, 0.1, 0.2];
/// Seed of every bootstrap here.
const SEED: u64 = 20_250_815;

/// Of one episode.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Sums {
    n: usize,
    n_right: usize,
    absolute: [f64; 3],
    square: [f64; 3],
    /// Of actions divided by 2 and clipped to 1.
    halved: [f64; 3],
    /// For each of [`NEAR`] the elements that are, of all three axes.
    n_near: [usize; NEAR.len()],
}

impl Sums {
    pub(super) fn add(&mut self, said: Twist, wanted: Twist, tolerance: [f64; 3]) {
        self.n += 1;
        self.n_right += usize::from(is_within(said, wanted, tolerance));
        let half = |value: f64| (value / 2.0).clamp(-1.0, 1.0);
        for (axis, (said, wanted)) in axes(said).into_iter().zip(axes(wanted)).enumerate() {
            let error = (said - wanted).abs();
            self.absolute[axis] += error;
            self.square[axis] += error * error;
            self.halved[axis] += (half(said) - half(wanted)).abs();
            for (n_near, near) in self.n_near.iter_mut().zip(NEAR) {
                *n_near += usize::from(error <= near);
            }
        }
    }
}

/// Errors with what is known of their uncertainty: bounds that hold with 95 %, by a bootstrap of
/// episodes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    pub n_steps: usize,
    /// Mean absolute error of each axis, m/s, m/s and rad/s.
    pub mae: [Estimate; 3],
    /// Root of the mean square error, likewise.
    pub rmse: [Estimate; 3],
    /// Share of steps on which every axis is within the tolerance.
    pub right: Estimate,
    pub study: Study,
}

/// The same answers as the study counted them, for comparing with its tables and with nothing else:
/// it mixed these units, and the third axis of its data was always zero. Its unit is a nominal m/s.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Study {
    /// Mean absolute error over the elements x and y.
    pub mae_2d: f64,
    /// Over all three.
    pub mae_3d: f64,
    /// The same of actions divided by 2 and clipped to 1.
    pub mae_2d_halved: f64,
    pub mae_3d_halved: f64,
    /// Share of single elements, of all three axes, within [`NEAR`].
    pub near: [f64; NEAR.len()],
}

impl Figures {
    /// Of the sums of episodes; `None` without a step.
    pub(super) fn of(episodes: &[Sums]) -> Option<Self> {
        let mean = |figure: &dyn Fn(&Sums) -> f64| {
            let n = |sums: &Sums| sums.n as f64;
            ratio(episodes, figure, n)
        };
        let rmse = |axis: usize| {
            mean(&|sums| sums.square[axis]).map(|square| Estimate {
                value: square.value.sqrt(),
                low: square.low.sqrt(),
                high: square.high.sqrt(),
            })
        };
        let value = |figure: &dyn Fn(&Sums) -> f64| {
            let n: usize = episodes.iter().map(|sums| sums.n).sum();
            episodes.iter().map(figure).sum::<f64>() / n as f64
        };
        let mean_of = |of: fn(&Sums) -> &[f64; 3], n_axes: usize| {
            value(&|sums| of(sums).iter().take(n_axes).sum::<f64>()) / n_axes as f64
        };
        let near = |which: usize| value(&|sums| sums.n_near[which] as f64) / 3.0;
        Some(Self {
            n_steps: episodes.iter().map(|sums| sums.n).sum(),
            mae: by_axis(|axis| mean(&|sums| sums.absolute[axis]))?,
            rmse: by_axis(rmse)?,
            right: mean(&|sums| sums.n_right as f64)?,
            study: Study {
                mae_2d: mean_of(|sums| &sums.absolute, 2),
                mae_3d: mean_of(|sums| &sums.absolute, 3),
                mae_2d_halved: mean_of(|sums| &sums.halved, 2),
                mae_3d_halved: mean_of(|sums| &sums.halved, 3),
                near: std::array::from_fn(near),
            },
        })
    }
}

/// Each axis, or none at all.
pub(super) fn by_axis<T>(of: impl Fn(usize) -> Option<T>) -> Option<[T; 3]> {
    Some([of(0)?, of(1)?, of(2)?])
}

/// Sum of `count` over sum of `of`, between bounds by a bootstrap of the groups; `None` where there
/// is nothing to divide by.
pub(super) fn ratio<T>(
    groups: &[T],
    count: impl Fn(&T) -> f64,
    of: impl Fn(&T) -> f64,
) -> Option<Estimate> {
    Estimate::bootstrap(groups, SEED, |drawn| {
        let counted: f64 = drawn.iter().map(|group| count(group)).sum();
        counted / drawn.iter().map(|group| of(group)).sum::<f64>()
    })
}
