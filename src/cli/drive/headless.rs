//! Driving without a terminal: a script presses the keys, the summary is JSON.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use serde::Serialize;

use super::robot::Robot;
use crate::cli::sim_process::SimProcess;
use crate::msg::{Command, KeyPhase, LinkState, Notice, RecordCommand, RecordStatus, Stamp};
use crate::runtime::monitor::Summary;
use crate::runtime::policy_loop::{PolicyCommand, PolicyEvent};
use crate::runtime::record_loop::{Order, RecordLoop};
use crate::runtime::{Station, clock};
use crate::teleop::{Action, Script, Teleop};

/// The script's clock starts when the station is ready, or after this long whatever is missing.
const READY_WAIT: Duration = Duration::from_secs(20);

/// How often the loop looks; finer than the tick, so that a press is at most this late.
const LOOK: Duration = Duration::from_millis(2);

/// What a headless run prints.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct Report {
    /// Start of the program's work to the first decoded picture.
    pub(in crate::cli) first_picture_ms: Option<f64>,
    /// Start to a connected base, a picture and a ready policy (if one was asked for).
    ready_ms: Option<f64>,
    pub(in crate::cli) device: String,
    #[serde(flatten)]
    pub(in crate::cli) summary: Summary,
    /// The recorder's state at the end.
    record: Option<RecordStatus>,
    /// The event log's lines, with the time in seconds since the first tick.
    events: Vec<(f64, String)>,
    /// What became of the task; only on the simulated robot, from its true state.
    #[serde(skip_serializing_if = "Option::is_none")]
    simulator: Option<crate::sim::packet::Status>,
}

/// Runs `script` for `span` after the station is ready. `each` is called every time the loop looks.
pub(in crate::cli) fn run(
    robot: &mut Robot,
    station: &mut Station,
    script: Script,
    span: Duration,
    quit: &AtomicBool,
    each: &mut dyn FnMut(&mut Station) -> anyhow::Result<()>,
) -> anyhow::Result<Report> {
    let mut run = Run {
        robot,
        station,
        events: Vec::new(),
        first_picture: None,
        device: String::new(),
        answers: true,
        each,
    };
    let start = clock::now();
    let ready = run.wait_until_ready(start, quit)?;
    run.play(script, span, quit)?;
    let origin = run.station.monitor.first().unwrap_or(start);
    Ok(Report {
        first_picture_ms: run
            .first_picture
            .map(|at| at.since(run.robot.started).as_secs_f64() * 1e3),
        ready_ms: ready.map(|at| at.since(run.robot.started).as_secs_f64() * 1e3),
        device: run.device,
        summary: run.station.monitor.summary(),
        record: run.station.recorder.as_ref().map(RecordLoop::status),
        events: run
            .events
            .into_iter()
            .map(|notice| (notice.at.since(origin).as_secs_f64(), notice.text))
            .collect(),
        simulator: run.robot.sim.as_ref().and_then(SimProcess::status),
    })
}

struct Run<'a> {
    robot: &'a mut Robot,
    station: &'a mut Station,
    events: Vec<Notice>,
    first_picture: Option<Stamp>,
    device: String,
    /// The script's terminal answers status queries.
    answers: bool,
    each: &'a mut dyn FnMut(&mut Station) -> anyhow::Result<()>,
}

impl Run<'_> {
    fn wait_until_ready(
        &mut self,
        start: Stamp,
        quit: &AtomicBool,
    ) -> anyhow::Result<Option<Stamp>> {
        while clock::now().since(start) < READY_WAIT && !quit.load(Ordering::Acquire) {
            self.look()?;
            let tick = self.station.monitor.last();
            let has_policy = tick.readiness.policy.ready || self.robot.policy.is_none();
            if tick.base.link == LinkState::Up && self.first_picture.is_some() && has_policy {
                return Ok(Some(clock::now()));
            }
            clock::sleep(LOOK);
        }
        Ok(None)
    }

    fn play(
        &mut self,
        mut script: Script,
        span: Duration,
        quit: &AtomicBool,
    ) -> anyhow::Result<()> {
        let start = clock::now();
        while !quit.load(Ordering::Acquire) {
            let passed = clock::now().since(start);
            while let Some(step) = script.next_due(passed) {
                self.act(&step.action)?;
            }
            if passed >= span {
                return Ok(());
            }
            self.look()?;
            clock::sleep(LOOK);
        }
        Ok(())
    }

    fn act(&mut self, action: &Action) -> anyhow::Result<()> {
        let desk = &self.station.desk;
        match action {
            Action::Key(event) => {
                desk.update(|teleop, now| teleop.on_key(*event, now));
                let command = Command::of(event.key).and_then(Command::record);
                if let Some(command) = command.filter(|_| event.phase == KeyPhase::Press) {
                    self.station.record(Order::Command(command));
                }
            }
            Action::Tag(tag) => {
                self.station.record(Order::Command(RecordCommand::Tag(tag.clone())));
            }
            Action::Focus { is_gained } => {
                desk.update(|teleop, now| teleop.on_focus(*is_gained, now));
            }
            Action::Hangup => desk.update(Teleop::on_hangup),
            Action::Terminal { answers } => self.answers = *answers,
            Action::Instruction(text) => self.command(PolicyCommand::Instruct(text.clone()))?,
            Action::Policy(name) => self.command(PolicyCommand::Choose(name.clone()))?,
            Action::Robot(line) => {
                let sim = self.robot.sim.as_mut();
                sim.context("a `robot` step needs the simulated robot")?.order(line)?;
            }
        }
        Ok(())
    }

    fn command(&self, command: PolicyCommand) -> anyhow::Result<()> {
        anyhow::ensure!(self.station.policy.command(command), "the policy's thread is stuck");
        Ok(())
    }

    /// Takes in what happened. The script has no terminal to lose, so it answers its own status
    /// queries.
    fn look(&mut self) -> anyhow::Result<()> {
        let answers = self.answers;
        self.station.desk.update(|teleop, now| {
            if teleop.probe_due(now) {
                teleop.probe_sent(now);
                if answers {
                    teleop.on_answer(now);
                }
            }
        });
        let events = &mut self.events;
        self.station.poll(|notice| events.push(notice));
        while let Some(event) = self.station.policy.event() {
            if let PolicyEvent::Loaded(info) = &event {
                self.device.clone_from(&info.device);
            }
            self.events.push(super::robot::policy_notice(&event));
            if let Some(command) = self.robot.first_instruction(&event) {
                self.command(command)?;
            }
            Robot::tell_recorder(self.station, &event);
            self.robot.on_policy_event(&event);
        }
        if self.first_picture.is_none()
            && self.station.monitor.last().readiness.camera.newest.is_some()
        {
            self.first_picture = Some(clock::now());
        }
        (self.each)(self.station)
    }
}
