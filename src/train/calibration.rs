//! Whether a confidence means what it says: found on held-out episodes, after training.

use super::zoo::CONFIDENT_SLOTS;

/// Axes of the action tensor.
const AXES: usize = 3;
/// Bins of the reliability diagram.
const BINS: usize = 10;

/// One chunk of a held-out episode.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Chunk {
    /// Logarithms of the predicted deviations, in the action tensor's units.
    pub log_deviations: [[f32; AXES]; CONFIDENT_SLOTS],
    /// Share of the slots in which every axis was within its tolerance.
    pub hits: f32,
}

/// What was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibration {
    /// To be added to the logarithm of every deviation.
    pub shift: f32,
    /// Expected calibration error before and after (Naeini et al., 2015).
    pub error_before: f64,
    pub error: f64,
}

/// The shift of the deviations under which the confidence comes nearest to the share of hits, by
/// the mean square of their difference (Brier, 1950).
#[must_use]
pub fn calibrate(chunks: &[Chunk], tolerance: [f32; AXES]) -> Calibration {
    let brier = |shift: f32| {
        let square =
            |chunk: &Chunk| f64::from(confidence(chunk, shift, tolerance) - chunk.hits).powi(2);
        chunks.iter().map(square).sum::<f64>()
    };
    let shifts = (-60..=60).map(|i| i as f32 * 0.05);
    let best = shifts.map(|shift| (shift, brier(shift))).min_by(|a, b| a.1.total_cmp(&b.1));
    let shift = best.map_or(0.0, |(shift, _)| shift);
    let error = |shift| {
        let pairs = chunks.iter().map(|chunk| (confidence(chunk, shift, tolerance), chunk.hits));
        expected_error(pairs)
    };
    Calibration { shift, error_before: error(0.0), error: error(shift) }
}

/// As the graph computes it.
fn confidence(chunk: &Chunk, shift: f32, tolerance: [f32; AXES]) -> f32 {
    let slot = |slot: &[f32; AXES]| {
        let axis = |(log_deviation, tolerance): (&f32, f32)| {
            let ratio = f64::from(tolerance) / f64::from(log_deviation + shift).exp();
            erf(ratio * std::f64::consts::FRAC_1_SQRT_2) as f32
        };
        slot.iter().zip(tolerance).map(axis).product::<f32>()
    };
    chunk.log_deviations.iter().map(slot).sum::<f32>() / CONFIDENT_SLOTS as f32
}

fn expected_error(pairs: impl Iterator<Item = (f32, f32)>) -> f64 {
    let mut bins = [(0.0_f64, 0.0_f64, 0.0_f64); BINS];
    let mut total = 0.0;
    for (confidence, hits) in pairs {
        let bin = ((confidence * BINS as f32) as usize).min(BINS - 1);
        if let Some((n, said, found)) = bins.get_mut(bin) {
            *n += 1.0;
            *said += f64::from(confidence);
            *found += f64::from(hits);
        }
        total += 1.0;
    }
    bins.iter().map(|(_, said, found)| (said - found).abs()).sum::<f64>() / f64::max(total, 1.0)
}

/// The error function (Abramowitz & Stegun, 1964, 7.1.26), to 1.5e-7.
fn erf(x: f64) -> f64 {
    const A: [f64; 5] =
        [0.254_829_592, -0.284_496_736, 1.421_413_741, -1.453_152_027, 1.061_405_429];
    let t = 1.0 / (1.0 + 0.327_591_1 * x.abs());
    let sum = A.iter().rev().fold(0.0, |sum, a| (sum + a) * t);
    (1.0 - sum * (-x * x).exp()).copysign(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deviations_that_are_half_too_small_are_doubled() {
        // The screen would promise what the policy does not keep.
        let tolerance = [0.2, 1e3, 1e3];
        let mut chunks = Vec::new();
        for i in 0..2000 {
            let said = 0.05 + 0.2 * f64::from(i % 20) / 20.0;
            let truth = 2.0 * said;
            let share = erf(0.2 / truth * std::f64::consts::FRAC_1_SQRT_2);
            let log_deviations = [[said.ln() as f32; 3]; CONFIDENT_SLOTS];
            chunks.push(Chunk { log_deviations, hits: share as f32 });
        }
        let found = calibrate(&chunks, tolerance);
        assert!((found.shift - 2.0_f32.ln()).abs() < 0.03, "{found:?}");
        assert!(found.error < 0.01 && found.error_before > 0.1, "{found:?}");
    }

    #[test]
    fn the_error_function_is_that_of_the_tables() {
        // Confidences would be computed differently here and in the graph.
        for (x, expected) in
            [(0.0, 0.0), (0.5, 0.520_499_877_8), (1.0, 0.842_700_792_9), (-2.0, -0.995_322_265)]
        {
            assert!((erf(x) - expected).abs() < 2e-7, "{x}");
        }
    }
}
