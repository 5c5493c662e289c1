//! Times how fast a base stands still once its commands cease: the proof of its watchdog.

use std::time::Duration;

use crate::msg::{Stamp, Twist};

/// Slower than this is standing, m/s and rad/s.
const STANDING: f64 = 0.01;

/// Commands have ceased when the newest that the base has is older than three ticks.
const CEASED: Duration = Duration::from_millis(60);

/// Watches telemetry. A measurement runs from the moment the last command was handed to the line to
/// the arrival of the first telemetry that shows the base standing: the line's delay and one
/// telemetry period are in it.
///
/// It counts only while the newest command that the base has is one that moves and no stop was
/// asked for: a base that stands because it was told to measures nothing. So it needs a caller that
/// stops sending while it keeps polling (a stop test), or a line that still brings telemetry but
/// takes no commands.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct StopTimer(Phase);

#[derive(Clone, Copy, Debug, Default)]
enum Phase {
    #[default]
    Idle,
    /// Seen moving under the command with this sequence.
    Moving(u16),
    /// Seen standing this long after that command.
    Standing(u16, Duration),
}

impl StopTimer {
    /// One telemetry: `command` is the echoed VELOCITY with its sequence and when it was sent, if
    /// known. Answers the measurement once.
    pub(super) fn observe(
        &mut self,
        command: Option<(u16, Twist, Stamp)>,
        measured: Twist,
        now: Stamp,
    ) -> Option<Duration> {
        let Some((sequence, _, sent)) = command.filter(|(_, twist, _)| !is_standing(*twist)) else {
            self.cancel();
            return None;
        };
        let age = now.since(sent);
        self.0 = match self.0 {
            _ if !is_standing(measured) => Phase::Moving(sequence),
            Phase::Moving(under) if under == sequence => Phase::Standing(sequence, age),
            Phase::Standing(under, after) if under == sequence => Phase::Standing(under, after),
            _ => Phase::Idle,
        };
        match self.0 {
            Phase::Standing(_, after) if age >= CEASED => {
                self.cancel();
                Some(after)
            }
            _ => None,
        }
    }

    /// A stop was asked for, or the session ended.
    pub(super) fn cancel(&mut self) {
        self.0 = Phase::Idle;
    }
}

fn is_standing(twist: Twist) -> bool {
    twist.speed_mps() < STANDING && twist.angular_z.abs() < STANDING
}
