//! Pictures from the world.
//!
//! A [`Camera`] is drained by a thread that does nothing else; what is not read in time is lost by
//! design (newest wins). Deliberately absent: threads, clocks and reconnection. Those are
//! [`crate::runtime::CameraLoop`]'s.

mod decode;
mod folder;
mod pattern;
mod source;
mod usb;
mod video;

use std::fmt;
use std::time::Duration;

pub use decode::{Layout, decode};
pub use folder::Folder;
pub use pattern::{Pattern, read_number};
pub use source::{Config, PixelFormat, Selector, Source, UnknownFormat};
pub use usb::{Listed, Problem, VideoMode, list};
pub use video::Video;

use crate::msg::Frame;

/// What a camera is and promised to deliver.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CameraInfo {
    /// As the device names itself.
    pub name: String,
    /// Path or index that opens it again.
    pub path: String,
    pub width: u32,
    pub height: u32,
    /// Frames per second; zero when it promises none.
    pub rate: f64,
    /// As `MJPEG`, `YUYV`, `H.264`.
    pub format: String,
}

/// As `Logitech C920 640x480@30 MJPEG`.
impl fmt::Display for CameraInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}x{}", self.name, self.width, self.height)?;
        if self.rate > 0.0 {
            write!(f, "@{:.0}", self.rate)?;
        }
        write!(f, " {}", self.format)
    }
}

/// What [`Camera::grab`] learned of the picture it is holding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Grabbed {
    /// The device's own frame number, where it has one; gaps are drops.
    pub device_seq: Option<u64>,
    /// When to show the picture, counted from the first one; `None` for a live device, which paces
    /// itself.
    pub due: Option<Duration>,
}

/// A source of pictures. May block in `grab`, even for ever when a driver misbehaves: call it from
/// a thread that can be abandoned.
pub trait Camera: Send {
    fn info(&self) -> &CameraInfo;

    /// Waits for the next picture to arrive. The caller stamps its arrival when this returns; a
    /// picture with a `due` time arrives then, and the caller is who waits for it.
    ///
    /// # Errors
    /// The device is gone or its stream broke; the camera must be opened again.
    /// [`CameraError::End`] where the source is finite and over.
    fn grab(&mut self) -> Result<Grabbed, CameraError>;

    /// Decodes the picture last grabbed into `frame.rgb` and sets its size. Leaves `seq` and
    /// `captured` alone.
    ///
    /// # Errors
    /// [`CameraError::Decode`]: this picture is damaged; the next one may be good.
    fn retrieve(&mut self, frame: &mut Frame) -> Result<(), CameraError>;
}

/// Names the device, what failed and what to do.
#[derive(Debug, thiserror::Error)]
pub enum CameraError {
    #[error("cannot open camera {camera}: {reason}; {remedy}")]
    Open { camera: String, reason: String, remedy: String },
    #[error("camera {camera} is gone: {reason}; it is reopened when it returns")]
    Gone { camera: String, reason: String },
    #[error("camera {camera} sent a damaged picture: {reason}")]
    Decode { camera: String, reason: String },
    #[error("{camera}: no more pictures")]
    End { camera: String },
}

/// Opens what `config` names.
///
/// # Errors
/// [`CameraError::Open`]: there is no such source, or it cannot deliver what was asked for.
pub fn open(config: &Config) -> Result<Box<dyn Camera>, CameraError> {
    Ok(match &config.source {
        Source::Sim => {
            return Err(CameraError::Open {
                camera: config.source.to_string(),
                reason: "it comes only with the simulated robot".to_owned(),
                remedy: "name another camera, or set base.port to sim".to_owned(),
            });
        }
        Source::Usb(selector) => Box::new(usb::Usb::open(selector, config)?),
        Source::Path(path) if path.is_dir() => {
            Box::new(Folder::open(path, config.rate, config.repeat)?)
        }
        Source::Path(path) => Box::new(Video::open(path, config.repeat)?),
        Source::Pattern => Box::new(Pattern::new(config.width, config.height, config.rate)),
    })
}
