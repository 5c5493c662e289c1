use serde::{Deserialize, Serialize};

use super::{
    ActionChunk, Authority, BaseReport, FaultSet, Limiter, Mode, OperatorInput, Readiness, Stamp,
    Twist,
};

/// One turn of the control loop: inputs, decision, command. The one record of truth; the screen
/// shows it, the recorder stores it, replay feeds its inputs back through the same pure functions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tick {
    pub number: u64,
    /// The moment handed to `control` and `safety`.
    pub now: Stamp,
    pub operator: OperatorInput,
    pub base: BaseReport,
    pub readiness: Readiness,
    /// The newest chunk, if any arrived since start.
    pub chunk: Option<ActionChunk>,

    pub mode: Mode,
    pub authority: Authority,
    /// Counts engage requests that were accepted; chunks carry it.
    pub epoch: u64,
    /// What the operator's input amounts to, m/s and rad/s, before limits; `None` when silent.
    pub operator_twist: Option<Twist>,
    /// What the chunk says for this moment, before limits; also while the operator drives (shadow).
    pub policy_twist: Option<Twist>,
    /// What the gate let through: the command sent.
    pub sent: Twist,
    pub limiter: Limiter,
    pub faults: FaultSet,
    /// Why the last engage request was refused; empty once one is accepted.
    pub refused: FaultSet,
    /// Until when the armed first step of the e-stop reset holds.
    pub reset_armed_until: Option<Stamp>,
    /// The speed the operator's ceiling allows now, m/s.
    pub ceiling_mps: f64,
    /// When the command was handed to the base.
    pub handed: Stamp,
}
