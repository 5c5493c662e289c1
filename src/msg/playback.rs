use std::sync::Arc;
use std::time::Duration;

/// Where a recorded drive stands that the screen shows instead of a live one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Playback {
    pub at: Duration,
    pub length: Duration,
    /// From 0.
    pub row: usize,
    pub n_rows: usize,
    /// Seconds of the drive in a second.
    pub speed: f64,
    pub is_paused: bool,
    /// Parts of the length in which the operator took over: first and last row of each.
    pub takeovers: Arc<[(usize, usize)]>,
}
