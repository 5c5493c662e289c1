//! The native wire protocol, version 1.0: everything a firmware author needs, and both ends' codec.
//! No I/O here.
//!
//! # Line
//!
//! Any byte line that keeps order: UART 8N1 without flow control (115200 baud unless configured
//! otherwise), USB CDC, TCP, a pty. The station's traffic takes about 2 kB/s towards the base and 3
//! kB/s back.
//!
//! # Packet and frame
//!
//! All numbers are little-endian. `f32` is IEEE 754 binary32 and finite: a packet with NaN or
//! infinity is malformed.
//!
//! | offset | size | field | meaning |
//! |---|---|---|---|
//! | 0 | 1 | type | see below; bit 7 is set on packets from the base |
//! | 1 | 2 | session | chosen by the station in HELLO, echoed by the base; 0 is no session |
//! | 3 | 2 | sequence | each end counts its own packets, any start, wraps |
//! | 5 | n | body | by type |
//! | 5+n | 4 | crc | CRC-32/ISO-HDLC of all bytes before it |
//!
//! CRC-32/ISO-HDLC is that of zlib and Ethernet: polynomial 0x04C11DB7, reflected in and out, start
//! 0xFFFFFFFF, final XOR 0xFFFFFFFF; its check value for the ASCII digits "123456789" is
//! 0xCBF43926.
//!
//! A packet is at most [`MAX_PACKET`] bytes and is sent as a frame: `0x00`, the packet in
//! Consistent Overhead Byte Stuffing (COBS: Cheshire and Baker, 1999), `0x00`. Empty frames mean
//! nothing, so the zero in front costs only itself and keeps noise on an idle line from taking the
//! next packet with it.
//!
//! Receiving:
//! 1. Collect bytes up to a zero; more than [`MAX_FRAME`] without one is garbage: skip to the next
//!    zero.
//! 2. Undo COBS, check the CRC. What fails is dropped and counted, never answered.
//! 3. An unknown type with a good CRC is ignored and not counted: a newer minor version sent it.
//! 4. A body longer than its table is good, the rest is ignored (a newer minor version appended
//!    it); a shorter one is malformed.
//!
//! # Station to base
//!
//! | type | name | body |
//! |---|---|---|
//! | 0x01 | HELLO | `major u8`, `minor u8` |
//! | 0x02 | VELOCITY | `linear_x f32` m/s, `linear_y f32` m/s, `angular_z f32` rad/s (REP-103) |
//! | 0x03 | STOP | `kind u8`: 1 stop, 2 e-stop, 3 reset; `request u16` |
//!
//! # Base to station
//!
//! | type | name | body |
//! |---|---|---|
//! | 0x81 | WELCOME | `major u8`, `minor u8`, `kinematics u8` (1 omni, 2 differential), `watchdog u16` ms (0: none), `limits` 3 × `f32` (largest magnitudes of VELOCITY's axes, not negative), `name` 24 bytes, `firmware` 24 bytes (UTF-8, padded with zeros) |
//! | 0x82 | ACK | `kind u8`, `request u16` as in the STOP it answers, `latched u8` (0 or 1, after it was carried out) |
//! | 0x83 | TELEMETRY | `flags u8` (bit 0 latched, bit 1 the battery is measured), `echo u16` (sequence of the newest VELOCITY accepted in this session), `echo_age u32` µs since that arrived (0xFFFFFFFF: none yet), `pose` 3 × `f32` (m, m, rad; in the frame where the base started), `twist` 3 × `f32` measured, `volts f32`, `charge f32` 0..=1, `faults u16`, `loop_time u32` µs, the measured control period |
//!
//! `type`, `major` and `minor` of HELLO and WELCOME stay where they are in every version to come.
//!
//! Fault bits 0..=7 are named by [`fault_names`]; 8..=15 belong to the maker of the base. Any set
//! bit makes the station stop driving.
//!
//! # What the base does
//!
//! 1. It starts without a session, standing. It sends TELEMETRY every 20 ms, with session 0 until
//!    there is one.
//! 2. HELLO with a session it does not have: adopt it, forget the velocity, stand. HELLO with the
//!    session it has: change nothing. Answer either with WELCOME. If `major` is not its own, adopt
//!    nothing and answer WELCOME with its own version and the session of the HELLO.
//! 3. VELOCITY of its session: each axis clamped to its limits, an axis it cannot move along set to
//!    zero. VELOCITY of another session: ignored, for it may have waited in a buffer since before
//!    an unplug.
//! 4. Watchdog: without an accepted VELOCITY for `watchdog` it stands until the next. At most 200
//!    ms is wanted; the station refuses autonomy over 500 ms.
//! 5. STOP kind 1 (any session, 0 too): stand now, whatever VELOCITY came before; the next may
//!    move. Kind 2 (any session): the same and latch; while latched VELOCITY is accepted and echoed
//!    but moves nothing. Kind 3 (its own session only): leave the latch, standing. Each is answered
//!    with ACK within 10 ms, each time it comes. The latch outlives sessions; a base that can
//!    should keep it over a power cycle.
//!
//! # What the station does
//!
//! 1. When the port opens: HELLO with a new session every 100 ms until WELCOME with that session
//!    comes (a board that resets when its port opens may need two seconds). A WELCOME of another
//!    major version: HELLO every second, so that a firmware update is noticed; it never drives such
//!    a base.
//! 2. VELOCITY every tick, 50 a second, zeros included. Silence, not a packet, is what tells the
//!    base that nobody drives.
//! 3. STOP again every tick with the same `request` until its ACK. While it waits, VELOCITY is
//!    zero.
//! 4. TELEMETRY with another session (the base restarted, or another station took it) or no valid
//!    packet for a second: a new handshake with a new session. An e-stop not reset yet is asked for
//!    again; a reset that waits is dropped.
//! 5. A tick's packets leave together or are replaced together by the next tick's: the newest state
//!    wins.

mod codec;
mod message;
mod station;
mod stop_timer;

pub use codec::{Decoder, Encoded, MAX_FRAME, MAX_PACKET, encode};
pub use message::{Ack, Body, Packet, Telemetry, Text, Welcome};
pub use station::NativeBase;

/// The protocol's version: another major is not understood, another minor is.
pub const MAJOR: u8 = 1;
pub const MINOR: u8 = 0;

/// Names of the set bits of TELEMETRY's `faults`, lowest bit first.
pub fn fault_names(bits: u16) -> impl Iterator<Item = &'static str> {
    const NAMES: [&str; 16] = [
        "motor driver",
        "over-current",
        "over-temperature",
        "under-voltage",
        "wheel encoder",
        "bumper",
        "e-stop button",
        "inertial sensor",
        "maker's bit 8",
        "maker's bit 9",
        "maker's bit 10",
        "maker's bit 11",
        "maker's bit 12",
        "maker's bit 13",
        "maker's bit 14",
        "maker's bit 15",
    ];
    NAMES
        .into_iter()
        .enumerate()
        .filter(move |(bit, _)| bits & (1 << bit) != 0)
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests;
