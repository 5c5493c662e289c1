//! The station's end of the protocol, as a [`Base`] over any [`Line`].

use std::time::Duration;

use crate::base::{Base, Line, MAX_WRITE};
use crate::msg::{BaseInfo, BaseReport, LinkState, Odometry, Stamp, StopKind, StopState, Twist};
use crate::safety::SafeTwist;

use super::codec::{Decoder, encode};
use super::message::{Ack, Body, Packet, Telemetry, Welcome};
use super::stop_timer::StopTimer;

const HELLO_RETRY: Duration = Duration::from_millis(100);
const HELLO_RETRY_FOREIGN: Duration = Duration::from_secs(1);
const SILENCE: Duration = Duration::from_secs(1);

/// Most [`Line::read`] calls of one poll: bounds the tick whatever arrives.
const MAX_READS: usize = 32;

/// A base that speaks the native protocol. Rules: "What the station does" in [`super`].
#[derive(Debug)]
pub struct NativeBase<L: Line> {
    line: L,
    generation: Option<u32>,
    decoder: Decoder,
    report: BaseReport,
    info: Option<BaseInfo>,
    session: u16,
    sequence: u16,
    next_hello: Stamp,
    velocity: Twist,
    sent: Sent,
    request: Option<Request>,
    request_id: u16,
    /// An e-stop was asked for and not reset since: asked for again in every new session.
    holds_e_stop: bool,
    /// Something that moves was sent since the last stop.
    moved_since_stop: bool,
    stop_timer: StopTimer,
}

/// A STOP that waits for its ACK.
#[derive(Clone, Copy, Debug)]
struct Request {
    kind: StopKind,
    id: u16,
}

impl<L: Line> NativeBase<L> {
    #[must_use]
    pub fn new(line: L) -> Self {
        Self {
            line,
            generation: None,
            decoder: Decoder::default(),
            report: BaseReport::default(),
            info: None,
            session: 0,
            sequence: 0,
            next_hello: Stamp::ZERO,
            velocity: Twist::ZERO,
            sent: Sent::default(),
            request: None,
            request_id: 0,
            holds_e_stop: false,
            moved_since_stop: false,
            stop_timer: StopTimer::default(),
        }
    }

    fn is_up(&self) -> bool {
        self.report.link == LinkState::Up
    }

    /// Follows the port: a reopened one starts a new handshake and a new count of bad packets.
    fn follow_line(&mut self, now: Stamp) {
        if !self.line.is_open() {
            if self.report.link != LinkState::Down {
                self.end_session();
                self.report.link = LinkState::Down;
            }
            self.generation = None;
        } else if self.generation != Some(self.line.generation()) {
            self.generation = Some(self.line.generation());
            self.decoder = Decoder::default();
            self.begin_handshake(now);
        }
    }

    fn begin_handshake(&mut self, now: Stamp) {
        self.end_session();
        self.report.link = LinkState::Connecting;
        let noise = (now.0 ^ (now.0 >> 16) ^ (now.0 >> 32)) as u16;
        let session = self.session.wrapping_add(noise | 1);
        self.session = if session == 0 { 1 } else { session };
        // Not the ids of a run before this one, whose ACKs may still lie in a buffer.
        self.request_id = self.request_id.wrapping_add(noise);
        self.next_hello = now;
    }

    fn end_session(&mut self) {
        self.velocity = Twist::ZERO;
        self.sent = Sent::default();
        self.report.round_trip = None;
        self.stop_timer.cancel();
        // A reset that waited belongs to what the operator saw then.
        self.request = self.request.filter(|request| request.kind != StopKind::Reset);
    }

    fn drain(&mut self, now: Stamp) {
        let mut buffer = [0; 512];
        for _ in 0..MAX_READS {
            let count = self.line.read(&mut buffer);
            if count == 0 {
                break;
            }
            let at = self.line.received_at().unwrap_or(now).min(now);
            for &byte in buffer.get(..count).unwrap_or_default() {
                if let Some(packet) = self.decoder.feed(byte) {
                    self.receive(&packet, at, now);
                }
            }
        }
        self.report.bad_packets = self.decoder.bad_packets();
    }

    fn receive(&mut self, packet: &Packet, at: Stamp, now: Stamp) {
        self.report.last_rx = Some(at);
        let is_ours = packet.session == self.session;
        match &packet.body {
            Body::Welcome(welcome) if is_ours && !self.is_up() => self.welcome(welcome, now),
            Body::Foreign { major, minor } if is_ours && !self.is_up() => {
                self.next_hello = now + HELLO_RETRY_FOREIGN;
                self.report.link = LinkState::Foreign { major: *major, minor: *minor };
            }
            // An acknowledged stop counts whatever session it came under: the base stands.
            Body::Ack(ack) => self.acknowledge(*ack, at),
            Body::Telemetry(telemetry) if is_ours && self.is_up() => self.telemetry(telemetry, at),
            Body::Telemetry(_) if self.is_up() => self.begin_handshake(now),
            _ => {}
        }
    }

    fn welcome(&mut self, welcome: &Welcome, now: Stamp) {
        // No watchdog is the slowest one, not the fastest.
        let watchdog = match welcome.watchdog_ms {
            0 => Duration::MAX,
            ms => Duration::from_millis(u64::from(ms)),
        };
        self.report.link = LinkState::Up;
        self.report.session = self.report.session.wrapping_add(1);
        self.report.kinematics = welcome.kinematics;
        self.report.limits = welcome.limits;
        self.report.watchdog = watchdog;
        self.info = Some(BaseInfo {
            name: welcome.name.as_str().to_owned(),
            firmware: welcome.firmware.as_str().to_owned(),
            kinematics: welcome.kinematics,
            limits: welcome.limits,
            watchdog,
        });
        if self.holds_e_stop && self.request.is_none() {
            self.ask(StopKind::EStop, now);
        }
    }

    fn acknowledge(&mut self, ack: Ack, at: Stamp) {
        let Some(request) = self.request.filter(|request| request.id == ack.request) else {
            return;
        };
        self.request = None;
        self.report.base_latched = ack.is_latched;
        if request.kind != StopKind::Reset {
            self.report.stop = StopState::Acknowledged { at };
        }
    }

    fn telemetry(&mut self, telemetry: &Telemetry, at: Stamp) {
        let [x, y, yaw] = telemetry.pose;
        self.report.odometry = Some(Odometry { x, y, yaw, twist: telemetry.twist, received: at });
        self.report.battery = telemetry.battery;
        self.report.fault_bits = telemetry.faults;
        self.report.base_latched = telemetry.is_latched;
        self.report.base_loop = Some(telemetry.loop_time);
        let command = telemetry.echo.and_then(|(sequence, age)| {
            let (twist, sent) = self.sent.find(sequence)?;
            self.report.round_trip = Some(at.since(sent).saturating_sub(age));
            Some((sequence, twist, sent))
        });
        let measured = self.stop_timer.observe(command, telemetry.twist, at);
        self.report.measured_stop = measured.or(self.report.measured_stop);
    }

    fn ask(&mut self, kind: StopKind, now: Stamp) {
        self.report.stop = match kind {
            StopKind::Reset => StopState::Idle,
            kind => StopState::Pending { kind_is_e_stop: kind == StopKind::EStop, since: now },
        };
        self.request_id = self.request_id.wrapping_add(1);
        self.request = Some(Request { kind, id: self.request_id });
    }

    /// Hands the line everything that is due, in one buffer, for it replaces what has not left yet.
    fn write(&mut self, now: Stamp) {
        if !self.line.is_open() {
            return;
        }
        let mut due = Due::default();
        let retry = match self.report.link {
            LinkState::Connecting => Some(HELLO_RETRY),
            LinkState::Foreign { .. } => Some(HELLO_RETRY_FOREIGN),
            LinkState::Up | LinkState::Down => None,
        };
        if let Some(retry) = retry.filter(|_| now >= self.next_hello) {
            self.next_hello = now + retry;
            due.add(&self.packet(Body::HELLO));
        }
        if let Some(request) = self.request
            && (self.is_up() || request.kind != StopKind::Reset)
        {
            due.add(&self.packet(Body::Stop { kind: request.kind, request: request.id }));
        }
        if self.is_up() {
            let velocity = if self.request.is_some() { Twist::ZERO } else { self.velocity };
            let packet = self.packet(Body::Velocity(velocity));
            self.sent.add(packet.sequence, velocity, now);
            due.add(&packet);
        }
        if let bytes @ [_, ..] = due.bytes() {
            self.line.write(bytes);
        }
    }

    fn packet(&mut self, body: Body) -> Packet {
        self.sequence = self.sequence.wrapping_add(1);
        Packet { session: self.session, sequence: self.sequence, body }
    }
}

impl<L: Line> Base for NativeBase<L> {
    fn poll(&mut self, now: Stamp) -> &BaseReport {
        self.follow_line(now);
        self.drain(now);
        let is_silent = self.report.last_rx.is_none_or(|last| now.since(last) > SILENCE);
        if self.is_up() && is_silent {
            self.begin_handshake(now);
        }
        self.report.blocked_since = self.line.blocked_since();
        if !self.is_up() || self.request.is_some() {
            self.write(now);
        }
        &self.report
    }

    fn send(&mut self, command: SafeTwist, now: Stamp) {
        self.velocity = command.twist();
        self.moved_since_stop |= !self.velocity.is_zero();
        if self.is_up() {
            self.write(now);
        }
    }

    fn stop(&mut self, kind: StopKind, now: Stamp) {
        self.velocity = Twist::ZERO;
        self.stop_timer.cancel();
        if !self.is_new(kind) {
            return self.write(now);
        }
        self.holds_e_stop = match kind {
            StopKind::EStop => true,
            StopKind::Reset => false,
            StopKind::Stop => self.holds_e_stop,
        };
        self.moved_since_stop = false;
        self.ask(kind, now);
        self.write(now);
    }

    fn info(&self) -> Option<&BaseInfo> {
        self.info.as_ref()
    }
}

impl<L: Line> NativeBase<L> {
    /// Whether asking for `kind` now is another request than the newest one: callers may ask every
    /// tick.
    fn is_new(&self, kind: StopKind) -> bool {
        let pending = self.request.map(|request| request.kind);
        match kind {
            StopKind::Stop => {
                !matches!(pending, Some(StopKind::Stop | StopKind::EStop))
                    && (self.moved_since_stop || self.report.stop == StopState::Idle)
            }
            StopKind::EStop => {
                pending != Some(StopKind::EStop)
                    && !(self.holds_e_stop && pending.is_none() && self.report.base_latched)
            }
            StopKind::Reset => pending != Some(StopKind::Reset),
        }
    }
}

impl<L: Line> Drop for NativeBase<L> {
    fn drop(&mut self) {
        self.velocity = Twist::ZERO;
        if self.request.is_none_or(|request| request.kind == StopKind::Reset) {
            self.ask(StopKind::Stop, Stamp::ZERO);
        }
        // Nothing but the handshake's retry depends on the time, and none is due any more.
        self.write(Stamp::ZERO);
    }
}

/// The bytes of one tick.
#[derive(Debug)]
struct Due {
    bytes: [u8; MAX_WRITE],
    len: usize,
}

impl Default for Due {
    fn default() -> Self {
        Self { bytes: [0; MAX_WRITE], len: 0 }
    }
}

impl Due {
    fn add(&mut self, packet: &Packet) {
        let frame = encode(packet);
        if let Some(free) = self.bytes.get_mut(self.len..self.len + frame.len()) {
            free.copy_from_slice(&frame);
            self.len += frame.len();
        }
    }

    fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

/// The last commands, to know what an echo belongs to.
#[derive(Debug)]
struct Sent {
    /// By the low bits of the sequence.
    commands: [Option<(u16, Twist, Stamp)>; Self::SIZE],
}

impl Default for Sent {
    fn default() -> Self {
        Self { commands: [None; Self::SIZE] }
    }
}

impl Sent {
    /// Over a second at 50 Hz, so that a base's stop can be timed.
    const SIZE: usize = 128;

    fn add(&mut self, sequence: u16, twist: Twist, at: Stamp) {
        if let Some(place) = self.commands.get_mut(usize::from(sequence) % Self::SIZE) {
            *place = Some((sequence, twist, at));
        }
    }

    fn find(&self, sequence: u16) -> Option<(Twist, Stamp)> {
        let &(found, twist, at) =
            self.commands.get(usize::from(sequence) % Self::SIZE)?.as_ref()?;
        (found == sequence).then_some((twist, at))
    }
}
