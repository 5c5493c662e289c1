//! A policy that repeats what was driven. It sees no picture; of a frame it takes only the time.

use std::time::Duration;

use super::recorded::Axes;
use crate::dataset::{Dataset, DatasetError};
use crate::msg::{ActionChunk, Frame, Kinematics, Stamp, Twist};
use crate::policy::{Policy, PolicyError, PolicyInfo};

/// Actions ahead that each frame is answered with.
const SLOTS: usize = 16;

/// Answers each frame with the actions recorded from that moment on, counted from the first frame
/// after a reset (an engage); zeros after the end. Before the first reset it stands at the start.
#[derive(Clone, Debug)]
pub(super) struct RecordedPolicy {
    info: PolicyInfo,
    task: String,
    fps: f64,
    actions: Vec<Twist>,
    clock: Clock,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Clock {
    Waiting,
    /// The next frame is the first.
    Reset,
    Since(Stamp),
}

impl RecordedPolicy {
    /// Reads the actions of an episode.
    pub(super) fn load(dataset: &Dataset, number: usize) -> Result<Self, DatasetError> {
        let rows = dataset.rows(number)?;
        let axes = Axes::of(dataset.info(), "action").ok_or_else(|| {
            let text = "the episode's actions are no velocities: there is nothing to drive";
            DatasetError::Refused(text.to_owned())
        })?;
        let actions: Vec<_> = (0..rows.n_rows()).map(|row| axes.twist(&rows, row)).collect();
        let task = dataset.episode(number)?.tasks.first().cloned().unwrap_or_default();
        let name = format!("replay of episode {number}");
        Ok(Self::new(name, task, f64::from(dataset.info().fps), actions))
    }

    fn new(name: String, task: String, fps: f64, actions: Vec<Twist>) -> Self {
        let strafes = actions.iter().any(|action| action.linear_y.abs() > f64::EPSILON);
        let info = PolicyInfo {
            name,
            device: "recorded actions".to_owned(),
            kinematics: if strafes { Kinematics::Omni } else { Kinematics::Differential },
            rate_hz: fps,
            suggestions: vec![task.clone()],
            ..PolicyInfo::default()
        };
        Self { info, task, fps, actions, clock: Clock::Waiting }
    }

    /// What the robot was told to do; never empty, as nothing is driven without an instruction.
    pub(super) fn task(&self) -> &str {
        if self.task.is_empty() { "replay" } else { &self.task }
    }
}

impl Policy for RecordedPolicy {
    fn info(&self) -> &PolicyInfo {
        &self.info
    }

    fn set_instruction(&mut self, _: &str) -> Result<(), PolicyError> {
        Ok(())
    }

    fn reset(&mut self) {
        self.clock = Clock::Reset;
    }

    fn infer(&mut self, frame: &Frame, chunk: &mut ActionChunk) -> Result<(), PolicyError> {
        if self.clock == Clock::Reset {
            self.clock = Clock::Since(frame.captured);
        }
        let passed = match self.clock {
            Clock::Since(start) => frame.captured.since(start).as_secs_f64(),
            Clock::Waiting | Clock::Reset => 0.0,
        };
        let first = (passed * self.fps).round() as usize;
        let ahead = self.actions.iter().skip(first).copied();
        let slots: Vec<_> = ahead.chain(std::iter::repeat(Twist::ZERO)).take(SLOTS).collect();
        chunk.slot = Duration::from_secs_f64(1.0 / self.fps);
        chunk.horizon = chunk.slot * SLOTS as u32;
        chunk.confidence = 1.0;
        chunk.set_twists(&slots);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy() -> RecordedPolicy {
        let actions = (0..30).map(|i| Twist::new(f64::from(i), 0.0, 0.0)).collect();
        RecordedPolicy::new("replay".to_owned(), "go".to_owned(), 10.0, actions)
    }

    /// The first slot's x, and how many slots are not zero.
    fn at(policy: &mut RecordedPolicy, ms: u64) -> (f64, usize) {
        let frame = Frame { captured: Stamp::from_millis(ms), ..Frame::default() };
        let mut chunk = ActionChunk::default();
        policy.infer(&frame, &mut chunk).unwrap();
        assert_eq!(chunk.twists().len(), SLOTS);
        let moving = chunk.twists().iter().filter(|twist| !twist.is_zero()).count();
        (chunk.twists()[0].linear_x, moving)
    }

    #[test]
    fn the_drive_begins_when_autonomy_is_engaged() {
        // The robot would begin somewhere in the middle of the drive, or go on after its end.
        let mut policy = policy();
        assert_eq!(at(&mut policy, 1000), (0.0, 15));
        assert_eq!(at(&mut policy, 9000), (0.0, 15), "not engaged: it waits");
        policy.reset();
        assert_eq!(at(&mut policy, 10_000), (0.0, 15));
        assert_eq!(at(&mut policy, 10_540), (5.0, 16));
        assert_eq!(at(&mut policy, 12_000), (20.0, 10));
        assert_eq!(at(&mut policy, 13_000), (0.0, 0), "after the end it stands still");
        policy.reset();
        assert_eq!(at(&mut policy, 20_000), (0.0, 15), "from the start again");
    }

    #[test]
    fn a_drive_that_never_strafes_needs_no_omni_base() {
        // A differential base would be refused a drive it can do, or promised one it cannot.
        assert_eq!(policy().info().kinematics, Kinematics::Differential);
        let strafing = vec![Twist::new(0.0, 0.2, 0.0)];
        let policy = RecordedPolicy::new(String::new(), String::new(), 10.0, strafing);
        assert_eq!(policy.info().kinematics, Kinematics::Omni);
        assert_eq!(policy.task(), "replay");
    }
}
