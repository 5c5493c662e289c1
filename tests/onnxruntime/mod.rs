//! The ONNX Runtime library the tests run on: `PILOTHOUSE_ONNXRUNTIME` if set, else what the program itself would use.

use std::path::PathBuf;

use pilothouse::onnx::Runtime;
use pilothouse::onnx::library::{Search, Variant, cache_dir, find};

/// Path of the library.
///
/// # Panics
/// There is none: a test that needs it must fail, not pass unseen.
pub fn library() -> PathBuf {
    let search = Search {
        explicit: std::env::var_os("PILOTHOUSE_ONNXRUNTIME").map(PathBuf::from),
        cache: cache_dir().unwrap(),
        prefer: Variant::Cpu,
    };
    match find(&search) {
        Ok(library) => library.path,
        Err(error) => panic!("this test runs a graph (`make test` installs the library): {error}"),
    }
}

/// The library, loaded.
#[allow(dead_code, reason = "each test file is a program of its own and uses what it needs")]
pub fn runtime() -> Runtime {
    Runtime::load(&library()).unwrap()
}
