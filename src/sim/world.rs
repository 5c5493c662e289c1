//! One world: where everything stands, how big it is, how it looks. Drawn from a scenario and a
//! seed, then constant.

mod generate;
pub(crate) mod look;

use parry2d::math::{Pose as Isometry, Vector};
use parry2d::query::PointQuery;
use parry2d::shape::Cuboid;
use serde::{Deserialize, Serialize};

pub use look::{
    BoxStyle, Decal, DecalStyle, FloorStyle, Look, Shape, TargetColor, Thing, Wall, Window,
};

use super::{Scenario, Side};

/// Position and heading in the world's frame: metres, radians.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Pose {
    pub x: f64,
    pub y: f64,
    pub yaw: f64,
}

/// A room with upright walls.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Room {
    pub x_min: f64,
    pub x_max: f64,
    pub y_min: f64,
    pub y_max: f64,
    pub height: f64,
}

/// A box on the floor: an upright cuboid.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Block {
    pub x: f64,
    pub y: f64,
    pub yaw: f64,
    /// Half of its extent along its own x and y.
    pub half_x: f64,
    pub half_y: f64,
    pub height: f64,
}

impl Block {
    /// Its four corners on the floor.
    #[must_use]
    pub fn corners(&self) -> [(f64, f64); 4] {
        let (sin, cos) = self.yaw.sin_cos();
        [(1.0, 1.0), (-1.0, 1.0), (-1.0, -1.0), (1.0, -1.0)].map(|(a, b)| {
            let (u, v) = (a * self.half_x, b * self.half_y);
            (self.x + cos * u - sin * v, self.y + sin * u + cos * v)
        })
    }

    /// From a point on the floor to its nearest face; zero inside.
    #[must_use]
    pub fn distance(&self, x: f64, y: f64) -> f64 {
        let shape = Cuboid::new(Vector::new(self.half_x as f32, self.half_y as f32));
        let pose = Isometry::new(Vector::new(self.x as f32, self.y as f32), self.yaw as f32);
        shape.distance_to_point(&pose, Vector::new(x as f32, y as f32), true) as f64
    }
}

/// The cup to reach: upright, round, wider at the top.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Target {
    pub x: f64,
    pub y: f64,
    /// At its rim, the widest place.
    pub radius: f64,
    pub height: f64,
    pub color: TargetColor,
}

/// How the camera is mounted, at the centre of the robot, looking forward.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mount {
    /// Above the floor, metres.
    pub height_m: f64,
    /// Downwards positive, radians.
    pub tilt: f64,
    /// Horizontal field of view, radians.
    pub hfov: f64,
}

/// What the robot is driven into when it is driven badly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Obstacle {
    Box,
    Target,
    Wall,
    Thing,
}

/// Everything that is fixed for one attempt. Does not depend on the instruction: each world is
/// posed with both sides.
#[derive(Clone, Debug, PartialEq)]
pub struct World {
    pub scenario: Scenario,
    pub seed: u64,
    pub room: Room,
    pub boxes: Vec<Block>,
    pub target: Target,
    /// Furniture and clutter beside the way.
    pub things: Vec<Thing>,
    pub start: Pose,
    pub mount: Mount,
    pub look: Look,
}

impl World {
    /// Draws a world. The same scenario and seed give the same world on every call.
    #[must_use]
    pub fn generate(scenario: &Scenario, seed: u64) -> Self {
        generate::world(scenario, seed)
    }

    /// From a point on the floor to the nearest thing that stops a robot, and what it is. Zero
    /// inside it, negative behind a wall.
    #[must_use]
    pub fn nearest_obstacle(&self, x: f64, y: f64) -> (f64, Obstacle) {
        let walls =
            [x - self.room.x_min, self.room.x_max - x, y - self.room.y_min, self.room.y_max - y];
        let wall = walls.into_iter().fold(f64::INFINITY, f64::min);
        let boxes = self.boxes.iter().map(|block| (block.distance(x, y), Obstacle::Box));
        let things = self.things.iter().map(|thing| (thing.distance(x, y), Obstacle::Thing));
        boxes
            .chain(things)
            .chain([(self.target_distance(x, y), Obstacle::Target)])
            .fold((wall, Obstacle::Wall), |best, next| if next.0 < best.0 { next } else { best })
    }

    /// From a point on the floor to the target's nearest surface; zero inside.
    #[must_use]
    pub fn target_distance(&self, x: f64, y: f64) -> f64 {
        ((x - self.target.x).hypot(y - self.target.y) - self.target.radius).max(0.0)
    }

    /// From a point on the floor to the nearest box; infinite without boxes.
    #[must_use]
    pub fn box_clearance(&self, x: f64, y: f64) -> f64 {
        self.boxes.iter().map(|block| block.distance(x, y)).fold(f64::INFINITY, f64::min)
    }

    /// Instructions that make sense here, the task's first.
    #[must_use]
    pub fn instructions(&self) -> Vec<String> {
        let find = format!("find the {} target", self.target.color.name());
        let sides = Side::BOTH.map(|side| side.instruction().to_owned());
        if self.boxes.is_empty() { vec![find] } else { sides.into_iter().chain([find]).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn worlds_keep_the_task_solvable_from_the_camera() {
        // If this failed, some seeds would pose a task that no policy could solve by looking.
        for scenario in Scenario::all().unwrap() {
            for seed in 0..200 {
                let world = World::generate(&scenario, seed);
                let (mount, target) = (world.mount, world.target);
                let name = format!("{} {seed}", scenario.name);
                assert!((105.0..=115.0).contains(&mount.hfov.to_degrees()), "{name}");
                assert!((0.32..=0.38).contains(&mount.height_m), "{name}");
                assert!(mount.tilt.to_degrees().abs() <= 3.0, "{name}");
                assert!(2.0 * target.radius >= 0.2, "{name}");
                let distance = target.x.hypot(target.y);
                assert!((distance - scenario.distance.metres()).abs() < 1e-9, "{name}");
                assert_eq!(world.boxes.len(), usize::from(scenario.boxes), "{name}");
                for block in &world.boxes {
                    // The lowest line of sight over the farthest corner, where it meets the target.
                    let far =
                        block.corners().iter().fold(0.0, |far: f64, c| far.max(c.0.hypot(c.1)));
                    let drop = (mount.height_m - block.height) * (distance - target.radius) / far;
                    let hidden_below = mount.height_m - drop;
                    assert!(target.height - hidden_below >= 0.05, "{name}: target hidden");
                }
            }
        }
    }

    #[test]
    fn start_and_the_way_around_are_free() {
        // If this failed, clutter would stand where the task wants the robot to drive.
        for scenario in Scenario::all().unwrap() {
            for seed in 0..200 {
                let world = World::generate(&scenario, seed);
                assert!(world.nearest_obstacle(0.0, 0.0).0 > 0.30, "{} {seed}", scenario.name);
                for thing in &world.things {
                    for step in 0..=20 {
                        let x = world.target.x * f64::from(step) / 20.0;
                        assert!(thing.distance(x, 0.0) > 1.1, "{} {seed}", scenario.name);
                    }
                }
            }
        }
    }

    #[test]
    fn same_seed_same_world_other_seed_other_world() {
        // If this failed, an evaluation could not be repeated.
        let scenario = Scenario::embedded("two-crosswise-far").unwrap();
        assert_eq!(World::generate(&scenario, 7), World::generate(&scenario, 7));
        assert_ne!(World::generate(&scenario, 7).target, World::generate(&scenario, 8).target);
    }

    #[test]
    fn distances_match_closed_form() {
        // If this failed, contact would be reported in thin air or not at all.
        let block = Block { x: 1.0, y: 0.0, yaw: 0.0, half_x: 0.1, half_y: 0.3, height: 0.2 };
        assert!((block.distance(0.5, 0.0) - 0.4).abs() < 1e-6);
        assert!((block.distance(1.4, 0.7) - 0.5).abs() < 1e-6);
        assert!(block.distance(1.0, 0.1).abs() < 1e-9);
        let turned = Block { yaw: std::f64::consts::FRAC_PI_2, ..block };
        assert!((turned.distance(0.5, 0.0) - 0.2).abs() < 1e-6);
    }
}
