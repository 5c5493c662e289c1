//! Latency figures: a window of recent samples for the screen, a histogram of the whole run for
//! reports.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

/// Recent samples kept by [`Window`]: ten seconds of ticks.
const WINDOW: usize = 500;

/// The newest samples of one stage, in milliseconds.
#[derive(Clone, Debug)]
pub struct Window {
    samples: Vec<f64>,
    next: usize,
    sorted: Vec<f64>,
}

impl Default for Window {
    fn default() -> Self {
        Self { samples: Vec::with_capacity(WINDOW), next: 0, sorted: Vec::with_capacity(WINDOW) }
    }
}

impl Window {
    pub fn push(&mut self, sample: Duration) {
        let ms = sample.as_secs_f64() * 1e3;
        match self.samples.get_mut(self.next) {
            Some(slot) => *slot = ms,
            None => self.samples.push(ms),
        }
        self.next = (self.next + 1) % WINDOW;
    }

    /// The median and the 99th percentile, zero while there are no samples.
    pub fn p50_p99(&mut self) -> (f64, f64) {
        self.sorted.clone_from(&self.samples);
        self.sorted.sort_by(f64::total_cmp);
        let at = |share: f64| {
            let rank = (share * self.sorted.len() as f64).ceil() as usize;
            self.sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0.0)
        };
        (at(0.50), at(0.99))
    }
}

/// Every sample of a run, to three digits, from 1 µs to 100 s.
#[derive(Clone, Debug)]
pub struct Whole(Histogram<u64>);

/// Milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Percentiles {
    pub count: u64,
    pub p50: f64,
    pub p99: f64,
    pub p99_9: f64,
    pub max: f64,
}

const MAX_NS: u64 = 100_000_000_000;

impl Default for Whole {
    #[expect(clippy::expect_used, reason = "the bounds are constants that the crate accepts")]
    fn default() -> Self {
        Self(Histogram::new_with_bounds(1_000, MAX_NS, 3).expect("bounds are valid"))
    }
}

impl Whole {
    pub fn push(&mut self, sample: Duration) {
        self.0.saturating_record(u64::try_from(sample.as_nanos()).unwrap_or(MAX_NS));
    }

    #[must_use]
    pub fn percentiles(&self) -> Percentiles {
        let ms = |ns: u64| ns as f64 / 1e6;
        Percentiles {
            count: self.0.len(),
            p50: ms(self.0.value_at_quantile(0.5)),
            p99: ms(self.0.value_at_quantile(0.99)),
            p99_9: ms(self.0.value_at_quantile(0.999)),
            max: ms(self.0.max()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_forgets_the_oldest() {
        // The screen would show figures of long ago.
        let mut window = Window::default();
        for _ in 0..WINDOW {
            window.push(Duration::from_millis(50));
        }
        for _ in 0..WINDOW {
            window.push(Duration::from_millis(2));
        }
        assert_eq!(window.p50_p99(), (2.0, 2.0));
    }

    #[test]
    fn percentiles_of_a_known_series() {
        // Reports would state wrong percentiles. 1..=1000 ms: nearest rank, within the histogram's
        // 0.1 %.
        let mut whole = Whole::default();
        let mut window = Window::default();
        for ms in 1..=1000 {
            whole.push(Duration::from_millis(ms));
            window.push(Duration::from_millis(ms));
        }
        let found = whole.percentiles();
        for (value, expected) in
            [(found.p50, 500.0), (found.p99, 990.0), (found.p99_9, 999.0), (found.max, 1000.0)]
        {
            assert!((value / expected - 1.0_f64).abs() < 2e-3, "{value} for {expected}");
        }
        assert_eq!(window.p50_p99(), (750.0, 995.0));
        assert_eq!(Window::default().p50_p99(), (0.0, 0.0));
    }
}
