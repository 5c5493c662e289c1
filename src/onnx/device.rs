use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What a graph should run on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Device {
    /// The platform's accelerator if it works, else the CPU. Never `TensorRT`, whose first start
    /// takes minutes.
    #[default]
    Auto,
    Cpu,
    Cuda,
    TensorRt,
    CoreMl,
    DirectMl,
}

impl Device {
    pub const ALL: [Self; 6] =
        [Self::Auto, Self::Cpu, Self::Cuda, Self::TensorRt, Self::CoreMl, Self::DirectMl];

    /// The word on the command line and in files.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
            Self::TensorRt => "tensorrt",
            Self::CoreMl => "coreml",
            Self::DirectMl => "directml",
        }
    }

    /// The name as its maker writes it, for the screen.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Cpu => "CPU",
            Self::Cuda => "CUDA",
            Self::TensorRt => "TensorRT",
            Self::CoreMl => "CoreML",
            Self::DirectMl => "DirectML",
        }
    }

    /// The execution provider's name inside ONNX Runtime.
    pub(super) const fn provider(self) -> &'static str {
        match self {
            Self::Auto | Self::Cpu => "CPUExecutionProvider",
            Self::Cuda => "CUDAExecutionProvider",
            Self::TensorRt => "TensorrtExecutionProvider",
            Self::CoreMl => "CoreMLExecutionProvider",
            Self::DirectMl => "DmlExecutionProvider",
        }
    }

    /// What to try, best first.
    pub(super) const fn candidates(self) -> &'static [Self] {
        match self {
            Self::Auto if cfg!(target_os = "macos") => &[Self::CoreMl, Self::Cpu],
            Self::Auto if cfg!(windows) => &[Self::Cuda, Self::DirectMl, Self::Cpu],
            Self::Auto => &[Self::Cuda, Self::Cpu],
            Self::Cpu => &[Self::Cpu],
            Self::Cuda => &[Self::Cuda],
            Self::TensorRt => &[Self::TensorRt],
            Self::CoreMl => &[Self::CoreMl],
            Self::DirectMl => &[Self::DirectMl],
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A word that names no device.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no device; it is one of auto, cpu, cuda, tensorrt, coreml, directml")]
pub struct UnknownDevice(pub String);

impl FromStr for Device {
    type Err = UnknownDevice;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        let is_meant = |device: &Self| device.word().eq_ignore_ascii_case(word);
        Self::ALL.into_iter().find(is_meant).ok_or_else(|| UnknownDevice(word.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_read_back() {
        // A device written into a file or shown in help must be accepted on the command line.
        for device in Device::ALL {
            assert_eq!(device.to_string().parse(), Ok(device));
            let json = serde_json::to_string(&device).unwrap();
            assert_eq!(json, format!("\"{device}\""));
        }
        assert!("gpu".parse::<Device>().unwrap_err().to_string().contains("cuda"));
    }
}
