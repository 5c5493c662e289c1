use std::time::Duration;

use crate::control::{Config, Decision, Inputs, Supervisor, step};
use crate::msg::{
    ActionChunk, Axes, BaseReport, Kinematics, LinkState, Mode, OperatorInput, Readiness, Stamp,
    Twist,
};

pub(super) const TICK: Duration = Duration::from_millis(20);
pub(super) const FORWARD: Axes = Axes { x: 1.0, y: 0.0, yaw: 0.0 };
pub(super) const PLAN: Twist = Twist::new(0.2, 0.0, 0.1);

/// A supervisor among healthy parts. [`Bench::tick`] advances the time and makes every stamp fresh;
/// what a test breaks, it breaks in the closure of [`Bench::tick_with`], after that.
#[derive(Clone, Debug)]
pub(super) struct Bench {
    pub(super) now: Stamp,
    pub(super) operator: OperatorInput,
    pub(super) base: BaseReport,
    pub(super) readiness: Readiness,
    pub(super) chunk: Option<ActionChunk>,
    /// What the policy answers in every tick; `None` while it is silent.
    pub(super) plan: Option<Twist>,
    pub(super) command_not_finite: bool,
    pub(super) sent: Twist,
    pub(super) supervisor: Supervisor,
    pub(super) epoch: u64,
}

impl Bench {
    /// Standby, hands seen neutral, every fact good, the policy answering.
    pub(super) fn new() -> Self {
        let mut bench = Self {
            now: Stamp::from_millis(10_000),
            operator: OperatorInput {
                neutral: true,
                ceiling: 1.0,
                present: true,
                speed_cap_mps: f64::INFINITY,
                ..OperatorInput::default()
            },
            base: BaseReport {
                link: LinkState::Up,
                kinematics: Kinematics::Omni,
                watchdog: Duration::from_millis(200),
                ..BaseReport::default()
            },
            readiness: Readiness::default(),
            chunk: None,
            plan: Some(PLAN),
            command_not_finite: false,
            sent: Twist::ZERO,
            supervisor: Supervisor::new(&Config::default()),
            epoch: 0,
        };
        bench.readiness.camera.connected = true;
        bench.readiness.policy.ready = true;
        bench.readiness.policy.instruction_ok = true;
        bench.tick();
        bench
    }

    /// A bench brought into `mode`, hands at rest except in the modes that hands make.
    pub(super) fn in_mode(mode: Mode) -> Self {
        let mut bench = Self::new();
        match mode {
            Mode::Standby => {}
            Mode::Manual => drop(bench.drive(FORWARD)),
            Mode::Autonomous => drop(bench.engage_and_move()),
            Mode::Override => {
                bench.engage_and_move();
                bench.drive(FORWARD);
            }
            Mode::SoftStop => {
                bench.engage_and_move();
                bench.tick_with(|b| b.readiness.camera.connected = false);
            }
            Mode::EStop => {
                bench.operator.requests.e_stop += 1;
                bench.tick();
                bench.base.base_latched = true;
            }
        }
        assert_eq!(bench.supervisor.mode(), mode);
        bench
    }

    pub(super) fn tick(&mut self) -> Decision {
        self.tick_with(|_| {})
    }

    pub(super) fn tick_with(&mut self, change: impl FnOnce(&mut Self)) -> Decision {
        self.now = self.now + TICK;
        self.operator.stamp = self.now;
        self.base.last_rx = Some(self.now);
        self.readiness.camera.newest = Some((self.now.0, self.now));
        self.readiness.camera.changed = Some(self.now);
        if let Some(twist) = self.plan {
            self.chunk = Some(chunk(self.epoch, self.now, &[twist; 10]));
        }
        change(self);
        self.decide()
    }

    /// The tick itself, with whatever the facts are now.
    pub(super) fn decide(&mut self) -> Decision {
        let inputs = Inputs {
            now: self.now,
            operator: &self.operator,
            base: &self.base,
            readiness: &self.readiness,
            chunk: self.chunk.as_ref(),
            last_sent: self.sent,
            command_not_finite: self.command_not_finite,
        };
        let decision = step(&mut self.supervisor, &inputs);
        self.epoch = decision.epoch;
        self.sent = if decision.zero_now { Twist::ZERO } else { ramp(self.sent, decision.wanted) };
        decision
    }

    pub(super) fn ticks(&mut self, n: usize) -> Decision {
        let decisions = (0..n).map(|_| self.tick());
        decisions.last().expect("at least one tick")
    }

    /// Holds `axes` from now on, with a lease renewed by the test if it wants to drive longer than
    /// 300 ms.
    pub(super) fn drive(&mut self, axes: Axes) -> Decision {
        self.hold(axes);
        self.tick()
    }

    pub(super) fn hold(&mut self, axes: Axes) {
        self.operator.axes = axes;
        self.operator.neutral = false;
        self.operator.lease_until = self.now + Duration::from_millis(300);
    }

    pub(super) fn let_go(&mut self) {
        self.operator.axes = Axes::ZERO;
        self.operator.neutral = true;
    }

    pub(super) fn engage(&mut self) -> Decision {
        self.operator.requests.engage += 1;
        self.tick()
    }

    fn engage_and_move(&mut self) -> Decision {
        self.engage();
        self.ticks(5)
    }
}

/// Stands in for the gate: from speed to rest in ten ticks at most.
fn ramp(from: Twist, to: Twist) -> Twist {
    let towards = |from: f64, to: f64| from + (to - from).clamp(-0.05, 0.05);
    if to.is_finite() {
        Twist::new(
            towards(from.linear_x, to.linear_x),
            towards(from.linear_y, to.linear_y),
            towards(from.angular_z, to.angular_z),
        )
    } else {
        Twist::ZERO
    }
}

/// Slots of 50 ms, a horizon of a second.
pub(super) fn chunk(epoch: u64, captured: Stamp, twists: &[Twist]) -> ActionChunk {
    let mut chunk = ActionChunk::default();
    chunk.epoch = epoch;
    chunk.captured = captured;
    chunk.slot = Duration::from_millis(50);
    chunk.horizon = Duration::from_secs(1);
    chunk.confidence = 0.9;
    chunk.set_twists(twists);
    chunk
}
