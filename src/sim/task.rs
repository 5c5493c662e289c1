//! When an attempt has succeeded: the one definition, used by the expert, by evaluation and by
//! training.
//!
//! Success is: the robot stands (under [`STANDING_MPS`] for [`STANDING_FOR`]) within [`REACH_M`] of
//! the target, having touched nothing, having passed every box on the instructed side, within
//! [`TIME_FACTOR`] times the expert's time.
//!
//! - Distance is from the body's centre to the target's nearest surface.
//! - The side is judged on each box's centre line: the line through the box's centre at right
//!   angles to the way from start to target. Whoever crosses it, in either direction, must do so on
//!   the instructed side of the centre.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::robot::Truth;
use super::world::{Block, Obstacle};
use super::{Pose, Side, World};

pub const REACH_M: f64 = 0.35;
pub const STANDING_MPS: f64 = 0.05;
pub const STANDING_FOR: Duration = Duration::from_secs(1);
pub const TIME_FACTOR: u32 = 3;

/// Why an attempt failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    Contact(Obstacle),
    WrongSide,
    TooLate,
}

/// How an attempt stands; once it is not `Running` it stays as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    #[default]
    Running,
    /// At this time since the start.
    Success(Duration),
    Failure(Failure),
}

/// Follows one attempt through its true states.
#[derive(Clone, Debug)]
pub struct Tracker {
    side: Side,
    limit: Duration,
    outcome: Outcome,
    last: Option<Truth>,
    standing_since: Option<Duration>,
}

impl Tracker {
    /// `expert_time` is how long [`super::rollout::expert_time`] says the expert takes in this
    /// world on this side.
    #[must_use]
    pub fn new(side: Side, expert_time: Duration) -> Self {
        Self {
            side,
            limit: expert_time.saturating_mul(TIME_FACTOR),
            outcome: Outcome::Running,
            last: None,
            standing_since: None,
        }
    }

    #[must_use]
    pub const fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// Takes the next true state, in order of time and at most a physics step or a few apart.
    pub fn update(&mut self, world: &World, truth: &Truth) -> Outcome {
        if self.outcome == Outcome::Running {
            self.outcome = self.judge(world, truth);
            self.last = Some(*truth);
        }
        self.outcome
    }

    fn judge(&mut self, world: &World, truth: &Truth) -> Outcome {
        if let Some(obstacle) = truth.contact {
            return Outcome::Failure(Failure::Contact(obstacle));
        }
        if self.last.is_some_and(|last| self.crossed_wrong(world, &last, truth)) {
            return Outcome::Failure(Failure::WrongSide);
        }
        let near = world.target_distance(truth.pose.x, truth.pose.y) <= REACH_M;
        let behind = world.boxes.iter().all(|block| truth.pose.x > block.x);
        if near && behind && truth.twist.speed_mps() < STANDING_MPS {
            let since = *self.standing_since.get_or_insert(truth.time);
            if truth.time.saturating_sub(since) >= STANDING_FOR && truth.time <= self.limit {
                return Outcome::Success(truth.time);
            }
        } else {
            self.standing_since = None;
        }
        if truth.time > self.limit {
            return Outcome::Failure(Failure::TooLate);
        }
        Outcome::Running
    }

    /// True when the step from `last` to `now` crossed a box's centre line on the wrong side.
    fn crossed_wrong(&self, world: &World, last: &Truth, now: &Truth) -> bool {
        let mut crossed =
            world.boxes.iter().filter_map(|block| crossing(block, last.pose, now.pose));
        crossed.any(|offset| offset * self.side.sign() <= 0.0)
    }
}

/// Where the way from one pose to the next crosses a box's centre line: metres to the left of the
/// box's centre. `None` when it does not.
#[must_use]
pub fn crossing(block: &Block, from: Pose, to: Pose) -> Option<f64> {
    let (a, b) = (from.x - block.x, to.x - block.x);
    ((a > 0.0) != (b > 0.0)).then(|| from.y + (to.y - from.y) * (a / (a - b)) - block.y)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::msg::Twist;
    use crate::sim::Scenario;

    const STEP: Duration = Duration::from_millis(10);

    fn world() -> World {
        World::generate(&Scenario::embedded("one-crosswise-medium").unwrap(), 1)
    }

    fn at(ms: u64, x: f64, y: f64, speed: f64) -> Truth {
        Truth {
            time: Duration::from_millis(ms),
            pose: Pose { x, y, yaw: 0.0 },
            twist: Twist::new(speed, 0.0, 0.0),
            contact: None,
        }
    }

    /// Feeds a stand of `ms` milliseconds at `distance` from the target's surface, after a legal
    /// pass on the left.
    fn standing(distance: f64, speed: f64, ms: u64, expert: Duration) -> Outcome {
        let world = world();
        let mut tracker = Tracker::new(Side::Left, expert);
        let block = world.boxes[0];
        tracker.update(&world, &at(0, block.x - 0.01, block.y + 0.6, 0.3));
        tracker.update(&world, &at(10, block.x + 0.01, block.y + 0.6, 0.3));
        let x = world.target.x - world.target.radius - distance;
        let mut time = 1000;
        while time <= 1000 + ms {
            tracker.update(&world, &at(time, x, 0.0, speed));
            time += STEP.as_millis() as u64;
        }
        tracker.outcome()
    }

    #[test]
    fn boundaries_of_success() {
        // If this failed, a run would be scored by another rule than the one that is written down.
        let expert = Duration::from_secs(10);
        let success = Outcome::Success(Duration::from_secs(2));
        for (distance, speed, ms, expected) in [
            (0.349, 0.0, 1000, success),
            (0.349, 0.049, 1000, success),
            (0.349, 0.05, 1000, Outcome::Running),
            (0.349, 0.0, 990, Outcome::Running),
            (0.351, 0.0, 5000, Outcome::Running),
            (0.2, 0.0, 1000, success),
        ] {
            assert_eq!(standing(distance, speed, ms, expert), expected, "{distance} {speed} {ms}");
        }
    }

    #[test]
    fn boundaries_of_time() {
        // If this failed, dawdling would count, or a run in time would not.
        let at_two = Outcome::Success(Duration::from_secs(2));
        assert_eq!(standing(0.3, 0.0, 1000, Duration::from_millis(667)), at_two);
        assert_eq!(
            standing(0.3, 0.0, 1100, Duration::from_millis(666)),
            Outcome::Failure(Failure::TooLate)
        );
    }

    #[test]
    fn boundaries_of_side() {
        // If this failed, following the wrong instruction would count as success.
        let world = world();
        let block = world.boxes[0];
        for (side, offset, back, wrong) in [
            (Side::Left, 0.5, false, false),
            (Side::Left, 0.001, false, false),
            (Side::Left, -0.001, false, true),
            (Side::Right, 0.5, false, true),
            (Side::Right, -0.5, false, false),
            (Side::Right, 0.5, true, true),
        ] {
            let mut tracker = Tracker::new(side, Duration::from_mins(1));
            let mut xs = [block.x - 0.01, block.x + 0.01];
            if back {
                xs.reverse();
            }
            for (idx, x) in xs.into_iter().enumerate() {
                tracker.update(&world, &at(idx as u64, x, block.y + offset, 0.3));
            }
            let failed = tracker.outcome() == Outcome::Failure(Failure::WrongSide);
            assert_eq!(failed, wrong, "{side:?} {offset}");
        }
    }

    #[test]
    fn a_touch_fails_for_good() {
        // If this failed, bumping along a box would be forgiven.
        let world = world();
        let mut tracker = Tracker::new(Side::Left, Duration::from_mins(1));
        let touch = Truth { contact: Some(Obstacle::Box), ..at(0, 0.2, 0.0, 0.1) };
        let failed = Outcome::Failure(Failure::Contact(Obstacle::Box));
        assert_eq!(tracker.update(&world, &touch), failed);
        assert_eq!(tracker.update(&world, &at(10, 0.1, 0.0, 0.0)), failed);
    }

    #[test]
    fn the_clock_of_standing_starts_again_after_a_move() {
        // If this failed, two short stops would count as one long one.
        let world = world();
        let mut tracker = Tracker::new(Side::Left, Duration::from_mins(1));
        let x = world.target.x - world.target.radius - 0.3;
        for (ms, speed) in [(0, 0.0), (900, 0.0), (950, 0.2), (1000, 0.0), (1950, 0.0)] {
            assert_eq!(tracker.update(&world, &at(ms, x, 0.0, speed)), Outcome::Running);
        }
        assert!(matches!(tracker.update(&world, &at(2000, x, 0.0, 0.0)), Outcome::Success(_)));
    }
}
