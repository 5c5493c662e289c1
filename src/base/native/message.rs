//! The packets as values, and their bodies' byte layout (tables in [`super`]).

use std::fmt;
use std::time::Duration;

use crate::msg::{Battery, Kinematics, StopKind, Twist};

use super::{MAJOR, MINOR};

/// One packet without its framing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Packet {
    pub session: u16,
    pub sequence: u16,
    pub body: Body,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Body {
    Hello {
        major: u8,
        minor: u8,
    },
    /// Encoded as three `f32`; all zero if an axis is not finite there.
    Velocity(Twist),
    Stop {
        kind: StopKind,
        request: u16,
    },
    Welcome(Welcome),
    /// A WELCOME of another major version; nothing after its version is known.
    Foreign {
        major: u8,
        minor: u8,
    },
    Ack(Ack),
    Telemetry(Telemetry),
}

/// The base's side of the handshake.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Welcome {
    pub minor: u8,
    pub kinematics: Kinematics,
    /// Milliseconds; 0 is a base without a watchdog.
    pub watchdog_ms: u16,
    /// Largest magnitude of each axis, m/s and rad/s.
    pub limits: Twist,
    pub name: Text,
    pub firmware: Text,
}

/// Answer to one STOP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ack {
    pub kind: StopKind,
    pub request: u16,
    pub is_latched: bool,
}

/// What the base measures, 50 times a second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Telemetry {
    pub is_latched: bool,
    /// Sequence of the newest accepted VELOCITY and how long ago it arrived.
    pub echo: Option<(u16, Duration)>,
    /// m, m, rad in the frame where the base started.
    pub pose: [f64; 3],
    pub twist: Twist,
    pub battery: Option<Battery>,
    pub faults: u16,
    /// The base's measured control period.
    pub loop_time: Duration,
}

/// At most 24 bytes of UTF-8.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Text([u8; Self::SIZE]);

impl Text {
    pub const SIZE: usize = 24;

    /// `text`, cut at a character's border where it is too long.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let mut bytes = [0; Self::SIZE];
        let end = text.floor_char_boundary(Self::SIZE);
        for (to, from) in bytes.iter_mut().zip(text.bytes().take(end)) {
            *to = from;
        }
        Self(bytes)
    }

    /// Up to the first zero; empty if the base sent something that is not UTF-8.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let bytes = self.0.split(|&byte| byte == 0).next().unwrap_or_default();
        std::str::from_utf8(bytes).unwrap_or_default()
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

const HELLO: u8 = 0x01;
const VELOCITY: u8 = 0x02;
const STOP: u8 = 0x03;
const WELCOME: u8 = 0x81;
const ACK: u8 = 0x82;
const TELEMETRY: u8 = 0x83;

const FLAG_LATCHED: u8 = 1;
const FLAG_BATTERY: u8 = 2;
const NO_ECHO: u32 = u32::MAX;

/// Appends `packet` without CRC.
pub(super) fn put(packet: &Packet, out: &mut impl FnMut(&[u8])) {
    let kind = match packet.body {
        Body::Hello { .. } => HELLO,
        Body::Velocity(_) => VELOCITY,
        Body::Stop { .. } => STOP,
        Body::Welcome(_) | Body::Foreign { .. } => WELCOME,
        Body::Ack(_) => ACK,
        Body::Telemetry(_) => TELEMETRY,
    };
    out(&[kind]);
    out(&packet.session.to_le_bytes());
    out(&packet.sequence.to_le_bytes());
    match &packet.body {
        Body::Hello { major, minor } | Body::Foreign { major, minor } => out(&[*major, *minor]),
        Body::Velocity(twist) => put_twist(*twist, out),
        Body::Stop { kind, request } => {
            out(&[stop_code(*kind)]);
            out(&request.to_le_bytes());
        }
        Body::Welcome(welcome) => put_welcome(welcome, out),
        Body::Ack(ack) => {
            out(&[stop_code(ack.kind)]);
            out(&ack.request.to_le_bytes());
            out(&[u8::from(ack.is_latched)]);
        }
        Body::Telemetry(telemetry) => put_telemetry(telemetry, out),
    }
}

fn put_welcome(welcome: &Welcome, out: &mut impl FnMut(&[u8])) {
    let kinematics = match welcome.kinematics {
        Kinematics::Omni => 1,
        Kinematics::Differential => 2,
    };
    out(&[MAJOR, welcome.minor, kinematics]);
    out(&welcome.watchdog_ms.to_le_bytes());
    put_twist(welcome.limits, out);
    out(&welcome.name.0);
    out(&welcome.firmware.0);
}

fn put_telemetry(telemetry: &Telemetry, out: &mut impl FnMut(&[u8])) {
    let latched = if telemetry.is_latched { FLAG_LATCHED } else { 0 };
    let measured = if telemetry.battery.is_some() { FLAG_BATTERY } else { 0 };
    let battery = telemetry.battery.unwrap_or_default();
    let (echo, age) = telemetry
        .echo
        .map_or((0, NO_ECHO), |(sequence, age)| (sequence, micros(age).min(NO_ECHO - 1)));
    let [x, y, yaw] = telemetry.pose;
    out(&[latched | measured]);
    out(&echo.to_le_bytes());
    out(&age.to_le_bytes());
    put_twist(Twist::new(x, y, yaw), out);
    put_twist(telemetry.twist, out);
    put_twist(Twist::new(battery.volts, battery.charge, 0.0), &mut |bytes| {
        out(bytes.get(..8).unwrap_or_default());
    });
    out(&telemetry.faults.to_le_bytes());
    out(&micros(telemetry.loop_time).to_le_bytes());
}

/// Three finite numbers, or three zeros.
fn put_twist(twist: Twist, out: &mut impl FnMut(&[u8])) {
    let axes = [twist.linear_x as f32, twist.linear_y as f32, twist.angular_z as f32];
    let axes = if axes.iter().all(|axis| axis.is_finite()) { axes } else { [0.0; 3] };
    let [[a, b, c, d], [e, f, g, h], [i, j, k, l]] = axes.map(f32::to_le_bytes);
    out(&[a, b, c, d, e, f, g, h, i, j, k, l]);
}

fn micros(span: Duration) -> u32 {
    u32::try_from(span.as_micros()).unwrap_or(u32::MAX)
}

fn stop_code(kind: StopKind) -> u8 {
    match kind {
        StopKind::Stop => 1,
        StopKind::EStop => 2,
        StopKind::Reset => 3,
    }
}

/// What the bytes of a packet (CRC taken off) say.
pub(super) enum Parsed {
    Known(Packet),
    /// A type of a newer minor version.
    Unknown,
    Malformed,
}

pub(super) fn parse(bytes: &[u8]) -> Parsed {
    let mut bytes = Reader(bytes);
    let (Some(kind), Some(session), Some(sequence)) = (bytes.u8(), bytes.u16(), bytes.u16()) else {
        return Parsed::Malformed;
    };
    let body = match kind {
        HELLO => bytes.u8().zip(bytes.u8()).map(|(major, minor)| Body::Hello { major, minor }),
        VELOCITY => bytes.twist().map(Body::Velocity),
        STOP => bytes.stop().map(|(kind, request)| Body::Stop { kind, request }),
        WELCOME => bytes.welcome(),
        ACK => bytes.ack().map(Body::Ack),
        TELEMETRY => bytes.telemetry().map(Body::Telemetry),
        _ => return Parsed::Unknown,
    };
    body.map_or(Parsed::Malformed, |body| Parsed::Known(Packet { session, sequence, body }))
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, tail) = self.0.split_first_chunk::<N>()?;
        self.0 = tail;
        Some(*head)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take::<1>().map(|[byte]| byte)
    }

    fn u16(&mut self) -> Option<u16> {
        self.take().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    fn f32(&mut self) -> Option<f64> {
        self.take().map(f32::from_le_bytes).filter(|value| value.is_finite()).map(f64::from)
    }

    fn twist(&mut self) -> Option<Twist> {
        Some(Twist::new(self.f32()?, self.f32()?, self.f32()?))
    }

    fn stop(&mut self) -> Option<(StopKind, u16)> {
        let kind = match self.u8()? {
            1 => StopKind::Stop,
            2 => StopKind::EStop,
            3 => StopKind::Reset,
            _ => return None,
        };
        Some((kind, self.u16()?))
    }

    fn welcome(&mut self) -> Option<Body> {
        let (major, minor) = (self.u8()?, self.u8()?);
        if major != MAJOR {
            return Some(Body::Foreign { major, minor });
        }
        let kinematics = match self.u8()? {
            1 => Kinematics::Omni,
            2 => Kinematics::Differential,
            _ => return None,
        };
        let watchdog_ms = self.u16()?;
        let limits = self.twist()?;
        let is_positive =
            limits.linear_x >= 0.0 && limits.linear_y >= 0.0 && limits.angular_z >= 0.0;
        let name = Text(self.take()?);
        let firmware = Text(self.take()?);
        let welcome = Welcome { minor, kinematics, watchdog_ms, limits, name, firmware };
        is_positive.then_some(Body::Welcome(welcome))
    }

    fn ack(&mut self) -> Option<Ack> {
        let (kind, request) = self.stop()?;
        Some(Ack { kind, request, is_latched: self.u8()? != 0 })
    }

    fn telemetry(&mut self) -> Option<Telemetry> {
        let flags = self.u8()?;
        let echo = self.u16()?;
        let age = self.u32()?;
        let pose = [self.f32()?, self.f32()?, self.f32()?];
        let twist = self.twist()?;
        let battery = Battery { volts: self.f32()?, charge: self.f32()? };
        Some(Telemetry {
            is_latched: flags & FLAG_LATCHED != 0,
            echo: (age != NO_ECHO).then(|| (echo, Duration::from_micros(u64::from(age)))),
            pose,
            twist,
            battery: (flags & FLAG_BATTERY != 0).then_some(battery),
            faults: self.u16()?,
            loop_time: Duration::from_micros(u64::from(self.u32()?)),
        })
    }
}

impl Body {
    /// HELLO of this version.
    pub const HELLO: Self = Self::Hello { major: MAJOR, minor: MINOR };
}
