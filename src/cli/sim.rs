//! `pilothouse sim`: the simulated robot by itself.

mod bench;
mod collect;
mod expert;
mod port;
mod serve;
pub(super) mod sheet;

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use clap::Subcommand;

use crate::sim::Scenario;
use crate::sim::scenario::{DEFAULT, EMBEDDED};

/// The simulated robot and its world.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

impl Args {
    /// Whether it does more than print.
    pub(super) const fn works(&self) -> bool {
        matches!(self.verb, Verb::Collect(_))
    }
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Lists the built-in scenarios.
    List,
    /// Lets the scripted expert drive many worlds and prints how it did.
    Expert(expert::Args),
    /// Records demonstrations of the scripted expert, faster than real time.
    Collect(collect::Args),
    /// Draws what the camera sees during expert runs into one PNG.
    Sheet(sheet::Args),
    /// Is the robot: its base on a serial port, its camera on standard output, until standard input
    /// ends.
    Serve(serve::Args),
    /// Measures how fast the camera's pictures are drawn, on one core.
    Bench(bench::Args),
}

/// Which worlds to draw.
#[derive(Clone, Debug, clap::Args)]
pub struct ScenarioArgs {
    /// A built-in scenario (`pilothouse sim list`) or a scenario file; all built-in ones when left
    /// out.
    #[arg(long, value_name = "NAME|FILE")]
    scenario: Option<String>,
}

impl ScenarioArgs {
    fn all(&self) -> anyhow::Result<Vec<Scenario>> {
        match &self.scenario {
            Some(name) => Ok(vec![scenario(name)?]),
            None => Ok(Scenario::all()?),
        }
    }
}

/// Runs the verb.
///
/// # Errors
/// The scenario cannot be read or the result cannot be written.
pub fn run(args: &Args, out: &mut (impl Write + Send)) -> anyhow::Result<()> {
    match &args.verb {
        Verb::List => list(out),
        Verb::Expert(args) => expert::run(args, out),
        Verb::Collect(args) => collect::run(args, out),
        Verb::Sheet(args) => sheet::run(args, out),
        Verb::Serve(args) => serve::run(args),
        Verb::Bench(args) => bench::run(args, out),
    }
}

/// A scenario by its name, or by the path of a `.toml` file.
pub(crate) fn scenario(name: &str) -> anyhow::Result<Scenario> {
    let path = PathBuf::from(name);
    if path.extension().is_none_or(|extension| extension != "toml") {
        return Ok(Scenario::embedded(name)?);
    }
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read the scenario file {}", path.display()))?;
    Ok(Scenario::parse(&text, name)?)
}

fn list(out: &mut impl Write) -> anyhow::Result<()> {
    for (name, _) in EMBEDDED {
        let mark = if *name == DEFAULT { " (default)" } else { "" };
        writeln!(out, "{name:<24} {}{mark}", Scenario::embedded(name)?.description)?;
    }
    Ok(())
}
