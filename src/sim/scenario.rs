//! Scenario files: what kind of world to draw from the seed.

use serde::{Deserialize, Serialize};

use crate::msg::Kinematics;

/// How the long side of each box lies, seen from the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layout {
    /// Along the way to the target.
    Lengthwise,
    /// Across it.
    #[default]
    Crosswise,
}

/// How far the target stands from the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Distance {
    Close,
    Medium,
    Far,
}

impl Distance {
    /// Start to target, metres.
    #[must_use]
    pub const fn metres(self) -> f64 {
        match self {
            Self::Close => 1.2,
            Self::Medium => 1.8,
            Self::Far => 2.5,
        }
    }
}

/// One scenario file; every key is required and no other is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// As the file is called, without `.toml`.
    pub name: String,
    /// One sentence for lists.
    pub description: String,
    pub base: Kinematics,
    /// Boxes in the way: 0, 1 or 2.
    pub boxes: u8,
    pub layout: Layout,
    pub distance: Distance,
}

/// The scenario that is used when none is named.
pub const DEFAULT: &str = "one-crosswise-medium";

macro_rules! embedded {
    ($($name:literal)*) => {
        /// Names and texts of the scenarios that are part of the binary, in the order they are
        /// listed.
        pub const EMBEDDED: &[(&str, &str)] = &[$((
            $name,
            include_str!(concat!("../../configs/scenarios/", $name, ".toml")),
        ),)*];
    };
}

embedded! {
    "one-lengthwise-close" "one-lengthwise-medium" "one-lengthwise-far"
    "one-crosswise-close" "one-crosswise-medium" "one-crosswise-far"
    "two-lengthwise-close" "two-lengthwise-medium" "two-lengthwise-far"
    "two-crosswise-close" "two-crosswise-medium" "two-crosswise-far"
    "differential" "open"
}

/// Most boxes a scenario may ask for.
const BOXES_MAX: u8 = 2;

impl Scenario {
    /// Reads one scenario from TOML; `origin` names the file in errors.
    ///
    /// # Errors
    /// A key is missing, unknown or has a value it cannot have.
    pub fn parse(text: &str, origin: &str) -> Result<Self, ScenarioError> {
        let scenario: Self = toml::from_str(text).map_err(|source| ScenarioError::Parse {
            origin: origin.to_owned(),
            source: Box::new(source),
        })?;
        if scenario.boxes > BOXES_MAX {
            return Err(ScenarioError::Boxes { origin: origin.to_owned(), boxes: scenario.boxes });
        }
        Ok(scenario)
    }

    /// The embedded scenario called `name`.
    ///
    /// # Errors
    /// There is none of that name; the error names the nearest.
    pub fn embedded(name: &str) -> Result<Self, ScenarioError> {
        let Some((origin, text)) = EMBEDDED.iter().find(|(known, _)| *known == name) else {
            let similarity = |known: &str| strsim::jaro_winkler(known, name);
            let nearest = EMBEDDED
                .iter()
                .map(|(known, _)| *known)
                .max_by(|a, b| similarity(a).total_cmp(&similarity(b)))
                .unwrap_or(DEFAULT);
            return Err(ScenarioError::Unknown { name: name.to_owned(), nearest });
        };
        Self::parse(text, origin)
    }

    /// All embedded scenarios.
    ///
    /// # Errors
    /// Never for a released binary: a test reads them all.
    pub fn all() -> Result<Vec<Self>, ScenarioError> {
        EMBEDDED.iter().map(|(origin, text)| Self::parse(text, origin)).collect()
    }
}

/// Names the file and what to change.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    #[error("scenario {origin}: {source}")]
    Parse { origin: String, source: Box<toml::de::Error> },
    #[error("scenario {origin}: boxes = {boxes}, but at most {BOXES_MAX} fit before the target")]
    Boxes { origin: String, boxes: u8 },
    #[error("there is no scenario {name:?}; did you mean {nearest:?}? (`pilothouse sim list`)")]
    Unknown { name: String, nearest: &'static str },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_embedded_scenario_parses_and_is_called_like_its_file() {
        // If this failed, the binary would list a scenario it cannot open.
        for (name, text) in EMBEDDED {
            assert_eq!(Scenario::parse(text, name).unwrap().name, *name);
        }
    }

    #[test]
    fn every_scenario_file_is_embedded() {
        // If this failed, a file in configs/scenarios would be missing from the installed binary.
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/configs/scenarios");
        let mut files: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
            .collect();
        let mut names: Vec<_> = EMBEDDED.iter().map(|(name, _)| (*name).to_owned()).collect();
        files.sort();
        names.sort();
        assert_eq!(files, names);
    }

    #[test]
    fn unknown_keys_names_and_counts_are_refused() {
        // If this failed, a misspelt key would silently give another world.
        let good = EMBEDDED[0].1;
        let extra = Scenario::parse(&format!("{good}\nboxs = 1\n"), "x.toml").unwrap_err();
        assert!(extra.to_string().contains("boxs"), "{extra}");
        let three = Scenario::parse(&good.replace("boxes = 1", "boxes = 3"), "x.toml").unwrap_err();
        assert!(matches!(three, ScenarioError::Boxes { boxes: 3, .. }));
        let typo = Scenario::embedded("one-croswise-far").unwrap_err().to_string();
        assert!(typo.contains("one-crosswise-far"), "{typo}");
    }
}
