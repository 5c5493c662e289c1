//! Any bytes as a tick journal: no panic in reading, in deriving rows, or in a replay.
#![no_main]

use std::io::Write;

use libfuzzer_sys::fuzz_target;
use pilothouse::dataset::{journal, rows};
use pilothouse::runtime::replay;

fuzz_target!(|bytes: &[u8]| {
    let Ok(mut file) = tempfile::NamedTempFile::new() else { return };
    // Without the right beginning the fuzzer would hardly get in.
    if file.write_all(journal::MAGIC).and_then(|()| file.write_all(bytes)).is_err() {
        return;
    }
    let Ok(contents) = journal::read(file.path()) else { return };
    let _ = replay::replay(&contents.records);
    if let Some(derived) = rows::derive(&contents.records, 100) {
        let _ = derived.parts();
    }
});
