//! The wheels we trust and the files we take from them, each with its size and sha256. Data only.

use serde::Deserialize;

use super::{LibraryError, Variant};

/// The table in `pins.toml`; `.ci/pin-runtime` writes it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pins {
    /// Of ONNX Runtime.
    pub version: String,
    #[serde(rename = "wheel")]
    wheels: Vec<Wheel>,
}

/// One archive of the Python package index.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wheel {
    /// Operating system and processor, as `linux-x86_64`.
    platform: String,
    variant: Variant,
    pub project: String,
    pub version: String,
    pub file: String,
    pub bytes: u64,
    pub sha256: String,
    /// In load order.
    #[serde(rename = "member")]
    pub members: Vec<Member>,
}

/// One file of a wheel.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Member {
    /// Inside the wheel.
    pub path: String,
    pub bytes: u64,
    pub sha256: String,
    #[serde(default)]
    pub preload: bool,
}

impl Pins {
    pub(super) fn built_in() -> Result<Self, LibraryError> {
        Ok(toml::from_str(include_str!("pins.toml"))?)
    }

    /// What makes up a variant on this machine.
    pub(super) fn wheels_for(&self, variant: Variant) -> Result<Vec<&Wheel>, LibraryError> {
        let platform = platform();
        let fits = |wheel: &&Wheel| wheel.variant == variant && wheel.platform == platform;
        let wheels: Vec<_> = self.wheels.iter().filter(fits).collect();
        if wheels.is_empty() {
            return Err(LibraryError::Unsupported { variant, platform });
        }
        Ok(wheels)
    }
}

impl Member {
    /// File name in the cache.
    pub(super) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }
}

/// This machine in the words of the table. The published builds need glibc, so musl is another
/// platform.
pub(super) fn platform() -> String {
    let libc = if cfg!(target_env = "musl") { "-musl" } else { "" };
    format!("{}-{}{libc}", std::env::consts::OS, std::env::consts::ARCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_names_every_file_once_and_its_main_library_first() {
        // A wrong table would load a provider as if it were the library, or lose a file.
        let pins = Pins::built_in().unwrap();
        for variant in [Variant::Cpu, Variant::Gpu] {
            for platform in ["linux-x86_64", "linux-aarch64", "windows-x86_64"] {
                let wheels: Vec<_> = pins
                    .wheels
                    .iter()
                    .filter(|w| w.variant == variant && w.platform == platform)
                    .collect();
                let main = wheels[0].members[0].name();
                assert!(
                    main.starts_with("libonnxruntime.so") || main == "onnxruntime.dll",
                    "{main}"
                );
                let mut names: Vec<_> =
                    wheels.iter().flat_map(|w| &w.members).map(Member::name).collect();
                let n_all = names.len();
                names.sort_unstable();
                names.dedup();
                assert_eq!(names.len(), n_all, "{platform} {variant:?}: two files of one name");
                assert!(wheels.iter().all(|w| w.sha256.len() == 64 && w.bytes > 0));
                let preloads = wheels.iter().flat_map(|w| &w.members).any(|m| m.preload);
                assert_eq!(preloads, variant == Variant::Gpu);
            }
        }
    }

    #[test]
    fn a_platform_without_a_build_is_named() {
        // The user of an unusual machine would be told to fetch a file that does not exist.
        let pins: Pins = toml::from_str("version = '1'\nwheel = []").unwrap();
        let error = pins.wheels_for(Variant::Gpu).unwrap_err().to_string();
        assert!(error.contains(&platform()), "{error}");
    }
}
