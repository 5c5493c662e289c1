//! The supervisor: who drives, what the chunk says for this moment, when autonomy may start and
//! must end. Pure.
//!
//! [`step`] runs once per tick and cannot fail: it answers with a [`Decision`] and its reasons. It
//! neither limits speed steps nor brakes: a wish of zero is ramped down, and everything checked
//! once more, by [`crate::safety`], which this module does not know.
//!
//! # Modes
//!
//! | in mode | drive input | engage | lease ends / neutral | soft fault | immediate fault | e-stop | pause |
//! |---|---|---|---|---|---|---|---|
//! | `Standby` (start; zeros) | → `Manual` | → `Autonomous` if [`preflight`] is green, else stays and says why | – | shown | shown | → `EStop` | stays |
//! | `Manual` | drives | same | zeros, stays | shown | → `Standby` | → `EStop` | zeros |
//! | `Autonomous` | → `Override`, this tick | – | – | → `SoftStop` | → `Standby`, zeros at once | → `EStop` | → `Override`, zeros |
//! | `Override` | drives | same (back to the policy) | zeros, stays | shown | → `Standby` | → `EStop` | zeros |
//! | `SoftStop` (ramps down) | → `Override` | – | – | all gone and still moving → `Autonomous`; at rest or after 0.7 s → `Standby` | → `Standby` | → `EStop` | → `Override`, zeros |
//! | `EStop` (latched) | ignored | – | – | – | – | latched again | – |
//!
//! Precedence: e-stop > immediate fault > operator > soft fault > policy. The take-over key acts as
//! a pause does.
//!
//! # Rules the table does not show
//!
//! - **Hands must come off.** After a pause, a fault that ended driving, a lease that ran out under
//!   a held key, and at start, drive input counts only once the inputs have been neutral. So
//!   nothing that comes back (a serial line, a thawed SSH link, a resumed computer) comes back to
//!   motion.
//! - **E-stop reset.** Two presses of reset within 3 s while the inputs stay neutral; the second
//!   one leads to `Standby` and hands [`StopKind::Reset`](crate::msg::StopKind) to the base. A base
//!   that says it is latched puts the station into `EStop` too, whoever latched it, except for 500
//!   ms after a reset; a base that says it is not, while it should be, is asked again every 500 ms.
//! - **Waiting for the policy.** An accepted engage counts the epoch up and forgets all chunks.
//!   Until the first chunk of that epoch the robot is `Autonomous` with zeros, authority `Nobody`;
//!   after 2 s without one it goes to `Standby` and [`Fault::NoFreshChunk`](crate::msg::Fault)
//!   stands in `refused`.
//! - **A policy that is not driving cannot stop a hand that is.**
//!   [`Fault::PolicyNotFinite`](crate::msg::Fault) acts in `Autonomous` and `SoftStop` and refuses
//!   to engage; in `Manual` and `Override` it is shown.
//! - **Old pictures.** Driving by hand with a late, stale or missing picture lowers the ceiling to
//!   [`Config::blind_mps`].
//! - **Somebody must be able to stop it.** An operator's state older than 500 ms counts as a lost
//!   terminal: a thread that hangs would swallow the take-over.
//! - **Requests are counters.** What is first observed is the baseline; one tick counts as one
//!   press; a counter that goes backwards (its source started anew) is a new baseline, except for
//!   e-stop, where any change stops.

mod faults;
mod hands;
mod playback;
mod requests;
mod supervisor;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::msg::{
    ActionChunk, Authority, BaseReport, FaultSet, Mode, OperatorInput, Readiness, Stamp, StopKind,
    Twist,
};

pub use faults::preflight;
pub use supervisor::{Supervisor, step};

/// What the operator's full deflection means.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Top speed at a full ceiling, m/s.
    pub max_linear_mps: f64,
    /// Top yaw rate at a full ceiling, rad/s.
    pub max_angular_rps: f64,
    /// Ceiling for driving by hand while the picture is late, m/s.
    pub blind_mps: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self { max_linear_mps: 0.5, max_angular_rps: 1.0, blind_mps: 0.2 }
    }
}

/// Everything one tick is decided from, besides the supervisor's own memory.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    pub now: Stamp,
    pub operator: &'a OperatorInput,
    pub base: &'a BaseReport,
    pub readiness: &'a Readiness,
    /// The newest chunk, every tick until a newer one replaces it.
    pub chunk: Option<&'a ActionChunk>,
    /// The command of the last tick, as the gate let it through.
    pub last_sent: Twist,
    /// The gate found the last wish not finite.
    pub command_not_finite: bool,
}

/// What this tick amounts to. `wanted` goes through the gate, `stop` to the base.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Decision {
    pub mode: Mode,
    pub authority: Authority,
    /// Counts accepted engage requests; the policy loop stamps its chunks with it when an inference
    /// starts.
    pub epoch: u64,
    pub wanted: Twist,
    /// The wish counts only before this moment: the end of its source, at most five ticks ahead.
    pub valid_until: Stamp,
    /// Skip the deceleration ramp.
    pub zero_now: bool,
    /// Latched: mode is `EStop`.
    pub e_stop: bool,
    /// To hand to `Base::stop` this tick; [`StopKind::Reset`] also leaves the gate's latch.
    pub stop: Option<StopKind>,
    /// The ceiling on translation now, m/s.
    pub ceiling_mps: f64,
    /// What the hands ask for; `None` when silent or not counted.
    pub operator_twist: Option<Twist>,
    /// What the policy says for this moment, also while the operator drives.
    pub policy_twist: Option<Twist>,
    pub faults: FaultSet,
    /// Every reason why the last engage or reset was refused; empty once one is accepted.
    pub refused: FaultSet,
    /// Until when a second reset press counts.
    pub reset_armed_until: Option<Stamp>,
}
