//! `pilothouse sim serve`: the simulated robot in real time, in a process of its own.

use std::io::{self, BufRead, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, bail};

use super::port::Port;
use super::scenario;
use crate::msg::{Frame, Stamp};
use crate::runtime::{clock, spawn};
use crate::sim::firmware::{DeviceState, Firmware, FirmwareConfig};
use crate::sim::packet::{self, CameraMount, Hello, Status};
use crate::sim::robot::{LIMITS, RADIUS_M, STEP};
use crate::sim::scenario::DEFAULT;
use crate::sim::task::Tracker;
use crate::sim::{Pose, Renderer, Robot, Scenario, Side, World};

/// The base stops by itself after this long without a command.
const WATCHDOG: Duration = Duration::from_millis(200);
/// Longer than anyone drives: the task's time limit does not apply to a person trying things out.
const NO_LIMIT: Duration = Duration::from_hours(24);
/// Pictures between two status packets.
const STATUS_EVERY: u64 = 3;
/// Frames per second of a camera that was made slow.
const SLOW_RATE: f64 = 5.0;

/// The simulated robot in real time.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A built-in scenario or a scenario file.
    #[arg(long, value_name = "NAME|FILE", default_value = DEFAULT)]
    scenario: String,
    /// Everything random in the world follows from it.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    #[arg(long, default_value_t = 640)]
    width: u32,
    #[arg(long, default_value_t = 480)]
    height: u32,
    /// Pictures per second.
    #[arg(long, default_value_t = 30.0)]
    rate: f64,
}

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    let sides = 16..=3840;
    if !(1.0..=240.0).contains(&args.rate)
        || !sides.contains(&args.width)
        || !sides.contains(&args.height)
    {
        bail!("the camera takes 1 to 240 pictures a second, 16 to 3840 pixels wide and high");
    }
    let scenario = scenario(&args.scenario)?;
    let life = Arc::new(Mutex::new(Life::new(&scenario, args.seed)?));
    let stop = Arc::new(AtomicBool::new(false));
    let physics = {
        let (life, stop) = (Arc::clone(&life), Arc::clone(&stop));
        spawn("sim-physics", move || move_on(&life, &stop)).context("cannot start a thread")?
    };
    let orders = {
        let (life, stop) = (Arc::clone(&life), Arc::clone(&stop));
        spawn("sim-orders", move || take_orders(&life, &stop)).context("cannot start a thread")?
    };
    let shown = show(args, &life, &stop);
    stop.store(true, Ordering::Release);
    let moved = physics.join();
    // By hand: the thread at standard input may still hold on to the life when the process ends.
    lock(&life).port.close();
    // The station went away: that is how a session ends.
    let is_over = |error: &anyhow::Error| {
        error.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
    };
    drop(orders);
    if moved.is_err() {
        bail!("the simulator's physics stopped with a bug");
    }
    shown.or_else(|error| if is_over(&error) { Ok(()) } else { Err(error) })
}

/// What the camera does besides its duty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum CameraFault {
    #[default]
    None,
    /// The same picture again and again.
    Frozen,
    /// No pictures.
    Stalled,
    Slow,
    Unplugged,
}

/// The robot, its world and its line, shared by the three threads.
#[derive(Debug)]
struct Life {
    world: Arc<World>,
    /// Counts worlds, so that the renderer notices a new one.
    worlds: u32,
    robot: Robot,
    left: Tracker,
    right: Tracker,
    firmware: Firmware,
    port: Port,
    camera: CameraFault,
}

impl Life {
    fn new(scenario: &Scenario, seed: u64) -> anyhow::Result<Self> {
        let world = World::generate(scenario, seed);
        let firmware = Firmware::new(FirmwareConfig {
            name: "simulated robot".to_owned(),
            kinematics: scenario.base,
            limits: LIMITS,
            watchdog: WATCHDOG,
        });
        Ok(Self {
            robot: Robot::new(&world),
            left: Tracker::new(Side::Left, NO_LIMIT),
            right: Tracker::new(Side::Right, NO_LIMIT),
            world: Arc::new(world),
            worlds: 0,
            firmware,
            port: Port::open()?,
            camera: CameraFault::None,
        })
    }

    /// One step of the physics, which ends at `now`.
    fn step(&mut self, now: Stamp) {
        let mut bytes = [0; 512];
        let n = self.port.read(&mut bytes);
        self.firmware.receive(bytes.get(..n).unwrap_or(&[]), now);
        self.robot.step(&self.world, STEP, self.firmware.setpoint(now));
        let truth = *self.robot.truth();
        self.left.update(&self.world, &truth);
        self.right.update(&self.world, &truth);
        let pose = self.robot.odometry();
        let state = DeviceState {
            pose: [pose.x, pose.y, pose.yaw],
            twist: self.robot.odometry_twist(),
            battery: Some(self.robot.battery()),
            fault_bits: 0,
            loop_time: STEP,
        };
        let mut out = Vec::with_capacity(128);
        self.firmware.transmit(&state, now, &mut out);
        self.port.write(&out);
    }

    fn status(&self) -> Status {
        let truth = self.robot.truth();
        Status {
            time_s: truth.time.as_secs_f64(),
            x: truth.pose.x,
            y: truth.pose.y,
            yaw: truth.pose.yaw,
            speed_mps: truth.twist.speed_mps(),
            target_distance_m: self.world.target_distance(truth.pose.x, truth.pose.y),
            left: self.left.outcome(),
            right: self.right.outcome(),
        }
    }

    fn reset(&mut self, seed: u64) {
        let world = World::generate(&self.world.scenario, seed);
        self.robot = Robot::new(&world);
        self.left = Tracker::new(Side::Left, NO_LIMIT);
        self.right = Tracker::new(Side::Right, NO_LIMIT);
        self.world = Arc::new(world);
        self.worlds += 1;
        self.firmware.restart();
    }

    /// A line from standard input; see [`ORDERS`].
    fn obey(&mut self, line: &str) -> anyhow::Result<bool> {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            [] => {}
            ["quit"] => return Ok(false),
            ["reset"] => self.reset(self.world.seed),
            ["reset", seed] => self.reset(seed.parse().context("a seed is a whole number")?),
            ["camera", fault] => self.camera = camera_fault(fault)?,
            ["base", fault] => self.base_fault(fault)?,
            _ => bail!("{line:?} is no order; {ORDERS}"),
        }
        Ok(true)
    }

    fn base_fault(&mut self, fault: &str) -> anyhow::Result<()> {
        match fault {
            "silent" => self.firmware.set_silent(true),
            "deaf" => self.firmware.set_acknowledging(false),
            "fault" => self.firmware.set_fault_bits(1),
            "unplug" => self.port.unplug(),
            "return" => self.port.plug_in()?,
            "resume" => {
                self.firmware.set_silent(false);
                self.firmware.set_acknowledging(true);
                self.firmware.set_fault_bits(0);
            }
            _ => bail!("base {fault:?} is no order; {ORDERS}"),
        }
        Ok(())
    }
}

const ORDERS: &str = "orders are: camera freeze|stall|slow|unplug|resume, \
                      base silent|deaf|fault|unplug|return|resume, reset [SEED], quit";

fn camera_fault(name: &str) -> anyhow::Result<CameraFault> {
    Ok(match name {
        "freeze" => CameraFault::Frozen,
        "stall" => CameraFault::Stalled,
        "slow" => CameraFault::Slow,
        "unplug" => CameraFault::Unplugged,
        "resume" | "return" => CameraFault::None,
        _ => bail!("camera {name:?} is no order; {ORDERS}"),
    })
}

fn lock(life: &Mutex<Life>) -> MutexGuard<'_, Life> {
    life.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The physics thread. After a stall it goes on from now: the world has no catching up to do.
fn move_on(life: &Mutex<Life>, stop: &AtomicBool) {
    let mut due = clock::now();
    while !stop.load(Ordering::Acquire) {
        let now = clock::now();
        lock(life).step(now);
        due = if now.since(due) > STEP * 10 { now } else { due + STEP };
        clock::sleep_until(due);
    }
}

/// The thread at standard input; its end is the end of the session.
fn take_orders(life: &Mutex<Life>, stop: &AtomicBool) {
    for line in io::stdin().lock().lines() {
        let Ok(line) = line else { break };
        match lock(life).obey(&line) {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => {
                let _ = writeln!(io::stderr(), "sim: {error:#}");
            }
        }
    }
    stop.store(true, Ordering::Release);
}

/// The camera, on the thread that was there first.
fn show(args: &Args, life: &Mutex<Life>, stop: &AtomicBool) -> anyhow::Result<()> {
    let mut out = io::stdout();
    let (mut world, mut worlds) = {
        let life = lock(life);
        say_hello(args, &life, &mut out)?;
        (Arc::clone(&life.world), life.worlds)
    };
    let mut renderer = Renderer::new(&world);
    let mut frame = Frame::default();
    frame.resize(args.width, args.height);
    let mut was_unplugged = false;
    let mut number = 0;
    let mut due = clock::now();
    while !stop.load(Ordering::Acquire) {
        let (pose, status, fault) = {
            let life = lock(life);
            if life.worlds != worlds {
                (world, worlds) = (Arc::clone(&life.world), life.worlds);
                renderer = Renderer::new(&world);
            }
            (life.robot.truth().pose, life.status(), life.camera)
        };
        number += 1;
        match fault {
            CameraFault::Unplugged if !was_unplugged => {
                out.write_all(&packet::head(packet::GONE, 0))?;
            }
            CameraFault::Unplugged | CameraFault::Stalled => {}
            _ => send_picture(&mut renderer, pose, number, &mut frame, fault, &mut out)?,
        }
        was_unplugged = fault == CameraFault::Unplugged;
        if number % STATUS_EVERY == 1 {
            let body = serde_json::to_vec(&status)?;
            out.write_all(&packet::head(packet::STATUS, body.len()))?;
            out.write_all(&body)?;
        }
        out.flush()?;
        let rate = if fault == CameraFault::Slow { SLOW_RATE } else { args.rate };
        due = (due + Duration::from_secs_f64(1.0 / rate)).max(clock::now());
        clock::sleep_until(due);
    }
    Ok(())
}

fn say_hello(args: &Args, life: &Life, out: &mut impl Write) -> anyhow::Result<()> {
    let world = &life.world;
    let hello = Hello {
        port: life.port.address().to_owned(),
        scenario: world.scenario.name.clone(),
        seed: world.seed,
        kinematics: world.scenario.base,
        body_width_m: 2.0 * RADIUS_M,
        camera: CameraMount {
            width: args.width,
            height: args.height,
            rate: args.rate,
            height_m: world.mount.height_m,
            tilt: world.mount.tilt,
            hfov: world.mount.hfov,
        },
        instructions: world.instructions(),
    };
    let body = serde_json::to_vec(&hello)?;
    out.write_all(&packet::head(packet::HELLO, body.len()))?;
    out.write_all(&body)?;
    Ok(out.flush()?)
}

/// The head first, then the drawing: its arrival is the time of capture.
fn send_picture(
    renderer: &mut Renderer,
    pose: Pose,
    number: u64,
    frame: &mut Frame,
    fault: CameraFault,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let body = packet::FRAME_HEAD + frame.rgb.len();
    out.write_all(&packet::head(packet::FRAME, body))?;
    out.write_all(&packet::frame_head(number, frame.width, frame.height))?;
    out.flush()?;
    if fault != CameraFault::Frozen {
        renderer.render(pose, number, frame);
    }
    out.write_all(&frame.rgb)?;
    Ok(())
}
