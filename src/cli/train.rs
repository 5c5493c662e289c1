//! `pilothouse train`: policies from recordings and from attempts in the simulator.

mod curves;
mod stages;
mod watch;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, ensure};

use self::stages::Run;
use crate::onnx::Runtime;
use crate::onnx::library::{self, Search, Variant};
use crate::sim::language;
use crate::train::examples::{Examples, RecordingOptions, from_recordings};
use crate::train::spec::Spec;

/// Trains a policy on this machine and puts it where the station finds it.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to train
    #[arg(default_value = "configs/policies/default.toml")]
    spec: PathBuf,
    /// Recorded datasets to learn from, besides what the specification asks the simulator for
    #[arg(long, value_name = "FOLDER")]
    data: Vec<PathBuf>,
    /// Folder that holds the policy folders
    #[arg(long, value_name = "FOLDER", default_value = "models")]
    models: PathBuf,
    /// Folder for examples, checkpoints and curves [default: runs/NAME]
    #[arg(long, value_name = "FOLDER")]
    work: Option<PathBuf>,
    /// Go on from the checkpoint in the work folder
    #[arg(long)]
    resume: bool,
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
    spec.name = args.name.clone().unwrap_or(spec.name);
    spec.optimiser.steps = args.steps.unwrap_or(spec.optimiser.steps);
    spec.attempts.demonstrations = args.demonstrations.unwrap_or(spec.attempts.demonstrations);
    spec.attempts.rounds = args.dagger.unwrap_or(spec.attempts.rounds);
    spec.attempts.attempts_a_round = args.attempts.unwrap_or(spec.attempts.attempts_a_round);
    ensure!(
        spec.attempts.demonstrations > 0 || !args.data.is_empty(),
        "there is nothing to learn from: give --data, or --demonstrations"
    );
    let work = args.work.clone().unwrap_or_else(|| Path::new("runs").join(&spec.name));
    std::fs::create_dir_all(&work).with_context(|| format!("cannot create {}", work.display()))?;
    let runtime = onnx_runtime(None)?;
    let recorded = recorded(args, &spec, &work, out)?;
    let mut instructions = language::texts(|template| !template.is_held_out());
    for examples in recorded.iter().flat_map(|(training, held_out)| [training, held_out]) {
        let told = examples.clips().iter().map(|clip| clip.instruction.clone());
        instructions.extend(told);
    }
    let run = Run::new(spec, work, runtime, recorded, &instructions, &args.scenario)?;
    run.train(args.resume, &args.models, out)
}

/// Examples to learn from, and to examine with.
type Pair = (Arc<Examples>, Arc<Examples>);

/// What was recorded, as examples.
fn recorded(
    args: &Args,
    spec: &Spec,
    work: &Path,
    out: &mut impl Write,
) -> anyhow::Result<Vec<Pair>> {
    let mut pairs = Vec::new();
    for root in &args.data {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let options =
            RecordingOptions { cache: work.join("recorded"), threads, ..Default::default() };
        let mut told = |_: usize, _: usize| {};
        let made = from_recordings(root, &spec.examples(), &options, &mut told)
            .with_context(|| format!("cannot learn from {}", root.display()))?;
        let open = |path: &PathBuf| Examples::open(&[path]).map(Arc::new);
        let pair = (open(&made.training)?, open(&made.held_out)?);
        writeln!(
            out,
            "{}: {} clips to learn from, {} to examine with",
            root.display(),
            pair.0.n_clips(),
            pair.1.n_clips()
        )?;
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
