//! A graph run on views of memory that stays the caller's: training feeds its parameters this way.

use std::fmt;

use ort::session::{Session as OrtSession, SessionInputValue, SessionInputs};
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

    /// Runs the graph on `inputs` and hands its outputs (all `float32`) to `take`.
    ///
    /// # Errors
    /// A view does not fit the graph, or ONNX Runtime failed.
    pub fn run<T>(
        &mut self,
        inputs: &[(&str, TensorView<'_>)],
        take: impl FnOnce(&[&[f32]]) -> T,
    ) -> Result<T, SessionError> {
        let mut feed: Vec<(String, SessionInputValue<'_>)> = Vec::with_capacity(inputs.len());
        for (name, view) in inputs {
            feed.push(((*name).to_owned(), value_of(name, *view)?));
        }
        let failed = |error: ort::Error| SessionError::Run(error.to_string());
        let results = self.session.run(SessionInputs::from(feed)).map_err(failed)?;
        let mut outputs = Vec::with_capacity(self.names.len());
        for value in results.values() {
            outputs.push(value);
        }
        let mut slices = Vec::with_capacity(outputs.len());
        for value in &outputs {
            slices.push(value.try_extract_tensor::<f32>().map_err(failed)?.1);
        }
        Ok(take(&slices))
    }
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
