//! What `nokhwa` leaves out on Linux, straight from V4L2.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use v4l::frameinterval::{FrameInterval, FrameIntervalEnum};
use v4l::framesize::FrameSizeEnum;
use v4l::video::Capture;
use v4l::video::capture::Parameters;
use v4l::{Device, Format, FourCC};

use super::choose::choose;
use super::{Listed, Problem, VideoMode, Wanted};
use crate::camera::{Config, PixelFormat};

pub(super) const PERMISSION: &str =
    "add yourself to the group that owns it (`sudo usermod -aG video $USER`, then log in again)";

const DEVICES: &str = "/dev";
const LINKS: [&str; 2] = ["/dev/v4l/by-id", "/dev/v4l/by-path"];

/// Longest wait for a picture; a camera silent for longer is closed and opened again.
const SILENCE_MS: i32 = 3_000;

pub(super) fn list() -> Result<Vec<Listed>, String> {
    let entries = fs::read_dir(DEVICES).map_err(|why| format!("{DEVICES}: {why}"))?;
    let mut listed: Vec<Listed> =
        entries.flatten().filter_map(|entry| examine(&entry.path())).collect();
    listed.sort_by_key(|one| one.index);
    let links = LINKS.into_iter().flat_map(fs::read_dir).flatten().flatten();
    for link in links.map(|entry| entry.path()) {
        let real = fs::canonicalize(&link).unwrap_or_default();
        if let Some(one) = listed.iter_mut().find(|one| one.path == real) {
            one.links.push(link);
        }
    }
    Ok(listed)
}

/// A device file that captures pictures; one that may not be opened is listed with the reason.
fn examine(path: &Path) -> Option<Listed> {
    let index = path.file_name()?.to_str()?.strip_prefix("video")?.parse().ok()?;
    let name = fs::read_to_string(format!("/sys/class/video4linux/video{index}/name"))
        .map_or_else(|_| path.display().to_string(), |name| name.trim().to_owned());
    let base = Listed { index, name, path: path.to_owned(), ..Listed::default() };
    let device = match Device::with_path(path) {
        Ok(device) => device,
        Err(why) => {
            let problem = Some(Problem::Refused(why.to_string()));
            return Some(Listed { problem, ..base });
        }
    };
    // A webcam's second device file carries no pictures, and says so by offering no format.
    let formats = device.enum_formats().ok().filter(|formats| !formats.is_empty())?;
    let known = PixelFormat::ALL
        .into_iter()
        .filter(|&format| formats.iter().any(|offered| offered.fourcc == fourcc(format)));
    let modes = known.flat_map(|format| sizes(&device, format)).collect();
    Some(Listed { modes, problem: in_use(&device), ..base })
}

/// Setting the format it has already is refused exactly while somebody streams.
fn in_use(device: &Device) -> Option<Problem> {
    let refused = device.format().and_then(|format| device.set_format(&format)).err()?;
    is_busy(&refused).then_some(Problem::InUse)
}

fn fourcc(format: PixelFormat) -> FourCC {
    FourCC::new(match format {
        PixelFormat::Yuyv => b"YUYV",
        PixelFormat::Nv12 => b"NV12",
        PixelFormat::Rgb => b"RGB3",
        PixelFormat::Bgr => b"BGR3",
        PixelFormat::Mjpeg => b"MJPG",
    })
}

/// Sizes that a device with free sizes is listed with.
const COMMON: [(u32, u32); 9] = [
    (320, 240),
    (640, 360),
    (640, 480),
    (720, 480),
    (720, 576),
    (800, 600),
    (1280, 720),
    (1280, 960),
    (1920, 1080),
];

fn sizes(device: &Device, format: PixelFormat) -> Vec<VideoMode> {
    let code = fourcc(format);
    let mut sizes = Vec::new();
    for size in device.enum_framesizes(code).unwrap_or_default() {
        match size.size {
            FrameSizeEnum::Discrete(one) => sizes.push((one.width, one.height)),
            FrameSizeEnum::Stepwise(range) => {
                let fits = |&(width, height): &(u32, u32)| {
                    (range.min_width..=range.max_width).contains(&width)
                        && (range.min_height..=range.max_height).contains(&height)
                };
                sizes.extend(COMMON.iter().copied().filter(fits));
                sizes.push((range.max_width, range.max_height));
            }
        }
    }
    if sizes.is_empty() {
        // A device that lists no size has the one it is set to.
        sizes.extend(device.format().map(|format| (format.width, format.height)));
    }
    sizes.sort_unstable();
    sizes.dedup();
    sizes
        .into_iter()
        .map(|(width, height)| {
            let intervals = device.enum_frameintervals(code, width, height).unwrap_or_default();
            let mut rates: Vec<f64> = intervals.iter().flat_map(rates_of).collect();
            rates.sort_by(|a, b| b.total_cmp(a));
            rates.dedup();
            VideoMode { format, width, height, rates }
        })
        .collect()
}

/// Rates of a range of intervals are told by its two ends and the usual ones between them.
fn rates_of(interval: &FrameInterval) -> Vec<f64> {
    let rate = |fraction: v4l::Fraction| {
        f64::from(fraction.denominator) / f64::from(fraction.numerator.max(1))
    };
    match &interval.interval {
        FrameIntervalEnum::Discrete(one) => vec![rate(*one)],
        FrameIntervalEnum::Stepwise(range) => {
            let (slowest, fastest) = (rate(range.max), rate(range.min));
            let usual = [5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 50.0, 60.0];
            let between = usual.into_iter().filter(|rate| (slowest..fastest).contains(rate));
            between.chain([fastest]).collect()
        }
    }
}

/// Sets the nearest mode on the device before `nokhwa` looks at it, which refuses a device whose
/// present rate is no whole number or whose present format it does not know. Returns the mode as
/// the driver took it and the bytes from row to row. The device is closed again: some drivers give
/// the right to stream to whoever set the format.
pub(super) fn prepare(listed: &Listed, config: &Config) -> Result<(Wanted, usize), String> {
    let mode = choose(&listed.modes, config)?;
    let device = Device::with_path(&listed.path).map_err(|why| why.to_string())?;
    let asked = Format::new(mode.width, mode.height, fourcc(mode.format));
    let taken = device.set_format(&asked).map_err(|why| reason(&why))?;
    if taken.fourcc != asked.fourcc {
        return Err(format!("it sends {} where {} was asked for", taken.fourcc, mode.format));
    }
    // Drivers that cannot set a rate say so; what counts is the rate they have.
    let set = device.set_params(&Parameters::with_fps(mode.rate));
    let interval = set.or_else(|_| device.params()).map_err(|why| reason(&why))?.interval;
    let (numerator, denominator) = (interval.numerator.max(1), interval.denominator);
    if numerator != 1 || denominator == 0 {
        return Err(format!(
            "its rate of {denominator}/{numerator} frames/s is not given as a whole number, and \
             the camera library understands no other"
        ));
    }
    let stride = if mode.format == PixelFormat::Mjpeg { 0 } else { taken.stride as usize };
    let taken = Wanted { width: taken.width, height: taken.height, rate: denominator, ..mode };
    Ok((taken, stride))
}

fn reason(why: &io::Error) -> String {
    if is_busy(why) { Problem::InUse.to_string() } else { why.to_string() }
}

fn is_busy(why: &io::Error) -> bool {
    why.raw_os_error() == Some(rustix::io::Errno::BUSY.raw_os_error())
}

/// Waits for a picture on a second file of the same device, because `nokhwa` waits without end.
/// Drivers whose queue belongs to the file (loopback devices) answer at once; there the runtime's
/// watchdog is what notices.
pub(super) struct Waiter {
    device: Option<Device>,
    path: PathBuf,
}

impl Waiter {
    pub(super) fn new(listed: &Listed) -> Self {
        let device = Device::with_path(&listed.path).ok();
        Self { device, path: listed.path.clone() }
    }

    /// Returns when a picture waits or the device has something worse to say.
    ///
    /// # Errors
    /// The camera has been silent for too long.
    pub(super) fn wait(&self) -> Result<(), String> {
        let Some(device) = &self.device else {
            return Ok(());
        };
        loop {
            // POLLIN
            match device.handle().poll(1, SILENCE_MS) {
                Ok(0) => return Err(format!("no picture for {} s", SILENCE_MS / 1000)),
                Err(why) if why.kind() == io::ErrorKind::Interrupted => {}
                Ok(_) | Err(_) => return Ok(()),
            }
        }
    }
}

impl std::fmt::Debug for Waiter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Waiter").field("path", &self.path).finish_non_exhaustive()
    }
}
