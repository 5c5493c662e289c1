//! The codec alone; the station's behaviour is tested in `base/native/station_tests.rs`.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::msg::{Battery, Kinematics, StopKind, Twist};

fn decode(bytes: &[u8]) -> (Vec<Packet>, u32) {
    let mut decoder = Decoder::default();
    let packets = bytes.iter().filter_map(|&byte| decoder.feed(byte)).collect();
    (packets, decoder.bad_packets())
}

fn packet(sequence: u16, body: Body) -> Packet {
    Packet { session: 0xBEEF, sequence, body }
}

fn welcome() -> Welcome {
    Welcome {
        minor: 0,
        kinematics: Kinematics::Omni,
        watchdog_ms: 200,
        limits: Twist::new(0.5, 0.25, 1.5),
        name: Text::new("rover"),
        firmware: Text::new("2.1"),
    }
}

fn telemetry() -> Telemetry {
    Telemetry {
        is_latched: true,
        echo: Some((258, Duration::from_millis(4))),
        pose: [1.0, -2.0, 0.5],
        twist: Twist::new(0.25, 0.0, -0.5),
        battery: Some(Battery { volts: 12.0, charge: 0.75 }),
        faults: 0x8001,
        loop_time: Duration::from_millis(1),
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

#[test]
fn golden_bytes() {
    // Broken: the bytes on the wire changed, so firmware in the field no longer understands us.
    // Made independently by a few lines of Python (struct, zlib.crc32 and a COBS written from the
    // paper).
    let golden = [
        (packet(1, Body::HELLO), "000501efbe01020105cc9d59d200"),
        (
            packet(2, Body::Velocity(Twist::new(0.5, 0.0, -1.0))),
            "000502efbe02010101023f01010101010780bfd4d26de900",
        ),
        (
            packet(3, Body::Stop { kind: StopKind::EStop, request: 7 }),
            "000503efbe03030207050844e03500",
        ),
        (
            packet(4, Body::Welcome(welcome())),
            "000581efbe0402010301c8010101023f0103803e0108c03f726f76657201010101010101010101010101010101010104322e310101010101010101010101010101010101010101056c74a19600",
        ),
        (
            packet(5, Body::Ack(Ack { kind: StopKind::EStop, request: 7, is_latched: true })),
            "000582efbe0503020706017c409c0c00",
        ),
        (
            packet(6, Body::Telemetry(telemetry())),
            "000583efbe0606030201a00f01010103803f010102c00101023f0103803e01010101010102bf010340410107403f0180e8030105790c9e4200",
        ),
    ];
    for (packet, expected) in golden {
        assert_eq!(hex(&encode(&packet)), expected, "{packet:?}");
        assert_eq!(decode(&encode(&packet)), (vec![packet], 0));
    }
}

#[test]
fn checksum_is_the_named_one() {
    // Broken: the polynomial in the documentation is not the one in use.
    let crc = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC);
    assert_eq!(crc.checksum(b"123456789"), 0xCBF4_3926);
}

#[test]
fn the_longest_packet_fits_with_room_to_grow() {
    // Broken: a packet is cut off, or a newer minor version has no room left to append fields.
    let longest = [Body::Welcome(welcome()), Body::Telemetry(telemetry())]
        .map(|body| encode(&packet(0, body)).len());
    assert!(longest.iter().all(|&len| len > 20 && len < MAX_FRAME - 32), "{longest:?}");
}

#[test]
fn resynchronises_after_garbage() {
    // Broken: noise on the line takes good packets with it, or bad ones are not counted.
    let good = encode(&packet(9, Body::HELLO));
    let mut stream = b"boot: hello from the bootloader\r\n".to_vec();
    stream.extend_from_slice(&good);
    stream.extend(std::iter::repeat_n(0xFF, 10_000));
    stream.extend_from_slice(&good);
    stream.extend_from_slice(&good[..good.len() / 2]);
    stream.extend_from_slice(&good);
    let (packets, bad) = decode(&stream);
    assert_eq!(packets.len(), 3);
    assert_eq!(bad, 3);
}

#[test]
fn unknown_types_and_longer_bodies_are_a_newer_minor_version() {
    // Broken: this station would count a newer base's packets as line noise, or not understand
    // them.
    let longer = frame(&[&[0x03, 1, 0, 2, 0][..], &[2, 7, 0], &[9, 9, 9]].concat());
    let unknown = frame(&[0x7F, 1, 0, 2, 0, 1, 2, 3]);
    let stop = Body::Stop { kind: StopKind::EStop, request: 7 };
    assert_eq!(decode(&longer), (vec![Packet { session: 1, sequence: 2, body: stop }], 0));
    assert_eq!(decode(&unknown), (vec![], 0));
}

#[test]
fn another_major_version_is_told_apart() {
    // Broken: a base with another layout would be driven by misread limits.
    let foreign = frame(&[0x81, 1, 0, 2, 0, 2, 7, 0xAA]);
    let (packets, bad) = decode(&foreign);
    assert_eq!(packets[0].body, Body::Foreign { major: 2, minor: 7 });
    assert_eq!(bad, 0);
}

#[test]
fn malformed_bodies_are_counted() {
    // Broken: a body that is short, not finite or out of range reaches the station as if it were
    // true.
    let nan = f32::NAN.to_le_bytes();
    let mut negative_limit = welcome_bytes();
    negative_limit[10..14].copy_from_slice(&(-1.0_f32).to_le_bytes());
    let bad: [Vec<u8>; 5] = [
        vec![0x02, 1, 0, 2, 0, 0, 0],
        [&[0x02, 1, 0, 2, 0][..], &nan, &nan, &nan].concat(),
        vec![0x03, 1, 0, 2, 0, 4, 7, 0],
        vec![0x03],
        negative_limit,
    ];
    for body in bad {
        assert_eq!(decode(&frame(&body)), (vec![], 1), "{body:?}");
    }
    assert_eq!(decode(&frame(&welcome_bytes())).0.len(), 1);
}

#[test]
fn a_twist_that_is_not_finite_is_sent_as_zero() {
    // Broken: a number too large for the wire would make the packet malformed and hide the
    // heartbeat.
    let (packets, _) = decode(&encode(&packet(1, Body::Velocity(Twist::new(0.1, 1e300, 0.0)))));
    assert_eq!(packets[0].body, Body::Velocity(Twist::ZERO));
}

#[test]
fn texts_are_cut_at_a_character() {
    // Broken: a long or foreign name panics or is sent as invalid UTF-8.
    assert_eq!(Text::new("rover").as_str(), "rover");
    assert_eq!(Text::new(&"ä".repeat(20)).as_str(), "ä".repeat(12));
    assert_eq!(Text::new(&format!("x{}", "ä".repeat(20))).as_str().len(), 23);
}

#[test]
fn fault_bits_have_names() {
    // Broken: the screen would show a bit under another bit's name.
    assert_eq!(fault_names(0b10_0001).collect::<Vec<_>>(), ["motor driver", "bumper"]);
    assert_eq!(fault_names(u16::MAX).count(), 16);
    assert_eq!(fault_names(0).count(), 0);
}

fn welcome_bytes() -> Vec<u8> {
    let mut bytes = vec![0x81, 1, 0, 2, 0, 1, 0, 1, 200, 0];
    for limit in [0.5_f32, 0.25, 1.5] {
        bytes.extend_from_slice(&limit.to_le_bytes());
    }
    bytes.extend_from_slice(&[0; 48]);
    bytes
}

/// A frame of any bytes with a good CRC.
fn frame(plain: &[u8]) -> Vec<u8> {
    let crc = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC).checksum(plain);
    let plain = [plain, &crc.to_le_bytes()].concat();
    let mut out = vec![0; cobs::max_encoding_length(plain.len()) + 2];
    let len = cobs::encode_including_sentinels(&plain, &mut out);
    out.truncate(len);
    out
}

fn real() -> impl Strategy<Value = f64> {
    prop_oneof![Just(0.0_f32), -1e4_f32..1e4, Just(f32::MIN_POSITIVE), Just(f32::MAX)]
        .prop_map(f64::from)
}

fn twist() -> impl Strategy<Value = Twist> {
    (real(), real(), real()).prop_map(|(x, y, z)| Twist::new(x, y, z))
}

fn stop_kind() -> impl Strategy<Value = StopKind> {
    prop_oneof![Just(StopKind::Stop), Just(StopKind::EStop), Just(StopKind::Reset)]
}

fn body() -> impl Strategy<Value = Body> {
    let telemetry = (
        any::<(bool, u16, u32, u16, u32)>(),
        (real(), real(), real()),
        twist(),
        proptest::option::of((real(), real())),
    );
    prop_oneof![
        any::<(u8, u8)>().prop_map(|(major, minor)| Body::Hello { major, minor }),
        twist().prop_map(Body::Velocity),
        (stop_kind(), any::<u16>()).prop_map(|(kind, request)| Body::Stop { kind, request }),
        (any::<(u8, u16, bool)>(), twist(), ".{0,12}", "[ -~]{0,30}").prop_map(
            |((minor, watchdog_ms, is_omni), twist, name, firmware)| Body::Welcome(Welcome {
                minor,
                kinematics: if is_omni { Kinematics::Omni } else { Kinematics::Differential },
                watchdog_ms,
                limits: Twist::new(
                    twist.linear_x.abs(),
                    twist.linear_y.abs(),
                    twist.angular_z.abs()
                ),
                name: Text::new(&name),
                firmware: Text::new(&firmware),
            })
        ),
        (stop_kind(), any::<u16>(), any::<bool>())
            .prop_map(|(kind, request, is_latched)| Body::Ack(Ack { kind, request, is_latched })),
        telemetry.prop_map(
            |((is_latched, echo, age, faults, loop_us), (x, y, yaw), twist, battery)| {
                Body::Telemetry(Telemetry {
                    is_latched,
                    echo: (age != u32::MAX).then(|| (echo, Duration::from_micros(age.into()))),
                    pose: [x, y, yaw],
                    twist,
                    battery: battery.map(|(volts, charge)| Battery { volts, charge }),
                    faults,
                    loop_time: Duration::from_micros(loop_us.into()),
                })
            }
        ),
    ]
}

proptest! {
    #[test]
    fn round_trips(session: u16, sequence: u16, body in body()) {
        // Broken: a packet does not arrive as it was sent.
        let packet = Packet { session, sequence, body };
        prop_assert_eq!(decode(&encode(&packet)), (vec![packet], 0));
    }

    #[test]
    fn any_bytes_then_a_packet(noise: Vec<u8>, body in body()) {
        // Broken: some garbage panics the decoder or makes it lose the packet after it.
        let packet = Packet { session: 1, sequence: 2, body };
        let (packets, _) = decode(&[&noise, &*encode(&packet)].concat());
        prop_assert_eq!(packets.last(), Some(&packet));
    }

    #[test]
    fn one_flipped_bit_is_noticed(body in body(), position: prop::sample::Index, bit in 0..8_u32) {
        // Broken: a disturbed packet is taken for a true one.
        let packet = Packet { session: 1, sequence: 2, body };
        let mut bytes = encode(&packet).to_vec();
        let position = position.index(bytes.len());
        bytes[position] ^= 1 << bit;
        let (packets, _) = decode(&bytes);
        prop_assert!(packets.is_empty() || packets == vec![packet]);
    }
}
