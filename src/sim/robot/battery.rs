use crate::msg::Battery;

/// A six-cell lithium pack.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cells {
    /// 0..=1
    charge: f64,
    /// Drawn now.
    watts: f64,
}

const CAPACITY_WH: f64 = 60.0;
const INTERNAL_OHM: f64 = 0.12;
/// Computer and motor drivers.
const IDLE_W: f64 = 14.0;
/// Rolling resistance.
const ROLLING_N: f64 = 6.0;

impl Cells {
    pub(super) const fn new(charge: f64) -> Self {
        Self { charge, watts: IDLE_W }
    }

    /// Drains for `dt` seconds while the wheels push with `force_n` at `speed_mps`.
    pub(super) fn draw(&mut self, force_n: f64, speed_mps: f64, dt: f64) {
        self.watts = IDLE_W + (force_n + ROLLING_N) * speed_mps / 0.6;
        self.charge = (self.charge - self.watts * dt / 3600.0 / CAPACITY_WH).max(0.0);
    }

    pub(super) fn state(&self) -> Battery {
        let open_circuit = 19.8 + 5.4 * self.charge;
        Battery {
            volts: open_circuit - INTERNAL_OHM * self.watts / open_circuit,
            charge: self.charge,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn driving_drains_faster_and_sags_lower_than_standing() {
        // If this failed, the battery gauge would be decoration.
        let (mut standing, mut driving) = (Cells::new(0.8), Cells::new(0.8));
        for _ in 0..1000 {
            standing.draw(0.0, 0.0, 0.1);
            driving.draw(3.0, 0.5, 0.1);
        }
        assert!(driving.state().charge < standing.state().charge);
        assert!(driving.state().volts < standing.state().volts);
        let used_wh = (0.8 - standing.state().charge) * CAPACITY_WH;
        assert!((used_wh - IDLE_W * 100.0 / 3600.0).abs() < 1e-9);
    }
}
