//! `pilothouse runtime`: the ONNX Runtime library in the user's cache.

use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};

use anyhow::bail;

use super::terminal;
use crate::onnx::builder::GraphBuilder;
use crate::onnx::library::{self, Library, Plan, Progress, Request, Search, Variant};
use crate::onnx::proto::ElementType;
use crate::onnx::{Device, Model, Runtime, Session, SessionOptions};

/// Arguments of `pilothouse runtime`; without any, the list.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Fetch the library with uv, pip or directly from PyPI, and check it
    Install {
        /// The build for NVIDIA GPUs, with CUDA and cuDNN: only the driver must be there
        #[arg(long)]
        gpu: bool,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
        /// Take the wheels from this folder instead of fetching them
        #[arg(long, value_name = "FOLDER")]
        from: Option<PathBuf>,
    },
    /// Show what is installed, checking every file
    List,
    /// Remove what was installed
    Remove {
        /// Only the build for NVIDIA GPUs
        #[arg(long)]
        gpu: bool,
    },
}

/// Runs the verb. A question is asked on `out` and answered on `input`.
///
/// # Errors
/// The library could not be fetched or removed, or the user said no.
pub fn run(args: &Args, input: &mut dyn BufRead, out: &mut dyn Write) -> anyhow::Result<()> {
    let cache = library::cache_dir()?;
    match &args.verb {
        None | Some(Verb::List) => list(&cache, out),
        Some(Verb::Install { gpu, yes, from }) => {
            let variant = if *gpu { Variant::Gpu } else { Variant::Cpu };
            let plan = library::plan(&cache, variant)?;
            // Seconds of download were asked for by typing the command; gigabytes are another
            // matter.
            if *gpu && !*yes && !plan.wheels.is_empty() && !agreed(&plan, input, out)? {
                bail!("nothing was installed; `--yes` installs without asking");
            }
            install(&Request { cache, variant, from: from.clone() }, out)
        }
        Some(Verb::Remove { gpu }) => {
            let bytes = library::remove(&cache, gpu.then_some(Variant::Gpu))?;
            writeln!(out, "freed {}", megabytes(bytes))?;
            Ok(())
        }
    }
}

fn list(cache: &Path, out: &mut dyn Write) -> anyhow::Result<()> {
    for installed in library::list(cache)? {
        let state = installed.damage.map_or("good".to_owned(), |why| format!("DAMAGED, {why}"));
        let title = title(&installed.library);
        writeln!(out, "{title}, {}: {state}", megabytes(installed.bytes))?;
    }
    let search = Search { explicit: None, cache: cache.to_owned(), prefer: Variant::Cpu };
    match library::find(&search) {
        Ok(library) => writeln!(out, "policies run on {}", library.path.display())?,
        Err(why) => writeln!(out, "{why}")?,
    }
    Ok(())
}

fn agreed(plan: &Plan, input: &mut dyn BufRead, out: &mut dyn Write) -> anyhow::Result<bool> {
    for (file, bytes) in &plan.wheels {
        writeln!(out, "{:>10}  {file}", megabytes(*bytes))?;
    }
    let total = plan.wheels.iter().map(|(_, bytes)| bytes).sum();
    let unpacked = megabytes(plan.bytes_unpacked);
    let question = format!("{:>10}  to fetch, {unpacked} on disk. Fetch them?", megabytes(total));
    terminal::is_agreed(&question, input, out)
}

fn install(request: &Request, out: &mut dyn Write) -> anyhow::Result<()> {
    let mut tenths_shown = 0;
    let library = library::install(request, &mut |progress| {
        // Telling is a courtesy: a closed pipe must not stop an installation.
        let _ = match progress {
            Progress::Waiting => writeln!(out, "waiting for another installation"),
            Progress::Fetching { file, bytes, client } => {
                tenths_shown = 0;
                writeln!(out, "fetching {file} ({}) with {client}", megabytes(bytes))
            }
            Progress::Received { bytes, total } if bytes * 10 >= total * tenths_shown => {
                tenths_shown = bytes * 10 / total.max(1) + 1;
                writeln!(out, "  {} of {}", megabytes(bytes), megabytes(total))
            }
            Progress::Received { .. } => Ok(()),
            Progress::Said { line } => writeln!(out, "  {line}"),
            Progress::Failed { client, why } => writeln!(out, "{client} could not: {why}"),
            Progress::Unpacking { file } => writeln!(out, "unpacking {file}"),
        };
    })?;
    writeln!(out, "{}: ready in {}", title(&library), library.path.display())?;
    if library.variant == Variant::Gpu {
        match try_cuda(&library) {
            Ok(provider) => writeln!(out, "policies can run on {provider}")?,
            Err(why) => writeln!(out, "policies will run on the CPU: {why:#}")?,
        }
    }
    Ok(())
}

/// Runs a graph of one operator on the GPU; says what ran it, or in the provider's own words why
/// not.
fn try_cuda(library: &Library) -> anyhow::Result<String> {
    library.preload()?;
    let runtime = Runtime::load(&library.path)?;
    let mut graph = GraphBuilder::new("trial");
    let input = graph.input("x", ElementType::F32, &[1, 8])?;
    let output = graph.exp(input)?;
    graph.output("y", output)?;
    let options = SessionOptions { device: Device::Cuda, ..SessionOptions::default() };
    let model = graph.finish_bytes("Is the GPU usable?");
    let session = Session::open(&runtime, Model::Bytes(&model), &options)?;
    Ok(session.provider().to_owned())
}

fn title(library: &Library) -> String {
    let variant = match library.variant {
        Variant::Cpu => "CPU",
        Variant::Gpu => "NVIDIA GPU",
    };
    format!("ONNX Runtime {} ({variant})", library.version)
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gigabytes_are_fetched_only_after_a_yes() {
        // A line without thinking would cost 1.6 GB on a field connection.
        let plan = Plan { wheels: vec![("a.whl".into(), 1_500_000)], bytes_unpacked: 3_000_000 };
        for (answer, agrees) in [("y\n", true), ("yes\n", true), ("\n", false), ("", false)] {
            let mut out = Vec::new();
            assert_eq!(agreed(&plan, &mut answer.as_bytes(), &mut out).unwrap(), agrees);
            let shown = String::from_utf8(out).unwrap();
            assert!(shown.contains("1.5 MB  a.whl") && shown.contains("3.0 MB on disk"), "{shown}");
        }
    }
}
