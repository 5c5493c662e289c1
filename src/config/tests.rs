use std::path::Path;

use toml::Table;

use super::load::{overlay, parse};
use super::*;

const DEFAULT: &str = include_str!("../../configs/default.toml");
const EXAMPLE: &str = include_str!("../../configs/robot-example.toml");

fn config(text: &str, flags: &Flags) -> Result<Config, String> {
    parse(Path::new("test.toml"), text)
        .and_then(|table| overlay(table, "test.toml", flags))
        .map_err(|error| error.to_string())
}

fn refusal(text: &str) -> String {
    config(text, &Flags::default()).unwrap_err()
}

#[test]
fn default_file_is_the_default() {
    // The file people read would otherwise tell them other values than the program uses.
    assert_eq!(config(DEFAULT, &Flags::default()), Ok(Config::default()));
    assert_eq!(config("", &Flags::default()), Ok(Config::default()));
}

#[test]
fn both_files_hold_every_key() {
    // A key that no file shows is a key nobody finds.
    for (file, text) in [("default", DEFAULT), ("robot-example", EXAMPLE)] {
        for (section, keys) in rules::known_keys() {
            let body = text.split(&format!("[{section}]\n")).nth(1);
            let body = body.and_then(|body| body.split("\n[").next()).unwrap_or_default();
            for key in keys.as_table().unwrap().keys() {
                let is_there = body.lines().any(|line| {
                    line.trim_start_matches("# ").split_once(" = ").is_some_and(|(k, _)| k == key)
                });
                assert!(is_there, "{file}.toml lacks {section}.{key}");
            }
        }
    }
}

#[test]
fn example_is_a_real_robot() {
    // The example a newcomer copies must load as it stands.
    let config = config(EXAMPLE, &Flags::default()).unwrap();
    assert_eq!(config.base.port.to_string(), "/dev/ttyUSB0");
    assert!(!config.is_camera_simulated());
}

#[test]
fn every_number_has_a_range_that_its_default_is_in() {
    // A number without a range could be set to what the robot cannot survive.
    let known = rules::known_keys();
    let mut n_numbers = 0;
    for (section, keys) in &known {
        for (key, value) in keys.as_table().unwrap() {
            let number = value.as_float().or_else(|| value.as_integer().map(|n| n as f64));
            if let Some(number) = number {
                let name = format!("{section}.{key}");
                let range = rules::RANGES.iter().find(|(key, ..)| *key == name);
                assert!(range.is_some_and(|(_, range, _)| range.contains(&number)), "{name}");
                n_numbers += 1;
            }
        }
    }
    assert_eq!(n_numbers, rules::RANGES.len());
}

#[test]
fn flags_stand_over_the_file_and_the_file_over_the_default() {
    // The other way round a flag typed in haste would be ignored.
    let flags = Flags {
        camera: Some("usb:1".to_owned()),
        seed: Some(7),
        set: vec!["safety.linear_mps=0.45".to_owned(), "policy.name=other".to_owned()],
        ..Flags::default()
    };
    let text = "[sim]\nseed = 3\n[camera]\nrate = 15\nsource = \"pattern\"\n\
                [control]\nmax_linear_mps = 0.3\n";
    let config = config(text, &flags).unwrap();
    assert_eq!(config.camera.source.to_string(), "usb:1");
    assert_eq!((config.camera.rate, config.sim.seed), (15, 7));
    assert_eq!(config.policy.name, "other");
    assert!((config.safety.linear_mps - 0.45).abs() < 1e-12);
    assert_eq!(config.teleop, teleop::Config::default());
}

#[test]
fn unknown_keys_name_the_nearest() {
    // A misspelt limit that is silently ignored leaves the robot faster than its owner believes.
    for (text, wanted) in [
        ("[camera]\nwidht = 1", "camera.widht: unknown key; did you mean camera.width?"),
        ("[saftey]\n", "saftey: unknown key; did you mean safety?"),
        ("width = 640", "width: unknown key; did you mean camera.width?"),
        ("[camera]\nbaud = 9600", "camera.baud: unknown key; did you mean base.baud?"),
        ("[log]\nqqqqqqqq = 1", "known here: log.level"),
    ] {
        let refusal = refusal(text);
        assert!(refusal.contains(wanted), "{text:?}: {refusal}");
    }
}

#[test]
fn wrong_values_name_key_value_and_what_is_allowed() {
    // "invalid configuration" alone sends people searching.
    for (text, wanted) in [
        ("[camera]\nrate = 500", "camera.rate: 500 is out of range: 1 to 240 frames/s"),
        ("[safety]\nlinear_mps = -1", "safety.linear_mps: -1 is out of range: 0.05 to 3 m/s"),
        ("[safety]\nlinear_mps = nan", "safety.linear_mps: nan is out of range"),
        ("[teleop]\nceiling_percent = 300", "teleop.ceiling_percent: 300 is out of range"),
        ("[camera]\nwidth = \"wide\"", "camera.width: \"wide\" does not fit: invalid type: string"),
        ("[camera]\nwidth = 640.5", "camera.width: 640.5 does not fit"),
        ("[policy]\ndevice = \"gpu\"", "policy.device: \"gpu\" does not fit: unknown variant"),
        ("[base]\nport = \"\"", "base.port: \"\" does not fit: \"\" names no port"),
        ("camera = 1", "camera: is a section"),
        ("[camera.width]\n", "camera.width: takes a value"),
        ("[control]\nmax_linear_mps = 0.8", "is over safety.linear_mps, 0.5 m/s"),
        ("[control]\nmax_angular_rps = 1.1", "is over safety.angular_rps, 1 rad/s"),
        ("[control]\nmax_linear_mps = 0.1", "control.blind_mps: 0.2 m/s is over"),
        ("[base]\nport = \"/dev/ttyUSB0\"", "camera.source: the simulated camera sees only"),
        ("[sim]\nscenario = \"opne\"", "no scenario \"opne\"; did you mean open?"),
        ("[policy]\nname = \"a/b\"", "policy.name: \"a/b\" is no folder's name"),
        ("[camera\n", "is not TOML"),
    ] {
        let refusal = refusal(text);
        assert!(refusal.contains(wanted), "{text:?}: {refusal}");
        assert!(refusal.contains("test.toml"), "{refusal}");
    }
}

#[test]
fn all_mistakes_come_at_once() {
    // One mistake a start is a bad morning.
    let refusal = refusal("[camera]\nrate = 0\nwidht = 3\n[sim]\nseed = -1\n");
    for key in ["camera.rate", "camera.widht", "sim.seed"] {
        assert!(refusal.contains(key), "{refusal}");
    }
}

#[test]
fn bad_flags_are_named() {
    // A flag that does not do what it says must stop the start.
    for (set, wanted) in [
        ("safety.linear_mps", "expected KEY=VALUE"),
        ("safety.speed=1", "command line:\n  safety.speed: unknown key"),
        ("safety.linear_mps=99", "99 is out of range"),
        ("=1", "expected KEY=VALUE"),
    ] {
        let flags = Flags { set: vec![set.to_owned()], ..Flags::default() };
        let refusal = config("", &flags).unwrap_err();
        assert!(refusal.contains(wanted), "{set}: {refusal}");
    }
    let flags = Flags { port: Some("/dev/ttyACM0".to_owned()), ..Flags::default() };
    assert!(config("", &flags).unwrap_err().contains("name a camera"));
}

#[test]
fn a_missing_file_is_named() {
    // A typing error in the path must not start the simulated robot instead.
    let flags = Flags { config: Some("no/such.toml".into()), ..Flags::default() };
    let error = load(&flags).unwrap_err().to_string();
    assert!(error.contains("no/such.toml") && error.contains("--config"), "{error}");
}

#[test]
fn written_out_it_reads_back() {
    // `Config` is stored beside recordings: what is written must mean the same.
    let mut config = config(EXAMPLE, &Flags::default()).unwrap();
    config.policy.library = Some("lib".into());
    let text = toml::to_string(&config).unwrap();
    assert_eq!(text.parse::<Table>().unwrap().try_into(), Ok(config));
}
