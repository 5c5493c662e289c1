//! The ONNX Runtime library the tests run on: `PILOTHOUSE_ONNXRUNTIME` if set, else what the
//! program itself would use.

use std::path::PathBuf;

use pilothouse::onnx::Runtime;
use pilothouse::onnx::library::{Search, Variant, cache_dir, find};

/// The library, loaded.
///
/// # Panics
/// There is none: a test that needs it must fail, not pass unseen.
pub(crate) fn runtime() -> Runtime {
    let search = Search {
        explicit: std::env::var_os("PILOTHOUSE_ONNXRUNTIME").map(PathBuf::from),
        cache: cache_dir().unwrap(),
        prefer: Variant::Cpu,
    };
    match find(&search) {
        Ok(library) => Runtime::load(&library.path).unwrap(),
        Err(error) => panic!("this test runs a graph (`make test` installs the library): {error}"),
    }
}
