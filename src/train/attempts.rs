//! Attempts in the simulator that are learnt from: someone drives, the expert says at every picture
//! what should be done from there.
//!
//! With the expert driving under a disturbance these are demonstrations (DART: Laskey et al.,
//! 2017); with the policy driving, corrections of where its own mistakes lead (`DAgger`: Ross et
//! al., 2011).
//! A label is a whole chunk: the expert drives on from the true state, in a copy of the world, for
//! as long as the chunk lasts.
//!
//! Deliberately absent: control and gate. What is examined runs through them (`eval`); what is
//! learnt from needs only the states that they lead to.

use std::sync::Mutex;
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

use super::TrainError;
use super::examples::{Clip, ExamplesSpec};
use crate::msg::{ActionChunk, Frame, Stamp, Twist};
use crate::policy::{OnnxPolicy, Policy, Preprocessor};

use crate::sim::language::{self, Wording};
use crate::sim::robot::{LIMITS, STEP};
use crate::sim::rollout::{self, CONTROL};
use crate::sim::task::{Outcome, Tracker};
use crate::sim::{Disturbance, Expert, Renderer, Robot, Scenario, Side, World};

/// From a picture to the command that answers it: capture, inference and line together.
const ANSWER: Duration = Duration::from_millis(60);
/// How long one driver keeps the wheel when they take turns.
const TURN: Duration = Duration::from_millis(800);

/// What attempts to make.
#[derive(Clone, Debug)]
pub struct Plan {
    pub scenarios: Vec<Scenario>,
    /// Seed of the first world; every second attempt takes the next.
    pub seed: u64,
    pub attempts: u64,
    /// Share of attempts that are disturbed, and by how much, m/s.
    pub disturbed: f64,
    pub disturbance_mps: f64,
    /// Share of the time the expert drives although there is a policy.
    pub expert_share: f64,
    /// Size of the camera's pictures, before they are made ready for the policy.
    pub camera: (u32, u32),
    pub examples: ExamplesSpec,
}

/// How the attempts ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub attempts: u64,
    pub successes: u64,
    /// Labels: one a picture.
    pub labels: u64,
}

/// Makes all attempts, by as many threads as there are `policies` (or as many as wanted without
/// any), and hands their clips to `take` in their order, whoever made them.
///
/// # Errors
/// A policy fails, or `take` does.
pub fn run(
    plan: &Plan,
    policies: &mut [Option<OnnxPolicy>],
    take: &mut (dyn FnMut(Clip) -> Result<(), TrainError> + Send),
) -> Result<Tally, TrainError> {
    let queue =
        Mutex::new(Queue { next: 0, waiting: Vec::new(), taken: 0, tally: Tally::default() });
    let taking = Mutex::new(take);
    let work = |policy: &mut Option<OnnxPolicy>| -> Result<(), TrainError> {
        loop {
            // Bound first: a guard in the loop's condition would be held through its body.
            let next = lock(&queue).next(plan.attempts);
            let Some(number) = next else { return Ok(()) };
            let (clip, outcome) = attempt(plan, number, policy.as_mut())?;
            let mut taking = lock(&taking);
            let ready = lock(&queue).ready(number, clip, outcome);
            for clip in ready {
                (*taking)(clip)?;
            }
        }
    };
    let until_failed = |policy: &mut Option<OnnxPolicy>| {
        let result = work(policy);
        if result.is_err() {
            lock(&queue).next = u64::MAX;
        }
        result
    };
    let results: Vec<Result<(), TrainError>> = std::thread::scope(|scope| {
        let until_failed = &until_failed;
        let threads: Vec<_> =
            policies.iter_mut().map(|policy| scope.spawn(|| until_failed(policy))).collect();
        let panicked = || TrainError::Data("a thread that makes attempts panicked".to_owned());
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|_| Err(panicked())))
            .collect()
    });
    results.into_iter().collect::<Result<(), _>>()?;
    Ok(lock(&queue).tally)
}

/// Attempts given out and clips that wait for earlier ones; never more than there are threads.
struct Queue {
    next: u64,
    waiting: Vec<(u64, Clip)>,
    taken: u64,
    tally: Tally,
}

impl Queue {
    fn next(&mut self, n: u64) -> Option<u64> {
        let number = self.next;
        (number < n).then(|| {
            self.next += 1;
            number
        })
    }

    fn ready(&mut self, number: u64, clip: Clip, outcome: Outcome) -> Vec<Clip> {
        self.tally.attempts += 1;
        self.tally.successes += u64::from(matches!(outcome, Outcome::Success(_)));
        self.tally.labels += clip.pictures.len() as u64;
        self.waiting.push((number, clip));
        let mut ready = Vec::new();
        while let Some(at) = self.waiting.iter().position(|(number, _)| *number == self.taken) {
            ready.push(self.waiting.swap_remove(at).1);
            self.taken += 1;
        }
        ready
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Attempt `number` of the plan.
///
/// # Errors
/// The policy fails, or does not know its instruction.
pub fn attempt(
    plan: &Plan,
    number: u64,
    policy: Option<&mut OnnxPolicy>,
) -> Result<(Clip, Outcome), TrainError> {
    let n_scenarios = plan.scenarios.len().max(1) as u64;
    let scenario = plan.scenarios.get((number / 2 % n_scenarios) as usize);
    let scenario = scenario.ok_or_else(|| TrainError::Data("there is no scenario".to_owned()))?;
    let side = Side::BOTH[(number % 2) as usize];
    let seed = plan.seed.wrapping_add(number / 2);
    let world = World::generate(scenario, seed);
    let mut rng = Pcg64::seed_from_u64(plan.seed.wrapping_add(number) ^ 0x0a77_e3b7);
    let instruction = language::draw(Wording::Training, side, world.boxes.len(), &mut rng);
    let limit = rollout::expert_time(&world, side).map_err(|failure| {
        TrainError::Data(format!("{} seed {seed}: the expert fails: {failure:?}", scenario.name))
    })?;
    let size = if rng.random_bool(plan.disturbed) { plan.disturbance_mps } else { 0.0 };
    let clip = Clip {
        origin: format!("{} seed {seed} {}", scenario.name, side.name()),
        is_mirrorable: true,
        instruction,
        ..Clip::default()
    };
    let drive = Drive {
        plan,
        world: &world,
        expert: Expert::new(side),
        robot: Robot::new(&world),
        tracker: Tracker::new(side, limit),
        renderer: Renderer::new(&world),
        preprocessor: Preprocessor::new(plan.examples.image()),
        disturbance: Disturbance::new(size, rng.random()),
        rng,
        clip,
    };
    drive.run(policy)
}

struct Drive<'a> {
    plan: &'a Plan,
    world: &'a World,
    expert: Expert,
    robot: Robot,
    tracker: Tracker,
    renderer: Renderer,
    preprocessor: Preprocessor,
    disturbance: Disturbance,
    rng: Pcg64,
    clip: Clip,
}

impl Drive<'_> {
    fn run(mut self, mut policy: Option<&mut OnnxPolicy>) -> Result<(Clip, Outcome), TrainError> {
        if let Some(policy) = &mut policy {
            policy.set_instruction(&self.clip.instruction)?;
        }
        let period = Duration::from_secs_f64(1.0 / self.plan.examples.rate_hz);
        // Answers come late: the chunk before the newest plays until then.
        let mut chunks = [ActionChunk::default(); 2];
        let mut due = Duration::ZERO;
        let mut now = Duration::ZERO;
        let mut turn_ends = Duration::ZERO;
        let mut expert_drives = true;
        let mut frame = Frame::default();
        while self.tracker.outcome() == Outcome::Running {
            if now >= due {
                self.look(&mut frame, now);
                if let Some(policy) = &mut policy {
                    chunks[0] = chunks[1];
                    policy.infer(&frame, &mut chunks[1])?;
                    chunks[1].captured = Stamp(now.as_nanos() as u64);
                }
                due += period;
            }
            if policy.is_some() && now >= turn_ends {
                expert_drives = self.rng.random_bool(self.plan.expert_share);
                turn_ends = now + TURN;
            }
            let wanted = if policy.is_none() || expert_drives {
                self.expert.drive(self.world, self.robot.truth().pose)
            } else {
                played(&chunks, now)
            };
            self.tick(wanted);
            now += CONTROL;
        }
        let outcome = self.tracker.outcome();
        Ok((self.clip, outcome))
    }

    /// One command, until the next.
    fn tick(&mut self, wanted: Twist) {
        let command = limited(self.disturbance.disturb(wanted, CONTROL));
        let mut left = CONTROL;
        while !left.is_zero() && self.tracker.outcome() == Outcome::Running {
            self.robot.step(self.world, STEP, command);
            self.tracker.update(self.world, self.robot.truth());
            left = left.saturating_sub(STEP);
        }
    }

    /// A picture and its label.
    fn look(&mut self, frame: &mut Frame, now: Duration) {
        let (width, height) = self.plan.camera;
        frame.resize(width, height);
        let number = self.clip.pictures.len() as u64;
        frame.seq = number;
        frame.captured = Stamp(now.as_nanos() as u64);
        self.renderer.render(self.robot.truth().pose, number, frame);
        let mut picture = vec![0; self.preprocessor.len()];
        self.preprocessor.apply(frame, &mut picture);
        self.clip.pictures.push(picture);
        let mut ahead = self.robot.clone();
        let slot = Duration::from_millis(self.plan.examples.slot_ms);
        let mut into = Duration::ZERO;
        let mut labelled = 0;
        while labelled < self.plan.examples.slots {
            let command = self.expert.drive(self.world, ahead.truth().pose);
            if into >= slot * labelled as u32 {
                let Twist { linear_x, linear_y, angular_z } = command;
                self.clip.targets.push([linear_x as f32, linear_y as f32, angular_z as f32]);
                self.clip.weights.push(1.0);
                labelled += 1;
            }
            let mut left = CONTROL;
            while !left.is_zero() {
                ahead.step(self.world, STEP, command);
                left = left.saturating_sub(STEP);
            }
            into += CONTROL;
        }
    }
}

/// What is played at `now`: the newest chunk that has been answered by then.
fn played(chunks: &[ActionChunk; 2], now: Duration) -> Twist {
    let age = |chunk: &ActionChunk| now.saturating_sub(Duration::from_nanos(chunk.captured.0));
    let chunk = if age(&chunks[1]) >= ANSWER { &chunks[1] } else { &chunks[0] };
    if age(chunk) > chunk.horizon {
        return Twist::ZERO;
    }
    let slot = age(chunk).as_nanos() / chunk.slot.as_nanos().max(1);
    chunk.twists().get(slot as usize).copied().unwrap_or(Twist::ZERO)
}

/// What the base takes.
fn limited(twist: Twist) -> Twist {
    let to = |value: f64, most: f64| value.clamp(-most, most);
    Twist::new(
        to(twist.linear_x, LIMITS.linear_x),
        to(twist.linear_y, LIMITS.linear_y),
        to(twist.angular_z, LIMITS.angular_z),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clips(n_threads: usize) -> (Vec<Clip>, Tally) {
        let examples =
            ExamplesSpec { width: 40, height: 30, rate_hz: 10.0, slots: 4, slot_ms: 100 };
        let plan = Plan {
            scenarios: vec![Scenario::embedded("one-crosswise-close").unwrap()],
            seed: 3,
            attempts: 5,
            disturbed: 0.5,
            disturbance_mps: 0.1,
            expert_share: 0.0,
            camera: (80, 60),
            examples,
        };
        let mut drivers: Vec<_> = (0..n_threads).map(|_| None).collect();
        let mut clips = Vec::new();
        let tally = run(&plan, &mut drivers, &mut |clip| {
            clips.push(clip);
            Ok(())
        });
        (clips, tally.unwrap())
    }

    #[test]
    fn clips_are_the_same_whoever_makes_them() {
        // Training could not be repeated, or would wait for itself for ever.
        let (alone, tally) = clips(1);
        assert_eq!((tally.attempts, alone.len()), (5, 5));
        assert!(tally.successes >= 4, "{tally:?}");
        assert_eq!(tally.labels, alone.iter().map(|clip| clip.pictures.len() as u64).sum::<u64>());
        assert!(clips(3).0 == alone);
    }

    #[test]
    fn a_label_says_what_the_expert_does_later() {
        // Chunks would be of another time than their slots say.
        let (clips, _) = clips(1);
        // Undisturbed attempts go on as the copies of their worlds did.
        let is_as_told = |clip: &Clip| {
            clip.targets.chunks_exact(4).collect::<Vec<_>>().windows(2).all(|pair| {
                let gaps = pair[0][1..].iter().zip(pair[1]).map(|(a, b)| (a[0] - b[0]).abs());
                gaps.fold(0.0, f32::max) < 0.02
            })
        };
        assert!(clips.iter().any(is_as_told));
    }

    #[test]
    fn one_that_fails_stops_all() {
        // A full disk would be noticed after hours.
        let examples =
            ExamplesSpec { width: 40, height: 30, rate_hz: 10.0, slots: 1, slot_ms: 100 };
        let plan = Plan {
            scenarios: vec![Scenario::embedded("open").unwrap()],
            seed: 0,
            attempts: u64::MAX,
            disturbed: 0.0,
            disturbance_mps: 0.0,
            expert_share: 0.0,
            camera: (80, 60),
            examples,
        };
        let full = |_: Clip| Err(TrainError::Data("the disk is full".to_owned()));
        assert!(run(&plan, &mut [None, None], &mut { full }).is_err());
    }
}
