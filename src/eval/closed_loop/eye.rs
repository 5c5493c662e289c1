//! The camera: pictures due at a fixed rate, drawn only when somebody looks at them, or all of
//! them where they pass the recorder's codec.

use std::time::Duration;

use crate::dataset::video::RoundTrip;
use crate::dataset::{DatasetError, recorder};
use crate::msg::{Frame, Stamp};
use crate::sim::{Renderer, Robot};

use super::Options;

/// See the module.
#[derive(Debug)]
pub(super) struct Eye<'a> {
    renderer: &'a mut Renderer,
    size: (u32, u32),
    hz: f64,
    first: Stamp,
    n_taken: u64,
    newest: Shot,
    recording: Option<Recording>,
}

#[derive(Debug)]
struct Recording {
    codec: RoundTrip,
    /// The newest picture as it came back.
    rgb: Vec<u8>,
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
        options: &Options,
        first: Stamp,
        robot: &Robot,
    ) -> Result<Self, DatasetError> {
        let recording = options.through_video.then(|| Recording::new(options)).transpose()?;
        let newest = Shot { seq: 0, captured: first, robot: robot.clone() };
        let (size, hz) = (options.size, options.camera_hz);
        let mut eye = Self { renderer, size, hz, first, n_taken: 1, newest, recording };
        eye.record()?;
        Ok(eye)
    }

    /// Takes what is due by `now`.
    pub(super) fn look(&mut self, robot: &Robot, now: Stamp) -> Result<(), DatasetError> {
        while self.due() <= now {
            self.newest = Shot { seq: self.n_taken, captured: self.due(), robot: robot.clone() };
            self.n_taken += 1;
            self.record()?;
        }
        Ok(())
    }

    pub(super) const fn newest(&self) -> &Shot {
        &self.newest
    }

    /// The newest picture, drawn now where that was not needed before.
    pub(super) fn develop(&mut self, frame: &mut Frame) {
        frame.seq = self.newest.seq;
        frame.captured = self.newest.captured;
        frame.resize(self.size.0, self.size.1);
        match &self.recording {
            Some(recording) => frame.rgb.clone_from(&recording.rgb),
            None => self.renderer.render(self.newest.robot.truth().pose, frame.seq, frame),
        }
    }

    fn record(&mut self) -> Result<(), DatasetError> {
        let Some(recording) = &mut self.recording else { return Ok(()) };
        let mut frame = Frame { rgb: std::mem::take(&mut recording.rgb), ..Frame::default() };
        frame.resize(self.size.0, self.size.1);
        self.renderer.render(self.newest.robot.truth().pose, self.newest.seq, &mut frame);
        recording.codec.pass(&mut frame.rgb)?;
        recording.rgb = frame.rgb;
        Ok(())
    }

    fn due(&self) -> Stamp {
        let after = Duration::try_from_secs_f64(self.n_taken as f64 / self.hz);
        after.map_or(Stamp::MAX, |after| self.first + after)
    }
}

impl Recording {
    /// With the recorder's own quality.
    fn new(options: &Options) -> Result<Self, DatasetError> {
        let (width, height) = options.size;
        let recorder::Config { gop, qp, .. } = recorder::Config::default();
        let fps = options.camera_hz.round() as u32;
        Ok(Self { codec: RoundTrip::new(width, height, fps, gop, qp)?, rgb: Vec::new() })
    }
}
