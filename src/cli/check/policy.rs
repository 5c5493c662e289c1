//! ONNX Runtime, the policies, and what the configured one really runs on.

use std::path::Path;

use crate::config::Config;
use crate::onnx::library::{self, Library, Search, Variant};
use crate::onnx::{Device, Runtime};
use crate::policy::{self, Entry, OnnxPolicy, Policy};

use super::report::Finding;

const RUNTIME: &str = "ONNX Runtime";
const BY_HAND: &str = "driving by hand works without";

/// Loads the library and the configured policy as the station would, and looks at the other
/// policies' files.
pub(super) fn check(config: &Config) -> Vec<Finding> {
    let mut found = Vec::new();
    let runtime = match find(config) {
        Ok(library) => load(&library, &mut found),
        Err(error) => {
            let todo = format!("`pilothouse runtime install` fetches it; {BY_HAND}");
            found.push(Finding::limited(RUNTIME, error.to_string(), todo));
            None
        }
    };
    let models = match policy::home(config.policy.models.as_deref()) {
        Ok(models) => models,
        Err(error) => {
            found.push(Finding::limited("policy", error.to_string(), BY_HAND));
            return found;
        }
    };
    match policy::list(&models) {
        Ok(entries) => {
            found.push(configured(config, &models, &entries, runtime.as_ref()));
            let others = entries.iter().filter(|entry| entry.name != config.policy.name);
            found.extend(others.map(|entry| judge_files(entry, false)));
        }
        Err(error) => {
            let text = format!("{}: {error}", models.display());
            let todo = format!("set policy.models to the folder of the policies; {BY_HAND}");
            found.push(Finding::limited("policy", text, todo));
        }
    }
    found
}

fn find(config: &Config) -> Result<Library, library::LibraryError> {
    let prefer = match config.policy.device {
        Device::Cuda | Device::TensorRt | Device::Auto => Variant::Gpu,
        Device::Cpu | Device::CoreMl | Device::DirectMl => Variant::Cpu,
    };
    let explicit = config.policy.library.clone();
    library::find(&Search { explicit, cache: library::cache_dir()?, prefer })
}

fn load(library: &Library, found: &mut Vec<Finding>) -> Option<Runtime> {
    let Library { path, version, variant, .. } = library;
    let text = format!("{version} ({variant:?}), {}", path.display());
    let loaded = library
        .preload()
        .map_err(|error| error.to_string())
        .and_then(|()| Runtime::load(path).map_err(|error| error.to_string()));
    match loaded {
        Ok(runtime) => {
            found.push(Finding::good(RUNTIME, text));
            Some(runtime)
        }
        Err(error) => {
            let todo = format!("`pilothouse runtime install` fetches a good one; {BY_HAND}");
            found.push(Finding::limited(RUNTIME, error, todo));
            None
        }
    }
}

fn configured(
    config: &Config,
    models: &Path,
    entries: &[Entry],
    runtime: Option<&Runtime>,
) -> Finding {
    let name = config.policy.name.as_str();
    if name.is_empty() {
        return Finding::note("policy", format!("none is configured; {BY_HAND}"));
    }
    let Some(entry) = entries.iter().find(|entry| entry.name == name) else {
        let there: Vec<_> = entries.iter().map(|entry| entry.name.as_str()).collect();
        return Finding::bad(
            "policy",
            format!("{name} is not in {}", models.display()),
            format!("name one that is there with --policy: {}", there.join(", ")),
        );
    };
    match runtime {
        // Its first start compiles for minutes.
        Some(runtime) if config.policy.device != Device::TensorRt => {
            run(&entry.folder, name, runtime, config.policy.device)
        }
        _ => judge_files(entry, true),
    }
}

/// One inference, on what the station would choose.
fn run(folder: &Path, name: &str, runtime: &Runtime, device: Device) -> Finding {
    match OnnxPolicy::load(folder, runtime, device) {
        Ok(policy) => {
            let refused: Vec<_> = policy
                .refusals()
                .iter()
                .map(|refusal| format!("; not on {}: {}", refusal.device.title(), refusal.reason))
                .collect();
            let device = &policy.info().device;
            Finding::good("policy", format!("{name} runs on {device}{}", refused.concat()))
        }
        Err(error) => {
            Finding::bad("policy", error.to_string(), "choose another policy or --device auto")
        }
    }
}

fn judge_files(entry: &Entry, is_needed: bool) -> Finding {
    match policy::check(&entry.folder) {
        Ok(manifest) => {
            let text = format!("{}: {}", entry.name, manifest.summary);
            if is_needed { Finding::good("policy", text) } else { Finding::note("policy", text) }
        }
        Err(error) if is_needed => Finding::bad(
            "policy",
            error.to_string(),
            "restore its folder, or choose another policy",
        ),
        Err(error) => Finding::note("policy", error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::report::State;
    use super::*;

    fn with_policy(name: &str) -> Config {
        let mut config = Config::default();
        config.policy.name = name.to_owned();
        config
    }

    #[test]
    fn a_named_policy_must_be_there_and_whole() {
        // Autonomy that fails only in the field is what the doctor is for.
        let models = tempfile::tempdir().unwrap();
        std::fs::create_dir(models.path().join("broken")).unwrap();
        std::fs::write(models.path().join("broken/policy.toml"), "version = 1").unwrap();
        let entries = policy::list(models.path()).unwrap();
        for (name, state, part) in [
            ("", State::Note, "none is configured"),
            ("nope", State::Bad, "is not in"),
            ("broken", State::Bad, "broken"),
        ] {
            let found = configured(&with_policy(name), models.path(), &entries, None);
            assert_eq!(found.state, state, "{found:?}");
            assert!(found.text.contains(part), "{found:?}");
        }
    }

    #[test]
    fn the_shipped_policy_is_whole() {
        // The first policy a newcomer meets must pass its own doctor.
        let models = Path::new("models");
        let entries = policy::list(models).unwrap();
        let found = configured(&with_policy("beacon"), models, &entries, None);
        assert_eq!(found.state, State::Good, "{found:?}");
    }
}
