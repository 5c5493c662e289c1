//! One turn of the control loop without a clock, a thread or a line: supervisor, then gate.
//!
//! The control loop runs it on live inputs, the scenarios on a manual clock, and replay on the
//! inputs of a recorded drive; equal memories and equal inputs give equal commands.

use serde::{Deserialize, Serialize};

use crate::control::{self, Inputs, Supervisor};
use crate::msg::{ActionChunk, BaseReport, OperatorInput, Readiness, Stamp, StopKind, Tick, Twist};
use crate::safety::{Gate, Limits, Request, SafeTwist};

/// All that the control loop remembers from tick to tick.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ControlState {
    supervisor: Supervisor,
    gate: Gate,
    sent: Twist,
    is_not_finite: bool,
    ticks: u64,
}

/// What one turn is decided from, besides the memory.
#[derive(Clone, Copy, Debug, Default)]
pub struct Moment {
    pub now: Stamp,
    pub operator: OperatorInput,
    pub base: BaseReport,
    pub readiness: Readiness,
    /// The newest chunk, every tick until a newer one replaces it.
    pub chunk: Option<ActionChunk>,
}

/// What one turn comes to: the record of it, the command, and what to ask the base.
#[derive(Clone, Copy, Debug)]
pub struct Turn {
    /// `handed` is left to whoever hands the command over.
    pub tick: Tick,
    pub command: SafeTwist,
    pub stop: Option<StopKind>,
}

impl ControlState {
    #[must_use]
    pub fn new(control: &control::Config, limits: Limits) -> Self {
        Self {
            supervisor: Supervisor::new(control),
            gate: Gate::new(limits),
            sent: Twist::ZERO,
            is_not_finite: false,
            ticks: 0,
        }
    }

    /// How many turns there were.
    #[must_use]
    pub const fn ticks(&self) -> u64 {
        self.ticks
    }

    /// Decides one tick. Allocates nothing and cannot fail.
    pub fn turn(&mut self, moment: &Moment) -> Turn {
        let Moment { now, operator, base, readiness, chunk } = moment;
        let decision = control::step(
            &mut self.supervisor,
            &Inputs {
                now: *now,
                operator,
                base,
                readiness,
                chunk: chunk.as_ref(),
                last_sent: self.sent,
                command_not_finite: self.is_not_finite,
            },
        );
        let request = Request {
            wanted: decision.wanted,
            valid_until: decision.valid_until,
            ceiling_mps: decision.ceiling_mps,
            zero_now: decision.zero_now,
            e_stop: decision.e_stop,
            reset: decision.stop == Some(StopKind::Reset),
        };
        let checked = self.gate.check(&request, base, *now);
        self.sent = checked.twist.twist();
        self.is_not_finite = checked.not_finite;
        self.ticks += 1;
        let tick = Tick {
            number: self.ticks,
            now: *now,
            operator: *operator,
            base: *base,
            readiness: *readiness,
            chunk: *chunk,
            mode: decision.mode,
            authority: decision.authority,
            epoch: decision.epoch,
            operator_twist: decision.operator_twist,
            policy_twist: decision.policy_twist,
            sent: self.sent,
            limiter: checked.limiter,
            faults: decision.faults,
            refused: decision.refused,
            reset_armed_until: decision.reset_armed_until,
            ceiling_mps: decision.ceiling_mps,
            handed: Stamp::ZERO,
        };
        Turn { tick, command: checked.twist, stop: decision.stop }
    }
}

impl From<&Tick> for Moment {
    /// The inputs of a recorded tick.
    fn from(tick: &Tick) -> Self {
        Self {
            now: tick.now,
            operator: tick.operator,
            base: tick.base,
            readiness: tick.readiness,
            chunk: tick.chunk,
        }
    }
}
