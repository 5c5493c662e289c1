//! `pilothouse replay`: a recorded drive on screen, through today's control loop, or on the robot.

mod played;
pub(super) mod player;
mod recorded;
mod recorded_policy;
mod scene;
mod through_control;
mod transport;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;

use anyhow::{bail, ensure};

use self::recorded_policy::RecordedPolicy;
use super::drive;
use super::episodes::root::Root;
use crate::config::{self, Config};
use crate::policy::Policy;

/// Shows or repeats a recorded drive.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub struct Args {
    /// Number of the episode; `all` with --through-control
    episode: Which,
    /// Folder of the dataset [default: what record.folder and record.dataset say]
    #[arg(long, value_name = "FOLDER")]
    dataset: Option<PathBuf>,
    /// How fast it is shown, 0.25 to 8
    #[arg(long, value_name = "X", default_value_t = 1.0)]
    speed: f64,
    /// Feed it through today's control and safety, and print every command that comes out otherwise
    #[arg(long, conflicts_with = "on_robot")]
    through_control: bool,
    /// Open the station with a policy that sends the recorded actions; enter starts it
    #[arg(long)]
    on_robot: bool,
    #[command(flatten)]
    drive: drive::Args,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    All,
    One(usize),
}

impl FromStr for Which {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "all" {
            return Ok(Self::All);
        }
        text.parse().map(Self::One).map_err(|_| "expected a number, as 3, or `all`".to_owned())
    }
}

/// Runs the verb.
///
/// # Errors
/// There is no such episode, it cannot be read, or the terminal or the robot cannot be used.
pub fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let config = config::load(&args.drive.flags)?.config;
    let root = Root::new(args.dataset.clone(), args.drive.flags.config.as_deref(), &config);
    if args.through_control {
        let dataset = root.read()?;
        let numbers = match args.episode {
            Which::All => (0..dataset.episodes().len()).collect(),
            Which::One(number) => vec![number],
        };
        return through_control::run(&dataset, &numbers, out);
    }
    let Which::One(number) = args.episode else {
        bail!("`all` goes with --through-control; name one episode to see it")
    };
    if args.on_robot {
        return on_robot(args, config, &root, number, out);
    }
    ensure!(!args.drive.headless, "--headless goes with --on-robot");
    player::run(&root, number, args.speed, &config)
}

fn on_robot(
    args: &Args,
    mut config: Config,
    root: &Root,
    number: usize,
    out: &mut dyn Write,
) -> anyhow::Result<ExitCode> {
    let recorded = RecordedPolicy::load(&root.read()?, number)?;
    config.policy.name.clone_from(&recorded.info().name);
    if config.policy.instruction.is_empty() {
        recorded.task().clone_into(&mut config.policy.instruction);
    }
    let policies: drive::Policies = Box::new(move |mut load| {
        Box::new(move |name| {
            if name == recorded.info().name {
                return Ok(Box::new(recorded.clone()) as Box<dyn Policy>);
            }
            load(name)
        })
    });
    drive::open(&args.drive, &config, policies, out)
}
