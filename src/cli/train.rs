//! `pilothouse train`: policies from recordings and from attempts in the simulator.

mod curves;
mod progress;
mod stages;
mod start;
mod takeovers;
mod watch;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, ensure};

use self::progress::Progress;
use self::stages::Run;
use self::start::Start;
use super::cores;
use super::eval::folder_of;
use crate::config::{self, Flags};
use crate::onnx::Runtime;
use crate::onnx::library::{self, Search, Variant};
use crate::policy;
use crate::sim::language;
use crate::train::examples::{Examples, RecordingOptions, from_recordings};
use crate::train::spec::Spec;

/// Trains a policy on this machine and puts it where the station finds it.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to train
    #[arg(default_value = crate::train::spec::DEFAULT_PATH)]
    spec: PathBuf,
    /// Recorded datasets to learn from, besides what the specification asks the simulator for
    #[arg(long, value_name = "FOLDER")]
    data: Vec<PathBuf>,
    /// Folder that holds the policy folders [default: models here, else in your data folder]
    #[arg(long, value_name = "FOLDER")]
    models: Option<PathBuf>,
    /// Folder for examples, checkpoints and curves [default: runs/NAME]
    #[arg(long, value_name = "FOLDER")]
    work: Option<PathBuf>,
    /// Go on from the checkpoint in the work folder
    #[arg(long)]
    resume: bool,
    /// Go on from this policy, by name or folder, instead of from fresh weights
    #[arg(long, value_name = "POLICY")]
    from: Option<String>,
    /// Let the policy in force learn from the recorded corrections, in minutes, and offer the
    /// result where it is no worse
    #[arg(long, conflicts_with = "resume")]
    from_takeovers: bool,
    /// Another name for the policy
    #[arg(long)]
    name: Option<String>,
    /// Steps, instead of the specification's
    #[arg(long, value_name = "N")]
    steps: Option<u64>,
    /// Demonstrations in the simulator, instead of the specification's
    #[arg(long, value_name = "N")]
    demonstrations: Option<u64>,
    /// Times the policy drives and the expert corrects it, instead of the specification's
    #[arg(long, value_name = "N")]
    dagger: Option<u64>,
    /// Attempts each of these times, instead of the specification's
    #[arg(long, value_name = "N")]
    attempts: Option<u64>,
    /// At the end let it drive N worlds, each with both sides, as `eval --closed-loop` does
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    examine: Option<u64>,
    /// Only these scenarios of the simulator
    #[arg(long, value_name = "NAME")]
    scenario: Vec<String>,
}

/// Runs the verb.
///
/// # Errors
/// The specification is wrong, data cannot be read, or a file cannot be written.
pub fn run(args: &Args, out: &mut (impl Write + Send)) -> anyhow::Result<()> {
    let mut spec = Spec::read(&args.spec)?;
    let config = config::load(&Flags::default())?.config;
    // Where the station looks.
    let models = policy::home(args.models.as_deref().or(config.policy.models.as_deref()))?;
    if args.from_takeovers {
        return takeovers::run(args, spec, &config, &models, out);
    }
    ensure!(
        args.demonstrations.unwrap_or(spec.attempts.demonstrations) > 0 || !args.data.is_empty(),
        "there is nothing to learn from: give --data, or --demonstrations"
    );
    let start = match &args.from {
        Some(name) => Some(Start::of(&folder_of(name, Some(&models))?, &mut spec)?),
        None => None,
    };
    args.put_into(&mut spec);
    let work = args.work(&spec.name)?;
    let runtime = onnx_runtime(None)?;
    let data: Vec<&Path> = args.data.iter().map(PathBuf::as_path).collect();
    let mut progress = Progress::new(&spec.name, out);
    let recorded = recorded(&data, HELD_OUT, &spec, &work, &mut progress)?;
    let start = match start {
        Some(start) => start,
        None => Start::fresh(&spec, &instructions(&recorded))?,
    };
    let run = Run::new(spec, work, runtime, recorded, start, &args.scenario)?;
    let folder = models.join(run.name());
    run.train(args.resume, &models, &mut progress)?;
    drop(progress);
    match args.examine {
        Some(n_worlds) => super::eval::examine(&folder, n_worlds, out),
        None => Ok(()),
    }
}

/// Share of recorded episodes that is examined with.
const HELD_OUT: f64 = 0.1;

impl Args {
    /// What is asked for in the place of the specification's.
    fn put_into(&self, spec: &mut Spec) {
        if let Some(name) = &self.name {
            spec.name.clone_from(name);
        }
        spec.optimiser.steps = self.steps.unwrap_or(spec.optimiser.steps);
        spec.attempts.demonstrations = self.demonstrations.unwrap_or(spec.attempts.demonstrations);
        spec.attempts.rounds = self.dagger.unwrap_or(spec.attempts.rounds);
        spec.attempts.attempts_a_round = self.attempts.unwrap_or(spec.attempts.attempts_a_round);
    }

    /// The work folder, made.
    fn work(&self, name: &str) -> anyhow::Result<PathBuf> {
        let work = self.work.clone().unwrap_or_else(|| Path::new("runs").join(name));
        std::fs::create_dir_all(&work)
            .with_context(|| format!("cannot create {}", work.display()))?;
        Ok(work)
    }
}

/// Everything that a policy trained on `recorded` and in the simulator is told.
fn instructions(recorded: &[Pair]) -> Vec<String> {
    let mut instructions = language::texts(|template| !template.is_held_out());
    for examples in recorded.iter().flat_map(|(training, held_out)| [training, held_out]) {
        let told = examples.clips().iter().map(|clip| clip.instruction.clone());
        instructions.extend(told);
    }
    instructions
}

/// Examples to learn from, and to examine with.
type Pair = (Arc<Examples>, Arc<Examples>);

/// What was recorded in the datasets `roots`, as examples.
fn recorded(
    roots: &[&Path],
    held_out: f64,
    spec: &Spec,
    work: &Path,
    progress: &mut Progress<'_>,
) -> anyhow::Result<Vec<Pair>> {
    let threads = cores();
    let cache = work.join("recorded");
    let options = RecordingOptions { cache, held_out, threads, ..Default::default() };
    let mut pairs = Vec::new();
    for root in roots {
        let name = root.display().to_string();
        let mut told = |done: usize, all: usize| {
            let _ = progress.errand(&name, done as u64, all as u64);
        };
        let made = from_recordings(root, &spec.examples(), &options, &mut told)
            .with_context(|| format!("cannot learn from {name}"))?;
        let open = |path: &PathBuf| Examples::open(&[path]).map(Arc::new);
        let pair = (open(&made.training)?, open(&made.held_out)?);
        progress.line(&format!(
            "{name}: {} clips to learn from, {} to examine with",
            pair.0.n_clips(),
            pair.1.n_clips()
        ))?;
        pairs.push(pair);
    }
    Ok(pairs)
}

/// The ONNX Runtime library, loaded.
pub(super) fn onnx_runtime(explicit: Option<PathBuf>) -> anyhow::Result<Runtime> {
    let search = Search { explicit, cache: library::cache_dir()?, prefer: Variant::Cpu };
    let library = library::find(&search)
        .context("training needs ONNX Runtime; `pilothouse runtime install` fetches it")?;
    Ok(Runtime::load(&library.path)?)
}
