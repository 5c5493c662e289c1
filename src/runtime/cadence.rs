use std::time::Duration;

use crate::msg::Stamp;

/// Which pictures a policy gets, so that it runs at the rate it was made for. Pure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cadence {
    period: Duration,
    /// Pictures captured before this are left out.
    due: Stamp,
}

impl Cadence {
    /// A rate that is not positive lets every picture through.
    #[must_use]
    pub fn new(rate_hz: f64) -> Self {
        let period = Duration::try_from_secs_f64(1.0 / rate_hz).unwrap_or_default();
        Self { period, due: Stamp::ZERO }
    }

    /// True for a picture that it shall get, in order of capture.
    pub fn takes(&mut self, captured: Stamp) -> bool {
        let takes = captured >= self.due;
        if takes {
            // Half a period of slack: frames do not come on the grid of the policy's rate.
            self.due = (self.due + self.period).max(captured + self.period / 2);
        }
        takes
    }
}
