//! Any bytes as an MP4 file: no panic in opening it, or in decoding what it claims to hold.
#![no_main]

use std::io::Write;

use libfuzzer_sys::fuzz_target;
use pilothouse::dataset::video::VideoFile;

fuzz_target!(|bytes: &[u8]| {
    let Ok(mut file) = tempfile::NamedTempFile::new() else { return };
    if file.write_all(bytes).is_err() {
        return;
    }
    let Ok(mut video) = VideoFile::open(file.path()) else { return };
    let mut rgb = Vec::new();
    for idx in 0..video.n_frames().min(4) {
        let _ = video.decode(idx, &mut rgb);
    }
});
