use std::fmt;
use std::path::{Path, PathBuf};
use std::thread;

use ort::ep::{self, ExecutionProviderDispatch};
use ort::memory::Allocator;
use ort::session::builder::{AutoDevicePolicy, BuilderResult, SessionBuilder};
use ort::session::{
    HasSelectedOutputs, OutputSelector, RunOptions, Session as OrtSession, SessionInputValue,
};
use ort::value::{DynTensor, Outlet, PrimitiveTensorElementType, TensorElementType, ValueType};

use super::assignment::{RECORD_KEY, nodes_by_provider};
use super::{Device, Runtime};

/// How a graph is to be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionOptions {
    pub device: Device,
    /// Threads that share the work of one operator, the calling one included.
    pub intra_threads: usize,
    /// Where `TensorRT` keeps its compiled engines; without one it compiles at every start
    /// (minutes).
    pub engine_cache: Option<PathBuf>,
}

impl Default for SessionOptions {
    fn default() -> Self {
        Self { device: Device::Auto, intra_threads: default_intra_threads(), engine_cache: None }
    }
}

/// All cores but one, at least one and at most four: the control loop keeps a core, and small
/// networks gain nothing from more.
#[must_use]
pub fn default_intra_threads() -> usize {
    thread::available_parallelism().map_or(1, |cores| (cores.get() - 1).clamp(1, 4))
}

/// Where a graph is read from. A file may have its weights in other files beside it.
#[derive(Clone, Copy, Debug)]
pub enum Model<'a> {
    Bytes(&'a [u8]),
    File(&'a Path),
}

/// One dimension of an input or output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dim {
    Size(usize),
    /// Any size; the name the graph gives it, often empty.
    Symbol(String),
}

impl fmt::Display for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Size(size) => write!(f, "{size}"),
            Self::Symbol(name) if name.is_empty() => f.write_str("?"),
            Self::Symbol(name) => f.write_str(name),
        }
    }
}

/// Name, element type (`float32`, `int64`, …; `none` when it is no tensor) and dimensions of an
/// input or output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorInfo {
    pub name: String,
    pub element: &'static str,
    pub dims: Vec<Dim>,
}

impl TensorInfo {
    /// True when a tensor of `shape` fits: same rank, same sizes where the graph fixes them.
    #[must_use]
    pub fn takes(&self, shape: &[usize]) -> bool {
        let fits = |(dim, size): (&Dim, &usize)| match dim {
            Dim::Size(fixed) => fixed == size,
            Dim::Symbol(_) => true,
        };
        self.dims.len() == shape.len() && self.dims.iter().zip(shape).all(fits)
    }
}

impl fmt::Display for TensorInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dims: Vec<String> = self.dims.iter().map(ToString::to_string).collect();
        write!(f, "{} {}[{}]", self.name, self.element, dims.join(", "))
    }
}

/// A device that was tried and refused, in its provider's own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub device: Device,
    pub reason: String,
}

/// Why a graph cannot be opened or run.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    #[error("device {device} cannot run this graph: {reason}; choose --device auto or cpu")]
    Device { device: Device, reason: String },
    #[error("ONNX Runtime refuses the graph: {0}")]
    Graph(String),
    #[error("tensor {tensor}: {reason}")]
    Tensor { tensor: String, reason: String },
    #[error("ONNX Runtime failed while running the graph: {0}")]
    Run(String),
}

/// A graph loaded into ONNX Runtime; [`bind`](Self::bind) gives it buffers to run with.
#[derive(Debug)]
pub struct Session {
    graph: OrtSession,
    inputs: Vec<TensorInfo>,
    outputs: Vec<TensorInfo>,
    provider: String,
    refusals: Vec<Refusal>,
}

impl Session {
    /// Loads a graph on the device asked for. [`Device::Auto`] goes down its list and keeps the
    /// reasons.
    ///
    /// # Errors The graph is damaged or not runnable, or a device that was asked for by name does
    /// not run any of it.
    pub fn open(
        runtime: &Runtime,
        model: Model<'_>,
        options: &SessionOptions,
    ) -> Result<Self, SessionError> {
        let mut refusals = Vec::new();
        for device in options.device.candidates() {
            match open_on(*device, runtime, model, options) {
                Ok((session, provider)) => {
                    let inputs = session.inputs().iter().map(describe).collect();
                    let outputs = session.outputs().iter().map(describe).collect();
                    return Ok(Self { graph: session, inputs, outputs, provider, refusals });
                }
                Err(reason) => refusals.push(Refusal { device: *device, reason }),
            }
        }
        let last = refusals.pop();
        let (device, reason) =
            last.map_or((options.device, String::new()), |last| (last.device, last.reason));
        match device {
            Device::Cpu => Err(SessionError::Graph(reason)),
            _ => Err(SessionError::Device { device, reason }),
        }
    }

    #[must_use]
    pub fn inputs(&self) -> &[TensorInfo] {
        &self.inputs
    }

    #[must_use]
    pub fn outputs(&self) -> &[TensorInfo] {
        &self.outputs
    }

    /// What really runs the graph, from the per-node assignment: `CPU`, or as `CUDA (22 of 22
    /// nodes)`.
    #[must_use]
    pub fn provider(&self) -> &str {
        &self.provider
    }

    /// Devices that [`Device::Auto`] tried before the one that runs.
    #[must_use]
    pub fn refusals(&self) -> &[Refusal] {
        &self.refusals
    }

    /// Allocates every input and output once, zeroed; shapes are in the order of
    /// [`inputs`](Self::inputs) and [`outputs`](Self::outputs).
    ///
    /// # Errors
    /// A shape that the graph does not take, or an output whose elements are not `float32`.
    pub fn bind(
        self,
        input_shapes: &[Vec<usize>],
        output_shapes: &[Vec<usize>],
    ) -> Result<BoundSession, SessionError> {
        check_shapes(&self.inputs, input_shapes)?;
        check_shapes(&self.outputs, output_shapes)?;
        let mut inputs = Vec::with_capacity(self.inputs.len());
        for (outlet, shape) in self.graph.inputs().iter().zip(input_shapes) {
            inputs.push(SessionInputValue::Owned(tensor(outlet, shape)?.into_dyn()));
        }
        let mut selector = OutputSelector::default();
        let mut outputs = Vec::with_capacity(self.outputs.len());
        for (outlet, shape) in self.graph.outputs().iter().zip(output_shapes) {
            if outlet.dtype().tensor_type() != Some(TensorElementType::Float32) {
                return Err(misfit(outlet.name(), "only float32 outputs can be read"));
            }
            selector = selector.preallocate(outlet.name(), tensor(outlet, shape)?);
            outputs.push(vec![0.0; shape.iter().product()]);
        }
        let run_options = RunOptions::new()
            .map_err(|error| SessionError::Run(error.to_string()))?
            .with_outputs(selector);
        Ok(BoundSession { session: self.graph, run_options, inputs, outputs })
    }
}

/// A session with its buffers: fill inputs, [`run`](Self::run), read outputs. Runs allocate nothing
/// on our side.
pub struct BoundSession {
    session: OrtSession,
    run_options: RunOptions<HasSelectedOutputs>,
    inputs: Vec<SessionInputValue<'static>>,
    outputs: Vec<Vec<f32>>,
}

impl fmt::Debug for BoundSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoundSession").field("session", &self.session).finish_non_exhaustive()
    }
}

impl BoundSession {
    /// The elements of input `index`, row-major.
    ///
    /// # Errors
    /// There is no such input, or its elements are not `T`.
    pub fn input<T: PrimitiveTensorElementType>(
        &mut self,
        index: usize,
    ) -> Result<&mut [T], SessionError> {
        let wrong = |reason: &str| misfit(&format!("input {index}"), reason);
        match self.inputs.get_mut(index) {
            Some(SessionInputValue::Owned(value)) => value
                .try_extract_tensor_mut::<T>()
                .map(|(_, elements)| elements)
                .map_err(|error| wrong(&error.to_string())),
            _ => Err(wrong("there is none")),
        }
    }

    /// One inference.
    ///
    /// # Errors
    /// ONNX Runtime's own, as when an output has another shape than was bound.
    pub fn run(&mut self) -> Result<(), SessionError> {
        let failed = |error: ort::Error| SessionError::Run(error.to_string());
        let results = self
            .session
            .run_with_options(self.inputs.as_slice(), &self.run_options)
            .map_err(failed)?;
        for (output, value) in self.outputs.iter_mut().zip(results.values()) {
            let (_, elements) = value.try_extract_tensor::<f32>().map_err(failed)?;
            if elements.len() != output.len() {
                return Err(SessionError::Run("an output changed its size".to_owned()));
            }
            output.copy_from_slice(elements);
        }
        Ok(())
    }

    /// The elements of output `index` as the last [`run`](Self::run) left them, row-major; empty
    /// when there is none.
    #[must_use]
    pub fn output(&self, index: usize) -> &[f32] {
        self.outputs.get(index).map_or(&[], Vec::as_slice)
    }

    /// Copies `output` into `input` for the next run: recurrent state.
    ///
    /// # Errors
    /// They differ in size or element type.
    pub fn carry(&mut self, output: usize, input: usize) -> Result<(), SessionError> {
        let mut outputs = std::mem::take(&mut self.outputs);
        let from = outputs.get_mut(output).map_or(&mut [][..], Vec::as_mut_slice);
        let result = self.input::<f32>(input).and_then(|to| {
            if to.len() != from.len() {
                return Err(misfit(
                    &format!("input {input}"),
                    "it has another size than its output",
                ));
            }
            to.copy_from_slice(from);
            Ok(())
        });
        self.outputs = outputs;
        result
    }
}

/// Opens the graph on exactly `device`; the error is the provider's own text.
pub(super) fn open_on(
    device: Device,
    runtime: &Runtime,
    model: Model<'_>,
    options: &SessionOptions,
) -> Result<(OrtSession, String), String> {
    let text = |error: ort::Error| error.to_string();
    let mut builder =
        configure(OrtSession::builder(&runtime.environment).map_err(text)?, device, options)
            .map_err(|error| error.to_string())?;
    if let Some(provider) = dispatch(device, options) {
        provider.register(&mut builder).map_err(text)?;
    }
    if device == Device::TensorRt {
        // What TensorRT leaves over runs on CUDA where it can; without CUDA it goes to the CPU.
        let cuda = ep::CUDA::default().build();
        if let Err(error) = cuda.register(&mut builder) {
            tracing::warn!("CUDA beside TensorRT: {error}");
        }
    }
    let session = match model {
        Model::Bytes(bytes) => builder.commit_from_memory(bytes),
        Model::File(path) => builder.commit_from_file(path),
    }
    .map_err(text)?;
    let counts = nodes_by_provider(&session).map_err(text)?;
    let provider = summary(device, &counts)?;
    Ok((session, provider))
}

#[expect(clippy::result_large_err, reason = "the error is ort's, it carries the builder back")]
fn configure(builder: SessionBuilder, device: Device, options: &SessionOptions) -> BuilderResult {
    builder
        .with_auto_device(AutoDevicePolicy::PreferCPU)?
        .with_intra_threads(options.intra_threads)?
        .with_inter_threads(1)?
        .with_intra_op_spinning(false)?
        // DirectML's documentation demands that memory patterns are off.
        .with_memory_pattern(device != Device::DirectMl)?
        .with_config_entry(RECORD_KEY, "1")
}

fn dispatch(device: Device, options: &SessionOptions) -> Option<ExecutionProviderDispatch> {
    match device {
        Device::Auto | Device::Cpu => None,
        Device::Cuda => Some(ep::CUDA::default().build()),
        Device::TensorRt => {
            let mut provider = ep::TensorRT::default();
            if let Some(folder) = &options.engine_cache {
                provider =
                    provider.with_engine_cache(true).with_engine_cache_path(folder.display());
            }
            Some(provider.build())
        }
        Device::CoreMl => Some(ep::CoreML::default().build()),
        Device::DirectMl => Some(ep::DirectML::default().build()),
    }
}

/// The line for the screen; an error when `device` got no node at all.
fn summary(device: Device, counts: &[(String, usize)]) -> Result<String, String> {
    let total: usize = counts.iter().map(|(_, nodes)| nodes).sum();
    let taken: usize = counts
        .iter()
        .filter(|(provider, _)| provider == device.provider())
        .map(|(_, nodes)| nodes)
        .sum();
    match (device, taken) {
        (Device::Auto | Device::Cpu, _) => Ok(Device::Cpu.title().to_owned()),
        (_, 0) => Err(format!("it took none of the graph's {total} nodes")),
        (_, taken) => Ok(format!("{} ({taken} of {total} nodes)", device.title())),
    }
}

fn describe(outlet: &Outlet) -> TensorInfo {
    let ValueType::Tensor { ty, shape, dimension_symbols } = outlet.dtype() else {
        return TensorInfo { name: outlet.name().to_owned(), element: "none", dims: Vec::new() };
    };
    let dim = |(index, size): (usize, &i64)| {
        let symbol = || dimension_symbols.get(index).cloned().unwrap_or_default();
        usize::try_from(*size).map_or_else(|_| Dim::Symbol(symbol()), Dim::Size)
    };
    TensorInfo {
        name: outlet.name().to_owned(),
        element: element_name(*ty),
        dims: shape.iter().enumerate().map(dim).collect(),
    }
}

/// The element type's name in the ONNX specification, lower case.
fn element_name(element: TensorElementType) -> &'static str {
    match element {
        TensorElementType::Float32 => "float32",
        TensorElementType::Float16 => "float16",
        TensorElementType::Bfloat16 => "bfloat16",
        TensorElementType::Float64 => "float64",
        TensorElementType::Int8 => "int8",
        TensorElementType::Int16 => "int16",
        TensorElementType::Int32 => "int32",
        TensorElementType::Int64 => "int64",
        TensorElementType::Uint8 => "uint8",
        TensorElementType::Uint16 => "uint16",
        TensorElementType::Uint32 => "uint32",
        TensorElementType::Uint64 => "uint64",
        TensorElementType::Bool => "bool",
        TensorElementType::String => "string",
        _ => "other",
    }
}

fn check_shapes(infos: &[TensorInfo], shapes: &[Vec<usize>]) -> Result<(), SessionError> {
    if infos.len() != shapes.len() {
        let names: Vec<&str> = infos.iter().map(|info| info.name.as_str()).collect();
        let reason = format!("{} shapes were given for {}", shapes.len(), infos.len());
        return Err(misfit(&names.join(", "), &reason));
    }
    match infos.iter().zip(shapes).find(|(info, shape)| !info.takes(shape)) {
        Some((info, shape)) => {
            Err(misfit(&info.to_string(), &format!("shape {shape:?} does not fit")))
        }
        None => Ok(()),
    }
}

fn tensor(outlet: &Outlet, shape: &[usize]) -> Result<DynTensor, SessionError> {
    let element = outlet
        .dtype()
        .tensor_type()
        .ok_or_else(|| misfit(outlet.name(), "it is a sequence or map, not a tensor"))?;
    DynTensor::new(&Allocator::default(), element, shape)
        .map_err(|error| misfit(outlet.name(), &error.to_string()))
}

fn misfit(tensor: &str, reason: &str) -> SessionError {
    SessionError::Tensor { tensor: tensor.to_owned(), reason: reason.to_owned() }
}
