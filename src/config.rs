//! What can be set: one typed total [`Config`], assembled from each module's own.
//!
//! Where a value comes from, strongest first:
//!
//! 1. a flag: `--camera usb`, or any key with `--set safety.linear_mps=0.3`;
//! 2. the file given with `--config FILE`, else `pilothouse.toml` in the current folder, where
//!    there is one;
//! 3. the default: the simulated robot, exactly as `configs/default.toml` says.
//!
//! Nothing is read from the environment, and no value is ever corrected in silence: an unknown key,
//! a value of the wrong kind or outside its range stops the program before anything moves, all of a
//! file's mistakes at once. Paths are relative to the current folder.

mod flags;
mod load;
mod rules;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::base::ports::PortAddress;
use crate::{camera, control, dataset, safety, teleop};

pub use flags::Flags;
pub use load::{ConfigError, Loaded, Problem, load};

/// Everything that can be set. [`load()`] hands out only checked ones.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    pub base: Base,
    pub camera: camera::Config,
    pub sim: Sim,
    pub control: control::Config,
    pub safety: safety::Limits,
    pub teleop: teleop::Config,
    pub policy: Policy,
    pub record: dataset::recorder::Config,
    pub screen: Screen,
    pub log: Log,
}

/// The robot's base and the line to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Base {
    pub port: Port,
    /// Bits per second of a serial port.
    pub baud: u32,
}

/// Where the base is. Written as `sim`, or as [`PortAddress`] says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Port {
    /// The simulated robot.
    #[default]
    Sim,
    Line(PortAddress),
}

/// The simulated robot's world.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sim {
    /// Name of a scenario that is built in.
    pub scenario: String,
    /// Everything random in the world follows from it.
    pub seed: u32,
}

/// Which policy, and what it runs on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// Its folder's name in `models`; empty for none.
    pub name: String,
    pub device: crate::onnx::Device,
    /// In force at start. Empty: on the simulated robot what its world suggests, else none.
    pub instruction: String,
    /// Folder of the policy folders; found as [`crate::policy::home()`] says when not given.
    pub models: Option<PathBuf>,
    /// The ONNX Runtime library, or a folder with one in it; looked for where it usually is when
    /// not given.
    pub library: Option<PathBuf>,
}

/// What the terminal is trusted to show.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Screen {
    pub graphics: Graphics,
    pub colour: Colour,
}

/// How the camera picture is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Graphics {
    /// What the terminal says it can.
    #[default]
    Auto,
    /// Two pixels a character, everywhere.
    HalfBlocks,
    Kitty,
    Sixel,
    Iterm2,
}

/// How many colours are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Colour {
    /// What the terminal says it can; none where `NO_COLOR` is set.
    #[default]
    Auto,
    True,
    #[serde(rename = "256")]
    Indexed,
    None,
}

/// The log file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    pub level: Level,
}

/// The least severe message that is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    Error,
    Warn,
    #[default]
    Info,
    Debug,
    Trace,
}

impl Default for Base {
    fn default() -> Self {
        Self { port: Port::Sim, baud: 115_200 }
    }
}

impl Default for Sim {
    fn default() -> Self {
        Self { scenario: crate::sim::scenario::DEFAULT.to_owned(), seed: 1 }
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            name: "pilot".to_owned(),
            device: crate::onnx::Device::Auto,
            instruction: String::new(),
            models: None,
            library: None,
        }
    }
}

impl Config {
    /// Whether the pictures come from the simulated robot's camera.
    #[must_use]
    pub fn is_camera_simulated(&self) -> bool {
        self.camera.source == camera::Source::Sim
    }
}

impl FromStr for Port {
    type Err = <PortAddress as FromStr>::Err;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "sim" => Ok(Self::Sim),
            _ => text.parse().map(Self::Line),
        }
    }
}

impl TryFrom<String> for Port {
    type Error = <PortAddress as FromStr>::Err;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sim => f.write_str("sim"),
            Self::Line(address) => address.fmt(f),
        }
    }
}

impl From<Port> for String {
    fn from(port: Port) -> Self {
        port.to_string()
    }
}
