use super::*;

const MS: fn(u64) -> Stamp = Stamp::from_millis;

fn firmware(kinematics: Kinematics) -> Firmware {
    let mut firmware = Firmware::new(FirmwareConfig {
        name: "test".to_owned(),
        kinematics,
        limits: Twist::new(0.5, 0.25, 1.0),
        watchdog: Duration::from_millis(200),
    });
    hear(&mut firmware, 7, Body::HELLO, MS(0));
    firmware
}

fn hear(firmware: &mut Firmware, session: u16, body: Body, now: Stamp) {
    firmware.receive(&encode(&Packet { session, sequence: 1, body }), now);
}

fn say(firmware: &mut Firmware, now: Stamp) -> Vec<Packet> {
    let mut out = Vec::new();
    firmware.transmit(&DeviceState::default(), now, &mut out);
    let mut decoder = Decoder::default();
    out.into_iter().filter_map(|byte| decoder.feed(byte)).collect()
}

const FAST: Body = Body::Velocity(Twist::new(9.0, -9.0, 0.5));

#[test]
fn limits_and_kinematics_hold() {
    // Broken: the wheels follow a command that the base cannot take.
    let mut omni = firmware(Kinematics::Omni);
    hear(&mut omni, 7, FAST, MS(1));
    assert_eq!(omni.setpoint(MS(1)), Twist::new(0.5, -0.25, 0.5));
    let mut differential = firmware(Kinematics::Differential);
    hear(&mut differential, 7, FAST, MS(1));
    assert_eq!(differential.setpoint(MS(1)), Twist::new(0.5, 0.0, 0.5));
}

#[test]
fn watchdog_stops_on_the_millisecond() {
    // Broken: the robot drives on after its station is gone.
    let mut firmware = firmware(Kinematics::Omni);
    hear(&mut firmware, 7, FAST, MS(100));
    assert!(!firmware.setpoint(MS(299)).is_zero());
    assert!(firmware.setpoint(MS(300)).is_zero());
    hear(&mut firmware, 7, FAST, MS(301));
    assert!(!firmware.setpoint(MS(301)).is_zero(), "the next command moves again");
}

#[test]
fn only_its_session_moves_or_resets_it_but_anyone_stops_it() {
    // Broken: bytes from before an unplug move the robot or leave its latch, or a stop is refused.
    let mut firmware = firmware(Kinematics::Omni);
    hear(&mut firmware, 6, FAST, MS(1));
    assert!(firmware.setpoint(MS(1)).is_zero());
    hear(&mut firmware, 7, FAST, MS(2));
    hear(&mut firmware, 0, Body::Stop { kind: StopKind::EStop, request: 1 }, MS(3));
    assert!(firmware.is_latched() && firmware.setpoint(MS(3)).is_zero());
    hear(&mut firmware, 6, Body::Stop { kind: StopKind::Reset, request: 2 }, MS(4));
    assert!(firmware.is_latched());
    hear(&mut firmware, 7, Body::Stop { kind: StopKind::Reset, request: 3 }, MS(5));
    assert!(!firmware.is_latched() && firmware.setpoint(MS(5)).is_zero());
}

#[test]
fn without_a_session_nothing_moves() {
    // Broken: session 0, which every base starts with, is taken for a session.
    let mut firmware = firmware(Kinematics::Omni);
    firmware.restart();
    hear(&mut firmware, 0, FAST, MS(1));
    assert!(firmware.setpoint(MS(1)).is_zero());
    assert_eq!(say(&mut firmware, MS(2))[0].session, 0);
}

#[test]
fn a_second_hello_of_the_session_changes_nothing_a_new_one_stands() {
    // Broken: a repeated greeting stutters the drive, or a new station inherits the old one's
    // motion.
    let mut firmware = firmware(Kinematics::Omni);
    hear(&mut firmware, 7, FAST, MS(1));
    hear(&mut firmware, 7, Body::HELLO, MS(2));
    assert!(!firmware.setpoint(MS(2)).is_zero());
    hear(&mut firmware, 8, Body::HELLO, MS(3));
    assert!(firmware.setpoint(MS(3)).is_zero());
}

#[test]
fn a_hello_of_another_major_version_is_answered_and_not_adopted() {
    // Broken: two versions that do not understand each other drive a robot, or neither says why
    // not.
    let mut firmware = firmware(Kinematics::Omni);
    say(&mut firmware, MS(0));
    hear(&mut firmware, 9, Body::Hello { major: 2, minor: 0 }, MS(1));
    let answer = say(&mut firmware, MS(1))[0];
    assert_eq!(answer.session, 9);
    assert!(matches!(answer.body, Body::Welcome(_)));
    hear(&mut firmware, 9, FAST, MS(2));
    assert!(firmware.setpoint(MS(2)).is_zero());
}

#[test]
fn telemetry_comes_fifty_times_a_second_and_echoes() {
    // Broken: the station sees the base too rarely, or cannot measure the round trip.
    let mut firmware = firmware(Kinematics::Omni);
    hear(&mut firmware, 7, FAST, MS(0));
    let telemetry: Vec<_> = (0..1_000)
        .flat_map(|ms| say(&mut firmware, MS(ms)))
        .filter_map(|packet| match packet.body {
            Body::Telemetry(telemetry) => Some(telemetry),
            _ => None,
        })
        .collect();
    assert_eq!(telemetry.len(), 50);
    assert_eq!(telemetry[1].echo, Some((1, Duration::from_millis(20))));
}
