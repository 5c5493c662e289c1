//! The elements of a stored tensor, however the file holds them.

use super::proto::{ElementType, TensorProto};

impl TensorProto {
    /// Its elements, when they are `int64`.
    #[must_use]
    pub fn integers(&self) -> Option<Vec<i64>> {
        if self.data_type != i32::from(ElementType::I64) || self.data_location != 0 {
            return None;
        }
        if !self.int64_data.is_empty() {
            return Some(self.int64_data.clone());
        }
        let (chunks, _) = self.raw_data.as_chunks::<8>();
        Some(chunks.iter().map(|bytes| i64::from_le_bytes(*bytes)).collect())
    }

    /// Its elements, when they are `float32` and in the file itself.
    #[must_use]
    pub fn floats(&self) -> Option<Vec<f32>> {
        if self.data_type != i32::from(ElementType::F32) || self.data_location != 0 {
            return None;
        }
        if !self.float_data.is_empty() {
            return Some(self.float_data.clone());
        }
        let (chunks, _) = self.raw_data.as_chunks::<4>();
        Some(chunks.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
    }

    /// Puts other `float32` elements in the place of its own.
    pub fn set_floats(&mut self, elements: &[f32]) {
        self.float_data.clear();
        self.raw_data = elements.iter().flat_map(|element| element.to_le_bytes()).collect();
    }

    /// Its dimensions.
    #[must_use]
    pub fn shape(&self) -> Vec<usize> {
        self.dims.iter().map(|size| usize::try_from(*size).unwrap_or_default()).collect()
    }
}
