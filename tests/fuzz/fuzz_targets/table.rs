//! Any bytes as a Parquet file: no panic in reading it.
#![no_main]

use std::io::Write;

use libfuzzer_sys::fuzz_target;
use pilothouse::dataset::table;

fuzz_target!(|bytes: &[u8]| {
    let Ok(mut file) = tempfile::NamedTempFile::new() else { return };
    if file.write_all(bytes).is_ok() {
        let _ = table::read(file.path());
    }
});
