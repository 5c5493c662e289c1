//! Shares, means and areas with what is known of their uncertainty.

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use serde::{Deserialize, Serialize};

/// Quantile of the standard normal distribution that leaves 2.5 % above.
const Z_95: f64 = 1.959_963_984_540_054;
/// Resamples of a bootstrap.
const RESAMPLES: usize = 1000;

/// A value between two bounds that hold with 95 %.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    pub value: f64,
    pub low: f64,
    pub high: f64,
}

impl Estimate {
    /// A share of successes between Wilson's bounds (Wilson, 1927; without continuity correction).
    /// `None` of nothing.
    #[must_use]
    pub fn share(n_successes: usize, n: usize) -> Option<Self> {
        if n == 0 {
            return None;
        }
        let (count, z2) = (n as f64, Z_95 * Z_95);
        let share = n_successes as f64 / count;
        let middle = share + z2 / (2.0 * count);
        let spread = Z_95 * (share * (1.0 - share) / count + z2 / (4.0 * count * count)).sqrt();
        let scale = 1.0 + z2 / count;
        Some(Self {
            value: share,
            low: ((middle - spread) / scale).clamp(0.0, share),
            high: ((middle + spread) / scale).clamp(share, 1.0),
        })
    }

    /// A share in words, as `93.3 % [86.8, 96.7]`.
    #[must_use]
    pub fn percent(&self) -> String {
        let [value, low, high] = [self.value, self.low, self.high].map(|share| 100.0 * share);
        format!("{value:.1} % [{low:.1}, {high:.1}]")
    }

    /// `figure` of all groups, between the 2.5 % and 97.5 % quantiles of what it is on as many
    /// groups drawn with replacement (Efron, 1979): groups are what is independent, as episodes
    /// are. `None` where it is not a number on all groups.
    pub fn bootstrap<T>(groups: &[T], seed: u64, figure: impl Fn(&[&T]) -> f64) -> Option<Self> {
        let all: Vec<&T> = groups.iter().collect();
        let value = figure(&all);
        if groups.is_empty() || !value.is_finite() {
            return None;
        }
        let mut rng = Pcg64::seed_from_u64(seed);
        let mut drawn = Vec::with_capacity(groups.len());
        let mut values: Vec<f64> = (0..RESAMPLES)
            .map(|_| {
                drawn.clear();
                let picks = (0..groups.len())
                    .filter_map(|_| all.get(rng.random_range(0..groups.len())).copied());
                drawn.extend(picks);
                figure(&drawn)
            })
            .filter(|value| value.is_finite())
            .collect();
        values.sort_by(f64::total_cmp);
        let at = |share| quantile(&values, share).unwrap_or(value);
        Some(Self { value, low: at(0.025), high: at(0.975) })
    }
}

/// The value under which a share of `sorted` lies, between neighbours in a straight line; `None` of
/// nothing.
#[must_use]
pub fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let at = share.clamp(0.0, 1.0) * last as f64;
    let (below, above) = (sorted.get(at.floor() as usize)?, sorted.get(at.ceil() as usize)?);
    Some(below + (above - below) * at.fract())
}

/// Area under the receiver operating characteristic: the probability that a positive case has a
/// higher score than a negative one, ties counted half (Hanley & `McNeil`, 1982). `None` where
/// either is missing.
#[must_use]
pub fn auroc(cases: &[(f64, bool)]) -> Option<f64> {
    let mut sorted = cases.to_vec();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let n_positive = cases.iter().filter(|(_, is_positive)| *is_positive).count();
    let n_negative = cases.len() - n_positive;
    if n_positive == 0 || n_negative == 0 {
        return None;
    }
    let (mut rank_sum, mut rank) = (0.0, 0);
    for tied in sorted.chunk_by(|a, b| a.0.total_cmp(&b.0).is_eq()) {
        // Ranks from 1; all of a tie get its middle.
        let middle = rank as f64 + f64::midpoint(1.0, tied.len() as f64);
        rank_sum += middle * tied.iter().filter(|(_, is_positive)| *is_positive).count() as f64;
        rank += tied.len();
    }
    let (positive, negative) = (n_positive as f64, n_negative as f64);
    Some((rank_sum - positive * (positive + 1.0) / 2.0) / (positive * negative))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wilsons_bounds_are_the_published_ones() {
        // Every success rate would look surer, or less sure, than it is. Newcombe (1998), table I,
        // method 3.
        for (r, n, low, high) in [
            (81, 263, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
            (0, 20, 0.0, 0.1611),
            (1, 29, 0.0061, 0.1718),
        ] {
            let found = Estimate::share(r, n).unwrap();
            assert!((found.low - low).abs() < 5e-5, "{r}/{n}: {found:?}");
            assert!((found.high - high).abs() < 5e-5, "{r}/{n}: {found:?}");
        }
        let all = Estimate::share(20, 20).unwrap();
        assert!(
            (all.low - (1.0 - 0.1611)).abs() < 5e-5 && (all.high - 1.0).abs() < 1e-12,
            "{all:?}"
        );
        assert_eq!(Estimate::share(0, 0), None);
    }

    #[test]
    fn a_bootstrap_of_means_is_as_wide_as_theory_says() {
        // Differences between policies would be called real that are none. The mean of 400 values
        // spread evenly over 0..1 has the standard error sqrt(1/12/400).
        let values: Vec<f64> = (0..400).map(|i| (f64::from(i) + 0.5) / 400.0).collect();
        let mean = |picked: &[&f64]| picked.iter().copied().sum::<f64>() / picked.len() as f64;
        let found = Estimate::bootstrap(&values, 7, mean).unwrap();
        let expected = 2.0 * Z_95 * (1.0_f64 / 12.0 / 400.0).sqrt();
        assert!((found.value - 0.5).abs() < 1e-12);
        assert!(((found.high - found.low) / expected - 1.0).abs() < 0.1, "{found:?} {expected}");
        assert_eq!(Estimate::bootstrap(&values, 7, mean), Some(found), "the same seed");
        assert_eq!(Estimate::bootstrap(&[], 7, mean), None);
    }

    #[test]
    fn quantiles_and_areas_by_hand() {
        // Confidence would seem to foretell what it does not.
        assert_eq!(quantile(&[1.0, 2.0, 3.0, 4.0], 0.5), Some(2.5));
        assert_eq!(quantile(&[1.0, 2.0], 1.0), Some(2.0));
        assert_eq!(quantile(&[], 0.5), None);
        // Of the pairs positive-negative: 0.8 beats both, 0.4 beats one and ties none: 3 of 4.
        let cases = [(0.8, true), (0.4, true), (0.5, false), (0.1, false)];
        assert_eq!(auroc(&cases), Some(0.75));
        // A tie counts half.
        assert_eq!(auroc(&[(0.5, true), (0.5, false)]), Some(0.5));
        assert_eq!(auroc(&[(0.5, true)]), None);
    }
}
