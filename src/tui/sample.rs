//! A plausible station in each of its states: what the snapshot tests show and `bench draw` times.
//!
//! Nothing here reaches a robot, and no verb shows it as if it were one.

use std::sync::Arc;
use std::time::Duration;

use super::{App, Event, Options, update};
use crate::msg::{
    ActionChunk, Authority, BaseInfo, Battery, Fault, FaultSet, Frame, InputMode, Kinematics,
    Level, LinkState, Mode, Notice, Odometry, Snapshot, Stamp, StationInfo, Tick, Twist,
};

/// A station a minute after its start, in `mode`, with a picture of `width` x `height`.
#[must_use]
pub fn app(options: Options, mode: Mode, (width, height): (u32, u32)) -> App {
    let mut app = App::new(options);
    update(&mut app, Event::Clock(Stamp::ZERO));
    update(&mut app, Event::Info(Box::new(info())));
    for i in 0..300 {
        update(&mut app, Event::Snapshot(Box::new(snapshot(mode, i * 10))));
    }
    let lines = [
        (1, Level::Info, "opened the simulated robot"),
        (2, Level::Good, "base answers: omni, watchdog 200 ms"),
        (4, Level::Good, "beacon is loaded on CPU in 31 ms"),
        (9, Level::Info, "instruction: find the red target"),
        (31, Level::Warn, "policy unsure, slowed down"),
        (34, Level::Info, "you took over"),
    ];
    for (second, level, text) in lines {
        let notice = Notice { at: Stamp::from_millis(second * 1000), level, text: text.into() };
        update(&mut app, Event::Notice(notice));
    }
    let last = snapshot(mode, 3000);
    update(&mut app, Event::Frame(Arc::new(corridor(last.tick.now, width, height, 1800))));
    update(&mut app, Event::Snapshot(Box::new(last)));
    app
}

/// The names that change rarely.
#[must_use]
pub fn info() -> StationInfo {
    StationInfo {
        tolerance: [0.1, 0.1, 0.2],
        robot: "simulated robot".into(),
        base: Some(BaseInfo {
            name: "sim".into(),
            firmware: "1.0".into(),
            kinematics: Kinematics::Omni,
            limits: Twist::new(0.5, 0.5, 1.5),
            watchdog: Duration::from_millis(200),
        }),
        camera: "simulated 640x480@30".into(),
        policy: Some("beacon".into()),
        policies: ["beacon", "hall-navigator", "tiny"].map(String::from).to_vec(),
        device: "CPU".into(),
        policy_problem: String::new(),
        instruction: "find the red target".into(),
        suggestions: ["find the red target", "find the green target", "find the blue target"]
            .map(String::from)
            .to_vec(),
        input_mode: InputMode::Hold,
        gamepad: None,
        log_path: "~/.local/state/pilothouse/pilothouse.log".into(),
        camera_height_m: 0.35,
        camera_tilt: 0.0,
        camera_hfov: 110.0_f64.to_radians(),
        body_width_m: 0.3,
    }
}

/// Tick `i` of a drive in `mode`: a slow curve to the left, confidence that comes and goes.
#[must_use]
pub fn snapshot(mode: Mode, i: u64) -> Snapshot {
    let seconds = i as f64 / 50.0;
    let now = Stamp::from_millis(i * 20);
    let turned = seconds * 0.06;
    let (sin, cos) = turned.sin_cos();
    let policy = Twist::new(0.32, 0.0, 0.35);
    let operator =
        matches!(mode, Mode::Manual | Mode::Override).then(|| Twist::new(0.4, 0.12, 0.1));
    let mut tick = Tick { number: i, now, mode, ..Tick::default() };
    tick.base.link = LinkState::Up;
    tick.base.session = 1;
    tick.base.limits = Twist::new(0.5, 0.5, 1.5);
    tick.base.watchdog = Duration::from_millis(200);
    tick.base.measured_stop = Some(Duration::from_millis(212));
    tick.base.round_trip = Some(Duration::from_millis(3));
    tick.base.battery = Some(Battery { volts: 12.4, charge: 0.87 });
    tick.base.odometry = Some(Odometry {
        x: 2.4 * sin,
        y: 2.4 * (1.0 - cos),
        yaw: turned,
        twist: policy,
        received: now,
    });
    tick.readiness.camera.connected = true;
    tick.readiness.camera.rate_nominal = 30.0;
    tick.readiness.camera.rate_seen = 30.0;
    tick.readiness.policy.ready = true;
    tick.readiness.policy.confidence_min = 0.5;
    tick.chunk = Some(chunk(i, now, policy, seconds));
    tick.policy_twist = Some(policy);
    tick.operator_twist = operator;
    tick.ceiling_mps = 0.5;
    (tick.authority, tick.sent) = match mode {
        Mode::Autonomous => (Authority::Policy, policy.scaled(0.96)),
        Mode::Manual | Mode::Override => (Authority::Operator, Twist::new(0.38, 0.1, 0.1)),
        Mode::SoftStop => (Authority::Ramp, Twist::new(0.14, 0.0, 0.15)),
        Mode::Standby | Mode::EStop => (Authority::Nobody, Twist::ZERO),
    };
    if mode == Mode::SoftStop {
        tick.faults = FaultSet::EMPTY.with(Fault::LowConfidence);
    }
    Snapshot {
        tick,
        ticks: i,
        ticks_late: 0,
        frame_ms: (2.1, 3.4),
        inference_ms: (12.3, 18.1),
        operator_ms: (8.2, 19.6),
        reaction_ms: (31.0, 52.0),
        jitter_ms: (0.1, 0.6),
    }
}

fn chunk(i: u64, now: Stamp, twist: Twist, seconds: f64) -> ActionChunk {
    let dip = if (31.0..36.0).contains(&seconds) { 0.45 } else { 0.0 };
    let mut chunk = ActionChunk::default();
    chunk.seq = i / 5;
    chunk.captured = now - Duration::from_millis(40);
    chunk.slot = Duration::from_millis(100);
    chunk.horizon = Duration::from_millis(1600);
    chunk.confidence = 0.8 + 0.1 * (seconds * 0.9).sin() - dip;
    chunk.set_twists(&[twist; 16]);
    chunk
}

/// A corridor with a tiled floor and a red target, in one-point perspective. `shift` moves the
/// tiles (mm).
#[must_use]
pub fn corridor(captured: Stamp, width: u32, height: u32, shift: u32) -> Frame {
    let mut frame = Frame { seq: u64::from(shift), captured, ..Frame::default() };
    frame.resize(width, height);
    let (w, h) = (f64::from(width), f64::from(height));
    let focal = w * 0.35;
    let stride = (width as usize).max(1) * 3;
    for (row, line) in frame.rgb.chunks_exact_mut(stride).enumerate() {
        for (column, pixel) in line.chunks_exact_mut(3).enumerate() {
            let (u, v) = ((column as f64 - w / 2.0) / focal, (row as f64 - h / 2.0) / focal);
            pixel.copy_from_slice(&shade(u, v, f64::from(shift) / 1000.0));
        }
    }
    frame
}

/// The colour seen along the ray (`u` right, `v` down, 1 ahead) of a camera 0.35 m over the floor.
fn shade(u: f64, v: f64, shift: f64) -> [u8; 3] {
    let lit = |base: [f64; 3], depth: f64| {
        let light = 1.0 / (1.0 + 0.05 * depth * depth);
        base.map(|channel| (channel * (0.25 + 0.75 * light)).clamp(0.0, 255.0) as u8)
    };
    let is_target = (u - 0.18).abs() < 0.05 && (-0.04..0.16).contains(&v);
    if is_target {
        return lit([214.0, 48.0, 44.0], 1.0);
    }
    let to_wall = 1.5 / u.abs().max(1e-6);
    let to_plane = if v > 0.0 { 0.35 / v } else { 1.9 / -v.min(-1e-6) };
    if to_wall < to_plane.min(9.0) {
        let panel = (to_wall + shift) % 1.6 < 0.06;
        lit(if panel { [120.0, 116.0, 110.0] } else { [196.0, 190.0, 178.0] }, to_wall)
    } else if to_plane > 9.0 {
        lit([150.0, 160.0, 168.0], 2.0)
    } else if v > 0.0 {
        let (across, along) = ((u * to_plane / 0.5).floor(), ((to_plane + shift) / 0.5).floor());
        let is_dark = (across + along).rem_euclid(2.0) < 1.0;
        lit(if is_dark { [112.0, 98.0, 84.0] } else { [150.0, 134.0, 114.0] }, to_plane)
    } else {
        lit([226.0, 226.0, 222.0], to_plane)
    }
}
