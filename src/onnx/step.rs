//! A graph run on views of memory that stays the caller's: training feeds its parameters this way.

use std::fmt;

use ort::session::{Session as OrtSession, SessionInputValue, SessionInputs, SessionOutputs};
use ort::value::TensorRef;

use super::session::open_on;
use super::{Device, Model, Runtime, SessionError, SessionOptions};

/// What is fed to one input.
#[derive(Clone, Copy, Debug)]
pub enum TensorView<'a> {
    F32(&'a [usize], &'a [f32]),
    U8(&'a [usize], &'a [u8]),
    I64(&'a [usize], &'a [i64]),
}

/// A graph whose inputs are given anew at each run, without a copy where the device is the CPU.
pub struct StepSession {
    session: OrtSession,
    provider: String,
    names: Vec<String>,
}

impl fmt::Debug for StepSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StepSession").field("provider", &self.provider).finish_non_exhaustive()
    }
}

impl StepSession {
    /// # Errors
    /// The graph is damaged or not runnable on the device.
    pub fn open(
        runtime: &Runtime,
        model: Model<'_>,
        options: &SessionOptions,
    ) -> Result<Self, SessionError> {
        let device = match options.device {
            Device::Auto => Device::Cpu,
            named => named,
        };
        let (session, provider) =
            open_on(device, runtime, model, options).map_err(SessionError::Graph)?;
        let names = session.outputs().iter().map(|outlet| outlet.name().to_owned()).collect();
        Ok(Self { session, provider, names })
    }

    /// What really runs the graph.
    #[must_use]
    pub fn provider(&self) -> &str {
        &self.provider
    }

    /// Names of the outputs, in the order [`run`](Self::run) gives them.
    #[must_use]
    pub fn outputs(&self) -> &[String] {
        &self.names
    }

    /// Runs the graph on `inputs`, which it needs no longer than that.
    ///
    /// # Errors
    /// A view does not fit the graph, or ONNX Runtime failed.
    pub fn run(
        &mut self,
        inputs: &[(&str, TensorView<'_>)],
    ) -> Result<StepOutputs<'_>, SessionError> {
        let mut feed: Vec<(String, SessionInputValue<'_>)> = Vec::with_capacity(inputs.len());
        for (name, view) in inputs {
            feed.push(((*name).to_owned(), value_of(name, *view)?));
        }
        let values = self.session.run(SessionInputs::from(feed)).map_err(|error| failed(&error))?;
        Ok(StepOutputs { values })
    }
}

/// What one run gave, in ONNX Runtime's own memory.
#[derive(Debug)]
pub struct StepOutputs<'a> {
    values: SessionOutputs<'a>,
}

impl StepOutputs<'_> {
    /// The elements of every output, in the order of [`StepSession::outputs`].
    ///
    /// # Errors
    /// An output is not `float32`.
    pub fn slices(&self) -> Result<Vec<&[f32]>, SessionError> {
        let elements = |i: usize| self.values[i].try_extract_tensor::<f32>().map(|(_, all)| all);
        (0..self.values.len())
            .map(elements)
            .collect::<Result<_, _>>()
            .map_err(|error| failed(&error))
    }
}

fn failed(error: &ort::Error) -> SessionError {
    SessionError::Run(error.to_string())
}

fn value_of<'a>(name: &str, view: TensorView<'a>) -> Result<SessionInputValue<'a>, SessionError> {
    let value = match view {
        TensorView::F32(shape, data) => {
            TensorRef::from_array_view((shape, data)).map(SessionInputValue::from)
        }
        TensorView::U8(shape, data) => {
            TensorRef::from_array_view((shape, data)).map(SessionInputValue::from)
        }
        TensorView::I64(shape, data) => {
            TensorRef::from_array_view((shape, data)).map(SessionInputValue::from)
        }
    };
    value.map_err(|error| SessionError::Tensor {
        tensor: name.to_owned(),
        reason: error.to_string(),
    })
}
