//! Files that other programs wrote, made such that they can be trained and written back.
//!
//! 1. Weights that lie in files beside it are read into the graph.
//! 2. Operator sets 13 to 17 become 18, the oldest whose operators the gradient rules emit.
//! 3. Weights that the exporter stored once because they were equal get a tensor each.

mod upgrade;

use std::collections::{HashMap, HashSet};
use std::path::{Component, Path, PathBuf};

use prost::Message;

use super::proto::{GraphProto, ModelProto, TensorProto};
use super::weights::is_place;
pub use upgrade::{OPSET_MIN, UpgradeError, upgrade};

/// What one protobuf message can hold.
const BYTES_MAX: usize = i32::MAX as usize;

/// Why a file cannot be taken over.
#[derive(Debug, thiserror::Error)]
pub enum ForeignError {
    #[error("cannot read {}: {source}", path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error("{} is not an ONNX file: {reason}", path.display())]
    Format { path: PathBuf, reason: String },
    #[error("{}: tensor {tensor:?} lies in another file: {reason}", path.display())]
    External { path: PathBuf, tensor: String, reason: String },
    #[error(
        "{}: its tensors take {bytes} bytes, more than the 2 GiB one graph can hold; keep the part that is not trained in a file of its own",
        path.display()
    )]
    Large { path: PathBuf, bytes: usize },
    #[error("{}: {source}", path.display())]
    Upgrade { path: PathBuf, source: UpgradeError },
}

/// The model in `path`, complete and fit for training.
///
/// # Errors
/// A file is missing, damaged or too large, or the operator set is too old.
pub fn read(path: &Path) -> Result<ModelProto, ForeignError> {
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| ForeignError::Io { path, source }
    };
    let bytes = std::fs::read(path).map_err(io(path))?;
    let mut model = ModelProto::decode(bytes.as_slice()).map_err(|error| ForeignError::Format {
        path: path.to_owned(),
        reason: error.to_string(),
    })?;
    drop(bytes);
    let mut files: HashMap<PathBuf, Vec<u8>> = HashMap::new();
    let mut total = 0;
    for tensor in model.graph.iter_mut().flat_map(|graph| &mut graph.initializer) {
        let failed = |reason: &str| ForeignError::External {
            path: path.to_owned(),
            tensor: tensor.name.clone(),
            reason: reason.to_owned(),
        };
        if tensor.data_location != 0 {
            let place = Place::of(tensor).map_err(failed)?;
            let file = path.with_file_name(&place.location);
            if !files.contains_key(&file) {
                files.insert(file.clone(), std::fs::read(&file).map_err(io(&file))?);
            }
            let all = files.get(&file).map(Vec::as_slice).unwrap_or_default();
            let data = place.cut(all).ok_or_else(|| failed("it reaches past that file's end"))?;
            tensor.raw_data = data.to_vec();
            tensor.data_location = 0;
            tensor.external_data.clear();
        }
        total += tensor.raw_data.len();
    }
    if total > BYTES_MAX {
        return Err(ForeignError::Large { path: path.to_owned(), bytes: total });
    }
    upgrade(&mut model)
        .map_err(|source| ForeignError::Upgrade { path: path.to_owned(), source })?;
    unshare(&mut model);
    Ok(model)
}

/// Where a tensor's elements lie.
struct Place {
    location: PathBuf,
    offset: usize,
    length: Option<usize>,
}

impl Place {
    fn of(tensor: &TensorProto) -> Result<Self, &'static str> {
        let entry = |key: &str| {
            tensor.external_data.iter().find(|entry| entry.key == key).map(|entry| &entry.value)
        };
        let number = |key: &str| match entry(key) {
            None => Ok(None),
            Some(text) => text.parse().map(Some).map_err(|_| "its place there is no number"),
        };
        let location = PathBuf::from(entry("location").ok_or("which one is not said")?);
        let is_beside = location.components().all(|part| matches!(part, Component::Normal(_)));
        if !is_beside {
            return Err("only files in the model's own folder are read");
        }
        Ok(Self { location, offset: number("offset")?.unwrap_or(0), length: number("length")? })
    }

    fn cut<'a>(&self, file: &'a [u8]) -> Option<&'a [u8]> {
        let rest = file.get(self.offset..)?;
        match self.length {
            Some(length) => rest.get(..length),
            None => Some(rest),
        }
    }
}

/// Gives each place where weights stand a tensor of its own, where several share one whose elements
/// are all equal: fresh norms and biases, which exporters store once. Others that are shared are
/// truly one, as an embedding that is also the last layer.
pub fn unshare(model: &mut ModelProto) {
    let Some(graph) = &mut model.graph else { return };
    let is_even = |tensor: &TensorProto| {
        let floats = tensor.floats().unwrap_or_default();
        floats.len() > 1 && floats.windows(2).all(|pair| pair[0].to_bits() == pair[1].to_bits())
    };
    let even: HashMap<String, TensorProto> = graph
        .initializer
        .iter()
        .filter(|tensor| is_even(tensor))
        .map(|tensor| (tensor.name.clone(), tensor.clone()))
        .collect();
    let mut taken = names(graph);
    let mut n_uses: HashMap<String, usize> = HashMap::new();
    for input in graph.node.iter().flat_map(|node| &node.input) {
        *n_uses.entry(input.clone()).or_default() += 1;
    }
    let mut copies = Vec::new();
    for node in &mut graph.node {
        for place in 0..node.input.len() {
            let name = node.input[place].clone();
            let Some(tensor) = even.get(&name).filter(|t| is_place(node, place, Some(t))) else {
                continue;
            };
            // The last one keeps it.
            let Some(left) = n_uses.get_mut(&name).filter(|left| **left > 1) else { continue };
            *left -= 1;
            let mut copy = tensor.clone();
            copy.name = fresh(&mut taken, &name);
            node.input[place].clone_from(&copy.name);
            copies.push(copy);
        }
    }
    graph.initializer.extend(copies);
}

/// Names of all tensors that are stored or computed.
fn names(graph: &GraphProto) -> HashSet<String> {
    let stored = graph.initializer.iter().map(|tensor| &tensor.name);
    let computed = graph.node.iter().flat_map(|node| &node.output);
    let fed = graph.input.iter().map(|input| &input.name);
    stored.chain(computed).chain(fed).cloned().collect()
}

/// A name that is not `taken` yet, and is from now on.
fn fresh(taken: &mut HashSet<String>, stem: &str) -> String {
    let mut i = 0;
    loop {
        let name = format!("{stem} {i}");
        if taken.insert(name.clone()) {
            return name;
        }
        i += 1;
    }
}
