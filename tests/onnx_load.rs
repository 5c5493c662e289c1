//! Loading the ONNX Runtime library, good and bad. A process of its own: a library is loaded once.
#![expect(clippy::unwrap_used, reason = "a test may panic; clippy exempts only #[test] functions")]

mod onnxruntime;

use std::fs;

use pilothouse::onnx::{LoadError, Runtime};

#[test]
fn bad_libraries_are_refused_and_a_good_one_still_loads() {
    // A damaged download must be one clear error, not a panic, and not spoil the next attempt.
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("none.so");
    let error = Runtime::load(&missing).unwrap_err().to_string();
    assert!(error.contains("no such file") && error.contains("runtime install"), "{error}");

    let garbage = folder.path().join("libonnxruntime.so");
    fs::write(&garbage, b"not a library").unwrap();
    let error = Runtime::load(&garbage).unwrap_err();
    assert!(matches!(error, LoadError::Library { .. }), "{error}");

    let good = onnxruntime::runtime();
    assert_eq!(Runtime::load(good.path()).unwrap().path(), good.path());
    let error = Runtime::load(&garbage).unwrap_err();
    assert!(matches!(error, LoadError::OtherLoaded { .. }), "{error}");
}
