//! The command line: one file per verb.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub mod camera;
pub mod models;
pub mod runtime;

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
    /// List the policies, show what one promises, check their files
    Models(models::Args),
}

/// Parses, dispatches, and tells errors in one message.
#[must_use]
pub fn main() -> ExitCode {
    let mut out = io::stdout().lock();
    let result = match Cli::parse().verb {
        Verb::Camera(args) => camera::run(&args, &mut out),
        Verb::Models(args) => models::run(&args, &mut out),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The last words of a failing program; a closed stderr cannot be told to anyone.
            let _ = writeln!(io::stderr(), "pilothouse: {error:#}");
            ExitCode::FAILURE
        }
    }
}
