//! What a configuration may hold: the known keys, the range of each number, and the rules between
//! values.

use std::ops::RangeInclusive;

use toml::{Table, Value};

use crate::{camera, sim};

use super::{Config, Port, Problem};

/// The allowed range of every number, and its unit.
pub(super) const RANGES: &[(&str, RangeInclusive<f64>, &str)] = &[
    ("base.baud", 1_200.0..=4_000_000.0, "bits/s"),
    ("camera.width", 16.0..=7_680.0, "pixels"),
    ("camera.height", 16.0..=4_320.0, "pixels"),
    ("camera.rate", 1.0..=240.0, "frames/s"),
    ("camera.height_m", 0.05..=3.0, "m"),
    ("camera.tilt_deg", -60.0..=80.0, "degrees"),
    ("camera.hfov_deg", 20.0..=170.0, "degrees"),
    ("sim.seed", 0.0..=4_294_967_295.0, ""),
    ("control.max_linear_mps", 0.05..=3.0, "m/s"),
    ("control.max_angular_rps", 0.1..=6.0, "rad/s"),
    ("control.blind_mps", 0.0..=0.5, "m/s"),
    ("safety.linear_mps", 0.05..=3.0, "m/s"),
    ("safety.angular_rps", 0.1..=6.0, "rad/s"),
    ("safety.linear_accel_mps2", 0.1..=10.0, "m/s²"),
    ("safety.linear_decel_mps2", 0.5..=20.0, "m/s²"),
    ("safety.angular_accel_rps2", 0.1..=50.0, "rad/s²"),
    ("safety.angular_decel_rps2", 0.5..=100.0, "rad/s²"),
    ("teleop.ceiling_percent", 10.0..=100.0, "percent"),
    ("teleop.gamepad_dead_zone", 0.0..=0.5, ""),
    ("record.fps", 0.0..=120.0, "rows/s"),
    ("record.gop", 1.0..=30.0, "pictures"),
    ("record.qp", 12.0..=45.0, ""),
    ("record.episodes", 0.0..=10_000.0, "episodes"),
    ("record.episode_s", 0.0..=3_600.0, "s"),
    ("record.pause_s", 0.0..=600.0, "s"),
];

/// Every key, with a value of its kind; optional ones included.
pub(super) fn known_keys() -> Table {
    let mut config = Config::default();
    config.camera.format = Some(camera::PixelFormat::Yuyv);
    config.policy.models = Some("models".into());
    config.policy.library = Some("libonnxruntime.so".into());
    Table::try_from(config).unwrap_or_default()
}

/// Unknown keys, wrong kinds and numbers out of range in one file or in the flags.
pub(super) fn check_table(table: &Table) -> Vec<Problem> {
    let known = known_keys();
    let mut problems = Vec::new();
    check_section(table, &known, "", &known, &mut problems);
    problems
}

/// What only several values together show.
pub(super) fn check_config(config: &Config) -> Vec<Problem> {
    let rules = [
        validate_top_speed,
        validate_turning_speed,
        validate_blind_speed,
        validate_camera_has_world,
        validate_scenario,
        validate_policy_name,
        validate_dataset_name,
    ];
    rules.iter().filter_map(|rule| rule(config)).collect()
}

fn check_section(
    table: &Table,
    known: &Table,
    path: &str,
    all: &Table,
    problems: &mut Vec<Problem>,
) {
    for (name, value) in table {
        let key = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        let text = match (known.get(name), value) {
            (None, _) => Some(format!("unknown key; {}", suggest(name, known, path, all))),
            (Some(Value::Table(known)), Value::Table(inner)) => {
                check_section(inner, known, &key, all, problems);
                None
            }
            (Some(Value::Table(_)), _) => {
                Some(format!("is a section: write [{key}] on a line of its own"))
            }
            (Some(_), Value::Table(_)) => Some("takes a value; it is no section".to_owned()),
            (Some(_), value) => out_of_range(&key, value).or_else(|| wrong_kind(&key, value)),
        };
        problems.extend(text.map(|text| Problem { key, text }));
    }
}

fn out_of_range(key: &str, value: &Value) -> Option<String> {
    let (_, range, unit) = RANGES.iter().find(|(name, ..)| *name == key)?;
    let number = match value {
        Value::Integer(number) => *number as f64,
        Value::Float(number) => *number,
        _ => return None,
    };
    if range.contains(&number) {
        return None;
    }
    let unit = if unit.is_empty() { String::new() } else { format!(" {unit}") };
    Some(format!("{value} is out of range: {} to {}{unit}", range.start(), range.end()))
}

/// The value alone in an otherwise default configuration, so that the refusal is about this key.
fn wrong_kind(key: &str, value: &Value) -> Option<String> {
    let mut table = Table::new();
    let mut parts = key.rsplit('.');
    table.insert(parts.next()?.to_owned(), value.clone());
    for part in parts {
        table = Table::from_iter([(part.to_owned(), Value::Table(table))]);
    }
    let refusal = Value::Table(table).try_into::<Config>().err()?;
    Some(format!("{value} does not fit: {}", refusal.message()))
}

/// The nearest key of the same section, else the same key elsewhere, else all there are.
fn suggest(name: &str, section: &Table, path: &str, all: &Table) -> String {
    let dotted = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    if let Some(key) = nearest(name, section.keys().map(String::as_str)) {
        return format!("did you mean {}?", dotted(key));
    }
    let elsewhere = all.iter().find_map(|(other, inner)| {
        let keys = inner.as_table()?.keys().map(String::as_str);
        nearest(name, keys).map(|key| format!("did you mean {other}.{key}?"))
    });
    elsewhere.unwrap_or_else(|| {
        let keys: Vec<_> = section.keys().map(|key| dotted(key)).collect();
        format!("known here: {}", keys.join(", "))
    })
}

/// The most similar word, where one is similar at all.
pub(super) fn nearest<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let most = name.chars().count().max(3) / 3;
    candidates
        .into_iter()
        .map(|word| (strsim::damerau_levenshtein(name, word), word))
        .filter(|(distance, _)| *distance <= most)
        .min()
        .map(|(_, word)| word)
}

fn unless(is_fine: bool, key: &str, text: impl FnOnce() -> String) -> Option<Problem> {
    (!is_fine).then(|| Problem { key: key.to_owned(), text: text() })
}

fn validate_top_speed(config: &Config) -> Option<Problem> {
    let (wanted, limit) = (config.control.max_linear_mps, config.safety.linear_mps);
    unless(wanted <= limit, "control.max_linear_mps", || {
        format!("{wanted} m/s is over safety.linear_mps, {limit} m/s: lower it or raise that")
    })
}

fn validate_turning_speed(config: &Config) -> Option<Problem> {
    let (wanted, limit) = (config.control.max_angular_rps, config.safety.angular_rps);
    unless(wanted <= limit, "control.max_angular_rps", || {
        format!("{wanted} rad/s is over safety.angular_rps, {limit} rad/s: lower it or raise that")
    })
}

fn validate_blind_speed(config: &Config) -> Option<Problem> {
    let (blind, top) = (config.control.blind_mps, config.control.max_linear_mps);
    unless(blind <= top, "control.blind_mps", || {
        format!("{blind} m/s is over control.max_linear_mps, {top} m/s: lower it")
    })
}

fn validate_camera_has_world(config: &Config) -> Option<Problem> {
    let port = &config.base.port;
    let is_fine = !config.is_camera_simulated() || *port == Port::Sim;
    unless(is_fine, "camera.source", || {
        format!(
            "the simulated camera sees only the simulated robot, but base.port is {port}: \
             name a camera, as in usb"
        )
    })
}

fn validate_scenario(config: &Config) -> Option<Problem> {
    let names = || sim::scenario::EMBEDDED.iter().map(|(name, _)| *name);
    let wanted = config.sim.scenario.as_str();
    unless(names().any(|name| name == wanted), "sim.scenario", || {
        let hint = nearest(wanted, names()).map_or_else(
            || format!("there are {}", names().collect::<Vec<_>>().join(", ")),
            |name| format!("did you mean {name}?"),
        );
        format!("no scenario {wanted:?}; {hint}")
    })
}

fn validate_dataset_name(config: &Config) -> Option<Problem> {
    let name = config.record.dataset.as_str();
    let is_plain = !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\', '\0']);
    unless(is_plain, "record.dataset", || {
        format!("{name:?} is no folder's name; the folder around it is record.folder")
    })
}

fn validate_policy_name(config: &Config) -> Option<Problem> {
    let name = config.policy.name.as_str();
    let is_plain = !name.starts_with('.') && !name.contains(['/', '\\', '\0']);
    unless(is_plain, "policy.name", || {
        format!("{name:?} is no folder's name; the folder around it is policy.models")
    })
}
