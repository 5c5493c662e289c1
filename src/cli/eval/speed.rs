//! How long an inference takes on this machine, on pictures of the simulated camera.

use std::io::Write;
use std::time::Duration;

use super::Candidate;
use crate::eval::scores::{Speed, n_bytes};
use crate::eval::statistics::quantile;
use crate::msg::{ActionChunk, Frame};
use crate::policy::{Policy, PolicyError};
use crate::runtime::clock;
use crate::sim::{EVALUATION_SEED, Pose, Renderer, Scenario, World};

/// Inferences that are timed, after some that are not.
const TIMED: usize = 300;
const WARM_UP: usize = 20;
/// Different pictures, in turn.
const PICTURES: u64 = 10;

/// The figures, and the delays that attempts are to be driven with.
pub(super) struct Pace {
    pub(super) speed: Speed,
    /// Every percentile from the median to the 99th.
    pub(super) delays: Vec<Duration>,
}

/// Times one inference after the other, as the station runs them.
pub(super) fn measure(candidate: &Candidate<'_>, out: &mut impl Write) -> anyhow::Result<Pace> {
    let mut policy = candidate.load()?;
    let pictures = pictures()?;
    instruct(&mut policy, &pictures.1)?;
    let mut times = Vec::with_capacity(TIMED);
    for (n, picture) in pictures.0.iter().cycle().take(WARM_UP + TIMED).enumerate() {
        let started = clock::now();
        policy.infer(picture, &mut ActionChunk::default())?;
        let took = clock::now().since(started);
        if n >= WARM_UP {
            times.push(took.as_secs_f64() * 1e3);
        }
    }
    times.sort_by(f64::total_cmp);
    let at = |share| quantile(&times, share).unwrap_or_default();
    let delays =
        (50..=99).map(|percent| Duration::from_secs_f64(at(f64::from(percent) / 100.0) / 1e3));
    let speed = Speed {
        device: policy.info().device.clone(),
        n: times.len(),
        p50_ms: at(0.5),
        p99_ms: at(0.99),
        n_bytes: n_bytes(candidate.folder, &candidate.manifest)?,
    };
    writeln!(
        out,
        "speed   {:.1} ms p50, {:.1} ms p99 on {}; {:.1} MB",
        speed.p50_ms,
        speed.p99_ms,
        speed.device,
        speed.n_bytes as f64 / 1e6
    )?;
    Ok(Pace { speed, delays: delays.collect() })
}

/// The first of the world's instructions that it takes.
fn instruct(policy: &mut dyn Policy, instructions: &[String]) -> Result<(), PolicyError> {
    let mut answer = Ok(());
    for instruction in instructions {
        answer = policy.set_instruction(instruction);
        if answer.is_ok() {
            break;
        }
    }
    answer
}

fn pictures() -> anyhow::Result<(Vec<Frame>, Vec<String>)> {
    let world = World::generate(&Scenario::embedded("one-crosswise-medium")?, EVALUATION_SEED);
    let mut renderer = Renderer::new(&world);
    let pictures = (0..PICTURES).map(|number| {
        let mut frame = Frame { seq: number, ..Frame::default() };
        frame.resize(640, 480);
        renderer.render(Pose { x: 0.02 * number as f64, ..world.start }, number, &mut frame);
        frame
    });
    Ok((pictures.collect(), world.instructions()))
}
