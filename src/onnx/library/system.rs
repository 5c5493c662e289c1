//! Libraries that somebody else installed. Tells them by their names alone; nothing is loaded.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Library, LibraryError, Origin, VERSION_MIN, Variant};

/// Where this system keeps shared libraries, the program's own folder first.
pub(super) fn folders() -> Vec<PathBuf> {
    let beside = std::env::current_exe().ok().and_then(|exe| Some(exe.parent()?.to_owned()));
    let triple = format!("/usr/lib/{}-linux-gnu", std::env::consts::ARCH);
    let system: &[&str] = match std::env::consts::OS {
        "macos" => &["/opt/homebrew/lib", "/usr/local/lib"],
        // Windows has an onnxruntime.dll of its own in System32, years too old.
        "windows" => &[],
        _ => &["/usr/local/lib", "/usr/lib64", &triple, "/usr/lib"],
    };
    beside.into_iter().chain(system.iter().map(PathBuf::from)).collect()
}

/// The newest library in the folders that is new enough and says so in its name.
pub(super) fn newest(folders: &[PathBuf]) -> Option<Library> {
    folders
        .iter()
        .flat_map(|folder| libraries_in(folder))
        .filter_map(|path| Some((version_in_name(&path)?, path)))
        .filter(|(version, _)| (version.0, version.1) >= VERSION_MIN)
        .max()
        .map(|(version, path)| describe(path, Some(version), Origin::System))
}

/// The library somebody named, or the newest in the folder they named.
pub(super) fn explicit(path: &Path) -> Result<Library, LibraryError> {
    let wrong = |why: String| LibraryError::Explicit { path: path.to_owned(), why };
    if path.is_dir() {
        return libraries_in(path)
            .into_iter()
            .max_by_key(|found| version_in_name(found))
            .map(|found| {
                let version = version_in_name(&found);
                describe(found, version, Origin::Explicit)
            })
            .ok_or_else(|| wrong("no ONNX Runtime library in this folder".to_owned()));
    }
    let real = fs::canonicalize(path).map_err(|e| wrong(e.to_string()))?;
    match version_in_name(&real) {
        Some(version) if (version.0, version.1) < VERSION_MIN => Err(wrong("too old".to_owned())),
        version => Ok(describe(real, version, Origin::Explicit)),
    }
}

/// Files that are the library itself, links followed.
fn libraries_in(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| name_of(path).is_some_and(is_library))
        .filter_map(|path| fs::canonicalize(path).ok())
        .collect()
}

fn is_library(name: &str) -> bool {
    name == "onnxruntime.dll"
        || name == "libonnxruntime.so"
        || name.starts_with("libonnxruntime.so.")
        || name.strip_suffix(".dylib").is_some_and(|stem| stem.starts_with("libonnxruntime"))
}

/// `libonnxruntime.so.1.31.1` and `libonnxruntime.1.31.1.dylib` are (1, 31, 1).
fn version_in_name(path: &Path) -> Option<(u32, u32, u32)> {
    let numbers = name_of(path)?
        .strip_prefix("libonnxruntime.")?
        .trim_start_matches("so.")
        .trim_end_matches(".dylib");
    let mut parts = numbers.split('.').map(str::parse);
    let mut next = || parts.next()?.ok();
    Some((next()?, next()?, next().unwrap_or(0)))
}

fn describe(path: PathBuf, version: Option<(u32, u32, u32)>, origin: Origin) -> Library {
    let name = if cfg!(windows) {
        "onnxruntime_providers_cuda.dll"
    } else {
        "libonnxruntime_providers_cuda.so"
    };
    let variant = if path.with_file_name(name).exists() { Variant::Gpu } else { Variant::Cpu };
    let version = version
        .map_or("unknown".to_owned(), |(major, minor, patch)| format!("{major}.{minor}.{patch}"));
    Library { path, version, variant, origin, preload: Vec::new() }
}

fn name_of(path: &Path) -> Option<&str> {
    path.file_name()?.to_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_names() {
        // A library too old would be loaded, and fail while the operator waits.
        for (name, version) in [
            ("libonnxruntime.so.1.31.1", Some((1, 31, 1))),
            ("libonnxruntime.1.31.1.dylib", Some((1, 31, 1))),
            ("libonnxruntime.so.1.24", Some((1, 24, 0))),
            ("libonnxruntime.so.1", None),
            ("libonnxruntime.so", None),
            ("onnxruntime.dll", None),
            ("libonnxruntime_providers_shared.so", None),
        ] {
            assert_eq!(version_in_name(Path::new(name)), version, "{name}");
        }
    }

    #[test]
    fn the_newest_system_library_wins_and_old_ones_never() {
        // The program would take whatever the folder lists first.
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str| fs::write(folder.path().join(name), "").unwrap();
        let folders = [folder.path().to_owned()];
        put("libonnxruntime.so.1.23.2");
        put("libonnxruntime_providers_shared.so");
        assert_eq!(newest(&folders), None);
        put("libonnxruntime.so.1.24.0");
        put("libonnxruntime.so.1.30.0");
        put("libonnxruntime.so.1.4.0");
        let found = newest(&folders).unwrap();
        assert_eq!((found.version.as_str(), found.variant), ("1.30.0", Variant::Cpu));
    }

    #[test]
    fn an_explicit_path_is_taken_or_refused_with_a_reason() {
        // A typing error in the configuration would silently run another library.
        let folder = tempfile::tempdir().unwrap();
        let old = folder.path().join("libonnxruntime.so.1.17.0");
        fs::write(&old, "").unwrap();
        assert!(explicit(&old).unwrap_err().to_string().contains("too old"));
        assert!(explicit(&folder.path().join("nothing.so")).is_err());
        let own = folder.path().join("my-build.so");
        fs::write(&own, "").unwrap();
        let found = explicit(&own).unwrap();
        assert_eq!((found.origin, found.version.as_str()), (Origin::Explicit, "unknown"));
    }
}
