//! `pilothouse sim collect`: demonstrations of the scripted expert, faster than real time, through
//! the very same recorder that records drives.
//!
//! With noise, what the robot executes is disturbed while the clean command of the expert is kept
//! as `operator_action`: so a policy learns to come back from where its own mistakes lead (DART:
//! Laskey et al., 2017).

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, ensure};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

use super::ScenarioArgs;
use super::sheet::size;
use crate::dataset::finish::{self, journal_folder};
use crate::dataset::journal::{Journal, Record};
use crate::dataset::recorder::{Config, Op, Origin, Recorder};
use crate::msg::{
    Authority, Device, Frame, LinkState, Mode, Odometry, RecordCommand, Stamp, Tick, Twist,
};
use crate::runtime::{PERIOD, clock};
use crate::safety::{Gate, Limits, Request};
use crate::sim::language::{self, Wording};
use crate::sim::robot::LIMITS;
use crate::sim::task::{Outcome, Tracker};
use crate::sim::{
    Disturbance, EVALUATION_SEED, Expert, Renderer, Robot, Scenario, Side, World, rollout,
};

/// An episode's clock begins here: far from zero, as on a machine that has been up for a while.
const START: Stamp = Stamp::from_millis(1_000_000);

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    scenarios: ScenarioArgs,
    /// Episodes to record, over all scenarios in turn and both sides.
    #[arg(long, default_value_t = 100, value_name = "N")]
    episodes: u64,
    /// Who drives.
    #[arg(long, value_enum, default_value_t)]
    driver: Driver,
    /// Seed of the first world; each further pair of episodes takes the next. Below those that
    /// evaluation takes.
    #[arg(long, default_value_t = 0)]
    #[arg(value_parser = clap::value_parser!(u64).range(..EVALUATION_SEED))]
    seed: u64,
    /// Share of the episodes whose execution is disturbed, 0 to 1.
    #[arg(long, default_value_t = 0.0, value_parser = share)]
    noise_share: f64,
    /// Standard deviation of the disturbance at speed, m/s; none at rest.
    #[arg(long, default_value_t = 0.15, value_parser = amount)]
    noise: f64,
    /// Size of the pictures.
    #[arg(long, default_value = "640x480", value_parser = size)]
    size: (u32, u32),
    /// Pictures and rows a second.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=60))]
    rate: u32,
    /// What the robot is told: always the same sentence, or one of many that mean it, drawn for
    /// each episode.
    #[arg(long, value_enum, default_value_t)]
    instructions: Instructions,
    /// Keep attempts that failed too, marked as failures.
    #[arg(long)]
    keep_failures: bool,
    /// The dataset's folder.
    #[arg(long, default_value = "recordings/demonstrations", value_name = "FOLDER")]
    out: PathBuf,
}

#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
enum Driver {
    /// The scripted one, from the true state.
    #[default]
    Expert,
}

#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
enum Instructions {
    One,
    /// In English and Korean, without those that are held out.
    #[default]
    Training,
}

fn share(text: &str) -> Result<f64, String> {
    number_in(text, 0.0, 1.0)
}

fn amount(text: &str) -> Result<f64, String> {
    number_in(text, 0.0, 0.5)
}

fn number_in(text: &str, least: f64, most: f64) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|number| (least..=most).contains(number));
    number.ok_or_else(|| format!("{text:?} is not a number from {least} to {most}"))
}

/// Records until there are as many episodes as were asked for.
pub(super) fn run(args: &Args, out: &mut (impl Write + Send)) -> anyhow::Result<()> {
    let scenarios = args.scenarios.all()?;
    for (folder, result) in finish::repair(&args.out) {
        result.with_context(|| format!("cannot repair {}", folder.display()))?;
    }
    let work = Work {
        args,
        scenarios,
        next: AtomicU64::new(0),
        saving: Mutex::new(Tally { out, saved: 0, failed: 0, rows: 0, error: None }),
    };
    let started = clock::now();
    let threads = crate::cli::cores();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| work.work());
        }
    });
    let tally = work.saving.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let Some(error) = tally.error {
        return Err(error);
    }
    ensure!(tally.saved > 0, "none of {} attempts succeeded; less --noise helps", tally.failed);
    let seconds = clock::now().since(started).as_secs_f64();
    let driven = tally.rows as f64 / f64::from(args.rate);
    writeln!(
        tally.out,
        "{}: {} episodes, {} rows, {driven:.0} s of driving in {seconds:.0} s ({:.1} times real \
         time); {} attempts failed",
        args.out.display(),
        tally.saved,
        tally.rows,
        driven / seconds,
        tally.failed,
    )?;
    Ok(())
}

struct Work<'a, W> {
    args: &'a Args,
    scenarios: Vec<Scenario>,
    next: AtomicU64,
    /// One episode is saved at a time.
    saving: Mutex<Tally<'a, W>>,
}

struct Tally<'a, W> {
    out: &'a mut W,
    saved: u64,
    failed: u64,
    rows: usize,
    error: Option<anyhow::Error>,
}

impl<'a, W: Write + Send> Work<'a, W> {
    fn work(&self) {
        while let Some(number) = self.take() {
            if let Err(error) = self.record(number) {
                self.tally().error.get_or_insert(error);
            }
        }
    }

    fn tally(&self) -> MutexGuard<'_, Tally<'a, W>> {
        // Whoever panicked while holding it had nothing half done in it.
        self.saving.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of the next attempt, while episodes are missing.
    fn take(&self) -> Option<u64> {
        let tally = self.tally();
        let number = self.next.load(Ordering::Relaxed);
        let under_way = number - tally.saved - tally.failed;
        let is_done = tally.saved + under_way >= self.args.episodes || tally.error.is_some();
        // Ten times as many attempts as episodes: something else is wrong.
        let is_hopeless = number >= 10 * self.args.episodes + 10;
        (!is_done && !is_hopeless).then(|| self.next.fetch_add(1, Ordering::Relaxed))
    }

    fn record(&self, number: u64) -> anyhow::Result<()> {
        let args = self.args;
        let count = self.scenarios.len() as u64;
        let scenario =
            self.scenarios.get((number / 2 % count) as usize).context("there is no scenario")?;
        let side = Side::BOTH[(number % 2) as usize];
        let world = World::generate(scenario, args.seed + number / 2);
        let mut rng = Pcg64::seed_from_u64(args.seed.wrapping_add(number) ^ 0x5eed);
        let noise = if rng.random_bool(args.noise_share) { args.noise } else { 0.0 };
        let disturbance = Disturbance::new(noise, rng.random());
        let mut drive = Drive::new(args, &world, side, number, disturbance)?;
        let is_success = drive.run()?;
        let mut tally = self.tally();
        let folder = drive.close(is_success)?;
        if !is_success && !args.keep_failures {
            tally.failed += 1;
            std::fs::remove_dir_all(&folder)
                .with_context(|| format!("cannot remove {}", folder.display()))?;
            return Ok(());
        }
        let finished = finish::finish(&args.out, &folder)?;
        tally.saved += 1;
        tally.rows += finished.n_rows;
        let saved = tally.saved;
        let mark = if is_success { "" } else { "  failed" };
        writeln!(
            tally.out,
            "{saved:>5}/{}  {:<24} {:<6} {:>5} rows{}{mark}",
            args.episodes,
            scenario.name,
            side.name(),
            finished.n_rows,
            if noise > 0.0 { "  disturbed" } else { "" }
        )?;
        Ok(())
    }
}

/// One attempt, recorded while it is driven.
struct Drive<'a> {
    world: &'a World,
    expert: Expert,
    robot: Robot,
    tracker: Tracker,
    renderer: Renderer,
    gate: Gate,
    disturbance: Disturbance,
    recorder: Recorder,
    writer: Writer<'a>,
    size: (u32, u32),
    rate: u32,
    ticks: u64,
    frames: u64,
}

impl<'a> Drive<'a> {
    fn new(
        args: &'a Args,
        world: &'a World,
        side: Side,
        number: u64,
        disturbance: Disturbance,
    ) -> anyhow::Result<Self> {
        let time = rollout::expert_time(world, side).map_err(|failure| {
            anyhow::anyhow!("the expert cannot solve this world: {failure:?}")
        })?;
        let config = Config { fps: args.rate, takeovers: false, ..Config::default() };
        let origin = Origin {
            robot: "simulated".to_owned(),
            station: format!("pilothouse {} sim collect", env!("CARGO_PKG_VERSION")),
            config: format!("{args:?}"),
        };
        let mut recorder = Recorder::new(&config, origin, clock::wall_ns() - START.0.cast_signed());
        recorder.set_task(&instruction(args, world, side, number));
        Ok(Self {
            expert: Expert::new(side),
            robot: Robot::new(world),
            tracker: Tracker::new(side, time),
            renderer: Renderer::new(world),
            gate: Gate::new(Limits::default()),
            disturbance,
            recorder,
            writer: Writer { root: &args.out, number, journal: None },
            size: args.size,
            rate: args.rate,
            ticks: 0,
            frames: 0,
            world,
        })
    }

    /// True when the expert reached the target as it should.
    fn run(&mut self) -> anyhow::Result<bool> {
        self.tick(Twist::ZERO, Twist::ZERO)?;
        self.recorder.command(&RecordCommand::Toggle);
        while self.tracker.outcome() == Outcome::Running {
            let clean = self.expert.drive(self.world, self.robot.truth().pose);
            let wanted = self.disturbance.disturb(clean, PERIOD);
            self.tick(clean, wanted)?;
        }
        Ok(matches!(self.tracker.outcome(), Outcome::Success(_)))
    }

    /// Ends the recording; the folder of its journal.
    fn close(&mut self, is_success: bool) -> anyhow::Result<PathBuf> {
        self.recorder.command(&RecordCommand::Success(is_success));
        if self.disturbance.acts() {
            self.recorder.command(&RecordCommand::Tag("disturbed".to_owned()));
        }
        self.recorder.close();
        let ops = self.recorder.take_ops();
        self.writer.apply(ops)?;
        let journal = self.writer.journal.take().context("the attempt gave no picture")?;
        Ok(journal.folder().to_owned())
    }

    fn now(&self) -> Stamp {
        START + PERIOD * self.ticks as u32
    }

    /// One turn of the control loop, and the world until the next.
    fn tick(&mut self, clean: Twist, wanted: Twist) -> anyhow::Result<()> {
        let now = self.now();
        self.take_pictures(now)?;
        self.ticks += 1;
        let mut tick = Tick { number: self.ticks, now, ..Tick::default() };
        tick.mode = Mode::Manual;
        tick.authority = Authority::Operator;
        tick.operator.device = Device::Script;
        tick.base.link = LinkState::Up;
        tick.base.limits = LIMITS;
        tick.base.kinematics = self.world.scenario.base;
        tick.base.last_rx = Some(now);
        tick.base.battery = Some(self.robot.battery());
        let pose = self.robot.odometry();
        tick.base.odometry = Some(Odometry {
            x: pose.x,
            y: pose.y,
            yaw: pose.yaw,
            twist: self.robot.odometry_twist(),
            received: now,
        });
        tick.readiness.camera.connected = true;
        tick.readiness.camera.rate_nominal = f64::from(self.rate);
        let request = Request {
            wanted,
            valid_until: now + PERIOD * 2,
            ceiling_mps: Limits::default().linear_mps,
            ..Request::default()
        };
        let checked = self.gate.check(&request, &tick.base, now);
        tick.operator_twist = Some(clean);
        tick.sent = checked.twist.twist();
        tick.limiter = checked.limiter;
        self.recorder.tick(&tick);
        let ops = self.recorder.take_ops();
        self.writer.apply(ops)?;
        let mut left = PERIOD;
        while !left.is_zero() && self.tracker.outcome() == Outcome::Running {
            let step = crate::sim::robot::STEP;
            self.robot.step(self.world, step, tick.sent);
            left = left.saturating_sub(step);
            self.tracker.update(self.world, self.robot.truth());
        }
        Ok(())
    }

    /// The pictures that are due by now, as the camera would have taken them.
    fn take_pictures(&mut self, now: Stamp) -> anyhow::Result<()> {
        let due = |frames: u64| START + Duration::from_secs(1) * frames as u32 / self.rate;
        while due(self.frames) <= now {
            let mut frame =
                Frame { seq: self.frames, captured: due(self.frames), ..Frame::default() };
            frame.resize(self.size.0, self.size.1);
            self.renderer.render(self.robot.truth().pose, self.frames, &mut frame);
            self.frames += 1;
            self.recorder.frame(&Arc::new(frame))?;
        }
        Ok(())
    }
}

/// What the robot is told in attempt `number`.
fn instruction(args: &Args, world: &World, side: Side, number: u64) -> String {
    match (args.instructions, world.instructions().into_iter().next()) {
        (Instructions::One, Some(find)) if world.boxes.is_empty() => find,
        (Instructions::One, _) => side.instruction().to_owned(),
        (Instructions::Training, _) => {
            let mut rng = Pcg64::seed_from_u64(args.seed.wrapping_add(number) ^ 0x3a7d);
            language::draw(Wording::Training, side, world.boxes.len(), &mut rng)
        }
    }
}

/// Does what the recorder asks for, at once.
struct Writer<'a> {
    root: &'a Path,
    /// Of the attempt.
    number: u64,
    journal: Option<Journal>,
}

impl Writer<'_> {
    fn apply(&mut self, ops: Vec<Op>) -> anyhow::Result<()> {
        for op in ops {
            match (op, &mut self.journal) {
                (Op::Begin(mut start), _) => {
                    // Threads may begin within one microsecond, which the name counts.
                    start.recording = format!("{}s{}", start.recording, self.number);
                    let folder = journal_folder(self.root, &start.recording);
                    self.journal = Some(Journal::create(&folder, &start)?);
                }
                (Op::Append { records, units }, Some(journal)) => {
                    journal.append(&records, &units)?;
                }
                (Op::End(end), Some(journal)) => journal.append(&[Record::End(end)], &[])?,
                _ => {}
            }
        }
        Ok(())
    }
}
