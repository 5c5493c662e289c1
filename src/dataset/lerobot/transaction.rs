//! Changes of a dataset that happen wholly or not at all, whenever the power goes.
//!
//! 1. New files are written and synced below `.transaction/`.
//! 2. `.transaction/plan.json` names every move and removal; once it is synced, the change counts.
//! 3. The moves are made, then the removals; `info.json` comes last. The folders are synced.
//! 4. `.transaction/` goes.
//!
//! [`complete`] does 3 and 4 again for a plan it finds, and throws away what has none. Each step is
//! done already when its source is gone, so no step's target may be another's source.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::info::INFO_PATH;
use crate::dataset::DatasetError;

pub(super) const FOLDER: &str = ".transaction";
const PLAN: &str = ".transaction/plan.json";

/// What is to be done with files already there; all paths are root-relative, with `/`.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Plan {
    moves: Vec<(String, String)>,
    removals: Vec<String>,
}

/// A change being prepared. Dropped without [`Transaction::commit`], it never was.
#[derive(Debug)]
pub(super) struct Transaction {
    root: PathBuf,
    plan: Plan,
    /// Whether it will happen, now or when the dataset is opened again.
    is_planned: bool,
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if !self.is_planned {
            // What stays is removed with the next change.
            remove(&self.root, FOLDER).ok();
        }
    }
}

impl Transaction {
    /// Begins a change of the dataset at `root`, whose lock the caller holds. Refuses while another
    /// one waits for [`complete`].
    pub(super) fn begin(root: &Path) -> Result<Self, DatasetError> {
        if is_pending(root) {
            let text = format!("{}: the change before is not complete", root.display());
            return Err(DatasetError::Refused(text));
        }
        let folder = root.join(FOLDER);
        remove(root, FOLDER)?;
        step()?;
        fs::create_dir_all(&folder).map_err(DatasetError::io("create", &folder))?;
        Ok(Self { root: root.to_owned(), plan: Plan::default(), is_planned: false })
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Where the caller writes, and syncs, the file that is to become `to`.
    pub(super) fn stage(&mut self, to: &str) -> Result<PathBuf, DatasetError> {
        step()?;
        let staged = format!("{FOLDER}/{:06}", self.plan.moves.len());
        self.plan.moves.push((staged.clone(), to.to_owned()));
        Ok(self.root.join(staged))
    }

    /// Stages a file of these bytes.
    pub(super) fn stage_bytes(&mut self, to: &str, bytes: &[u8]) -> Result<(), DatasetError> {
        let path = self.stage(to)?;
        write_synced(&path, bytes)
    }

    /// Takes in a file: moves it when it lies below the root, else copies it.
    pub(super) fn take(&mut self, from: &Path, to: &str) -> Result<(), DatasetError> {
        match from.strip_prefix(&self.root) {
            Ok(inside) => {
                sync(from)?;
                from.parent().map_or(Ok(()), sync_folder)?;
                self.plan.moves.push((portable(inside), to.to_owned()));
                Ok(())
            }
            Err(_) => self.copy(from, to),
        }
    }

    /// Stages a copy of a file.
    pub(super) fn copy(&mut self, from: &Path, to: &str) -> Result<(), DatasetError> {
        let staged = self.stage(to)?;
        // Without the permissions: a copy of what is read-only is ours to change.
        let mut source = File::open(from).map_err(DatasetError::io("open", from))?;
        let mut target = File::create(&staged).map_err(DatasetError::io("create", &staged))?;
        std::io::copy(&mut source, &mut target).map_err(DatasetError::io("copy", from))?;
        target.sync_all().map_err(DatasetError::io("sync", &staged))
    }

    /// Removes a file, or a folder with all that is in it. It may be gone already.
    pub(super) fn remove(&mut self, path: &str) {
        self.plan.removals.push(path.to_owned());
    }

    /// Makes the change. An error up to the plan's writing leaves all as it was; after it, the
    /// change is completed by whoever opens the dataset next.
    pub(super) fn commit(mut self) -> Result<(), DatasetError> {
        self.check()?;
        let plan = self.root.join(PLAN);
        let draft = plan.with_extension("draft");
        let bytes = serde_json::to_vec(&self.plan)
            .map_err(|error| DatasetError::io("describe", &plan)(error.into()))?;
        step()?;
        write_synced(&draft, &bytes)?;
        sync_folder(&self.root.join(FOLDER))?;
        step()?;
        fs::rename(&draft, &plan).map_err(DatasetError::io("write", &plan))?;
        self.is_planned = true;
        sync_folder(&self.root.join(FOLDER))?;
        sync_folder(&self.root)?;
        apply(&self.root, &self.plan)
    }

    /// Finds mistakes of this program before they can cost data.
    fn check(&self) -> Result<(), DatasetError> {
        let refuse = |path: &str, what: &str| {
            Err(DatasetError::Refused(format!("{}: {what}", self.root.join(path).display())))
        };
        let mut targets = BTreeSet::new();
        for (from, to) in &self.plan.moves {
            if !targets.insert(to) {
                return refuse(to, "would be written twice by one change");
            }
            if !self.root.join(from).is_file() {
                return refuse(from, "is gone, though it was to be moved");
            }
        }
        let sources = self.plan.moves.iter().map(|(from, _)| from);
        for path in sources.chain(&self.plan.removals) {
            if targets.contains(path) {
                return refuse(path, "would be both written and taken away by one change");
            }
        }
        Ok(())
    }
}

/// Completes the change that a crash cut short, if there is one.
pub(super) fn complete(root: &Path) -> Result<(), DatasetError> {
    let path = root.join(PLAN);
    match fs::read(&path) {
        Ok(bytes) => {
            let wrong = |reason| DatasetError::Format {
                path: path.clone(),
                reason,
                remedy: "move the folder .transaction away, then run `pilothouse episodes verify`"
                    .to_owned(),
            };
            let plan: Plan = serde_json::from_slice(&bytes)
                .map_err(|error| wrong(format!("not the plan of a change: {error}")))?;
            let moved = plan.moves.iter().flat_map(|(from, to)| [from, to]);
            if let Some(path) = moved.chain(&plan.removals).find(|path| !super::is_inside(path)) {
                return Err(wrong(format!("it would touch {path}, outside the dataset")));
            }
            apply(root, &plan)
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => remove(root, FOLDER),
        Err(error) => Err(DatasetError::io("read", &path)(error)),
    }
}

/// Whether a change is under way, or was cut short.
pub(super) fn is_pending(root: &Path) -> bool {
    root.join(PLAN).exists()
}

fn apply(root: &Path, plan: &Plan) -> Result<(), DatasetError> {
    let (info, files): (Vec<_>, Vec<_>) = plan.moves.iter().partition(|(_, to)| to == INFO_PATH);
    let mut folders = BTreeSet::new();
    for (from, to) in files {
        move_file(root, from, to, &mut folders)?;
    }
    for path in &plan.removals {
        remove(root, path)?;
        folders.extend(Path::new(path).parent().map(Path::to_owned));
    }
    sync_folders(root, &folders)?;
    for (from, to) in info {
        move_file(root, from, to, &mut folders)?;
    }
    sync_folders(root, &folders)?;
    remove(root, PLAN)?;
    sync_folder(&root.join(FOLDER))?;
    remove(root, FOLDER)?;
    sync_folder(root)
}

fn move_file(
    root: &Path,
    from: &str,
    to: &str,
    folders: &mut BTreeSet<PathBuf>,
) -> Result<(), DatasetError> {
    let (source, target) = (root.join(from), root.join(to));
    for path in [from, to] {
        folders.extend(Path::new(path).ancestors().skip(1).map(Path::to_owned));
    }
    if !source.exists() {
        return Ok(());
    }
    if let Some(folder) = target.parent() {
        step()?;
        fs::create_dir_all(folder).map_err(DatasetError::io("create", folder))?;
    }
    step()?;
    fs::rename(&source, &target).map_err(DatasetError::io("move a file to", &target))
}

fn remove(root: &Path, path: &str) -> Result<(), DatasetError> {
    let path = root.join(path);
    step()?;
    let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
    match removed {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other.map_err(DatasetError::io("remove", &path)),
    }
}

/// Writes a file and syncs it.
pub(super) fn write_synced(path: &Path, bytes: &[u8]) -> Result<(), DatasetError> {
    fs::write(path, bytes).map_err(DatasetError::io("write", path))?;
    sync(path)
}

fn sync(path: &Path) -> Result<(), DatasetError> {
    let file = File::options().write(true).open(path).map_err(DatasetError::io("open", path))?;
    file.sync_all().map_err(DatasetError::io("sync", path))
}

fn sync_folders(root: &Path, folders: &BTreeSet<PathBuf>) -> Result<(), DatasetError> {
    let there = folders.iter().map(|folder| root.join(folder)).filter(|folder| folder.is_dir());
    there.into_iter().try_for_each(|folder| sync_folder(&folder))
}

/// Makes sure that what was created, moved or removed in a folder stays so.
/// Windows has no such thing, and keeps the order of its metadata by itself.
#[cfg(unix)]
pub(super) fn sync_folder(folder: &Path) -> Result<(), DatasetError> {
    let opened = File::open(folder).map_err(DatasetError::io("open", folder))?;
    opened.sync_all().map_err(DatasetError::io("sync", folder))
}

#[cfg(not(unix))]
pub(super) fn sync_folder(_: &Path) -> Result<(), DatasetError> {
    Ok(())
}

fn portable(path: &Path) -> String {
    let names: Vec<_> = path.iter().map(|name| name.to_string_lossy()).collect();
    names.join("/")
}

#[cfg(not(test))]
#[expect(clippy::unnecessary_wraps, reason = "in tests it may fail")]
fn step() -> Result<(), DatasetError> {
    Ok(())
}

/// In tests: the moment before an operation, at which the power may go.
#[cfg(test)]
fn step() -> Result<(), DatasetError> {
    power::step()
}

#[cfg(test)]
pub(super) mod power {
    use std::cell::Cell;

    use crate::dataset::DatasetError;

    thread_local! {
        static STEPS_LEFT: Cell<Option<usize>> = const { Cell::new(None) };
    }

    /// Lets this many operations of this thread succeed, and none after them.
    pub(in crate::dataset::lerobot) fn fails_after(steps: Option<usize>) {
        STEPS_LEFT.set(steps);
    }

    pub(super) fn step() -> Result<(), DatasetError> {
        match STEPS_LEFT.get() {
            Some(0) => Err(DatasetError::Refused("the power is gone".to_owned())),
            Some(left) => {
                STEPS_LEFT.set(Some(left - 1));
                Ok(())
            }
            None => Ok(()),
        }
    }
}
