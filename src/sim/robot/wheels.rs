use crate::msg::{Kinematics, Twist};

/// Wheels of an omni base; a differential one uses the first two.
pub(super) const COUNT: usize = 4;

/// Distance of each wheel's contact point from the centre, metres.
const ARM_M: f64 = 0.12;

/// Relates wheel speeds (m/s at the rim) to the body's velocity.
///
/// Omni: four wheels at 45°, 135°, 225°, 315°, each driving along its tangent. Differential: left
/// and right. The equations are those of Siegwart, Nourbakhsh, Scaramuzza, *Introduction to
/// Autonomous Mobile Robots*, section 3.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wheels {
    kinematics: Kinematics,
}

impl Wheels {
    #[must_use]
    pub const fn new(kinematics: Kinematics) -> Self {
        Self { kinematics }
    }

    /// Rim speeds that move the body with `twist`.
    #[must_use]
    pub fn from_twist(self, twist: Twist) -> [f64; COUNT] {
        let spin = ARM_M * twist.angular_z;
        match self.kinematics {
            Kinematics::Omni => {
                let h = std::f64::consts::FRAC_1_SQRT_2;
                let (x, y) = (h * twist.linear_x, h * twist.linear_y);
                [-x + y + spin, -x - y + spin, x - y + spin, x + y + spin]
            }
            Kinematics::Differential => [twist.linear_x - spin, twist.linear_x + spin, 0.0, 0.0],
        }
    }

    /// The body's velocity from rim speeds; least squares where the four wheels disagree.
    #[must_use]
    pub fn to_twist(self, [a, b, c, d]: [f64; COUNT]) -> Twist {
        match self.kinematics {
            Kinematics::Omni => {
                let h = std::f64::consts::FRAC_1_SQRT_2 / 2.0;
                Twist::new(
                    h * (c + d - a - b),
                    h * (a + d - b - c),
                    (a + b + c + d) / (4.0 * ARM_M),
                )
            }
            Kinematics::Differential => {
                Twist::new(f64::midpoint(a, b), 0.0, (b - a) / (2.0 * ARM_M))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn wheels_and_body_agree(x in -1.0..1.0, y in -1.0..1.0, yaw in -2.0..2.0) {
            // If this failed, the simulated base would not go where its wheels turn.
            let omni = Wheels::new(Kinematics::Omni);
            let back = omni.to_twist(omni.from_twist(Twist::new(x, y, yaw)));
            prop_assert!((back.linear_x - x).abs() < 1e-12);
            prop_assert!((back.linear_y - y).abs() < 1e-12);
            prop_assert!((back.angular_z - yaw).abs() < 1e-12);
            let diff = Wheels::new(Kinematics::Differential);
            let back = diff.to_twist(diff.from_twist(Twist::new(x, y, yaw)));
            prop_assert!((back.linear_x - x).abs() < 1e-12 && back.linear_y == 0.0);
        }
    }

    #[test]
    fn closed_forms() {
        // If this failed, signs or arms would be wrong: a left turn would be a right one.
        let check = |kinematics, twist, expected: [f64; COUNT]| {
            let rims = Wheels::new(kinematics).from_twist(twist);
            let is_close =
                rims.iter().zip(expected).all(|(rim, wanted)| (rim - wanted).abs() < 1e-12);
            assert!(is_close, "{kinematics:?} {twist:?}: {rims:?}");
        };
        let (turn, ahead, left) =
            (Twist::new(0.0, 0.0, 1.0), Twist::new(1.0, 0.0, 0.0), Twist::new(0.0, 1.0, 0.0));
        let h = std::f64::consts::FRAC_1_SQRT_2;
        check(Kinematics::Differential, turn, [-ARM_M, ARM_M, 0.0, 0.0]);
        check(Kinematics::Differential, ahead, [1.0, 1.0, 0.0, 0.0]);
        check(Kinematics::Omni, turn, [ARM_M; COUNT]);
        check(Kinematics::Omni, ahead, [-h, -h, h, h]);
        check(Kinematics::Omni, left, [h, -h, -h, h]);
    }
}
