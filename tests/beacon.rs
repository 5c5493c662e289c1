//! `models/beacon` as it is committed, on the real ONNX Runtime.
#![expect(clippy::unwrap_used, reason = "a test may panic; clippy exempts only #[test] functions")]
#![expect(clippy::float_cmp, reason = "zero and whole counts are exact")]

mod onnxruntime;
#[path = "beacon/reference.rs"]
mod reference;

use std::fs;
use std::path::Path;

use pilothouse::msg::{ActionChunk, Frame, Twist};
use pilothouse::onnx::{Device, Model, Session, SessionOptions};
use pilothouse::policy::beacon::{self, HEIGHT, LENGTH, MEMORY, SLOTS, WIDTH};
use pilothouse::policy::{OnnxPolicy, Policy};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

const FOLDER: &str = "models/beacon";

fn load(instruction: &str) -> OnnxPolicy {
    let runtime = onnxruntime::runtime();
    let mut policy = OnnxPolicy::load(Path::new(FOLDER), &runtime, Device::Cpu).unwrap();
    policy.set_instruction(instruction).unwrap();
    policy
}

/// A gray picture with upright rectangles: colour, left, top, width, height in pixels of 640 x 480.
fn picture(things: &[([u8; 3], [u32; 4])]) -> Frame {
    let mut frame = Frame::default();
    frame.resize(640, 480);
    frame.rgb.fill(110);
    for (colour, [left, top, width, height]) in things {
        for y in *top..(top + height).min(480) {
            for x in *left..(left + width).min(640) {
                let at = (y * 640 + x) as usize * 3;
                frame.rgb[at..at + 3].copy_from_slice(colour);
            }
        }
    }
    frame
}

fn infer(policy: &mut OnnxPolicy, frame: &Frame) -> ActionChunk {
    let mut chunk = ActionChunk::default();
    policy.infer(frame, &mut chunk).unwrap();
    chunk
}

const RED: [u8; 3] = [200, 30, 30];
const BLUE: [u8; 3] = [25, 60, 210];

#[test]
fn the_committed_files_are_what_the_builder_writes() {
    // Otherwise the file that drives is not the one that the source describes.
    let written = beacon::graph().unwrap();
    assert!(
        written == fs::read(format!("{FOLDER}/policy.onnx")).unwrap(),
        "run `pilothouse models build-beacon`"
    );
    assert_eq!(
        beacon::tokenizer(),
        fs::read_to_string(format!("{FOLDER}/tokenizer.json")).unwrap()
    );
}

#[test]
fn the_graph_computes_what_plain_code_computes() {
    // The network's answers rest on 170 generated nodes; the reference says the same in a screenful
    // of loops.
    let options = SessionOptions { device: Device::Cpu, intra_threads: 1, engine_cache: None };
    let bytes = beacon::graph().unwrap();
    let session = Session::open(&onnxruntime::runtime(), Model::Bytes(&bytes), &options).unwrap();
    let inputs = [vec![1, 3, HEIGHT, WIDTH], vec![1, LENGTH], vec![1, MEMORY]];
    let outputs = [vec![1, SLOTS, 2], vec![1], vec![1, MEMORY]];
    let mut bound = session.bind(&inputs, &outputs).unwrap();
    let mut rng = Pcg64::seed_from_u64(1);
    for round in 0..16 {
        let channel = rng.random_range(0..3_usize);
        let image = reference::scene(&mut rng, channel);
        let memory = reference::memory(&mut rng);
        bound.input::<f32>(0).unwrap().copy_from_slice(&image);
        // The ids of red, green and blue follow those of [PAD] and [UNK].
        bound.input::<i64>(1).unwrap().fill(0);
        bound.input::<i64>(1).unwrap()[3] = [2, 3, 4][channel];
        bound.input::<f32>(2).unwrap().copy_from_slice(&memory);
        bound.run().unwrap();
        let expected = reference::beacon(&image, channel, memory);
        let found = [bound.output(0), bound.output(1), bound.output(2)].concat();
        for (index, (found, expected)) in found.iter().zip(&expected).enumerate() {
            assert!((found - expected).abs() < 2e-4, "round {round}, {index}: {found} {expected}");
        }
    }
}

#[test]
fn it_turns_to_the_named_colour_and_to_no_other() {
    // It would drive to the wrong thing.
    let frame = picture(&[(RED, [100, 240, 40, 60]), (BLUE, [500, 240, 40, 60])]);
    let left = infer(&mut load("find the red target"), &frame);
    assert!(left.twists()[0].angular_z > 0.3 && left.confidence > 0.9, "{left:?}");
    let right = infer(&mut load("find the blue target"), &frame);
    assert!(right.twists()[0].angular_z < -0.3 && right.confidence > 0.9, "{right:?}");
    let none = infer(&mut load("find the green target"), &frame);
    assert_eq!((none.confidence, none.twists()[0]), (0.0, Twist::ZERO));
}

#[test]
fn dim_and_warm_light_do_not_hide_the_target() {
    // The response must follow colour, not brightness, or it works at one hour of the day only.
    for (colour, instruction) in [
        ([70, 12, 12], "red"),
        ([255, 120, 110], "red"),
        ([20, 60, 25], "green"),
        ([15, 30, 70], "blue"),
        ([90, 120, 190], "blue"),
    ] {
        let chunk = infer(&mut load(instruction), &picture(&[(colour, [300, 240, 40, 60])]));
        assert!(chunk.confidence > 0.8 && chunk.twists()[0].linear_x > 0.1, "{colour:?} {chunk:?}");
    }
    // Wood, cardboard and skin are no red target.
    for colour in [[160, 120, 80], [150, 100, 70], [225, 170, 140]] {
        let chunk = infer(&mut load("red"), &picture(&[(colour, [300, 240, 200, 200])]));
        assert_eq!(chunk.confidence, 0.0, "{colour:?}");
    }
}

#[test]
fn one_blob_outweighs_scattered_specks() {
    // Sensor noise and small reflections would pull it aside.
    let mut frame = picture(&[(RED, [520, 240, 40, 50])]);
    for i in 0..400_usize {
        // Single pixels all over the left half.
        let at = ((i * 37) % 480 * 640 + (i * 101) % 320) * 3;
        frame.rgb[at..at + 3].copy_from_slice(&[255, 0, 0]);
    }
    let with = infer(&mut load("red"), &frame).twists()[0];
    let without = infer(&mut load("red"), &picture(&[(RED, [520, 240, 40, 50])])).twists()[0];
    assert!((with.angular_z - without.angular_z).abs() < 0.02, "{with:?} {without:?}");
    let larger = picture(&[(RED, [100, 240, 24, 36]), (RED, [480, 240, 60, 90])]);
    assert!(infer(&mut load("red"), &larger).twists()[0].angular_z < -0.3, "the larger one wins");
}

#[test]
fn it_slows_down_and_stands_still_in_front_of_the_target() {
    // It would push the target over. The foot of the target comes down the picture as it nears.
    let speeds: Vec<f64> = [280, 330, 380, 420, 450, 480]
        .map(|foot: u32| {
            let side = (foot - 235) / 2;
            let frame = picture(&[(RED, [320 - side / 2, foot - side, side, side])]);
            infer(&mut load("red"), &frame).twists()[0].linear_x
        })
        .to_vec();
    assert!(speeds.is_sorted_by(|a, b| a >= b), "{speeds:?}");
    assert!(speeds[0] > 0.3 && speeds[5] < 0.05, "{speeds:?}");
    // The chunk itself brakes.
    let frame = picture(&[(RED, [280, 330, 80, 80])]);
    let chunk = infer(&mut load("red"), &frame);
    let slots: Vec<f64> = chunk.twists().iter().map(|twist| twist.linear_x).collect();
    assert!(
        slots[0] > 0.05 && slots.is_sorted_by(|a, b| a >= b) && slots[9] < slots[0],
        "{slots:?}"
    );
}

#[test]
fn a_lost_target_is_remembered_for_a_moment_only() {
    // It must neither freeze at a flicker nor drive on towards something it no longer sees.
    let mut policy = load("red");
    let seen = picture(&[(RED, [120, 240, 60, 60])]);
    for _ in 0..3 {
        infer(&mut policy, &seen);
    }
    let empty = picture(&[]);
    let first = infer(&mut policy, &empty);
    assert!(first.twists()[0].angular_z > 0.2 && first.confidence > 0.6, "{first:?}");
    assert_eq!(first.twists()[0].linear_x, 0.0, "it does not drive blind");
    let faded = (0..20).map(|_| infer(&mut policy, &empty)).last().unwrap();
    assert_eq!((faded.confidence, faded.twists()[0]), (0.0, Twist::ZERO));
    infer(&mut policy, &seen);
    policy.reset();
    assert_eq!(infer(&mut policy, &empty).twists()[0], Twist::ZERO, "a reset forgets");
}
