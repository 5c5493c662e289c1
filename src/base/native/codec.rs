//! Packets to frames and back: COBS and CRC. No allocation.

use std::fmt;
use std::ops::Deref;

use crc::{CRC_32_ISO_HDLC, Crc, Table};

use super::message::{Packet, Parsed, parse, put};

/// Longest packet with its CRC, in bytes; room for what newer minor versions append.
pub const MAX_PACKET: usize = 128;
/// Longest frame between its two zeros: COBS adds one byte to at most 254.
pub const MAX_FRAME: usize = MAX_PACKET + 1;

const CRC_SIZE: usize = 4;
static CRC: Crc<u32, Table<1>> = Crc::<u32, Table<1>>::new(&CRC_32_ISO_HDLC);

/// One frame, zeros at both ends included.
#[derive(Clone, Copy)]
pub struct Encoded {
    bytes: [u8; MAX_FRAME + 2],
    len: usize,
}

impl Deref for Encoded {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

impl fmt::Debug for Encoded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

/// The frame of `packet`.
#[must_use]
pub fn encode(packet: &Packet) -> Encoded {
    let mut plain = [0; MAX_PACKET];
    let mut len = 0;
    put(packet, &mut |bytes| append(&mut plain, &mut len, bytes));
    let crc = CRC.checksum(plain.get(..len).unwrap_or_default());
    append(&mut plain, &mut len, &crc.to_le_bytes());

    let mut encoded = Encoded { bytes: [0; MAX_FRAME + 2], len: 0 };
    let plain = plain.get(..len).unwrap_or_default();
    // The array holds the longest frame, so the error cannot come; if it did, nothing would be
    // sent.
    encoded.len = cobs::try_encode_including_sentinels(plain, &mut encoded.bytes).unwrap_or(0);
    encoded
}

fn append(to: &mut [u8], len: &mut usize, bytes: &[u8]) {
    if let Some(free) = to.get_mut(*len..*len + bytes.len()) {
        free.copy_from_slice(bytes);
        *len += bytes.len();
    } else {
        debug_assert!(false, "no packet is longer than MAX_PACKET");
    }
}

/// Finds packets in a stream of bytes, whatever else is in it.
#[derive(Clone, Debug)]
pub struct Decoder {
    frame: [u8; MAX_FRAME],
    /// Bytes of the frame so far; over [`MAX_FRAME`] is garbage until the next zero.
    len: usize,
    bad_packets: u32,
}

impl Default for Decoder {
    fn default() -> Self {
        Self { frame: [0; MAX_FRAME], len: 0, bad_packets: 0 }
    }
}

impl Decoder {
    /// Takes the next byte; a packet when this byte completed one.
    pub fn feed(&mut self, byte: u8) -> Option<Packet> {
        if byte != 0 {
            if let Some(place) = self.frame.get_mut(self.len) {
                *place = byte;
            }
            self.len = (self.len + 1).min(MAX_FRAME + 1);
            return None;
        }
        let len = std::mem::take(&mut self.len);
        if len == 0 {
            return None;
        }
        match self.frame.get_mut(..len).map_or(Parsed::Malformed, open) {
            Parsed::Known(packet) => Some(packet),
            Parsed::Unknown => None,
            Parsed::Malformed => {
                self.bad_packets = self.bad_packets.saturating_add(1);
                None
            }
        }
    }

    /// Frames that were no valid packet, since this decoder was made.
    #[must_use]
    pub fn bad_packets(&self) -> u32 {
        self.bad_packets
    }
}

fn open(frame: &mut [u8]) -> Parsed {
    let Ok(len) = cobs::decode_in_place(frame) else { return Parsed::Malformed };
    let plain = frame.get(..len).unwrap_or_default();
    match plain.split_last_chunk::<CRC_SIZE>() {
        Some((packet, crc)) if CRC.checksum(packet) == u32::from_le_bytes(*crc) => parse(packet),
        _ => Parsed::Malformed,
    }
}
