//! The station: every thread started in order, joined to one another by mailboxes, watched from one
//! place.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use super::camera_loop::{CameraLoop, CameraTaps, Frames};
use super::control_loop::{self, ControlHandle, ControlParts};
use super::line::LineMonitor;
use super::monitor::Monitor;
use super::narrator::Narrator;
use super::operator::Desk;
use super::policy_loop::{self, LoadPolicy, PolicyHandle};
use super::record_loop::{self, Order, RecordLoop};
use super::turn::ControlState;
use crate::base::Base;
use crate::camera::{Camera, CameraError};
use crate::control;
use crate::dataset::recorder::{self, Origin};
use crate::msg::{BaseInfo, Level, Notice, Tick};
use crate::safety::Limits;
use crate::teleop::Teleop;

/// Ticks that may wait for [`Station::poll`]: five seconds of them. When full, the newest is left
/// out of the figures.
const TICKS: usize = 256;

/// Decode times and camera notices that may wait; more are left out.
const CAMERA_QUEUE: usize = 64;

/// Opens the camera, each time it has to be opened.
pub type OpenCamera = Box<dyn Fn() -> Result<Box<dyn Camera>, CameraError> + Send + Sync>;

/// What the station is made of.
#[expect(missing_debug_implementations, reason = "devices are trait objects without Debug")]
pub struct Parts {
    pub open_camera: OpenCamera,
    pub base: Box<dyn Base>,
    /// Tells when bytes left for the base's port; for figures only.
    pub line: LineMonitor,
    pub load_policy: LoadPolicy,
    pub teleop: Teleop,
    pub control: control::Config,
    pub limits: Limits,
    /// What is recorded, and as whose; `None`: nothing.
    pub record: Option<(recorder::Config, Origin)>,
}

/// A running station. Dropping it stops the robot first and then the rest.
#[derive(Debug)]
pub struct Station {
    // Dropped in order of declaration: control says farewell to the base while everything else
    // still runs.
    _control: ControlHandle,
    pub desk: Arc<Desk>,
    pub policy: PolicyHandle,
    pub recorder: Option<RecordLoop>,
    pub camera: CameraLoop,
    /// The screen's own mailbox of pictures.
    pub frames: Frames,
    pub monitor: Monitor,
    narrator: Narrator,
    ticks: rtrb::Consumer<Tick>,
    decode: rtrb::Consumer<Duration>,
    line: LineMonitor,
    line_seen: u64,
    line_trouble: Option<String>,
    camera_notices: Receiver<Notice>,
    base_info: Receiver<BaseInfo>,
}

impl Station {
    /// Starts every thread.
    ///
    /// # Errors
    /// The system has no thread to give.
    pub fn start(parts: Parts) -> io::Result<Self> {
        let (decode_queue, decode) = rtrb::RingBuffer::new(CAMERA_QUEUE);
        let (notice_queue, camera_notices) = sync_channel(CAMERA_QUEUE);
        let taps = CameraTaps { notices: notice_queue, decode: decode_queue };
        let camera = CameraLoop::start(parts.open_camera, taps)?;
        let policy_frames = camera.frames();
        let (desk, operator) = Desk::new(parts.teleop);
        let (policy, policy_taps) = policy_loop::start(
            parts.load_policy,
            Box::new(move |timeout| policy_frames.wait(timeout)),
        )?;
        let (record_taps, record_inputs) = record_loop::taps();
        let recorder = parts.record.map(|(config, origin)| {
            let pictures = camera.stream(record_loop::PICTURES);
            RecordLoop::start(&config, origin, pictures, record_inputs)
        });
        let (tick_queue, ticks) = rtrb::RingBuffer::new(TICKS);
        let (info_queue, base_info) = sync_channel(4);
        let control = control_loop::start(ControlParts {
            base: parts.base,
            state: ControlState::new(&parts.control, parts.limits),
            operator,
            camera: camera.facts(),
            policy: policy_taps,
            ticks: tick_queue,
            record: record_taps,
            base_info: info_queue,
        })?;
        Ok(Self {
            _control: control,
            desk: Arc::new(desk),
            recorder: recorder.transpose()?,
            policy,
            frames: camera.frames(),
            camera,
            monitor: Monitor::default(),
            narrator: Narrator::default(),
            ticks,
            decode,
            line: parts.line,
            line_seen: 0,
            line_trouble: None,
            camera_notices,
            base_info,
        })
    }

    /// Takes in what happened since the last call; `tell` gets each line for the event log.
    pub fn poll(&mut self, mut tell: impl FnMut(Notice)) {
        while let Ok(span) = self.decode.pop() {
            self.monitor.push_decode(span);
        }
        while let Ok(notice) = self.camera_notices.try_recv() {
            tell(notice);
        }
        while let Some(notice) = self.recorder.as_ref().and_then(RecordLoop::notice) {
            tell(notice);
        }
        while let Ok(tick) = self.ticks.pop() {
            self.monitor.push(&tick);
            self.narrator.push(&tick, |notice| {
                tracing::info!(level = ?notice.level, text = notice.text, "drive");
                tell(notice);
            });
        }
        if let Some((number, at)) = self.line.last_written()
            && number != self.line_seen
            && self.monitor.push_written(at)
        {
            self.line_seen = number;
        }
        let trouble = self.line.trouble();
        if trouble != self.line_trouble {
            if let Some(text) = trouble.clone() {
                tell(Notice { at: self.monitor.last().now, level: Level::Warn, text });
            }
            self.line_trouble = trouble;
        }
    }

    /// Gives the recorder an order; nothing where there is none.
    pub fn record(&self, order: Order) {
        if let Some(recorder) = &self.recorder
            && !recorder.order(order)
        {
            tracing::error!("the recorder is stuck; an order was left out");
        }
    }

    /// What the base said of itself, after each handshake.
    #[must_use]
    pub fn base_info(&self) -> Option<BaseInfo> {
        self.base_info.try_recv().ok()
    }
}
