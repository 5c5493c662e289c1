use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::manifest::FILE_NAME;
use super::{Manifest, PolicyError};

/// One policy folder as a list shows it.
#[derive(Debug)]
pub struct Entry {
    /// Name of the folder: what a policy is chosen by.
    pub name: String,
    pub folder: PathBuf,
    pub manifest: Result<Manifest, PolicyError>,
}

/// The policy folders in `models`: every folder that holds a manifest, good or not, by name.
///
/// # Errors
/// `models` cannot be read.
pub fn list(models: &Path) -> io::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for item in std::fs::read_dir(models)? {
        let folder = item?.path();
        if folder.join(FILE_NAME).is_file() {
            let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
            entries.push(Entry { name, manifest: Manifest::read(&folder), folder });
        }
    }
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(entries)
}

/// Compares every file of the manifest with its sha256.
pub(super) fn verify(folder: &Path, manifest: &Manifest) -> Result<(), PolicyError> {
    for (name, expected) in &manifest.files {
        let path = folder.join(name);
        let found = match sha256(&path) {
            Ok(found) => found,
            Err(error) => return Err(PolicyError::File { path, reason: error.to_string() }),
        };
        if !found.eq_ignore_ascii_case(expected) {
            return Err(PolicyError::Hash { path, expected: expected.clone(), found });
        }
    }
    Ok(())
}

/// The sha256 of a file as 64 hexadecimal digits.
///
/// # Errors
/// The file cannot be read.
pub fn sha256(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let n_read = file.read(&mut buffer)?;
        if n_read == 0 {
            break;
        }
        hasher.update(buffer.get(..n_read).unwrap_or_default());
    }
    Ok(hex(&hasher.finalize()))
}

/// Two hexadecimal digits for each byte.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    let mut digits = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing into memory has no way to fail.
        let _ = write!(digits, "{byte:02x}");
    }
    digits
}

/// Writes a file whole: a reader finds the old one or the new one.
///
/// # Errors
/// The disk does not take it.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let new = path.with_file_name(format!("{name}.{}.new", std::process::id()));
    std::fs::write(&new, bytes)?;
    std::fs::rename(&new, path)
}
