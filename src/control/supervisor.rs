use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::faults::{inference_hangs, observe, preflight};
use super::hands::{Grip, Hands, at_least_zero, ceiling_mps};
use super::playback::{Offered, Playback};
use super::requests::{Edges, Seen};
use super::{Config, Decision, Inputs};
use crate::msg::{
    Authority, Fault, FaultSet, LinkState, Mode, Severity, Stamp, StopKind, StopState, Twist,
};

/// A wish is renewed every tick and must not outlive a loop that stands still: five ticks.
const WISH_MAX: Duration = Duration::from_millis(100);
const SOFT_STOP_MAX: Duration = Duration::from_millis(700);
const RESET_WINDOW: Duration = Duration::from_secs(3);
/// How long the base's latch may lag behind ours, in either direction.
const LATCH_GRACE: Duration = Duration::from_millis(500);
const FIRST_CHUNK_MAX: Duration = Duration::from_secs(2);
const LOW_CONFIDENCE_MAX: Duration = Duration::from_millis(500);
/// A camera whose content does not change while the robot moves is frozen. Only then: a still scene
/// repeats itself bit for bit from a source without noise (the simulator, a video). 300 ms as for
/// any old picture, and 200 ms for the robot to get going.
const FROZEN_MAX: Duration = Duration::from_millis(500);

/// The supervisor's memory. Equal memories and equal inputs give equal decisions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Supervisor {
    config: Config,
    mode: Mode,
    epoch: u64,
    seen: Seen,
    grip: Grip,
    playback: Playback,
    refused: FaultSet,
    /// The base's session last seen.
    session: Option<u32>,
    /// Since when autonomy waits for its first chunk.
    waiting_since: Option<Stamp>,
    soft_stop_since: Stamp,
    low_confidence_since: Option<Stamp>,
    moving_since: Option<Stamp>,
    reset_armed_until: Option<Stamp>,
    reset_at: Option<Stamp>,
    e_stop_asked: Stamp,
}

impl Supervisor {
    #[must_use]
    pub fn new(config: &Config) -> Self {
        Self {
            config: *config,
            mode: Mode::Standby,
            epoch: 0,
            seen: Seen::default(),
            grip: Grip::default(),
            playback: Playback::default(),
            refused: FaultSet::EMPTY,
            session: None,
            waiting_since: None,
            soft_stop_since: Stamp::ZERO,
            low_confidence_since: None,
            moving_since: None,
            reset_armed_until: None,
            reset_at: None,
            e_stop_asked: Stamp::ZERO,
        }
    }

    #[must_use]
    pub const fn mode(&self) -> Mode {
        self.mode
    }
}

/// What this tick's facts amount to, before anybody decides.
struct Situation {
    edges: Edges,
    hands: Hands,
    policy: Option<(Twist, Stamp)>,
    faults: FaultSet,
    /// The operator's ceiling, and the one for driving by hand.
    ceiling_mps: f64,
    hand_ceiling_mps: f64,
    /// The line to the base is another one than a tick ago.
    is_new_session: bool,
}

/// One tick. See the table and the rules in [`crate::control`].
pub fn step(state: &mut Supervisor, inputs: &Inputs<'_>) -> Decision {
    let mut situation = state.perceive(inputs);
    let stop = state.decide(inputs, &mut situation);
    state.decision(inputs, &situation, stop)
}

impl Supervisor {
    fn perceive(&mut self, inputs: &Inputs<'_>) -> Situation {
        let now = inputs.now;
        let edges = self.seen.edges(&inputs.operator.requests);
        let offered = match inputs.chunk {
            Some(chunk) => self.playback.offer(chunk, self.epoch, now),
            None => Offered::Fine,
        };
        if self.playback.chunk().is_some() {
            self.waiting_since = None;
        }
        let policy = self.playback.at(now);
        self.moving_since =
            if inputs.last_sent.is_zero() { None } else { self.moving_since.or(Some(now)) };
        self.low_confidence_since =
            if self.is_unsure(inputs) { self.low_confidence_since.or(Some(now)) } else { None };

        let mut faults = observe(now, inputs.operator, inputs.base, inputs.readiness);
        faults.set(Fault::PolicyNotFinite, offered == Offered::NotFinite);
        faults.set(Fault::CommandNotFinite, inputs.command_not_finite);
        faults.set(Fault::FrameStale, self.is_frozen(inputs));
        faults.set(
            Fault::LowConfidence,
            self.low_confidence_since.is_some_and(|at| now.since(at) >= LOW_CONFIDENCE_MAX),
        );
        faults.set(Fault::ChunkStale, self.policy_drives() && self.has_no_plan(inputs, policy));

        let ceiling_mps = ceiling_mps(inputs.operator, &self.config);
        let picture_is_old =
            faults.contains(Fault::FrameLate) || faults.contains(Fault::FrameStale);
        let blind_mps = at_least_zero(self.config.blind_mps);
        let hand_ceiling_mps =
            if picture_is_old { ceiling_mps.min(blind_mps) } else { ceiling_mps };
        let hands = self.grip.judge(now, inputs.operator, edges, &self.config, hand_ceiling_mps);
        let session = inputs.base.session;
        let is_new_session = self.session.replace(session).is_some_and(|before| before != session);
        Situation { edges, hands, policy, faults, ceiling_mps, hand_ceiling_mps, is_new_session }
    }

    const fn policy_drives(&self) -> bool {
        matches!(self.mode, Mode::Autonomous | Mode::SoftStop)
    }

    fn is_unsure(&self, inputs: &Inputs<'_>) -> bool {
        let least = inputs.readiness.policy.confidence_min;
        let is_advisory = least <= 0.0;
        let is_sure = |confidence: f64| confidence >= least;
        !is_advisory && self.playback.chunk().is_some_and(|chunk| !is_sure(chunk.confidence))
    }

    fn is_frozen(&self, inputs: &Inputs<'_>) -> bool {
        let changed = inputs.readiness.camera.changed;
        self.moving_since
            .zip(changed)
            .is_some_and(|(moving, changed)| inputs.now.since(moving.max(changed)) > FROZEN_MAX)
    }

    fn has_no_plan(&self, inputs: &Inputs<'_>, policy: Option<(Twist, Stamp)>) -> bool {
        let facts = &inputs.readiness.policy;
        !facts.ready
            || !facts.instruction_ok
            || inference_hangs(inputs.now, facts)
            || (policy.is_none() && self.waiting_since.is_none())
    }

    /// The table of modes, most severe first. Returns what the base is to be asked.
    fn decide(&mut self, inputs: &Inputs<'_>, situation: &mut Situation) -> Option<StopKind> {
        let (now, edges) = (inputs.now, situation.edges);
        let asks_to_engage =
            edges.engage && matches!(self.mode, Mode::Standby | Mode::Manual | Mode::Override);
        if asks_to_engage {
            self.refused = reasons_against(inputs, situation);
        }
        if edges.e_stop || self.base_latched_itself(inputs) {
            return self.enter_e_stop(inputs, edges.e_stop);
        }
        if self.mode == Mode::EStop {
            return self.stay_latched(inputs, situation);
        }
        if self.must_stop_now(situation) {
            let was_driving = self.mode != Mode::Standby;
            self.mode = Mode::Standby;
            self.grip.require_release();
            situation.hands.twist = None;
            return was_driving.then_some(StopKind::Stop);
        }
        let takes_over = edges.pause || edges.take_over || situation.hands.twist.is_some();
        match self.mode {
            Mode::Standby | Mode::Manual | Mode::Override
                if asks_to_engage && self.refused.is_empty() =>
            {
                self.engage(now);
                situation.policy = None;
            }
            Mode::Standby if situation.hands.twist.is_some() => self.mode = Mode::Manual,
            Mode::Autonomous | Mode::SoftStop if takes_over => self.mode = Mode::Override,
            Mode::Autonomous | Mode::SoftStop => self.keep_autonomy(inputs, situation),
            _ => {}
        }
        None
    }

    /// An immediate fault, or a line that went and came back between two ticks while someone drove.
    fn must_stop_now(&self, situation: &Situation) -> bool {
        let mut stopping = situation.faults.at_least(Severity::Immediate);
        if !self.policy_drives() {
            stopping = stopping.minus(FaultSet::EMPTY.with(Fault::PolicyNotFinite));
        }
        !stopping.is_empty() || (situation.is_new_session && self.mode != Mode::Standby)
    }

    fn engage(&mut self, now: Stamp) {
        self.mode = Mode::Autonomous;
        self.epoch += 1;
        self.playback.clear();
        self.waiting_since = Some(now);
        self.low_confidence_since = None;
    }

    /// Autonomous or soft stop, and nobody takes over.
    fn keep_autonomy(&mut self, inputs: &Inputs<'_>, situation: &mut Situation) {
        let now = inputs.now;
        if self.waiting_since.is_some_and(|since| now.since(since) > FIRST_CHUNK_MAX) {
            self.waiting_since = None;
            self.mode = Mode::Standby;
            self.refused.insert(Fault::NoFreshChunk);
            situation.faults.insert(Fault::NoFreshChunk);
            return;
        }
        let is_steady = situation.faults.at_least(Severity::Soft).is_empty();
        match self.mode {
            Mode::Autonomous if !is_steady => {
                self.mode = Mode::SoftStop;
                self.soft_stop_since = now;
            }
            Mode::SoftStop => {
                let is_over = now.since(self.soft_stop_since) >= SOFT_STOP_MAX;
                if inputs.last_sent.is_zero() || is_over {
                    self.mode = Mode::Standby;
                } else if is_steady {
                    self.mode = Mode::Autonomous;
                }
            }
            _ => {}
        }
    }

    /// The base is latched although this station does not hold it so.
    fn base_latched_itself(&self, inputs: &Inputs<'_>) -> bool {
        let just_reset = self.reset_at.is_some_and(|at| inputs.now.since(at) <= LATCH_GRACE);
        inputs.base.link == LinkState::Up
            && inputs.base.base_latched
            && self.mode != Mode::EStop
            && !just_reset
    }

    fn enter_e_stop(&mut self, inputs: &Inputs<'_>, is_asked: bool) -> Option<StopKind> {
        self.mode = Mode::EStop;
        self.reset_armed_until = None;
        self.grip.require_release();
        self.e_stop_asked = inputs.now;
        is_asked.then_some(StopKind::EStop)
    }

    fn stay_latched(&mut self, inputs: &Inputs<'_>, situation: &Situation) -> Option<StopKind> {
        let now = inputs.now;
        let is_neutral = situation.hands.are_neutral && inputs.operator.present;
        if !is_neutral || self.reset_armed_until.is_some_and(|until| now > until) {
            self.reset_armed_until = None;
        }
        if situation.edges.reset {
            if !is_neutral {
                self.refused = FaultSet::EMPTY.with(Fault::InputsNotNeutral);
            } else if self.reset_armed_until.take().is_some() {
                self.refused = FaultSet::EMPTY;
                self.reset_at = Some(now);
                self.mode = Mode::Standby;
                return Some(StopKind::Reset);
            } else {
                self.reset_armed_until = Some(now + RESET_WINDOW);
            }
        }
        let base = inputs.base;
        let is_asking = matches!(base.stop, StopState::Pending { .. });
        let lags = base.link == LinkState::Up
            && !(base.base_latched || is_asking)
            && now.since(self.e_stop_asked) > LATCH_GRACE;
        let ask_again = situation.is_new_session || lags;
        if ask_again {
            self.e_stop_asked = now;
        }
        ask_again.then_some(StopKind::EStop)
    }

    fn decision(
        &self,
        inputs: &Inputs<'_>,
        situation: &Situation,
        stop: Option<StopKind>,
    ) -> Decision {
        let now = inputs.now;
        let none = (Twist::ZERO, Authority::Nobody, now);
        let (wanted, authority, ends) = match self.mode {
            Mode::Standby | Mode::EStop => none,
            Mode::Manual | Mode::Override => situation
                .hands
                .twist
                .map_or(none, |twist| (twist, Authority::Operator, inputs.operator.lease_until)),
            Mode::Autonomous => {
                situation.policy.map_or(none, |(twist, ends)| (twist, Authority::Policy, ends))
            }
            Mode::SoftStop => (Twist::ZERO, Authority::Ramp, now),
        };
        Decision {
            mode: self.mode,
            authority,
            epoch: self.epoch,
            wanted,
            valid_until: ends.min(now + WISH_MAX),
            zero_now: matches!(self.mode, Mode::Standby | Mode::EStop),
            e_stop: self.mode == Mode::EStop,
            stop,
            ceiling_mps: if self.policy_drives() {
                situation.ceiling_mps
            } else {
                situation.hand_ceiling_mps
            },
            operator_twist: situation.hands.twist,
            policy_twist: situation.policy.map(|(twist, _)| twist),
            faults: situation.faults,
            refused: self.refused,
            reset_armed_until: self.reset_armed_until,
        }
    }
}

/// Every reason not to engage in this tick.
fn reasons_against(inputs: &Inputs<'_>, situation: &Situation) -> FaultSet {
    let mut reasons = preflight(inputs.now, inputs.operator, inputs.base, inputs.readiness)
        .union(situation.faults.at_least(Severity::Refuse));
    reasons.set(Fault::InputsNotNeutral, !situation.hands.are_neutral);
    reasons.set(Fault::BaseDown, situation.is_new_session);
    reasons
}
