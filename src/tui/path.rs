//! Where a chunk would lead: its twists integrated over time, and the ground seen by the camera.

use std::time::Duration;

use crate::msg::{ActionChunk, Stamp, StationInfo, Twist};

/// How far past its last slot a plan is continued with that slot's twist, so that it reaches into
/// the picture.
const CONTINUED: Duration = Duration::from_millis(1500);
/// Length of one integration step; arcs look round at any speed a robot indoors has.
const STEP_S: f64 = 0.1;

/// A pose on the way, in the frame of the robot at the start: m, m, rad.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Waypoint {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) yaw: f64,
    /// Said by the chunk; false where its last twist is only continued.
    pub(super) planned: bool,
}

impl Waypoint {
    /// The pose after moving with a constant `twist` for `dt` seconds (the exponential map of
    /// SE(2)).
    fn moved(self, twist: Twist, dt: f64, planned: bool) -> Self {
        let turn = twist.angular_z * dt;
        let (sin_by, cos_by) = if turn.abs() < 1e-6 {
            (1.0, turn / 2.0)
        } else {
            (turn.sin() / turn, (1.0 - turn.cos()) / turn)
        };
        let (vx, vy) = (twist.linear_x * dt, twist.linear_y * dt);
        let (ahead, left) = (vx * sin_by - vy * cos_by, vx * cos_by + vy * sin_by);
        let (sin, cos) = self.yaw.sin_cos();
        Self {
            x: self.x + ahead * cos - left * sin,
            y: self.y + ahead * sin + left * cos,
            yaw: self.yaw + turn,
            planned,
        }
    }
}

/// Fills `way` with the poses that `chunk` leads to from `now` on, in the robot's frame at `now`:
/// what is left of its slots up to its horizon, then its last twist continued. Empty when nothing
/// is left.
pub(super) fn integrate(chunk: &ActionChunk, now: Stamp, way: &mut Vec<Waypoint>) {
    way.clear();
    let slot = chunk.slot.as_secs_f64();
    let age = now.since(chunk.captured).as_secs_f64();
    let slots = chunk.twists();
    let end = (slot * slots.len() as f64).min(chunk.horizon.as_secs_f64());
    if slot <= 0.0 || age >= end || slots.iter().any(|twist| !twist.is_finite()) {
        return;
    }
    let mut pose = Waypoint { planned: true, ..Waypoint::default() };
    way.push(pose);
    let mut last = Twist::ZERO;
    for (i, &twist) in slots.iter().enumerate() {
        let from = (slot * i as f64).max(age);
        let span = (slot * (i + 1) as f64).min(end) - from;
        if span > 0.0 {
            pose = walk(pose, twist, span, true, way);
            last = twist;
        }
    }
    walk(pose, last, CONTINUED.as_secs_f64(), false, way);
}

fn walk(
    start: Waypoint,
    twist: Twist,
    span: f64,
    planned: bool,
    way: &mut Vec<Waypoint>,
) -> Waypoint {
    let n_steps = (span / STEP_S).ceil().clamp(1.0, 100.0);
    let mut pose = start;
    for _ in 0..n_steps as usize {
        pose = pose.moved(twist, span / n_steps, planned);
        way.push(pose);
    }
    pose
}

/// A pinhole camera over the robot's centre, looking forward; the picture's size is 1 x `1 /
/// aspect`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Ground {
    height_m: f64,
    tilt: f64,
    /// Focal length in picture widths.
    focal: f64,
    aspect: f64,
}

impl Ground {
    /// `None` while the camera's geometry is unknown. `aspect` is width over height.
    pub(super) fn new(info: &StationInfo, aspect: f64) -> Option<Self> {
        let hfov = info.camera_hfov;
        let known = info.camera_height_m > 0.0 && hfov > 0.01 && hfov < 3.1 && aspect > 0.0;
        known.then(|| Self {
            height_m: info.camera_height_m,
            tilt: info.camera_tilt,
            focal: 0.5 / (hfov / 2.0).tan(),
            aspect,
        })
    }

    /// Where the ground point `x` ahead and `y` left (m) is seen: 0..=1 from the left, 0..=1 from
    /// the top, and beyond outside the picture. `None` behind the camera or too near to its plane.
    pub(super) fn project(&self, x: f64, y: f64) -> Option<(f64, f64)> {
        let (sin, cos) = self.tilt.sin_cos();
        let depth = x * cos + self.height_m * sin;
        let down = self.height_m * cos - x * sin;
        let seen = |offset: f64| self.focal * offset / depth;
        (depth > 0.02).then(|| (0.5 - seen(y), 0.5 + seen(down) * self.aspect))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::{FRAC_PI_2, FRAC_PI_4};

    fn chunk(twist: Twist, n_slots: usize) -> ActionChunk {
        let mut chunk = ActionChunk::default();
        chunk.slot = Duration::from_millis(100);
        chunk.horizon = Duration::from_secs(10);
        chunk.set_twists(&vec![twist; n_slots]);
        chunk
    }

    fn end_of_plan(chunk: &ActionChunk, now: Stamp) -> Waypoint {
        let mut way = Vec::new();
        integrate(chunk, now, &mut way);
        way.iter().rev().find(|point| point.planned).copied().unwrap_or_default()
    }

    #[test]
    fn a_quarter_circle_ends_where_geometry_says() {
        // A wrong integral would draw the robot's plan beside where it goes. v = 0.5 m/s, radius
        // 0.5 m, 90 degrees.
        let end = end_of_plan(&chunk(Twist::new(0.5 * FRAC_PI_2, 0.0, FRAC_PI_2), 10), Stamp::ZERO);
        assert!((end.x - 0.5).abs() < 1e-9 && (end.y - 0.5).abs() < 1e-9, "{end:?}");
        assert!((end.yaw - FRAC_PI_2).abs() < 1e-9);
    }

    #[test]
    fn a_sideways_plan_goes_left_for_positive_y() {
        // The sign of y is the operator's picture of left and right.
        let end = end_of_plan(&chunk(Twist::new(0.0, 0.2, 0.0), 10), Stamp::ZERO);
        assert!(end.x.abs() < 1e-9 && (end.y - 0.2).abs() < 1e-9, "{end:?}");
    }

    #[test]
    fn slots_already_past_are_not_drawn() {
        // The plan shown would lag behind the robot.
        let plan = chunk(Twist::new(1.0, 0.0, 0.0), 10);
        assert!((end_of_plan(&plan, Stamp::from_millis(250)).x - 0.75).abs() < 1e-9);
        let mut way = vec![Waypoint::default()];
        integrate(&plan, Stamp::from_millis(1000), &mut way);
        assert!(way.is_empty());
    }

    #[test]
    fn the_horizon_cuts_the_plan() {
        // Slots that will never be played must not be promised.
        let mut plan = chunk(Twist::new(1.0, 0.0, 0.0), 10);
        plan.horizon = Duration::from_millis(400);
        assert!((end_of_plan(&plan, Stamp::ZERO).x - 0.4).abs() < 1e-9);
    }

    #[test]
    fn the_ground_is_seen_where_optics_say() {
        // A wrong projection would lead the operator into the wall. 90 degrees wide, so focal =
        // half a width.
        let info = |tilt| StationInfo {
            camera_height_m: 0.4,
            camera_tilt: tilt,
            camera_hfov: FRAC_PI_2,
            ..StationInfo::default()
        };
        let level = Ground::new(&info(0.0), 4.0 / 3.0).unwrap();
        let (u, v) = level.project(2.0, 1.0).unwrap();
        assert!((u - 0.25).abs() < 1e-12, "one to the left at two ahead is half of the half width");
        assert!((v - (0.5 + 0.5 * 0.2 * 4.0 / 3.0)).abs() < 1e-12);
        // Tilted by 45 degrees, the ground at one height ahead lies on the optical axis.
        let tilted = Ground::new(&info(FRAC_PI_4), 1.0).unwrap();
        let (u, v) = tilted.project(0.4, 0.0).unwrap();
        assert!((u - 0.5).abs() < 1e-12 && (v - 0.5).abs() < 1e-12, "{u} {v}");
        assert!(level.project(-0.1, 0.0).is_none(), "behind the camera");
        assert!(Ground::new(&StationInfo::default(), 1.0).is_none(), "geometry not known");
    }
}
