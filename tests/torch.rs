//! Training held against `PyTorch`, and every file we write against the ONNX checker and Python's
//! ONNX Runtime: minutes, and gigabytes to fetch, so only with `make test SLOW=1`.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test may panic; clippy exempts only #[test] functions")]

mod onnxruntime;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use pilothouse::msg::{ActionChunk, Frame};
use pilothouse::onnx::builder::{ElementType, GraphBuilder, Value};
use pilothouse::onnx::foreign;
use pilothouse::onnx::proto::ModelProto;
use pilothouse::onnx::{Device, Model, SessionOptions, StepSession, TensorView};
use pilothouse::policy::manifest::Training;
use pilothouse::policy::{Manifest, OnnxPolicy, Policy};
use pilothouse::train::TrainError;
use pilothouse::train::deploy;
use pilothouse::train::fit::Fit;
use pilothouse::train::graph::{
    BatchSize, BatchView, TrainingGraph, Weight, put_back, trainable, weights_of,
};
use pilothouse::train::objective::{Objective, gaussian};
use pilothouse::train::optimiser::{AdamW, Config};
use pilothouse::train::slopes::{Plan, SlopeGraph, find};
use pilothouse::train::spec::Spec;
use prost::Message;
use serde_json::{Map, Value as Json, json};

const BATCH: usize = 32;
/// Of the policy in `make_policy.py`.
const SLOTS: usize = 4;
/// How far a loss of ours may be from `PyTorch`'s after up to ten steps, both in `f32`.
const TOLERANCE: f64 = 2e-4;

fn is_slow() -> bool {
    std::env::var_os("PILOTHOUSE_SLOW").is_some()
}

/// The Python that has `PyTorch`.
static PYTHON: LazyLock<PathBuf> = LazyLock::new(|| {
    let made = Command::new(".ci/torch").stderr(Stdio::inherit()).output().unwrap();
    assert!(made.status.success(), "PyTorch could not be installed");
    String::from_utf8(made.stdout).unwrap().trim().into()
});

/// Runs a script of `tests/torch` on a folder; it says itself what is wrong.
fn python(script: &str, folder: &Path) {
    let script = format!("tests/torch/{script}");
    let status = Command::new(&*PYTHON).arg("-W").arg("ignore").arg(&script).arg(folder).status();
    assert!(status.unwrap().success(), "{script}");
}

/// What a script was given and what came out, for `check.py`.
struct Run {
    inputs: Vec<(&'static str, Vec<usize>, Json)>,
    outputs: Vec<(String, Vec<f32>)>,
}

impl Run {
    /// Of `model`, by our ONNX Runtime.
    fn of(model: &ModelProto, inputs: &[(&'static str, TensorView<'_>)]) -> Self {
        let options = SessionOptions { device: Device::Cpu, intra_threads: 1, engine_cache: None };
        let bytes = model.encode_to_vec();
        let mut session =
            StepSession::open(&onnxruntime::runtime(), Model::Bytes(&bytes), &options).unwrap();
        let names = session.outputs().to_vec();
        let found = session.run(inputs).unwrap();
        let found = found.slices().unwrap().into_iter().map(<[f32]>::to_vec);
        let tensor = |view: &TensorView<'_>| match view {
            TensorView::F32(shape, data) => (shape.to_vec(), json!(["float32", data])),
            TensorView::U8(shape, data) => (shape.to_vec(), json!(["uint8", data])),
            TensorView::I64(shape, data) => (shape.to_vec(), json!(["int64", data])),
        };
        let inputs = inputs.iter().map(|(name, view)| {
            let (shape, data) = tensor(view);
            (*name, shape, data)
        });
        Self { inputs: inputs.collect(), outputs: names.into_iter().zip(found).collect() }
    }

    /// Puts it and its model where `check.py` looks.
    fn write(&self, folder: &Path, name: &str, model: &ModelProto) {
        let mut inputs = Map::new();
        for (name, shape, data) in &self.inputs {
            let tensor = json!({ "shape": shape, "type": data[0], "elements": data[1] });
            inputs.insert((*name).to_owned(), tensor);
        }
        let outputs: Map<_, _> =
            self.outputs.iter().map(|(name, elements)| (name.clone(), json!(elements))).collect();
        let at = |end: &str| folder.join(format!("{name}.{end}"));
        std::fs::write(at("onnx"), model.encode_to_vec()).unwrap();
        std::fs::write(at("inputs.json"), Json::from(inputs).to_string()).unwrap();
        std::fs::write(at("outputs.json"), Json::from(outputs).to_string()).unwrap();
    }
}

fn floats(path: &Path) -> Vec<f32> {
    let bytes = std::fs::read(path).unwrap();
    let (chunks, _) = bytes.as_chunks::<4>();
    chunks.iter().map(|chunk| f32::from_le_bytes(*chunk)).collect()
}

/// As `loss_of` in `tests/peers/nets.py`.
fn objective(g: &mut GraphBuilder) -> Result<Value, TrainError> {
    let y = find(g, "y")?;
    let target = g.input("target", ElementType::F32, &[BATCH, 3])?;
    let (mean, log_deviation) = (g.slice(y, 1, 0, 3)?, g.slice(y, 1, 3, 6)?);
    let difference = g.sub(mean, target)?;
    let each = gaussian(g, difference, log_deviation)?;
    let loss = g.reduce_mean(each, &[0, 1])?;
    Ok(g.reshape(loss, &[])?)
}

/// Trains what `PyTorch` exported, on the same batch from the same weights; gives the losses.
fn train(folder: &Path, name: &str, shape: &[usize], n_steps: usize, checked: &Path) -> Vec<f64> {
    let runtime = onnxruntime::runtime();
    let mut model = foreign::read(&folder.join(format!("{name}.onnx"))).unwrap();
    let nodes = model.graph.as_ref().unwrap().node.clone();
    let names = trainable(&model);
    let feed = [("x".to_owned(), (ElementType::F32, shape.to_vec()))];
    let plan = Plan { model: &model, feed: &feed, weights: &names };
    let whole = plan.with_slopes(&runtime, objective).unwrap();
    let mut graph = SlopeGraph::open(&runtime, &whole).unwrap();
    let mut weights = weights_of(&model, &names).unwrap();
    let mut adam = AdamW::new(&weights);
    let config = Config {
        rate: 1e-3,
        rate_end: 1.0,
        warmup: 0,
        decay: 0.0,
        norm_max: f32::INFINITY,
        ..Config::default()
    };
    let data = floats(&folder.join(format!("{name}.f32")));
    let (x, target) = data.split_at(data.len() - BATCH * 3);
    let feed = [("x", TensorView::F32(shape, x)), ("target", TensorView::F32(&[BATCH, 3], target))];
    let mut losses = Vec::new();
    for _ in 0..n_steps {
        let outputs = graph.run(&weights, &feed).unwrap();
        let outputs = outputs.slices().unwrap();
        losses.push(f64::from(outputs[0][0]));
        adam.step(&config, &mut weights, &outputs[1..]);
    }
    put_back(&mut model, &weights);
    assert_eq!(model.graph.as_ref().unwrap().node, nodes, "only weights change");
    let run = Run::of(&model, &feed[..1]);
    run.write(checked, &format!("trained-{name}"), &model);
    std::fs::write(checked.join(format!("training-{name}.onnx")), whole.encode_to_vec()).unwrap();
    losses
}

#[test]
fn training_takes_the_same_course_as_in_pytorch() {
    // Slopes or optimiser would be subtly wrong: training would run, and end elsewhere.
    if !is_slow() {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let checked = place.path().join("checked");
    std::fs::create_dir(&checked).unwrap();
    python("make.py", place.path());
    let curves = std::fs::read(place.path().join("curves.json")).unwrap();
    let curves: Map<String, Json> = serde_json::from_slice(&curves).unwrap();
    assert_eq!(curves.len(), 4);
    for (name, theirs) in curves {
        let numbers = |key: &str| theirs[key].as_array().unwrap().iter();
        let shape: Vec<_> = numbers("input").map(|n| n.as_u64().unwrap() as usize).collect();
        let theirs: Vec<_> = numbers("losses").map(|loss| loss.as_f64().unwrap()).collect();
        let ours = train(place.path(), &name, &shape, theirs.len(), &checked);
        let most = ours.iter().zip(&theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(most < TOLERANCE, "{name}: {ours:?}\n{theirs:?}");
        assert!(theirs[0] - theirs[theirs.len() - 1] > 0.1, "{name} learnt nothing: {theirs:?}");
    }
    python("check.py", &checked);
}

/// A small policy as `pilothouse train` makes it.
fn policy() -> (ModelProto, Manifest, Spec) {
    let text = std::fs::read_to_string("configs/policies/default.toml").unwrap();
    let mut spec: Spec = toml::from_str(&text).unwrap();
    (spec.input.width, spec.input.height) = (64, 48);
    (spec.architecture.channels, spec.architecture.width) = ([8, 8, 8, 8], 24);
    (spec.batch.lanes, spec.batch.steps) = (2, 3);
    let model = spec.architecture.build(&spec.frame(9), spec.seed).unwrap().finish("");
    let training = Training { data: String::new(), scores: String::new() };
    let manifest = deploy::manifest(&spec, vec!["go".to_owned()], training);
    (model, manifest, spec)
}

#[test]
fn a_policy_that_pytorch_made_is_fine_tuned_and_drives() {
    // Who has a policy of another program could not correct it with what the station recorded.
    if !is_slow() {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    python("make_policy.py", place.path());
    let mut model = foreign::read(&place.path().join("exported/policy.onnx")).unwrap();
    let (_, mut manifest, spec) = policy();
    (manifest.instruction, manifest.state) = (None, Vec::new());
    manifest.opset = model.opset_import[0].version;
    (manifest.action.slots, manifest.action.horizon_ms_max) = (SLOTS, 400);
    let size = BatchSize { lanes: 4, steps: 2 };
    let (names, objective) = (trainable(&model), Objective::Huber { delta: 1.0 });
    assert_eq!(names.len(), 4, "{names:?}");
    let runtime = onnxruntime::runtime();
    let mut graph =
        TrainingGraph::new(&runtime, &model, &manifest, size, &objective, &names, true).unwrap();
    let n = size.lanes * size.steps;
    let n_pixels = 3 * (spec.input.width * spec.input.height) as usize;
    let pictures: Vec<u8> = (0..n * n_pixels).map(|i| (i / n_pixels * 30) as u8).collect();
    let target = |i: usize| 0.3 * ((i / (SLOTS * 3)) as f32 / n as f32 - 0.5);
    let targets: Vec<f32> = (0..n * SLOTS * 3).map(target).collect();
    let weights = vec![1.0; n * SLOTS];
    let batch =
        BatchView { pictures: &pictures, tokens: &[], targets: &targets, weights: &weights };
    let config = Config { rate: 3e-3, warmup: 0, ..spec.optimiser };
    let mut fit = Fit::new(config, weights_of(&model, &names).unwrap(), String::new());
    let losses: Vec<_> = (0..80).map(|_| fit.step(&mut graph, &batch).unwrap().loss).collect();
    assert!(losses[79] < 0.5 * losses[0], "{losses:?}");
    put_back(&mut model, &fit.averaged());
    let folder = place.path().join("policy");
    deploy::write(&folder, &model, "{}", manifest).unwrap();
    let mut driver = OnnxPolicy::load(&folder, &runtime, Device::Cpu).unwrap();
    let mut chunk = ActionChunk::default();
    let rgb = vec![90; 320 * 240 * 3];
    driver.infer(&Frame { width: 320, height: 240, rgb, ..Frame::default() }, &mut chunk).unwrap();
    assert_eq!(chunk.twists().len(), SLOTS);
    let shape = [n, 3, spec.input.height as usize, spec.input.width as usize];
    let inputs = [("image", TensorView::U8(&shape, &pictures))];
    Run::of(&model, &inputs).write(place.path(), "tuned", &model);
    python("check.py", place.path());
}

#[test]
fn every_file_we_write_is_valid_and_means_the_same_elsewhere() {
    // Our policies would run here and nowhere else.
    if !is_slow() {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let (mut model, manifest, spec) = policy();
    let mut weights: Vec<Weight> = weights_of(&model, &trainable(&model)).unwrap();
    for (i, weight) in weights.iter_mut().enumerate() {
        weight.elements.iter_mut().for_each(|w| *w += 0.01 * (i % 3) as f32);
    }
    put_back(&mut model, &weights);
    let folder = place.path().join("policy");
    deploy::write(&folder, &model, "{}", manifest).unwrap();
    let written = std::fs::read(folder.join("policy.onnx")).unwrap();
    let model = ModelProto::decode(written.as_slice()).unwrap();
    let (width, height) = (spec.input.width as usize, spec.input.height as usize);
    let pixels: Vec<u8> = (0..3 * width * height).map(|i| (i * 37 % 256) as u8).collect();
    let tokens: Vec<i64> = (0..9).cycle().take(spec.input.tokens).collect();
    let inputs = [
        ("image", TensorView::U8(&[1, 3, height, width], &pixels)),
        ("tokens", TensorView::I64(&[1, tokens.len()], &tokens)),
        ("memory", TensorView::F32(&[1, 24], &[0.1; 24])),
    ];
    Run::of(&model, &inputs).write(place.path(), "policy", &model);
    for entry in std::fs::read_dir("models").unwrap() {
        let graph = entry.unwrap().path().join("policy.onnx");
        if graph.exists() {
            let name = graph.parent().unwrap().file_name().unwrap().to_str().unwrap();
            std::fs::copy(&graph, place.path().join(format!("shipped-{name}.onnx"))).unwrap();
        }
    }
    python("check.py", place.path());
}
