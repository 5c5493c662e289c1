//! ONNX as data and as a running session.
//!
//! [`builder`] writes graphs, [`foreign`] reads other programs' ones and [`inspect`] judges them,
//! [`library`] finds or fetches the ONNX Runtime library, [`Runtime`] is that library loaded and
//! [`Session`] a graph running in it. Deliberately absent: what a tensor means; that is
//! [`crate::policy`]'s.

mod assignment;
pub mod builder;
mod device;
pub mod foreign;
pub mod grad;
pub mod inspect;
pub mod library;
mod node;
mod probe;
pub mod proto;
mod recurrent;
mod runtime;
mod session;
mod step;
mod tensor;
pub mod unroll;
mod weights;

pub use device::{Device, UnknownDevice};
pub use probe::{Fact, Facts, Input, probe};
pub use runtime::{LoadError, Runtime};
pub use session::{
    BoundSession, Dim, Model, Refusal, Session, SessionError, SessionOptions, TensorInfo,
    default_intra_threads,
};
pub use step::{StepOutputs, StepSession, TensorView};
pub use weights::weights;
