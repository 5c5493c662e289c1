//! Where a replay stands in time. Pure: the time comes in.

use crate::msg::Stamp;

/// Seconds of the drive in a second.
pub(super) const SPEEDS: [f64; 6] = [0.25, 0.5, 1.0, 2.0, 4.0, 8.0];

/// The place in a recorded drive and how it moves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Transport {
    n_rows: usize,
    fps: f64,
    /// Seconds from the first row; never past the last.
    at_s: f64,
    speed: f64,
    is_paused: bool,
    last: Option<Stamp>,
}

impl Transport {
    pub(super) fn new(n_rows: usize, fps: f64, speed: f64) -> Self {
        Self { n_rows, fps, at_s: 0.0, speed, is_paused: false, last: None }
    }

    /// The same speed at the start of another drive.
    pub(super) fn of_other(&self, n_rows: usize, fps: f64) -> Self {
        Self {
            is_paused: self.is_paused && self.at_s < self.end_s(),
            ..Self::new(n_rows, fps, self.speed)
        }
    }

    /// Lets the time up to `now` pass; pauses at the last row.
    pub(super) fn advance(&mut self, now: Stamp) {
        let passed = self.last.map_or(0.0, |last| now.since(last).as_secs_f64());
        self.last = Some(now);
        if !self.is_paused {
            self.seek(passed * self.speed);
            self.is_paused = self.at_s >= self.end_s();
        }
    }

    /// Pauses or goes on; at the end, from the start.
    pub(super) fn toggle(&mut self) {
        self.is_paused = !self.is_paused;
        if !self.is_paused && self.at_s >= self.end_s() {
            self.at_s = 0.0;
        }
    }

    /// Moves by seconds of the drive.
    pub(super) fn seek(&mut self, seconds: f64) {
        self.at_s = (self.at_s + seconds).clamp(0.0, self.end_s());
    }

    /// Pauses `rows` further on.
    pub(super) fn step(&mut self, rows: isize) {
        self.is_paused = true;
        let last = self.n_rows.saturating_sub(1);
        let row = self.row().saturating_add_signed(rows).min(last);
        self.at_s = row as f64 / self.fps;
    }

    pub(super) fn go_to_start(&mut self) {
        self.at_s = 0.0;
    }

    pub(super) fn go_to_end(&mut self) {
        self.at_s = self.end_s();
    }

    /// The next of [`SPEEDS`] in that direction.
    pub(super) fn change_speed(&mut self, is_faster: bool) {
        let next = if is_faster {
            SPEEDS.into_iter().find(|speed| *speed > self.speed)
        } else {
            SPEEDS.into_iter().rev().find(|speed| *speed < self.speed)
        };
        self.speed = next.unwrap_or(self.speed);
    }

    /// Equal while nothing on the screen would change.
    pub(super) fn standing(&self) -> Self {
        Self { last: None, ..*self }
    }

    pub(super) const fn at_s(&self) -> f64 {
        self.at_s
    }

    pub(super) fn length_s(&self) -> f64 {
        self.n_rows as f64 / self.fps
    }

    pub(super) const fn speed(&self) -> f64 {
        self.speed
    }

    pub(super) const fn is_paused(&self) -> bool {
        self.is_paused
    }

    /// The row that is shown now.
    pub(super) fn row(&self) -> usize {
        row_at(self.at_s, self.fps).min(self.n_rows.saturating_sub(1))
    }

    fn end_s(&self) -> f64 {
        self.n_rows.saturating_sub(1) as f64 / self.fps
    }
}

/// The row at a time; a row's own time belongs to it whatever the rounding.
pub(super) fn row_at(seconds: f64, fps: f64) -> usize {
    (seconds * fps + 1e-6).floor().max(0.0) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 10 rows a second, 5 s, and what `seconds` of watching do to it.
    fn watched(mut transport: Transport, seconds: f64) -> Transport {
        let start = transport.last.unwrap_or(Stamp::from_millis(1000));
        transport.advance(start);
        transport.advance(start + std::time::Duration::from_secs_f64(seconds));
        transport
    }

    fn transport() -> Transport {
        Transport::new(50, 10.0, 1.0)
    }

    #[test]
    fn time_passes_at_the_speed_and_ends_at_the_last_row() {
        // A replay would run away, or show rows that are not there.
        for (speed, seconds, row) in [(1.0, 1.0, 10), (0.25, 2.0, 5), (8.0, 0.5, 40)] {
            let transport = Transport { speed, ..transport() };
            let after = watched(transport, seconds);
            assert_eq!((after.row(), after.is_paused()), (row, false), "{speed}x");
        }
        let ended = watched(transport(), 60.0);
        assert_eq!((ended.row(), ended.is_paused()), (49, true));
        let mut again = ended;
        again.toggle();
        assert_eq!((again.row(), again.is_paused()), (0, false));
    }

    #[test]
    fn a_pause_stands_still_however_long_it_is() {
        // The drive would jump on by the length of the pause.
        let mut transport = watched(transport(), 2.0);
        transport.toggle();
        let mut transport = watched(transport, 100.0);
        assert_eq!(transport.row(), 20);
        transport.toggle();
        assert_eq!(watched(transport, 1.0).row(), 30);
    }

    #[test]
    fn every_row_can_be_stepped_to() {
        // 1/30 s is no binary number: a step would stay on a row, or leave one out.
        for fps in [3.0, 10.0, 29.97, 30.0, 60.0] {
            let mut transport = Transport::new(1000, fps, 1.0);
            for row in 0..1000 {
                assert_eq!(transport.row(), row, "{fps}");
                transport.step(1);
            }
            assert_eq!(transport.row(), 999, "no further than the last");
            for row in (0..1000).rev() {
                assert_eq!(transport.row(), row, "{fps}");
                transport.step(-1);
            }
            assert_eq!(transport.row(), 0);
        }
    }

    #[test]
    fn jumps_stay_inside() {
        // Outside there is no picture to show.
        let mut transport = transport();
        transport.seek(-10.0);
        assert_eq!(transport.row(), 0);
        transport.seek(1.0);
        assert_eq!(transport.row(), 10);
        transport.seek(100.0);
        assert_eq!(transport.row(), 49);
        transport.go_to_start();
        assert_eq!(transport.row(), 0);
        transport.go_to_end();
        assert_eq!(transport.row(), 49);
        let empty = watched(Transport::new(0, 10.0, 1.0), 5.0);
        assert_eq!(empty.row(), 0);
    }

    #[test]
    fn speeds_go_up_and_down_to_their_ends() {
        // A key pressed too often would stop the replay, or make it useless.
        let mut transport = Transport { speed: 3.0, ..transport() };
        let mut seen = Vec::new();
        for is_faster in [true, true, true, false, false, false, false, false, false, false] {
            transport.change_speed(is_faster);
            seen.push(transport.speed());
        }
        assert_eq!(seen, [4.0, 8.0, 8.0, 4.0, 2.0, 1.0, 0.5, 0.25, 0.25, 0.25]);
    }
}
