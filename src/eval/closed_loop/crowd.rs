//! Many attempts at once.

use std::ops::ControlFlow;

use super::{Attempt, ClosedLoopError, Options, Run, Witness, drive};
use crate::eval::pool::share_out;
use crate::policy::{Policy, PolicyError};
use crate::sim::{Renderer, World};

/// Attempts a thread takes at a time: both sides of one world, which then needs its light only
/// once.
const BLOCK: usize = 2;

/// Makes each thread's own policy; the same one every time.
pub type MakePolicy<'a> = dyn Fn() -> Result<Box<dyn Policy>, PolicyError> + Sync + 'a;

/// A thread's policy, and the place it was in last.
type Hand = (Box<dyn Policy>, Option<(World, Renderer)>);

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
    let make = || Ok((policy()?, None));
    share_out(attempts, BLOCK, threads, &make, &|hand: &mut Hand, index, attempt| {
        let (policy, place) = hand;
        let (world, renderer) = place_of(place, attempt);
        let mut witness = witness(index);
        let run = drive(world, renderer, attempt, policy.as_mut(), options, &mut witness);
        take(index, run.map(|run| (run, witness)))
    })
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
