//! The part of an examination that is made on recorded episodes.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, ensure};

use super::{Candidate, findings};
use crate::dataset::loader::{Loader, RowId};
use crate::dataset::table::Table;
use crate::eval::closed_loop::AHEAD;
use crate::eval::offline::{Constants, Episode, Eye, Offline, Step, Terms, examine};
use crate::msg::{Frame, Stamp, Twist};
use crate::policy::Policy;
use crate::runtime::{Cadence, clock};
use crate::train::examples::{LabelTrack, RecordingOptions, TrackEnd, segments, times};
use crate::train::labels::{Label, LabelRules, labels};

/// Longest time without a word on how far it is.
const SILENCE: Duration = Duration::from_secs(10);

/// Which recordings.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Recordings {
    /// Hold it against the operator on the held-out episodes of a recorded dataset
    #[arg(long, value_name = "FOLDER")]
    pub(super) data: Option<PathBuf>,
    /// Share of the episodes to examine on [default: those that `train` leaves out, 0.1]; with a
    /// larger one a policy is examined on what it was trained on, and nothing is kept
    #[arg(long, value_name = "SHARE", requires = "data", value_parser = share)]
    held_out: Option<f64>,
}

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse::<f64>().ok().filter(|share| *share > 0.0 && *share <= 1.0);
    share.ok_or_else(|| format!("{text:?} is not a number over 0 and up to 1"))
}

impl Recordings {
    /// Whether it is what training leaves out.
    pub(super) fn is_held_out(&self) -> bool {
        self.held_out.is_none_or(|share| share <= RecordingOptions::default().held_out)
    }

    /// Examines on the dataset in `root` and prints what was found.
    pub(super) fn examine(
        &self,
        root: &Path,
        candidate: &Candidate<'_>,
        threads: usize,
        out: &mut impl Write,
    ) -> anyhow::Result<Offline> {
        let started = clock::now();
        let held_out = self.held_out.unwrap_or(RecordingOptions::default().held_out);
        let source = Source::open(root, candidate, threads)
            .with_context(|| format!("cannot examine on {}", root.display()))?;
        let (training, held) = source.loader.split(held_out);
        let n_all = training.len() + held.len();
        ensure!(
            !held.is_empty(),
            "{}: none of its {n_all} episodes is held out (about one in {:.0} is); record more, or \
             choose a larger --held-out for a look that is not kept",
            root.display(),
            1.0 / held_out
        );
        writeln!(
            out,
            "recorded {}: {} of {n_all} episodes are held out",
            root.display(),
            held.len()
        )?;
        // Without others these themselves give the best constants there are.
        let others = if training.is_empty() { &held } else { &training };
        let name = root.file_name().unwrap_or(root.as_os_str());
        let terms = Terms {
            data: name.to_string_lossy().into_owned(),
            held_out,
            n_training: training.len(),
            tolerance: candidate.tolerance(),
            rate_hz: candidate.manifest.rate_hz,
            constants: Constants::of(&source.commands(others)?),
        };
        let make = || -> Result<Box<dyn Policy>, _> {
            Ok(Box::new(candidate.load_narrow()?) as Box<dyn Policy>)
        };
        let n_opened = AtomicUsize::new(0);
        let open = |episode: usize| {
            let n = n_opened.fetch_add(1, Ordering::Relaxed);
            source.tell(n, held.len());
            source.episodes(episode).with_context(|| format!("episode {episode}"))
        };
        let outcomes = examine(&held, &open, &make, &terms, threads)?;
        let part = Offline::of(&terms, &outcomes);
        ensure!(
            part.n_episodes > 0,
            "{}: the held-out episodes have no instruction that the policy takes; it takes {:?}",
            root.display(),
            candidate.manifest.instruction.as_ref().map_or(&[][..], |rules| &rules.suggestions)
        );
        findings::tell(
            &part,
            findings::Driver::Operator,
            clock::now().since(started).as_secs_f64(),
            out,
        )?;
        Ok(part)
    }
}

/// The dataset, and how the policy sees it.
struct Source {
    loader: Loader,
    size: (u32, u32),
    rate_hz: f64,
    told: std::sync::Mutex<Stamp>,
}

impl Source {
    fn open(root: &Path, candidate: &Candidate<'_>, threads: usize) -> anyhow::Result<Self> {
        let eye = Eye::new(&candidate.manifest);
        let size = eye.size();
        let prepare = move |rgb: &[u8], width: u32, height: u32| eye.look(rgb, width, height);
        let loader = Loader::open(root, threads, 0, Box::new(prepare))?;
        let (rate_hz, fps) = (candidate.manifest.rate_hz, f64::from(loader.dataset().info().fps));
        // As in training: what a camera's whole rate lacks is within its jitter.
        ensure!(
            fps >= 0.99 * rate_hz,
            "it has {fps} rows a second, the policy needs {rate_hz}: its memory would be misled"
        );
        Ok(Self { loader, size, rate_hz, told: std::sync::Mutex::new(clock::now()) })
    }

    /// A line on the error stream every few seconds.
    fn tell(&self, n: usize, of: usize) {
        let mut told = self.told.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if clock::now().since(*told) >= SILENCE {
            *told = clock::now();
            // Nobody is harmed where it cannot be written.
            let _ = writeln!(std::io::stderr(), "{n}/{of} episodes");
        }
    }

    /// What training learns of an episode.
    fn labels(&self, episode: usize, table: &Table) -> anyhow::Result<Vec<Label>> {
        let dataset = self.loader.dataset();
        let is_failure = dataset.episode(episode)?.notes.success == Some(false);
        Ok(labels(table, dataset.info().fps, &LabelRules::default(), is_failure)?)
    }

    /// All commands to learn from.
    fn commands(&self, episodes: &[usize]) -> anyhow::Result<Vec<Twist>> {
        let mut commands = Vec::new();
        for episode in episodes {
            let Some(table) = self.loader.table(*episode) else { continue };
            commands.extend(self.labels(*episode, table)?.iter().filter_map(counted));
        }
        Ok(commands)
    }

    /// The stretches of an episode, one for each instruction.
    fn episodes(&self, episode: usize) -> anyhow::Result<Vec<Episode>> {
        let dataset = self.loader.dataset();
        let Some(table) = self.loader.table(episode) else { return Ok(Vec::new()) };
        let labels = self.labels(episode, table)?;
        let (captured, sent) = times(table, dataset.info().fps);
        let takeovers = takeovers(table, &captured);
        let is_success = dataset.episode(episode)?.notes.success == Some(true);
        let mut found = Vec::new();
        for segment in segments(table, dataset.tasks()) {
            let ends = is_success && segment.is_last;
            let end = if ends { TrackEnd::Standing } else { TrackEnd::Unknown };
            let rows = segment.rows.clone();
            let own = |times: &[f64]| times.get(rows.clone()).unwrap_or_default().to_vec();
            let own_labels = labels.get(rows.clone()).unwrap_or_default();
            let track = LabelTrack::new(&own(&sent), own_labels, end);
            let taken = taken(self.rate_hz, rows, &captured);
            let ids: Vec<_> = taken.iter().map(|(row, _)| RowId { episode, row: *row }).collect();
            let pictures = self.loader.load(&ids)?;
            let mut before = Twist::ZERO;
            let mut steps = Vec::with_capacity(taken.len());
            for ((row, time), picture) in taken.into_iter().zip(pictures) {
                let label = track.at(time);
                let mut frame = Frame { seq: row as u64, ..Frame::default() };
                frame.resize(self.size.0, self.size.1);
                frame.rgb.copy_from_slice(&picture);
                let takeover = takeovers.get(row).copied().flatten();
                let step = Step { picture: frame, wanted: counted(&label), before, takeover };
                steps.push(step);
                before = twist(&label);
            }
            found.push(Episode { instruction: segment.instruction.to_owned(), steps });
        }
        Ok(found)
    }
}

/// Rows whose picture the station would give to a policy of that rate, and when it was taken.
fn taken(rate_hz: f64, rows: std::ops::Range<usize>, captured: &[f64]) -> Vec<(usize, f64)> {
    let mut cadence = Cadence::new(rate_hz);
    let mut last = None;
    let mut taken = Vec::new();
    for row in rows {
        let Some(&time) = captured.get(row) else { continue };
        // A picture that stands in two rows is seen once.
        if last.is_some_and(|last| time <= last) {
            continue;
        }
        last = Some(time);
        if cadence.takes(Stamp::ZERO + Duration::from_secs_f64(time.max(0.0))) {
            taken.push((row, time));
        }
    }
    taken
}

fn twist(label: &Label) -> Twist {
    let [x, y, yaw] = label.twist.map(f64::from);
    Twist::new(x, y, yaw)
}

fn counted(label: &Label) -> Option<Twist> {
    (label.weight > 0.0).then(|| twist(label))
}

/// For each row in which a policy drove, whether the operator took over within [`AHEAD`].
fn takeovers(table: &Table, captured: &[f64]) -> Vec<Option<bool>> {
    let (Some(modes), Some(interventions)) = (table.texts("mode"), table.bools("intervention"))
    else {
        return Vec::new();
    };
    let taken_at: Vec<f64> = interventions
        .iter()
        .zip(captured)
        .filter_map(|(is_intervention, time)| is_intervention.then_some(*time))
        .collect();
    let comes = |time: f64| {
        let next = taken_at.get(taken_at.partition_point(|taken| *taken <= time));
        next.is_some_and(|taken| taken - time <= AHEAD.as_secs_f64())
    };
    let rows = modes.iter().zip(captured);
    rows.map(|(mode, time)| (mode == "autonomous").then(|| comes(*time))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::table::Column;

    #[test]
    fn a_takeover_is_foretold_in_the_two_seconds_before_it_and_only_where_a_policy_drove() {
        // Confidence would be held against moments in which nobody could take over.
        let modes = ["manual", "autonomous", "autonomous", "autonomous", "override", "autonomous"];
        let mut table = Table::new();
        let texts = modes.iter().map(|mode| (*mode).to_owned()).collect();
        table.push("mode", Column::Text(texts)).unwrap();
        let flags = modes.iter().map(|mode| *mode == "override").collect();
        table.push("intervention", Column::Bool(flags)).unwrap();
        let captured = [0.0, 1.0, 2.5, 3.9, 4.0, 5.0];
        let found = takeovers(&table, &captured);
        let yes = Some(true);
        assert_eq!(found, [None, Some(false), yes, yes, None, Some(false)]);
        table.remove("mode");
        assert!(takeovers(&table, &captured).is_empty());
    }

    #[test]
    fn the_policy_gets_the_pictures_that_the_station_would_give_it() {
        // Its memory would run three times too fast, and every figure be that of another policy.
        let captured: Vec<f64> = (0..30).map(|row| f64::from(row) / 30.0).collect();
        let rows = |captured: &[f64]| -> Vec<usize> {
            taken(10.0, 0..30, captured).into_iter().map(|(row, _)| row).collect()
        };
        assert_eq!(rows(&captured), (0..30).step_by(3).collect::<Vec<_>>());
        let mut stuck = captured;
        stuck.iter_mut().take(10).for_each(|time| *time = 0.0);
        assert_eq!(rows(&stuck), [0, 10, 12, 15, 18, 21, 24, 27]);
        assert!(taken(10.0, 0..5, &[]).is_empty());
    }

    #[test]
    fn shares_are_checked_where_they_are_typed() {
        // Every episode, or none, would be examined on without a word.
        assert!(share("0").is_err() && share("1.1").is_err() && share("many").is_err());
        assert!(share("1").is_ok() && share("0.25").is_ok());
    }
}
