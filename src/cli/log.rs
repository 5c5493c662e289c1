//! The log: a file a day under the user's state folder, never the screen.

use std::path::PathBuf;

use anyhow::Context;
use tracing_appender::non_blocking::WorkerGuard;
use tracing_appender::rolling::{Builder, Rotation};
use tracing_subscriber::filter::LevelFilter;

use crate::config::{self, Level};

/// Log files kept, one a day.
const FILES: usize = 7;

/// Keeps the writer's thread; what it holds is written when it is dropped.
#[derive(Debug)]
pub(super) struct Log {
    pub(super) folder: PathBuf,
    _guard: WorkerGuard,
}

/// Starts logging at the level that `config` names.
pub(super) fn start(config: &config::Log) -> anyhow::Result<Log> {
    let folder = super::state_dir()?;
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot make the log folder {}", folder.display()))?;
    let file = Builder::new()
        .rotation(Rotation::DAILY)
        .filename_prefix("pilothouse")
        .filename_suffix("log")
        .max_log_files(FILES)
        .build(&folder)
        .with_context(|| format!("cannot write a log in {}", folder.display()))?;
    let (writer, guard) = tracing_appender::non_blocking(file);
    let level = match config.level {
        Level::Error => LevelFilter::ERROR,
        Level::Warn => LevelFilter::WARN,
        Level::Info => LevelFilter::INFO,
        Level::Debug => LevelFilter::DEBUG,
        Level::Trace => LevelFilter::TRACE,
    };
    tracing_subscriber::fmt().with_max_level(level).with_ansi(false).with_writer(writer).init();
    Ok(Log { folder, _guard: guard })
}
