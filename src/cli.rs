//! The command line: one file per verb.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

pub mod camera;
pub mod check;
pub mod models;
pub mod runtime;
pub mod sim;
pub mod terminal;

/// A terminal control station for a mobile robot: see, drive, hand over, take over.
#[derive(Debug, Parser)]
#[command(name = "pilothouse", version)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List the cameras, or watch what one of them delivers
    Camera(camera::Args),
    /// Tell what is ready for driving, and what to do about the rest
    Check(check::Args),
    /// List the policies, show what one promises, check their files
    Models(models::Args),
    /// List, install or remove the ONNX Runtime library
    Runtime(runtime::Args),
    /// The simulated robot by itself: its worlds, its expert, its pictures
    Sim(sim::Args),
    /// Print the shell's completion script
    Completions { shell: clap_complete::Shell },
}

/// Parses, dispatches, and tells errors in one message.
#[must_use]
pub fn main() -> ExitCode {
    match run(Cli::parse().verb) {
        Ok(code) => code,
        Err(error) => {
            // The last words of a failing program; a closed stderr cannot be told to anyone.
            let _ = writeln!(io::stderr(), "pilothouse: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(verb: Verb) -> anyhow::Result<ExitCode> {
    // Not locked: a verb may run for hours beside threads that report too.
    let mut out = io::stdout();
    match verb {
        Verb::Camera(args) => camera::run(&args, &mut out)?,
        Verb::Check(args) => {
            return check::run(&args, &mut out, terminal::is_coloured(&io::stdout()));
        }
        Verb::Models(args) => models::run(&args, &mut out)?,
        Verb::Runtime(args) => runtime::run(&args, &mut io::stdin().lock(), &mut out)?,
        Verb::Sim(args) => sim::run(&args)?,
        Verb::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "pilothouse", &mut out);
        }
    }
    Ok(ExitCode::SUCCESS)
}
