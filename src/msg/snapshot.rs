use super::Tick;

/// What the screen draws from: the newest tick and the figures behind the latency panel.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Snapshot {
    pub tick: Tick,
    pub ticks: u64,
    pub ticks_late: u64,
    /// p50 and p99 over the last seconds, milliseconds: capture to published frame (decode).
    pub frame_ms: (f64, f64),
    /// Preprocessing and inference.
    pub inference_ms: (f64, f64),
    /// Operator event to the command handed to the base.
    pub operator_ms: (f64, f64),
    /// Frame capture to the command handed to the base.
    pub reaction_ms: (f64, f64),
    /// Lateness of the tick.
    pub jitter_ms: (f64, f64),
}
