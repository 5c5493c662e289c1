//! Any bytes at both ends of the native protocol: neither may panic, and what is understood must be
//! said the same way.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pilothouse::base::native::{Body, Decoder, NativeBase, Packet, encode};
use pilothouse::base::{Base, Line, Written};
use pilothouse::msg::{BaseReport, Kinematics, Stamp, Twist};
use pilothouse::sim::firmware::{DeviceState, Firmware, FirmwareConfig};

/// Brings the fuzzer's bytes, forgets what is written.
struct Replay<'a>(&'a [u8]);

impl Line for Replay<'_> {
    fn is_open(&self) -> bool {
        true
    }

    fn generation(&self) -> u32 {
        1
    }

    fn write(&mut self, _: &[u8]) -> Written {
        Written::Taken
    }

    fn blocked_since(&self) -> Option<Stamp> {
        None
    }

    fn read(&mut self, buffer: &mut [u8]) -> usize {
        let count = buffer.len().min(self.0.len());
        let (head, tail) = self.0.split_at(count);
        buffer[..count].copy_from_slice(head);
        self.0 = tail;
        count
    }
}

fuzz_target!(|bytes: &[u8]| {
    check_stream(bytes);
    check_stream(&frame(bytes));
});

fn check_stream(bytes: &[u8]) {
    let mut decoder = Decoder::default();
    for packet in bytes.iter().filter_map(|&byte| decoder.feed(byte)) {
        check_packet(&packet);
    }

    let mut base = NativeBase::new(Replay(bytes));
    let report: BaseReport = *base.poll(Stamp::from_millis(1));
    assert!(report.odometry.is_none_or(|odometry| odometry.twist.is_finite()));

    let limits = Twist::new(0.5, 0.5, 1.0);
    let mut firmware = Firmware::new(FirmwareConfig {
        name: "fuzz".to_owned(),
        kinematics: Kinematics::Omni,
        limits,
        watchdog: std::time::Duration::from_millis(200),
    });
    let now = Stamp::from_millis(1);
    firmware.receive(bytes, now);
    let setpoint = firmware.setpoint(now);
    assert!(setpoint.linear_x.abs() <= 0.5 && setpoint.angular_z.abs() <= 1.0);
    firmware.transmit(&DeviceState::default(), now, &mut Vec::new());
}

fn check_packet(packet: &Packet) {
    // A text may hold bytes after its end that nobody sees, so a WELCOME may come back shorter than
    // it was.
    if matches!(packet.body, Body::Welcome(_)) {
        return;
    }
    let mut decoder = Decoder::default();
    let again: Vec<_> = encode(packet).iter().filter_map(|&byte| decoder.feed(byte)).collect();
    assert_eq!(again, [*packet]);
}

/// The bytes as a packet whose checksum is right: the fuzzer would never guess one.
fn frame(bytes: &[u8]) -> Vec<u8> {
    let mut crc = u32::MAX;
    for &byte in bytes {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 };
        }
    }
    let plain = [bytes, &(!crc).to_le_bytes()].concat();
    let mut out = vec![0];
    for block in plain.split(|&byte| byte == 0) {
        for part in block.chunks(254) {
            out.push(part.len() as u8 + 1);
            out.extend_from_slice(part);
        }
        if block.is_empty() {
            out.push(1);
        }
    }
    out.push(0);
    out
}
