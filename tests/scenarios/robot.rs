//! The robot: the station's and the device's end of the native protocol, a wire between them, and
//! wheels that follow at once.

use std::mem;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use pilothouse::base::native::{Body, NativeBase, Packet, encode};
use pilothouse::base::{Base, Line, Written};
use pilothouse::msg::{BaseReport, Kinematics, LinkState, Stamp, StopKind, Twist};
use pilothouse::safety::SafeTwist;
use pilothouse::sim::firmware::{DeviceState, Firmware, FirmwareConfig};

use crate::rig::{BaseAct, PERIOD};

const WATCHDOG: Duration = Duration::from_millis(200);

#[derive(Debug)]
pub(crate) struct Robot {
    station: NativeBase<Wire>,
    wire: Wire,
    firmware: Firmware,
    /// How much further the robot's time went than the station's.
    ahead: Duration,
}

/// Both directions; the station's end is its [`Line`].
#[derive(Clone, Debug, Default)]
struct Wire(Arc<Mutex<Ends>>);

#[derive(Debug, Default)]
struct Ends {
    is_open: bool,
    generation: u32,
    blocked_since: Option<Stamp>,
    to_robot: Vec<u8>,
    to_station: Vec<u8>,
}

fn firmware(watchdog: Duration) -> Firmware {
    Firmware::new(FirmwareConfig {
        name: "rig".to_owned(),
        kinematics: Kinematics::Omni,
        limits: Twist::new(1.0, 1.0, 3.0),
        watchdog,
    })
}

impl Robot {
    /// Shortly before `now`, with the handshake done.
    pub(crate) fn connected(now: Stamp) -> Self {
        let wire = Wire::default();
        wire.ends().is_open = true;
        let mut robot = Self {
            station: NativeBase::new(wire.clone()),
            wire,
            firmware: firmware(WATCHDOG),
            ahead: Duration::ZERO,
        };
        for n in (0..10).rev() {
            let at = now - PERIOD * n;
            robot.poll(at);
            robot.obey(SafeTwist::ZERO, None, at);
        }
        assert_eq!(robot.poll(now).link, LinkState::Up);
        robot
    }

    /// What the robot says, and what the station makes of it.
    pub(crate) fn poll(&mut self, now: Stamp) -> BaseReport {
        let state = DeviceState { twist: self.velocity(now), ..DeviceState::default() };
        let device_now = now + self.ahead;
        let mut answer = Vec::new();
        self.firmware.transmit(&state, device_now, &mut answer);
        let mut ends = self.wire.ends();
        if ends.is_open {
            ends.to_station.extend(answer);
        }
        drop(ends);
        *self.station.poll(now)
    }

    pub(crate) fn obey(&mut self, command: SafeTwist, stop: Option<StopKind>, now: Stamp) {
        if let Some(kind) = stop {
            self.station.stop(kind, now);
        }
        self.station.send(command, now);
        let mut ends = self.wire.ends();
        if ends.is_open && ends.blocked_since.is_none() {
            let bytes = mem::take(&mut ends.to_robot);
            self.firmware.receive(&bytes, now + self.ahead);
        }
    }

    /// The station sleeps, the robot does not.
    pub(crate) fn goes_on_alone(&mut self, span: Duration) {
        self.ahead += span;
    }

    pub(crate) fn velocity(&self, now: Stamp) -> Twist {
        self.firmware.setpoint(now + self.ahead)
    }

    pub(crate) fn happens(&mut self, act: BaseAct, now: Stamp) {
        let mut ends = self.wire.ends();
        ends.blocked_since = (act == BaseAct::Block).then_some(now);
        match act {
            BaseAct::Unplug => ends.set_open(false),
            BaseAct::Plug => ends.set_open(true),
            BaseAct::Restart => self.firmware = firmware(WATCHDOG),
            BaseAct::Lazy => self.firmware = firmware(WATCHDOG * 3),
            BaseAct::Latch => {
                let body = Body::Stop { kind: StopKind::EStop, request: 0 };
                let button = encode(&Packet { session: 0, sequence: 0, body });
                self.firmware.receive(&button, now + self.ahead);
            }
            BaseAct::Run | BaseAct::Mute | BaseAct::Block | BaseAct::Deaf | BaseAct::Fault => {}
        }
        self.firmware.set_silent(act == BaseAct::Mute);
        self.firmware.set_acknowledging(act != BaseAct::Deaf);
        self.firmware.set_fault_bits(u16::from(act == BaseAct::Fault));
    }
}

impl Ends {
    fn set_open(&mut self, is_open: bool) {
        self.is_open = is_open;
        self.generation += u32::from(is_open);
        self.to_robot.clear();
        self.to_station.clear();
    }
}

impl Wire {
    fn ends(&self) -> MutexGuard<'_, Ends> {
        self.0.lock().expect("nobody panicked")
    }
}

impl Line for Wire {
    fn is_open(&self) -> bool {
        self.ends().is_open
    }

    fn generation(&self) -> u32 {
        self.ends().generation
    }

    fn write(&mut self, bytes: &[u8]) -> Written {
        let mut ends = self.ends();
        if !ends.is_open {
            return Written::Down;
        }
        if ends.blocked_since.is_some() {
            ends.to_robot.clear();
        }
        ends.to_robot.extend(bytes);
        Written::Taken
    }

    fn blocked_since(&self) -> Option<Stamp> {
        self.ends().blocked_since
    }

    fn read(&mut self, buffer: &mut [u8]) -> usize {
        let mut ends = self.ends();
        let count = ends.to_station.len().min(buffer.len());
        buffer[..count].copy_from_slice(&ends.to_station[..count]);
        ends.to_station.drain(..count);
        count
    }
}
