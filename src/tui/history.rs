//! What the screen remembers: confidence over the last minute and the trail of odometry.

use std::collections::VecDeque;

use crate::msg::{Authority, Snapshot, Stamp, Tick, Twist};

/// One bucket of confidence.
const BUCKET_MS: u64 = 250;
/// A minute of buckets.
const N_BUCKETS: usize = 240;
/// Buckets in which the operator must have driven before it is said how well the policy agrees.
const AGREEMENT_LEAST: usize = 8;
/// A new trail point after this much way, or after the same share of a radian of turn.
const TRAIL_STEP_M: f64 = 0.03;
const N_TRAIL: usize = 4000;

#[derive(Debug)]
pub(super) struct History {
    /// Lowest confidence of each bucket, newest last; `None` where no chunk came.
    confidence: VecDeque<Option<f64>>,
    /// Of each bucket, how often the operator drove and the policy said what it would do, and how
    /// often both meant the same.
    shadow: VecDeque<(u32, u32)>,
    bucket: u64,
    chunk_seq: Option<u64>,
    trail: VecDeque<(f64, f64)>,
    session: u32,
}

impl Default for History {
    fn default() -> Self {
        Self {
            confidence: VecDeque::from(vec![None; N_BUCKETS]),
            shadow: VecDeque::from(vec![(0, 0); N_BUCKETS]),
            bucket: 0,
            chunk_seq: None,
            trail: VecDeque::with_capacity(N_TRAIL),
            session: 0,
        }
    }
}

impl History {
    /// `tolerance`: how far operator and policy may be apart and still mean the same.
    pub(super) fn remember(&mut self, snapshot: &Snapshot, tolerance: [f64; 3]) {
        let tick = &snapshot.tick;
        self.advance(tick.now);
        if let (Some((n, n_same)), Some((operator, policy))) =
            (self.shadow.back_mut(), both_driving(tick))
        {
            *n += 1;
            *n_same += u32::from(is_same(operator, policy, tolerance));
        }
        if let Some(chunk) = tick.chunk.filter(|chunk| self.chunk_seq != Some(chunk.seq)) {
            self.chunk_seq = Some(chunk.seq);
            if let Some(last) = self.confidence.back_mut().filter(|_| chunk.confidence.is_finite())
            {
                *last = Some(last.map_or(chunk.confidence, |lowest| lowest.min(chunk.confidence)));
            }
        }
        if tick.base.session != self.session {
            self.session = tick.base.session;
            self.trail.clear();
        }
        let Some(pose) = tick.base.odometry.filter(|pose| pose.x.is_finite() && pose.y.is_finite())
        else {
            return;
        };
        let is_new = |&(x, y): &(f64, f64)| (pose.x - x).hypot(pose.y - y) >= TRAIL_STEP_M;
        if self.trail.back().is_none_or(is_new) {
            if self.trail.len() == N_TRAIL {
                self.trail.pop_front();
            }
            self.trail.push_back((pose.x, pose.y));
        }
    }

    fn advance(&mut self, now: Stamp) {
        let bucket = now.0 / (BUCKET_MS * 1_000_000);
        let n_new = bucket.saturating_sub(self.bucket).min(N_BUCKETS as u64);
        for _ in 0..n_new {
            self.confidence.pop_front();
            self.confidence.push_back(None);
            self.shadow.pop_front();
            self.shadow.push_back((0, 0));
        }
        self.bucket = self.bucket.max(bucket);
    }

    /// The lowest confidence in each of `n_columns` equal parts of the last minute, oldest first: a
    /// dip is never averaged away.
    pub(super) fn confidence(&self, n_columns: usize) -> impl Iterator<Item = Option<f64>> {
        (0..n_columns).map(move |column| {
            let (from, to) = (column * N_BUCKETS / n_columns, (column + 1) * N_BUCKETS / n_columns);
            let part = self.confidence.iter().take(to.max(from + 1)).skip(from);
            part.flatten().copied().reduce(f64::min)
        })
    }

    /// Share of the last minute's driving by the operator in which the policy would have done the
    /// same; `None` while that is less than two seconds.
    pub(super) fn agreement(&self) -> Option<f64> {
        let driven = self.shadow.iter().filter(|(n, _)| *n > 0);
        let add =
            |(n, same): (u32, u32), (more, more_same): &(u32, u32)| (n + more, same + more_same);
        let n_buckets = driven.clone().count();
        let (n, n_same) = driven.fold((0, 0), add);
        (n_buckets >= AGREEMENT_LEAST).then(|| f64::from(n_same) / f64::from(n.max(1)))
    }

    /// Where the robot was, oldest first, in its odometry's frame (m).
    pub(super) fn trail(&self) -> impl Iterator<Item = (f64, f64)> + Clone {
        self.trail.iter().copied()
    }
}

/// What the operator, who drives, and the policy in its shadow want now.
fn both_driving(tick: &Tick) -> Option<(Twist, Twist)> {
    let drives = tick.authority == Authority::Operator;
    tick.operator_twist.zip(tick.policy_twist).filter(|_| drives)
}

fn is_same(a: Twist, b: Twist, tolerance: [f64; 3]) -> bool {
    let [x, y, yaw] = tolerance;
    (a.linear_x - b.linear_x).abs() <= x
        && (a.linear_y - b.linear_y).abs() <= y
        && (a.angular_z - b.angular_z).abs() <= yaw
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::msg::{ActionChunk, Odometry};

    const NEAR: [f64; 3] = [0.1, 0.1, 0.2];

    fn at(ms: u64, seq: u64, confidence: f64, x: f64) -> Snapshot {
        let mut snapshot = Snapshot::default();
        snapshot.tick.now = Stamp::from_millis(ms);
        let mut chunk = ActionChunk::default();
        (chunk.seq, chunk.confidence) = (seq, confidence);
        snapshot.tick.chunk = Some(chunk);
        snapshot.tick.base.odometry = Some(Odometry { x, ..Odometry::default() });
        snapshot
    }

    #[test]
    fn a_dip_survives_and_an_old_chunk_leaves_a_gap() {
        // Averages would hide the moment the policy was lost; repeating the last value would hide
        // that it stalled.
        let mut history = History::default();
        history.remember(&at(60_000, 1, 0.9, 0.0), NEAR);
        history.remember(&at(60_100, 2, 0.2, 0.0), NEAR);
        history.remember(&at(60_200, 3, 0.8, 0.0), NEAR);
        history.remember(&at(61_000, 3, 0.8, 0.0), NEAR);
        let minute: Vec<_> = history.confidence(60).collect();
        assert_eq!(minute[59], None);
        assert_eq!(minute[58], Some(0.2));
        assert_eq!(history.confidence(7).last(), Some(Some(0.2)));
    }

    #[test]
    fn the_trail_is_bounded_and_starts_anew_with_the_base() {
        // An afternoon's drive must not grow without end; a rebooted base starts at another origin.
        let mut history = History::default();
        for i in 0..3 * N_TRAIL {
            history.remember(&at(0, 0, 0.0, i as f64), NEAR);
        }
        assert_eq!(history.trail().count(), N_TRAIL);
        let mut rebooted = at(0, 0, 0.0, 0.0);
        rebooted.tick.base.session = 1;
        history.remember(&rebooted, NEAR);
        assert_eq!(history.trail().collect::<Vec<_>>(), [(0.0, 0.0)]);
    }

    #[test]
    fn agreement_counts_only_what_the_operator_drove() {
        // A candidate would look good for having driven alone, or bad for standing by.
        let mut history = History::default();
        let mut drive = |ms: u64, authority: Authority, policy: f64| {
            let mut snapshot = at(60_000 + ms, ms, 0.9, 0.0);
            snapshot.tick.authority = authority;
            snapshot.tick.operator_twist = Some(Twist::new(0.3, 0.0, 0.0));
            snapshot.tick.policy_twist = Some(Twist::new(policy, 0.0, 0.0));
            history.remember(&snapshot, NEAR);
            history.agreement()
        };
        assert_eq!((0..40).find_map(|i| drive(i * 50, Authority::Policy, 0.0)), None);
        assert_eq!((40..75).find_map(|i| drive(i * 50, Authority::Operator, 0.35)), None);
        let last = (75..115).map(|i| drive(i * 50, Authority::Operator, 0.0)).last().flatten();
        assert!(last.is_some_and(|share| (share - 35.0 / 75.0).abs() < 1e-9), "{last:?}");
    }
}
