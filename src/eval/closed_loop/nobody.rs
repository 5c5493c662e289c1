//! Where the expert drives all the time.

use crate::msg::{ActionChunk, Frame, Kinematics};
use crate::policy::{Policy, PolicyError, PolicyInfo};

/// Sits where the policy does while the expert drives.
#[derive(Clone, Debug)]
pub struct Nobody(PolicyInfo);

impl Nobody {
    /// Asked so many times a second.
    #[must_use]
    pub fn new(rate_hz: f64) -> Self {
        Self(PolicyInfo { kinematics: Kinematics::Omni, rate_hz, ..PolicyInfo::default() })
    }
}

impl Policy for Nobody {
    fn info(&self) -> &PolicyInfo {
        &self.0
    }

    fn set_instruction(&mut self, _: &str) -> Result<(), PolicyError> {
        Ok(())
    }

    fn reset(&mut self) {}

    fn infer(&mut self, _: &Frame, chunk: &mut ActionChunk) -> Result<(), PolicyError> {
        chunk.confidence = 1.0;
        Ok(())
    }
}
