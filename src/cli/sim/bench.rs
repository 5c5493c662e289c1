use std::io::Write;

use super::ScenarioArgs;
use crate::msg::{Frame, Stamp};
use crate::sim::{Pose, Renderer, Robot, World, robot};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    scenarios: ScenarioArgs,
    /// Pictures of each size in each scenario.
    #[arg(long, default_value_t = 60)]
    pictures: u32,
}

const SIZES: [(u32, u32); 4] = [(160, 120), (224, 224), (320, 240), (640, 480)];

pub(super) fn run(args: &Args, out: &mut impl Write) -> anyhow::Result<()> {
    let scenarios = args.scenarios.all()?;
    let mut frame = Frame::default();
    let mut seconds = [0.0; SIZES.len()];
    let (mut building, mut stepping) = (0.0, 0.0);
    let mut steps = 0;
    for (seed, scenario) in (0_u64..).zip(&scenarios) {
        let world = World::generate(scenario, seed);
        let began = cpu_now();
        let mut renderer = Renderer::new(&world);
        building += cpu_now().since(began).as_secs_f64();
        for ((width, height), seconds) in SIZES.into_iter().zip(&mut seconds) {
            frame.resize(width, height);
            let began = cpu_now();
            for number in 0..args.pictures {
                let share = f64::from(number) / f64::from(args.pictures);
                let pose =
                    Pose { x: share * (world.target.x - 0.4), y: 0.8 * share, yaw: -0.6 * share };
                renderer.render(pose, u64::from(number), &mut frame);
            }
            *seconds += cpu_now().since(began).as_secs_f64();
        }
        let mut robot = Robot::new(&world);
        let began = cpu_now();
        for _ in 0..2000 {
            robot.step(&world, robot::STEP, crate::msg::Twist::new(0.1, 0.1, 0.1));
        }
        stepping += cpu_now().since(began).as_secs_f64();
        steps += 2000;
    }
    let pictures = f64::from(args.pictures) * scenarios.len() as f64;
    for ((width, height), seconds) in SIZES.into_iter().zip(seconds) {
        writeln!(
            out,
            "{width}x{height}: {:7.0} pictures/s, {:.2} ms of one core each",
            pictures / seconds,
            1e3 * seconds / pictures
        )?;
    }
    writeln!(out, "light of one world: {:.1} ms", 1e3 * building / scenarios.len() as f64)?;
    writeln!(out, "physics: {:.2} µs a step of 5 ms", 1e6 * stepping / f64::from(steps))?;
    Ok(())
}

/// Time this thread has computed: unlike a clock on the wall it does not count what other programs
/// took.
#[cfg(unix)]
fn cpu_now() -> Stamp {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Stamp(time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64)
}

#[cfg(not(unix))]
fn cpu_now() -> Stamp {
    crate::runtime::clock::now()
}
