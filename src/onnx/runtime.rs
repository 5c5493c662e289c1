use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use ort::environment::Environment;
use ort::logging::LogLevel;

/// The loaded ONNX Runtime library. Cheap to clone; one library per process.
#[derive(Clone, Debug)]
pub struct Runtime {
    pub(super) environment: Environment,
    path: PathBuf,
}

/// Why the library cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error(
        "cannot load ONNX Runtime from {path}: {reason}; `pilothouse runtime install` fetches a good one"
    )]
    Library { path: PathBuf, reason: String },
    #[error(
        "ONNX Runtime is already loaded from {loaded}; restart the program to use {wanted} instead"
    )]
    OtherLoaded { loaded: PathBuf, wanted: PathBuf },
}

static LOADED: Mutex<Option<Runtime>> = Mutex::new(None);

impl Runtime {
    /// Loads the shared library at `path`; asked again for the same path, gives the one already
    /// loaded.
    ///
    /// Its own messages go to `tracing` under the target `onnxruntime`, never to the terminal.
    ///
    /// # Errors The file is missing, is no ONNX Runtime, or is older than 1.24; or another one was
    /// loaded before.
    pub fn load(path: &Path) -> Result<Self, LoadError> {
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(runtime) = loaded.as_ref() {
            if runtime.path == path {
                return Ok(runtime.clone());
            }
            let (loaded, wanted) = (runtime.path.clone(), path.to_owned());
            return Err(LoadError::OtherLoaded { loaded, wanted });
        }
        let failed = |reason: String| LoadError::Library { path: path.to_owned(), reason };
        if !path.is_file() {
            return Err(failed("there is no such file".to_owned()));
        }
        let environment = ort::init_from(path)
            .map_err(|error| failed(error.to_string()))?
            .with_name("pilothouse")
            .with_telemetry(false)
            .with_logger(Arc::new(log))
            .build()
            .map_err(|error| failed(error.to_string()))?;
        environment.set_log_level(LogLevel::Warning);
        let runtime = Self { environment, path: path.to_owned() };
        *loaded = Some(runtime.clone());
        Ok(runtime)
    }

    /// The library file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn log(level: LogLevel, category: &str, _id: &str, location: &str, message: &str) {
    match level {
        LogLevel::Fatal | LogLevel::Error => {
            tracing::error!(target: "onnxruntime", category, location, "{message}");
        }
        LogLevel::Warning => {
            tracing::warn!(target: "onnxruntime", category, location, "{message}");
        }
        LogLevel::Info => tracing::debug!(target: "onnxruntime", category, location, "{message}"),
        LogLevel::Verbose => {
            tracing::trace!(target: "onnxruntime", category, location, "{message}");
        }
    }
}
