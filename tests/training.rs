//! Training of a whole policy, on the real ONNX Runtime.
#![expect(clippy::unwrap_used, reason = "a test may panic; clippy exempts only #[test] functions")]

mod onnxruntime;

use pilothouse::onnx::proto::ModelProto;
use pilothouse::onnx::{Device, Model, Session, SessionOptions};
use pilothouse::policy::Manifest;
use pilothouse::policy::manifest::Training;
use pilothouse::train::deploy;
use pilothouse::train::fit::Fit;
use pilothouse::train::graph::{BatchView, TrainingGraph, put_back, trainable, weights_of};
use pilothouse::train::spec::Spec;

const SPEC: &str = r#"
name = "toy"
summary = "Learns a toy."
seed = 3
[input]
width = 32
height = 32
rate_hz = 10.0
tokens = 4
[output]
slots = 2
slot_ms = 100
horizon_ms_max = 400
scale = [0.5, 0.5, 0.8]
tolerance = [0.1, 0.1, 0.2]
[architecture]
channels = [8, 8, 8, 8]
width = 32
words = 8
[objective]
kind = "gaussian"
huber = 1.0
[batch]
lanes = 8
steps = 6
[optimiser]
steps = 900
rate = 0.003
warmup = 20
rate_end = 0.1
decay = 0.0
norm_max = 1.0
average = 0.9
"#;
const N_TOKENS: usize = 5;
const PIXELS: usize = 3 * 32 * 32;

struct Toy {
    spec: Spec,
    manifest: Manifest,
    model: ModelProto,
}

fn toy() -> Toy {
    let spec: Spec = toml::from_str(SPEC).unwrap();
    let graph = spec.architecture.build(&spec.frame(N_TOKENS), spec.seed).unwrap();
    let training = Training { data: String::new(), scores: String::new() };
    let manifest = deploy::manifest(&spec, vec!["go".to_owned()], training);
    Toy { manifest, model: graph.finish(""), spec }
}

/// Sequences in which the command is the side of the bright spot two steps ago, the other way round
/// when the words say so.
struct Data {
    pictures: Vec<u8>,
    tokens: Vec<i64>,
    targets: Vec<f32>,
    weights: Vec<f32>,
}

fn data(spec: &Spec, seed: usize) -> Data {
    let (lanes, steps) = (spec.batch.lanes, spec.batch.steps);
    let side = |lane: usize, step: usize| {
        if ((seed * 7 + lane * 13 + step * 5) * 2_654_435_761) >> 7 & 1 == 0 { 1.0 } else { -1.0 }
    };
    let mut data =
        Data { pictures: Vec::new(), tokens: Vec::new(), targets: Vec::new(), weights: Vec::new() };
    for step in 0..steps {
        for lane in 0..lanes {
            let is_left = side(lane, step) > 0.0;
            let is_lit = move |x: usize| if is_left { x < 12 } else { x >= 20 };
            let level = move |i: usize| if is_lit(i % 32) { 200 } else { 40 };
            data.pictures.extend((0..PIXELS).map(level));
            let turn = if lane % 2 == 0 { 1.0 } else { -1.0 };
            data.tokens.extend([1, if lane % 2 == 0 { 2 } else { 3 }, 4, 0]);
            let wanted = if step < 2 { 0.0 } else { 0.3 * turn * side(lane, step - 2) };
            data.targets.extend([0.2, wanted, 0.0].repeat(2));
            data.weights.extend([if step < 2 { 0.0 } else { 1.0 }; 2]);
        }
    }
    data
}

impl Data {
    fn view(&self) -> BatchView<'_> {
        BatchView {
            pictures: &self.pictures,
            tokens: &self.tokens,
            targets: &self.targets,
            weights: &self.weights,
        }
    }
}

fn graph(toy: &Toy, has_slopes: bool) -> TrainingGraph {
    let Toy { spec, manifest, model } = toy;
    let names = trainable(model);
    let (size, objective) = (spec.batch_size(), &spec.objective);
    let runtime = onnxruntime::runtime();
    TrainingGraph::new(&runtime, model, manifest, size, objective, &names, has_slopes).unwrap()
}

#[test]
fn a_window_is_computed_as_the_station_computes_it_step_by_step() {
    // What is trained would not be what drives.
    let toy = toy();
    let data = data(&toy.spec, 1);
    let weights = weights_of(&toy.model, &trainable(&toy.model)).unwrap();
    let mut whole = graph(&toy, false);
    whole.run(&weights, &data.view()).unwrap();
    let predicted = whole.outputs().next().unwrap().to_vec();

    let bytes = prost::Message::encode_to_vec(&toy.model);
    let options = SessionOptions { device: Device::Cpu, intra_threads: 1, engine_cache: None };
    let session = Session::open(&onnxruntime::runtime(), Model::Bytes(&bytes), &options).unwrap();
    let inputs: Vec<String> = session.inputs().iter().map(|info| info.name.clone()).collect();
    assert_eq!(inputs, ["image", "tokens", "memory"]);
    let outputs: Vec<String> = session.outputs().iter().map(|info| info.name.clone()).collect();
    assert_eq!(outputs, ["memory_next", "action", "confidence"]);
    let mut bound = session
        .bind(
            &[vec![1, 3, 32, 32], vec![1, 4], vec![1, 32]],
            &[vec![1, 32], vec![1, 2, 3], vec![1]],
        )
        .unwrap();
    let (lanes, steps) = (toy.spec.batch.lanes, toy.spec.batch.steps);
    for lane in 0..lanes {
        bound.input::<f32>(2).unwrap().fill(0.0);
        for step in 0..steps {
            let row = step * lanes + lane;
            let picture = &data.pictures[row * PIXELS..(row + 1) * PIXELS];
            bound.input::<u8>(0).unwrap().copy_from_slice(picture);
            bound.input::<i64>(1).unwrap().copy_from_slice(&data.tokens[row * 4..row * 4 + 4]);
            bound.run().unwrap();
            let expected = &predicted[row * 6..row * 6 + 6];
            for (found, expected) in bound.output(1).iter().zip(expected) {
                assert!((found - expected).abs() < 1e-5, "lane {lane}, step {step}");
            }
            bound.carry(0, 2).unwrap();
        }
    }
}

#[test]
fn slopes_of_a_whole_policy_are_those_of_its_objective() {
    // Memory, words and pictures would be trained on something else than the loss.
    let toy = toy();
    let data = data(&toy.spec, 2);
    let mut weights = weights_of(&toy.model, &trainable(&toy.model)).unwrap();
    let mut graph = graph(&toy, true);
    graph.run(&weights, &data.view()).unwrap();
    let slopes: Vec<Vec<f32>> = graph.outputs().map(<[f32]>::to_vec).collect();
    assert_eq!(slopes.len(), weights.len());
    for (i, slope) in slopes.iter().enumerate() {
        // Along the slope itself the loss changes most: by its squared length.
        let length = slope.iter().map(|s| s * s).sum::<f32>().sqrt().max(1e-6);
        let step = 1e-2 / length.max(1.0);
        let mut loss_at = |by: f32| {
            let before = weights[i].elements.clone();
            for (w, s) in weights[i].elements.iter_mut().zip(slope) {
                *w += by * s / length;
            }
            let loss = graph.run(&weights, &data.view()).unwrap();
            weights[i].elements = before;
            loss
        };
        let found = (loss_at(step) - loss_at(-step)) / (2.0 * step);
        let name = &weights[i].name;
        assert!((found - length).abs() < 0.05 * length + 2e-3, "{name}: {found} {length}");
    }
}

#[test]
fn it_learns_what_needs_sight_words_and_memory() {
    // Training would run and teach nothing.
    let mut toy = toy();
    let mut graph = graph(&toy, true);
    let weights = weights_of(&toy.model, &trainable(&toy.model)).unwrap();
    let mut fit = Fit::new(toy.spec.optimiser.clone(), weights, "toy".to_owned());
    for step in 0..900 {
        let data = data(&toy.spec, step);
        let report = fit.step(&mut graph, &data.view()).unwrap();
        assert!(report.loss.is_finite() && report.norm.is_finite(), "{report:?}");
    }
    let before = toy.model.clone();
    put_back(&mut toy.model, &fit.averaged());
    let names = |model: &ModelProto| model.graph.clone().unwrap().node;
    assert_eq!(names(&before), names(&toy.model), "only weights change");
    let mut whole = self::graph(&toy, false);
    let data = data(&toy.spec, 1000);
    whole.run(&fit.averaged(), &data.view()).unwrap();
    let predicted = whole.outputs().next().unwrap();
    let wrong = predicted.chunks_exact(3).zip(data.targets.chunks_exact(3)).zip(&data.weights);
    let wrong = wrong.filter(|((p, t), w)| **w > 0.0 && (p[1] * 0.5 - t[1]).abs() > 0.15).count();
    assert!(wrong <= 2, "{wrong} of {} commands are wrong", data.weights.len());
}

#[test]
fn a_run_that_was_killed_goes_on_as_if_it_had_not_been() {
    // A night of training would be lost, or end in another policy.
    let toy = toy();
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("checkpoint");
    let weights = weights_of(&toy.model, &trainable(&toy.model)).unwrap();
    let start = || Fit::new(toy.spec.optimiser.clone(), weights.clone(), "toy".to_owned());
    let mut graph = graph(&toy, true);
    let mut run = |fit: &mut Fit, steps: std::ops::Range<usize>| {
        for step in steps {
            fit.step(&mut graph, &data(&toy.spec, step).view()).unwrap();
        }
    };
    let mut through = start();
    run(&mut through, 0..12);
    let mut killed = start();
    run(&mut killed, 0..5);
    killed.note(1.0, 0.5);
    killed.save(&path).unwrap();
    run(&mut killed, 5..7);
    let mut resumed = start();
    resumed.resume(&path).unwrap();
    assert_eq!(resumed.steps(), 5);
    run(&mut resumed, 5..12);
    assert_eq!(resumed.averaged(), through.averaged());
    assert_eq!(resumed.progress.curve.len(), 1);

    let mut other = Fit::new(toy.spec.optimiser.clone(), weights.clone(), "other".to_owned());
    assert!(other.resume(&path).unwrap_err().to_string().contains("another"));
    let bytes = std::fs::read(&path).unwrap();
    for n in [0, 20, 40, bytes.len() - 1] {
        std::fs::write(&path, &bytes[..n]).unwrap();
        assert!(start().resume(&path).is_err(), "{n} bytes of it");
    }
}
