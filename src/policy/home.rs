//! Which folder holds the policies. It installs nothing but the two that every copy of the program
//! carries: pilot, which was trained, and beacon, which needed not be.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::PolicyError;
use super::folder::replace;

/// Looked for in the current folder.
const HERE: &str = "models";

/// Names of files with what they hold.
type Files = &'static [(&'static str, &'static [u8])];

/// The shipped policies as they are in `models`; the manifest last, for it makes a folder a
/// policy's.
const SHIPPED: [(&str, Files); 2] = [
    (
        "beacon",
        &[
            ("policy.onnx", include_bytes!("../../models/beacon/policy.onnx")),
            ("tokenizer.json", include_bytes!("../../models/beacon/tokenizer.json")),
            (super::manifest::FILE_NAME, include_bytes!("../../models/beacon/policy.toml")),
        ],
    ),
    (
        "pilot",
        &[
            ("policy.onnx", include_bytes!("../../models/pilot/policy.onnx")),
            ("tokenizer.json", include_bytes!("../../models/pilot/tokenizer.json")),
            ("scores.json", include_bytes!("../../models/pilot/scores.json")),
            (super::manifest::FILE_NAME, include_bytes!("../../models/pilot/policy.toml")),
        ],
    ),
];

/// The folder of the policies' folders:
///
/// 1. the one that is named, whether it is there or not;
/// 2. `models` in the current folder, where there is one;
/// 3. `models` in the user's data folder for this program. The shipped policies are put there, and
///    renewed when they are not those in this program.
///
/// # Errors
/// [`PolicyError::Home`]: the user has no data folder or they cannot be written there.
pub fn home(named: Option<&Path>) -> Result<PathBuf, PolicyError> {
    let user = directories::ProjectDirs::from("", "", "pilothouse")
        .map(|dirs| dirs.data_local_dir().join("models"));
    choose(named, Path::new(HERE), user)
}

fn choose(
    named: Option<&Path>,
    here: &Path,
    user: Option<PathBuf>,
) -> Result<PathBuf, PolicyError> {
    if let Some(named) = named {
        return Ok(named.to_owned());
    }
    if here.is_dir() {
        return Ok(here.to_owned());
    }
    let user = user.ok_or_else(|| PolicyError::Home {
        path: here.to_owned(),
        source: io::Error::other("not here, and the system names no home folder"),
    })?;
    for (name, files) in SHIPPED {
        if let Err(source) = put(&user.join(name), files) {
            return Err(PolicyError::Home { path: user, source });
        }
    }
    Ok(user)
}

/// Each file is replaced whole, so that a reader finds the old one or the new one.
fn put(folder: &Path, files: Files) -> io::Result<()> {
    for (name, bytes) in files {
        let path = folder.join(name);
        if fs::read(&path).is_ok_and(|there| there == *bytes) {
            continue;
        }
        fs::create_dir_all(folder)?;
        replace(&path, bytes)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_installed_program_finds_its_policies_anywhere() {
        // A newcomer who ran `cargo install` would have a robot that never drives by itself.
        let base = tempfile::tempdir().unwrap();
        let (here, user) = (base.path().join("models"), base.path().join("user/models"));
        let found = choose(None, &here, Some(user.clone())).unwrap();
        assert_eq!(found, user);
        let names = |folder: &Path| {
            let policies = super::super::list(folder).unwrap();
            policies.into_iter().map(|policy| policy.name).collect::<Vec<_>>()
        };
        assert_eq!(names(&user), ["beacon", "pilot"]);
        super::super::check(&user.join("pilot")).unwrap();
        fs::write(user.join("beacon/policy.onnx"), "of an older program").unwrap();
        choose(None, &here, Some(user.clone())).unwrap();
        super::super::check(&user.join("beacon")).unwrap();
        assert_eq!(fs::read_dir(user.join("beacon")).unwrap().count(), SHIPPED[0].1.len());
    }

    #[test]
    fn a_folder_that_is_named_or_here_comes_first_and_stays_as_it_is() {
        // The station would drive with another policy than the one in the folder it was started in.
        let base = tempfile::tempdir().unwrap();
        let (here, user) = (base.path().join("models"), base.path().join("user/models"));
        fs::create_dir(&here).unwrap();
        assert_eq!(choose(None, &here, Some(user.clone())).unwrap(), here);
        let named = Path::new("no/such/folder");
        assert_eq!(choose(Some(named), &here, Some(user.clone())).unwrap(), named);
        assert!(!user.exists() && fs::read_dir(&here).unwrap().next().is_none());
    }

    #[test]
    fn what_cannot_be_written_is_named_with_the_remedy() {
        // The user would be told only that there is no policy.
        let base = tempfile::tempdir().unwrap();
        let file = base.path().join("file");
        fs::write(&file, "").unwrap();
        let here = base.path().join("models");
        let error = choose(None, &here, Some(file.clone())).unwrap_err().to_string();
        assert!(error.contains("file") && error.contains("policy.models"), "{error}");
        assert!(choose(None, &here, None).unwrap_err().to_string().contains("policy.models"));
    }
}
