//! Policy folders, good and broken, on the real ONNX Runtime.
#![expect(clippy::unwrap_used, reason = "a test may panic; clippy exempts only #[test] functions")]
#![expect(clippy::float_cmp, reason = "zero and whole counts are exact")]

mod onnxruntime;

use std::fs;
use std::path::Path;

use pilothouse::msg::{ActionChunk, Frame, Kinematics, Twist};
use pilothouse::onnx::Device;
use pilothouse::onnx::builder::{BuildError, ElementType, GraphBuilder};
use pilothouse::onnx::proto::ModelProto;
use pilothouse::policy::manifest::{Axis, Column, FILE_NAME, Layout, State};
use pilothouse::policy::{self, Manifest, OnnxPolicy, Policy, PolicyError, sha256};
use prost::Message;
use tempfile::TempDir;

const BEACON: &str = "models/beacon";

/// A network whose answers can be foretold: `peak` is the picture's brightest level over 100,
/// `count` the inferences since the reset. Slots are (count, peak) and (peak, count); a fully white
/// picture makes `peak` NaN.
fn probe(confidence: f32) -> Result<Vec<u8>, BuildError> {
    let mut g = GraphBuilder::new("probe");
    let image = g.input("image", ElementType::F32, &[1, 3, 2, 2])?;
    g.input("tokens", ElementType::I64, &[1, 16])?;
    let memory = g.input("memory", ElementType::F32, &[1, 1])?;
    let peak = g.reduce_max(image, &[1, 2, 3])?;
    let peak = g.reshape(peak, &[1, 1])?;
    let below_white = g.sub(255.0, peak)?;
    let one = g.div(below_white, below_white)?;
    let peak = g.mul(peak, 0.01)?;
    let peak = g.mul(peak, one)?;
    let slots = g.concat(&[memory, peak, peak, memory], 1)?;
    let action = g.reshape(slots, &[1, 2, 2])?;
    g.output("action", action)?;
    let confidence = g.constant(&[1], &[confidence])?;
    g.output("confidence", confidence)?;
    let next = g.add(memory, 1.0)?;
    g.output("memory_next", next)?;
    Ok(g.finish_bytes(""))
}

/// A policy folder with `graph` in it, its manifest beacon's, fitted to [`probe`] and then changed
/// by `edit`.
fn folder(graph: &[u8], edit: impl FnOnce(&mut Manifest)) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut manifest = Manifest::read(Path::new(BEACON)).unwrap();
    fs::write(folder.path().join("policy.onnx"), graph).unwrap();
    fs::copy(format!("{BEACON}/tokenizer.json"), folder.path().join("tokenizer.json")).unwrap();
    for (name, hash) in &mut manifest.files {
        *hash = sha256(&folder.path().join(name)).unwrap();
    }
    "probe".clone_into(&mut manifest.name);
    (manifest.image.width, manifest.image.height, manifest.image.scale) = (2, 2, 1.0);
    manifest.state[0].shape = vec![1, 1];
    manifest.action.slots = 2;
    for column in &mut manifest.action.axes {
        (column.min, column.max) = (-100.0, 100.0);
    }
    edit(&mut manifest);
    let text = toml::to_string(&manifest).unwrap();
    fs::write(folder.path().join(FILE_NAME), text).unwrap();
    folder
}

fn load(folder: &TempDir) -> Result<OnnxPolicy, PolicyError> {
    OnnxPolicy::load(folder.path(), &onnxruntime::runtime(), Device::Cpu)
}

fn ready(folder: &TempDir) -> OnnxPolicy {
    let mut policy = load(folder).unwrap();
    policy.set_instruction("find the red target").unwrap();
    policy
}

fn gray(level: u8) -> Frame {
    let mut frame = Frame::default();
    frame.resize(4, 4);
    frame.rgb.fill(level);
    frame
}

fn infer(policy: &mut OnnxPolicy, level: u8) -> ActionChunk {
    let mut chunk = ActionChunk::default();
    policy.infer(&gray(level), &mut chunk).unwrap();
    chunk
}

#[test]
fn columns_become_twists_in_si_units() {
    // A swapped axis, a lost scale or a missing limit would drive the robot wrongly.
    let folder = folder(&probe(0.75).unwrap(), |manifest| {
        manifest.action.kinematics = Kinematics::Omni;
        manifest.action.axes = vec![
            Column { axis: Axis::AngularZ, scale: -2.0, offset: 0.5, min: -5.0, max: 5.0 },
            Column { axis: Axis::LinearY, scale: 1.0, offset: 0.0, min: -0.2, max: 1.0 },
        ];
    });
    let mut policy = ready(&folder);
    assert_eq!(policy.info().kinematics, Kinematics::Omni);
    let chunk = infer(&mut policy, 50);
    let near =
        |a: Twist, b: Twist| (a.linear_y - b.linear_y).abs() + (a.angular_z - b.angular_z).abs();
    let [first, second] = chunk.twists() else { panic!("{chunk:?}") };
    assert!(near(*first, Twist::new(0.0, 0.5, 0.5)) < 1e-6, "{first:?}");
    assert!(near(*second, Twist::new(0.0, 0.0, -0.5)) < 1e-6, "{second:?}");
    let chunk = infer(&mut policy, 200);
    assert!(near(chunk.twists()[0], Twist::new(0.0, 1.0, -1.5)) < 1e-6, "limited: {chunk:?}");
    assert!((chunk.confidence - 0.75).abs() < 1e-6);
    assert_eq!((chunk.slot.as_millis(), chunk.horizon.as_millis()), (100, 600));
}

#[test]
fn state_is_carried_and_reset() {
    // Memory that leaks into a new attempt, or never arrives, makes a recurrent policy another one.
    let mut policy = ready(&folder(&probe(1.0).unwrap(), |_| {}));
    let counts: Vec<f64> = (0..3).map(|_| infer(&mut policy, 9).twists()[0].linear_x).collect();
    assert_eq!(counts, [0.0, 1.0, 2.0], "the warm-up leaves no trace");
    policy.reset();
    assert_eq!(infer(&mut policy, 9).twists()[0].linear_x, 0.0);
    policy.set_instruction("find the blue target").unwrap();
    assert_eq!(infer(&mut policy, 9).twists()[0].linear_x, 0.0, "another task, another attempt");
}

#[test]
fn answers_that_are_no_numbers_stop_the_robot() {
    // NaN passes every comparison unseen.
    let mut policy = ready(&folder(&probe(1.0).unwrap(), |_| {}));
    let error = policy.infer(&gray(255), &mut ActionChunk::default()).unwrap_err();
    assert!(
        matches!(&error, PolicyError::NotFinite { output, .. } if output == "action"),
        "{error}"
    );
    infer(&mut policy, 9);

    let error = load(&folder(&probe(1.5).unwrap(), |_| {})).unwrap_err();
    assert!(matches!(error, PolicyError::Confidence { .. }), "{error}");
    let error = load(&folder(&probe(f32::NAN).unwrap(), |_| {})).unwrap_err();
    assert!(matches!(error, PolicyError::NotFinite { .. }), "{error}");
}

#[test]
fn instructions_it_was_not_made_for_are_refused() {
    // A policy that gets words it cannot read would drive to whatever those tokens happen to mean.
    let mut policy = load(&folder(&probe(1.0).unwrap(), |_| {})).unwrap();
    let error = policy.infer(&gray(9), &mut ActionChunk::default()).unwrap_err();
    assert!(matches!(error, PolicyError::NoInstruction { .. }), "{error}");
    let long = "go ".repeat(20) + "red";
    for text in ["", "find the yellow target", "the red or the blue one", long.as_str()] {
        policy.set_instruction("find the red target").unwrap();
        let error = policy.set_instruction(text).unwrap_err();
        assert!(error.to_string().contains("try \"find the red target\""), "{error}");
        let error = policy.infer(&gray(9), &mut ActionChunk::default()).unwrap_err();
        assert!(matches!(error, PolicyError::NoInstruction { .. }), "{text:?}: {error}");
    }
    for text in ["RED!", "Go to the green cup", "blue, blue, blue"] {
        policy.set_instruction(text).unwrap();
    }
}

#[test]
fn graphs_that_break_their_contract_are_refused_precisely() {
    // Each would otherwise be an error, or a wrong motion, while driving.
    type Edit = fn(&mut Manifest);
    let cases: [(Edit, &str); 11] = [
        (
            |m| m.image.height = 3,
            "image.input must be float32[1, 3, 3, 2], but the graph's input is image float32[1, 3, 2, 2]",
        ),
        (|m| m.image.layout = Layout::Nhwc, "image.input must be float32[1, 2, 2, 3]"),
        (
            |m| m.image.input = "picture".into(),
            "image.input is \"picture\", but the graph has no such input; it has image, tokens, memory",
        ),
        (|m| m.image.input = "memory".into(), "image.input must be"),
        (|m| m.action.slots = 3, "action.output must be float32[1, 3, 2]"),
        (
            |m| m.action.output = "actions".into(),
            "no such output; it has action, confidence, memory_next",
        ),
        (|m| m.confidence.output = "memory_next".into(), "confidence.output must be float32[1]"),
        (
            |m| m.state.clear(),
            "the graph has a further input memory float32[1, 1]; nothing names it",
        ),
        (|m| m.state[0].shape = vec![1, 2], "state.input must be float32[1, 2]"),
        (|m| m.instruction.as_mut().unwrap().length = 8, "instruction.input must be int64[1, 8]"),
        (
            |m| {
                m.state.push(State {
                    input: "memory".into(),
                    output: "memory_next".into(),
                    shape: vec![1, 1],
                });
            },
            "\"memory\" is named twice",
        ),
    ];
    let graph = probe(1.0).unwrap();
    for (edit, expected) in cases {
        let error = load(&folder(&graph, edit)).unwrap_err();
        assert!(matches!(error, PolicyError::Contract { .. }), "{error}");
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn damaged_folders_are_refused_precisely() {
    // A half-copied or edited policy must not drive.
    let graph = probe(1.0).unwrap();
    let case = |damage: &dyn Fn(&Path), expected: &str| {
        let folder = folder(&graph, |_| {});
        damage(folder.path());
        let error = load(&folder).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        let error = policy::check(folder.path()).unwrap_err().to_string();
        assert!(error.contains(expected), "without a runtime: {error}");
    };
    case(&|path| fs::remove_file(path.join(FILE_NAME)).unwrap(), "policy.toml: ");
    case(
        &|path| fs::remove_file(path.join("policy.onnx")).unwrap(),
        "copy the policy's folder again",
    );
    case(
        &|path| fs::write(path.join("policy.onnx"), b"x").unwrap(),
        "is not the one its manifest was written for",
    );
    case(&|path| fs::write(path.join(FILE_NAME), "version = ").unwrap(), "TOML parse error");
    case(&|path| rewrite(path, "policy.onnx", b"x"), "it is not an ONNX file");
    case(&|path| rewrite(path, "tokenizer.json", b"{}"), "tokenizer");
    let mut model = ModelProto::decode(graph.as_slice()).unwrap();
    model.opset_import[0].version = 20;
    case(
        &|path| rewrite(path, "policy.onnx", &model.encode_to_vec()),
        "imports operator set 20, policy.toml says 21",
    );
    model.opset_import[0].version = 99;
    case(&|path| rewrite(path, "policy.onnx", &model.encode_to_vec()), "operator set 99");
    // A tokenizer that cannot tell the policy's own words apart.
    let yellow = folder(&graph, |m| {
        m.instruction.as_mut().unwrap().one_of = vec!["yellow".into(), "pink".into()];
    });
    let error = load(&yellow).unwrap_err().to_string();
    assert!(error.contains("the same tokens as another word"), "{error}");
}

/// Replaces a file and corrects its hash, so that only its content is wrong.
fn rewrite(folder: &Path, name: &str, bytes: &[u8]) {
    let before = sha256(&folder.join(name)).unwrap();
    fs::write(folder.join(name), bytes).unwrap();
    let after = sha256(&folder.join(name)).unwrap();
    let manifest = fs::read_to_string(folder.join(FILE_NAME)).unwrap();
    fs::write(folder.join(FILE_NAME), manifest.replace(&before, &after)).unwrap();
}

#[test]
fn a_list_shows_good_and_damaged_policies() {
    // A damaged policy that vanished from the list could not be repaired.
    let models = tempfile::tempdir().unwrap();
    for name in ["b", "a", "c"] {
        fs::create_dir(models.path().join(name)).unwrap();
    }
    fs::copy(format!("{BEACON}/{FILE_NAME}"), models.path().join("b").join(FILE_NAME)).unwrap();
    fs::write(models.path().join("a").join(FILE_NAME), "garbled").unwrap();
    let found: Vec<(String, bool)> = policy::list(models.path())
        .unwrap()
        .into_iter()
        .map(|entry| (entry.name, entry.manifest.is_ok()))
        .collect();
    assert_eq!(found, [("a".to_owned(), false), ("b".to_owned(), true)]);
}
