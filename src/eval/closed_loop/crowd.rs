//! Many attempts at once.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::{Attempt, ClosedLoopError, Options, Run, Witness, drive};
use crate::policy::{Policy, PolicyError};
use crate::sim::{Renderer, World};

/// Attempts a thread takes at a time: both sides of one world, which then needs its light only
/// once.
const BLOCK: usize = 2;

/// Makes each thread's own policy; the same one every time.
pub type MakePolicy<'a> = dyn Fn() -> Result<Box<dyn Policy>, PolicyError> + Sync + 'a;

/// A run and who looked on, or why there was none.
type RunOf<W> = Result<(Run, W), ClosedLoopError>;

/// Drives all attempts on `threads` threads. `witness` makes the one who looks on at an attempt, by
/// its index; `take` gets each end, in no particular order, and says what is kept of it, or breaks
/// off. What is kept comes in the order of `attempts`, the same on any number of threads.
///
/// # Errors
/// A thread's policy cannot be made; the attempts' own errors are among the results.
pub fn drive_all<W: Witness, R: Send>(
    attempts: &[Attempt],
    options: &Options,
    threads: usize,
    policy: &MakePolicy<'_>,
    witness: &(dyn Fn(usize) -> W + Sync),
    take: &(dyn Fn(usize, RunOf<W>) -> ControlFlow<R, R> + Sync),
) -> Result<Vec<R>, PolicyError> {
    let next = AtomicUsize::new(0);
    let is_over = AtomicBool::new(false);
    let results: Mutex<Vec<(usize, R)>> = Mutex::default();
    let work = || -> Result<(), PolicyError> {
        let mut policy = policy().inspect_err(|_| is_over.store(true, Ordering::Relaxed))?;
        let mut place: Option<(World, Renderer)> = None;
        while !is_over.load(Ordering::Relaxed) {
            let first = next.fetch_add(BLOCK, Ordering::Relaxed);
            let block = attempts.iter().enumerate().skip(first).take(BLOCK);
            if block.len() == 0 {
                break;
            }
            for (index, attempt) in block {
                let (world, renderer) = place_of(&mut place, attempt);
                let mut witness = witness(index);
                let run = drive(world, renderer, attempt, policy.as_mut(), options, &mut witness);
                let kept = match take(index, run.map(|run| (run, witness))) {
                    ControlFlow::Continue(kept) => kept,
                    ControlFlow::Break(kept) => {
                        is_over.store(true, Ordering::Relaxed);
                        kept
                    }
                };
                results.lock().unwrap_or_else(PoisonError::into_inner).push((index, kept));
            }
        }
        Ok(())
    };
    let n_threads = threads.clamp(1, attempts.len().div_ceil(BLOCK).max(1));
    std::thread::scope(|scope| {
        let hands: Vec<_> = (0..n_threads).map(|_| scope.spawn(work)).collect();
        let ended = hands.into_iter().map(|hand| match hand.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        ended.collect::<Vec<_>>().into_iter().collect::<Result<(), _>>()
    })?;
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(index, _)| *index);
    Ok(results.into_iter().map(|(_, result)| result).collect())
}

/// The attempt's world, kept from the attempt before where it is the same.
fn place_of<'a>(
    place: &'a mut Option<(World, Renderer)>,
    attempt: &Attempt,
) -> (&'a World, &'a mut Renderer) {
    let is_same = |world: &World| world.seed == attempt.seed && world.scenario == attempt.scenario;
    if !place.as_ref().is_some_and(|(world, _)| is_same(world)) {
        *place = None;
    }
    let (world, renderer) = place.get_or_insert_with(|| {
        let world = World::generate(&attempt.scenario, attempt.seed);
        let renderer = Renderer::new(&world);
        (world, renderer)
    });
    (world, renderer)
}
