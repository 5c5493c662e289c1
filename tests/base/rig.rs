//! A base and the device at its other end, by hand on a manual clock or for real through a port.

use std::io::{Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

use pilothouse::base::native::{Body, Decoder, NativeBase, Packet};
use pilothouse::base::{Base, Line, Written};
use pilothouse::msg::{BaseReport, Battery, Kinematics, Stamp, Twist};
use pilothouse::runtime::{clock, spawn};
use pilothouse::safety::{Gate, Limits, Request, SafeTwist};
use pilothouse::sim::firmware::{DeviceState, Firmware, FirmwareConfig};

pub(crate) const TICK: Duration = Duration::from_millis(20);
/// Generous: the machine may be busy with other things.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
pub(crate) const WATCHDOG: Duration = Duration::from_millis(200);

/// Forward, through the gate: there is no other way to a twist that moves.
pub(crate) fn forward(linear_x: f64) -> SafeTwist {
    let base = BaseReport {
        kinematics: Kinematics::Omni,
        limits: Twist::new(10.0, 10.0, 10.0),
        ..BaseReport::default()
    };
    let limits = Limits { linear_mps: 10.0, linear_accel_mps2: 1e6, ..Limits::default() };
    let request = Request {
        wanted: Twist::new(linear_x, 0.0, 0.0),
        valid_until: Stamp::MAX,
        ceiling_mps: 10.0,
        ..Request::default()
    };
    let mut gate = Gate::new(limits);
    gate.check(&request, &base, Stamp::ZERO);
    let twist = gate.check(&request, &base, Stamp::from_millis(1_000)).twist;
    assert!((twist.twist().linear_x - linear_x).abs() < 1e-9);
    twist
}

/// Firmware on wheels that follow at 2 m/s².
#[derive(Debug)]
pub(crate) struct Device {
    pub(crate) firmware: Firmware,
    pub(crate) state: DeviceState,
    /// Does not even look at its port.
    pub(crate) is_deaf: bool,
    /// Every packet that arrived.
    pub(crate) heard: Vec<Packet>,
    decoder: Decoder,
    last: Option<Stamp>,
}

impl Device {
    pub(crate) fn new() -> Self {
        let firmware = Firmware::new(FirmwareConfig {
            name: "rig".to_owned(),
            kinematics: Kinematics::Omni,
            limits: Twist::new(0.5, 0.5, 1.0),
            watchdog: WATCHDOG,
        });
        let state = DeviceState {
            battery: Some(Battery { volts: 12.0, charge: 0.5 }),
            loop_time: Duration::from_millis(1),
            ..DeviceState::default()
        };
        let decoder = Decoder::default();
        Self { firmware, state, is_deaf: false, heard: Vec::new(), decoder, last: None }
    }

    pub(crate) fn receive(&mut self, bytes: &[u8], now: Stamp) {
        self.heard.extend(bytes.iter().filter_map(|&byte| self.decoder.feed(byte)));
        self.firmware.receive(bytes, now);
    }

    pub(crate) fn step(&mut self, now: Stamp, out: &mut Vec<u8>) {
        let span = now.since(self.last.replace(now).unwrap_or(now)).as_secs_f64();
        let wanted = self.firmware.setpoint(now).linear_x;
        let speed = &mut self.state.twist.linear_x;
        *speed += (wanted - *speed).clamp(-2.0 * span, 2.0 * span);
        self.state.pose[0] += *speed * span;
        self.firmware.transmit(&self.state, now, out);
    }

    pub(crate) fn speed(&self) -> f64 {
        self.state.twist.linear_x
    }

    pub(crate) fn velocities(&self) -> Vec<f64> {
        let velocity = |packet: &Packet| match packet.body {
            Body::Velocity(twist) => Some(twist.linear_x),
            _ => None,
        };
        self.heard.iter().filter_map(velocity).collect()
    }

    pub(crate) fn stops(&self) -> Vec<u16> {
        let stop = |packet: &Packet| match packet.body {
            Body::Stop { request, .. } => Some(request),
            _ => None,
        };
        self.heard.iter().filter_map(stop).collect()
    }
}

/// A base with its device; one `tick` is what the control loop does, and the time that takes.
pub(crate) trait Rig {
    fn base(&mut self) -> &mut dyn Base;
    fn device(&self) -> MutexGuard<'_, Device>;
    fn now(&self) -> Stamp;
    /// Lets one tick pass at the device.
    fn pass(&mut self);
    /// Drops the base and lets the device hear the end.
    fn end(self) -> Arc<Mutex<Device>>;

    fn tick(&mut self, command: SafeTwist) -> BaseReport {
        let now = self.now();
        let report = *self.base().poll(now);
        self.base().send(command, now);
        self.pass();
        report
    }

    /// Polls without sending, as a control loop that hangs would not even do.
    fn poll(&mut self) -> BaseReport {
        let now = self.now();
        let report = *self.base().poll(now);
        self.pass();
        report
    }

    /// Ticks until `is_done`; fails when patience ends.
    fn until(
        &mut self,
        what: &str,
        command: SafeTwist,
        mut is_done: impl FnMut(&BaseReport, &Device) -> bool,
    ) -> BaseReport {
        let start = self.now();
        loop {
            let report = self.tick(command);
            if is_done(&report, &self.device()) {
                return report;
            }
            let waited = self.now().since(start);
            assert!(waited < PATIENCE, "never {what}: {report:?}");
        }
    }
}

/// The middle of an in-memory line.
#[derive(Debug, Default)]
pub(crate) struct Wire {
    pub(crate) is_open: bool,
    pub(crate) generation: u32,
    /// Not taken by the port yet; the newest wins.
    pub(crate) outgoing: Option<Vec<u8>>,
    pub(crate) incoming: Vec<u8>,
    pub(crate) blocked_since: Option<Stamp>,
}

#[derive(Clone, Debug)]
pub(crate) struct MemoryLine(pub(crate) Arc<Mutex<Wire>>);

impl Line for MemoryLine {
    fn is_open(&self) -> bool {
        self.0.lock().unwrap().is_open
    }

    fn generation(&self) -> u32 {
        self.0.lock().unwrap().generation
    }

    fn write(&mut self, bytes: &[u8]) -> Written {
        let mut wire = self.0.lock().unwrap();
        if !wire.is_open {
            return Written::Down;
        }
        wire.outgoing = Some(bytes.to_vec());
        Written::Taken
    }

    fn blocked_since(&self) -> Option<Stamp> {
        self.0.lock().unwrap().blocked_since
    }

    fn read(&mut self, buffer: &mut [u8]) -> usize {
        let incoming = &mut self.0.lock().unwrap().incoming;
        let count = buffer.len().min(incoming.len());
        buffer[..count].copy_from_slice(&incoming[..count]);
        incoming.drain(..count);
        count
    }
}

/// On a manual clock: everything happens in `pass`.
#[derive(Debug)]
pub(crate) struct MemoryRig {
    pub(crate) base: NativeBase<MemoryLine>,
    pub(crate) wire: Arc<Mutex<Wire>>,
    device: Arc<Mutex<Device>>,
    now: Stamp,
}

impl MemoryRig {
    pub(crate) fn new() -> Self {
        let wire = Wire { is_open: true, generation: 1, ..Wire::default() };
        let wire = Arc::new(Mutex::new(wire));
        let base = NativeBase::new(MemoryLine(wire.clone()));
        let device = Arc::new(Mutex::new(Device::new()));
        Self { base, wire, device, now: Stamp::from_millis(5_000) }
    }

    /// A rig whose handshake is done.
    pub(crate) fn up() -> Self {
        let mut rig = Self::new();
        rig.until("up", SafeTwist::ZERO, |report, _| report.link == pilothouse::msg::LinkState::Up);
        rig
    }

    pub(crate) fn unplug(&mut self) {
        let mut wire = self.wire.lock().unwrap();
        wire.is_open = false;
        wire.outgoing = None;
        wire.incoming.clear();
    }

    pub(crate) fn plug(&mut self) {
        let mut wire = self.wire.lock().unwrap();
        wire.is_open = true;
        wire.generation += 1;
    }
}

impl Rig for MemoryRig {
    fn base(&mut self) -> &mut dyn Base {
        &mut self.base
    }

    fn device(&self) -> MutexGuard<'_, Device> {
        self.device.lock().unwrap()
    }

    fn now(&self) -> Stamp {
        self.now
    }

    fn pass(&mut self) {
        let mut device = self.device.lock().unwrap();
        let mut wire = self.wire.lock().unwrap();
        for _ in 0..4 {
            self.now = self.now + TICK / 4;
            if !device.is_deaf
                && wire.blocked_since.is_none()
                && let Some(bytes) = wire.outgoing.take()
            {
                device.receive(&bytes, self.now);
            }
            let mut out = Vec::new();
            device.step(self.now, &mut out);
            if wire.is_open {
                wire.incoming.extend(out);
            }
        }
    }

    fn end(mut self) -> Arc<Mutex<Device>> {
        let (wire, device, now) = (self.wire.clone(), self.device.clone(), self.now);
        self.wire = Arc::default();
        drop(self);
        let last = wire.lock().unwrap().outgoing.take();
        device.lock().unwrap().receive(&last.expect("dropping the base writes"), now);
        device
    }
}

/// Through a real port in real time: the device has a thread of its own.
#[derive(Debug)]
pub(crate) struct RealRig<L: Line> {
    pub(crate) base: NativeBase<L>,
    pub(crate) device: Arc<Mutex<Device>>,
}

impl<L: Line> Rig for RealRig<L> {
    fn base(&mut self) -> &mut dyn Base {
        &mut self.base
    }

    fn device(&self) -> MutexGuard<'_, Device> {
        self.device.lock().unwrap()
    }

    fn now(&self) -> Stamp {
        clock::now()
    }

    fn pass(&mut self) {
        clock::sleep(TICK);
    }

    fn end(self) -> Arc<Mutex<Device>> {
        let device = self.device.clone();
        drop(self);
        clock::sleep(5 * TICK);
        device
    }
}

/// A device that runs behind `port` until it is dropped.
#[derive(Debug)]
pub(crate) struct Running {
    is_running: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    /// Reads of `port` must come back after a few milliseconds.
    pub(crate) fn new(
        device: &Arc<Mutex<Device>>,
        port: impl Read + Write + Send + 'static,
    ) -> Self {
        let is_running = Arc::new(AtomicBool::new(true));
        let (device, running) = (device.clone(), is_running.clone());
        let thread = spawn("device", move || run(&device, port, &running)).unwrap();
        Self { is_running, thread: Some(thread) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.is_running.store(false, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(ended.is_ok() || std::thread::panicking(), "the device's thread panicked");
        }
    }
}

fn run(device: &Mutex<Device>, mut port: impl Read + Write, is_running: &AtomicBool) {
    let mut buffer = [0; 1024];
    let mut out = Vec::new();
    while is_running.load(Ordering::SeqCst) {
        if device.lock().unwrap().is_deaf {
            clock::sleep(Duration::from_millis(2));
            continue;
        }
        // Nothing there, or the other end not opened yet: both come back.
        let count = port.read(&mut buffer).unwrap_or(0);
        if count == 0 {
            clock::sleep(Duration::from_millis(1));
        }
        let mut device = device.lock().unwrap();
        device.receive(&buffer[..count], clock::now());
        out.clear();
        device.step(clock::now(), &mut out);
        drop(device);
        let _ = port.write_all(&out);
    }
}
