//! The decoder: coded frames in, pictures out in the order to show them.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use openh264::OpenH264API;
use openh264::decoder::{DecodedYUV, Decoder, DecoderConfig, Flush};
use openh264::formats::YUVSource;
use shiguredo_mp4::boxes::Avc1Box;

use super::avc;
use super::colour::to_rgb;

/// Profiles without B-frames, whose pictures come at once (ITU-T H.264 annex A).
const BASELINE: [u8; 2] = [66, 83];
const START_CODE: &[u8] = &[0, 0, 0, 1];

/// A coded frame and what describes it.
pub(super) struct Coded<'a> {
    pub(super) units: Vec<&'a [u8]>,
    pub(super) entry: &'a Avc1Box,
    /// Its place in the order to show.
    pub(super) frame: usize,
}

impl<'a> Coded<'a> {
    /// `None` where the sample is broken.
    pub(super) fn new(sample: &'a [u8], entry: &'a Avc1Box, frame: usize) -> Option<Self> {
        let units = avc::nal_units(sample, avc::prefix(entry))?;
        Some(Self { units, entry, frame })
    }

    /// Whether a decoder can begin here and nothing later refers to what was before.
    pub(super) fn is_idr(&self) -> bool {
        self.units.iter().any(|nal| avc::kind(nal) == avc::IDR)
    }
}

/// One run through consecutive samples that began at a key frame.
pub(super) struct Playback {
    codec: Decoder,
    /// The sample to feed next.
    pub(super) next: usize,
    is_fresh: bool,
    /// Frames fed whose picture is still in the decoder, which gives them out in this order.
    waiting: BinaryHeap<Reverse<usize>>,
    /// Pictures that came out together.
    ready: VecDeque<(usize, Vec<u8>)>,
    stream: Vec<u8>,
}

impl Playback {
    pub(super) fn new() -> Result<Self, String> {
        Ok(Self {
            codec: new_codec()?,
            next: 0,
            is_fresh: true,
            waiting: BinaryHeap::new(),
            ready: VecDeque::new(),
            stream: Vec::new(),
        })
    }

    /// Forgets everything; the run goes on with `sample`.
    pub(super) fn restart(&mut self, sample: usize) -> Result<(), String> {
        if !self.waiting.is_empty() {
            self.codec = new_codec()?;
        }
        self.waiting.clear();
        self.ready.clear();
        self.next = sample;
        self.is_fresh = true;
        Ok(())
    }

    /// Whether the frame was fed and is still to come out.
    pub(super) fn holds(&self, frame: usize) -> bool {
        self.ready.iter().any(|(ready, _)| *ready == frame)
            || self.waiting.iter().any(|Reverse(waiting)| *waiting == frame)
    }

    pub(super) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Decodes the next sample; gives whether `wanted` came out and was written to `rgb`.
    pub(super) fn feed(
        &mut self,
        coded: &Coded<'_>,
        wanted: usize,
        rgb: &mut [u8],
    ) -> Result<bool, String> {
        self.stream.clear();
        let header = &coded.entry.avcc_box;
        if coded.is_idr() || self.is_fresh {
            for nal in header.sps_list.iter().chain(&header.pps_list) {
                append(&mut self.stream, nal);
            }
        }
        for nal in &coded.units {
            append(&mut self.stream, nal);
        }
        self.is_fresh = false;
        let picture = self.codec.decode(&self.stream).map_err(text)?;
        self.next += 1;
        self.waiting.push(Reverse(coded.frame));
        let Some(picture) = picture else {
            let may_come_later = !BASELINE.contains(&header.avc_profile_indication);
            return may_come_later.then_some(false).ok_or_else(|| "it gives no picture".to_owned());
        };
        if self.waiting.pop() != Some(Reverse(wanted)) {
            return Ok(false);
        }
        write(&picture, coded.entry, rgb)?;
        Ok(true)
    }

    /// Gets everything out of the decoder, for [`Self::take`].
    pub(super) fn flush(&mut self, entry: &Avc1Box) -> Result<(), String> {
        for picture in self.codec.flush_remaining().map_err(text)? {
            let Some(Reverse(frame)) = self.waiting.pop() else { break };
            let mut rgb = vec![0; n_bytes(entry)];
            write(&picture, entry, &mut rgb)?;
            self.ready.push_back((frame, rgb));
        }
        self.waiting.clear();
        // The codec does not take back the memory of pictures that it was made to give out, and
        // soon has none left.
        self.codec = new_codec()?;
        self.is_fresh = true;
        Ok(())
    }

    /// The picture of `wanted` if it is out; those before it are dropped.
    pub(super) fn take(&mut self, wanted: usize) -> Option<Vec<u8>> {
        while self.ready.front().is_some_and(|(frame, _)| *frame < wanted) {
            self.ready.pop_front();
        }
        let is_next = self.ready.front().is_some_and(|(frame, _)| *frame == wanted);
        if is_next { self.ready.pop_front().map(|(_, rgb)| rgb) } else { None }
    }
}

fn new_codec() -> Result<Decoder, String> {
    let config = DecoderConfig::new().flush_after_decode(Flush::NoFlush);
    Decoder::with_api_config(OpenH264API::from_source(), config).map_err(text)
}

/// Bytes of a picture as RGB.
pub(super) fn n_bytes(entry: &Avc1Box) -> usize {
    usize::from(entry.visual.width) * usize::from(entry.visual.height) * 3
}

fn append(stream: &mut Vec<u8>, nal: &[u8]) {
    stream.extend_from_slice(START_CODE);
    stream.extend_from_slice(nal);
}

fn write(picture: &DecodedYUV<'_>, entry: &Avc1Box, rgb: &mut [u8]) -> Result<(), String> {
    let (width, height) = picture.dimensions();
    let wanted = (usize::from(entry.visual.width), usize::from(entry.visual.height));
    if (width, height) != wanted {
        let (w, h) = wanted;
        return Err(format!("a picture of {width}x{height} in a video of {w}x{h}"));
    }
    let strides: [usize; 3] = picture.strides().into();
    to_rgb([picture.y(), picture.u(), picture.v()], strides, width, rgb);
    Ok(())
}

fn text(why: impl std::fmt::Display) -> String {
    why.to_string()
}
