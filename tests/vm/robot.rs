//! The robot at the far end of the virtual machine's serial adapter: the simulated base and its
//! firmware in real time, which go on living while the cable is out.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use pilothouse::runtime::{clock, spawn};
use pilothouse::sim::firmware::{DeviceState, Firmware, FirmwareConfig};
use pilothouse::sim::robot::{LIMITS, STEP, Truth};
use pilothouse::sim::{Robot, Scenario, World};

const WATCHDOG: Duration = Duration::from_millis(200);

#[derive(Debug)]
struct Life {
    world: World,
    robot: Robot,
    firmware: Firmware,
    cable: Option<UnixStream>,
}

/// Lives on a thread of its own until it is dropped.
#[derive(Debug)]
pub(crate) struct LiveRobot {
    socket: PathBuf,
    life: Arc<Mutex<Life>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl LiveRobot {
    /// A robot at rest with its cable out; `socket` is the adapter's.
    pub(crate) fn new(socket: &Path) -> Self {
        let scenario = Scenario::embedded("open").expect("a scenario");
        let world = World::generate(&scenario, 1);
        let firmware = Firmware::new(FirmwareConfig {
            name: "robot outside".to_owned(),
            kinematics: scenario.base,
            limits: LIMITS,
            watchdog: WATCHDOG,
        });
        let robot = Robot::new(&world);
        let life = Arc::new(Mutex::new(Life { world, robot, firmware, cable: None }));
        let stop = Arc::new(AtomicBool::new(false));
        let (lives, stops) = (Arc::clone(&life), Arc::clone(&stop));
        let thread = spawn("robot", move || {
            while !stops.load(Ordering::Acquire) {
                lives.lock().expect("a whole robot").step();
                clock::sleep(STEP);
            }
        });
        let thread = Some(thread.expect("a thread"));
        Self { socket: socket.to_owned(), life, stop, thread }
    }

    pub(crate) fn plug(&self) {
        let cable = UnixStream::connect(&self.socket).expect("the adapter's socket");
        cable.set_nonblocking(true).expect("a socket that does not block");
        self.life.lock().expect("a whole robot").cable = Some(cable);
    }

    pub(crate) fn unplug(&self) {
        self.life.lock().expect("a whole robot").cable = None;
    }

    /// Where it is and how fast.
    pub(crate) fn truth(&self) -> Truth {
        *self.life.lock().expect("a whole robot").robot.truth()
    }
}

impl Drop for LiveRobot {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Life {
    fn step(&mut self) {
        let now = clock::now();
        let mut bytes = [0; 512];
        // Nothing there, or a machine that was switched off: either way nothing is heard.
        let count = self.cable.as_mut().map_or(0, |cable| cable.read(&mut bytes).unwrap_or(0));
        self.firmware.receive(&bytes[..count], now);
        self.robot.step(&self.world, STEP, self.firmware.setpoint(now));
        let pose = self.robot.odometry();
        let state = DeviceState {
            pose: [pose.x, pose.y, pose.yaw],
            twist: self.robot.odometry_twist(),
            battery: Some(self.robot.battery()),
            fault_bits: 0,
            loop_time: STEP,
        };
        let mut out = Vec::new();
        self.firmware.transmit(&state, now, &mut out);
        if let Some(cable) = &mut self.cable {
            // A wire that nobody reads loses what it cannot take.
            let _ = cable.write(&out);
        }
    }
}
