//! The control thread: 50 times a second, inputs → turn → base.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::thread::JoinHandle;
use std::time::Duration;

use triple_buffer::Output;

use super::camera_loop::Facts;
use super::clock;
use super::policy_loop::PolicyTaps;
use super::record_loop::ControlTaps;
use super::turn::{ControlState, Moment};
use crate::base::Base;
use crate::msg::{BaseInfo, OperatorInput, Readiness, Stamp, StopKind, StopState, Tick};
use crate::safety::SafeTwist;

/// Time from tick to tick.
pub const PERIOD: Duration = Duration::from_millis(20);

/// At the end the base is asked to stop, and this long waited for its acknowledgement.
const FAREWELL: Duration = Duration::from_millis(300);

/// A replay may begin this often: once a second.
const CHECKPOINT_EVERY: u64 = 50;

/// Everything the thread owns.
pub(super) struct ControlParts {
    pub base: Box<dyn Base>,
    pub state: ControlState,
    pub operator: Output<OperatorInput>,
    pub camera: Facts,
    pub policy: PolicyTaps,
    /// Full: the tick is left out of the screen's and the reports' view, and counted there by its
    /// number's gap.
    pub ticks: rtrb::Producer<Tick>,
    /// The recorder's own view.
    pub record: ControlTaps,
    /// The base's own words after each handshake.
    pub base_info: SyncSender<BaseInfo>,
}

/// Ends the thread, with a stop to the base, when dropped.
#[derive(Debug)]
pub(super) struct ControlHandle {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for ControlHandle {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!(
                "the control thread panicked; the base's watchdog has stopped the robot"
            );
        }
    }
}

/// Starts the thread.
///
/// # Errors
/// The system has no thread to give.
pub(super) fn start(parts: ControlParts) -> io::Result<ControlHandle> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    let thread = super::spawn("control", move || Loop::new(parts).run(&flag))?;
    Ok(ControlHandle { stop, thread: Some(thread) })
}

struct Loop {
    parts: ControlParts,
    session: u32,
    previous: Option<(Stamp, Stamp)>,
}

impl Loop {
    const fn new(parts: ControlParts) -> Self {
        Self { parts, session: 0, previous: None }
    }

    fn run(mut self, stop: &AtomicBool) {
        let mut due = clock::now();
        while !stop.load(Ordering::Acquire) {
            clock::sleep_until(due);
            let tick = self.turn(due);
            let _ = self.parts.ticks.push(tick);
            // A gap in the numbers tells the recorder what it missed.
            let _ = self.parts.record.ticks.push(tick);
            due = next_due(due, clock::now());
        }
        self.say_farewell();
    }

    /// One tick that was due at `due`.
    fn turn(&mut self, due: Stamp) -> Tick {
        let now = clock::now();
        let moment = Moment {
            now,
            operator: *self.parts.operator.read(),
            base: *self.parts.base.poll(now),
            readiness: self.readiness(now, due),
            chunk: *self.parts.policy.chunk.read(),
        };
        if self.parts.state.ticks().is_multiple_of(CHECKPOINT_EVERY) {
            // Full: the recorder is stuck, and says so itself.
            let _ = self.parts.record.checkpoints.push(self.parts.state.clone());
        }
        let turn = self.parts.state.turn(&moment);
        if let Some(kind) = turn.stop {
            self.parts.base.stop(kind, now);
        }
        // Before, not after: the line's thread may write while this one is still in `send`.
        let handed = clock::now();
        self.parts.base.send(turn.command, now);
        self.parts.policy.epoch.store(turn.tick.epoch, Ordering::Release);
        if moment.base.session != self.session {
            self.session = moment.base.session;
            self.introduce();
        }
        Tick { handed, ..turn.tick }
    }

    fn readiness(&mut self, now: Stamp, due: Stamp) -> Readiness {
        let boot = clock::boot();
        let (gap, suspended) =
            self.previous.map_or((Duration::ZERO, Duration::ZERO), |(mono, up)| {
                let gap = now.since(mono);
                (gap, boot.since(up).saturating_sub(gap))
            });
        self.previous = Some((now, boot));
        Readiness {
            camera: self.parts.camera.read(),
            policy: *self.parts.policy.facts.read(),
            tick_late: now.since(due),
            tick_gap: gap,
            suspended,
        }
    }

    /// Once per handshake, so the copy of the names is not in the steady state.
    fn introduce(&self) {
        if let Some(info) = self.parts.base.info() {
            let _ = self.parts.base_info.try_send(info.clone());
        }
    }

    /// Zeros and a stop until the base acknowledges it, or does not in time.
    fn say_farewell(mut self) {
        let start = clock::now();
        self.parts.base.stop(StopKind::Stop, start);
        let mut due = start;
        while due.since(start) < FAREWELL {
            let now = clock::now();
            let report = *self.parts.base.poll(now);
            self.parts.base.send(SafeTwist::ZERO, now);
            if matches!(report.stop, StopState::Acknowledged { at } if at >= start) {
                return;
            }
            due = due + PERIOD;
            clock::sleep_until(due);
        }
        tracing::warn!("the base did not acknowledge the last stop");
    }
}

/// The next tick after `now` on the grid that started at `due`; ticks already missed are skipped.
fn next_due(due: Stamp, now: Stamp) -> Stamp {
    let missed = now.since(due).as_nanos() / PERIOD.as_nanos();
    due + PERIOD * u32::try_from(missed + 1).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn late_ticks_are_skipped_not_caught_up() {
        // A stalled computer would otherwise send a burst of commands from the past.
        let start = Stamp::from_millis(1000);
        let next = |ms: u64| next_due(start, Stamp::from_millis(ms)).0 / 1_000_000;
        assert_eq!(next(1000), 1020);
        assert_eq!(next(1019), 1020);
        assert_eq!(next(1020), 1040);
        assert_eq!(next(1333), 1340);
    }
}
