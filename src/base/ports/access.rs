//! Whether we may open a port, without opening it.

/// Whether a port may be opened. That another program holds it shows only on opening.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    Allowed,
    /// Why not, and what to do.
    Denied {
        remedy: String,
    },
    /// The system does not say without opening it.
    Unknown,
}

impl Access {
    #[cfg(unix)]
    pub(super) fn of(path: &str) -> Self {
        use rustix::fs::{Access as Want, access};
        use rustix::io::Errno;
        match access(path, Want::READ_OK | Want::WRITE_OK) {
            Ok(()) => Self::Allowed,
            Err(Errno::ACCESS) => Self::Denied { remedy: remedy(path) },
            Err(_) => Self::Unknown,
        }
    }

    #[cfg(not(unix))]
    pub(super) fn of(_path: &str) -> Self {
        Self::Unknown
    }
}

/// How to get the right to open `path`.
#[cfg(unix)]
pub(super) fn remedy(path: &str) -> String {
    use std::os::unix::fs::MetadataExt;
    let group = std::fs::metadata(path).ok().and_then(|file| {
        let groups = std::fs::read_to_string("/etc/group").ok()?;
        group_name(&groups, file.gid()).map(str::to_owned)
    });
    match group.as_deref() {
        // Everybody in root's group is root already.
        Some(group) if group != "root" => format!(
            "its group is {group}: run `sudo usermod -aG {group} $USER`, then log out and in again"
        ),
        _ => format!("it belongs to root: add a udev rule, or run `sudo chmod a+rw {path}`"),
    }
}

#[cfg(not(unix))]
pub(super) fn remedy(_path: &str) -> String {
    "another program may hold it: close that, or start this one as administrator".to_owned()
}

/// The name of group `id` in the text of `/etc/group`.
#[cfg(unix)]
pub(super) fn group_name(groups: &str, id: u32) -> Option<&str> {
    groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, number) = (fields.next()?, fields.nth(1)?);
        (number.parse() == Ok(id)).then_some(name)
    })
}
