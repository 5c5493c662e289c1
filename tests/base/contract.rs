//! What every base does, over whatever line.

use std::time::Duration;

use pilothouse::base::native::NativeBase;
use pilothouse::msg::{LinkState, StopKind, StopState};
use pilothouse::safety::SafeTwist;

use crate::rig::{MemoryRig, PATIENCE, Rig, WATCHDOG, forward};

/// Handshake, driving, stops, the base's watchdog, the end.
pub(crate) fn check(mut rig: impl Rig) {
    let start = rig.now();
    assert_ne!(rig.base().poll(start).link, LinkState::Up, "no handshake yet");
    assert!(rig.base().info().is_none());

    let fast = forward(0.4);
    let report = rig.until("up", fast, |report, _| report.link == LinkState::Up);
    assert_eq!(report.session, 1);
    assert_eq!(report.watchdog, WATCHDOG);
    assert!((report.limits.linear_x - 0.5).abs() < 1e-6);
    let info = rig.base().info().expect("the handshake told").clone();
    assert_eq!(info.name, "rig");
    assert!(info.firmware.starts_with("sim "), "{}", info.firmware);

    let report = rig.until("driving", fast, |report, _| {
        report.odometry.is_some_and(|odometry| odometry.twist.linear_x > 0.39 && odometry.x > 0.05)
    });
    assert!(report.round_trip.is_some() && report.last_rx.is_some());
    assert!(report.battery.is_some_and(|battery| (battery.charge - 0.5).abs() < 1e-6));
    assert_eq!(report.base_loop, Some(Duration::from_millis(1)));
    assert_eq!(report.stop, StopState::Idle);

    stops_are_acknowledged(&mut rig);
    e_stop_latches_until_reset(&mut rig);
    silence_stops(&mut rig);

    rig.until("driving at the end", fast, |_, device| device.speed() > 0.1);
    let device = rig.end();
    let device = device.lock().unwrap();
    assert_eq!(device.velocities().last(), Some(&0.0), "dropping sends zero");
    let end = device.heard.len();
    let last = &device.heard[end.saturating_sub(2)..];
    assert!(last.iter().any(|packet| matches!(
        packet.body,
        pilothouse::base::native::Body::Stop { kind: StopKind::Stop, .. }
    )));
}

fn stops_are_acknowledged(rig: &mut impl Rig) {
    let now = rig.now();
    rig.base().stop(StopKind::Stop, now);
    let pending = StopState::Pending { kind_is_e_stop: false, since: now };
    assert_eq!(rig.base().poll(now).stop, pending);
    rig.until(
        "stop acknowledged",
        SafeTwist::ZERO,
        |report, _| matches!(report.stop, StopState::Acknowledged { at } if at >= now),
    );
    rig.until("standing", SafeTwist::ZERO, |_, device| device.speed().abs() < 1e-9);
    assert!(!rig.device().firmware.is_latched(), "a stop is no e-stop");
    rig.until("driving after a stop", forward(0.4), |_, device| device.speed() > 0.3);
}

fn e_stop_latches_until_reset(rig: &mut impl Rig) {
    let now = rig.now();
    rig.base().stop(StopKind::EStop, now);
    rig.until("e-stop acknowledged", SafeTwist::ZERO, |report, _| {
        matches!(report.stop, StopState::Acknowledged { .. }) && report.base_latched
    });
    rig.until("standing", SafeTwist::ZERO, |_, device| device.speed().abs() < 1e-9);
    for _ in 0..10 {
        rig.tick(forward(0.4));
    }
    assert!(rig.device().speed().abs() < 1e-9, "latched, so it must not move");

    let now = rig.now();
    rig.base().stop(StopKind::Reset, now);
    rig.until("reset", SafeTwist::ZERO, |report, device| {
        !report.base_latched && !device.firmware.is_latched()
    });
    rig.until("driving after a reset", forward(0.4), |_, device| device.speed() > 0.3);
}

fn silence_stops(rig: &mut impl Rig) {
    let start = rig.now();
    let mut measured = None;
    while measured.is_none() {
        measured = rig.poll().measured_stop;
        assert!(rig.now().since(start) < PATIENCE, "the watchdog never stopped it");
    }
    assert!(rig.device().speed().abs() < 0.011);
    // Its wheels need 0.15 s more from 0.3 m/s; what a loaded machine adds is not the base's fault.
    assert!(measured.is_some_and(|span| span > WATCHDOG), "{measured:?}");
}

#[test]
fn native_base_in_memory() {
    // Broken: the station's end of the native protocol does not do what a base must.
    check(MemoryRig::new());
}

#[test]
fn a_base_is_an_object() {
    // Broken: the control loop cannot hold "some base".
    let rig = MemoryRig::new();
    let base: Box<dyn pilothouse::base::Base> =
        Box::new(NativeBase::new(crate::rig::MemoryLine(rig.wire.clone())));
    assert!(base.info().is_none());
}
