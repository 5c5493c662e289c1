use super::ramp::Rates;
use serde::{Deserialize, Serialize};

use super::{Checked, Limits, Request, SafeTwist};
use crate::msg::{BaseReport, Kinematics, Limiter, Stamp, Twist};

/// The gate's memory: the last command, when it was given, and the latch. The rules are in
/// [`crate::safety`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gate {
    limits: Limits,
    linear: Rates,
    angular: Rates,
    last: Twist,
    last_at: Option<Stamp>,
    latched: bool,
}

impl Gate {
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            linear: Rates::new(limits.linear_accel_mps2, limits.linear_decel_mps2),
            angular: Rates::new(limits.angular_accel_rps2, limits.angular_decel_rps2),
            last: Twist::ZERO,
            last_at: None,
            latched: false,
        }
    }

    /// True from an e-stop to its reset.
    #[must_use]
    pub const fn is_latched(&self) -> bool {
        self.latched
    }

    /// The command for this tick. Called once per tick, also with nothing to send, so that the
    /// ramps know the time.
    pub fn check(&mut self, request: &Request, base: &BaseReport, now: Stamp) -> Checked {
        let span = self.last_at.map_or_else(Default::default, |at| now.since(at));
        self.last_at = Some(now);
        if request.e_stop {
            self.latched = true;
        } else if request.reset {
            self.latched = false;
        }
        let not_finite = !request.wanted.is_finite();
        if let Some(limiter) = self.halts(request, base, not_finite) {
            self.last = Twist::ZERO;
            return Checked { twist: SafeTwist::ZERO, limiter, not_finite };
        }

        let (wish, mut limiter) = self.limited(request, base, now);
        let caps = Caps::new(&self.limits, base);
        // A base whose limits shrank (another base on the same line) must not be held to the old
        // ones.
        let from = caps.fit(caps.reachable(self.last));
        let [x, y] = self.linear.approach(
            [from.linear_x, from.linear_y],
            [wish.linear_x, wish.linear_y],
            span,
        );
        let [yaw, _] = self.angular.approach([from.angular_z, 0.0], [wish.angular_z, 0.0], span);
        self.last = Twist::new(x, y, yaw);
        if self.last != wish {
            keep_strongest(&mut limiter, Limiter::Rate);
        }
        Checked { twist: SafeTwist(self.last), limiter, not_finite }
    }

    /// Rules 1 to 3: whether the output is zero at once, and why.
    fn halts(&self, request: &Request, base: &BaseReport, not_finite: bool) -> Option<Limiter> {
        if self.latched || base.base_latched {
            Some(Limiter::EStop)
        } else if not_finite {
            Some(Limiter::NotFinite)
        } else {
            request.zero_now.then_some(Limiter::None)
        }
    }

    /// Rules 4 to 6, strongest first.
    fn limited(&self, request: &Request, base: &BaseReport, now: Stamp) -> (Twist, Limiter) {
        let mut limiter = Limiter::None;
        let mut wish = request.wanted;
        let mut step = |wish: &mut Twist, next: Twist, name: Limiter| {
            if *wish != next {
                keep_strongest(&mut limiter, name);
                *wish = next;
            }
        };
        if now >= request.valid_until {
            step(&mut wish, Twist::ZERO, Limiter::Stale);
        }
        let caps = Caps::new(&self.limits, base);
        let next = caps.reachable(wish);
        step(&mut wish, next, Limiter::Kinematics);
        let next = caps.fit(wish);
        step(&mut wish, next, Limiter::Speed);
        let next = self.under_ceiling(wish, request.ceiling_mps);
        step(&mut wish, next, Limiter::Ceiling);
        (wish, limiter)
    }

    fn under_ceiling(&self, wish: Twist, ceiling_mps: f64) -> Twist {
        let ceiling = at_least_zero(ceiling_mps);
        let top = at_least_zero(self.limits.linear_mps);
        let share = if top > 0.0 { (ceiling / top).min(1.0) } else { 0.0 };
        let yaw_ceiling = share * at_least_zero(self.limits.angular_rps);
        let factor = fraction(wish.speed_mps(), ceiling).min(fraction(wish.angular_z, yaw_ceiling));
        if factor < 1.0 { wish.scaled(factor) } else { wish }
    }
}

/// Top speeds that hold for this base this tick; all finite and not negative.
#[derive(Clone, Copy, Debug)]
struct Caps {
    linear: f64,
    x: f64,
    y: f64,
    yaw: f64,
}

impl Caps {
    fn new(limits: &Limits, base: &BaseReport) -> Self {
        let linear = at_least_zero(limits.linear_mps);
        let y = match base.kinematics {
            Kinematics::Omni => linear.min(at_least_zero(base.limits.linear_y)),
            Kinematics::Differential => 0.0,
        };
        Self {
            linear,
            x: linear.min(at_least_zero(base.limits.linear_x)),
            y,
            yaw: at_least_zero(limits.angular_rps).min(at_least_zero(base.limits.angular_z)),
        }
    }

    /// Without the axes that cannot move.
    fn reachable(self, twist: Twist) -> Twist {
        let keep = |value: f64, cap: f64| if cap > 0.0 { value } else { 0.0 };
        Twist::new(
            keep(twist.linear_x, self.x),
            keep(twist.linear_y, self.y),
            keep(twist.angular_z, self.yaw),
        )
    }

    /// Scaled as a whole until every axis fits.
    fn fit(self, twist: Twist) -> Twist {
        let factor = fraction(twist.speed_mps(), self.linear)
            .min(fraction(twist.linear_x, self.x))
            .min(fraction(twist.linear_y, self.y))
            .min(fraction(twist.angular_z, self.yaw));
        if factor < 1.0 { twist.scaled(factor) } else { twist }
    }
}

/// What a value must be multiplied by to be at most `cap` in size; 1 where it already is.
fn fraction(value: f64, cap: f64) -> f64 {
    let size = value.abs();
    if size <= cap { 1.0 } else { cap / size }
}

/// A limit that is not a number allows nothing.
fn at_least_zero(limit: f64) -> f64 {
    if limit > 0.0 { limit } else { 0.0 }
}

fn keep_strongest(limiter: &mut Limiter, weaker: Limiter) {
    if *limiter == Limiter::None {
        *limiter = weaker;
    }
}
