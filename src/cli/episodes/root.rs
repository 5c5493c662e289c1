//! The dataset a verb works on.

use std::path::{Path, PathBuf};

use anyhow::ensure;

use super::repair;
use crate::config::Config;
use crate::dataset::Dataset;
use crate::dataset::lerobot::Store;

/// A dataset's folder, named by a flag or by the configuration.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Root {
    pub(in crate::cli) path: PathBuf,
    /// The flags that led here.
    flags: String,
}

impl Root {
    /// `named` by a flag; else what `config` says, which was read from `file` if one was named.
    pub(in crate::cli) fn new(
        named: Option<PathBuf>,
        file: Option<&Path>,
        config: &Config,
    ) -> Self {
        let flag =
            |name: &str, path: &Path| format!(" --{name} {}", quoted(&path.display().to_string()));
        let flags = match (&named, file) {
            (Some(path), _) => flag("dataset", path),
            (None, Some(file)) => flag("config", file),
            (None, None) => String::new(),
        };
        let path = named.unwrap_or_else(|| config.record.folder.join(&config.record.dataset));
        Self { path, flags }
    }

    /// Opens it for reading. Recordings that a crash left are finished first.
    ///
    /// # Errors
    /// There is no dataset, or it cannot be read.
    pub(in crate::cli) fn read(&self) -> anyhow::Result<Dataset> {
        self.mend()?;
        Ok(Dataset::open(&self.path)?)
    }

    /// Opens it for a change; as [`Self::read`].
    ///
    /// # Errors
    /// As [`Self::read`], or another program is writing it.
    pub(super) fn write(&self) -> anyhow::Result<Store> {
        self.mend()?;
        Ok(Store::open(&self.path)?)
    }

    fn mend(&self) -> anyhow::Result<()> {
        let path = self.path.display();
        ensure!(
            self.path.is_dir(),
            "there is no dataset {path}; record one with `pilothouse`, or name another with \
             --dataset"
        );
        repair::quietly(&self.path);
        Ok(())
    }

    /// A line that calls `pilothouse episodes` on this dataset.
    pub(in crate::cli) fn command(&self, verb: &str) -> String {
        format!("pilothouse episodes {verb}{}", self.flags)
    }
}

/// As a shell wants one word.
pub(super) fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_to_undo_can_be_pasted() {
        // The undo would do something else, or run what stands in a note.
        let config = Config::default();
        let root = Root::new(None, None, &config);
        assert_eq!(root.command("list"), "pilothouse episodes list");
        let root = Root::new(None, Some(Path::new("a.toml")), &config);
        assert_eq!(root.command("list"), "pilothouse episodes list --config a.toml");
        let root = Root::new(Some("my set".into()), Some(Path::new("a.toml")), &config);
        assert_eq!(root.command("list"), "pilothouse episodes list --dataset 'my set'");
        for (text, word) in
            [("a-b", "a-b"), ("", "''"), ("it's; rm", r"'it'\''s; rm'"), ("$(x)", "'$(x)'")]
        {
            assert_eq!(quoted(text), word);
        }
    }
}
