//! `pilothouse camera`: which cameras there are, and what one of them really delivers.

use std::io::Write;
use std::path::PathBuf;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use anyhow::{Context, bail};

use crate::camera::{self, Config, PixelFormat, Source};
use crate::msg::{CameraFacts, Frame, Stamp};
use crate::runtime::{CameraLoop, CameraTaps, clock};

/// Lists the cameras, or watches what one of them delivers.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Show each camera, whether it may be opened, and what it offers.
    List,
    /// Open a camera as the station would and tell what it delivers, second by second.
    Watch(Watch),
}

#[derive(Debug, clap::Args)]
struct Watch {
    /// usb, usb:1, usb:NAME, /dev/video2, drive.mp4, pictures/, or pattern.
    #[arg(default_value = "usb")]
    source: Source,
    /// Stop after this long; for ever by default.
    #[arg(long, value_name = "S")]
    seconds: Option<u64>,
    /// Stop after this many pictures, and fail if `--seconds` are over before.
    #[arg(long, value_name = "N")]
    frames: Option<u64>,
    #[arg(long, default_value_t = Config::default().width)]
    width: u32,
    #[arg(long, default_value_t = Config::default().height)]
    height: u32,
    /// Frames per second.
    #[arg(long, default_value_t = Config::default().rate)]
    rate: u32,
    /// yuyv, nv12, rgb, bgr or mjpeg; by default what suits size and rate best.
    #[arg(long)]
    format: Option<PixelFormat>,
    /// Keep the last picture in this PNG file.
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
}

/// Runs the verb.
///
/// # Errors
/// The system has no cameras to show, or the camera delivered no picture, or fewer than asked for.
pub fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<()> {
    match &args.verb {
        None | Some(Verb::List) => list(out),
        Some(Verb::Watch(args)) => watch(args, out),
    }
}

fn list(out: &mut dyn Write) -> anyhow::Result<()> {
    let cameras = camera::list()?;
    if cameras.is_empty() {
        writeln!(out, "no camera is attached; `--camera pattern` makes a test picture")?;
    }
    for one in cameras {
        writeln!(out, "{one}")?;
        for link in &one.links {
            writeln!(out, "    {}", link.display())?;
        }
        if let Some(problem) = &one.problem {
            writeln!(out, "    CANNOT BE OPENED: {problem}; {}", problem.remedy())?;
        }
        for mode in &one.modes {
            writeln!(out, "    {mode}")?;
        }
    }
    Ok(())
}

/// How often the terminal hears from a camera.
const REPORT: Duration = Duration::from_secs(1);

fn watch(args: &Watch, out: &mut dyn Write) -> anyhow::Result<()> {
    let config = Config {
        source: args.source.clone(),
        width: args.width,
        height: args.height,
        rate: args.rate,
        format: args.format,
        ..Config::default()
    };
    let (notices_in, notices) = sync_channel(64);
    let (decode_in, mut decode) = rtrb::RingBuffer::new(1024);
    let taps = CameraTaps { notices: notices_in, decode: decode_in };
    let station = CameraLoop::start(move || camera::open(&config), taps)?;
    let (frames, mut facts) = (station.frames(), station.facts());
    let began = clock::now();
    let mut report_at = began + REPORT;
    let mut last = None;
    let mut seen = 0;
    let mut spans: Vec<Duration> = Vec::new();
    loop {
        if let Some(frame) = frames.wait(Duration::from_millis(50)) {
            seen += 1;
            last = Some(frame);
        }
        spans.extend(std::iter::from_fn(|| decode.pop().ok()));
        for notice in notices.try_iter() {
            writeln!(out, "{}", notice.text)?;
        }
        let now = clock::now();
        if now >= report_at {
            report_at = now + REPORT;
            if let Some(frame) = &last {
                report(&facts.read(), frame, seen, &mut spans, now, out)?;
            }
            spans.clear();
        }
        let is_over = args.seconds.is_some_and(|s| now.since(began) >= Duration::from_secs(s));
        if is_over || args.frames.is_some_and(|frames| seen >= frames) {
            break;
        }
    }
    station.stop();
    for notice in notices.try_iter() {
        writeln!(out, "{}", notice.text)?;
    }
    let Some(frame) = last else {
        bail!("{} delivered no picture", args.source);
    };
    if let Some(path) = &args.save {
        save(&frame, path)?;
    }
    if let Some(wanted) = args.frames.filter(|&wanted| seen < wanted) {
        bail!("{} delivered {seen} of {wanted} pictures in time", args.source);
    }
    writeln!(out, "good: {seen} pictures of {}x{}", frame.width, frame.height)?;
    Ok(())
}

fn report(
    facts: &CameraFacts,
    newest: &Frame,
    seen: u64,
    spans: &mut [Duration],
    now: Stamp,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let age = now.since(newest.captured);
    let still = facts.changed.map_or(Duration::ZERO, |changed| now.since(changed));
    writeln!(
        out,
        "{seen} pictures, {:.1}/s of {:.1}, {:.0} % missing, decoded in {:.2} ms, \
         newest {:.0} ms old{}{}",
        facts.rate_seen,
        facts.rate_nominal,
        facts.dropped * 100.0,
        median_ms(spans),
        age.as_secs_f64() * 1e3,
        if still > age + REPORT { ", FROZEN" } else { "" },
        if facts.connected { "" } else { ", GONE" },
    )?;
    out.flush()?;
    Ok(())
}

fn median_ms(spans: &mut [Duration]) -> f64 {
    spans.sort_unstable();
    spans.get(spans.len() / 2).map_or(0.0, |span| span.as_secs_f64() * 1e3)
}

fn save(frame: &Frame, path: &std::path::Path) -> anyhow::Result<()> {
    image::save_buffer_with_format(
        path,
        &frame.rgb,
        frame.width,
        frame.height,
        image::ColorType::Rgb8,
        image::ImageFormat::Png,
    )
    .with_context(|| format!("cannot write {}", path.display()))
}
