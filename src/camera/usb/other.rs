//! What `nokhwa` alone tells, on systems other than Linux.

use nokhwa::utils::{ApiBackend, CameraIndex, FrameFormat, RequestedFormat, RequestedFormatType};

use super::choose::choose;
use super::{Listed, VideoMode, Wanted, guard};
use crate::camera::{Config, PixelFormat};

pub(super) const PERMISSION: &str = "allow this program (or its terminal) to use the camera in the \
                                     system's privacy settings";

const SHOWN: [(FrameFormat, PixelFormat); 5] = [
    (FrameFormat::YUYV, PixelFormat::Yuyv),
    (FrameFormat::NV12, PixelFormat::Nv12),
    (FrameFormat::RAWRGB, PixelFormat::Rgb),
    (FrameFormat::RAWBGR, PixelFormat::Bgr),
    (FrameFormat::MJPEG, PixelFormat::Mjpeg),
];

pub(super) fn list() -> Result<Vec<Listed>, String> {
    if !nokhwa::nokhwa_check() {
        // Makes the system ask its user; the answer comes later.
        nokhwa::nokhwa_initialize(|_| ());
        return Err("the system has not granted access to cameras yet".to_owned());
    }
    let cameras = guard(|| nokhwa::query(ApiBackend::Auto))?;
    let listed = cameras.iter().zip(0..).map(|(camera, place)| Listed {
        index: camera.index().as_index().unwrap_or(place),
        name: camera.human_name(),
        ..Listed::default()
    });
    Ok(listed.collect())
}

fn modes(listed: &Listed) -> Result<Vec<VideoMode>, String> {
    let formats = guard(|| {
        let known = SHOWN.map(|(format, _)| format);
        let request = RequestedFormat::with_formats(RequestedFormatType::None, &known);
        nokhwa::Camera::new(CameraIndex::Index(listed.index), request)?.compatible_camera_formats()
    })?;
    let modes = formats.iter().filter_map(|offered| {
        let (_, format) = SHOWN.into_iter().find(|(format, _)| *format == offered.format())?;
        let rates = vec![f64::from(offered.frame_rate())];
        Some(VideoMode { format, width: offered.width(), height: offered.height(), rates })
    });
    Ok(modes.collect())
}

/// The mode to open, and the bytes from row to row (zero: packed).
pub(super) fn prepare(listed: &Listed, config: &Config) -> Result<(Wanted, usize), String> {
    Ok((choose(&modes(listed)?, config)?, 0))
}

/// Waits inside `nokhwa` only, without a bound: the runtime's watchdog is what notices.
#[derive(Debug)]
pub(super) struct Waiter;

impl Waiter {
    pub(super) fn new(_: &Listed) -> Self {
        Self
    }

    #[expect(clippy::unnecessary_wraps, clippy::unused_self, reason = "Linux has more to say")]
    pub(super) fn wait(&self) -> Result<(), String> {
        Ok(())
    }
}
