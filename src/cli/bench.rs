//! `pilothouse bench`: what the station costs and how late it is, on this machine, now.

mod load;
mod nets;
mod policy;
mod record;
mod train;

use std::fmt::Write as _;
use std::fs;
use std::io::{self, BufWriter, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg32;
use ratatui::backend::CrosstermBackend;
use ratatui::layout::Rect;
use ratatui::{Terminal, TerminalOptions, Viewport};
use serde::Serialize;

use super::drive::{Robot, headless};
use crate::config::{self, Flags};
use crate::msg::{Device, InputMode};
use crate::runtime::latency::{Percentiles, Whole};
use crate::runtime::{PERIOD, Station, clock, spawn};
use crate::teleop::{Script, Teleop};
use crate::tui::{self, App, Event};

/// The screen that is drawn meanwhile, in cells.
const SCREEN: Rect = Rect::new(0, 0, 160, 50);

/// Time between pictures.
const PICTURE: Duration = Duration::from_millis(33);

/// Measures the station.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// The control loop's latencies, jitter, CPU and memory while the picture is drawn
    Loop(LoopArgs),
    /// What recording costs, and whether anything gets lost, while the whole station runs
    Record(record::Args),
    /// How fast pictures come from a dataset, at random
    Load(load::Args),
    /// What one step of training costs
    Train(train::Args),
    /// How long one inference of each policy takes
    Policy(policy::Args),
}

#[derive(Debug, clap::Args)]
struct LoopArgs {
    #[command(flatten)]
    flags: Flags,
    #[arg(long, value_name = "N", default_value_t = 30)]
    seconds: u64,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
}

/// Runs the verb.
///
/// # Errors
/// The station cannot be started as configured.
pub fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<()> {
    match &args.verb {
        Verb::Loop(args) => bench_loop(args, out),
        Verb::Record(args) => record::run(args, out),
        Verb::Load(args) => load::run(args, out),
        Verb::Train(args) => train::run(args, out),
        Verb::Policy(args) => policy::run(args, out),
    }
}

/// Milliseconds where not named otherwise.
#[derive(Debug, Serialize)]
struct Figures {
    seconds: f64,
    cores: usize,
    device: String,
    /// Of a loop that only sleeps, in the same process at the same time.
    bare_jitter: Percentiles,
    jitter: Percentiles,
    ticks_missed: u64,
    operator_to_bytes: Percentiles,
    frame_to_bytes_less_inference_and_tick_wait: Percentiles,
    write: Percentiles,
    inference: Percentiles,
    draw: Percentiles,
    /// Share of one core.
    cpu: f64,
    simulator_cpu: Option<f64>,
    rss_peak_mb: Option<f64>,
    first_picture: Option<f64>,
}

fn bench_loop(args: &LoopArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let started = clock::now();
    let config = config::load(&args.flags)?.config;
    let teleop = Teleop::new(&config.teleop, InputMode::Hold).with_key_device(Device::Script);
    let (mut robot, parts) = Robot::connect(&config, teleop, started)?;
    let simulator = robot.sim.as_ref().map(super::sim_process::SimProcess::id);
    let mut station = Station::start(parts).context("cannot start the station")?;
    robot.begin(&station, &config);
    let quit = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&quit);
    let bare = spawn("bare-loop", move || bare_loop(&flag)).context("cannot start a thread")?;
    let mut painter = Painter::new()?;
    let before = (clock::now(), clock::cpu(), simulator.and_then(process_cpu));
    let report = headless::run(
        &mut robot,
        &mut station,
        presses(args.seconds)?,
        Duration::from_secs(args.seconds),
        &AtomicBool::new(false),
        &mut |station| painter.paint(station),
    )?;
    let wall = clock::now().since(before.0).as_secs_f64();
    let share = |used: Duration| used.as_secs_f64() / wall;
    let cpu = share(clock::cpu().saturating_sub(before.1));
    let after = simulator.and_then(process_cpu);
    quit.store(true, Ordering::Release);
    let bare_jitter = bare.join().map_err(|_| anyhow::anyhow!("the bare loop panicked"))?;
    let latency = report.summary.latency_ms;
    let figures = Figures {
        seconds: report.summary.seconds,
        cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        device: report.device,
        bare_jitter: bare_jitter.percentiles(),
        jitter: latency.jitter,
        ticks_missed: report.summary.ticks_missed,
        operator_to_bytes: latency.operator_to_bytes,
        frame_to_bytes_less_inference_and_tick_wait: latency.handover,
        write: latency.write,
        inference: latency.inference,
        draw: painter.times.percentiles(),
        cpu,
        simulator_cpu: before.2.zip(after).map(|(old, new)| share(new.saturating_sub(old))),
        rss_peak_mb: rss_peak_mb(),
        first_picture: report.first_picture_ms,
    };
    if args.json {
        serde_json::to_writer_pretty(&mut *out, &figures)?;
        return Ok(writeln!(out)?);
    }
    table(&figures, out)
}

fn table(figures: &Figures, out: &mut dyn Write) -> anyhow::Result<()> {
    writeln!(
        out,
        "{:.0} s on {} cores, policy on {}",
        figures.seconds, figures.cores, figures.device
    )?;
    writeln!(out, "{:<44}{:>9}{:>9}{:>9}{:>9}{:>8}", "ms", "p50", "p99", "p99.9", "max", "n")?;
    let rows = [
        ("bare loop jitter", figures.bare_jitter),
        ("tick jitter", figures.jitter),
        ("operator input → bytes on the port", figures.operator_to_bytes),
        (
            "frame → bytes, less inference and tick wait",
            figures.frame_to_bytes_less_inference_and_tick_wait,
        ),
        ("command handed → bytes on the port", figures.write),
        ("inference", figures.inference),
        ("drawing 160x50", figures.draw),
    ];
    for (name, p) in rows {
        writeln!(
            out,
            "{name:<44}{:>9.3}{:>9.3}{:>9.3}{:>9.3}{:>8}",
            p.p50, p.p99, p.p99_9, p.max, p.count
        )?;
    }
    writeln!(out, "missed ticks      {}", figures.ticks_missed)?;
    writeln!(out, "CPU               {:.0} % of one core", figures.cpu * 100.0)?;
    if let Some(share) = figures.simulator_cpu {
        writeln!(
            out,
            "simulator's CPU   {:.0} % of one core, a process of its own",
            share * 100.0
        )?;
    }
    if let Some(mb) = figures.rss_peak_mb {
        writeln!(out, "peak memory       {mb:.0} MB")?;
    }
    if let Some(ms) = figures.first_picture {
        writeln!(out, "first picture     {ms:.0} ms after start")?;
    }
    Ok(())
}

/// Sleeps to the same grid as control and does nothing else.
fn bare_loop(quit: &AtomicBool) -> Whole {
    let mut lateness = Whole::default();
    let mut due = clock::now();
    while !quit.load(Ordering::Acquire) {
        due = due + PERIOD;
        clock::sleep_until(due);
        lateness.push(clock::now().since(due));
    }
    lateness
}

/// A drive key pressed and released at moments that have nothing to do with the ticks.
fn presses(seconds: u64) -> anyhow::Result<Script> {
    let mut random = Pcg32::seed_from_u64(1);
    let mut text = String::new();
    let mut at = 0.5;
    while at + 0.5 < seconds as f64 {
        let hold = random.random_range(0.05..0.25);
        writeln!(text, "{at:.6} press w\n{:.6} release w", at + hold)?;
        at += hold + random.random_range(0.05..0.25);
    }
    Ok(Script::parse(&text)?)
}

/// The whole screen, drawn as for a terminal, its bytes thrown away.
struct Painter {
    app: App,
    screen: Terminal<CrosstermBackend<BufWriter<io::Sink>>>,
    due: crate::msg::Stamp,
    times: Whole,
}

impl Painter {
    fn new() -> anyhow::Result<Self> {
        let backend = CrosstermBackend::new(BufWriter::new(io::sink()));
        let options = TerminalOptions { viewport: Viewport::Fixed(SCREEN) };
        Ok(Self {
            app: App::new(tui::Options::default()),
            screen: Terminal::with_options(backend, options).context("cannot draw")?,
            due: clock::now(),
            times: Whole::default(),
        })
    }

    fn paint(&mut self, station: &mut Station) -> anyhow::Result<()> {
        let now = clock::now();
        if now < self.due {
            return Ok(());
        }
        self.due = now + PICTURE;
        if let Some(frame) = station.frames.take() {
            tui::update(&mut self.app, Event::Frame(frame));
        }
        let snapshot = Box::new(station.monitor.snapshot());
        tui::update(&mut self.app, Event::Snapshot(snapshot));
        tui::update(&mut self.app, Event::Clock(now));
        let app = &mut self.app;
        self.screen.draw(|frame| tui::view(app, frame)).context("cannot draw")?;
        self.times.push(clock::now().since(now));
        Ok(())
    }
}

/// CPU time of another process: fields 14 and 15 of proc(5)'s `stat`, in ticks of 10 ms.
fn process_cpu(id: u32) -> Option<Duration> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let after_name = stat.rsplit_once(')')?.1;
    let mut fields = after_name.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(Duration::from_millis((user + system) * 10))
}

/// Peak resident memory of this process, where proc(5) tells.
fn rss_peak_mb() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes / 1024.0)
}
