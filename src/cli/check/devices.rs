//! Cameras, the base's port, the gamepad.

use std::time::Duration;

use crate::base::ports::{self, Access, PortAddress, PortInfo};
use crate::camera::{self, Selector, Source};
use crate::config::{Config, Port};
use crate::msg::Frame;
use crate::runtime::clock;
use crate::teleop::Gamepad;

use super::report::Finding;

/// Pads that are plugged in are known by then.
const PAD_WAIT: Duration = Duration::from_millis(200);

/// The configured camera, really opened; then what else is attached.
pub(super) fn cameras(config: &Config) -> Vec<Finding> {
    let mut found = vec![configured_camera(config)];
    let is_usb = matches!(config.camera.source, Source::Usb(_));
    match camera::list() {
        Ok(cameras) if cameras.is_empty() && !is_usb => {
            found.push(Finding::note("camera", "none is attached to this computer"));
        }
        Ok(cameras) => found.extend(cameras.iter().map(|one| match &one.problem {
            Some(problem) => Finding::note("camera", format!("{one}: {problem}")),
            None => Finding::note("camera", one.to_string()),
        })),
        Err(error) => found.push(Finding::note("camera", error.to_string())),
    }
    found
}

fn configured_camera(config: &Config) -> Finding {
    let source = &config.camera.source;
    if *source == Source::Sim {
        return Finding::good("camera", "the simulated robot's own");
    }
    let start = clock::now();
    match first_picture(&config.camera) {
        Ok(text) => {
            let ms = clock::now().since(start).as_millis();
            Finding::good("camera", format!("{source}: {text}, first picture after {ms} ms"))
        }
        Err(error) => {
            let todo = match source {
                Source::Usb(Selector::First) => "plug one in, or name another with --camera",
                _ => "name one of the cameras below with --camera",
            };
            Finding::bad("camera", error.to_string(), todo)
        }
    }
}

fn first_picture(config: &camera::Config) -> Result<String, camera::CameraError> {
    let mut camera = camera::open(config)?;
    let mut frame = Frame::default();
    camera.grab()?;
    camera.retrieve(&mut frame)?;
    let info = camera.info();
    Ok(format!("{} {}x{} {}", info.name, frame.width, frame.height, info.format))
}

/// The configured base's port; then what else there is. Opens none.
pub(super) fn base(config: &Config) -> Vec<Finding> {
    let listed = ports::list();
    let ports = listed.as_deref().unwrap_or_default();
    let mut found =
        vec![judge_base(&config.base.port, ports, |path| std::fs::metadata(path).is_ok())];
    if let Err(error) = &listed {
        found.push(Finding::note("base", error.to_string()));
    }
    found.extend(ports.iter().map(|port| Finding::note("base", describe(port))));
    found
}

fn judge_base(wanted: &Port, ports: &[PortInfo], exists: impl Fn(&str) -> bool) -> Finding {
    let address = match wanted {
        Port::Sim => return Finding::good("base", "the simulated robot"),
        Port::Line(address) => address,
    };
    let fits = |port: &&PortInfo| match address {
        PortAddress::Path(path) => port.path == *path,
        PortAddress::Usb(id) => port.usb.as_ref().is_some_and(|usb| id.fits(&usb.id)),
        PortAddress::Tcp(_) => false,
    };
    let fitting: Vec<_> = ports.iter().filter(fits).collect();
    match (address, fitting.as_slice()) {
        (PortAddress::Tcp(host), _) => {
            Finding::note("base", format!("{host} is tried only when the station starts"))
        }
        (_, [port]) => match &port.access {
            Access::Denied { remedy } => {
                Finding::bad("base", format!("{}: may not be opened", describe(port)), remedy)
            }
            Access::Allowed | Access::Unknown => Finding::good("base", describe(port)),
        },
        (PortAddress::Path(path), []) if exists(path) => {
            Finding::good("base", format!("{path} (the system does not say what is on it)"))
        }
        (_, []) => Finding::bad(
            "base",
            format!("{address} is not there"),
            "plug it in and switch it on, or name one of the ports below with --port",
        ),
        (_, _) => Finding::bad(
            "base",
            format!("{address} fits {} ports", fitting.len()),
            "add the serial number, as in usb:VID:PID:SERIAL, or give its path",
        ),
    }
}

fn describe(port: &PortInfo) -> String {
    let Some(usb) = &port.usb else { return port.path.clone() };
    let words = [usb.manufacturer.as_deref(), usb.product.as_deref()];
    let name = words.into_iter().flatten().collect::<Vec<_>>().join(" ");
    format!("{} {} {name}", port.path, PortAddress::Usb(usb.id.clone())).trim_end().to_owned()
}

/// Whether a gamepad is there; never needed.
pub(super) fn gamepad(config: &Config) -> Vec<Finding> {
    if !config.teleop.gamepad {
        return vec![Finding::note("gamepad", "not looked for (teleop.gamepad = false)")];
    }
    vec![match Gamepad::open(&config.teleop) {
        Ok(mut pad) => {
            clock::sleep(PAD_WAIT);
            let state = pad.poll();
            if state.connected {
                Finding::good("gamepad", state.name.clone())
            } else {
                Finding::note("gamepad", "none is connected")
            }
        }
        Err(error) => Finding::note("gamepad", error.to_string()),
    }]
}

#[cfg(test)]
mod tests {
    use super::super::report::State;
    use super::*;
    use crate::base::ports::{UsbId, UsbPort};

    fn port(path: &str, serial: &str, access: Access) -> PortInfo {
        PortInfo {
            path: path.to_owned(),
            usb: Some(UsbPort {
                id: UsbId { vid: 0x0403, pid: 0x6001, serial: Some(serial.to_owned()) },
                manufacturer: Some("FTDI".to_owned()),
                product: None,
            }),
            access,
        }
    }

    #[test]
    fn base_port_is_judged_by_what_is_there() {
        // A base that is called good and is not there costs the first minutes in the field.
        let denied = Access::Denied { remedy: "join dialout".to_owned() };
        let two = [port("/dev/ttyUSB0", "A", Access::Allowed), port("/dev/ttyUSB1", "B", denied)];
        for (wanted, state, part) in [
            ("sim", State::Good, "simulated"),
            ("/dev/ttyUSB0", State::Good, "usb:0403:6001:A FTDI"),
            ("/dev/ttyUSB1", State::Bad, "may not be opened"),
            ("/dev/ttyACM0", State::Bad, "is not there"),
            ("/dev/pts/7", State::Good, "does not say"),
            ("usb:0403:6001:A", State::Good, "/dev/ttyUSB0"),
            ("usb:0403:6001", State::Bad, "fits 2 ports"),
            ("usb:1111:2222", State::Bad, "is not there"),
            ("tcp://robot:4000", State::Note, "robot:4000"),
        ] {
            let found = judge_base(&wanted.parse().unwrap(), &two, |path| path == "/dev/pts/7");
            assert_eq!(found.state, state, "{wanted}: {found:?}");
            assert!(found.text.contains(part), "{wanted}: {found:?}");
            assert_eq!(found.state == State::Bad, !found.todo.is_empty(), "{found:?}");
        }
    }

    #[test]
    fn a_camera_that_is_not_there_is_bad_and_a_pattern_is_good() {
        // The picture is needed; without it the station must not be called ready.
        let mut config = Config::default();
        config.camera.source = Source::Path("no/such/film.mp4".into());
        assert_eq!(configured_camera(&config).state, State::Bad);
        config.camera.source = Source::Pattern;
        let found = configured_camera(&config);
        assert_eq!(found.state, State::Good, "{found:?}");
        assert!(found.text.contains("640x480"), "{found:?}");
    }
}
