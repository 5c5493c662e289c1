//! Beacon on the simulated robot: picture in, twist out, ten times a second, until the task says
//! how it went.
#![expect(clippy::unwrap_used, reason = "a test may panic; clippy exempts only #[test] functions")]

mod onnxruntime;

use std::path::Path;

use pilothouse::msg::{ActionChunk, Frame};
use pilothouse::onnx::Device;
use pilothouse::policy::{OnnxPolicy, Policy};
use pilothouse::sim::scenario::Distance;
use pilothouse::sim::task::{Outcome, Tracker};
use pilothouse::sim::{Renderer, Robot, Scenario, Side, World, robot, rollout};

/// Physics steps between two pictures: a tenth of a second, beacon's rate.
const STEPS: usize = 20;

fn drive(policy: &mut OnnxPolicy, world: &World) -> Outcome {
    let limit = rollout::expert_time(world, Side::Left).unwrap();
    let mut tracker = Tracker::new(Side::Left, limit);
    let (mut robot, mut renderer) = (Robot::new(world), Renderer::new(world));
    let mut frame = Frame::default();
    frame.resize(320, 240);
    let mut chunk = ActionChunk::default();
    policy.set_instruction(&format!("find the {} target", world.target.color.name())).unwrap();
    for picture in 0.. {
        renderer.render(robot.truth().pose, picture, &mut frame);
        policy.infer(&frame, &mut chunk).unwrap();
        for _ in 0..STEPS {
            robot.step(world, robot::STEP, chunk.twists()[0]);
            let outcome = tracker.update(world, robot.truth());
            if outcome != Outcome::Running {
                return outcome;
            }
        }
    }
    Outcome::Running
}

#[test]
fn it_reaches_the_target_where_nothing_is_in_the_way() {
    // Beacon would be a picture of a policy: everything runs, and the robot does not arrive.
    let runtime = onnxruntime::runtime();
    let mut policy = OnnxPolicy::load(Path::new("models/beacon"), &runtime, Device::Cpu).unwrap();
    let scenario = Scenario { distance: Distance::Close, ..Scenario::embedded("open").unwrap() };
    let outcomes: Vec<Outcome> =
        (0..4).map(|seed| drive(&mut policy, &World::generate(&scenario, seed))).collect();
    let n_reached =
        outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Success(_))).count();
    assert!(n_reached >= 3, "{outcomes:?}");
}
