use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Stamp, Twist};

/// Most slots a chunk may hold; a manifest that promises more is refused at load.
pub const MAX_SLOTS: usize = 32;

/// What a policy wants for the near future, from one frame. Slot `i` is for `captured + i * slot`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
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
    slots: Slots,
}

/// A bounded list that copies without an allocation.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Slots {
    n: usize,
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
            slots: Slots::from([].as_slice()),
        }
    }
}

impl ActionChunk {
    /// Replaces the slots; twists past [`MAX_SLOTS`] are left out.
    pub fn set_twists(&mut self, twists: &[Twist]) {
        self.slots = Slots::from(twists);
    }

    #[must_use]
    pub fn twists(&self) -> &[Twist] {
        self.slots.twists.get(..self.slots.n).unwrap_or(&[])
    }
}

impl From<&[Twist]> for Slots {
    fn from(list: &[Twist]) -> Self {
        let mut twists = [Twist::ZERO; MAX_SLOTS];
        for (slot, twist) in twists.iter_mut().zip(list) {
            *slot = *twist;
        }
        Self { n: list.len().min(MAX_SLOTS), twists }
    }
}

impl Serialize for Slots {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.twists.get(..self.n).unwrap_or(&[]).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Slots {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::from(Vec::deserialize(deserializer)?.as_slice()))
    }
}
