//! The scripted driver: knows the true pose, solves every scenario. Demonstrations and the upper
//! bound come from it.

use std::f64::consts::{FRAC_PI_2, TAU};

use super::robot::{RADIUS_M, wrapped};
use super::{Pose, Side, World};
use crate::msg::{Kinematics, Twist};

/// Clearance the task of the expert demands, body edge to box.
pub const CLEARANCE_M: f64 = 0.15;
/// What slip, noise and latency may cost on top.
const SLACK_M: f64 = 0.05;
/// The centre's way around every corner of a box.
const ROUND_M: f64 = RADIUS_M + CLEARANCE_M + SLACK_M;
/// Where it comes to rest: centre to the target's surface.
const REST_M: f64 = 0.25;
/// Speed per metre still to go.
const APPROACH_PER_S: f64 = 0.9;
/// Heading error to turning speed.
const TURN_PER_S: f64 = 1.8;

/// A reactive driver: its command is a function of pose, world and side alone; it has no memory and
/// no timer.
///
/// The rule, the same for any number of boxes: pull a string from the robot to the target, around
/// every box on the instructed side, never nearer to a corner than body, clearance and slack
/// together. Drive along its first piece. An omni base keeps its camera on the target meanwhile; a
/// differential one faces where it goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Expert {
    pub side: Side,
    /// Top speed, m/s.
    pub speed_mps: f64,
}

impl Expert {
    /// The default top speed is that of the station: 0.5 m/s.
    #[must_use]
    pub const fn new(side: Side) -> Self {
        Self { side, speed_mps: 0.5 }
    }

    /// The command for this moment.
    #[must_use]
    pub fn drive(&self, world: &World, pose: Pose) -> Twist {
        let to_go = world.target_distance(pose.x, pose.y) - REST_M;
        let speed = (APPROACH_PER_S * to_go).clamp(-0.1, self.speed_mps);
        let bearing = (world.target.y - pose.y).atan2(world.target.x - pose.x);
        let course =
            wrapped(bearing + self.side.sign() * self.detour(world, pose, bearing) - pose.yaw);
        match world.scenario.base {
            Kinematics::Omni => Twist::new(
                speed * course.cos(),
                speed * course.sin(),
                turn(wrapped(bearing - pose.yaw), 0.8),
            ),
            // Turns on the spot first where the course is far off, and drives on as it comes round.
            Kinematics::Differential => {
                Twist::new(speed * course.cos().max(0.0).powi(3), 0.0, turn(course, 1.5))
            }
        }
    }

    /// How far the string's first piece turns away from the target towards the instructed side,
    /// radians; zero when the way is straight. The larger of the tangents to the circles around all
    /// corners.
    fn detour(&self, world: &World, pose: Pose, bearing: f64) -> f64 {
        let corners = world.boxes.iter().flat_map(super::world::Block::corners);
        let turn_away = corners.map(|(x, y)| {
            let (dx, dy) = (x - pose.x, y - pose.y);
            let distance = dx.hypot(dy).max(1e-6);
            let mut towards = self.side.sign() * wrapped(dy.atan2(dx) - bearing);
            // Behind and on the far side: passed long ago, as is everything behind on the near
            // side.
            if towards > FRAC_PI_2 {
                towards -= TAU;
            }
            // Inside the circle there is no tangent: at right angles to the corner, and outwards
            // the deeper it is.
            let opening = if distance >= ROUND_M {
                (ROUND_M / distance).asin()
            } else {
                FRAC_PI_2 * (1.0 + (ROUND_M - distance) / ROUND_M)
            };
            towards + opening
        });
        turn_away.fold(0.0, f64::max)
    }
}

fn turn(error: f64, most: f64) -> f64 {
    (TURN_PER_S * error).clamp(-most, most)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::Scenario;

    fn world(name: &str) -> World {
        World::generate(&Scenario::embedded(name).unwrap(), 4)
    }

    #[test]
    fn sides_are_opposite_and_the_open_floor_is_straight() {
        // If this failed, left would not mean left.
        let boxed = world("one-crosswise-medium");
        let pose = Pose::default();
        assert!(Expert::new(Side::Left).drive(&boxed, pose).linear_y > 0.1);
        assert!(Expert::new(Side::Right).drive(&boxed, pose).linear_y < -0.1);
        let free = Expert::new(Side::Left).drive(&world("open"), pose);
        assert!((free.linear_x - 0.5).abs() < 1e-12 && free.linear_y.abs() < 1e-12);
    }

    #[test]
    fn slows_towards_the_target_and_rests_there() {
        // If this failed, demonstrations would teach to run into the cup.
        let world = world("open");
        let at = |distance: f64| {
            let x = world.target.x - world.target.radius - distance;
            Expert::new(Side::Left).drive(&world, Pose { x, y: 0.0, yaw: 0.0 }).linear_x
        };
        assert!((at(1.5) - 0.5).abs() < 1e-12);
        assert!(at(0.6) < 0.35 && at(0.6) > at(0.4) && at(0.4) > at(0.3));
        assert!(at(REST_M).abs() < 1e-9 && at(0.2) < 0.0);
    }

    #[test]
    fn commands_change_smoothly_with_the_pose() {
        // If this failed, demonstrations would jerk where the pose hardly differs.
        let world = world("two-lengthwise-far");
        let expert = Expert::new(Side::Right);
        let mut last: Option<Twist> = None;
        for step in 0..3000 {
            let s = f64::from(step) / 3000.0;
            let pose = Pose { x: 2.1 * s, y: -0.75 * (std::f64::consts::PI * s).sin(), yaw: 0.0 };
            let now = expert.drive(&world, pose);
            if let Some(last) = last {
                let jump = (now.linear_x - last.linear_x).hypot(now.linear_y - last.linear_y);
                assert!(jump < 0.02, "{jump} m/s within a millimetre at {pose:?}");
            }
            last = Some(now);
        }
    }
}
