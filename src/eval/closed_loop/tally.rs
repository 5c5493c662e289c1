//! Many runs in a few figures.

use serde::{Deserialize, Serialize};

use super::{Ending, Passage, Run};
use crate::eval::statistics::Estimate;

/// What a group of runs came to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    pub n: usize,
    pub n_success: usize,
    /// Ran into something.
    pub n_contact: usize,
    /// Passed a box on the wrong side.
    pub n_wrong_side: usize,
    pub n_too_late: usize,
    /// The supervisor took autonomy away for good.
    pub n_stopped: usize,
    /// Crossed no box's centre line.
    pub n_never_crossed: usize,
    /// Times the supervisor took autonomy away, also those after which it was engaged again.
    pub n_stops: usize,
    /// Attempts in which an inference failed.
    pub n_failed: usize,
    /// Share of attempts that succeeded.
    pub success: Option<Estimate>,
    /// Share that passed as instructed among those that passed a box at all.
    pub obeyed: Option<Estimate>,
    /// Of successes: mean time, mean of time over the expert's, mean length of the way.
    pub time_s: Option<f64>,
    pub time_factor: Option<f64>,
    pub path_m: Option<f64>,
    /// Of all attempts with boxes: the smallest distance to one.
    pub clearance_m: Option<f64>,
}

impl Tally {
    #[must_use]
    pub fn of<'a>(runs: impl IntoIterator<Item = &'a Run>) -> Self {
        let runs: Vec<&Run> = runs.into_iter().collect();
        let count = |is: fn(&Run) -> bool| runs.iter().filter(|run| is(run)).count();
        let good = || runs.iter().filter(|run| run.ending == Ending::Success);
        let mean = |figure: fn(&Run) -> f64| {
            let sum: f64 = good().map(|run| figure(run)).sum();
            (good().count() > 0).then(|| sum / good().count() as f64)
        };
        let n_success = good().count();
        let n_obeyed = count(|run| run.passage == Passage::Instructed);
        let n_crossed = count(|run| run.passage != Passage::Never);
        let nearest = runs.iter().map(|run| run.clearance_m).fold(f64::INFINITY, f64::min);
        Self {
            n: runs.len(),
            n_success,
            n_contact: count(|run| matches!(run.ending, Ending::Contact(_))),
            n_wrong_side: count(|run| run.ending == Ending::WrongSide),
            n_too_late: count(|run| run.ending == Ending::TooLate),
            n_stopped: count(|run| run.ending == Ending::Stopped),
            n_never_crossed: runs.len() - n_crossed,
            n_stops: runs.iter().map(|run| run.stops.len()).sum(),
            n_failed: count(|run| run.inference_error.is_some()),
            success: Estimate::share(n_success, runs.len()),
            obeyed: Estimate::share(n_obeyed, n_crossed),
            time_s: mean(|run| run.time.as_secs_f64()),
            time_factor: mean(|run| run.time.as_secs_f64() / run.expert_time.as_secs_f64()),
            path_m: mean(|run| run.travelled_m),
            clearance_m: nearest.is_finite().then_some(nearest),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::sim::world::Obstacle;

    #[test]
    fn every_ending_is_counted_once_and_means_are_of_successes() {
        // Collisions would hide among other failures, or slow failures make a policy look slow.
        let run = |ending, passage, time, travelled_m| Run {
            ending,
            time: Duration::from_secs(time),
            expert_time: Duration::from_secs(5),
            travelled_m,
            clearance_m: travelled_m / 10.0,
            passage,
            stops: Vec::new(),
            n_inferences: 1,
            n_of_expert: 0,
            inference_error: None,
        };
        let runs = [
            run(Ending::Success, Passage::Instructed, 10, 2.0),
            run(Ending::Success, Passage::Instructed, 20, 4.0),
            run(Ending::Contact(Obstacle::Box), Passage::Never, 3, 1.0),
            run(Ending::WrongSide, Passage::Wrong, 4, 1.5),
            run(Ending::TooLate, Passage::Instructed, 15, 9.0),
            run(Ending::Stopped, Passage::Never, 2, 0.8),
        ];
        let tally = Tally::of(&runs);
        assert_eq!((tally.n, tally.n_success, tally.n_contact), (6, 2, 1));
        assert_eq!((tally.n_wrong_side, tally.n_too_late, tally.n_stopped), (1, 1, 1));
        assert_eq!(tally.n_never_crossed, 2);
        assert_eq!(tally.obeyed.map(|share| share.value), Some(0.75));
        assert_eq!(
            (tally.time_s, tally.time_factor, tally.path_m),
            (Some(15.0), Some(3.0), Some(3.0))
        );
        assert_eq!(tally.clearance_m, Some(0.08));
        assert_eq!(Tally::of([]), Tally::default());
    }
}
