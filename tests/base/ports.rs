//! Real ports: pty pairs and TCP, with the simulated firmware at the other end.
#![cfg(unix)]

use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pilothouse::base::native::NativeBase;
use pilothouse::base::ports::{self, PortAddress, PortError};
use pilothouse::base::{Line, MAX_WRITE};
use pilothouse::msg::LinkState;
use pilothouse::runtime::clock;
use pilothouse::runtime::line::ThreadedLine;
use pilothouse::safety::SafeTwist;
use serialport::{SerialPort, TTYPort};

use crate::contract;
use crate::rig::{Device, PATIENCE, RealRig, Rig, Running, TICK, forward};

const BAUD: u32 = 115_200;

/// A port under a name that stays, as a udev link does, whatever path is behind it.
struct Socket {
    link: PathBuf,
    _folder: tempfile::TempDir,
}

impl Socket {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { link: folder.path().join("base"), _folder: folder }
    }

    /// Plugs in a new pty; it is unplugged when what comes back is dropped.
    fn plug(&self) -> (TTYPort, TTYPort) {
        let (mut master, slave) = TTYPort::pair().unwrap();
        master.set_timeout(Duration::from_millis(2)).unwrap();
        let _ = std::fs::remove_file(&self.link);
        std::os::unix::fs::symlink(slave.name().unwrap(), &self.link).unwrap();
        (master, slave)
    }

    fn address(&self) -> PortAddress {
        PortAddress::Path(self.link.to_str().unwrap().to_owned())
    }
}

fn rig(address: PortAddress) -> RealRig<ThreadedLine> {
    let base = NativeBase::new(ThreadedLine::new(address, BAUD).unwrap());
    RealRig { base, device: Arc::new(Mutex::new(Device::new())) }
}

#[test]
fn contract_over_a_pty() {
    // Broken: what holds in memory does not hold through a real port and its threads.
    let socket = Socket::new();
    let (master, _slave) = socket.plug();
    let rig = rig(socket.address());
    let _device = Running::new(&rig.device, master);
    contract::check(rig);
}

#[test]
fn contract_over_tcp() {
    // Broken: a base behind a serial server, or the simulator without a pty, cannot be driven.
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("tcp://{}", server.local_addr().unwrap());
    let rig = rig(address.parse().unwrap());
    let (stream, _) = server.accept().unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(2))).unwrap();
    let _device = Running::new(&rig.device, stream);
    contract::check(rig);
}

#[test]
fn unplugged_and_back() {
    // Broken: pulling the cable ends the drive for good, or the robot moves by itself when it is
    // back.
    let socket = Socket::new();
    let (master, slave) = socket.plug();
    let mut rig = rig(socket.address());
    let device = Running::new(&rig.device, master);
    rig.until("driving", forward(0.4), |_, device| device.speed() > 0.3);

    drop((device, slave));
    let report = rig.until("down", forward(0.4), |report, _| report.link == LinkState::Down);
    assert_eq!(report.session, 1);
    rig.device().heard.clear();
    let (master, _slave) = socket.plug();
    let _device = Running::new(&rig.device, master);
    let report = rig.until("up", SafeTwist::ZERO, |report, _| report.link == LinkState::Up);
    assert_eq!(report.session, 2);
    assert!(rig.device().velocities().iter().all(|velocity| *velocity == 0.0), "old commands");
}

#[test]
fn a_port_that_takes_nothing() {
    // Broken: a base that hangs blocks the control loop, or nobody learns that commands do not
    // leave.
    let socket = Socket::new();
    let (mut master, _slave) = socket.plug();
    let mut line = ThreadedLine::new(socket.address(), BAUD).unwrap();
    let start = clock::now();
    while line.blocked_since().is_none_or(|since| clock::now().since(since) < TICK) {
        assert!(clock::now().since(start) < PATIENCE, "never blocked");
        let writing = clock::now();
        line.write(&[0x55; MAX_WRITE]);
        assert!(clock::now().since(writing) < Duration::from_secs(1), "the control side waited");
        clock::sleep(Duration::from_millis(1));
    }
    let mut buffer = [0; 4096];
    while line.blocked_since().is_some() {
        assert!(clock::now().since(start) < PATIENCE, "never unblocked");
        let _ = std::io::Read::read(&mut master, &mut buffer);
    }
}

#[test]
fn noise_on_a_real_port() {
    // Broken: what a bootloader prints, or a bad cable adds, ends the connection.
    let socket = Socket::new();
    let (master, _slave) = socket.plug();
    let mut noise = master.try_clone_native().unwrap();
    let mut rig = rig(socket.address());
    let _device = Running::new(&rig.device, master);
    rig.until("up", SafeTwist::ZERO, |report, _| report.link == LinkState::Up);
    let report = rig.until("noisy", SafeTwist::ZERO, |report, _| {
        let _ = std::io::Write::write(&mut noise, b"\xffgarbage\x03\x11\x13\r\n\x04\x00");
        report.bad_packets >= 5
    });
    assert_eq!((report.link, report.session), (LinkState::Up, 1));
}

#[test]
fn a_port_in_use_says_so() {
    // Broken: two programs drive one base, or the operator is told only an errno.
    let socket = Socket::new();
    let _pair = socket.plug();
    let address = socket.address();
    let _first = ports::open(&address, BAUD).unwrap();
    let error = ports::open(&address, BAUD).unwrap_err();
    assert!(matches!(error, PortError::InUse { .. }), "{error}");
    assert!(error.to_string().contains("fuser"), "{error}");
}
