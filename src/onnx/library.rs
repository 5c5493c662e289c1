//! The ONNX Runtime shared library of this machine: found, or fetched once and kept in the user's
//! cache.
//!
//! What may be fetched is pinned file by file (`library/pins.toml`); who fetches it is what the
//! machine is set up for: uv, pip, or this program itself. Opens no session and never replaces a
//! library that is already good.

mod cache;
mod fetch;
mod pins;
mod system;

use std::io;
use std::path::{Path, PathBuf};

use cache::{Cache, State};
use pins::{Pins, Wheel};

/// Oldest ONNX Runtime that has every call we make: the `api-24` feature of `ort` in `Cargo.toml`.
pub const VERSION_MIN: (u32, u32) = (1, 24);

/// Which build of the library.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Variant {
    /// Runs on the processor, and on macOS through `CoreML`.
    Cpu,
    /// Brings CUDA and cuDNN along; the machine needs only NVIDIA's driver.
    Gpu,
}

/// Where a library was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Its path was given.
    Explicit,
    /// Installed by this program.
    Cache,
    /// Installed by the system, or lying beside the program.
    System,
}

/// A library that can be loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Library {
    pub path: PathBuf,
    /// As `1.31.1`; `unknown` where only loading it would tell.
    pub version: String,
    pub variant: Variant,
    pub origin: Origin,
    /// What its GPU provider opens by bare name, in the order in which it must be opened.
    pub preload: Vec<PathBuf>,
}

impl Library {
    /// Opens everything in `preload` for the rest of the process; before the library is loaded.
    ///
    /// # Errors
    /// The system's loader refused one of them.
    pub fn preload(&self) -> Result<(), LibraryError> {
        self.preload.iter().try_for_each(|path| {
            ort::util::preload_dylib(path)
                .map_err(|e| LibraryError::Preload { path: path.clone(), why: e.to_string() })
        })
    }
}

/// Where to look.
#[derive(Clone, Debug)]
pub struct Search {
    /// A library, or a folder with one in it. Given, nothing else is looked at.
    pub explicit: Option<PathBuf>,
    /// The cache, as [`cache_dir`] says.
    pub cache: PathBuf,
    /// Which variant to take where both are cached; the other one is taken where only it is.
    pub prefer: Variant,
}

/// What to install.
#[derive(Clone, Debug)]
pub struct Request {
    pub cache: PathBuf,
    pub variant: Variant,
    /// A folder of wheels to take instead of fetching them.
    pub from: Option<PathBuf>,
}

/// How far an installation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress<'a> {
    /// Another process installs into the same cache; this one waits for it.
    Waiting,
    /// A client begins to fetch a wheel.
    Fetching { file: &'a str, bytes: u64, client: &'a str },
    /// So many bytes of it are here. Only the direct client tells.
    Received { bytes: u64, total: u64 },
    /// A client said something.
    Said { line: &'a str },
    /// A client could not; the next one is asked.
    Failed { client: &'a str, why: &'a str },
    /// The wanted files of a wheel are checked and written.
    Unpacking { file: &'a str },
}

/// One line of [`list`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installed {
    pub library: Library,
    /// What is wrong with its files; such a library is not used.
    pub damage: Option<String>,
    /// Size of its folder.
    pub bytes: u64,
}

/// What an installation would fetch and keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// File name and size of each wheel.
    pub wheels: Vec<(String, u64)>,
    /// Size of the files that stay.
    pub bytes_unpacked: u64,
}

/// Names the file, what is wrong and what to do.
#[derive(Debug, thiserror::Error)]
pub enum LibraryError {
    #[error(
        "no ONNX Runtime library here ({looked}); run `pilothouse runtime install`, or without \
         a network: get {files} from PyPI elsewhere and run \
         `pilothouse runtime install --from FOLDER`"
    )]
    NotFound { looked: String, files: String },
    #[error("{}: {why}; give the path of an ONNX Runtime library, 1.24 or newer", path.display())]
    Explicit { path: PathBuf, why: String },
    #[error(
        "no {variant:?} build of ONNX Runtime is published for {platform}; \
         give the path of a library built for it, 1.24 or newer"
    )]
    Unsupported { variant: Variant, platform: String },
    #[error("could not get {file}; {tries}")]
    Fetch { file: String, tries: String },
    #[error("{doing} {}: {source}", path.display())]
    Io { doing: &'static str, path: PathBuf, source: io::Error },
    #[error("loading {}: {why}; run `pilothouse runtime list` to check its files", path.display())]
    Preload { path: PathBuf, why: String },
    #[error("the user's cache folder is unknown; set HOME")]
    NoCacheDir,
    #[error("the built-in list of library files cannot be read: {0}")]
    Pins(#[from] toml::de::Error),
}

/// The user's cache folder for this program.
///
/// # Errors
/// The user has no home.
pub fn cache_dir() -> Result<PathBuf, LibraryError> {
    directories::ProjectDirs::from("", "", "pilothouse")
        .map(|dirs| dirs.cache_dir().to_owned())
        .ok_or(LibraryError::NoCacheDir)
}

/// Finds a library: the explicit one, else a cached one, else the system's newest.
///
/// # Errors
/// None is there, or the explicit one cannot be it.
pub fn find(search: &Search) -> Result<Library, LibraryError> {
    find_with(search, &Pins::built_in()?, &system::folders())
}

/// Installs a variant into the cache, unless it is there and good. Blocks until done: seconds to
/// minutes. Safe against other processes doing the same, and against being killed at any moment.
///
/// # Errors
/// The platform has no such build, no client could fetch it, or the cache cannot be written.
pub fn install(
    request: &Request,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Library, LibraryError> {
    let clients = match &request.from {
        Some(folder) => vec![fetch::Client::Folder(folder.clone())],
        None => fetch::clients(),
    };
    install_with(request, &Pins::built_in()?, &clients, progress)
}

/// What [`install`] would fetch; nothing where it is installed already.
///
/// # Errors
/// The platform has no such build.
pub fn plan(cache: &Path, variant: Variant) -> Result<Plan, LibraryError> {
    let pins = Pins::built_in()?;
    let wheels = pins.wheels_for(variant)?;
    let wheels = match Cache::new(cache, &pins.version, variant).quick_check(&wheels) {
        State::Good => Vec::new(),
        State::Absent | State::Damaged(_) => wheels,
    };
    Ok(Plan {
        wheels: wheels.iter().map(|w| (w.file.clone(), w.bytes)).collect(),
        bytes_unpacked: wheels.iter().flat_map(|w| &w.members).map(|m| m.bytes).sum(),
    })
}

/// The libraries of the pinned version that are in the cache, each read through and checked.
///
/// # Errors
/// The built-in list of files cannot be read.
pub fn list(cache: &Path) -> Result<Vec<Installed>, LibraryError> {
    Ok(list_with(cache, &Pins::built_in()?))
}

/// Removes a variant, or everything that was ever installed. Returns the bytes freed.
///
/// # Errors
/// A file could not be removed; on Windows, because a program still uses it.
pub fn remove(cache: &Path, variant: Option<Variant>) -> Result<u64, LibraryError> {
    cache::remove(cache, &Pins::built_in()?.version, variant)
}

fn find_with(search: &Search, pins: &Pins, folders: &[PathBuf]) -> Result<Library, LibraryError> {
    if let Some(path) = &search.explicit {
        return system::explicit(path);
    }
    let other = if search.prefer == Variant::Cpu { Variant::Gpu } else { Variant::Cpu };
    let mut looked = Vec::new();
    for variant in [search.prefer, other] {
        let cache = Cache::new(&search.cache, &pins.version, variant);
        let Ok(wheels) = pins.wheels_for(variant) else { continue };
        match cache.quick_check(&wheels) {
            State::Good => return Ok(library(&cache, &pins.version, variant, &wheels)),
            State::Absent => looked.push(format!("{} is not there", cache.folder().display())),
            State::Damaged(why) => {
                looked.push(format!("{} is damaged: {why}", cache.folder().display()));
            }
        }
    }
    if let Some(found) = system::newest(folders) {
        return Ok(found);
    }
    looked.push("the system has none of version 1.24 or newer".to_owned());
    let files = pins
        .wheels_for(Variant::Cpu)
        .map(|wheels| wheels.iter().map(|w| w.file.clone()).collect::<Vec<_>>().join(" "))?;
    Err(LibraryError::NotFound { looked: looked.join("; "), files })
}

fn install_with(
    request: &Request,
    pins: &Pins,
    clients: &[fetch::Client],
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Library, LibraryError> {
    let wheels = pins.wheels_for(request.variant)?;
    let cache = Cache::new(&request.cache, &pins.version, request.variant);
    let lock = cache.lock(progress)?;
    if cache.check(&wheels) != State::Good {
        let scratch = lock.scratch()?;
        for wheel in &wheels {
            fetch::unpack(clients, wheel, &scratch, progress)?;
        }
        lock.publish(&scratch, &wheels)?;
    }
    Ok(library(&cache, &pins.version, request.variant, &wheels))
}

fn list_with(root: &Path, pins: &Pins) -> Vec<Installed> {
    let mut found = Vec::new();
    for variant in [Variant::Cpu, Variant::Gpu] {
        let cache = Cache::new(root, &pins.version, variant);
        let Ok(wheels) = pins.wheels_for(variant) else { continue };
        let damage = match cache.check(&wheels) {
            State::Absent => continue,
            State::Good => None,
            State::Damaged(why) => Some(why),
        };
        let library = library(&cache, &pins.version, variant, &wheels);
        found.push(Installed { library, damage, bytes: cache.bytes() });
    }
    found
}

/// The library in a cache folder: its main file is the first wheel's first member.
fn library(cache: &Cache, version: &str, variant: Variant, wheels: &[&Wheel]) -> Library {
    let at = |member: &pins::Member| cache.folder().join(member.name());
    let members = || wheels.iter().flat_map(|wheel| &wheel.members);
    Library {
        path: members().next().map(at).unwrap_or_default(),
        version: version.to_owned(),
        variant,
        origin: Origin::Cache,
        preload: members().filter(|member| member.preload).map(at).collect(),
    }
}

#[cfg(test)]
mod tests;
