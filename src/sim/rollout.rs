//! One attempt from start to outcome, faster than real time.

use std::time::Duration;

use super::robot::{RADIUS_M, STEP, Truth};
use super::task::{Failure, Outcome, Tracker};
use super::{Expert, Robot, Side, World};
use crate::msg::Twist;

/// Between two commands of the expert: 50 a second, as the station's control loop.
pub const CONTROL: Duration = Duration::from_millis(20);
/// An expert that takes longer than this has failed.
const EXPERT_LIMIT: Duration = Duration::from_mins(1);

/// What an expert's run was like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Run {
    pub outcome: Outcome,
    /// When it ended.
    pub time: Duration,
    /// Smallest distance between the body's edge and a box until the body was past the box, metres.
    pub clearance_m: f64,
    /// Length of the way, metres.
    pub travelled_m: f64,
}

/// Lets the expert drive one world on one side. `watch` sees the true state before each command.
pub fn expert(world: &World, side: Side, mut watch: impl FnMut(&Truth)) -> Run {
    let driver = Expert::new(side);
    let mut robot = Robot::new(world);
    let mut tracker = Tracker::new(side, EXPERT_LIMIT / super::task::TIME_FACTOR);
    let mut run = Run {
        outcome: Outcome::Running,
        time: Duration::ZERO,
        clearance_m: f64::INFINITY,
        travelled_m: 0.0,
    };
    while run.outcome == Outcome::Running {
        watch(robot.truth());
        let command = driver.drive(world, robot.truth().pose);
        let mut left = CONTROL;
        while !left.is_zero() && run.outcome == Outcome::Running {
            robot.step(world, STEP, command);
            left = left.saturating_sub(STEP);
            run.outcome = tracker.update(world, robot.truth());
            run.travelled_m += robot.truth().twist.speed_mps() * STEP.as_secs_f64();
        }
        run.clearance_m = run.clearance_m.min(clearance(world, robot.truth()));
    }
    run.time = robot.truth().time;
    run
}

/// How long the expert takes; the task's limit is a multiple of it.
///
/// # Errors
/// The expert failed there; the world should not be used.
pub fn expert_time(world: &World, side: Side) -> Result<Duration, Failure> {
    match expert(world, side, |_| {}).outcome {
        Outcome::Success(time) => Ok(time),
        Outcome::Failure(failure) => Err(failure),
        Outcome::Running => Err(Failure::TooLate),
    }
}

/// What the expert would command at each of `slots` moments from now on, `slot` apart, were it to
/// drive from here: the label of a picture taken now.
#[must_use]
pub fn plan(
    world: &World,
    robot: &Robot,
    driver: &Expert,
    slots: usize,
    slot: Duration,
) -> Vec<Twist> {
    let mut robot = robot.clone();
    let mut commands = Vec::with_capacity(slots);
    for _ in 0..slots {
        commands.push(driver.drive(world, robot.truth().pose));
        if commands.len() == slots {
            break;
        }
        let mut left = slot;
        while !left.is_zero() {
            let span = left.min(CONTROL);
            robot.step(world, span, driver.drive(world, robot.truth().pose));
            left -= span;
        }
    }
    commands
}

/// Body edge to the nearest box that the body is not past yet, metres; infinite when there is none.
#[must_use]
pub fn clearance(world: &World, truth: &Truth) -> f64 {
    let (x, y) = (truth.pose.x, truth.pose.y);
    let ahead = world.boxes.iter().filter(|block| {
        let far = block.corners().iter().fold(f64::NEG_INFINITY, |far, corner| far.max(corner.0));
        x - RADIUS_M < far
    });
    ahead.map(|block| block.distance(x, y) - RADIUS_M).fold(f64::INFINITY, f64::min)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::Scenario;
    use crate::sim::expert::CLEARANCE_M;

    #[test]
    fn the_expert_solves_every_scenario_on_both_sides_with_room_to_spare() {
        // If this failed, evaluation would have no upper bound and training no demonstrations.
        for scenario in Scenario::all().unwrap() {
            for seed in 0..5 {
                let world = World::generate(&scenario, seed);
                for side in Side::BOTH {
                    let run = expert(&world, side, |_| {});
                    let name = format!("{} seed {seed} {side:?}: {run:?}", scenario.name);
                    assert!(matches!(run.outcome, Outcome::Success(_)), "{name}");
                    assert!(run.clearance_m >= CLEARANCE_M, "{name}");
                }
            }
        }
    }

    #[test]
    fn the_plan_is_what_the_expert_then_does() {
        // Labels made from plans would teach other commands than demonstrations do.
        let world = World::generate(&Scenario::embedded("one-crosswise-medium").unwrap(), 3);
        let (driver, mut robot) = (Expert::new(Side::Left), Robot::new(&world));
        for _ in 0..100 {
            robot.step(&world, CONTROL, driver.drive(&world, robot.truth().pose));
        }
        let plan = plan(&world, &robot, &driver, 5, Duration::from_millis(100));
        for command in plan {
            assert_eq!(command, driver.drive(&world, robot.truth().pose));
            for _ in 0..5 {
                robot.step(&world, CONTROL, driver.drive(&world, robot.truth().pose));
            }
        }
    }

    #[test]
    fn runs_repeat_bit_for_bit() {
        // If this failed, scores measured today could not be checked tomorrow.
        let world = World::generate(&Scenario::embedded("two-lengthwise-medium").unwrap(), 11);
        assert_eq!(expert(&world, Side::Right, |_| {}), expert(&world, Side::Right, |_| {}));
    }
}
