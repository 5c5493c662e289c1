//! `pilothouse episodes compact`: many small files into few large ones.

use std::io::Write;
use std::path::Path;

use super::facts;
use super::root::Root;

pub(super) fn run(root: &Root, out: &mut dyn Write) -> anyhow::Result<()> {
    let mut store = root.write()?;
    let before = files(&root.path);
    store.compact()?;
    let after = files(&root.path);
    writeln!(
        out,
        "{} files, {} before; {} files, {} now; the episodes are the same",
        before.0,
        facts::size(before.1),
        after.0,
        facts::size(after.1)
    )?;
    Ok(())
}

/// Number and bytes of the files that LeRobot reads.
fn files(root: &Path) -> (usize, u64) {
    let mut folders: Vec<_> = ["data", "videos", "meta"].map(|name| root.join(name)).to_vec();
    let mut sum = (0, 0);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(meta) if meta.is_dir() => folders.push(entry.path()),
                Ok(meta) => sum = (sum.0 + 1, sum.1 + meta.len()),
                Err(_) => {}
            }
        }
    }
    sum
}
