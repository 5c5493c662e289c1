//! The part of an examination that is made on what the expert drives in the simulator.

use std::io::Write;

use anyhow::ensure;

use super::closed_loop::Course;
use super::{Candidate, findings};
use crate::eval::closed_loop::{Attempt, ClosedLoopError, Options};
use crate::eval::offline::{Constants, Episode, Eye, Offline, Terms, examine, simulated};
use crate::policy::Policy;
use crate::runtime::clock;

/// Examines on `n_worlds` worlds with both sides each, and prints what was found. Also whether they
/// are everybody's.
pub(super) fn hold(
    candidate: &Candidate<'_>,
    course: &Course,
    n_worlds: u64,
    threads: usize,
    out: &mut impl Write,
) -> anyhow::Result<(Offline, bool)> {
    let started = clock::now();
    let (attempts, posed) = course.pose(candidate, n_worlds)?;
    let (rate_hz, eye) = (candidate.manifest.rate_hz, Eye::new(&candidate.manifest));
    let options = Options { size: course.size, ..Options::default() };
    let mut commands = Vec::new();
    for attempt in &attempts {
        let driven = episode(attempt, &options, rate_hz, None)?;
        let steps = driven.iter().flat_map(|episode| &episode.steps);
        commands.extend(steps.filter_map(|step| step.wanted));
    }
    let terms = Terms {
        data: "simulator".to_owned(),
        held_out: 1.0,
        n_training: 0,
        tolerance: candidate.tolerance(),
        rate_hz,
        constants: Constants::of(&commands),
    };
    let make = || -> Result<Box<dyn Policy>, _> {
        Ok(Box::new(candidate.load_narrow()?) as Box<dyn Policy>)
    };
    let open = |at: usize| -> anyhow::Result<Vec<Episode>> {
        let attempt =
            attempts.get(at).map(|attempt| episode(attempt, &options, rate_hz, Some(&eye)));
        Ok(attempt.transpose()?.flatten().into_iter().collect())
    };
    let numbers: Vec<_> = (0..attempts.len()).collect();
    let part = Offline::of(&terms, &examine(&numbers, &open, &make, &terms, threads)?);
    ensure!(part.n_episodes > 0, "there is no world that the expert can drive in");
    writeln!(
        out,
        "beside the expert, pictures of {}x{}: worlds {} to {} on both sides",
        course.size.0,
        course.size.1,
        posed.seed,
        posed.seed + n_worlds - 1
    )?;
    findings::tell(
        &part,
        findings::Driver::Expert,
        clock::now().since(started).as_secs_f64(),
        out,
    )?;
    Ok((part, posed.is_whole))
}

/// `None` where the task is none.
fn episode(
    attempt: &Attempt,
    options: &Options,
    rate_hz: f64,
    eye: Option<&Eye>,
) -> anyhow::Result<Option<Episode>> {
    match simulated(attempt, options, rate_hz, eye) {
        Ok(episode) => Ok(Some(episode)),
        Err(ClosedLoopError::Unsolvable { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
