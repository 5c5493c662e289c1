//! `pilothouse train`: policies from recordings and from attempts in the simulator.

use anyhow::Context;

use crate::onnx::Runtime;
use crate::onnx::library::{self, Search, Variant};

/// The ONNX Runtime library, loaded.
pub(super) fn onnx_runtime(explicit: Option<std::path::PathBuf>) -> anyhow::Result<Runtime> {
    let search = Search { explicit, cache: library::cache_dir()?, prefer: Variant::Cpu };
    let library = library::find(&search)
        .context("training needs ONNX Runtime; `pilothouse runtime install` fetches it")?;
    Ok(Runtime::load(&library.path)?)
}
