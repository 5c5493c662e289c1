use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};

use super::*;
use crate::msg::{Fault, Kinematics, Twist};
use crate::policy::{Policy, PolicyInfo};
use crate::sim::language::Wording;
use crate::sim::{EVALUATION_SEED, Expert, Renderer, rollout};

const SLOT: Duration = Duration::from_millis(100);
const SLOTS: usize = 8;

/// What one inference of a [`Scripted`] policy answers: instruction and number of the inference in.
type Script = Box<dyn FnMut(&str, u32) -> Result<(Vec<Twist>, f64), PolicyError> + Send>;

struct Scripted {
    info: PolicyInfo,
    instruction: String,
    n: u32,
    script: Script,
}

impl Policy for Scripted {
    fn info(&self) -> &PolicyInfo {
        &self.info
    }

    fn set_instruction(&mut self, text: &str) -> Result<(), PolicyError> {
        text.clone_into(&mut self.instruction);
        Ok(())
    }

    fn reset(&mut self) {
        self.n = 0;
    }

    fn infer(&mut self, _: &Frame, chunk: &mut ActionChunk) -> Result<(), PolicyError> {
        let (twists, confidence) = (self.script)(&self.instruction, self.n)?;
        self.n += 1;
        chunk.set_twists(&twists);
        chunk.slot = SLOT;
        chunk.horizon = Duration::from_secs(1);
        chunk.confidence = confidence;
        Ok(())
    }
}

fn scripted(script: Script) -> Scripted {
    let info = PolicyInfo {
        name: "scripted".to_owned(),
        kinematics: Kinematics::Omni,
        rate_hz: 10.0,
        confidence_min: 0.3,
        ..PolicyInfo::default()
    };
    Scripted { info, instruction: String::new(), n: 0, script }
}

fn always(twist: Twist) -> Scripted {
    scripted(Box::new(move |_, _| Ok((vec![twist; SLOTS], 1.0))))
}

fn options() -> Options {
    Options { size: (32, 24), ..Options::default() }
}

fn attempts(scenario: &str, n_worlds: u64) -> Vec<Attempt> {
    let scenario = Scenario::embedded(scenario).unwrap();
    (0..n_worlds)
        .flat_map(|n| Side::BOTH.map(|side| (n, side)))
        .map(|(n, side)| Attempt::new(scenario.clone(), EVALUATION_SEED + n, side))
        .collect()
}

/// What an [`oracle`] is told: the robot at the last inference.
type Truth = Arc<Mutex<Option<Robot>>>;

impl Witness for Truth {
    fn see(&mut self, glimpse: &Glimpse<'_>) {
        *self.lock().unwrap() = Some(glimpse.robot.clone());
    }
}

/// Knows the world, and the robot as it was at the inference before; obeys what `side` makes of the
/// instruction.
fn oracle(world: World, truth: Truth, side: fn(&str) -> Side) -> Scripted {
    scripted(Box::new(move |text, n| {
        let expert = Expert::new(side(text));
        let robot = truth.lock().unwrap().take().filter(|_| n > 0);
        let robot = robot.unwrap_or_else(|| Robot::new(&world));
        Ok((rollout::plan(&world, &robot, &expert, SLOTS + 1, SLOT).split_off(1), 0.9))
    }))
}

fn obedient(text: &str) -> Side {
    if text.contains("left") { Side::Left } else { Side::Right }
}

fn run_oracle(attempt: &Attempt, side: fn(&str) -> Side) -> Run {
    let world = World::generate(&attempt.scenario, attempt.seed);
    let mut truth = Truth::default();
    let mut policy = oracle(world.clone(), Arc::clone(&truth), side);
    let mut renderer = Renderer::new(&world);
    drive(&world, &mut renderer, attempt, &mut policy, &options(), &mut truth).unwrap()
}

fn run(attempt: &Attempt, policy: &mut Scripted, options: &Options) -> Run {
    let world = World::generate(&attempt.scenario, attempt.seed);
    drive(&world, &mut Renderer::new(&world), attempt, policy, options, &mut ()).unwrap()
}

#[test]
fn a_policy_that_knows_the_truth_succeeds() {
    // No policy could ever score: the loop itself would lose time, ground or the side.
    for name in ["one-crosswise-medium", "two-lengthwise-far", "one-lengthwise-close"] {
        for attempt in attempts(name, 2) {
            let run = run_oracle(&attempt, obedient);
            assert_eq!(run.ending, Ending::Success, "{name}: {run:?}");
            assert_eq!(run.passage, Passage::Instructed);
            assert!(run.time <= run.expert_time * 3 / 2 && run.stops.is_empty(), "{run:?}");
            assert!(run.clearance_m > 0.05 && run.travelled_m > 1.0, "{run:?}");
            let expected = run.time.as_secs_f64() * 10.0;
            assert!((f64::from(run.n_inferences) - expected).abs() < 3.0, "{run:?}");
        }
    }
}

#[test]
fn a_policy_without_eyes_fails() {
    // A constant would pass for a policy.
    for attempt in attempts("one-crosswise-medium", 2) {
        let ahead = run(&attempt, &mut always(Twist::new(0.4, 0.0, 0.0)), &options());
        assert_eq!(ahead.ending, Ending::Contact(Obstacle::Box), "{ahead:?}");
        assert_eq!(ahead.passage, Passage::Never);
        let still = run(&attempt, &mut always(Twist::ZERO), &options());
        assert_eq!((still.ending, still.passage), (Ending::TooLate, Passage::Never));
        assert!(still.time > still.expert_time * 3 && still.travelled_m < 0.05);
    }
}

#[test]
fn a_policy_that_ignores_the_instruction_obeys_half_the_time() {
    // What the study could not see: the same way whatever it is told.
    let attempts = attempts("one-crosswise-medium", 3);
    let runs: Vec<_> = attempts.iter().map(|at| run_oracle(at, |_| Side::Left)).collect();
    for (attempt, run) in attempts.iter().zip(&runs) {
        let expected = match attempt.side {
            Side::Left => (Ending::Success, Passage::Instructed),
            Side::Right => (Ending::WrongSide, Passage::Wrong),
        };
        assert_eq!((run.ending, run.passage), expected);
    }
}

#[test]
fn the_same_attempt_is_the_same_run_on_any_number_of_threads() {
    // A score measured today could not be checked tomorrow, or on another machine.
    let mut all = attempts("two-crosswise-medium", 2);
    all.extend(attempts("open", 1));
    for (n, attempt) in all.iter_mut().enumerate() {
        attempt.disturbance_mps = 0.1;
        attempt.expert_share = [0.0, 0.5, 1.0][n % 3];
    }
    let options = Options {
        delays: [20, 35, 80].map(Duration::from_millis).to_vec(),
        engages_again: 1,
        ..options()
    };
    let drive_on = |threads| {
        let make = || -> Result<Box<dyn Policy>, PolicyError> {
            Ok(Box::new(always(Twist::new(0.3, 0.05, 0.1))))
        };
        let results = drive_all(&all, &options, threads, &make, &|_| (), &|_, end| {
            ControlFlow::Continue(end)
        })
        .unwrap();
        results.into_iter().map(|result| result.unwrap().0).collect::<Vec<_>>()
    };
    let alone = drive_on(1);
    assert_eq!(alone, drive_on(3));
    assert_eq!(alone.len(), all.len());
    assert!(alone[0] != alone[1], "both attempts gave one result");
}

#[test]
fn the_experts_share_drives_through_the_same_gate() {
    // Corrections for a policy that fails would be labelled from states nobody can get out of.
    struct Count(u32, u32);
    impl Witness for Count {
        fn see(&mut self, glimpse: &Glimpse<'_>) {
            let driver = [Driver::Policy, Driver::Expert].iter().position(|d| *d == glimpse.driver);
            *[&mut self.0, &mut self.1][driver.unwrap()] += 1;
            assert_eq!(glimpse.frame.rgb.len(), 32 * 24 * 3);
            assert_eq!(glimpse.chunk.twists()[0], Twist::new(0.1, 0.0, 0.0), "the policy's own");
        }
    }
    let mut attempt = attempts("one-lengthwise-medium", 1).remove(0);
    let world = World::generate(&attempt.scenario, attempt.seed);
    let mut go = |share| {
        attempt.expert_share = share;
        let mut count = Count(0, 0);
        let mut policy = always(Twist::new(0.1, 0.0, 0.0));
        let mut renderer = Renderer::new(&world);
        let run = drive(&world, &mut renderer, &attempt, &mut policy, &options(), &mut count);
        (run.unwrap(), count)
    };
    let (all, count) = go(1.0);
    assert_eq!((all.ending, count.0), (Ending::Success, 0));
    assert_eq!((all.n_inferences, all.n_of_expert), (count.1, count.1));
    let (some, count) = go(0.5);
    assert!(count.0 > 5 && count.1 > 5, "{} {}", count.0, count.1);
    assert_eq!((some.n_inferences, some.n_of_expert), (count.0 + count.1, count.1));
}

#[test]
fn the_supervisors_stops_are_counted_with_their_faults() {
    // A policy that the station takes off the wheel would pass for one that drives.
    let attempt = attempts("open", 1).remove(0);
    let ahead = vec![Twist::new(0.2, 0.0, 0.0); SLOTS];
    let unsure = ahead.clone();
    // For seven inferences after each engage.
    let mut policy = scripted(Box::new(move |_, n| {
        Ok((unsure.clone(), if (10..17).contains(&n) { 0.1 } else { 0.9 }))
    }));
    let stopped = run(&attempt, &mut policy, &options());
    assert_eq!(stopped.ending, Ending::Stopped);
    assert_eq!(stopped.stops.len(), 1);
    assert!(stopped.stops[0].faults.contains(Fault::LowConfidence));
    assert!((1.4..2.0).contains(&stopped.stops[0].at.as_secs_f64()), "{:?}", stopped.stops);
    let again = run(&attempt, &mut policy, &Options { engages_again: 2, ..options() });
    assert_eq!((again.ending, again.stops.len()), (Ending::Stopped, 3), "{again:?}");
    let mut broken = scripted(Box::new(move |_, n| {
        let (policy, output) = ("scripted".to_owned(), "action".to_owned());
        if n < 5 {
            Ok((ahead.clone(), 1.0))
        } else {
            Err(PolicyError::NotFinite { policy, output })
        }
    }));
    let nan = run(&attempt, &mut broken, &options());
    assert_eq!(nan.ending, Ending::Stopped);
    assert!(nan.stops[0].faults.contains(Fault::PolicyNotFinite));
    assert!(nan.inference_error.is_some_and(|error| error.contains("action")));
}

#[test]
fn late_answers_are_late_in_the_loop() {
    // A slow policy would be scored as if it were fast.
    let attempt = attempts("open", 1).remove(0);
    let slow = Options { delays: vec![Duration::from_millis(400)], ..options() };
    let mut policy = always(Twist::new(0.2, 0.0, 0.0));
    let late = run(&attempt, &mut policy, &slow);
    let prompt = run(&attempt, &mut policy, &options());
    let per_second = |run: &Run| f64::from(run.n_inferences) / run.time.as_secs_f64();
    assert!(per_second(&late) < 2.6 && per_second(&prompt) > 9.5, "{late:?} {prompt:?}");
    let hopeless = Options { delays: vec![Duration::from_millis(1500)], ..options() };
    assert_eq!(run(&attempt, &mut policy, &hopeless).ending, Ending::Stopped);
}

#[test]
fn what_cannot_be_posed_is_refused_in_words() {
    // A policy that needs to strafe would be scored on a base that cannot.
    let attempt = attempts("differential", 1).remove(0);
    let world = World::generate(&attempt.scenario, attempt.seed);
    let mut policy = always(Twist::ZERO);
    let mut renderer = Renderer::new(&world);
    let error = drive(&world, &mut renderer, &attempt, &mut policy, &options(), &mut ());
    let error = error.unwrap_err().to_string();
    assert!(error.contains("differential") && error.contains("another base"), "{error}");
    let make = || -> Result<Box<dyn Policy>, PolicyError> {
        Err(PolicyError::NoInstruction { policy: "none".to_owned() })
    };
    assert!(
        drive_all(&[attempt], &options(), 2, &make, &|_| (), &|_, end| ControlFlow::Continue(end))
            .is_err()
    );
}

#[test]
fn pictures_may_come_back_from_a_recording() {
    // A policy that only drives on pictures without losses would be scored as if it could replay.
    struct Seen(Vec<Vec<u8>>);
    impl Witness for Seen {
        fn see(&mut self, glimpse: &Glimpse<'_>) {
            self.0.push(glimpse.frame.rgb.clone());
        }
    }
    let attempt = attempts("open", 1).remove(0);
    let world = World::generate(&attempt.scenario, attempt.seed);
    let see = |through_video| {
        let options = Options { size: (160, 120), through_video, ..options() };
        let mut seen = Seen(Vec::new());
        let mut policy = always(Twist::new(0.5, 0.0, 0.0));
        let mut renderer = Renderer::new(&world);
        drive(&world, &mut renderer, &attempt, &mut policy, &options, &mut seen).unwrap();
        seen.0
    };
    let (raw, recorded) = (see(false), see(true));
    assert!(raw.len() > 10 && raw.len() == recorded.len());
    for (raw, recorded) in raw.iter().zip(&recorded) {
        let errors = raw.iter().zip(recorded).map(|(a, b)| f64::from(a.abs_diff(*b)));
        let mean = errors.sum::<f64>() / raw.len() as f64;
        assert!((0.1..8.0).contains(&mean), "the same picture, with losses: {mean}");
    }
}

#[test]
fn the_examination_covers_the_studys_families_in_worlds_of_its_own() {
    // A policy would be examined on easy scenarios only, or on the worlds it was trained in.
    let scenarios = scenarios().unwrap();
    assert!(scenarios.iter().all(|scenario| scenario.base == Kinematics::Omni));
    let mut policy = always(Twist::ZERO);
    let posed = super::attempts(&mut policy, &scenarios, 24, 100, Wording::HeldOut).unwrap();
    assert_eq!(posed.len(), 48);
    let families: std::collections::BTreeSet<_> = posed.iter().map(family).collect();
    assert_eq!(families.len(), 8, "{families:?}");
    for (n, pair) in (0..).zip(posed.chunks(2)) {
        assert_eq!(pair[0].seed, EVALUATION_SEED + 100 + n);
        assert!(pair[0].seed == pair[1].seed && pair[0].scenario == pair[1].scenario);
        assert_eq!((pair[0].side, pair[1].side), (Side::Left, Side::Right));
        assert_ne!(pair[0].instruction, pair[1].instruction);
    }
}

#[test]
fn confidence_is_held_against_the_expert_and_what_followed() {
    // The station would trust a number that says nothing of the next two seconds.
    let attempt = attempts("one-crosswise-medium", 1).remove(0);
    let world = World::generate(&attempt.scenario, attempt.seed);
    let mut doubt = Doubt::new([0.1, 0.1, 0.2]);
    // Sure at first, in doubt for the last inferences before it runs into the box.
    let mut policy = scripted(Box::new(|_, n| {
        Ok((vec![Twist::new(0.2, 0.0, 0.0); SLOTS], if n < 8 { 0.9 } else { 0.4 }))
    }));
    let mut renderer = Renderer::new(&world);
    let run = drive(&world, &mut renderer, &attempt, &mut policy, &options(), &mut doubt).unwrap();
    assert_eq!(run.ending, Ending::Contact(Obstacle::Box));
    let terms = Terms { n_worlds: 1, seed: 0, is_whole: false, wording: Wording::One };
    let found = ClosedLoop::of(&terms, &options(), &[(&attempt, &run, &doubt)]);
    assert_eq!((found.total.n_contact, found.families.len()), (1, 1));
    let reliability = found.reliability.unwrap();
    assert_eq!(reliability.n, run.n_inferences as usize);
    assert!(reliability.accuracy < 0.2, "it drives where the expert would not: {reliability:?}");
    let collision = found.foretelling.iter().find(|part| part.event == "collision").unwrap();
    assert!((19..=21).contains(&collision.n_before), "{collision:?}");
    assert!(collision.auroc > 0.7, "{collision:?}");
}
