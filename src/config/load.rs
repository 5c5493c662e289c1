//! Default, file and flags laid over each other, with every mistake found and named.

use std::fmt;
use std::path::{Path, PathBuf};
use std::{fs, io};

use toml::{Table, Value};

use super::{Config, Flags, rules};

/// The file that is taken where none is named.
const FILE_NAME: &str = "pilothouse.toml";
/// A configuration longer than this is another file.
const BYTES_MAX: u64 = 1 << 20;

/// A checked configuration and where it came from.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    pub config: Config,
    /// The file that was read; `None` where the defaults stand.
    pub file: Option<PathBuf>,
}

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// As `camera.width`.
    pub key: String,
    pub text: String,
}

/// Names the file, the key, the value and what would be right.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error(
        "cannot read the configuration {}: {source}; give an existing file with --config",
        file.display()
    )]
    Read { file: PathBuf, source: io::Error },
    #[error("{} is no configuration: over {BYTES_MAX} bytes", file.display())]
    TooLong { file: PathBuf },
    #[error("{} is not TOML:\n{message}", file.display())]
    Syntax { file: PathBuf, message: String },
    #[error("{origin}:{}", list(problems))]
    Invalid {
        /// The file, or the flags.
        origin: String,
        problems: Vec<Problem>,
    },
}

/// Reads, overlays and checks; see [`crate::config`].
///
/// # Errors
/// The file cannot be read or is not TOML; every unknown key and every value that is not allowed.
pub fn load(flags: &Flags) -> Result<Loaded, ConfigError> {
    let file = flags.config.clone().or_else(|| {
        let file = PathBuf::from(FILE_NAME);
        file.is_file().then_some(file)
    });
    let text = file.as_deref().map(read).transpose()?;
    let from_file = match (&file, &text) {
        (Some(file), Some(text)) => parse(file, text)?,
        _ => Table::new(),
    };
    let origin = file.as_ref().map_or_else(String::new, |file| file.display().to_string());
    let config = overlay(from_file, &origin, flags)?;
    Ok(Loaded { config, file })
}

fn read(file: &Path) -> Result<String, ConfigError> {
    let failed = |source| ConfigError::Read { file: file.to_owned(), source };
    if fs::metadata(file).map_err(failed)?.len() > BYTES_MAX {
        return Err(ConfigError::TooLong { file: file.to_owned() });
    }
    fs::read_to_string(file).map_err(failed)
}

pub(super) fn parse(file: &Path, text: &str) -> Result<Table, ConfigError> {
    text.parse().map_err(|error: toml::de::Error| ConfigError::Syntax {
        file: file.to_owned(),
        message: error.to_string(),
    })
}

/// The file's table over the default, the flags over both.
pub(super) fn overlay(
    from_file: Table,
    origin: &str,
    flags: &Flags,
) -> Result<Config, ConfigError> {
    let invalid =
        |origin: &str, problems| ConfigError::Invalid { origin: origin.to_owned(), problems };
    let refuse = |origin: &str, problems: Vec<Problem>| {
        if problems.is_empty() { Ok(()) } else { Err(invalid(origin, problems)) }
    };
    refuse(origin, rules::check_table(&from_file))?;
    let from_flags = flags.table().map_err(|problems| invalid("command line", problems))?;
    refuse("command line", rules::check_table(&from_flags))?;
    let origin = match (from_file.is_empty(), from_flags.is_empty()) {
        (_, true) => origin.to_owned(),
        (true, false) => "command line".to_owned(),
        (false, false) => format!("{origin} and command line"),
    };
    let mut table = from_file;
    merge(&mut table, from_flags);
    let config: Config = Value::Table(table).try_into().map_err(|error: toml::de::Error| {
        invalid(&origin, vec![Problem { key: String::new(), text: error.message().to_owned() }])
    })?;
    refuse(&origin, rules::check_config(&config))?;
    Ok(config)
}

fn merge(under: &mut Table, over: Table) {
    for (key, value) in over {
        match (under.get_mut(&key), value) {
            (Some(Value::Table(under)), Value::Table(over)) => merge(under, over),
            (_, value) => drop(under.insert(key, value)),
        }
    }
}

fn list(problems: &[Problem]) -> String {
    problems.iter().fold(String::new(), |text, problem| text + "\n  " + &problem.to_string())
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.key.is_empty() {
            return f.write_str(&self.text);
        }
        write!(f, "{}: {}", self.key, self.text)
    }
}
