//! `pilothouse drive`: the station itself, on screen or headless.

pub(super) mod console;
pub(super) mod headless;
pub(super) mod options;
pub(super) mod pace;
mod robot;
pub(super) mod screen;
pub(super) mod signals;

use std::fs;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::{Context, ensure};

use crate::config::{self, Config, Flags};
use crate::msg::{Device, InputMode};
use crate::runtime::policy_loop::LoadPolicy;
use crate::runtime::{Station, clock};
use crate::teleop::{Script, Teleop};

pub(super) use robot::{Robot, load_runtime};

/// Time a headless run goes on after its script's last step, when `--seconds` does not say.
const AFTER_SCRIPT: Duration = Duration::from_secs(2);

/// Opens the station.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub(super) flags: Flags,
    /// Run without a terminal and print a summary as JSON at the end
    #[arg(long)]
    pub(super) headless: bool,
    /// How long a headless run drives [default: until 2 s after the script's last step]
    #[arg(long, value_name = "N", requires = "headless")]
    seconds: Option<f64>,
    /// Keys of a headless run, a timed step a line
    #[arg(long, value_name = "FILE", requires = "headless")]
    script: Option<PathBuf>,
}

/// Drives until the operator quits or the headless run is over.
///
/// # Errors
/// A configuration, device or terminal that cannot be used; each names itself.
pub fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let config = config::load(&args.flags)?.config;
    open(args, &config, Box::new(|load| load), out)
}

/// Puts policies of its own beside those of the models' folder.
pub(super) type Policies = Box<dyn FnOnce(LoadPolicy) -> LoadPolicy>;

/// As [`run`], with a configuration that was read already.
pub(super) fn open(
    args: &Args,
    config: &Config,
    policies: Policies,
    out: &mut dyn Write,
) -> anyhow::Result<ExitCode> {
    let started = clock::now();
    let script = args.script.as_deref().map(read_script).transpose()?;
    let is_terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    ensure!(
        args.headless || is_terminal,
        "the screen needs a terminal on standard input and output; use --headless without one"
    );
    let log = super::log::start(&config.log)?;
    let quit = Arc::new(AtomicBool::new(false));
    if !args.headless {
        return screen::run(config, &log, &quit, started, policies);
    }
    let teleop = Teleop::new(&config.teleop, InputMode::Hold).with_key_device(Device::Script);
    let (mut robot, mut parts) = Robot::connect(config, teleop, started)?;
    parts.load_policy = policies(parts.load_policy);
    let mut station = Station::start(parts).context("cannot start the station")?;
    robot.begin(&station, config);
    signals::watch(hang_up(&station), Arc::clone(&quit))?;
    let script = script.unwrap_or_default();
    let span = args.seconds.map_or(Ok(script.end() + AFTER_SCRIPT), |seconds| {
        Duration::try_from_secs_f64(seconds).context("--seconds must be a positive number")
    })?;
    let report = headless::run(&mut robot, &mut station, script, span, &quit, &mut |_| Ok(()))?;
    drop(station);
    serde_json::to_writer_pretty(&mut *out, &report)?;
    writeln!(out)?;
    Ok(ExitCode::SUCCESS)
}

/// What a signal does to the robot at once.
fn hang_up(station: &Station) -> impl FnOnce() + Send + 'static {
    let desk = Arc::clone(&station.desk);
    move || desk.update(Teleop::on_hangup)
}

fn read_script(path: &std::path::Path) -> anyhow::Result<Script> {
    let text = fs::read_to_string(path)
        .with_context(|| format!("cannot read the key script {}", path.display()))?;
    Script::parse(&text).with_context(|| format!("key script {}", path.display()))
}
