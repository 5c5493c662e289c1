use std::path::Path;

/// Bytes that may still be written in `folder`, or in its nearest ancestor that exists; `None`
/// where the system does not tell.
#[cfg(unix)]
#[must_use]
pub fn free_bytes(folder: &Path) -> Option<u64> {
    // The ancestor of a relative path is the current folder, written as nothing.
    let exists = |path: &&Path| path.exists();
    let here = Path::new(".");
    let place = folder.ancestors().find(exists).unwrap_or(here);
    let disk = rustix::fs::statvfs(place).ok()?;
    Some(disk.f_bavail * disk.f_frsize)
}

#[cfg(not(unix))]
#[must_use]
pub fn free_bytes(_: &Path) -> Option<u64> {
    None
}
