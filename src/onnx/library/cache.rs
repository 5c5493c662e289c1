//! The cache on disk: one folder per version and variant, complete or not there at all.
//!
//! An installation holds the lock, writes into a scratch folder, flushes it and renames it. Reading
//! needs no lock. A folder's files are checked against the table; since hashing gigabytes takes
//! seconds, sizes and times of the last full check are kept in a stamp, and while they are the same
//! the files count as good.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use sha2::{Digest, Sha256};

use super::pins::{Member, Wheel};
use super::{LibraryError, Progress, Variant};

const HOME: &str = "onnxruntime";
const LOCK: &str = "lock";
const SCRATCH: &str = "incoming";
const STAMP: &str = "checked";

/// What is known about a folder.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum State {
    Absent,
    Good,
    /// Says which file and how.
    Damaged(String),
}

/// One variant's place in the cache.
#[derive(Debug)]
pub(super) struct Cache {
    folder: PathBuf,
}

impl Cache {
    pub(super) fn new(root: &Path, version: &str, variant: Variant) -> Self {
        Self { folder: root.join(HOME).join(folder_name(version, variant)) }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Looks at names, sizes and times; reads files only where those changed since the last check.
    pub(super) fn quick_check(&self, wheels: &[&Wheel]) -> State {
        if !self.folder.is_dir() {
            return State::Absent;
        }
        match stamp(&self.folder, wheels) {
            Ok(now) if fs::read_to_string(self.folder.join(STAMP)).is_ok_and(|s| s == now) => {
                State::Good
            }
            Ok(_) => self.check(wheels),
            Err(why) => State::Damaged(why),
        }
    }

    /// Reads every file and renews the stamp.
    pub(super) fn check(&self, wheels: &[&Wheel]) -> State {
        if !self.folder.is_dir() {
            return State::Absent;
        }
        let checked = stamp(&self.folder, wheels).and_then(|stamp| {
            for member in wheels.iter().flat_map(|wheel| &wheel.members) {
                let path = self.folder.join(member.name());
                let file = File::open(&path).map_err(|e| format!("{}: {e}", member.name()))?;
                copy_checked(file, &mut io::sink(), member)?;
            }
            Ok(stamp)
        });
        match checked {
            Ok(stamp) => {
                // A cache that cannot be written is only slower: the next start reads it again.
                let _ = fs::write(self.folder.join(STAMP), stamp);
                State::Good
            }
            Err(why) => State::Damaged(why),
        }
    }

    /// Size of everything in the folder.
    pub(super) fn bytes(&self) -> u64 {
        size_of(&self.folder)
    }

    /// Waits until no other process installs, and keeps others out until dropped.
    pub(super) fn lock(
        &self,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Lock<'_>, LibraryError> {
        let home = self.folder.parent().unwrap_or(&self.folder);
        fs::create_dir_all(home).map_err(io_error("making the folder", home))?;
        Ok(Lock { cache: self, home: home.to_owned(), _file: lock(home, progress)? })
    }
}

/// The right to change the cache.
#[derive(Debug)]
pub(super) struct Lock<'a> {
    cache: &'a Cache,
    home: PathBuf,
    /// The system releases it with the process, however that ends.
    _file: File,
}

impl Lock<'_> {
    /// An empty folder to write into; whatever an earlier attempt left in it is gone.
    pub(super) fn scratch(&self) -> Result<PathBuf, LibraryError> {
        let scratch = self.home.join(SCRATCH);
        remove_folder(&scratch)?;
        fs::create_dir(&scratch).map_err(io_error("making the folder", &scratch))?;
        Ok(scratch)
    }

    /// Puts a complete and checked folder in place of the old one.
    pub(super) fn publish(&self, scratch: &Path, wheels: &[&Wheel]) -> Result<(), LibraryError> {
        let folder = self.cache.folder();
        if let Ok(stamp) = stamp(scratch, wheels) {
            let path = scratch.join(STAMP);
            fs::write(&path, stamp).map_err(io_error("writing", &path))?;
        }
        remove_folder(folder)?;
        sync_folder(scratch)?;
        fs::rename(scratch, folder).map_err(io_error("renaming to", folder))?;
        sync_folder(&self.home)
    }
}

/// Removes one variant of a version, or all there ever was. Returns the bytes freed.
pub(super) fn remove(
    root: &Path,
    version: &str,
    variant: Option<Variant>,
) -> Result<u64, LibraryError> {
    let home = root.join(HOME);
    if !home.is_dir() {
        return Ok(0);
    }
    let _lock = lock(&home, &mut |_| {})?;
    let wanted = variant.map(|variant| folder_name(version, variant));
    let entries = fs::read_dir(&home).map_err(io_error("reading", &home))?;
    let mut bytes = 0;
    for entry in entries.flatten() {
        let name = entry.file_name();
        if name != LOCK && wanted.as_ref().is_none_or(|wanted| name == wanted.as_str()) {
            bytes += size_of(&entry.path());
            remove_folder(&entry.path())?;
        }
    }
    Ok(bytes)
}

/// Copies a file while checking it; an error says how it differs.
pub(super) fn copy_checked(
    from: impl Read,
    to: &mut impl Write,
    member: &Member,
) -> Result<(), String> {
    let name = member.name();
    let (bytes, sha256) =
        copy_hashed(from.take(member.bytes + 1), to).map_err(|e| format!("{name}: {e}"))?;
    if bytes != member.bytes {
        return Err(format!("{name} has not its {} bytes", member.bytes));
    }
    if sha256 != member.sha256 {
        return Err(format!("{name} is not the file it should be: its sha256 is {sha256}"));
    }
    Ok(())
}

/// Copies to the end; returns the number of bytes and their sha256 in hexadecimal.
pub(super) fn copy_hashed(mut from: impl Read, to: &mut impl Write) -> io::Result<(u64, String)> {
    let mut hasher = Sha256::new();
    let mut block = vec![0; 1 << 18];
    let mut n_bytes = 0;
    loop {
        let n = match from.read(&mut block) {
            Ok(0) => break,
            Ok(n) => n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(e),
        };
        let part = block.get(..n).unwrap_or_default();
        hasher.update(part);
        to.write_all(part)?;
        n_bytes += n as u64;
    }
    let mut hex = String::new();
    for byte in hasher.finalize() {
        let _ = write!(hex, "{byte:02x}");
    }
    Ok((n_bytes, hex))
}

/// Name, size and time of every wanted file, one a line.
fn stamp(folder: &Path, wheels: &[&Wheel]) -> Result<String, String> {
    let mut stamp = String::new();
    for member in wheels.iter().flat_map(|wheel| &wheel.members) {
        let name = member.name();
        let of_file = |e: io::Error| format!("{name}: {e}");
        let about = fs::metadata(folder.join(name)).map_err(of_file)?;
        if about.len() != member.bytes {
            return Err(format!("{name} has {} bytes of {}", about.len(), member.bytes));
        }
        let modified = about.modified().map_err(of_file)?;
        let modified_ns = modified.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let _ = writeln!(stamp, "{name} {} {modified_ns}", member.bytes);
    }
    Ok(stamp)
}

fn lock(home: &Path, progress: &mut dyn FnMut(Progress<'_>)) -> Result<File, LibraryError> {
    let path = home.join(LOCK);
    let file = File::create(&path).map_err(io_error("opening", &path))?;
    if file.try_lock().is_err() {
        progress(Progress::Waiting);
        file.lock().map_err(io_error("locking", &path))?;
    }
    Ok(file)
}

/// Wraps an error of the file system.
pub(super) fn io_error(
    doing: &'static str,
    path: &Path,
) -> impl FnOnce(io::Error) -> LibraryError + use<> {
    let path = path.to_owned();
    move |source| LibraryError::Io { doing, path, source }
}

fn folder_name(version: &str, variant: Variant) -> String {
    match variant {
        Variant::Cpu => format!("{version}-cpu"),
        Variant::Gpu => format!("{version}-gpu"),
    }
}

fn remove_folder(folder: &Path) -> Result<(), LibraryError> {
    match fs::remove_dir_all(folder) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(io_error("removing", folder)(e)),
        _ => Ok(()),
    }
}

/// Names of files reach the disk only with their folder. Windows has no such call and needs none.
fn sync_folder(folder: &Path) -> Result<(), LibraryError> {
    if cfg!(unix) {
        let synced = File::open(folder).and_then(|folder| folder.sync_all());
        synced.map_err(io_error("flushing", folder))?;
    }
    Ok(())
}

fn size_of(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let size = |entry: fs::DirEntry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => size_of(&entry.path()),
        _ => entry.metadata().map_or(0, |about| about.len()),
    };
    entries.flatten().map(size).sum()
}
