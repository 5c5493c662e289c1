//! ONNX as data and as a running session.

pub mod library;
