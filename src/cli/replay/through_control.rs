//! Recorded inputs through today's control and safety: which commands come out otherwise?

use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;

use crate::dataset::{Dataset, journal};
use crate::msg::Twist;
use crate::runtime::replay::{self, Difference, Replay, Verdict};

/// Differences printed of an episode; the rest is counted.
const SHOWN: usize = 20;

/// Replays the episodes of these numbers; the exit code is 1 when any command differs. An episode
/// without a tick journal is told and passed over, unless it is the only one asked for.
pub(super) fn run(
    dataset: &Dataset,
    numbers: &[usize],
    out: &mut dyn Write,
) -> anyhow::Result<ExitCode> {
    let (mut n_ticks, mut n_different, mut n_without) = (0, 0, 0);
    for &number in numbers {
        dataset.episode(number)?;
        let Some(path) = dataset.ticks_path(number) else {
            anyhow::ensure!(
                numbers.len() > 1,
                "episode {number} has no tick journal: it was not recorded by a station"
            );
            n_without += 1;
            writeln!(out, "episode {number}: no tick journal")?;
            continue;
        };
        let records =
            journal::read(&path).with_context(|| format!("cannot replay episode {number}"))?;
        let replayed = replay::replay(&records.records);
        tell(number, &replayed, out)?;
        n_ticks += replayed.n_ticks;
        n_different += replayed.differences.len();
    }
    if numbers.len() > 1 {
        let without = match n_without {
            0 => String::new(),
            n => format!("; {n} without a tick journal"),
        };
        writeln!(out, "\nall: {n_ticks} ticks, {n_different} differ{without}")?;
    }
    Ok(if n_different == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn tell(number: usize, replay: &Replay, out: &mut dyn Write) -> anyhow::Result<()> {
    let Replay { n_ticks, differences, n_skipped } = replay;
    let verdict = match differences.len() {
        0 => "the same commands".to_owned(),
        n => format!("{n} differ"),
    };
    let skipped = match n_skipped {
        0 => String::new(),
        n => format!(", {n} more cannot be replayed (no checkpoint before them)"),
    };
    writeln!(out, "episode {number}: {n_ticks} ticks, {verdict}{skipped}")?;
    for difference in differences.iter().take(SHOWN) {
        writeln!(out, "{}", line(difference))?;
    }
    if differences.len() > SHOWN {
        writeln!(out, "  and {} more", differences.len() - SHOWN)?;
    }
    Ok(())
}

/// As `  12.34 s  tick 617  sent 0.20 0.00 0.10 → 0.18 0.00 0.10  limiter none → rate`.
fn line(difference: &Difference) -> String {
    let Difference { tick, at_s, recorded, replayed } = difference;
    let mut line = format!("  {at_s:7.2} s  tick {tick}");
    let mut part = |name: &str, was: String, is: String| {
        if was != is {
            line.extend(["  ", name, " ", &was, " → ", &is]);
        }
    };
    part("mode", name(&recorded.mode), name(&replayed.mode));
    part("authority", name(&recorded.authority), name(&replayed.authority));
    let (was, is) = (twist(recorded), twist(replayed));
    if was == is && recorded.sent != replayed.sent {
        part("sent", format!("{:?}", recorded.sent), format!("{:?}", replayed.sent));
    } else {
        part("sent", was, is);
    }
    part("limiter", name(&recorded.limiter), name(&replayed.limiter));
    line
}

fn name(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(name)) => name,
        _ => String::new(),
    }
}

fn twist(verdict: &Verdict) -> String {
    let Twist { linear_x, linear_y, angular_z } = verdict.sent;
    format!("{linear_x:.4} {linear_y:.4} {angular_z:.4}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::msg::{Authority, Limiter, Mode};

    #[test]
    fn a_difference_tells_what_differs_and_nothing_else() {
        // A change of the safety code would be hidden among numbers that are equal.
        let recorded = Verdict {
            mode: Mode::Manual,
            authority: Authority::Operator,
            sent: Twist::new(0.2, 0.0, 0.1),
            limiter: Limiter::None,
        };
        let sent = Twist::new(0.18, 0.0, 0.1);
        let replayed = Verdict { sent, limiter: Limiter::Rate, ..recorded };
        let difference = Difference { tick: 617, at_s: 12.34, recorded, replayed };
        assert_eq!(
            line(&difference),
            "    12.34 s  tick 617  sent 0.2000 0.0000 0.1000 → 0.1800 0.0000 0.1000  \
             limiter none → rate"
        );
    }
}
