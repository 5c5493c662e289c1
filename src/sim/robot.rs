//! The simulated robot: a round body on omni or differential wheels, moved in fixed steps of
//! [`STEP`].
//!
//! A setpoint reaches the motors `LATENCY_STEPS` steps later; they follow it with a lag and a
//! bounded force, the wheels turn unevenly and slip, so that odometry drifts from the true pose.
//! Where the next step would enter an obstacle the body stays where it is and loses its speed.

mod battery;
mod wheels;

use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

pub use wheels::Wheels;

use super::world::Obstacle;
use super::{Pose, World};
use crate::msg::{Battery, Kinematics, Twist};
use battery::Cells;

/// One step of the physics: 200 a second.
pub const STEP: Duration = Duration::from_millis(5);
/// The body is a disc of this radius.
pub const RADIUS_M: f64 = 0.14;
/// Most the motors do on each axis.
pub const LIMITS: Twist = Twist::new(0.6, 0.6, 1.8);
/// Setpoint to motor: 40 ms.
const LATENCY_STEPS: usize = 8;
const MASS_KG: f64 = 8.0;
/// All wheels together, before they spin.
const FORCE_N: f64 = 10.0;
const TORQUE_NM: f64 = 0.35;
/// Of a solid disc.
const INERTIA_KG_M2: f64 = 0.5 * MASS_KG * RADIUS_M * RADIUS_M;
/// Time constant of the motors' speed loop.
const MOTOR_LAG_S: f64 = 0.07;
/// Closer than this counts as touching.
const CONTACT_M: f64 = 0.001;

/// What is true of the robot now; only the expert, the task and the renderer may look at it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Truth {
    /// Since the start of the attempt.
    pub time: Duration,
    pub pose: Pose,
    /// Body velocity over the ground.
    pub twist: Twist,
    /// What the body touches.
    pub contact: Option<Obstacle>,
}

/// The moving state. Everything random in it comes from the world's seed.
#[derive(Clone, Debug)]
pub struct Robot {
    truth: Truth,
    odometry: Pose,
    odometry_twist: Twist,
    /// What the motors deliver, before wheels and slip.
    motion: Twist,
    /// Setpoints on their way to the motors; a ring.
    pending: [Twist; LATENCY_STEPS],
    pending_idx: usize,
    /// Time handed to [`Robot::step`] that did not fill a step yet.
    carry: Duration,
    wheels: Wheels,
    /// Relative speed error of each wheel now, slowly wandering.
    uneven: [f64; wheels::COUNT],
    /// Encoder scale error of each wheel.
    scale: [f64; wheels::COUNT],
    /// Share of each axis' motion that reaches the ground.
    grip: Twist,
    cells: Cells,
    rng: Pcg64,
}

impl Robot {
    /// A robot standing at the world's start.
    #[must_use]
    pub fn new(world: &World) -> Self {
        // Another stream than those that drew the world.
        let mut rng = Pcg64::seed_from_u64(world.seed.wrapping_mul(4).wrapping_add(3));
        let grip = Twist::new(
            rng.random_range(0.97..1.0),
            rng.random_range(0.92..0.98),
            rng.random_range(0.94..1.0),
        );
        Self {
            truth: Truth { pose: world.start, ..Truth::default() },
            odometry: Pose::default(),
            odometry_twist: Twist::ZERO,
            motion: Twist::ZERO,
            pending: [Twist::ZERO; LATENCY_STEPS],
            pending_idx: 0,
            carry: Duration::ZERO,
            wheels: Wheels::new(world.scenario.base),
            uneven: [0.0; wheels::COUNT],
            scale: std::array::from_fn(|_| rng.random_range(0.995..1.005)),
            grip,
            cells: Cells::new(rng.random_range(0.55..1.0)),
            rng,
        }
    }

    /// Moves on by `dt` in whole steps of [`STEP`]; what is left over is kept for the next call. A
    /// setpoint beyond [`LIMITS`] is cut to them, one that is not finite is zero.
    pub fn step(&mut self, world: &World, dt: Duration, setpoint: Twist) {
        self.carry += dt;
        while self.carry >= STEP {
            self.carry -= STEP;
            self.step_once(world, setpoint);
        }
    }

    #[must_use]
    pub const fn truth(&self) -> &Truth {
        &self.truth
    }

    /// Pose since the start, as the wheels measured it.
    #[must_use]
    pub const fn odometry(&self) -> Pose {
        self.odometry
    }

    /// Body velocity as the wheels measured it.
    #[must_use]
    pub const fn odometry_twist(&self) -> Twist {
        self.odometry_twist
    }

    #[must_use]
    pub fn battery(&self) -> Battery {
        self.cells.state()
    }

    fn step_once(&mut self, world: &World, setpoint: Twist) {
        let dt = STEP.as_secs_f64();
        let due = std::mem::replace(&mut self.pending[self.pending_idx], setpoint);
        self.pending_idx = (self.pending_idx + 1) % LATENCY_STEPS;
        let before = self.motion;
        self.motion = follow(before, reachable(due, world.scenario.base), dt);

        let turning = self.wheels.from_twist(self.motion);
        let mut measured = turning;
        for ((speed, uneven), scale) in measured.iter_mut().zip(&mut self.uneven).zip(&self.scale) {
            // A first-order wander around zero: 1.5 % standard deviation, 0.5 s memory.
            *uneven +=
                -2.0 * *uneven * dt + 0.015 * (12.0 * dt).sqrt() * self.rng.random_range(-1.0..1.0);
            *speed *= (1.0 + *uneven) * *scale;
        }
        let ground = self.wheels.to_twist(measured);
        let slipped = Twist::new(
            ground.linear_x * self.grip.linear_x,
            ground.linear_y * self.grip.linear_y,
            ground.angular_z * self.grip.angular_z,
        );
        let odometry_twist = self.wheels.to_twist(std::array::from_fn(|idx| {
            // Encoders see the wheel turn unevenly, but not their own scale error.
            measured[idx] / self.scale[idx]
        }));

        self.truth.time += STEP;
        self.move_body(world, slipped, dt);
        let stalled = self.truth.contact.is_some() && self.truth.twist.speed_mps() == 0.0;
        self.odometry_twist = if stalled {
            Twist { angular_z: odometry_twist.angular_z, ..Twist::ZERO }
        } else {
            odometry_twist
        };
        self.odometry = advanced(self.odometry, self.odometry_twist, dt);
        let effort =
            (self.motion.linear_x - before.linear_x).hypot(self.motion.linear_y - before.linear_y);
        self.cells.draw(MASS_KG * effort / dt, self.motion.speed_mps(), dt);
    }

    fn move_body(&mut self, world: &World, twist: Twist, dt: f64) {
        let here = self.truth.pose;
        let next = advanced(here, twist, dt);
        let (now, _) = world.nearest_obstacle(here.x, here.y);
        let (then, obstacle) = world.nearest_obstacle(next.x, next.y);
        let blocked = then < RADIUS_M && then < now;
        if blocked {
            self.truth.pose.yaw = next.yaw;
            self.truth.twist = Twist { angular_z: twist.angular_z, ..Twist::ZERO };
            self.motion = Twist { angular_z: self.motion.angular_z, ..Twist::ZERO };
        } else {
            self.truth.pose = next;
            self.truth.twist = twist;
        }
        self.truth.contact = (blocked || then < RADIUS_M + CONTACT_M).then_some(obstacle);
    }
}

/// What the base can do of a setpoint.
fn reachable(setpoint: Twist, kinematics: Kinematics) -> Twist {
    if !setpoint.is_finite() {
        return Twist::ZERO;
    }
    let cut = |value: f64, limit: f64| value.clamp(-limit, limit);
    Twist::new(
        cut(setpoint.linear_x, LIMITS.linear_x),
        match kinematics {
            Kinematics::Omni => cut(setpoint.linear_y, LIMITS.linear_y),
            Kinematics::Differential => 0.0,
        },
        cut(setpoint.angular_z, LIMITS.angular_z),
    )
}

/// The motors' speed loop: towards `wanted` with a lag, accelerating at most as force and torque
/// allow.
fn follow(now: Twist, wanted: Twist, dt: f64) -> Twist {
    let share = dt / MOTOR_LAG_S;
    let (mut x, mut y) =
        ((wanted.linear_x - now.linear_x) * share, (wanted.linear_y - now.linear_y) * share);
    let most = FORCE_N / MASS_KG * dt;
    let change = x.hypot(y);
    if change > most {
        (x, y) = (x * most / change, y * most / change);
    }
    let most_yaw = TORQUE_NM / INERTIA_KG_M2 * dt;
    let yaw = ((wanted.angular_z - now.angular_z) * share).clamp(-most_yaw, most_yaw);
    Twist::new(now.linear_x + x, now.linear_y + y, now.angular_z + yaw)
}

/// `pose` after moving with a constant body twist, by the midpoint heading.
fn advanced(pose: Pose, twist: Twist, dt: f64) -> Pose {
    let (sin, cos) = (pose.yaw + 0.5 * twist.angular_z * dt).sin_cos();
    Pose {
        x: pose.x + (cos * twist.linear_x - sin * twist.linear_y) * dt,
        y: pose.y + (sin * twist.linear_x + cos * twist.linear_y) * dt,
        yaw: wrapped(pose.yaw + twist.angular_z * dt),
    }
}

/// The same angle within -π..=π.
pub(super) fn wrapped(angle: f64) -> f64 {
    use std::f64::consts::{PI, TAU};
    if angle.abs() <= PI { angle } else { angle - TAU * (angle / TAU).round() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::Scenario;

    fn world(name: &str, seed: u64) -> World {
        World::generate(&Scenario::embedded(name).unwrap(), seed)
    }

    fn driven(world: &World, setpoint: Twist, seconds: u64) -> Robot {
        let mut robot = Robot::new(world);
        robot.step(world, Duration::from_secs(seconds), setpoint);
        robot
    }

    #[test]
    fn same_seed_same_states_bit_for_bit_however_the_time_is_cut() {
        // If this failed, an episode could not be replayed.
        let world = world("one-crosswise-far", 3);
        let setpoint = Twist::new(0.2, 0.3, -0.2);
        let whole = driven(&world, setpoint, 3);
        let mut cut = Robot::new(&world);
        for _ in 0..1000 {
            cut.step(&world, Duration::from_millis(3), setpoint);
        }
        assert_eq!(whole.truth(), cut.truth());
        assert_eq!(whole.odometry(), cut.odometry());
        assert_ne!(
            whole.odometry().x.to_bits(),
            driven(&world, Twist::ZERO, 3).odometry().x.to_bits()
        );
    }

    #[test]
    fn a_full_command_is_reached_late_and_with_bounded_acceleration() {
        // If this failed, the simulated base would be easier to drive than a real one.
        let world = world("open", 1);
        let mut robot = Robot::new(&world);
        let mut fastest = 0.0_f64;
        let mut last = 0.0;
        for step in 0..200 {
            robot.step(&world, STEP, Twist::new(0.5, 0.0, 0.0));
            let speed = robot.motion.linear_x;
            fastest = fastest.max((speed - last) / STEP.as_secs_f64());
            last = speed;
            if step < LATENCY_STEPS {
                assert!(robot.truth().twist.is_zero(), "moved before the command arrived");
            }
        }
        assert!(fastest <= FORCE_N / MASS_KG + 1e-9, "{fastest} m/s²");
        assert!((last - 0.5).abs() < 0.005, "{last} m/s after a second");
    }

    #[test]
    fn odometry_drifts_but_not_wildly() {
        // If this failed, odometry would be the truth in disguise, or useless.
        let world = world("open", 5);
        let robot = driven(&world, Twist::new(0.3, 0.0, 0.0), 6);
        let travelled = (robot.truth().pose.x).hypot(robot.truth().pose.y);
        let believed = robot.odometry().x.hypot(robot.odometry().y);
        let error = (travelled - believed).abs() / travelled;
        assert!((0.000_1..0.08).contains(&error), "{error}");
    }

    #[test]
    fn walls_and_boxes_stop_the_body_at_its_edge() {
        // If this failed, the robot would drive through things.
        let world = world("one-crosswise-medium", 2);
        for setpoint in [
            Twist::new(0.6, 0.0, 0.0),
            Twist::new(-0.6, 0.0, 0.0),
            Twist::new(0.0, 0.6, 0.0),
            Twist::new(0.3, -0.6, 0.4),
        ] {
            let mut robot = Robot::new(&world);
            let mut touched = false;
            for _ in 0..4000 {
                robot.step(&world, STEP, setpoint);
                let pose = robot.truth().pose;
                assert!(world.nearest_obstacle(pose.x, pose.y).0 >= RADIUS_M - 1e-6);
                touched |= robot.truth().contact.is_some();
            }
            assert!(touched, "{setpoint:?} met nothing in 20 s");
        }
    }

    #[test]
    fn a_stuck_body_comes_free_backwards() {
        // If this failed, one touch would hold the robot for ever.
        let world = world("one-crosswise-medium", 2);
        let mut robot = driven(&world, Twist::new(0.5, 0.0, 0.0), 8);
        let stuck = robot.truth().pose;
        assert!(robot.truth().contact.is_some());
        robot.step(&world, Duration::from_secs(1), Twist::new(-0.3, 0.0, 0.0));
        assert!(robot.truth().pose.x < stuck.x - 0.15);
        assert_eq!(robot.truth().contact, None);
    }

    #[test]
    fn differential_base_never_strafes_and_nan_is_zero() {
        // If this failed, a policy for omni bases would seem to work on a base that cannot do it.
        let world = world("differential", 2);
        assert!(driven(&world, Twist::new(0.0, 0.5, 0.0), 2).truth().twist.is_zero());
        assert!(driven(&world, Twist::new(f64::NAN, 0.0, 1.0), 2).truth().twist.is_zero());
    }

    #[test]
    fn midpoint_integration_closes_a_circle() {
        // If this failed, turning while driving would end in the wrong place.
        let mut pose = Pose::default();
        let (steps, radius) = (2000, 0.5);
        let twist = Twist::new(std::f64::consts::TAU * radius, 0.0, std::f64::consts::TAU);
        for _ in 0..steps {
            pose = advanced(pose, twist, 1.0 / f64::from(steps));
        }
        assert!(pose.x.hypot(pose.y) < 1e-9 && pose.yaw.abs() < 1e-9, "{pose:?}");
    }
}
