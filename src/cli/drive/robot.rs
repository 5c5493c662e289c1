//! What the station is joined to: the simulated robot or real devices, as the configuration says.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;

use crate::base::native::NativeBase;
use crate::base::ports::PortAddress;
use crate::camera::{self, Source};
use crate::cli::sim_process::SimProcess;
use crate::config::{Config, Port};
use crate::dataset::recorder::Origin;
use crate::eval::calibration::TOLERANCE;
use crate::msg::{Level, Notice, Stamp, StationInfo};
use crate::onnx::library::{self, Library, Search, Variant};
use crate::onnx::{Device, Runtime};
use crate::policy::{Entry, OnnxPolicy, Policy};
use crate::runtime::line::ThreadedLine;
use crate::runtime::policy_loop::{LoadPolicy, PolicyCommand, PolicyEvent};
use crate::runtime::record_loop::Order;
use crate::runtime::{OpenCamera, Parts, Station, clock};
use crate::teleop::Teleop;

/// Time between two looks for new policies.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// The robot's side of a station, kept while it runs.
#[derive(Debug)]
pub(in crate::cli) struct Robot {
    /// When the program began its work.
    pub(super) started: Stamp,
    /// The simulator's process, where the robot is simulated.
    pub(in crate::cli) sim: Option<SimProcess>,
    /// The policy to load at start.
    pub(super) policy: Option<String>,
    pub(super) info: StationInfo,
    models: Option<PathBuf>,
    /// Graph of each policy that can be chosen, by name.
    known: BTreeMap<String, String>,
    looked: Stamp,
}

impl Robot {
    /// Starts the simulator if it is wanted, and gathers what [`Station::start`] takes.
    ///
    /// # Errors
    /// The simulator does not start; the system has no thread to give. A camera or port that is
    /// missing is no error: it is opened when it comes.
    pub(in crate::cli) fn connect(
        config: &Config,
        teleop: Teleop,
        started: Stamp,
    ) -> anyhow::Result<(Self, Parts)> {
        let needs_sim = config.base.port == Port::Sim || config.camera.source == Source::Sim;
        let sim = needs_sim.then(|| SimProcess::start(&config.sim, &config.camera)).transpose()?;
        let address = match (&config.base.port, &sim) {
            (Port::Line(address), _) => address.clone(),
            (Port::Sim, Some(sim)) => sim.hello().port.parse::<PortAddress>()?,
            (Port::Sim, None) => anyhow::bail!("the simulated robot was not started"),
        };
        let robot = match config.base.port {
            Port::Sim => format!("simulated robot, {}", config.sim.scenario),
            Port::Line(_) => address.to_string(),
        };
        let line = ThreadedLine::new(address, config.base.baud)
            .context("cannot start the base's threads")?;
        let monitor = line.monitor();
        let models =
            crate::policy::home(config.policy.models.as_deref()).map_err(|error| error.to_string());
        let known = models.as_deref().map(policies).unwrap_or_default();
        let mut info = StationInfo {
            robot,
            camera: config.camera.source.to_string(),
            policies: known.keys().cloned().collect(),
            instruction: config.policy.instruction.clone(),
            camera_height_m: config.camera.height_m,
            camera_tilt: config.camera.tilt_deg.to_radians(),
            camera_hfov: config.camera.hfov_deg.to_radians(),
            ..StationInfo::default()
        };
        if let (Some(sim), Source::Sim) = (&sim, &config.camera.source) {
            let hello = sim.hello();
            info.camera_height_m = hello.camera.height_m;
            info.camera_tilt = hello.camera.tilt;
            info.camera_hfov = hello.camera.hfov;
            info.body_width_m = hello.body_width_m;
        }
        let folder = models.clone().ok();
        let parts = Parts {
            open_camera: open_camera(config, sim.as_ref()),
            base: Box::new(NativeBase::new(line)),
            line: monitor,
            load_policy: load_policy(config, models),
            teleop,
            control: config.control,
            limits: config.safety,
            record: config.record.enabled.then(|| (config.record.clone(), origin(config))),
        };
        let policy = (!config.policy.name.is_empty()).then(|| config.policy.name.clone());
        let looked = clock::now();
        Ok((Self { started, sim, policy, info, models: folder, known, looked }, parts))
    }

    /// What became of the policies' folder since the last look: a policy that was trained just now
    /// can be chosen at once. Looks every two seconds at most.
    pub(super) fn look_for_policies(&mut self, now: Stamp) -> Vec<Notice> {
        let mut notices = Vec::new();
        if now.since(self.looked) < LOOK_EVERY {
            return notices;
        }
        self.looked = now;
        let Some(models) = &self.models else { return notices };
        let found = policies(models);
        for (name, graph) in &found {
            let text = match self.known.get(name) {
                None => format!("policy {name} is new: p chooses it"),
                Some(known) if known != graph => {
                    format!("policy {name} was trained anew: p loads it")
                }
                Some(_) => continue,
            };
            notices.push(Notice { at: now, level: Level::Good, text });
        }
        if found != self.known {
            self.info.policies = found.keys().cloned().collect();
            self.known = found;
        }
        notices
    }

    /// Puts the configured policy and instruction in force.
    pub(in crate::cli) fn begin(&self, station: &Station, config: &Config) {
        if !config.policy.instruction.is_empty() {
            let text = config.policy.instruction.clone();
            station.record(Order::Task(text.clone()));
            let _ = station.policy.command(PolicyCommand::Instruct(text));
        }
        if let Some(name) = &self.policy {
            let _ = station.policy.command(PolicyCommand::Choose(name.clone()));
        }
    }

    /// What of `event` the recorder writes down.
    pub(super) fn tell_recorder(station: &Station, event: &PolicyEvent) {
        match event {
            PolicyEvent::Loaded(info) => {
                let (name, sha256) = (info.name.clone(), info.sha256.clone());
                station.record(Order::Policy { name, sha256 });
            }
            PolicyEvent::Instruction(text) | PolicyEvent::InstructionRefused { text, .. } => {
                station.record(Order::Task(text.clone()));
            }
            PolicyEvent::Loading(_) | PolicyEvent::LoadFailed { .. } => {
                station.record(Order::Policy { name: String::new(), sha256: String::new() });
            }
            PolicyEvent::InferenceFailed(_) => {}
        }
    }

    /// What to tell a policy that was loaded while no instruction is in force: the simulated
    /// world's own text, where the policy suggests the same.
    pub(super) fn first_instruction(&self, event: &PolicyEvent) -> Option<PolicyCommand> {
        let PolicyEvent::Loaded(policy) = event else { return None };
        let hello = self.sim.as_ref()?.hello();
        let fitting = hello.instructions.iter().find(|text| policy.suggestions.contains(text))?;
        self.info.instruction.is_empty().then(|| PolicyCommand::Instruct(fitting.clone()))
    }

    /// Takes over what `event` changes of the names on screen; true when something did.
    pub(super) fn on_policy_event(&mut self, event: &PolicyEvent) -> bool {
        match event {
            PolicyEvent::Loading(name) => {
                self.info.policy = None;
                self.info.device = format!("loading {name}");
                self.info.policy_problem.clear();
            }
            PolicyEvent::Loaded(info) => {
                self.info.policy = Some(info.name.clone());
                self.info.device.clone_from(&info.device);
                self.info.suggestions.clone_from(&info.suggestions);
                self.info.tolerance = info.tolerance.unwrap_or(TOLERANCE);
                self.info.policy_problem.clear();
            }
            PolicyEvent::LoadFailed { reason, .. } => {
                self.info.policy = None;
                self.info.device.clear();
                self.info.policy_problem.clone_from(reason);
            }
            PolicyEvent::Instruction(text) => {
                self.info.instruction.clone_from(text);
                self.info.policy_problem.clear();
            }
            PolicyEvent::InstructionRefused { text, reason } => {
                self.info.instruction.clone_from(text);
                self.info.policy_problem.clone_from(reason);
            }
            PolicyEvent::InferenceFailed(_) => return false,
        }
        true
    }
}

/// The event log's line for `event`.
pub(super) fn policy_notice(event: &PolicyEvent) -> Notice {
    let (level, text) = match event {
        PolicyEvent::Loading(name) => (Level::Info, format!("loading policy {name}")),
        PolicyEvent::Loaded(info) => {
            (Level::Good, format!("policy {} runs on {}", info.name, info.device))
        }
        PolicyEvent::LoadFailed { name, reason } => {
            (Level::Error, format!("policy {name} cannot be used: {reason}"))
        }
        PolicyEvent::Instruction(text) if text.is_empty() => {
            (Level::Info, "no instruction".to_owned())
        }
        PolicyEvent::Instruction(text) => (Level::Info, format!("instruction: {text}")),
        PolicyEvent::InstructionRefused { reason, .. } => (Level::Warn, reason.clone()),
        PolicyEvent::InferenceFailed(reason) => (Level::Error, reason.clone()),
    };
    Notice { at: clock::now(), level, text }
}

/// Who records, for every episode's own account of itself.
fn origin(config: &Config) -> Origin {
    let text = toml::to_string(config).unwrap_or_default();
    let robot = match config.base.port {
        Port::Sim => "simulated".to_owned(),
        Port::Line(_) => "mobile_base".to_owned(),
    };
    let hash = crc::Crc::<u64>::new(&crc::CRC_64_XZ).checksum(text.as_bytes());
    Origin {
        robot,
        station: format!("pilothouse {} config {hash:016x}", env!("CARGO_PKG_VERSION")),
        config: text,
    }
}

fn open_camera(config: &Config, sim: Option<&SimProcess>) -> OpenCamera {
    if let (Some(sim), Source::Sim) = (sim, &config.camera.source) {
        return Box::new(sim.camera());
    }
    let camera = config.camera.clone();
    Box::new(move || camera::open(&camera))
}

/// The names that can be chosen, each with its graph's sha256; empty where the manifest is damaged.
fn policies(models: &Path) -> BTreeMap<String, String> {
    let entries = match crate::policy::list(models) {
        Ok(entries) => entries,
        Err(error) => {
            tracing::warn!("cannot list the policies in {}: {error}", models.display());
            return BTreeMap::new();
        }
    };
    let graph = |entry: &Entry| {
        let manifest = entry.manifest.as_ref().ok()?;
        manifest.files.get(&manifest.graph).cloned()
    };
    entries
        .into_iter()
        .map(|entry| (entry.name.clone(), graph(&entry).unwrap_or_default()))
        .collect()
}

/// Loads on the policy's thread, where a download or a slow disk delays nobody who drives.
fn load_policy(config: &Config, models: Result<PathBuf, String>) -> LoadPolicy {
    let policy = config.policy.clone();
    let mut runtime: Option<Runtime> = None;
    Box::new(move |name| {
        let runtime = match &mut runtime {
            Some(runtime) => runtime,
            none => none.insert(load_runtime(&policy).map_err(|error| format!("{error:#}"))?),
        };
        let folder = models.as_ref().map_err(Clone::clone)?.join(name);
        OnnxPolicy::load(&folder, runtime, policy.device)
            .map(|policy| Box::new(policy) as Box<dyn Policy>)
            .map_err(|error| error.to_string())
    })
}

/// Loads ONNX Runtime as the configuration says; fetches it where it is not here.
pub(in crate::cli) fn load_runtime(policy: &crate::config::Policy) -> anyhow::Result<Runtime> {
    let library = find_or_fetch(policy)?;
    if let Err(error) = library.preload() {
        // The provider says in its own words what it misses; the CPU runs without.
        tracing::warn!("{error}");
    }
    Ok(Runtime::load(&library.path)?)
}

fn find_or_fetch(policy: &crate::config::Policy) -> anyhow::Result<Library> {
    let cache = library::cache_dir()?;
    let wants_gpu = matches!(policy.device, Device::Auto | Device::Cuda | Device::TensorRt);
    let search = Search {
        explicit: policy.library.clone(),
        cache: cache.clone(),
        prefer: if wants_gpu { Variant::Gpu } else { Variant::Cpu },
    };
    match library::find(&search) {
        Ok(found) => Ok(found),
        Err(error) if search.explicit.is_some() => Err(error.into()),
        Err(_) => {
            let request = library::Request { cache, variant: Variant::Cpu, from: None };
            library::install(&request, &mut |progress| tracing::info!("runtime: {progress:?}"))
                .context("ONNX Runtime is not here and could not be fetched")
        }
    }
}
