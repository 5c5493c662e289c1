//! `pilothouse eval`: examines policies, and keeps what it found beside their files.

mod closed_loop;
mod findings;
mod recorded;
mod simulated;
mod speed;

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use serde::Serialize;

use super::cores;
use super::sim::sheet::size;
use crate::config::{self, Flags};
use crate::eval::calibration::TOLERANCE;
use crate::eval::scores::{Found, Scores};
use crate::onnx::{Device, Runtime, SessionOptions};
use crate::policy::{self, Manifest, OnnxPolicy, PolicyError};

/// Examines policies: on recorded episodes, against the operator and with words and pictures
/// changed; and in the simulator, through the code that drives the robot.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Names of policies in the models' folder, or folders of policies
    #[arg(required = true, value_name = "MODEL")]
    models_examined: Vec<String>,
    /// Folder that holds the policy folders [default: models here, else in your data folder]
    #[arg(long, value_name = "FOLDER")]
    models: Option<PathBuf>,
    /// Let it drive N worlds, each with both sides; all scenarios in turn
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    closed_loop: Option<u64>,
    /// Hold it against the expert in N worlds, each with both sides, as --data against the operator
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    beside_expert: Option<u64>,
    #[command(flatten)]
    course: closed_loop::Course,
    #[command(flatten)]
    recordings: recorded::Recordings,
    /// What the policy runs on: auto, cpu, cuda, tensorrt, coreml, directml
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    device: Device,
    /// Attempts or episodes at once [default: one for each core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: Option<u16>,
    /// Write everything that was found to FILE, each single attempt too
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Do not keep the scores beside the policy's files
    #[arg(long)]
    no_save: bool,
}

/// What is written for each policy with `--json`.
#[derive(Debug, Serialize)]
struct Report {
    policy: String,
    scores: Scores,
    attempts: Vec<closed_loop::Line>,
}

/// Runs the verb.
///
/// # Errors
/// A policy cannot be loaded, the examination cannot be posed, or a result cannot be written.
pub fn run(args: &Args, out: &mut (impl Write + Send)) -> anyhow::Result<()> {
    ensure!(
        args.closed_loop.or(args.beside_expert).is_some() || args.recordings.data.is_some(),
        "say how to examine: --closed-loop 300 drives in the simulator, --beside-expert 24 looks \
         on there, --data FOLDER looks on in recordings"
    );
    let flags = Flags { device: Some(args.device.to_string()), ..Flags::default() };
    let config = config::load(&flags)?.config;
    let runtime = super::drive::load_runtime(&config.policy)?;
    let home = args.models.clone().or(config.policy.models);
    let mut reports = Vec::new();
    for name in &args.models_examined {
        let folder = folder_of(name, home.as_deref())?;
        let candidate = Candidate::new(&folder, &runtime, args)?;
        writeln!(out, "{}: {}", candidate.manifest.name, candidate.manifest.summary)?;
        reports.push(candidate.examine(args, out).with_context(|| format!("policy {name}"))?);
        writeln!(out)?;
    }
    if let Some(path) = &args.json {
        let text = serde_json::to_string_pretty(&reports)?;
        std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// What `pilothouse eval FOLDER --closed-loop N` does.
pub(super) fn examine(
    folder: &Path,
    n_worlds: u64,
    out: &mut (impl Write + Send),
) -> anyhow::Result<()> {
    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }
    let n_worlds = n_worlds.to_string();
    let words = ["eval".as_ref(), folder.as_os_str(), "--closed-loop".as_ref(), n_worlds.as_ref()];
    run(&<Line as clap::Parser>::try_parse_from(words)?.args, out)
}

/// A path that holds a policy as it is, else the folder of that name among the models.
pub(super) fn folder_of(name: &str, home: Option<&Path>) -> anyhow::Result<PathBuf> {
    let path = Path::new(name);
    if path.join(policy::manifest::FILE_NAME).is_file() {
        return Ok(path.to_owned());
    }
    let home = policy::home(home)?;
    let folder = home.join(name);
    ensure!(
        folder.join(policy::manifest::FILE_NAME).is_file(),
        "there is no policy {name:?} in {}; `pilothouse models list` names them",
        home.display()
    );
    Ok(folder)
}

/// A policy to examine.
struct Candidate<'a> {
    folder: &'a Path,
    manifest: Manifest,
    runtime: &'a Runtime,
    device: Device,
}

impl<'a> Candidate<'a> {
    fn new(folder: &'a Path, runtime: &'a Runtime, args: &Args) -> anyhow::Result<Self> {
        let manifest = policy::check(folder)?;
        Ok(Self { folder, manifest, runtime, device: args.device })
    }

    /// As the station loads it.
    fn load(&self) -> Result<OnnxPolicy, PolicyError> {
        OnnxPolicy::load(self.folder, self.runtime, self.device)
    }

    /// On one thread, beside others of its kind.
    fn load_narrow(&self) -> Result<OnnxPolicy, PolicyError> {
        let options =
            SessionOptions { device: self.device, intra_threads: 1, ..SessionOptions::default() };
        OnnxPolicy::load_with(self.folder, self.runtime, &options)
    }

    /// What its confidence is about.
    fn tolerance(&self) -> [f64; 3] {
        self.manifest.confidence.tolerance.unwrap_or(TOLERANCE)
    }

    fn examine(&self, args: &Args, out: &mut (impl Write + Send)) -> anyhow::Result<Report> {
        let mut scores = Scores::new(&self.manifest);
        let mut attempts = Vec::new();
        let pace = speed::measure(self, out)?;
        scores.speed = Some(pace.speed.clone());
        // What was examined otherwise than everybody's.
        let mut own_way = Vec::new();
        let threads = args.threads.map_or_else(cores, usize::from);
        if let Some(root) = &args.recordings.data {
            scores.offline = Some(args.recordings.examine(root, self, threads, out)?);
            if !args.recordings.is_held_out() {
                own_way.push(Part::Recordings);
            }
        }
        if let Some(n_worlds) = args.beside_expert {
            let (part, is_whole) = simulated::hold(self, &args.course, n_worlds, threads, out)?;
            scores.offline_simulated = Some(part);
            if !is_whole {
                own_way.push(Part::BesideExpert);
            }
        }
        if let Some(n_worlds) = args.closed_loop {
            let mut course = closed_loop::Examiner::new(self, &args.course, n_worlds, &pace)?;
            let videos = if args.course.through_video { &[false, true][..] } else { &[false] };
            for &through_video in videos {
                let (part, lines) = course.examine(through_video, threads, out)?;
                attempts.extend(lines);
                if !part.is_whole && !through_video {
                    own_way.push(Part::ClosedLoop);
                }
                if through_video {
                    scores.closed_loop_through_video = Some(part);
                } else {
                    scores.closed_loop = Some(part);
                }
            }
        }
        if !args.no_save {
            self.save(&scores, &own_way, out)?;
        }
        Ok(Report { policy: self.manifest.name.clone(), scores, attempts })
    }

    /// Only what was examined as everybody's was is kept.
    fn save(&self, scores: &Scores, own_way: &[Part], out: &mut impl Write) -> anyhow::Result<()> {
        let mut kept = scores.clone();
        let mut told = vec!["kept"];
        for part in own_way {
            match part {
                Part::Recordings => {
                    kept.offline = None;
                    told.push("not those on recordings: training may have seen the episodes");
                }
                Part::BesideExpert => {
                    kept.offline_simulated = None;
                    told.push("not those beside the expert: not all scenarios were posed");
                }
                Part::ClosedLoop => {
                    kept.closed_loop = None;
                    kept.closed_loop_through_video = None;
                    told.push("not the closed loop's: scenarios or stops were chosen by hand");
                }
            }
        }
        let old = match Scores::read(self.folder, &self.manifest)? {
            Found::Scores(old) => *old,
            Found::None | Found::Stale => Scores::new(&self.manifest),
        };
        old.updated(kept).write(self.folder)?;
        let path = self.folder.join(crate::eval::scores::FILE_NAME);
        Ok(writeln!(out, "scores  {} ({})", path.display(), told.join("; "))?)
    }
}

/// Of an examination, but for the speed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Recordings,
    BesideExpert,
    ClosedLoop,
}
