use super::Stamp;

/// One camera picture: 8-bit RGB, row-major, no padding, `rgb.len() == width * height * 3`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    /// Counts pictures handed out since the station started; a gap means pictures were dropped.
    pub seq: u64,
    /// When the picture arrived from the device, before decoding.
    pub captured: Stamp,
    pub width: u32,
    pub height: u32,
    pub rgb: Vec<u8>,
}

impl Frame {
    /// Sets the size and makes `rgb` fit it, keeping the allocation. New bytes are zero.
    pub fn resize(&mut self, width: u32, height: u32) {
        self.width = width;
        self.height = height;
        self.rgb.resize(width as usize * height as usize * 3, 0);
    }
}
