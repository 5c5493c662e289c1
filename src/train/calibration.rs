//! Whether a confidence means what it says: found on held-out episodes, after training.

use super::zoo::CONFIDENT_SLOTS;
use crate::eval::calibration::Reliability;

/// Axes of the action tensor.
const AXES: usize = 3;

/// One chunk of a held-out episode.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Chunk {
    /// Logarithms of the predicted deviations, in the action tensor's units.
    pub log_deviations: [[f32; AXES]; CONFIDENT_SLOTS],
    /// Whether in each slot every axis was within its tolerance.
    pub hits: [bool; CONFIDENT_SLOTS],
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
        let square = |chunk: &Chunk| {
            let n_hits = chunk.hits.iter().filter(|hit| **hit).count();
            let share = n_hits as f32 / CONFIDENT_SLOTS as f32;
            f64::from(confidence(chunk, shift, tolerance) - share).powi(2)
        };
        chunks.iter().map(square).sum::<f64>()
    };
    let shifts = (-60..=60).map(|i| i as f32 * 0.05);
    let best = shifts.map(|shift| (shift, brier(shift))).min_by(|a, b| a.1.total_cmp(&b.1));
    let shift = best.map_or(0.0, |(shift, _)| shift);
    let error = |shift| {
        let answers = chunks.iter().flat_map(|chunk| {
            let sure = f64::from(confidence(chunk, shift, tolerance));
            chunk.hits.iter().map(move |hit| (sure, *hit))
        });
        let answers: Vec<_> = answers.collect();
        Reliability::of(&answers).map_or(f64::NAN, |found| found.ece)
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
            // As often as the true deviation makes it, evenly spread.
            let place = (f64::from(i / 20) * 0.618_034).fract();
            chunks.push(Chunk { log_deviations, hits: [place < share; CONFIDENT_SLOTS] });
        }
        let found = calibrate(&chunks, tolerance);
        assert!((found.shift - 2.0_f32.ln()).abs() < 0.051, "{found:?}");
        assert!(found.error < 0.02 && found.error_before > 0.1, "{found:?}");
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
