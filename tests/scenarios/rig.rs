//! The station's loop on a manual clock: the real teleop, supervisor, gate and both ends of the
//! native protocol among simple models of terminal, camera and policy. What the parts do is
//! scripted with [`Act`]; every tick is recorded as the station records it.

use std::time::Duration;

use pilothouse::control;
use pilothouse::msg::{
    ActionChunk, InputMode, Key, KeyEvent, KeyPhase, MAX_SLOTS, Readiness, Stamp, Tick, Twist,
};
use pilothouse::runtime::{ControlState, Moment};
use pilothouse::safety::Limits;
use pilothouse::teleop::{self, Teleop};
use serde::Deserialize;

use crate::robot::Robot;

pub(crate) const PERIOD: Duration = Duration::from_millis(20);
/// Stamps are far from zero, as on a machine that has been up for a while.
const START: Stamp = Stamp::from_millis(1_000_000);
const CAMERA_RATE: f64 = 30.0;
const ROUND_TRIP: Duration = Duration::from_millis(60);

/// Something that happens to a part of the rig.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Act {
    Press(String),
    Repeat(String),
    Release(String),
    /// Press and release.
    Tap(String),
    Terminal(TerminalAct),
    Camera(CameraAct),
    Policy(PolicyAct),
    Plan(Plan),
    Base(BaseAct),
    /// The process is stopped: the monotonic clock goes on.
    PausedMs(u64),
    /// The computer sleeps: only the boot clock goes on.
    SuspendedMs(u64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TerminalAct {
    /// Takes nothing and says nothing.
    Freeze,
    /// What waited arrives.
    Thaw,
    HangUp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CameraAct {
    Run,
    Stall,
    /// New numbers, old content.
    Freeze,
    Unplug,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PolicyAct {
    Run,
    /// The running inference never ends.
    Stall,
    /// The policy itself notices that its answer is not finite.
    Nan,
    /// A chunk with NaN gets through.
    NanChunk,
    Fail,
    Unload,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum BaseAct {
    /// Everything in order again.
    Run,
    Unplug,
    /// A new handshake.
    Plug,
    /// Its telemetry stops.
    Mute,
    /// The port takes nothing.
    Block,
    /// Stops are not acknowledged.
    Deaf,
    Fault,
    /// Somebody pushes the button on the robot.
    Latch,
    /// Its controller starts anew, without a session and without its latch.
    Restart,
    /// Its controller starts anew with a watchdog of 600 ms.
    Lazy,
}

/// What the policy answers to each frame.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Plan {
    pub(crate) twist: [f64; 3],
    pub(crate) slots: usize,
    pub(crate) slot_ms: u64,
    pub(crate) horizon_ms: u64,
    pub(crate) inference_ms: u64,
    pub(crate) confidence: f64,
    pub(crate) confidence_min: f64,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            twist: [0.3, 0.0, 0.1],
            slots: 10,
            slot_ms: 50,
            horizon_ms: 1000,
            inference_ms: 40,
            confidence: 0.9,
            confidence_min: 0.0,
        }
    }
}

#[derive(Debug)]
pub(crate) struct Rig {
    pub(crate) now: Stamp,
    teleop: Teleop,
    terminal: TerminalAct,
    /// Answers and keys under way to the station.
    answers: Vec<Stamp>,
    held_back: Vec<KeyEvent>,
    camera: CameraAct,
    frames: Vec<Stamp>,
    policy: PolicyAct,
    plan: Plan,
    /// Capture, start and epoch of the inference under way.
    inference: Option<(Stamp, Stamp, u64)>,
    chunk: Option<ActionChunk>,
    readiness: Readiness,
    robot: Robot,
    state: ControlState,
    pub(crate) last: Tick,
}

pub(crate) fn seconds(tick: &Tick) -> f64 {
    tick.now.since(START).as_secs_f64()
}

impl Rig {
    pub(crate) fn new(mode: InputMode) -> Self {
        let mut readiness = Readiness::default();
        readiness.camera.rate_nominal = CAMERA_RATE;
        readiness.policy.ready = true;
        readiness.policy.instruction_ok = true;
        Self {
            now: START,
            teleop: Teleop::new(&teleop::Config::default(), mode),
            terminal: TerminalAct::Thaw,
            answers: Vec::new(),
            held_back: Vec::new(),
            camera: CameraAct::Run,
            // A second of pictures has been seen already.
            frames: (1..=30)
                .rev()
                .map(|n| START - Duration::from_secs_f64(n as f64 / 30.0))
                .collect(),
            policy: PolicyAct::Run,
            plan: Plan::default(),
            inference: None,
            chunk: None,
            readiness,
            robot: Robot::connected(START),
            state: fresh(),
            last: Tick::default(),
        }
    }

    /// The wheels' speed, as a yardstick on the ground would see it.
    pub(crate) fn robot_twist(&self) -> Twist {
        self.robot.velocity(self.now)
    }

    pub(crate) fn act(&mut self, act: &Act) {
        match act {
            Act::Press(name) => self.key(name, KeyPhase::Press),
            Act::Repeat(name) => self.key(name, KeyPhase::Repeat),
            Act::Release(name) => self.key(name, KeyPhase::Release),
            Act::Tap(name) => {
                self.key(name, KeyPhase::Press);
                self.key(name, KeyPhase::Release);
            }
            Act::Terminal(act) => self.terminal(*act),
            Act::Camera(act) => self.camera = *act,
            Act::Policy(act) => self.policy = *act,
            Act::Plan(plan) => self.plan = plan.clone(),
            Act::Base(act) => self.robot.happens(*act, self.now + PERIOD),
            Act::PausedMs(ms) => {
                self.now = self.now + Duration::from_millis(*ms);
                self.readiness.tick_gap = Duration::from_millis(*ms);
            }
            Act::SuspendedMs(ms) => {
                self.readiness.suspended = Duration::from_millis(*ms);
                self.robot.goes_on_alone(Duration::from_millis(*ms));
            }
        }
    }

    fn key(&mut self, name: &str, phase: KeyPhase) {
        let key: Key = name.parse().expect("a key's name");
        let event = KeyEvent { key, phase };
        match self.terminal {
            TerminalAct::Thaw => self.teleop.on_key(event, self.now + PERIOD),
            TerminalAct::Freeze => self.held_back.push(event),
            TerminalAct::HangUp => {}
        }
    }

    fn terminal(&mut self, act: TerminalAct) {
        self.terminal = act;
        let next_tick = self.now + PERIOD;
        match act {
            TerminalAct::Thaw => {
                for event in std::mem::take(&mut self.held_back) {
                    self.teleop.on_key(event, next_tick);
                }
            }
            TerminalAct::HangUp => self.teleop.on_hangup(next_tick),
            TerminalAct::Freeze => self.answers.clear(),
        }
    }

    /// One turn of the control loop.
    pub(crate) fn tick(&mut self) -> Tick {
        self.readiness.tick_gap += PERIOD;
        self.now = self.now + PERIOD;
        let now = self.now;
        self.answer_queries();
        self.take_pictures();
        self.infer();
        let base = self.robot.poll(now);
        let operator = self.teleop.state(now);
        let (readiness, chunk) = (self.readiness, self.chunk);
        let turn = self.state.turn(&Moment { now, operator, base, readiness, chunk });
        self.robot.obey(turn.command, turn.stop, now);
        self.readiness.tick_gap = Duration::ZERO;
        self.readiness.suspended = Duration::ZERO;
        self.last = turn.tick;
        self.last
    }

    pub(crate) fn ticks(&mut self, n: usize) {
        for _ in 0..n {
            self.tick();
        }
    }

    fn answer_queries(&mut self) {
        let (now, teleop) = (self.now, &mut self.teleop);
        self.answers.retain(|&at| {
            let is_here = at <= now;
            if is_here {
                teleop.on_answer(now);
            }
            !is_here
        });
        if self.teleop.probe_due(now) {
            self.teleop.probe_sent(now);
            if self.terminal == TerminalAct::Thaw {
                self.answers.push(now + ROUND_TRIP);
            }
        }
    }

    fn take_pictures(&mut self) {
        let now = self.now;
        let is_connected = self.camera != CameraAct::Unplug;
        while let Some(&last) = self.frames.last() {
            let next = last + Duration::from_secs_f64(1.0 / CAMERA_RATE);
            if next > now {
                break;
            }
            // A picture that did not come leaves the time of the next possible one.
            if !matches!(self.camera, CameraAct::Run | CameraAct::Freeze) {
                break;
            }
            let late = now.since(next) > PERIOD * 3;
            self.frames.push(if late { now } else { next });
        }
        let camera = &mut self.readiness.camera;
        camera.connected = is_connected;
        camera.newest = self.frames.last().map(|&at| (self.frames.len() as u64, at));
        if self.camera == CameraAct::Run {
            camera.changed = self.frames.last().copied();
        }
        let n_seen =
            self.frames.iter().filter(|&&at| now.since(at) < Duration::from_secs(1)).count();
        camera.rate_seen = n_seen as f64;
    }

    fn infer(&mut self) {
        let now = self.now;
        let facts = &mut self.readiness.policy;
        facts.ready = self.policy != PolicyAct::Unload;
        facts.failed = self.policy == PolicyAct::Fail;
        facts.not_finite = self.policy == PolicyAct::Nan;
        facts.confidence_min = self.plan.confidence_min;
        let answers = matches!(self.policy, PolicyAct::Run | PolicyAct::NanChunk);
        if let Some((captured, started, epoch)) = self.inference {
            let is_done = now.since(started) >= Duration::from_millis(self.plan.inference_ms);
            if is_done && self.policy != PolicyAct::Stall {
                self.inference = None;
                if answers {
                    self.chunk = Some(self.answer(captured, started, epoch));
                }
            }
        }
        if self.inference.is_none() && self.policy != PolicyAct::Unload {
            let captured = self.frames.last().copied().unwrap_or(now);
            self.inference = Some((captured, now, self.last.epoch));
        }
        self.readiness.policy.busy_since = self.inference.map(|(_, started, _)| started);
    }

    fn answer(&self, captured: Stamp, started: Stamp, epoch: u64) -> ActionChunk {
        let [x, y, yaw] = self.plan.twist;
        let mut twists = [Twist::new(x, y, yaw); MAX_SLOTS];
        if self.policy == PolicyAct::NanChunk {
            twists[self.plan.slots - 1].angular_z = f64::NAN;
        }
        let mut chunk = ActionChunk::default();
        chunk.epoch = epoch;
        chunk.seq = self.last.number;
        chunk.captured = captured;
        chunk.inference_started = started;
        chunk.inference_ended = self.now;
        chunk.slot = Duration::from_millis(self.plan.slot_ms);
        chunk.horizon = Duration::from_millis(self.plan.horizon_ms);
        chunk.confidence = self.plan.confidence;
        chunk.set_twists(&twists[..self.plan.slots]);
        chunk
    }
}

/// Feeds recorded ticks through a fresh memory; every answer must be the recorded one.
pub(crate) fn assert_replays(ticks: &[Tick]) {
    let mut state = fresh();
    for tick in ticks {
        let again = state.turn(&Moment::from(tick)).tick;
        if again != *tick {
            // NaN is equal to itself in print.
            assert_eq!(format!("{again:?}"), format!("{tick:?}"), "tick {}", tick.number);
        }
    }
}

fn fresh() -> ControlState {
    ControlState::new(&control::Config::default(), Limits::default())
}
