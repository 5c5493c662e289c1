//! `pilothouse train --from-takeovers`: the policy in force learns from the operator's corrections
//! and is examined against what it was before; it is offered where it is no worse.

use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail, ensure};

use super::progress::Progress;
use super::stages::Run;
use super::start::Start;
use super::{Args, onnx_runtime, recorded};
use crate::cli::cores;
use crate::cli::eval::folder_of;
use crate::config::Config;
use crate::dataset::lerobot::Dataset;
use crate::eval::closed_loop::{self, Ending, Options};
use crate::onnx::{Device, Runtime, SessionOptions};
use crate::policy::{OnnxPolicy, Policy};
use crate::sim::language::Wording;
use crate::train::examples::Examples;
use crate::train::spec::Spec;

/// Steps, and the highest rate of them: so small that what is not corrected stays.
const STEPS: u64 = 400;
const WARM_UP: u64 = 40;
const RATE: f32 = 2e-4;
/// Demonstrations in the simulator that are repeated beside the corrections, and those examined
/// with.
const DEMONSTRATIONS: u64 = 96;
const EXAMINED: u64 = 24;
/// Share of recorded episodes that is examined with; there are few.
const HELD_OUT: f64 = 0.2;
/// Worlds, each with both sides, in which both drive.
const WORLDS: u64 = 24;
/// Standard deviations by which the new one may do worse in the same worlds and still be offered:
/// the difference is then one that chance makes in one case of twenty.
const CHANCE: f64 = 1.96;

/// Runs the verb.
pub(super) fn run(
    args: &Args,
    mut spec: Spec,
    config: &Config,
    models: &Path,
    out: &mut (impl Write + Send),
) -> anyhow::Result<()> {
    let named = args.from.as_deref().unwrap_or(&config.policy.name);
    ensure!(!named.is_empty(), "no policy is configured; name one with --from");
    let old = folder_of(named, Some(models))?;
    let start = Start::of(&old, &mut spec)?;
    let roots = if args.data.is_empty() {
        with_takeovers(&config.record.folder)?
    } else {
        args.data.clone()
    };
    let was = file_name(&old);
    spec.name = next_name(models, &was);
    spec.optimiser.steps = STEPS;
    spec.optimiser.warmup = WARM_UP;
    spec.optimiser.rate = RATE;
    spec.attempts.demonstrations = DEMONSTRATIONS;
    spec.attempts.held_out = EXAMINED;
    spec.attempts.rounds = 0;
    args.put_into(&mut spec);
    let work = args.work(&spec.name)?;
    let runtime = onnx_runtime(None)?;
    let roots: Vec<&Path> = roots.iter().map(PathBuf::as_path).collect();
    let mut progress = Progress::new(&spec.name, out);
    let pairs = recorded(&roots, HELD_OUT, &spec, &work, &mut progress)?;
    let n_labels: usize = pairs.iter().map(|(training, _)| training.n_steps()).sum();
    ensure!(n_labels > 0, "the recordings hold no correction to learn from");

    let candidates = work.join("candidate");
    let new = candidates.join(&spec.name);
    let name = spec.name.clone();
    let examined = pairs.iter().map(|(_, held_out)| Arc::clone(held_out)).collect();
    let run = Run::new(spec.clone(), work.clone(), runtime.clone(), pairs, start, &args.scenario)?;
    run.train(false, &candidates, &mut progress)?;
    drop(progress);

    let rivals = Rivals { spec, work, runtime, examined };
    let found = rivals.compare([&old, &new])?;
    found.tell([&was, &name], out)?;
    if found.is_worse() {
        let (place, to) = (new.display(), models.join(&name));
        return Ok(writeln!(
            out,
            "not offered; copy {place} to {} to use it anyway",
            to.display()
        )?);
    }
    install(&new, &models.join(&name))?;
    Ok(writeln!(out, "{name} is offered: on the station, p chooses it")?)
}

/// What two policies are compared on.
struct Rivals {
    spec: Spec,
    work: PathBuf,
    runtime: Runtime,
    /// Held-out corrections.
    examined: Vec<Arc<Examples>>,
}

/// The old policy's figure and the new one's.
struct Comparison {
    /// Share of the slots of held-out corrections that are within the tolerance of the operator's
    /// command; `None` where none was held out.
    agreed: Option<[f64; 2]>,
    /// Of the same attempts.
    successes: [usize; 2],
    /// Attempts in which only the one succeeded.
    alone: [usize; 2],
    attempts: usize,
}

impl Rivals {
    fn compare(&self, folders: [&Path; 2]) -> anyhow::Result<Comparison> {
        let [old, new] = folders;
        let agreed = match (self.agreement(old)?, self.agreement(new)?) {
            (Some(old), Some(new)) => Some([old, new]),
            _ => None,
        };
        let ends = [self.drive(old)?, self.drive(new)?];
        let count = |list: &[bool]| list.iter().filter(|is_success| **is_success).count();
        let pairs = || ends[0].iter().zip(&ends[1]);
        Ok(Comparison {
            agreed,
            successes: [count(&ends[0]), count(&ends[1])],
            alone: [
                pairs().filter(|(old, new)| **old && !**new).count(),
                pairs().filter(|(old, new)| !**old && **new).count(),
            ],
            attempts: ends[0].len(),
        })
    }

    fn agreement(&self, folder: &Path) -> anyhow::Result<Option<f64>> {
        let mut spec = self.spec.clone();
        let start = Start::of(folder, &mut spec)?;
        let (work, runtime) = (self.work.clone(), self.runtime.clone());
        let run = Run::new(spec, work, runtime, Vec::new(), start, &[])?;
        let weights = run.first_weights()?;
        let mut hits = Vec::new();
        for examples in self.examined.iter().filter(|examples| examples.n_clips() > 0) {
            let chunks = run.judged(&weights, examples)?;
            hits.extend(chunks.iter().flat_map(|chunk| chunk.hits));
        }
        let n_hits = hits.iter().filter(|hit| **hit).count();
        Ok((!hits.is_empty()).then(|| n_hits as f64 / hits.len() as f64))
    }

    /// Whether it succeeds in each of the same attempts.
    fn drive(&self, folder: &Path) -> anyhow::Result<Vec<bool>> {
        let load = || -> Result<Box<dyn Policy>, _> {
            let options =
                SessionOptions { device: Device::Cpu, intra_threads: 1, engine_cache: None };
            let policy = OnnxPolicy::load_with(folder, &self.runtime, &options)?;
            Ok(Box::new(policy) as Box<dyn Policy>)
        };
        let (mut policy, scenarios) = (load()?, closed_loop::scenarios()?);
        let attempts = closed_loop::attempts(policy.as_mut(), &scenarios, WORLDS, 0, Wording::One)?;
        let options = Options::default();
        let is_success = |_, end: Result<(closed_loop::Run, ()), _>| {
            ControlFlow::Continue(end.is_ok_and(|(run, ())| run.ending == Ending::Success))
        };
        Ok(closed_loop::drive_all(&attempts, &options, cores(), &load, &|_| (), &is_success)?)
    }
}

impl Comparison {
    /// It agrees less with the operator, or fails where the old one did not more often than chance
    /// would have it (`McNemar`, 1947).
    fn is_worse(&self) -> bool {
        let agrees_less = self.agreed.is_some_and(|[old, new]| new < old);
        let [old, new] = self.alone.map(|n| n as f64);
        agrees_less || old - new > CHANCE * (old + new).sqrt()
    }

    fn tell(&self, names: [&str; 2], out: &mut impl Write) -> std::io::Result<()> {
        let [old, new] = names;
        match self.agreed {
            Some(agreed) => {
                let [before, after] = agreed.map(|share| 100.0 * share);
                writeln!(
                    out,
                    "agrees with the operator on held-out corrections: {old} {before:.1} %, {new} \
                     {after:.1} %"
                )?;
            }
            None => writeln!(
                out,
                "too few corrections to hold any out: how well {new} learnt them is not known"
            )?,
        }
        let ([before, after], n) = (self.successes, self.attempts);
        writeln!(out, "succeeds in the simulator: {old} {before} of {n}, {new} {after} of {n}")
    }
}

fn file_name(folder: &Path) -> String {
    folder.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Datasets below `folder` in which an operator took over.
fn with_takeovers(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut roots = Vec::new();
    let entries = std::fs::read_dir(folder)
        .with_context(|| format!("cannot read the recordings in {}", folder.display()))?;
    for entry in entries {
        let root = entry?.path();
        if !root.join("meta/info.json").is_file() {
            continue;
        }
        let dataset = Dataset::open(&root)?;
        if dataset.episodes().iter().any(|episode| episode.notes.takeovers > 0) {
            roots.push(root);
        }
    }
    roots.sort();
    if roots.is_empty() {
        bail!(
            "no takeover is recorded in {}; let the policy drive and take over: it is kept by itself",
            folder.display()
        );
    }
    Ok(roots)
}

/// `pilot` is followed by `pilot-2`, and that by `pilot-3`.
fn next_name(models: &Path, name: &str) -> String {
    let stem = match name.rsplit_once('-') {
        Some((stem, number)) if number.parse::<u32>().is_ok() => stem,
        _ => name,
    };
    let names = (2..).map(|number: u32| format!("{stem}-{number}"));
    names.into_iter().find(|name| !models.join(name).exists()).unwrap_or_default()
}

/// Copies a policy's files to where the station finds them; the manifest last.
fn install(from: &Path, to: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(to).with_context(|| format!("cannot create {}", to.display()))?;
    let manifest = crate::policy::check(from)?;
    let names = manifest.files.keys().map(String::as_str);
    for name in names.chain([crate::policy::manifest::FILE_NAME]) {
        let path = from.join(name);
        let bytes =
            std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        crate::policy::replace(&to.join(name), &bytes)
            .with_context(|| format!("cannot write into {}", to.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn comparison(agreed: Option<[f64; 2]>, alone: [usize; 2]) -> Comparison {
        Comparison { agreed, successes: [20 + alone[0], 20 + alone[1]], alone, attempts: 48 }
    }

    #[test]
    fn what_is_worse_is_not_offered() {
        // A robot would be worse after each correction, and nobody would know.
        assert!(!comparison(None, [0, 0]).is_worse());
        assert!(!comparison(Some([0.6, 0.7]), [2, 1]).is_worse());
        assert!(comparison(Some([0.6, 0.5]), [0, 5]).is_worse());
        assert!(comparison(Some([0.6, 0.7]), [8, 1]).is_worse());
        assert!(!comparison(Some([0.6, 0.6]), [1, 8]).is_worse());
    }

    #[test]
    fn names_count_up_and_take_no_others_place() {
        // The policy that drove until now would be overwritten.
        let models = tempfile::tempdir().unwrap();
        assert_eq!(next_name(models.path(), "pilot"), "pilot-2");
        std::fs::create_dir(models.path().join("pilot-2")).unwrap();
        assert_eq!(next_name(models.path(), "pilot"), "pilot-3");
        assert_eq!(next_name(models.path(), "pilot-2"), "pilot-3");
        assert_eq!(next_name(models.path(), "hall-navigator"), "hall-navigator-2");
    }
}
