//! One attempt on a counted clock.

use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

use super::eye::Eye;
use super::{
    Attempt, ClosedLoopError, Driver, Ending, Glimpse, Options, Passage, Run, Stop, Witness,
};
use crate::msg::{
    ActionChunk, BaseReport, Device, Fault, Frame, LinkState, Mode, Odometry, OperatorInput,
    Readiness, Severity, Stamp, StopState, Tick, Twist,
};
use crate::policy::{Policy, PolicyError};
use crate::runtime::{Cadence, ControlState, Moment, PERIOD};
use crate::sim::robot::{LIMITS, STEP};
use crate::sim::task::{Outcome, Tracker, crossing};
use crate::sim::{Disturbance, Expert, Renderer, Robot, World, rollout};

/// The engage is accepted one tick before this: far from zero, as on a machine that has been up for
/// a while.
const START: Stamp = Stamp::from_millis(1_000_000);
/// The simulated base's own watchdog.
const WATCHDOG: Duration = Duration::from_millis(200);
/// How long an operator takes to engage again.
const REACTION: Duration = Duration::from_secs(1);
/// Slots of the expert's plan where the policy gave none.
const PLAN: (usize, Duration) = (10, Duration::from_millis(100));

/// Drives one attempt to its end.
///
/// # Errors
/// The world is no fair task, the policy does not take the instruction, or preflight refuses.
pub fn drive(
    world: &World,
    renderer: &mut Renderer,
    attempt: &Attempt,
    policy: &mut dyn Policy,
    options: &Options,
    witness: &mut dyn Witness,
) -> Result<Run, ClosedLoopError> {
    let expert_time = rollout::expert_time(world, attempt.side).map_err(|failure| {
        ClosedLoopError::Unsolvable {
            scenario: world.scenario.name.clone(),
            seed: world.seed,
            failure,
        }
    })?;
    policy.set_instruction(&attempt.instruction)?;
    let mut drive = Drive::new(world, renderer, attempt, policy, options, expert_time)?;
    drive.engage()?;
    drive.run(witness)?;
    Ok(drive.run)
}

/// An inference under way: its answer is known, and shown when its time is over.
struct Pending {
    started: Stamp,
    ends: Stamp,
    answer: Result<ActionChunk, PolicyError>,
}

struct Drive<'a> {
    world: &'a World,
    attempt: &'a Attempt,
    options: &'a Options,
    policy: &'a mut dyn Policy,
    eye: Eye<'a>,
    frame: Frame,
    robot: Robot,
    disturbance: Disturbance,
    tracker: Tracker,
    state: ControlState,
    operator: OperatorInput,
    readiness: Readiness,
    stop: StopState,
    chunk: Option<ActionChunk>,
    pending: Option<Pending>,
    cadence: Cadence,
    seen: Option<u64>,
    reset_at: u64,
    turns: Turns,
    rng: Pcg64,
    tick: Tick,
    /// What the motors are told until the next tick.
    executed: Twist,
    engage_at: Option<Stamp>,
    n_engages: u32,
    run: Run,
}

impl<'a> Drive<'a> {
    fn new(
        world: &'a World,
        renderer: &'a mut Renderer,
        attempt: &'a Attempt,
        policy: &'a mut dyn Policy,
        options: &'a Options,
        expert_time: Duration,
    ) -> Result<Self, ClosedLoopError> {
        // Another stream than those of the world and its robot.
        let mut rng = Pcg64::seed_from_u64(attempt.seed ^ 0x00c1_05ed_1009);
        let phase = Duration::from_secs_f64(rng.random::<f64>() / options.camera_hz.max(1.0));
        let robot = Robot::new(world);
        let info = policy.info();
        let mut readiness = Readiness::default();
        readiness.camera.rate_nominal = options.camera_hz;
        readiness.camera.rate_seen = options.camera_hz;
        readiness.camera.connected = true;
        readiness.policy.ready = true;
        readiness.policy.instruction_ok = true;
        readiness.policy.kinematics = info.kinematics;
        readiness.policy.confidence_min = info.confidence_min;
        Ok(Self {
            cadence: Cadence::new(info.rate_hz),
            eye: Eye::new(renderer, options, START - PERIOD - phase, &robot)?,
            frame: Frame::default(),
            disturbance: Disturbance::new(attempt.disturbance_mps, rng.random()),
            tracker: Tracker::new(attempt.side, expert_time),
            state: ControlState::new(&options.control, options.limits),
            operator: OperatorInput {
                ceiling: 1.0,
                neutral: true,
                present: true,
                device: Device::Script,
                ..OperatorInput::default()
            },
            readiness,
            stop: StopState::Idle,
            chunk: None,
            pending: None,
            seen: None,
            reset_at: 0,
            turns: Turns::new(attempt.expert_share, options.turn, rng.random()),
            rng,
            tick: Tick::default(),
            executed: Twist::ZERO,
            engage_at: None,
            n_engages: 0,
            run: Run {
                ending: Ending::TooLate,
                time: Duration::ZERO,
                expert_time,
                travelled_m: 0.0,
                clearance_m: f64::INFINITY,
                passage: Passage::Never,
                stops: Vec::new(),
                n_inferences: 0,
                n_of_expert: 0,
                inference_error: None,
            },
            world,
            attempt,
            options,
            policy,
            robot,
        })
    }

    /// What the operator does first, while the robot stands and the attempt's time does not run.
    fn engage(&mut self) -> Result<(), ClosedLoopError> {
        self.turn(START - PERIOD * 2);
        self.operator.requests.engage += 1;
        self.turn(START - PERIOD);
        if self.tick.mode == Mode::Autonomous {
            return Ok(());
        }
        let reasons: Vec<_> = self.tick.refused.iter().map(Fault::short).collect();
        Err(ClosedLoopError::Refused {
            scenario: self.world.scenario.name.clone(),
            reasons: reasons.join(", "),
        })
    }

    fn run(&mut self, witness: &mut dyn Witness) -> Result<(), ClosedLoopError> {
        let ending = loop {
            let now = START + self.robot.truth().time;
            self.eye.look(&self.robot, now)?;
            self.finish_inference(now);
            self.begin_inference(now, witness);
            if now.since(START).as_nanos().is_multiple_of(PERIOD.as_nanos()) {
                self.turn(now);
                if self.stands_for_good(now) {
                    break Ending::Stopped;
                }
            }
            match self.move_on() {
                Outcome::Running => {}
                Outcome::Success(_) => break Ending::Success,
                Outcome::Failure(failure) => break failure.into(),
            }
        };
        self.run.ending = ending;
        self.run.time = self.robot.truth().time;
        Ok(())
    }

    fn finish_inference(&mut self, now: Stamp) {
        let Some(pending) = self.pending.take_if(|pending| pending.ends <= now) else { return };
        let facts = &mut self.readiness.policy;
        facts.busy_since = None;
        facts.last_inference = Some(pending.ends.since(pending.started));
        facts.failed = pending.answer.is_err();
        facts.not_finite = matches!(pending.answer, Err(PolicyError::NotFinite { .. }));
        match pending.answer {
            Ok(chunk) => self.chunk = Some(chunk),
            Err(error) => {
                self.run.inference_error.get_or_insert_with(|| error.to_string());
            }
        }
    }

    /// As the policy loop does it: the newest picture that was not looked at, at the policy's pace.
    fn begin_inference(&mut self, now: Stamp, witness: &mut dyn Witness) {
        let (seq, captured) = (self.eye.newest().seq, self.eye.newest().captured);
        if self.pending.is_some() || self.seen.is_some_and(|seen| seen >= seq) {
            return;
        }
        self.seen = Some(seq);
        if !self.cadence.takes(captured) {
            return;
        }
        if self.reset_at != self.tick.epoch {
            self.policy.reset();
            self.reset_at = self.tick.epoch;
        }
        self.eye.develop(&mut self.frame);
        let delay = match self.options.delays.len() {
            0 => Duration::ZERO,
            n => self.options.delays.get(self.rng.random_range(0..n)).copied().unwrap_or_default(),
        };
        self.run.n_inferences += 1;
        let mut chunk = ActionChunk::default();
        let answer = self.policy.infer(&self.frame, &mut chunk).map(|()| {
            chunk.epoch = self.tick.epoch;
            chunk.seq = u64::from(self.run.n_inferences);
            chunk.frame_seq = seq;
            chunk.captured = captured;
            chunk.inference_started = now;
            chunk.inference_ended = now + delay;
            self.shown(&chunk, now, witness)
        });
        self.readiness.policy.busy_since = Some(now);
        self.pending = Some(Pending { started: now, ends: now + delay, answer });
    }

    /// Shows the answer to the witness; in the expert's turn its plan takes the answer's place.
    fn shown(&mut self, chunk: &ActionChunk, now: Stamp, witness: &mut dyn Witness) -> ActionChunk {
        let driver = self.turns.at(now.since(START));
        let robot = &self.eye.newest().robot;
        witness.see(&Glimpse {
            at: chunk.captured.since(START),
            world: self.world,
            side: self.attempt.side,
            robot,
            frame: &self.frame,
            chunk,
            driver,
        });
        if driver == Driver::Policy {
            return *chunk;
        }
        self.run.n_of_expert += 1;
        let (slots, slot) = match (chunk.twists().len(), chunk.slot) {
            (0, _) | (_, Duration::ZERO) => PLAN,
            given => given,
        };
        let expert = Expert::new(self.attempt.side);
        let mut plan = *chunk;
        plan.slot = slot;
        plan.confidence = 1.0;
        plan.horizon = plan.horizon.max(slot * slots as u32);
        plan.set_twists(&rollout::plan(self.world, robot, &expert, slots, slot));
        plan
    }

    /// One turn of the control loop.
    fn turn(&mut self, now: Stamp) {
        if self.engage_at.take_if(|at| *at <= now).is_some() {
            self.operator.requests.engage += 1;
            self.n_engages += 1;
        }
        self.operator.stamp = now;
        let newest = self.eye.newest();
        self.readiness.camera.newest = Some((newest.seq, newest.captured));
        self.readiness.camera.changed = Some(newest.captured);
        self.readiness.tick_gap = PERIOD;
        let turn = self.state.turn(&Moment {
            now,
            operator: self.operator,
            base: self.base(now),
            readiness: self.readiness,
            chunk: self.chunk,
        });
        if turn.stop.is_some() {
            self.stop = StopState::Acknowledged { at: now };
        }
        let was_driving = self.tick.mode == Mode::Autonomous;
        self.tick = turn.tick;
        if was_driving && self.tick.mode != Mode::Autonomous {
            let faults = self.tick.faults.at_least(Severity::Refuse);
            self.run.stops.push(Stop { at: now.since(START), faults });
        }
        self.executed = self.disturbance.disturb(turn.command.twist(), PERIOD);
    }

    fn base(&self, now: Stamp) -> BaseReport {
        let pose = self.robot.odometry();
        BaseReport {
            link: LinkState::Up,
            session: 1,
            kinematics: self.world.scenario.base,
            limits: LIMITS,
            watchdog: WATCHDOG,
            odometry: Some(Odometry {
                x: pose.x,
                y: pose.y,
                yaw: pose.yaw,
                twist: self.robot.odometry_twist(),
                received: now,
            }),
            battery: Some(self.robot.battery()),
            last_rx: Some(now),
            stop: self.stop,
            ..BaseReport::default()
        }
    }

    /// True when autonomy is over and nobody will engage again.
    fn stands_for_good(&mut self, now: Stamp) -> bool {
        if self.tick.mode != Mode::Standby || self.engage_at.is_some() {
            return false;
        }
        let gives_up = self.n_engages >= self.options.engages_again;
        if !gives_up {
            self.engage_at = Some(now + REACTION);
        }
        gives_up
    }

    /// One step of the physics.
    fn move_on(&mut self) -> Outcome {
        let from = self.robot.truth().pose;
        self.robot.step(self.world, STEP, self.executed);
        let truth = self.robot.truth();
        self.run.travelled_m += truth.twist.speed_mps() * STEP.as_secs_f64();
        self.run.clearance_m = self.run.clearance_m.min(rollout::clearance(self.world, truth));
        for offset in self.world.boxes.iter().filter_map(|block| crossing(block, from, truth.pose))
        {
            let is_instructed = offset * self.attempt.side.sign() > 0.0;
            self.run.passage = match self.run.passage {
                Passage::Never | Passage::Instructed if is_instructed => Passage::Instructed,
                _ => Passage::Wrong,
            };
        }
        self.tracker.update(self.world, truth)
    }
}

/// Who drives when: equal turns, each given to the expert with the probability of its share.
#[derive(Debug)]
struct Turns {
    share: f64,
    turn: Duration,
    ends: Duration,
    driver: Driver,
    rng: Pcg64,
}

impl Turns {
    fn new(share: f64, turn: Duration, seed: u64) -> Self {
        let rng = Pcg64::seed_from_u64(seed);
        Self { share, turn, ends: Duration::ZERO, driver: Driver::Policy, rng }
    }

    /// Asked in order of time.
    fn at(&mut self, at: Duration) -> Driver {
        while at >= self.ends {
            let is_expert = self.rng.random_bool(self.share.clamp(0.0, 1.0));
            self.driver = if is_expert { Driver::Expert } else { Driver::Policy };
            self.ends += self.turn.max(PERIOD);
        }
        self.driver
    }
}
