//! The camera: pictures due at a fixed rate, drawn only when somebody looks at them.

use std::time::Duration;

use crate::msg::{Frame, Stamp};
use crate::sim::{Renderer, Robot};

/// See the module.
#[derive(Debug)]
pub(super) struct Eye<'a> {
    renderer: &'a mut Renderer,
    size: (u32, u32),
    hz: f64,
    first: Stamp,
    n_taken: u64,
    newest: Shot,
}

/// A picture not drawn yet: the robot as it was then.
#[derive(Clone, Debug)]
pub(super) struct Shot {
    pub(super) seq: u64,
    pub(super) captured: Stamp,
    pub(super) robot: Robot,
}

impl<'a> Eye<'a> {
    /// The first picture is taken at `first`.
    pub(super) fn new(
        renderer: &'a mut Renderer,
        size: (u32, u32),
        hz: f64,
        first: Stamp,
        robot: &Robot,
    ) -> Self {
        let newest = Shot { seq: 0, captured: first, robot: robot.clone() };
        Self { renderer, size, hz, first, n_taken: 1, newest }
    }

    /// Takes what is due by `now`.
    pub(super) fn look(&mut self, robot: &Robot, now: Stamp) {
        while self.due() <= now {
            self.newest = Shot { seq: self.n_taken, captured: self.due(), robot: robot.clone() };
            self.n_taken += 1;
        }
    }

    pub(super) const fn newest(&self) -> &Shot {
        &self.newest
    }

    /// Draws the newest picture.
    pub(super) fn develop(&mut self, frame: &mut Frame) {
        frame.seq = self.newest.seq;
        frame.captured = self.newest.captured;
        frame.resize(self.size.0, self.size.1);
        self.renderer.render(self.newest.robot.truth().pose, self.newest.seq, frame);
    }

    fn due(&self) -> Stamp {
        let after = Duration::try_from_secs_f64(self.n_taken as f64 / self.hz);
        after.map_or(Stamp::MAX, |after| self.first + after)
    }
}
