//! Attempts in the simulator that are learnt from: someone drives, the expert says at every picture
//! what should be done from there.
//!
//! With the expert driving under a disturbance these are demonstrations (DART: Laskey et al.,
//! 2017); with the policy driving, corrections of where its own mistakes lead (`DAgger`: Ross et
//! al., 2011). All drive through the station's own control and gate, as in an examination.
//! A label is a whole chunk: the expert drives on from the true state, in a copy of the world, for
//! as long as the chunk lasts.

use std::ops::ControlFlow;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

use super::TrainError;
use super::examples::{Clip, ExamplesSpec};
use crate::eval::closed_loop::{
    Attempt, ClosedLoopError, Ending, Glimpse, MakePolicy, Nobody, Options, Run, Witness, drive_all,
};
use crate::policy::{Policy, Preprocessor};
use crate::sim::language::{self, Wording};
use crate::sim::{Expert, Scenario, Side, rollout};

/// How long one driver keeps the wheel when they take turns.
const TURN: Duration = Duration::from_millis(800);
/// Delays of an inference, milliseconds: of a fast machine and of a slow one.
const DELAYS_MS: [u64; 4] = [2, 10, 30, 60];

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

/// Makes all attempts on `threads` threads and hands their clips to `take` in their order, whoever
/// made them. The expert drives them, or takes turns with the policy that `driver` makes. Worlds
/// that even the expert cannot solve are left out.
///
/// # Errors
/// A policy fails, or `take` does.
pub fn run(
    plan: &Plan,
    driver: Option<&MakePolicy<'_>>,
    threads: usize,
    take: &mut (dyn FnMut(Clip) -> Result<(), TrainError> + Send),
) -> Result<Tally, TrainError> {
    let attempts = attempts(plan, driver.is_some())?;
    let options = Options {
        size: plan.camera,
        delays: DELAYS_MS.map(Duration::from_millis).to_vec(),
        turn: TURN,
        ..Options::default()
    };
    let nobody = || Ok(Box::new(Nobody::new(plan.examples.rate_hz)) as Box<dyn Policy>);
    let queue = Mutex::new(Queue { waiting: Vec::new(), taken: 0, tally: Tally::default(), take });
    let teacher = |number: usize| Teacher::new(plan, &attempts, number);
    let ended = |number: usize, end: Result<_, ClosedLoopError>| {
        let result = match end {
            Ok((run, teacher)) => lock(&queue).ready(number, teacher, run),
            Err(ClosedLoopError::Unsolvable { .. }) => lock(&queue).skip(number),
            Err(error) => Err(error.into()),
        };
        match result {
            Ok(()) => ControlFlow::Continue(Ok(())),
            Err(error) => ControlFlow::Break(Err(error)),
        }
    };
    let made =
        drive_all(&attempts, &options, threads, driver.unwrap_or(&nobody), &teacher, &ended)?;
    made.into_iter().collect::<Result<(), TrainError>>()?;
    let tally = lock(&queue).tally;
    Ok(tally)
}

/// What the plan asks for, described.
fn attempts(plan: &Plan, has_policy: bool) -> Result<Vec<Attempt>, TrainError> {
    let mut attempts = Vec::new();
    for number in 0..plan.attempts {
        let n_scenarios = plan.scenarios.len().max(1) as u64;
        let scenario = plan.scenarios.get((number / 2 % n_scenarios) as usize);
        let scenario =
            scenario.ok_or_else(|| TrainError::Data("there is no scenario".to_owned()))?;
        let side = Side::BOTH[(number % 2) as usize];
        let seed = plan.seed.wrapping_add(number / 2);
        let mut rng = Pcg64::seed_from_u64(plan.seed.wrapping_add(number) ^ 0x0a77_e3b7);
        let mut attempt = Attempt::new(scenario.clone(), seed, side);
        attempt.instruction =
            language::draw(Wording::Training, side, usize::from(scenario.boxes), &mut rng);
        attempt.expert_share = if has_policy { plan.expert_share } else { 1.0 };
        if rng.random_bool(plan.disturbed) {
            attempt.disturbance_mps = plan.disturbance_mps;
        }
        attempts.push(attempt);
    }
    Ok(attempts)
}

/// Writes down what is seen, and what the expert would do there.
struct Teacher {
    spec: ExamplesSpec,
    preprocessor: Preprocessor,
    clip: Clip,
}

impl Teacher {
    fn new(plan: &Plan, attempts: &[Attempt], number: usize) -> Self {
        let mut clip = Clip { is_mirrorable: true, ..Clip::default() };
        if let Some(Attempt { scenario, seed, side, instruction, .. }) = attempts.get(number) {
            clip.origin = format!("{} seed {seed} {}", scenario.name, side.name());
            clip.instruction.clone_from(instruction);
        }
        let preprocessor = Preprocessor::new(plan.examples.image());
        Self { spec: plan.examples, preprocessor, clip }
    }
}

impl Witness for Teacher {
    fn see(&mut self, glimpse: &Glimpse<'_>) {
        let mut picture = vec![0; self.preprocessor.len()];
        self.preprocessor.apply(glimpse.frame, &mut picture);
        self.clip.pictures.push(picture);
        let slot = Duration::from_millis(self.spec.slot_ms);
        let expert = Expert::new(glimpse.side);
        for twist in rollout::plan(glimpse.world, glimpse.robot, &expert, self.spec.slots, slot) {
            let axes = [twist.linear_x, twist.linear_y, twist.angular_z];
            self.clip.targets.push(axes.map(|axis| axis as f32));
            self.clip.weights.push(1.0);
        }
    }
}

/// Clips that wait for earlier ones; never more than a few for each thread.
struct Queue<'a> {
    /// `None`: there will be no clip of that number.
    waiting: Vec<(usize, Option<Clip>)>,
    taken: usize,
    tally: Tally,
    take: &'a mut (dyn FnMut(Clip) -> Result<(), TrainError> + Send),
}

impl Queue<'_> {
    fn ready(&mut self, number: usize, teacher: Teacher, run: Run) -> Result<(), TrainError> {
        if let Some(reason) = run.inference_error {
            return Err(TrainError::Data(format!("the policy fails as it drives: {reason}")));
        }
        self.tally.attempts += 1;
        self.tally.successes += u64::from(run.ending == Ending::Success);
        self.tally.labels += teacher.clip.pictures.len() as u64;
        self.waiting.push((number, Some(teacher.clip)));
        self.hand_over()
    }

    fn skip(&mut self, number: usize) -> Result<(), TrainError> {
        self.waiting.push((number, None));
        self.hand_over()
    }

    fn hand_over(&mut self) -> Result<(), TrainError> {
        while let Some(at) = self.waiting.iter().position(|(number, _)| *number == self.taken) {
            if let (_, Some(clip)) = self.waiting.swap_remove(at) {
                (self.take)(clip)?;
            }
            self.taken += 1;
        }
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
        let mut clips = Vec::new();
        let tally = run(&plan, None, n_threads, &mut |clip| {
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
            attempts: 100_000,
            disturbed: 0.0,
            disturbance_mps: 0.0,
            expert_share: 0.0,
            camera: (80, 60),
            examples,
        };
        let full = |_: Clip| Err(TrainError::Data("the disk is full".to_owned()));
        assert!(run(&plan, None, 2, &mut { full }).is_err());
    }
}
