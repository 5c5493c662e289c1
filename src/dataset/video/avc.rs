//! H.264 as it lies in an MP4: units with length prefixes, parameter sets apart (ISO/IEC 14496-15).

use std::slice::from_ref;

use serde::{Deserialize, Serialize};
use shiguredo_mp4::bitstream::h264::{H264SampleEntryConfig, LengthSize, build_avc1_box};
use shiguredo_mp4::boxes::Avc1Box;

/// One coded frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// Decoding can begin here.
    pub is_key: bool,
    /// NAL units, each after its length in four bytes; no parameter sets.
    pub bytes: Vec<u8>,
}

/// What a decoder must know before the first frame: the size and the parameter sets, each one NAL
/// unit without a start code.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parameters {
    pub width: u32,
    pub height: u32,
    pub sps: Vec<u8>,
    pub pps: Vec<u8>,
}

impl Parameters {
    pub(super) fn avc1_box(&self) -> Result<Avc1Box, shiguredo_mp4::Error> {
        let config = H264SampleEntryConfig { length_size: LengthSize::FourBytes };
        build_avc1_box(from_ref(&self.sps), from_ref(&self.pps), &config)
    }
}

/// Kinds of NAL units (ITU-T H.264 table 7-1).
pub(super) const IDR: u8 = 5;
pub(super) const SPS: u8 = 7;
pub(super) const PPS: u8 = 8;

/// The kind of a NAL unit; 0 where it has none.
pub(super) fn kind(nal: &[u8]) -> u8 {
    nal.first().map_or(0, |header| header & 0x1f)
}

/// The NAL units of a sample whose length prefixes have `prefix` bytes; `None` where they do not
/// fill it exactly.
pub(super) fn nal_units(sample: &[u8], prefix: usize) -> Option<Vec<&[u8]>> {
    let mut found = Vec::new();
    let mut rest = sample;
    while !rest.is_empty() {
        let (length, tail) = rest.split_at_checked(prefix)?;
        let length = length.iter().fold(0, |n, &byte| n << 8 | usize::from(byte));
        let (nal, tail) = tail.split_at_checked(length).filter(|_| length > 0)?;
        found.push(nal);
        rest = tail;
    }
    Some(found)
}

/// Whether a NAL unit can be one: it has no three zeros in a row and ends with none (ITU-T H.264
/// 7.4.1). Blocks that never reached the disk read as zeros.
pub(super) fn is_plausible(nal: &[u8]) -> bool {
    nal.last().is_some_and(|&byte| byte != 0) && !nal.windows(3).any(|three| three == [0; 3])
}

/// Bytes of a length prefix.
pub(super) fn prefix(entry: &Avc1Box) -> usize {
    usize::from(entry.avcc_box.length_size_minus_one.get()) + 1
}
