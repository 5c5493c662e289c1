//! Writes `models/beacon`: a policy that is not trained but built. It drives to the largest blob of
//! the colour that the instruction names and stops in front of it.
//!
//! 1. The colour word picks how much each pixel counts: by how far its colour channel stands out
//!    from the others, in proportion to its brightness, so that light matters little. Pixels
//!    without neighbours of their colour count nothing.
//! 2. Where blobs are large (a wide mean) a pixel weighs more, and again more near where the target
//!    was last seen; the weighted mean of the pixels is where the target is.
//! 3. Heading follows from the column. Distance follows from the lowest row of the blob, taken to
//!    stand on the floor; once the blob leaves the picture at the bottom, from its width, compared
//!    with the width it had at a known distance.
//! 4. It turns towards the target, drives at a speed that falls with the distance, and stands still
//!    in front of it. Not seen: it does not drive, it turns for half a second to where the target
//!    was, its confidence fades to nothing.
//!
//! Confidence is how much of the picture the target fills, through `1 - exp(-pixels / 12)`: not
//! calibrated.

mod graph;
mod words;

use std::io;
use std::path::Path;

pub use graph::{HEIGHT, MEMORY, SLOTS, WIDTH, graph};
pub use words::{LENGTH, tokenizer};

use super::folder::sha256;
use super::manifest::FILE_NAME;

/// Writes the graph and the tokenizer into `folder` and their sha256 into the manifest that lies
/// there.
///
/// # Errors
/// A file cannot be written, or there is no manifest.
pub fn write(folder: &Path) -> io::Result<()> {
    let manifest_path = folder.join(FILE_NAME);
    let mut manifest = std::fs::read_to_string(&manifest_path)?;
    let graph = graph().map_err(io::Error::other)?;
    for (name, bytes) in [("policy.onnx", graph), ("tokenizer.json", tokenizer().into_bytes())] {
        let path = folder.join(name);
        std::fs::write(&path, bytes)?;
        manifest = with_sha256(&manifest, name, &sha256(&path)?);
    }
    std::fs::write(manifest_path, manifest)
}

/// The manifest's text with the line of file `name` in `[files]` set to `sha256`.
fn with_sha256(manifest: &str, name: &str, sha256: &str) -> String {
    let key = format!("\"{name}\" = ");
    let mut text = String::with_capacity(manifest.len());
    for line in manifest.lines() {
        if line.starts_with(&key) {
            text.extend([&key, "\"", sha256, "\""]);
        } else {
            text.push_str(line);
        }
        text.push('\n');
    }
    text
}
