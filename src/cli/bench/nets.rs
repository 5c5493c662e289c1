//! Networks that training is measured on: the same that `tests/peers/nets.py` has in `PyTorch`.

use crate::onnx::builder::{BuildError, ElementType, Init, Layers, Value, Window};
use crate::onnx::proto::ModelProto;

/// Examples in a batch.
pub(super) const BATCH: usize = 32;
/// Pixels a side of the pictures.
const SIDE: usize = 96;

/// What is trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Net {
    /// Two layers of 512 over 8 steps of 512
    Lstm,
    /// Convolutions of 32, 64, 128 and 256 channels over 96x96 pixels
    Cnn,
    /// A transformer of width 192 with 4 layers over patches of 16x16 in 96x96 pixels
    Vit,
}

impl Net {
    /// Shape of its input `x`.
    pub(super) fn input(self) -> Vec<usize> {
        match self {
            Self::Lstm => vec![8, BATCH, 512],
            Self::Cnn | Self::Vit => vec![BATCH, 3, SIDE, SIDE],
        }
    }

    /// The graph from `x` to `y` [batch, 6]: three means, three logarithms of deviations.
    pub(super) fn build(self, seed: u64) -> Result<ModelProto, BuildError> {
        let mut net = Layers::new("net", seed);
        let x = net.g.input("x", ElementType::F32, &self.input())?;
        let y = match self {
            Self::Lstm => lstm(&mut net, x)?,
            Self::Cnn => cnn(&mut net, x)?,
            Self::Vit => vit(&mut net, x)?,
        };
        net.g.output("y", y)?;
        Ok(net.g.finish(""))
    }
}

fn lstm(net: &mut Layers, x: Value) -> Result<Value, BuildError> {
    let y = net.lstm("lstm.0", x, 512)?;
    let y = net.lstm("lstm.1", y, 512)?;
    let last = net.g.slice(y, 0, 7, 8)?;
    let last = net.g.reshape(last, &[BATCH, 512])?;
    head(net, last)
}

fn cnn(net: &mut Layers, mut x: Value) -> Result<Value, BuildError> {
    for (i, channels) in [32, 64, 128, 256].into_iter().enumerate() {
        x = net.conv(&format!("see.{i}"), x, channels, &Window::square(3, 2).padded(1))?;
        x = net.g.relu(x)?;
    }
    let n = net.g.shape(x)?.iter().product::<usize>() / BATCH;
    let flat = net.g.reshape(x, &[BATCH, n])?;
    head(net, flat)
}

fn head(net: &mut Layers, x: Value) -> Result<Value, BuildError> {
    let x = net.linear("hidden", x, 256)?;
    let x = net.g.relu(x)?;
    net.linear("head", x, 6)
}

fn vit(net: &mut Layers, x: Value) -> Result<Value, BuildError> {
    const WIDTH: usize = 192;
    let x = net.conv("patch", x, WIDTH, &Window::square(16, 16))?;
    let places = (SIDE / 16) * (SIDE / 16);
    let x = net.g.reshape(x, &[BATCH, WIDTH, places])?;
    let x = net.g.transpose(x, &[0, 2, 1])?;
    let place = net.weight("places", &[1, places, WIDTH], Init::Normal(0.02))?;
    let mut x = net.g.add(x, place)?;
    for i in 0..4 {
        x = net.transformer_block(&format!("block.{i}"), x, 3)?;
    }
    let x = net.layer_norm("norm", x)?;
    let x = net.g.reduce_mean(x, &[1])?;
    let x = net.g.reshape(x, &[BATCH, WIDTH])?;
    net.linear("head", x, 6)
}
