//! From the last command towards the wish within the acceleration and deceleration limits.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Two ticks: a late tick must not buy a jump in speed.
pub const ACCEL_SPAN_MAX: Duration = Duration::from_millis(40);

/// Limits of one kind of motion, per s².
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Rates {
    pub(super) accel: f64,
    pub(super) decel: f64,
}

impl Rates {
    /// Takes configured numbers; what is no limit accelerates not at all and brakes at once.
    pub(super) fn new(accel: f64, decel: f64) -> Self {
        Self {
            accel: if accel > 0.0 && accel.is_finite() { accel } else { 0.0 },
            decel: if decel > 0.0 { decel } else { f64::INFINITY },
        }
    }

    /// Moves from `from` straight towards `to` for `span`.
    ///
    /// Going along the line between them, the length first shrinks (at most to the point nearest to
    /// rest), then grows: the first part is covered at `decel`, the rest at `accel`. A straight
    /// line keeps the direction while braking.
    pub(super) fn approach(self, from: [f64; 2], to: [f64; 2], span: Duration) -> [f64; 2] {
        let way = [to[0] - from[0], to[1] - from[1]];
        let length = way[0].hypot(way[1]);
        if length == 0.0 {
            return to;
        }
        let inward = -(from[0] * way[0] + from[1] * way[1]) / length;
        let slowing = inward.clamp(0.0, length);
        let span_s = span.as_secs_f64();
        let slowing_s = slowing / self.decel;
        let covered = if span_s < slowing_s {
            self.decel * span_s
        } else {
            slowing + self.accel * (span_s - slowing_s).min(ACCEL_SPAN_MAX.as_secs_f64())
        };
        if covered >= length {
            return to;
        }
        let share = covered / length;
        [from[0] + way[0] * share, from[1] + way[1] * share]
    }
}
