//! What the ticks add up to: figures for the screen and the summary of a run. Pure: fed with ticks,
//! owns no thread.

use std::time::Duration;

use serde::Serialize;

use super::latency::{Percentiles, Whole, Window};
use crate::msg::{Authority, Fault, FaultSet, Mode, Snapshot, Stamp, Tick};

/// Changes kept for the summary; later ones are counted only.
const MAX_CHANGES: usize = 10_000;

/// A tick later than this counts as late: a quarter of its period.
const LATE: Duration = Duration::from_millis(5);

#[derive(Clone, Debug, Default)]
struct Stage {
    window: Window,
    whole: Whole,
}

impl Stage {
    fn push(&mut self, sample: Duration) {
        self.window.push(sample);
        self.whole.push(sample);
    }
}

/// Eats ticks.
#[derive(Clone, Debug, Default)]
pub struct Monitor {
    start: Option<Stamp>,
    last: Tick,
    ticks: u64,
    ticks_late: u64,
    ticks_missed: u64,
    frame: Stage,
    inference: Stage,
    operator: Stage,
    operator_bytes: Stage,
    reaction: Stage,
    handover: Stage,
    write: Stage,
    jitter: Stage,
    modes: Vec<ModeChange>,
    faults: Vec<FaultChange>,
    present: FaultSet,
    distance_m: f64,
    policy_s: f64,
    /// The newest frame's.
    decode: Duration,
    /// An operator event that was handed to the line, but not seen written yet.
    unwritten_event: Option<Stamp>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ModeChange {
    pub at_s: f64,
    pub mode: Mode,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FaultChange {
    pub at_s: f64,
    pub fault: Fault,
    pub present: bool,
}

/// A run in numbers. Latencies in milliseconds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    pub seconds: f64,
    pub ticks: u64,
    /// Began over 5 ms after they were due.
    pub ticks_late: u64,
    /// Did not happen, because the tick before them ended after they were due.
    pub ticks_missed: u64,
    pub latency_ms: Latencies,
    pub mode_changes: Vec<ModeChange>,
    pub faults: Vec<FaultChange>,
    pub final_mode: Mode,
    /// Length of the odometry's path.
    pub distance_m: f64,
    /// Time in which the policy's wish was the command.
    pub policy_seconds: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Latencies {
    /// Capture to the decoded frame.
    pub frame: Percentiles,
    /// Preprocessing and inference.
    pub inference: Percentiles,
    /// Operator event to the command handed to the base's line.
    pub operator: Percentiles,
    /// Operator event to the bytes written to the port.
    pub operator_to_bytes: Percentiles,
    /// Frame capture to the first command that came from it.
    pub reaction: Percentiles,
    /// Decoded frame to the command on the line, less inference and the wait for the tick.
    pub handover: Percentiles,
    /// Command handed over to bytes written to the port.
    pub write: Percentiles,
    /// Lateness of each tick.
    pub jitter: Percentiles,
}

impl Monitor {
    pub fn push(&mut self, tick: &Tick) {
        let start = *self.start.get_or_insert(tick.now);
        let at_s = tick.now.since(start).as_secs_f64();
        self.count(tick);
        self.time(tick);
        if self.ticks == 1 || tick.mode != self.last.mode {
            keep(&mut self.modes, ModeChange { at_s, mode: tick.mode });
        }
        for fault in tick.faults.minus(self.present).iter() {
            keep(&mut self.faults, FaultChange { at_s, fault, present: true });
        }
        for fault in self.present.minus(tick.faults).iter() {
            keep(&mut self.faults, FaultChange { at_s, fault, present: false });
        }
        self.present = tick.faults;
        self.last = *tick;
    }

    /// Arrival to publication of one frame.
    pub fn push_decode(&mut self, span: Duration) {
        self.decode = span;
        self.frame.push(span);
    }

    /// The port took a tick's bytes at `at`. False when that tick has not been pushed yet: ask
    /// again after the next.
    pub fn push_written(&mut self, at: Stamp) -> bool {
        let period = super::control_loop::PERIOD;
        if at >= self.last.handed + period {
            return false;
        }
        if at >= self.last.handed {
            self.write.push(at.since(self.last.handed));
            if let Some(event) = self.unwritten_event.take() {
                self.operator_bytes.push(at.since(event));
            }
        }
        true
    }

    fn count(&mut self, tick: &Tick) {
        let period = super::control_loop::PERIOD;
        self.ticks += 1;
        self.ticks_late += u64::from(tick.readiness.tick_late > LATE);
        let grid = tick.readiness.tick_gap.saturating_sub(tick.readiness.tick_late);
        self.ticks_missed +=
            (grid.as_secs_f64() / period.as_secs_f64()).round().max(1.0) as u64 - 1;
        if tick.authority == Authority::Policy {
            self.policy_s += period.as_secs_f64();
        }
        if let (Some(old), Some(new)) = (self.last.base.odometry, tick.base.odometry)
            && self.last.base.session == tick.base.session
        {
            self.distance_m += (new.x - old.x).hypot(new.y - old.y);
        }
    }

    fn time(&mut self, tick: &Tick) {
        self.jitter.push(tick.readiness.tick_late);
        let last = &self.last;
        if tick.operator.event > last.operator.event && last.operator.event > Stamp::ZERO {
            self.operator.push(tick.handed.since(tick.operator.event));
            self.unwritten_event = Some(tick.operator.event);
        }
        let Some(chunk) = tick.chunk else { return };
        if last.chunk.is_none_or(|old| old.seq != chunk.seq) {
            self.inference.push(chunk.inference_ended.since(chunk.inference_started));
            self.reaction.push(tick.handed.since(chunk.captured));
            let before = chunk.inference_started.since(chunk.captured).saturating_sub(self.decode);
            self.handover.push(before + tick.handed.since(tick.now));
        }
    }

    /// What the screen shows now.
    pub fn snapshot(&mut self) -> Snapshot {
        Snapshot {
            tick: self.last,
            ticks: self.ticks,
            ticks_late: self.ticks_late + self.ticks_missed,
            frame_ms: self.frame.window.p50_p99(),
            inference_ms: self.inference.window.p50_p99(),
            operator_ms: self.operator.window.p50_p99(),
            reaction_ms: self.reaction.window.p50_p99(),
            jitter_ms: self.jitter.window.p50_p99(),
        }
    }

    /// The moment of the first tick.
    #[must_use]
    pub const fn first(&self) -> Option<Stamp> {
        self.start
    }

    #[must_use]
    pub const fn last(&self) -> &Tick {
        &self.last
    }

    #[must_use]
    pub fn summary(&self) -> Summary {
        Summary {
            seconds: self.start.map_or(0.0, |start| self.last.now.since(start).as_secs_f64()),
            ticks: self.ticks,
            ticks_late: self.ticks_late,
            ticks_missed: self.ticks_missed,
            latency_ms: Latencies {
                frame: self.frame.whole.percentiles(),
                inference: self.inference.whole.percentiles(),
                operator: self.operator.whole.percentiles(),
                operator_to_bytes: self.operator_bytes.whole.percentiles(),
                reaction: self.reaction.whole.percentiles(),
                handover: self.handover.whole.percentiles(),
                write: self.write.whole.percentiles(),
                jitter: self.jitter.whole.percentiles(),
            },
            mode_changes: self.modes.clone(),
            faults: self.faults.clone(),
            final_mode: self.last.mode,
            distance_m: self.distance_m,
            policy_seconds: self.policy_s,
        }
    }
}

fn keep<T>(list: &mut Vec<T>, change: T) {
    if list.len() < MAX_CHANGES {
        list.push(change);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::msg::{ActionChunk, OperatorInput};

    fn tick(ms: u64) -> Tick {
        let now = Stamp::from_millis(ms);
        let mut tick = Tick { now, handed: now, ..Tick::default() };
        tick.readiness.tick_gap = Duration::from_millis(20);
        tick
    }

    #[test]
    fn missed_and_late_ticks_are_told_apart() {
        // An overloaded computer would look healthy in the summary.
        let mut monitor = Monitor::default();
        monitor.push(&tick(0));
        let mut late = tick(26);
        late.readiness.tick_gap = Duration::from_millis(26);
        late.readiness.tick_late = Duration::from_millis(6);
        monitor.push(&late);
        let mut after_gap = tick(80);
        after_gap.readiness.tick_gap = Duration::from_millis(60);
        monitor.push(&after_gap);
        let summary = monitor.summary();
        assert_eq!((summary.ticks, summary.ticks_late, summary.ticks_missed), (3, 1, 2));
    }

    #[test]
    fn latencies_are_taken_once_per_event() {
        // A figure would be diluted by every tick that repeats the same event.
        let mut monitor = Monitor::default();
        let press = |now: u64, event: u64| {
            let event = Stamp::from_millis(event);
            Tick { operator: OperatorInput { event, ..OperatorInput::default() }, ..tick(now) }
        };
        for tick in [press(100, 1), press(120, 108), press(140, 108), press(160, 141)] {
            monitor.push(&tick);
        }
        let mut acted = tick(180);
        let mut chunk = ActionChunk::default();
        chunk.seq = 1;
        chunk.captured = Stamp::from_millis(100);
        chunk.inference_started = Stamp::from_millis(110);
        chunk.inference_ended = Stamp::from_millis(150);
        acted.chunk = Some(chunk);
        monitor.push(&acted);
        monitor.push(&Tick { now: Stamp::from_millis(200), ..acted });
        let found = monitor.summary().latency_ms;
        assert_eq!((found.operator.count, found.inference.count, found.reaction.count), (2, 1, 1));
        assert!((found.operator.max - 19.0).abs() < 0.1);
        assert!((found.reaction.max - 80.0).abs() < 0.2);
        assert!((found.inference.max - 40.0).abs() < 0.1);
    }

    #[test]
    fn modes_and_faults_are_told_by_their_edges() {
        // The summary would not show when a fault came and went.
        let mut monitor = Monitor::default();
        monitor.push(&tick(0));
        let faults = FaultSet::EMPTY.with(Fault::FrameStale);
        monitor.push(&Tick { faults, mode: Mode::Manual, ..tick(20) });
        monitor.push(&Tick { faults, mode: Mode::Manual, ..tick(40) });
        monitor.push(&tick(60));
        let summary = monitor.summary();
        let modes: Vec<_> = summary.mode_changes.iter().map(|change| change.mode).collect();
        assert_eq!(modes, [Mode::Standby, Mode::Manual, Mode::Standby]);
        let edges: Vec<_> = summary.faults.iter().map(|change| change.present).collect();
        assert_eq!(edges, [true, false]);
    }
}
