//! The command line: one file per verb.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use self::output::Output;

pub mod bench;
pub mod camera;
pub mod check;
pub mod drive;
pub mod episodes;
pub mod eval;
mod log;
pub mod models;
mod output;
pub mod replay;
pub mod runtime;
pub mod sim;
pub mod sim_process;
pub mod terminal;
pub mod train;

/// A terminal control station for a mobile robot: see, drive, hand over, take over.
///
/// Without a verb it drives; without a configuration it drives a simulated robot.
#[derive(Debug, Parser)]
#[command(name = "pilothouse", version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    drive: drive::Args,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Open the station (the default)
    Drive(Box<drive::Args>),
    /// Measure latency, jitter, CPU and memory on this machine
    Bench(bench::Args),
    /// List the cameras, or watch what one of them delivers
    Camera(camera::Args),
    /// Tell what is ready for driving, and what to do about the rest
    Check(check::Args),
    /// The recorded episodes: list, show, correct, move, check
    Episodes(episodes::Args),
    /// Examine policies on recordings and in the simulator; keep the scores beside their files
    Eval(eval::Args),
    /// The policies, the best first; show what one promises, check their files
    Models(models::Args),
    /// Show a recorded drive, or repeat it: through today's code, or on the robot
    Replay(Box<replay::Args>),
    /// List, install or remove the ONNX Runtime library
    Runtime(runtime::Args),
    /// The simulated robot by itself: its worlds, its expert, its pictures
    Sim(sim::Args),
    /// Train a policy from recordings and from attempts in the simulator
    Train(train::Args),
    /// Print the shell's completion script
    Completions { shell: clap_complete::Shell },
}

/// Parses, dispatches, and tells errors in one message. A reader of what is printed may leave
/// early, as `| head -1` does: then a verb that only prints ends there, and that is no error.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let verb = cli.verb.unwrap_or_else(|| Verb::Drive(Box::new(cli.drive)));
    let mut out = Output::new();
    match run(verb, &mut out) {
        Ok(code) => code,
        Err(error) if out.explains(&error) => ExitCode::SUCCESS,
        Err(error) => {
            // The last words of a failing program; a closed stderr cannot be told to anyone.
            let _ = writeln!(io::stderr(), "pilothouse: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(verb: Verb, out: &mut Output) -> anyhow::Result<ExitCode> {
    if matches!(verb, Verb::Episodes(_) | Verb::Eval(_) | Verb::Train(_)) {
        out.go_on_unheard();
    }
    match verb {
        Verb::Drive(args) => return drive::run(&args, out),
        Verb::Bench(args) => bench::run(&args, out)?,
        Verb::Camera(args) => camera::run(&args, out)?,
        Verb::Check(args) => {
            return check::run(&args, out, terminal::is_coloured(&io::stdout()));
        }
        Verb::Episodes(args) => return episodes::run(&args, out),
        Verb::Models(args) => models::run(&args, out)?,
        Verb::Replay(args) => return replay::run(&args, out),
        Verb::Runtime(args) => runtime::run(&args, &mut io::stdin().lock(), out)?,
        Verb::Sim(args) => {
            if args.works() {
                out.go_on_unheard();
            }
            sim::run(&args, out)?;
        }
        Verb::Train(args) => train::run(&args, out)?,
        Verb::Eval(args) => eval::run(&args, out)?,
        Verb::Completions { shell } => {
            // It panics where it cannot write.
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "pilothouse", &mut script);
            out.write_all(&script)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// As many threads as work at once.
fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// The user's folder for what a program keeps between runs, or a clear error where the system names
/// none.
fn state_dir() -> anyhow::Result<PathBuf> {
    let dirs = directories::ProjectDirs::from("", "", "pilothouse").ok_or_else(|| {
        anyhow::anyhow!("cannot tell your home folder; set HOME to a folder you may write to")
    })?;
    Ok(dirs.state_dir().unwrap_or_else(|| dirs.data_local_dir()).to_owned())
}
