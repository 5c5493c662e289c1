//! Holds a graph to its manifest: which tensor is which, and whether each fits.

use crate::onnx::TensorInfo;

use super::Manifest;
use super::manifest::{ImageType, Layout, TokenType};

/// Positions of the policy's tensors among the graph's inputs and outputs, and every shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wiring {
    pub(super) image: usize,
    pub(super) tokens: Option<usize>,
    /// Input and output of each recurrent tensor.
    pub(super) state: Vec<(usize, usize)>,
    pub(super) action: usize,
    pub(super) confidence: usize,
    pub(super) input_shapes: Vec<Vec<usize>>,
    pub(super) output_shapes: Vec<Vec<usize>>,
}

/// What the manifest says of one tensor.
struct Wanted<'a> {
    /// The manifest's key that names it.
    key: &'static str,
    name: &'a str,
    element: &'static str,
    shape: Vec<usize>,
}

/// Finds every tensor of the manifest in the graph; an error says what does not fit and what would.
pub(super) fn wire(
    manifest: &Manifest,
    inputs: &[TensorInfo],
    outputs: &[TensorInfo],
) -> Result<Wiring, String> {
    let (wanted_inputs, wanted_outputs) = (wanted_inputs(manifest), wanted_outputs(manifest));
    let input_at = place("input", &wanted_inputs, inputs)?;
    let output_at = place("output", &wanted_outputs, outputs)?;
    let n_before = wanted_inputs.len() - manifest.state.len();
    let input = |index: usize| input_at.get(index).copied().unwrap_or_default();
    let output = |index: usize| output_at.get(index).copied().unwrap_or_default();
    Ok(Wiring {
        image: input(0),
        tokens: manifest.instruction.as_ref().map(|_| input(1)),
        state: (0..manifest.state.len())
            .map(|index| (input(n_before + index), output(2 + index)))
            .collect(),
        action: output(0),
        confidence: output(1),
        input_shapes: in_graph_order(&wanted_inputs, &input_at),
        output_shapes: in_graph_order(&wanted_outputs, &output_at),
    })
}

/// Image, tokens if any, states.
fn wanted_inputs(manifest: &Manifest) -> Vec<Wanted<'_>> {
    let (image, instruction) = (&manifest.image, &manifest.instruction);
    let (width, height) = (image.width as usize, image.height as usize);
    let picture = Wanted {
        key: "image.input",
        name: &image.input,
        element: match image.dtype {
            ImageType::Float32 => "float32",
            ImageType::Uint8 => "uint8",
        },
        shape: match image.layout {
            Layout::Nchw => vec![1, 3, height, width],
            Layout::Nhwc => vec![1, height, width, 3],
        },
    };
    let tokens = instruction.as_ref().map(|instruction| Wanted {
        key: "instruction.input",
        name: &instruction.input,
        element: match instruction.dtype {
            TokenType::Int32 => "int32",
            TokenType::Int64 => "int64",
        },
        shape: vec![1, instruction.length],
    });
    let states = manifest.state.iter().map(|state| Wanted {
        key: "state.input",
        name: &state.input,
        element: "float32",
        shape: state.shape.clone(),
    });
    [picture].into_iter().chain(tokens).chain(states).collect()
}

/// Action, confidence, states.
fn wanted_outputs(manifest: &Manifest) -> Vec<Wanted<'_>> {
    let (action, confidence) = (&manifest.action, &manifest.confidence);
    let answers = [
        Wanted {
            key: "action.output",
            name: &action.output,
            element: "float32",
            shape: vec![1, action.slots, action.axes.len()],
        },
        Wanted {
            key: "confidence.output",
            name: &confidence.output,
            element: "float32",
            shape: vec![1],
        },
    ];
    let states = manifest.state.iter().map(|state| Wanted {
        key: "state.output",
        name: &state.output,
        element: "float32",
        shape: state.shape.clone(),
    });
    answers.into_iter().chain(states).collect()
}

/// Position of each wanted tensor among the graph's; each of the graph's must be wanted exactly once.
fn place(kind: &str, wanted: &[Wanted<'_>], found: &[TensorInfo]) -> Result<Vec<usize>, String> {
    let mut positions = Vec::with_capacity(wanted.len());
    for want in wanted {
        let Some(index) = found.iter().position(|info| info.name == want.name) else {
            let names: Vec<&str> = found.iter().map(|info| info.name.as_str()).collect();
            return Err(format!(
                "{} is {:?}, but the graph has no such {kind}; it has {}",
                want.key,
                want.name,
                names.join(", ")
            ));
        };
        if positions.contains(&index) {
            return Err(format!("{kind} {:?} is named twice", want.name));
        }
        if let Some(info) = found.get(index)
            && (info.element != want.element || !info.takes(&want.shape))
        {
            return Err(format!(
                "{} must be {}{:?}, but the graph's {kind} is {info}",
                want.key, want.element, want.shape
            ));
        }
        positions.push(index);
    }
    match (0..found.len()).find(|index| !positions.contains(index)).and_then(|at| found.get(at)) {
        Some(extra) => Err(format!("the graph has a further {kind} {extra}; nothing names it")),
        None => Ok(positions),
    }
}

fn in_graph_order(wanted: &[Wanted<'_>], positions: &[usize]) -> Vec<Vec<usize>> {
    let mut shapes = vec![Vec::new(); wanted.len()];
    for (want, position) in wanted.iter().zip(positions) {
        if let Some(shape) = shapes.get_mut(*position) {
            shape.clone_from(&want.shape);
        }
    }
    shapes
}
