//! The device end of the native protocol: what a robot's firmware does, without a port, a clock or
//! a motor.
//!
//! It follows "What the base does" in [`crate::base::native`]; the simulator puts it behind a pty,
//! tests drive it by hand.

use std::time::Duration;

use crate::base::native::{
    Ack, Body, Decoder, MAJOR, MINOR, Packet, Telemetry, Text, Welcome, encode,
};
use crate::msg::{Battery, Kinematics, Stamp, StopKind, Twist};

const TELEMETRY_PERIOD: Duration = Duration::from_millis(20);

/// What a base is, told in its WELCOME.
#[derive(Clone, Debug, PartialEq)]
pub struct FirmwareConfig {
    /// At most 24 bytes; longer is cut.
    pub name: String,
    pub kinematics: Kinematics,
    /// Largest magnitude of each axis, m/s and rad/s.
    pub limits: Twist,
    /// Stands after this long without a command; zero is no watchdog.
    pub watchdog: Duration,
}

/// What the machine measures, for telemetry.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct DeviceState {
    /// m, m, rad in the frame where the base started.
    pub pose: [f64; 3],
    pub twist: Twist,
    pub battery: Option<Battery>,
    pub fault_bits: u16,
    /// The device's own measured control period.
    pub loop_time: Duration,
}

/// Firmware of one base.
#[derive(Clone, Debug)]
pub struct Firmware {
    config: FirmwareConfig,
    decoder: Decoder,
    /// 0 until the first HELLO.
    session: u16,
    sequence: u16,
    velocity: Twist,
    /// Sequence and arrival of the newest accepted VELOCITY.
    command: Option<(u16, Stamp)>,
    is_latched: bool,
    /// Session of the HELLO to answer.
    welcome: Option<u16>,
    /// The newest STOP to answer; an older one not answered yet comes again.
    ack: Option<Ack>,
    next_telemetry: Stamp,
    major: u8,
    is_silent: bool,
    is_acknowledging: bool,
    fault_bits: u16,
}

impl Firmware {
    #[must_use]
    pub fn new(config: FirmwareConfig) -> Self {
        Self {
            config,
            decoder: Decoder::default(),
            session: 0,
            sequence: 0,
            velocity: Twist::ZERO,
            command: None,
            is_latched: false,
            welcome: None,
            ack: None,
            next_telemetry: Stamp::ZERO,
            major: MAJOR,
            is_silent: false,
            is_acknowledging: true,
            fault_bits: 0,
        }
    }

    /// Takes what the port brought.
    pub fn receive(&mut self, bytes: &[u8], now: Stamp) {
        for &byte in bytes {
            if let Some(packet) = self.decoder.feed(byte) {
                self.obey(&packet, now);
            }
        }
    }

    /// The velocity the motors are to follow now: watchdog, latch and limits applied.
    #[must_use]
    pub fn setpoint(&self, now: Stamp) -> Twist {
        let watchdog = self.config.watchdog;
        let is_fresh =
            self.command.is_some_and(|(_, at)| watchdog.is_zero() || now.since(at) < watchdog);
        if is_fresh && !self.is_latched { self.velocity } else { Twist::ZERO }
    }

    /// Appends what is due to `out`: answers, and telemetry at 50 Hz. Call it at least every 10 ms.
    pub fn transmit(&mut self, state: &DeviceState, now: Stamp, out: &mut Vec<u8>) {
        let welcome = self.welcome.take();
        let ack = self.ack.take().filter(|_| self.is_acknowledging);
        let has_telemetry = now >= self.next_telemetry;
        if has_telemetry {
            let next = self.next_telemetry + TELEMETRY_PERIOD;
            self.next_telemetry = if next > now { next } else { now + TELEMETRY_PERIOD };
        }
        if self.is_silent {
            return;
        }
        if let Some(session) = welcome {
            let body = self.welcome_body();
            self.put(session, body, out);
        }
        if let Some(ack) = ack {
            self.put(self.session, Body::Ack(ack), out);
        }
        if has_telemetry {
            let telemetry = self.telemetry(state, now);
            self.put(self.session, Body::Telemetry(telemetry), out);
        }
    }

    /// Its own latch is set.
    #[must_use]
    pub fn is_latched(&self) -> bool {
        self.is_latched
    }

    /// Frames that were no valid packet.
    #[must_use]
    pub fn bad_packets(&self) -> u32 {
        self.decoder.bad_packets()
    }

    /// Fault to inject: sends nothing, obeys on.
    pub fn set_silent(&mut self, is_silent: bool) {
        self.is_silent = is_silent;
    }

    /// Fault to inject: obeys stops without answering them.
    pub fn set_acknowledging(&mut self, is_acknowledging: bool) {
        self.is_acknowledging = is_acknowledging;
    }

    /// Fault to inject: bits reported beside those of the machine.
    pub fn set_fault_bits(&mut self, bits: u16) {
        self.fault_bits = bits;
    }

    /// Fault to inject: answers as firmware of another major version.
    pub fn set_major(&mut self, major: u8) {
        self.major = major;
    }

    /// Fault to inject: as if its power was cut for a moment. The latch is kept.
    pub fn restart(&mut self) {
        let kept = self.clone();
        *self = Self {
            is_latched: kept.is_latched,
            next_telemetry: kept.next_telemetry,
            major: kept.major,
            is_silent: kept.is_silent,
            is_acknowledging: kept.is_acknowledging,
            fault_bits: kept.fault_bits,
            ..Self::new(kept.config)
        };
    }

    fn obey(&mut self, packet: &Packet, now: Stamp) {
        match packet.body {
            Body::Hello { major, .. } => {
                if major == self.major && packet.session != self.session {
                    self.session = packet.session;
                    self.command = None;
                }
                self.welcome = Some(packet.session);
            }
            Body::Velocity(twist) if packet.session == self.session && self.session != 0 => {
                self.velocity = self.limited(twist);
                self.command = Some((packet.sequence, now));
            }
            Body::Stop { kind, request } => {
                let is_allowed = kind != StopKind::Reset || packet.session == self.session;
                self.velocity = Twist::ZERO;
                match kind {
                    StopKind::Stop => {}
                    StopKind::EStop => self.is_latched = true,
                    StopKind::Reset => self.is_latched &= !is_allowed,
                }
                let ack = Ack { kind, request, is_latched: self.is_latched };
                self.ack = is_allowed.then_some(ack).or(self.ack);
            }
            _ => {}
        }
    }

    fn limited(&self, twist: Twist) -> Twist {
        let limits = self.config.limits;
        let clamp = |axis: f64, limit: f64| axis.max(-limit).min(limit);
        let strafe = match self.config.kinematics {
            Kinematics::Omni => clamp(twist.linear_y, limits.linear_y),
            Kinematics::Differential => 0.0,
        };
        Twist::new(
            clamp(twist.linear_x, limits.linear_x),
            strafe,
            clamp(twist.angular_z, limits.angular_z),
        )
    }

    fn welcome_body(&self) -> Body {
        if self.major != MAJOR {
            return Body::Foreign { major: self.major, minor: 0 };
        }
        Body::Welcome(Welcome {
            minor: MINOR,
            kinematics: self.config.kinematics,
            watchdog_ms: u16::try_from(self.config.watchdog.as_millis()).unwrap_or(u16::MAX),
            limits: self.config.limits,
            name: Text::new(&self.config.name),
            firmware: Text::new(concat!("sim ", env!("CARGO_PKG_VERSION"))),
        })
    }

    fn telemetry(&self, state: &DeviceState, now: Stamp) -> Telemetry {
        Telemetry {
            is_latched: self.is_latched,
            echo: self.command.map(|(sequence, at)| (sequence, now.since(at))),
            pose: state.pose,
            twist: state.twist,
            battery: state.battery,
            faults: state.fault_bits | self.fault_bits,
            loop_time: state.loop_time,
        }
    }

    fn put(&mut self, session: u16, body: Body, out: &mut Vec<u8>) {
        self.sequence = self.sequence.wrapping_add(1);
        out.extend_from_slice(&encode(&Packet { session, sequence: self.sequence, body }));
    }
}

#[cfg(test)]
mod tests;
