//! A disturbance of what the robot executes that wanders: an Ornstein-Uhlenbeck process on each
//! axis, so that whoever drives has to come back from where it led.

use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

use crate::msg::Twist;

/// How fast it wanders: its time constant.
const MEMORY_S: f64 = 0.4;

/// Slower commands are disturbed less in proportion: at rest not at all, or nobody would ever stand
/// at the target.
const FULL_MPS: f64 = 0.3;

/// Yaw for each m/s on the linear axes, rad/s.
const YAW_PER_LINEAR: f64 = 2.0;

/// See the module.
#[derive(Clone, Debug)]
pub struct Disturbance {
    size_mps: f64,
    now: [f64; 3],
    rng: Pcg64,
}

impl Disturbance {
    /// `size_mps` is the standard deviation on the linear axes at speed; with zero it does nothing.
    #[must_use]
    pub fn new(size_mps: f64, seed: u64) -> Self {
        Self { size_mps, now: [0.0; 3], rng: Pcg64::seed_from_u64(seed) }
    }

    /// `clean` as it is executed, `dt` after the command before.
    pub fn disturb(&mut self, clean: Twist, dt: Duration) -> Twist {
        if !self.acts() {
            return clean;
        }
        let keep = (-dt.as_secs_f64() / MEMORY_S).exp();
        let kick = self.size_mps * keep.mul_add(-keep, 1.0).sqrt();
        for axis in &mut self.now {
            *axis = axis.mul_add(keep, kick * normal(&mut self.rng));
        }
        let full = (clean.speed_mps() / FULL_MPS).min(1.0);
        let [x, y, yaw] = self.now.map(|axis| axis * full);
        let Twist { linear_x, linear_y, angular_z } = clean;
        Twist::new(linear_x + x, linear_y + y, angular_z + yaw * YAW_PER_LINEAR)
    }

    /// False where its size is zero.
    #[must_use]
    pub fn acts(&self) -> bool {
        self.size_mps > 0.0
    }
}

/// A sample of the standard normal distribution, after Box and Muller (1958).
fn normal(rng: &mut Pcg64) -> f64 {
    let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
    radius * (std::f64::consts::TAU * rng.random::<f64>()).cos()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_has_the_size_that_was_asked_for() {
        // Demonstrations would be disturbed less, or more, than their flag says.
        let mut disturbance = Disturbance::new(0.2, 3);
        let (ahead, dt) = (Twist::new(0.5, 0.0, 0.0), Duration::from_millis(20));
        assert_eq!(disturbance.disturb(Twist::ZERO, dt), Twist::ZERO, "at rest");
        let n = 50_000;
        let squares = (0..n).map(|_| (disturbance.disturb(ahead, dt).linear_x - 0.5).powi(2));
        let deviation = (squares.sum::<f64>() / f64::from(n)).sqrt();
        assert!((deviation - 0.2).abs() < 0.01, "{deviation}");
    }
}
