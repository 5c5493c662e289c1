use serde::{Deserialize, Serialize};

use super::{Axes, Stamp};

/// Where the operator's drive input came from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Device {
    #[default]
    Keyboard,
    Gamepad,
    Script,
}

/// How a key press becomes motion; probed, not assumed, and shown on screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InputMode {
    /// The terminal reports key releases: motion lasts while the key is held.
    Hold,
    /// It does not: each press is a short, slow nudge.
    #[default]
    Nudge,
}

/// The operator's latest state, newest wins. Presses are counted, so that none is lost when a state
/// is overwritten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OperatorInput {
    /// When this state was made.
    pub stamp: Stamp,
    /// When the event behind the last change of `axes` or `requests` reached the station; for
    /// latency figures.
    pub event: Stamp,
    pub axes: Axes,
    /// `axes` counts only before this moment.
    pub lease_until: Stamp,
    /// m/s; a nudge is slow. Infinite where hold-to-drive or a dead-man button vouches for the
    /// input.
    pub speed_cap_mps: f64,
    /// Every device at rest: no drive key held or leased, sticks centred, dead-man released.
    pub neutral: bool,
    pub device: Device,
    /// 0..=1 of the configured top speed.
    pub ceiling: f64,
    pub requests: Requests,
    /// False once the terminal hung up or no operator can be there any more.
    pub present: bool,
    /// Round trip to the terminal, while a key is held and it answers.
    pub terminal_rtt_ms: Option<f64>,
}

/// How often each one-shot request was made since start. Wrapping; only a change counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requests {
    pub take_over: u32,
    pub engage: u32,
    pub pause: u32,
    pub e_stop: u32,
    pub reset: u32,
}
