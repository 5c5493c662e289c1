//! RGB frames to H.264 units. Keeps no files and knows no clock: frames are evenly spaced.

use openh264::encoder::{
    BitRate, EncoderConfig, FrameRate, FrameType, IntraFramePeriod, QpRange, RateControlMode,
    VuiConfig,
};
use openh264::formats::YUVSlices;
use openh264::{OpenH264API, Timestamp};

use super::avc::{self, Parameters, Unit};
use super::colour::Planes;
use crate::dataset::DatasetError;

/// The codec's limits on the longer and the shorter side.
const SIDES_MAX: (u32, u32) = (3840, 2160);
const SIDE_MIN: u32 = 16;
/// It silently replaces a finer one.
const QUANTIZERS: std::ops::RangeInclusive<u8> = 12..=51;

/// Encodes RGB to H.264 of fixed quality in short groups of frames; every frame in gives one out.
pub struct Encoder {
    codec: openh264::encoder::Encoder,
    planes: Planes,
    width: u32,
    height: u32,
    fps: u32,
    gop: u32,
    parameters: Parameters,
    n_frames: u64,
    /// Frames of the current group so far.
    n_in_group: u32,
}

impl Encoder {
    /// A group is `gop` frames; `qp` is the quantizer, 12 (best) to 51.
    ///
    /// # Errors
    /// A size or number that H.264 cannot have; the message says which is possible.
    pub fn new(width: u32, height: u32, fps: u32, gop: u32, qp: u8) -> Result<Self, DatasetError> {
        check(width, height, fps, gop, qp)?;
        let config = EncoderConfig::new()
            .usage_type(openh264::encoder::UsageType::CameraVideoRealTime)
            .rate_control_mode(RateControlMode::Bufferbased)
            .qp(QpRange::new(qp, qp))
            // Only names the level in the header: the quantizer is fixed.
            .bitrate(BitRate::from_bps((width * height).saturating_mul(fps).min(240_000_000)))
            .max_frame_rate(FrameRate::from_hz(fps as f32))
            .intra_frame_period(IntraFramePeriod::from_num_frames(0))
            .skip_frames(false)
            .scene_change_detect(false)
            .background_detection(false)
            .adaptive_quantization(false)
            .num_threads(1)
            .vui(VuiConfig::bt601());
        let codec = openh264::encoder::Encoder::with_api_config(OpenH264API::from_source(), config)
            .map_err(failed)?;
        let mut encoder = Self {
            codec,
            planes: Planes::new(width as usize, height as usize),
            width,
            height,
            fps,
            gop,
            parameters: Parameters { width, height, ..Parameters::default() },
            n_frames: 0,
            n_in_group: 0,
        };
        // The parameter sets come with a first frame and stay the same.
        encoder.encode_planes(true)?;
        Ok(encoder)
    }

    /// What the units of this encoder need in front.
    #[must_use]
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// `rgb` is `width * height * 3` bytes. `force_key` begins a new group.
    ///
    /// # Errors
    /// `rgb` has another size, or the codec failed.
    pub fn encode(&mut self, rgb: &[u8], force_key: bool) -> Result<Unit, DatasetError> {
        let wanted = self.width as usize * self.height as usize * 3;
        if rgb.len() != wanted {
            return Err(DatasetError::Encode(format!(
                "a frame of {}x{} has {wanted} bytes, not {}",
                self.width,
                self.height,
                rgb.len()
            )));
        }
        self.planes.fill(rgb);
        self.encode_planes(force_key || self.n_frames == 1 || self.n_in_group >= self.gop)
    }

    fn encode_planes(&mut self, is_key: bool) -> Result<Unit, DatasetError> {
        if is_key && self.n_frames > 0 {
            self.codec.force_intra_frame();
        }
        let time = Timestamp::from_millis(self.n_frames * 1000 / u64::from(self.fps));
        let (width, height) = (self.width as usize, self.height as usize);
        let strides = (width, width / 2, width / 2);
        let picture = YUVSlices::new(self.planes.split(), (width, height), strides);
        let stream = self.codec.encode_at(&picture, time).map_err(failed)?;
        if (stream.frame_type() == FrameType::IDR) != is_key {
            return Err(DatasetError::Encode(format!(
                "frame {} became {:?}",
                self.n_frames,
                stream.frame_type()
            )));
        }
        let mut unit = Unit { is_key, bytes: Vec::new() };
        let layers = (0..stream.num_layers()).filter_map(|i| stream.layer(i));
        for layer in layers {
            for nal in (0..layer.nal_count()).filter_map(|i| layer.nal_unit(i)) {
                let nal = without_start_code(nal);
                match avc::kind(nal) {
                    avc::SPS => keep(&mut self.parameters.sps, nal)?,
                    avc::PPS => keep(&mut self.parameters.pps, nal)?,
                    _ => {
                        unit.bytes.extend_from_slice(&(nal.len() as u32).to_be_bytes());
                        unit.bytes.extend_from_slice(nal);
                    }
                }
            }
        }
        if unit.bytes.is_empty() {
            return Err(DatasetError::Encode(format!("frame {} gave nothing", self.n_frames)));
        }
        self.n_frames += 1;
        self.n_in_group = if is_key { 1 } else { self.n_in_group + 1 };
        Ok(unit)
    }
}

impl std::fmt::Debug for Encoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Encoder")
            .field("width", &self.width)
            .field("height", &self.height)
            .field("n_frames", &self.n_frames)
            .finish_non_exhaustive()
    }
}

fn check(width: u32, height: u32, fps: u32, gop: u32, qp: u8) -> Result<(), DatasetError> {
    let (long, short) = (width.max(height), width.min(height));
    let fault = if !width.is_multiple_of(2) || !height.is_multiple_of(2) {
        "both sides must be even"
    } else if short < SIDE_MIN {
        "both sides must be 16 or more"
    } else if long > SIDES_MAX.0 || short > SIDES_MAX.1 {
        "it must fit into 3840x2160"
    } else if !(1..=240).contains(&fps) {
        "frames per second must be 1 to 240"
    } else if gop == 0 {
        "a group must have a frame"
    } else if !QUANTIZERS.contains(&qp) {
        "the quantizer must be 12 to 51"
    } else {
        return Ok(());
    };
    let what = format!("{width}x{height} at {fps} fps in groups of {gop}, quantizer {qp}");
    Err(DatasetError::Encode(format!("{what}: {fault}")))
}

/// Sets what is still unknown; the file has room for only one.
fn keep(known: &mut Vec<u8>, nal: &[u8]) -> Result<(), DatasetError> {
    if known.is_empty() {
        nal.clone_into(known);
    }
    if known == nal { Ok(()) } else { Err(failed("the parameter sets changed")) }
}

/// Start codes are zeros and a one (annex B).
fn without_start_code(nal: &[u8]) -> &[u8] {
    let zeros = nal.iter().take_while(|&&byte| byte == 0).count();
    nal.get(zeros + 1..).unwrap_or_default()
}

fn failed(why: impl std::fmt::Display) -> DatasetError {
    DatasetError::Encode(why.to_string())
}
