use std::path::PathBuf;

use toml::{Table, Value};

use super::Problem;

/// The flags that stand over the file; shared by every verb that drives or checks.
#[derive(Clone, Debug, Default, PartialEq, Eq, clap::Args)]
pub struct Flags {
    /// Configuration file [default: pilothouse.toml in this folder, where there is one]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Camera: sim, usb, usb:0, usb:NAME, /dev/video2, a video file, a folder of images, pattern
    #[arg(long, value_name = "SOURCE")]
    pub camera: Option<String>,
    /// Base: sim, /dev/ttyUSB0, usb:VID:PID, tcp://HOST:PORT
    #[arg(long, value_name = "PORT")]
    pub port: Option<String>,
    /// Policy: a folder's name in models/
    #[arg(long, value_name = "NAME")]
    pub policy: Option<String>,
    /// What the policy runs on: auto, cpu, cuda, tensorrt, coreml, directml
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,
    /// What the policy is to do
    #[arg(long, value_name = "TEXT")]
    pub instruction: Option<String>,
    /// World of the simulated robot
    #[arg(long, value_name = "NAME")]
    pub scenario: Option<String>,
    /// Seed of the simulated world
    #[arg(long, value_name = "NUMBER")]
    pub seed: Option<u32>,
    /// Any key of the configuration file, as in `--set safety.linear_mps=0.3`
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

impl Flags {
    /// The flags as a file would hold them.
    ///
    /// # Errors
    /// Every `--set` that is not `KEY=VALUE`.
    pub(super) fn table(&self) -> Result<Table, Vec<Problem>> {
        let mut table = Table::new();
        let mut problems = Vec::new();
        for pair in &self.set {
            match pair.split_once('=') {
                Some((key, text)) if !key.trim().is_empty() => {
                    if !insert(&mut table, key.trim(), value(text.trim())) {
                        let text = "is given as a value and as a section".to_owned();
                        problems.push(Problem { key: key.trim().to_owned(), text });
                    }
                }
                _ => {
                    let text = "expected KEY=VALUE, as in safety.linear_mps=0.3".to_owned();
                    problems.push(Problem { key: pair.clone(), text });
                }
            }
        }
        let texts = [
            ("camera.source", &self.camera),
            ("base.port", &self.port),
            ("policy.name", &self.policy),
            ("policy.device", &self.device),
            ("policy.instruction", &self.instruction),
            ("sim.scenario", &self.scenario),
        ];
        for (key, text) in texts {
            if let Some(text) = text {
                insert(&mut table, key, Value::String(text.clone()));
            }
        }
        if let Some(seed) = self.seed {
            insert(&mut table, "sim.seed", Value::Integer(seed.into()));
        }
        if problems.is_empty() { Ok(table) } else { Err(problems) }
    }
}

/// A TOML value where `text` is one, else the text itself, so that shells need no second pair of
/// quotes.
fn value(text: &str) -> Value {
    let parsed = toml::from_str::<Table>(&format!("value = {text}")).ok();
    parsed
        .and_then(|mut table| table.remove("value"))
        .unwrap_or_else(|| Value::String(text.to_owned()))
}

/// Puts `value` under a dotted key; false when a part of the key holds a plain value already.
fn insert(table: &mut Table, key: &str, value: Value) -> bool {
    let Some((section, rest)) = key.split_once('.') else {
        table.insert(key.to_owned(), value);
        return true;
    };
    let inner = table.entry(section).or_insert_with(|| Value::Table(Table::new()));
    inner.as_table_mut().is_some_and(|inner| insert(inner, rest, value))
}
