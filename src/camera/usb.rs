//! Cameras attached to this computer, through `nokhwa`.
//!
//! `nokhwa` captures; what it leaves out on Linux (bounded waiting, rates that are no whole number,
//! padding of rows, whether a camera is in use) is `v4l2`'s. Nothing here decodes through it: its
//! JPEG decoder unwinds on garbage.

mod choose;
#[cfg(target_os = "linux")]
#[path = "usb/v4l2.rs"]
mod system;
#[cfg(not(target_os = "linux"))]
#[path = "usb/other.rs"]
mod system;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use nokhwa::utils::{
    CameraFormat, CameraIndex, FrameFormat, RequestedFormat, RequestedFormatType, Resolution,
};

pub use choose::VideoMode;

use super::{Camera, CameraError, CameraInfo, Config, Grabbed, Layout, PixelFormat, Selector};
use crate::msg::Frame;

/// One camera of this computer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Listed {
    pub index: u32,
    pub name: String,
    /// Device file; empty where the system has none.
    pub path: PathBuf,
    /// Names of the device file that stay the same from plug to plug.
    pub links: Vec<PathBuf>,
    /// What it offers and this program can show; empty where the system does not tell before
    /// opening.
    pub modes: Vec<VideoMode>,
    /// Why it cannot be opened now.
    pub problem: Option<Problem>,
}

/// Why a camera that is there cannot be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    InUse,
    /// In the system's words.
    Refused(String),
}

impl Problem {
    /// What the user can do about it.
    #[must_use]
    pub const fn remedy(&self) -> &'static str {
        match self {
            Self::InUse => "close the program that uses it, or unplug it and plug it in again",
            Self::Refused(_) => system::PERMISSION,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InUse => f.write_str("another program is using it"),
            Self::Refused(why) => f.write_str(why),
        }
    }
}

impl fmt::Display for Listed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "usb:{} {}", self.index, self.name)?;
        if !self.path.as_os_str().is_empty() {
            write!(f, " ({})", self.path.display())?;
        }
        Ok(())
    }
}

/// The cameras of this computer, by index.
///
/// # Errors
/// The system does not let us look.
pub fn list() -> Result<Vec<Listed>, CameraError> {
    system::list().map_err(|reason| CameraError::Open {
        camera: "usb".to_owned(),
        reason,
        remedy: system::PERMISSION.to_owned(),
    })
}

/// An open camera that streams.
pub(super) struct Usb {
    info: CameraInfo,
    /// Taken out only to be dropped.
    camera: Option<nokhwa::Camera>,
    waiter: system::Waiter,
    layout: Layout,
    /// The picture last grabbed, as the device sent it.
    raw: Vec<u8>,
}

impl Usb {
    pub(super) fn open(selector: &Selector, config: &Config) -> Result<Self, CameraError> {
        let fail = |reason: String, remedy: &str| CameraError::Open {
            camera: selector.to_string(),
            reason,
            remedy: remedy.to_owned(),
        };
        let listed = pick(selector, list()?).map_err(|reason| fail(reason, SEE_LIST))?;
        if let Some(problem) = &listed.problem {
            return Err(fail(problem.to_string(), problem.remedy()));
        }
        let (mode, stride) =
            system::prepare(&listed, config).map_err(|reason| fail(reason, OTHER_MODE))?;
        let refused = |why| fail(why, Problem::InUse.remedy());
        let mut camera = guard(|| start(listed.index, &mode)).map_err(refused)?;
        let waiter = system::Waiter::new(&listed);
        // The first picture tells that the stream flows, and only `frame_raw` starts it.
        let raw = guard(|| Ok(camera.frame_raw()?.into_owned())).map_err(refused)?;
        let info = CameraInfo {
            name: listed.name.clone(),
            path: if listed.path.as_os_str().is_empty() {
                format!("usb:{}", listed.index)
            } else {
                listed.path.display().to_string()
            },
            width: mode.width,
            height: mode.height,
            rate: f64::from(mode.rate),
            format: mode.format.to_string(),
        };
        let layout = Layout { format: mode.format, width: mode.width, height: mode.height, stride };
        Ok(Self { info, camera: Some(camera), waiter, layout, raw })
    }
}

impl Camera for Usb {
    fn info(&self) -> &CameraInfo {
        &self.info
    }

    fn grab(&mut self) -> Result<Grabbed, CameraError> {
        let gone = |reason| CameraError::Gone { camera: self.info.name.clone(), reason };
        self.waiter.wait().map_err(gone)?;
        let Some(camera) = &mut self.camera else {
            return Err(gone("it is closed".to_owned()));
        };
        let raw = &mut self.raw;
        guard(|| {
            let picture = camera.frame_raw()?;
            raw.clear();
            raw.extend_from_slice(&picture);
            Ok(())
        })
        .map_err(gone)?;
        Ok(Grabbed::default())
    }

    fn retrieve(&mut self, frame: &mut Frame) -> Result<(), CameraError> {
        super::decode(&self.layout, &self.raw, frame)
            .map_err(|reason| CameraError::Decode { camera: self.info.name.clone(), reason })
    }
}

impl Drop for Usb {
    fn drop(&mut self) {
        let camera = self.camera.take();
        // Closing a stream that broke may unwind inside the library; the device is closed all the
        // same.
        let closed = guard(move || {
            drop(camera);
            Ok(())
        });
        if let Err(reason) = closed {
            tracing::warn!(camera = self.info.name, reason, "the camera did not close cleanly");
        }
    }
}

impl fmt::Debug for Usb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Usb").field("info", &self.info).finish_non_exhaustive()
    }
}

/// A mode as it is set on the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Wanted {
    format: PixelFormat,
    width: u32,
    height: u32,
    /// Frames per second; `nokhwa` knows only whole ones.
    rate: u32,
}

const SEE_LIST: &str = "`pilothouse camera list` shows what there is";
const OTHER_MODE: &str =
    "ask for another size, rate or format; `pilothouse camera list` shows them";

/// Opens the device in exactly this mode and readies its stream.
fn start(index: u32, mode: &Wanted) -> Result<nokhwa::Camera, nokhwa::NokhwaError> {
    let format = match mode.format {
        PixelFormat::Yuyv => FrameFormat::YUYV,
        PixelFormat::Nv12 => FrameFormat::NV12,
        PixelFormat::Rgb => FrameFormat::RAWRGB,
        PixelFormat::Bgr => FrameFormat::RAWBGR,
        PixelFormat::Mjpeg => FrameFormat::MJPEG,
    };
    let exact = CameraFormat::new(Resolution::new(mode.width, mode.height), format, mode.rate);
    let formats = [format];
    let request = RequestedFormat::with_formats(RequestedFormatType::Exact(exact), &formats);
    let mut camera = nokhwa::Camera::new(CameraIndex::Index(index), request)?;
    camera.open_stream()?;
    Ok(camera)
}

/// Runs a call into the library; its error or its panic becomes a reason.
fn guard<T>(call: impl FnOnce() -> Result<T, nokhwa::NokhwaError>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(result) => result.map_err(|why| why.to_string()),
        Err(_) => Err("the camera library failed badly (see the log)".to_owned()),
    }
}

/// The one camera that `selector` means.
fn pick(selector: &Selector, listed: Vec<Listed>) -> Result<Listed, String> {
    let names = listed.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if listed.is_empty() {
        return Err("no camera is attached".to_owned());
    }
    let among = if names.is_empty() { String::new() } else { format!("; there are {names}") };
    let mut found: Vec<Listed> = match selector {
        Selector::First => listed.into_iter().take(1).collect(),
        Selector::Index(index) => listed.into_iter().filter(|one| one.index == *index).collect(),
        Selector::Name(name) => {
            let name = name.to_lowercase();
            listed.into_iter().filter(|one| one.name.to_lowercase().contains(&name)).collect()
        }
        Selector::Path(path) => {
            let real = std::fs::canonicalize(path).map_err(|why| format!("{why}{among}"))?;
            listed.into_iter().filter(|one| one.path == real).collect()
        }
    };
    match (found.pop(), found.as_slice()) {
        (None, _) => Err(format!("there is no such camera{among}")),
        (Some(one), []) => Ok(one),
        (Some(_), _) => Err(format!("the name fits more than one camera{among}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> Vec<Listed> {
        ["Logitech C920", "Integrated Camera", "Logitech BRIO"]
            .into_iter()
            .zip([0, 2, 4])
            .map(|(name, index)| Listed { index, name: name.to_owned(), ..Listed::default() })
            .collect()
    }

    #[test]
    fn a_name_means_one_camera_or_none() {
        // Broken: the station would drive by the wrong camera without a word.
        let by_name = |name: &str| pick(&Selector::Name(name.to_owned()), three());
        assert_eq!(by_name("brio").unwrap().index, 4);
        let ambiguous = by_name("LOGITECH").unwrap_err();
        assert!(ambiguous.contains("usb:0 Logitech C920"), "{ambiguous}");
        assert!(by_name("nikon").unwrap_err().contains("no such camera"));
        assert_eq!(pick(&Selector::Index(2), three()).unwrap().name, "Integrated Camera");
        assert!(pick(&Selector::Index(1), three()).unwrap_err().contains("usb:2 Integrated"));
        assert_eq!(pick(&Selector::First, three()).unwrap().index, 0);
        assert!(pick(&Selector::First, Vec::new()).is_err());
    }

    #[test]
    fn a_panic_of_the_library_is_a_reason() {
        // Broken: one odd camera would end the station.
        let panicking = guard(|| -> Result<(), _> { panic!("as mozjpeg and the macOS part do") });
        assert!(panicking.is_err());
    }
}
