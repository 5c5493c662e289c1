//! Runs every `tests/scenarios/*.toml`: timed keys and mishaps on a manual clock, and what must
//! come of them.
//!
//! A scenario names every change of mode; one that is missing, or that is not named, fails it. All
//! times are in seconds since its start, at 50 ticks a second; what is done `at` a time is seen by
//! the first tick at or after it.

#[path = "scenarios/properties.rs"]
mod properties;
#[path = "scenarios/rig.rs"]
mod rig;
#[path = "scenarios/robot.rs"]
mod robot;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use pilothouse::msg::{Authority, Fault, FaultSet, InputMode, Limiter, Mode, Tick, Twist};
use rig::{Act, Rig, seconds};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Scenario {
    seconds: f64,
    /// `hold` or `nudge`.
    #[serde(default = "hold")]
    input: InputMode,
    /// Every mode and the time of its first tick.
    modes: Vec<(f64, Mode)>,
    #[serde(rename = "do", default)]
    acts: Vec<Timed>,
    #[serde(default)]
    expect: Vec<Expect>,
}

#[derive(Debug, Deserialize)]
struct Timed {
    at: f64,
    #[serde(flatten)]
    act: Act,
}

/// What holds in one tick (`at`), or in each tick from `from` to `to`, both included.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    at: Option<f64>,
    from: Option<f64>,
    to: Option<f64>,
    /// Command sent: m/s, m/s, rad/s.
    sent: Option<[f64; 3]>,
    /// What the sent numbers may differ by.
    #[serde(default = "tolerance")]
    tolerance: f64,
    /// Speed of the command at most, m/s.
    speed_max: Option<f64>,
    speed_min: Option<f64>,
    /// Speed of the wheels at most, m/s.
    robot_speed_max: Option<f64>,
    authority: Option<Authority>,
    limiter: Option<Limiter>,
    epoch: Option<u64>,
    ceiling_mps: Option<f64>,
    /// Among the faults of the tick.
    faults: Option<Vec<Fault>>,
    /// Not among them.
    faults_not: Option<Vec<Fault>>,
    /// Exactly the reasons of the last refusal.
    refused: Option<Vec<Fault>>,
    reset_armed: Option<bool>,
}

const fn hold() -> InputMode {
    InputMode::Hold
}

const fn tolerance() -> f64 {
    1e-6
}

/// A tick and what the wheels did.
#[derive(Debug)]
struct Seen {
    tick: Tick,
    robot: Twist,
}

#[test]
fn every_scenario_ends_as_written() {
    // The header of each file says what would be broken.
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut paths: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ext| ext == "toml"));
    paths.sort();
    assert!(paths.len() >= 14, "the scenarios are gone");
    let mut report = String::new();
    for path in &paths {
        let text = fs::read_to_string(path).unwrap();
        let name = path.file_stem().unwrap().to_string_lossy();
        if !text.starts_with("# ") {
            writeln!(report, "{name}: no header that says what would be broken").unwrap();
        }
        match toml::from_str::<Scenario>(&text) {
            Ok(scenario) => judge(&name, &scenario, &mut report),
            Err(error) => writeln!(report, "{name}: {error}").unwrap(),
        }
    }
    assert!(report.is_empty(), "\n{report}");
}

fn judge(name: &str, scenario: &Scenario, report: &mut String) {
    let seen = run(scenario);
    let ticks: Vec<Tick> = seen.iter().map(|seen| seen.tick).collect();
    rig::assert_replays(&ticks);
    let modes = changes(&ticks);
    let is_same = |a: &(f64, Mode), b: &(f64, Mode)| (a.0 - b.0).abs() < 0.001 && a.1 == b.1;
    let all_same = modes.len() == scenario.modes.len()
        && modes.iter().zip(&scenario.modes).all(|(got, wanted)| is_same(got, wanted));
    if !all_same {
        writeln!(report, "{name}: modes {modes:.2?}\n  not {:.2?}", scenario.modes)
            .expect("a string takes all");
    }
    for expect in &scenario.expect {
        let (from, to) = match (expect.at, expect.from, expect.to) {
            (Some(at), None, None) => (at, at),
            (None, Some(from), Some(to)) => (from, to),
            _ => panic!("{name}: expect either `at`, or `from` and `to`"),
        };
        let within = |seen: &&Seen| {
            let at = seconds(&seen.tick);
            at > from - 0.001 && at < to + 0.001
        };
        let mut n_ticks = 0;
        for seen in seen.iter().filter(within) {
            n_ticks += 1;
            for complaint in complaints(expect, seen) {
                let at = seconds(&seen.tick);
                writeln!(report, "{name}: at {at:.2} in {:?}: {complaint}", seen.tick.mode)
                    .expect("a string takes all");
            }
        }
        if n_ticks == 0 {
            writeln!(report, "{name}: no tick from {from} to {to}").expect("a string takes all");
        }
    }
}

fn run(scenario: &Scenario) -> Vec<Seen> {
    let mut rig = Rig::new(scenario.input);
    let mut acts: Vec<&Timed> = scenario.acts.iter().collect();
    acts.sort_by(|a, b| a.at.total_cmp(&b.at));
    let mut acts = acts.into_iter().peekable();
    let mut seen: Vec<Seen> = Vec::new();
    let mut at = 0.0;
    while at < scenario.seconds {
        let next_tick = at + rig::PERIOD.as_secs_f64();
        while let Some(timed) = acts.next_if(|timed| timed.at <= next_tick + 0.001) {
            rig.act(&timed.act);
        }
        let tick = rig.tick();
        at = seconds(&tick);
        seen.push(Seen { tick, robot: rig.robot_twist() });
    }
    assert!(acts.next().is_none(), "something is done after the end");
    seen
}

/// The first mode and every change of it.
fn changes(ticks: &[Tick]) -> Vec<(f64, Mode)> {
    let mut modes: Vec<(f64, Mode)> = Vec::new();
    for tick in ticks {
        if modes.last().is_none_or(|&(_, mode)| mode != tick.mode) {
            modes.push((seconds(tick), tick.mode));
        }
    }
    modes
}

/// What of `expect` does not hold.
fn complaints(expect: &Expect, seen: &Seen) -> Vec<String> {
    let tick = &seen.tick;
    let mut found = Vec::new();
    let mut check = |is_good: bool, what: &str, got: &dyn std::fmt::Debug| {
        if !is_good {
            found.push(format!("{what} is {got:?}"));
        }
    };
    let sent = tick.sent;
    if let Some([x, y, yaw]) = expect.sent {
        let near = |a: f64, b: f64| (a - b).abs() <= expect.tolerance;
        let is_near = near(sent.linear_x, x) && near(sent.linear_y, y) && near(sent.angular_z, yaw);
        check(is_near, "sent", &sent);
    }
    if let Some(most) = expect.speed_max {
        let is_still = most > 0.0 || sent.is_zero();
        check(sent.speed_mps() <= most + 1e-9 && is_still, "sent", &sent);
    }
    if let Some(least) = expect.speed_min {
        check(sent.speed_mps() >= least, "sent", &sent);
    }
    if let Some(most) = expect.robot_speed_max {
        check(seen.robot.speed_mps() <= most + 1e-9, "robot", &seen.robot);
    }
    let set =
        |faults: &Option<Vec<Fault>>| -> FaultSet { faults.iter().flatten().copied().collect() };
    let names = |faults: FaultSet| -> Vec<Fault> { faults.iter().collect() };
    check(set(&expect.faults).minus(tick.faults).is_empty(), "faults", &names(tick.faults));
    let unwanted = set(&expect.faults_not);
    check(unwanted.minus(tick.faults) == unwanted, "faults", &names(tick.faults));
    let equal =
        |wanted: Option<f64>, got: f64| wanted.is_none_or(|wanted| (wanted - got).abs() < 1e-9);
    check(equal(expect.ceiling_mps, tick.ceiling_mps), "ceiling", &tick.ceiling_mps);
    check(expect.authority.is_none_or(|it| it == tick.authority), "authority", &tick.authority);
    check(expect.limiter.is_none_or(|it| it == tick.limiter), "limiter", &tick.limiter);
    check(expect.epoch.is_none_or(|it| it == tick.epoch), "epoch", &tick.epoch);
    let is_refused = expect.refused.is_none() || set(&expect.refused) == tick.refused;
    check(is_refused, "refused", &names(tick.refused));
    let armed = tick.reset_armed_until;
    check(expect.reset_armed.is_none_or(|it| it == armed.is_some()), "reset armed", &armed);
    found
}
