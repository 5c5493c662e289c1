use std::time::Duration;

use super::{Stamp, Twist};

/// Most slots a chunk may hold; a manifest that promises more is refused at load.
pub const MAX_SLOTS: usize = 32;

/// What a policy wants for the near future, from one frame. Slot `i` is for `captured + i * slot`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ActionChunk {
    /// The engage request this chunk answers; older epochs are refused (stale intent).
    pub epoch: u64,
    /// Counts chunks since the policy was loaded.
    pub seq: u64,
    pub frame_seq: u64,
    /// Capture time of the frame it was computed from.
    pub captured: Stamp,
    pub inference_started: Stamp,
    pub inference_ended: Stamp,
    /// Length of one time slot.
    pub slot: Duration,
    /// The manifest's `horizon_ms_max`: never play past `captured + horizon`, whatever slots
    /// remain.
    pub horizon: Duration,
    /// Probability that every axis is within the stated tolerance of what the operator would do,
    /// 0..=1.
    pub confidence: f64,
    n_slots: usize,
    twists: [Twist; MAX_SLOTS],
}

impl Default for ActionChunk {
    fn default() -> Self {
        Self {
            epoch: 0,
            seq: 0,
            frame_seq: 0,
            captured: Stamp::ZERO,
            inference_started: Stamp::ZERO,
            inference_ended: Stamp::ZERO,
            slot: Duration::ZERO,
            horizon: Duration::ZERO,
            confidence: 0.0,
            n_slots: 0,
            twists: [Twist::ZERO; MAX_SLOTS],
        }
    }
}

impl ActionChunk {
    /// Replaces the slots; twists past [`MAX_SLOTS`] are left out.
    pub fn set_twists(&mut self, twists: &[Twist]) {
        self.n_slots = twists.len().min(MAX_SLOTS);
        for (slot, twist) in self.twists.iter_mut().zip(twists) {
            *slot = *twist;
        }
    }

    #[must_use]
    pub fn twists(&self) -> &[Twist] {
        self.twists.get(..self.n_slots).unwrap_or(&[])
    }
}
