//! The station's end on a manual clock, when the other end or the line misbehaves.

use std::time::Duration;

use pilothouse::base::Base;
use pilothouse::base::native::{Body, Decoder};
use pilothouse::msg::{LinkState, Stamp, StopKind, StopState};
use pilothouse::safety::SafeTwist;

use crate::rig::{MemoryRig, Rig, forward};

fn ticks(rig: &mut MemoryRig, count: usize, command: SafeTwist) {
    for _ in 0..count {
        rig.tick(command);
    }
}

#[test]
fn hello_is_repeated_and_nothing_moves_before_its_answer() {
    // Broken: a board that boots slowly is never greeted, or is sent commands before it said what
    // it is.
    let mut rig = MemoryRig::new();
    rig.device().firmware.set_silent(true);
    ticks(&mut rig, 100, forward(0.4));
    let hellos = rig.device().heard.iter().filter(|packet| packet.body == Body::HELLO).count();
    assert_eq!(hellos, 20, "one every 100 ms for two seconds");
    assert!(rig.device().velocities().is_empty());

    rig.device().firmware.set_silent(false);
    rig.until("up", SafeTwist::ZERO, |report, _| report.link == LinkState::Up);
}

#[test]
fn another_major_version_is_never_driven() {
    // Broken: a base whose packets mean something else is sent motion, or an updated one is never
    // noticed.
    let mut rig = MemoryRig::new();
    rig.device().firmware.set_major(2);
    ticks(&mut rig, 250, forward(0.4));
    let now = rig.now();
    assert_eq!(rig.base.poll(now).link, LinkState::Foreign { major: 2, minor: 0 });
    assert!(rig.device().velocities().is_empty());
    let hellos = rig.device().heard.len();
    assert!((4..=7).contains(&hellos), "one a second, not {hellos} in five");

    rig.device().firmware.set_major(1);
    rig.until("up", SafeTwist::ZERO, |report, _| report.link == LinkState::Up);
}

#[test]
fn a_stop_is_repeated_every_tick_until_acknowledged() {
    // Broken: one lost packet and the robot keeps going, or the operator is told that it stopped
    // when nobody knows.
    let mut rig = MemoryRig::up();
    rig.device().firmware.set_acknowledging(false);
    rig.device().heard.clear();
    let asked = rig.now();
    rig.base.stop(StopKind::EStop, asked);
    ticks(&mut rig, 50, forward(0.4));
    let stops = rig.device().stops();
    assert!(stops.len() >= 50, "{}", stops.len());
    assert!(stops.iter().all(|request| *request == stops[0]), "one request, one number");
    assert!(rig.device().velocities().iter().all(|velocity| *velocity == 0.0));
    let now = rig.now();
    let pending = StopState::Pending { kind_is_e_stop: true, since: asked };
    assert_eq!(rig.base.poll(now).stop, pending);

    rig.device().firmware.set_acknowledging(true);
    rig.until("acknowledged", SafeTwist::ZERO, |report, _| report.stop != pending);
    rig.device().heard.clear();
    ticks(&mut rig, 5, SafeTwist::ZERO);
    assert!(rig.device().stops().is_empty(), "acknowledged, so no longer sent");
}

#[test]
fn each_buffer_holds_all_that_is_due() {
    // Broken: the newest buffer wins, so a stop that is only in the one before it is lost.
    let mut rig = MemoryRig::up();
    let now = rig.now();
    rig.base.stop(StopKind::Stop, now);
    rig.base.send(forward(0.4), now);
    let bytes = rig.wire.lock().unwrap().outgoing.clone().unwrap();
    let mut decoder = Decoder::default();
    let bodies: Vec<_> =
        bytes.iter().filter_map(|&byte| decoder.feed(byte)).map(|packet| packet.body).collect();
    assert!(matches!(bodies[0], Body::Stop { kind: StopKind::Stop, .. }), "{bodies:?}");
    assert!(matches!(bodies[1], Body::Velocity(twist) if twist.is_zero()), "{bodies:?}");
}

#[test]
fn asking_every_tick_is_one_request() {
    // Broken: a control loop that asks for a stop on every tick never sees it acknowledged.
    for kind in [StopKind::Stop, StopKind::EStop] {
        let mut rig = MemoryRig::up();
        for _ in 0..20 {
            let now = rig.now();
            rig.base.stop(kind, now);
            rig.tick(SafeTwist::ZERO);
        }
        let stops = rig.device().stops();
        assert!(stops.iter().all(|request| *request == stops[0]), "{kind:?}: {stops:?}");
        let now = rig.now();
        assert!(matches!(rig.base.poll(now).stop, StopState::Acknowledged { .. }));
    }
}

#[test]
fn a_new_motion_makes_a_new_stop() {
    // Broken: the second stop of a drive is taken for the first and never sent.
    let mut rig = MemoryRig::up();
    for _ in 0..2 {
        let now = rig.now();
        rig.base.stop(StopKind::Stop, now);
        rig.until("acknowledged", SafeTwist::ZERO, |report, _| {
            matches!(report.stop, StopState::Acknowledged { .. })
        });
        rig.until("moving", forward(0.4), |_, device| device.speed() > 0.1);
    }
    let mut stops = rig.device().stops();
    stops.dedup();
    assert_eq!(stops.len(), 2);
}

#[test]
fn a_stop_needs_no_handshake() {
    // Broken: a base that answers nothing we understand cannot even be told to stop.
    let mut rig = MemoryRig::new();
    rig.device().firmware.set_silent(true);
    let now = rig.now();
    rig.base.stop(StopKind::EStop, now);
    ticks(&mut rig, 3, SafeTwist::ZERO);
    assert!(rig.device().firmware.is_latched());
}

#[test]
fn a_lost_line_comes_back_as_a_new_session_at_rest() {
    // Broken: after a replug the robot goes on with what it was told before.
    let mut rig = MemoryRig::up();
    rig.until("driving", forward(0.4), |_, device| device.speed() > 0.3);
    rig.unplug();
    let report = rig.tick(forward(0.4));
    assert_eq!((report.link, report.session), (LinkState::Down, 1));
    ticks(&mut rig, 20, forward(0.4));
    assert!(rig.device().speed().abs() < 0.2, "the watchdog brakes it");

    rig.device().heard.clear();
    rig.plug();
    let report = rig.until("up", SafeTwist::ZERO, |report, _| report.link == LinkState::Up);
    assert_eq!(report.session, 2);
    ticks(&mut rig, 2, SafeTwist::ZERO);
    assert!(rig.device().velocities().iter().all(|velocity| *velocity == 0.0));
}

#[test]
fn a_base_that_restarts_is_a_new_session_and_is_stopped_again() {
    // Broken: a base that lost its e-stop with its power moves again.
    let mut rig = MemoryRig::up();
    let now = rig.now();
    rig.base.stop(StopKind::EStop, now);
    rig.until("latched", SafeTwist::ZERO, |report, _| report.base_latched);
    *rig.device() = crate::rig::Device::new();
    let report = rig.until("up again", SafeTwist::ZERO, |report, _| report.session == 2);
    assert_eq!(report.link, LinkState::Up);
    rig.until("latched again", SafeTwist::ZERO, |report, device| {
        device.firmware.is_latched() && matches!(report.stop, StopState::Acknowledged { .. })
    });
}

#[test]
fn a_silent_base_is_greeted_again() {
    // Broken: a base that hung for a while is driven as if nothing had been.
    let mut rig = MemoryRig::up();
    rig.device().firmware.set_silent(true);
    rig.until("given up", SafeTwist::ZERO, |report, _| report.link == LinkState::Connecting);
    rig.device().firmware.set_silent(false);
    let report = rig.until("up", SafeTwist::ZERO, |report, _| report.link == LinkState::Up);
    assert_eq!(report.session, 2);
}

#[test]
fn a_reset_that_waited_is_dropped_with_its_session() {
    // Broken: a reset asked for minutes ago unlatches a base that has just come back.
    let mut rig = MemoryRig::up();
    let now = rig.now();
    rig.base.stop(StopKind::EStop, now);
    rig.until("latched", SafeTwist::ZERO, |report, _| report.base_latched);
    rig.unplug();
    let now = rig.now();
    rig.base.stop(StopKind::Reset, now);
    ticks(&mut rig, 5, SafeTwist::ZERO);
    rig.plug();
    rig.until("up", SafeTwist::ZERO, |report, _| report.session == 2);
    ticks(&mut rig, 20, SafeTwist::ZERO);
    assert!(rig.device().firmware.is_latched());
}

#[test]
fn noise_is_counted_and_survived() {
    // Broken: a bad cable ends the connection, or is never shown.
    let mut rig = MemoryRig::up();
    for round in 0..50_u8 {
        let noise: Vec<u8> =
            (0..97_u8).map(|at| at.wrapping_mul(31).wrapping_add(round) | 1).chain([0]).collect();
        rig.wire.lock().unwrap().incoming.splice(0..0, noise);
        rig.tick(forward(0.4));
    }
    let now = rig.now();
    let report = *rig.base.poll(now);
    assert_eq!((report.link, report.session, report.bad_packets), (LinkState::Up, 1, 50));
    assert!(rig.device().speed() > 0.3);
}

#[test]
fn a_blocked_port_is_reported() {
    // Broken: nobody learns that commands no longer leave.
    let mut rig = MemoryRig::up();
    let since = Stamp::from_millis(7);
    rig.wire.lock().unwrap().blocked_since = Some(since);
    assert_eq!(rig.tick(SafeTwist::ZERO).blocked_since, Some(since));
}

#[test]
fn faults_and_round_trip_are_reported() {
    // Broken: a base's fault does not reach the operator, or the round trip counts the base's own
    // telemetry period.
    let mut rig = MemoryRig::up();
    rig.device().firmware.set_fault_bits(0b10_0000);
    let report = rig.until("fault", SafeTwist::ZERO, |report, _| report.fault_bits != 0);
    assert_eq!(report.fault_bits, 0b10_0000);
    let round_trip = report.round_trip.unwrap();
    assert!(round_trip <= Duration::from_millis(20), "{round_trip:?}");
}

#[test]
fn a_stop_that_was_ordered_measures_nothing() {
    // Broken: an ordinary stop is taken for proof that the base's watchdog works.
    let mut rig = MemoryRig::up();
    rig.until("driving", forward(0.4), |_, device| device.speed() > 0.3);
    rig.until("standing", SafeTwist::ZERO, |_, device| device.speed() == 0.0);
    for _ in 0..50 {
        assert_eq!(rig.poll().measured_stop, None);
    }
    rig.until("driving", forward(0.4), |_, device| device.speed() > 0.3);
    let now = rig.now();
    rig.base.stop(StopKind::Stop, now);
    for _ in 0..50 {
        assert_eq!(rig.poll().measured_stop, None);
    }
}
