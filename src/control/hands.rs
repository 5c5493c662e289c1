//! What the operator's hands amount to this tick.

use serde::{Deserialize, Serialize};

use super::Config;
use super::requests::Edges;
use crate::msg::{OperatorInput, Stamp, Twist};

/// The hands, judged.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Hands {
    /// What they ask for, m/s and rad/s; `None` when silent or not counted.
    pub(super) twist: Option<Twist>,
    /// At rest: nothing held, nothing asked for, no stop this tick.
    pub(super) are_neutral: bool,
}

/// Remembers whether the hands still have to come off before drive input counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Grip {
    must_release: bool,
}

impl Default for Grip {
    /// A stick held at start does not count.
    fn default() -> Self {
        Self { must_release: true }
    }
}

impl Grip {
    pub(super) const fn require_release(&mut self) {
        self.must_release = true;
    }

    /// Judges this tick's input under a ceiling in m/s.
    pub(super) fn judge(
        &mut self,
        now: Stamp,
        operator: &OperatorInput,
        edges: Edges,
        config: &Config,
        ceiling_mps: f64,
    ) -> Hands {
        let asks = !operator.axes.is_zero();
        let leased = operator.present && now < operator.lease_until;
        let at_rest = operator.neutral && !(asks && leased);
        if at_rest {
            self.must_release = false;
        } else if (asks && !leased) || edges.pause {
            self.must_release = true;
        }
        let drives = asks && leased && !self.must_release;
        Hands {
            twist: drives.then(|| twist(operator, config, ceiling_mps)),
            are_neutral: at_rest && !edges.pause && !edges.take_over,
        }
    }
}

/// Deflection times the ceiling; a diagonal is no faster than a straight line. Not-a-number stays
/// one: the gate sees it, stops and reports.
fn twist(operator: &OperatorInput, config: &Config, ceiling_mps: f64) -> Twist {
    let cap = ceiling_mps.min(at_least_zero(operator.speed_cap_mps));
    let [x, y, yaw] =
        [operator.axes.x, operator.axes.y, operator.axes.yaw].map(|v| v.clamp(-1.0, 1.0));
    let longer_than_one = x.hypot(y).max(1.0);
    Twist::new(
        x / longer_than_one * cap,
        y / longer_than_one * cap,
        yaw * at_least_zero(config.max_angular_rps) * share(cap, config),
    )
}

/// The operator's ceiling in m/s.
pub(super) fn ceiling_mps(operator: &OperatorInput, config: &Config) -> f64 {
    at_least_zero(config.max_linear_mps) * at_least_zero(operator.ceiling).min(1.0)
}

fn share(cap_mps: f64, config: &Config) -> f64 {
    let top = at_least_zero(config.max_linear_mps);
    if top > 0.0 { cap_mps / top } else { 0.0 }
}

/// A cap that is not a number allows nothing.
pub(super) fn at_least_zero(cap: f64) -> f64 {
    if cap > 0.0 { cap } else { 0.0 }
}
