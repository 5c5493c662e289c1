use std::collections::VecDeque;
use std::time::Duration;

use crate::msg::{CameraFacts, Stamp};

/// Keeps [`CameraFacts`] from what the drain thread sees. Time is an argument.
#[derive(Debug, Default)]
pub(super) struct Meter {
    newest: Option<(u64, Stamp)>,
    changed: Option<Stamp>,
    checksum: Option<u64>,
    rate: f64,
    opened: Option<Stamp>,
    /// Number of the next picture.
    next_seq: u64,
    device_seq: Option<u64>,
    /// Arrivals of late and, beside each, how many pictures are missing right before it.
    arrivals: VecDeque<(Stamp, u64)>,
    /// Sorted intervals; kept for its memory.
    intervals: Vec<Duration>,
}

/// Rates are over this long, or over four pictures of a camera slower than that.
const WINDOW: Duration = Duration::from_secs(1);
/// A camera faster than this is judged by fewer than all its pictures.
const ARRIVALS_MAX: usize = 256;

impl Meter {
    pub(super) fn opened(&mut self, rate: f64, now: Stamp) {
        self.rate = if rate.is_finite() { rate.max(0.0) } else { 0.0 };
        self.opened = Some(now);
        self.device_seq = None;
        self.arrivals.clear();
    }

    pub(super) fn closed(&mut self) {
        self.opened = None;
    }

    /// A whole picture arrived; returns its number. Pictures that the device counted and nobody saw
    /// are skipped in the numbers too.
    pub(super) fn arrived(&mut self, at: Stamp, device_seq: Option<u64>, checksum: u64) -> u64 {
        let missing = match (self.device_seq, device_seq) {
            (Some(last), Some(now)) if now > last => now - last - 1,
            _ => 0,
        };
        self.device_seq = device_seq;
        let seq = self.next_seq + missing;
        self.next_seq = seq + 1;
        self.newest = Some((seq, at));
        if self.checksum != Some(checksum) {
            self.checksum = Some(checksum);
            self.changed = Some(at);
        }
        if self.arrivals.len() == ARRIVALS_MAX {
            self.arrivals.pop_front();
        }
        self.arrivals.push_back((at, missing));
        seq
    }

    /// A picture arrived damaged: a number that no reader will see.
    pub(super) fn damaged(&mut self) {
        if self.device_seq.is_none() {
            self.next_seq += 1;
        }
    }

    pub(super) fn facts(&mut self, now: Stamp) -> CameraFacts {
        let nominal = if self.rate > 0.0 { 1.0 / self.rate } else { 0.0 };
        let longest = WINDOW.max(Duration::from_secs_f64(nominal * 4.0));
        while self.arrivals.front().is_some_and(|&(at, _)| now.since(at) > longest) {
            self.arrivals.pop_front();
        }
        let open_for = self.opened.map_or(Duration::ZERO, |opened| now.since(opened));
        let window = open_for.min(longest);
        // The first moments say nothing about a rate.
        let is_settled = window >= longest / 2;
        let seen = self.arrivals.len() as f64;
        CameraFacts {
            newest: self.newest,
            changed: self.changed,
            rate_nominal: self.rate,
            rate_seen: if window.is_zero() { 0.0 } else { seen / window.as_secs_f64() },
            dropped: if is_settled { self.dropped(window.as_secs_f64(), nominal) } else { 0.0 },
            connected: self.opened.is_some(),
        }
    }

    /// Share of pictures missing from the window. A device that counts tells it; otherwise pictures
    /// are missing where fewer came than fit at the usual interval between them. A camera that
    /// turned its own rate down for lack of light is slow, not dropping, so the usual interval is
    /// the median one where that is longer than promised.
    fn dropped(&mut self, window_s: f64, nominal_s: f64) -> f64 {
        let seen = self.arrivals.len() as f64;
        if self.device_seq.is_some() {
            let missing = self.arrivals.iter().map(|&(_, missing)| missing).sum::<u64>() as f64;
            return if seen == 0.0 { 1.0 } else { missing / (missing + seen) };
        }
        if nominal_s == 0.0 {
            return 0.0;
        }
        self.intervals.clear();
        let pairs = self.arrivals.iter().zip(self.arrivals.iter().skip(1));
        self.intervals.extend(pairs.map(|(&(a, _), &(b, _))| b.since(a)));
        self.intervals.sort_unstable();
        let median = self.intervals.get(self.intervals.len() / 2);
        let usual = median.map_or(nominal_s, |median| median.as_secs_f64().max(nominal_s));
        // The window's edges cut through one interval.
        (1.0 - (seen + 1.0) * usual / window_s).clamp(0.0, 1.0)
    }
}

/// A checksum of a whole picture that differs when any byte does, but for chance (2⁻⁶⁴); four lanes
/// for speed.
pub(super) fn checksum(bytes: &[u8]) -> u64 {
    const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |lane: u64, word: u64| (lane ^ word).wrapping_mul(MULTIPLIER).rotate_left(29);
    let mut lanes = [1_u64, 2, 3, 4];
    let (blocks, tail) = bytes.as_chunks::<32>();
    for block in blocks {
        let words = block.as_chunks::<8>().0;
        for (lane, word) in lanes.iter_mut().zip(words) {
            *lane = mix(*lane, u64::from_le_bytes(*word));
        }
    }
    let tail = tail.iter().fold(bytes.len() as u64, |sum, &byte| mix(sum, u64::from(byte)));
    lanes.into_iter().fold(tail, mix)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: Duration = Duration::from_nanos(33_333_333);

    /// Feeds two seconds of pictures; `keep` says of each whether it arrives.
    fn two_seconds(counted: bool, interval: Duration, keep: impl Fn(u32) -> bool) -> CameraFacts {
        let mut meter = Meter::default();
        let start = Stamp::from_millis(10_000);
        meter.opened(30.0, start);
        let mut now = start;
        for number in 0.. {
            now = start + interval * number;
            if now.since(start) > Duration::from_secs(2) {
                break;
            }
            if keep(number) {
                meter.arrived(now, counted.then(|| u64::from(number)), u64::from(number));
            }
        }
        meter.facts(now)
    }

    #[test]
    fn drops_are_told_with_and_without_a_device_that_counts() {
        // Broken: a camera that loses pictures would drive on, or a slow one would stop the robot.
        for counted in [true, false] {
            let good = two_seconds(counted, FRAME, |_| true);
            assert!(good.dropped < 0.01, "{good:?}");
            assert!((good.rate_seen - 30.0).abs() < 1.5, "{good:?}");
            let lossy = two_seconds(counted, FRAME, |number| number % 10 < 7);
            assert!((0.24..0.34).contains(&lossy.dropped), "{lossy:?}");
            let slow = two_seconds(counted, FRAME * 2, |_| true);
            assert!(slow.dropped < 0.01, "{slow:?}");
            assert!((slow.rate_seen - 15.0).abs() < 1.5, "{slow:?}");
            let silent = two_seconds(counted, FRAME, |number| number < 20);
            assert!(silent.dropped > 0.9, "{silent:?}");
            assert!(silent.rate_seen < 1.0, "{silent:?}");
        }
    }

    #[test]
    fn a_frozen_picture_is_told_from_a_moving_one() {
        // Broken: a camera that repeats its last picture would count as fresh.
        let mut meter = Meter::default();
        meter.opened(30.0, Stamp::ZERO);
        let mut picture = vec![7; 1000];
        meter.arrived(Stamp::from_millis(10), None, checksum(&picture));
        meter.arrived(Stamp::from_millis(20), None, checksum(&picture));
        let facts = meter.facts(Stamp::from_millis(25));
        assert_eq!(facts.changed, Some(Stamp::from_millis(10)));
        assert_eq!(facts.newest, Some((1, Stamp::from_millis(20))));
        picture[999] = 8;
        meter.arrived(Stamp::from_millis(30), None, checksum(&picture));
        assert_eq!(meter.facts(Stamp::from_millis(35)).changed, Some(Stamp::from_millis(30)));
    }

    #[test]
    fn numbers_skip_what_was_lost() {
        // Broken: the record would hide that pictures are missing.
        let mut meter = Meter::default();
        meter.opened(30.0, Stamp::ZERO);
        assert_eq!(meter.arrived(Stamp(1), Some(5), 0), 0);
        assert_eq!(meter.arrived(Stamp(2), Some(9), 0), 4);
        meter.damaged();
        assert_eq!(meter.arrived(Stamp(3), Some(11), 0), 6);
        meter.opened(30.0, Stamp(4));
        meter.damaged();
        assert_eq!(meter.arrived(Stamp(5), None, 0), 8);
    }

    #[test]
    fn any_changed_byte_changes_the_checksum() {
        // Broken: a small movement in the picture would look like a frozen camera.
        let picture: Vec<u8> = (0..97).collect();
        let base = checksum(&picture);
        for place in 0..picture.len() {
            let mut other = picture.clone();
            other[place] ^= 1;
            assert_ne!(checksum(&other), base, "byte {place}");
        }
    }
}
