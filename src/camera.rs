//! Pictures from the world.
//!
//! A [`Camera`] is drained by a thread that does nothing else; what is not read in time is lost by design (newest wins).

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

/// What [`Camera::grab`] learned of the picture it is holding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Grabbed {
    /// The device's own frame number, where it has one; gaps are drops.
    pub device_seq: Option<u64>,
}

/// A source of pictures. May block in `grab`, even for ever when a driver misbehaves: call it from a thread that can be
/// abandoned.
pub trait Camera: Send {
    fn info(&self) -> &CameraInfo;

    /// Waits for the next picture to arrive. The caller stamps its arrival when this returns.
    ///
    /// # Errors
    /// The device is gone or its stream broke; the camera must be opened again. [`CameraError::End`] where the source
    /// is finite and over.
    fn grab(&mut self) -> Result<Grabbed, CameraError>;

    /// Decodes the picture last grabbed into `frame.rgb` and sets its size. Leaves `seq` and `captured` alone.
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
