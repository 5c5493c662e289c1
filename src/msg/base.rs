use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Stamp, Twist};

/// Which axes a base can move along.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kinematics {
    /// x, y and yaw.
    Omni,
    /// x and yaw; cannot strafe.
    #[default]
    Differential,
}

/// What a base said of itself in the version handshake.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BaseInfo {
    pub name: String,
    pub firmware: String,
    pub kinematics: Kinematics,
    /// Largest magnitude of each axis the base accepts, m/s and rad/s.
    pub limits: Twist,
    /// The base stops by itself after this long without a command.
    pub watchdog: Duration,
}

/// State of the line to the base.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkState {
    /// No port, or it went away; being reopened.
    #[default]
    Down,
    /// The port is open, the handshake is not complete.
    Connecting,
    Up,
    /// The base answers, in a version of the protocol of another major: it is not driven.
    Foreign {
        major: u8,
        minor: u8,
    },
}

/// How a stop was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopKind {
    /// Zero velocity now; the next velocity command may move again.
    Stop,
    /// The base latches too and refuses motion until [`StopKind::Reset`].
    EStop,
    /// Leave the base's own latch.
    Reset,
}

/// The newest stop request and whether the base acknowledged it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum StopState {
    #[default]
    Idle,
    /// Sent again every tick since `since`, not acknowledged yet.
    Pending {
        kind_is_e_stop: bool,
        since: Stamp,
    },
    Acknowledged {
        at: Stamp,
    },
}

/// Where the base thinks it is: pose in its start frame (m, m, rad), measured velocity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Odometry {
    pub x: f64,
    pub y: f64,
    pub yaw: f64,
    pub twist: Twist,
    /// When the telemetry arrived.
    pub received: Stamp,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Battery {
    pub volts: f64,
    /// 0..=1
    pub charge: f64,
}

/// A base that says it takes longer to stop by itself, or was seen to, counts as one that does not.
const SELF_STOP_MAX: Duration = Duration::from_millis(500);

/// Everything known of the base this tick. Plain and copyable; names and limits are in
/// [`BaseInfo`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BaseReport {
    pub link: LinkState,
    /// Counts completed handshakes; a change means the line came back.
    pub session: u32,
    pub kinematics: Kinematics,
    /// As [`BaseInfo::limits`]; zero before the handshake.
    pub limits: Twist,
    pub watchdog: Duration,
    pub odometry: Option<Odometry>,
    pub battery: Option<Battery>,
    /// Fault bits as the base sent them; see [`crate::base::native`].
    pub fault_bits: u16,
    /// The base's own latch is set.
    pub base_latched: bool,
    /// When the last valid packet arrived.
    pub last_rx: Option<Stamp>,
    /// Since when the port has taken none of our bytes; `None` while it does.
    pub blocked_since: Option<Stamp>,
    pub stop: StopState,
    /// Command to acknowledgement.
    pub round_trip: Option<Duration>,
    /// The base's own measured control period.
    pub base_loop: Option<Duration>,
    /// How long the base took to stop when its commands ceased, if it was measured.
    pub measured_stop: Option<Duration>,
    /// Bytes that were not a valid packet, since the port opened.
    pub bad_packets: u32,
}

impl BaseReport {
    /// How soon the base stands when nothing reaches it any more, as measured or else as it claims;
    /// `None` where that is not to be relied on.
    #[must_use]
    pub fn self_stop(&self) -> Option<Duration> {
        let is_short = |span: &Duration| *span <= SELF_STOP_MAX;
        let claimed = Some(self.watchdog).filter(|span| !span.is_zero()).filter(is_short)?;
        self.measured_stop.map_or(Some(claimed), |measured| Some(measured).filter(is_short))
    }
}
