//! `pilothouse check`: is everything there that driving needs, and what to do where not.
//!
//! Looks, and opens only the configured camera; it never opens the base's port (many boards restart
//! on that) and moves nothing. Every question to a driver runs on a thread of its own and is given
//! up after `PATIENCE`.

mod devices;
mod machine;
mod policy;
mod report;
mod screen;

use std::io::Write;
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use crate::config::{self, Config, Flags};
use crate::runtime::{self, clock};

use report::{Finding, Report};

/// Longest wait for one part; a stalled camera can hang its driver for ever.
const PATIENCE: Duration = Duration::from_secs(8);

/// Checks cameras, ports, terminal, ONNX Runtime, policies, disk and clock.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub flags: Flags,
    /// Print one JSON object instead of lines
    #[arg(long)]
    pub json: bool,
}

/// Failure when something that the configuration needs is bad.
///
/// # Errors
/// The report cannot be written, or no thread can be started.
pub fn run(args: &Args, out: &mut dyn Write, is_coloured: bool) -> anyhow::Result<ExitCode> {
    let mut report = Report::default();
    let config = match config::load(&args.flags) {
        Ok(loaded) => {
            report.findings.push(configuration(&loaded));
            loaded.config
        }
        Err(error) => {
            let todo = "mend it; the rest was checked with the defaults";
            report.findings.push(Finding::bad("configuration", error.to_string(), todo));
            Config::default()
        }
    };
    // The terminal is asked first: the answer goes to whoever reads the terminal at that moment.
    let terminal = screen::check(&config);
    let parts = [
        Part::start("camera", &config, devices::cameras)?,
        Part::start("base", &config, devices::base)?,
        Part::start("gamepad", &config, devices::gamepad)?,
        Part::start("policy", &config, policy::check)?,
        Part::start("disk", &config, |_| machine::disk())?,
    ];
    let mut found = parts.map(Part::finish).into_iter();
    report.findings.extend(found.by_ref().take(2).flatten());
    report.findings.extend(terminal);
    report.findings.extend(found.flatten());
    // Last, when nothing else runs: loading a GPU library delays every sleep.
    report.findings.extend(machine::clock());
    if args.json {
        report.write_json(out)?;
    } else {
        report.write_text(out, is_coloured)?;
    }
    Ok(if report.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn configuration(loaded: &config::Loaded) -> Finding {
    let from = loaded.file.as_ref().map_or_else(
        || "the defaults (no --config, no pilothouse.toml here)".to_owned(),
        |file| file.display().to_string(),
    );
    Finding::good("configuration", from)
}

/// One part being checked on its own thread.
struct Part {
    what: &'static str,
    answer: Receiver<Vec<Finding>>,
    started: crate::msg::Stamp,
}

impl Part {
    fn start(
        what: &'static str,
        config: &Config,
        check: impl FnOnce(&Config) -> Vec<Finding> + Send + 'static,
    ) -> std::io::Result<Self> {
        let (sender, answer) = sync_channel(1);
        let config = config.clone();
        runtime::spawn(&format!("check-{what}"), move || {
            // The receiver is gone when patience ran out; nobody wants the answer then.
            let _ = sender.send(check(&config));
        })?;
        Ok(Self { what, answer, started: clock::now() })
    }

    fn finish(self) -> Vec<Finding> {
        let left = PATIENCE.saturating_sub(clock::now().since(self.started));
        self.answer.recv_timeout(left).unwrap_or_else(|_| {
            let text = format!("no answer within {} s: a driver hangs", PATIENCE.as_secs());
            vec![Finding::bad(self.what, text, "unplug and replug its device, then check again")]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hanging_driver_is_given_up() {
        // One stalled camera must not keep the doctor from its report.
        let (_keep, never) = sync_channel::<()>(0);
        let mut part = Part::start("camera", &Config::default(), move |_| {
            let _ = never.recv();
            Vec::new()
        })
        .unwrap();
        part.started = crate::msg::Stamp::ZERO;
        let found = part.finish();
        assert!(found[0].text.contains("hangs"), "{found:?}");
    }

    #[test]
    fn a_bad_configuration_is_a_bad_finding() {
        // The doctor is asked because something is wrong: it must not fall over the first wrong
        // thing.
        let flags = Flags { set: vec!["camera.rate=0".to_owned()], ..Flags::default() };
        let mut out = Vec::new();
        let code = run(&Args { flags, json: true }, &mut out, false).unwrap();
        let json: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(code, ExitCode::FAILURE);
        assert_eq!(json["good"], false);
        assert!(json["findings"][0]["text"].as_str().unwrap().contains("camera.rate"));
        assert!(json["findings"].as_array().unwrap().len() > 5);
    }
}
