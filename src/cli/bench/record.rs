//! `pilothouse bench record`: what recording costs, and whether anything gets lost, while the whole
//! station runs.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde::Serialize;

use super::Painter;
use crate::camera::{Camera, CameraError, CameraInfo, Grabbed};
use crate::cli::drive::Robot;
use crate::config::{self, Flags};
use crate::dataset::journal::{self, Record, Row};
use crate::dataset::video::VideoFile;
use crate::dataset::{Dataset, recorder};
use crate::msg::{Device, Frame, InputMode, RecordCommand, RecordPhase, Stamp};
use crate::runtime::latency::{Percentiles, Whole};
use crate::runtime::record_loop::Order;
use crate::runtime::{Station, clock};
use crate::teleop::Teleop;

/// How often the loop looks; fine enough to time the stop key.
const LOOK: Duration = Duration::from_millis(1);
/// Every so many rows one is decoded and compared with its source.
const COMPARE_EVERY: usize = 30;
/// Longest wait for the last episode to be saved.
const SAVE_MAX: Duration = Duration::from_mins(2);

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    flags: Flags,
    /// How long to record.
    #[arg(long, value_name = "N", default_value_t = 60)]
    seconds: u64,
    /// Raw RGB frames, one after the other, played forth and back; drawn here when left out.
    #[arg(long, value_name = "FILE")]
    frames: Option<PathBuf>,
    /// Size of the frames.
    #[arg(long, default_value = "1280x720", value_parser = crate::cli::sim::sheet::size)]
    size: (u32, u32),
    /// Frames a second.
    #[arg(long, default_value_t = 30)]
    rate: u32,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
}

/// Milliseconds where not named otherwise.
#[derive(Debug, Serialize)]
struct Figures {
    seconds: f64,
    size: (u32, u32),
    rows: u64,
    frames_dropped: u64,
    frames_repeated: u64,
    /// CPU time of the whole process for a recorded frame, less what it takes when not recording.
    cpu_per_frame: f64,
    megabytes_per_minute: f64,
    /// Of every 30th picture against its source, dB: median and least.
    psnr_db: (f64, f64),
    /// Lateness of ticks before and while recording.
    jitter_idle: Percentiles,
    jitter_recording: Percentiles,
    ticks_missed: u64,
    /// From the stop key until the next episode can begin, and until this one is saved.
    stop_to_ready: f64,
    stop_to_saved: f64,
    inference: Percentiles,
}

pub(super) fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<()> {
    let started = clock::now();
    let mut config = config::load(&args.flags)?.config;
    let place = std::env::temp_dir().join(format!("pilothouse-bench-{}", std::process::id()));
    config.record = recorder::Config {
        folder: place.clone(),
        dataset: "bench".to_owned(),
        takeovers: false,
        ..config.record
    };
    // The simulated robot is only the base here; its own camera must not take the cores.
    (config.camera.width, config.camera.height, config.camera.rate) = (64, 48, 1);
    if config.policy.instruction.is_empty() {
        // Without one the policy would not infer, and the measurement would flatter.
        "find the red target".clone_into(&mut config.policy.instruction);
    }
    let frames = Arc::new(Clip::new(args)?);
    let result = measure(args, &config, &frames, started);
    let _ = fs::remove_dir_all(&place);
    let figures = result?;
    if args.json {
        serde_json::to_writer_pretty(&mut *out, &figures)?;
        return Ok(writeln!(out)?);
    }
    table(&figures, out)
}

fn measure(
    args: &Args,
    config: &config::Config,
    clip: &Arc<Clip>,
    started: Stamp,
) -> anyhow::Result<Figures> {
    let teleop = Teleop::new(&config.teleop, InputMode::Hold).with_key_device(Device::Script);
    let (robot, mut parts) = Robot::connect(config, teleop, started)?;
    let source = Arc::clone(clip);
    parts.open_camera = Box::new(move || Ok(Box::new(Player::new(&source))));
    let mut station = Station::start(parts).context("cannot start the station")?;
    robot.begin(&station, config);
    let mut painter = Painter::new()?;
    let mut watch = Watch::default();
    watch.run(&mut station, &mut painter, Duration::from_secs(5))?;
    watch.jitter = Whole::default();
    let idle = (clock::now(), clock::cpu());
    watch.run(&mut station, &mut painter, Duration::from_secs(args.seconds.clamp(5, 30)))?;
    let idle_share = share(idle);
    let jitter_idle = std::mem::take(&mut watch.jitter).percentiles();

    let busy = (clock::now(), clock::cpu());
    let missed = station.monitor.summary().ticks_missed;
    station.record(Order::Command(RecordCommand::Toggle));
    watch.run(&mut station, &mut painter, Duration::from_secs(args.seconds))?;
    let busy_share = share(busy);
    let seconds = clock::now().since(busy.0).as_secs_f64();
    let jitter_recording = std::mem::take(&mut watch.jitter).percentiles();
    let before = station.recorder.as_ref().context("there is no recorder")?.status();
    ensure!(before.phase == RecordPhase::Recording, "nothing was recorded: {}", before.problem);

    let stopped = clock::now();
    station.record(Order::Command(RecordCommand::Toggle));
    let ready = watch.until(&mut station, stopped, |status| status.phase == RecordPhase::Idle)?;
    let saved = watch.until(&mut station, stopped, |status| {
        status.phase == RecordPhase::Idle && status.finishing == 0 && status.saved == 1
    })?;
    let root = config.record.folder.join(&config.record.dataset);
    let episode = Dataset::open(&root)?.episode(0)?.clone();
    let (bytes, psnr_db) = judge(&root, clip)?;
    let summary = station.monitor.summary();
    Ok(Figures {
        seconds,
        size: args.size,
        rows: episode.length as u64,
        frames_dropped: episode.notes.frames_dropped.unsigned_abs(),
        frames_repeated: episode.notes.frames_repeated.unsigned_abs(),
        cpu_per_frame: (busy_share - idle_share) * seconds * 1e3 / episode.length.max(1) as f64,
        megabytes_per_minute: bytes as f64 / 1e6 / seconds * 60.0,
        psnr_db,
        jitter_idle,
        jitter_recording,
        ticks_missed: summary.ticks_missed - missed,
        stop_to_ready: ready.as_secs_f64() * 1e3,
        stop_to_saved: saved.as_secs_f64() * 1e3,
        inference: summary.latency_ms.inference,
    })
}

/// CPU time since, as a share of one core.
fn share((at, cpu): (Stamp, Duration)) -> f64 {
    let wall = clock::now().since(at).as_secs_f64();
    clock::cpu().saturating_sub(cpu).as_secs_f64() / wall
}

/// Follows the ticks.
#[derive(Default)]
struct Watch {
    jitter: Whole,
    tick: u64,
}

impl Watch {
    fn run(
        &mut self,
        station: &mut Station,
        painter: &mut Painter,
        span: Duration,
    ) -> anyhow::Result<()> {
        let end = clock::now() + span;
        while clock::now() < end {
            self.look(station);
            painter.paint(station)?;
            clock::sleep(LOOK);
        }
        Ok(())
    }

    fn look(&mut self, station: &mut Station) {
        station.poll(|_| ());
        while station.policy.event().is_some() {}
        let tick = station.monitor.last();
        if tick.number != self.tick {
            self.tick = tick.number;
            self.jitter.push(tick.readiness.tick_late);
        }
    }

    /// How long after `since` the recorder's state is as wanted.
    fn until(
        &mut self,
        station: &mut Station,
        since: Stamp,
        is_so: impl Fn(&crate::msg::RecordStatus) -> bool,
    ) -> anyhow::Result<Duration> {
        loop {
            let now = clock::now();
            if station.recorder.as_ref().is_some_and(|recorder| is_so(&recorder.status())) {
                return Ok(now.since(since));
            }
            ensure!(now.since(since) < SAVE_MAX, "the episode was not saved in time");
            self.look(station);
            clock::sleep(LOOK);
        }
    }
}

/// Bytes of the episode's video, and how its pictures compare with their sources.
fn judge(root: &Path, clip: &Clip) -> anyhow::Result<(u64, (f64, f64))> {
    let dataset = Dataset::open(root)?;
    let camera = dataset.cameras().into_iter().next().context("no camera")?;
    let (path, first) = dataset.video_path(0, &camera)?;
    let ticks = dataset.ticks_path(0).context("no tick journal")?;
    let rows: Vec<Row> = journal::read(&ticks)?
        .records
        .into_iter()
        .filter_map(|record| if let Record::Row(row) = record { Some(row) } else { None })
        .collect();
    let mut video = VideoFile::open(&path)?;
    let mut rgb = Vec::new();
    let mut psnr = Vec::new();
    for (idx, row) in rows.iter().enumerate().step_by(COMPARE_EVERY) {
        video.decode(first + idx, &mut rgb)?;
        // The camera's numbers begin at whichever picture came first.
        let near = (0..3).map(|off| clip.psnr(row.frame + off, &rgb));
        psnr.push(near.fold(f64::NEG_INFINITY, f64::max));
    }
    psnr.sort_by(f64::total_cmp);
    let median = psnr.get(psnr.len() / 2).copied().unwrap_or_default();
    let least = psnr.first().copied().unwrap_or_default();
    Ok((fs::metadata(&path)?.len(), (median, least)))
}

/// Frames in memory, played forth and back.
struct Clip {
    frames: Vec<Vec<u8>>,
    size: (u32, u32),
    rate: u32,
}

impl Clip {
    fn new(args: &Args) -> anyhow::Result<Self> {
        let (size, rate) = (args.size, args.rate);
        let n_bytes = size.0 as usize * size.1 as usize * 3;
        let frames = match &args.frames {
            Some(path) => {
                let bytes = fs::read(path)
                    .with_context(|| format!("cannot read the frames {}", path.display()))?;
                bytes.chunks_exact(n_bytes).map(<[u8]>::to_vec).collect()
            }
            None => (0..48).map(|number| scene(size, number)).collect::<Vec<_>>(),
        };
        ensure!(!frames.is_empty(), "there is no whole frame of {}x{}", size.0, size.1);
        Ok(Self { frames, size, rate })
    }

    fn frame(&self, number: u64) -> &[u8] {
        let n = self.frames.len() as u64;
        let turn = 2 * n.max(2) - 2;
        let at = number % turn;
        let idx = if at < n { at } else { turn - at };
        self.frames.get(idx as usize).map_or(&[], Vec::as_slice)
    }

    /// Peak signal to noise, dB, over all channels.
    fn psnr(&self, number: u64, rgb: &[u8]) -> f64 {
        let pairs = self.frame(number).iter().zip(rgb);
        let sum: u64 = pairs.map(|(a, b)| u64::from(a.abs_diff(*b)).pow(2)).sum();
        let mean = sum.max(1) as f64 / rgb.len().max(1) as f64;
        10.0 * (255.0 * 255.0 / mean).log10()
    }
}

/// A camera that shows a clip at its rate.
struct Player {
    clip: Arc<Clip>,
    info: CameraInfo,
    number: u64,
}

impl Player {
    fn new(clip: &Arc<Clip>) -> Self {
        let info = CameraInfo {
            name: "clip".to_owned(),
            width: clip.size.0,
            height: clip.size.1,
            rate: f64::from(clip.rate),
            ..CameraInfo::default()
        };
        Self { clip: Arc::clone(clip), info, number: 0 }
    }
}

impl Camera for Player {
    fn info(&self) -> &CameraInfo {
        &self.info
    }

    fn grab(&mut self) -> Result<Grabbed, CameraError> {
        let due = Duration::from_secs_f64(self.number as f64 / f64::from(self.clip.rate));
        self.number += 1;
        Ok(Grabbed { device_seq: Some(self.number - 1), due: Some(due) })
    }

    fn retrieve(&mut self, frame: &mut Frame) -> Result<(), CameraError> {
        frame.resize(self.clip.size.0, self.clip.size.1);
        frame.rgb.copy_from_slice(self.clip.frame(self.number - 1));
        Ok(())
    }
}

/// A picture with what makes natural ones hard to encode: texture at every scale, slow motion,
/// changing light and a sensor's noise.
fn scene((width, height): (u32, u32), number: u32) -> Vec<u8> {
    let (dx, dy) = (number * 3, number);
    let light = 200 + (f64::from(number) * 0.13).sin().mul_add(20.0, 0.0) as u32;
    let mut rgb = Vec::with_capacity((width * height * 3) as usize);
    for y in 0..height {
        for x in 0..width {
            let (u, v) = (x + dx, y + dy);
            let octaves = [(128, 96), (32, 64), (8, 32), (2, 12)];
            let texture: u32 =
                octaves.iter().map(|(side, gain)| smooth(u, v, *side) * gain / 255).sum();
            let noise = hash(x, y, number + 1) % 5;
            for tint in [256, 230, 205] {
                let value = texture * tint / 256 * light / 255 + noise;
                rgb.push(value.min(255) as u8);
            }
        }
    }
    rgb
}

/// Noise with features of `side` pixels, 0..=255, bilinear between random corners.
fn smooth(x: u32, y: u32, side: u32) -> u32 {
    let (cell_x, cell_y, in_x, in_y) = (x / side, y / side, x % side, y % side);
    let corner = |i, j| hash(cell_x + i, cell_y + j, side) % 256;
    let mix = |a: u32, b: u32, t: u32| (a * (side - t) + b * t) / side;
    mix(mix(corner(0, 0), corner(1, 0), in_x), mix(corner(0, 1), corner(1, 1), in_x), in_y)
}

fn hash(x: u32, y: u32, seed: u32) -> u32 {
    let mut h =
        x.wrapping_mul(0x9e37_79b1) ^ y.wrapping_mul(0x85eb_ca77) ^ seed.wrapping_mul(0xc2b2_ae3d);
    h ^= h >> 15;
    h = h.wrapping_mul(0x2c1b_3c6d);
    h ^ h >> 13
}

fn table(figures: &Figures, out: &mut dyn Write) -> anyhow::Result<()> {
    let Figures { size: (width, height), rows, .. } = figures;
    writeln!(out, "recorded {:.0} s of {width}x{height}: {rows} rows", figures.seconds)?;
    writeln!(out, "frames dropped      {}", figures.frames_dropped)?;
    writeln!(out, "rows repeated       {}", figures.frames_repeated)?;
    writeln!(out, "CPU a frame         {:.2} ms", figures.cpu_per_frame)?;
    writeln!(out, "video               {:.1} MB a minute", figures.megabytes_per_minute)?;
    let (median, least) = figures.psnr_db;
    writeln!(out, "PSNR                {median:.1} dB median, {least:.1} dB least")?;
    writeln!(out, "stop key to ready   {:.1} ms", figures.stop_to_ready)?;
    writeln!(out, "stop key to saved   {:.0} ms", figures.stop_to_saved)?;
    writeln!(out, "{:<20}{:>9}{:>9}{:>9}{:>9}", "ms", "p50", "p99", "p99.9", "max")?;
    for (name, p) in [
        ("tick late, idle", figures.jitter_idle),
        ("  while recording", figures.jitter_recording),
        ("inference", figures.inference),
    ] {
        writeln!(out, "{name:<20}{:>9.3}{:>9.3}{:>9.3}{:>9.3}", p.p50, p.p99, p.p99_9, p.max)?;
    }
    writeln!(out, "ticks missed        {}", figures.ticks_missed)?;
    Ok(())
}
