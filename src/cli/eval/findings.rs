//! What was found on recorded episodes, as tables.

use std::io::Write;

use crate::eval::offline::{Figures, IGNORED_BELOW, NEAR, Offline};
use crate::eval::statistics::Estimate;

/// Who drove.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Driver {
    Operator,
    Expert,
}

/// Prints everything.
pub(super) fn tell(
    part: &Offline,
    driver: Driver,
    seconds: f64,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let [x, y, yaw] = part.tolerance;
    write!(
        out,
        "{} stretches of one instruction in {seconds:.0} s, tolerance {x} m/s, {y} m/s, {yaw} \
         rad/s; constants of ",
        part.n_episodes
    )?;
    match part.n_training {
        0 => write!(out, "these episodes themselves")?,
        n => write!(out, "{n} other episodes")?,
    }
    if part.n_refused > 0 {
        write!(out, "; {} left out: it does not take their instruction", part.n_refused)?;
    }
    writeln!(out)?;
    errors(part, out)?;
    study(part, out)?;
    changes(part, out)?;
    if let Some(found) = &part.reliability {
        writeln!(
            out,
            "confidence: mean {:.3}, right {:.3}, calibration error {:.3} ({} answers, against the \
             {})",
            found.mean_confidence,
            found.accuracy,
            found.ece,
            found.n,
            if driver == Driver::Operator { "operator" } else { "expert" }
        )?;
    }
    match &part.foretelling {
        Some(found) => writeln!(
            out,
            "low confidence foretells a {} by {} s: AUROC {:.3} ({} answers before, {} others)",
            found.event, found.ahead_s, found.auroc, found.n_before, found.n_others
        )?,
        None if driver == Driver::Operator => {
            writeln!(out, "no takeover in these episodes for its confidence to foretell")?;
        }
        None => {}
    }
    for reproach in part.reproaches() {
        writeln!(out, "ATTENTION: it {}", sentence(reproach))?;
    }
    Ok(())
}

/// A reproach, and how it was found.
fn sentence(reproach: &str) -> String {
    let least = 100.0 * IGNORED_BELOW;
    match reproach {
        "ignores the words" => format!(
            "{reproach}: with left and right swapped its answers depart on less than {least} % of \
             the steps"
        ),
        "ignores the picture" => format!(
            "{reproach}: shuffled or black, its answers depart on less than {least} % of the steps"
        ),
        _ => format!("is {reproach} that never looks"),
    }
}

fn errors(part: &Offline, out: &mut impl Write) -> std::io::Result<()> {
    writeln!(
        out,
        "{:<36}{:>6}  {:<23}{:<23}{:<23}{:<20}right [95 %]",
        "errors, m/s, m/s, rad/s", "steps", "forward [95 %]", "left [95 %]", "turn [95 %]", "rmse"
    )?;
    for found in &part.contenders {
        if let Some(figures) = &found.later {
            row(&format!("  {}", found.name), figures, out)?;
        }
    }
    writeln!(out, "first steps of episodes, apart")?;
    for found in &part.contenders {
        if let Some(figures) = &found.first {
            row(&format!("  {}", found.name), figures, out)?;
        }
    }
    Ok(())
}

fn row(name: &str, figures: &Figures, out: &mut impl Write) -> std::io::Result<()> {
    let mae = figures.mae.map(|mae| bounds(&mae));
    let rmse = three(figures.rmse.map(|rmse| rmse.value));
    let right = figures.right.percent();
    let (n, [x, y, yaw]) = (figures.n_steps, mae);
    writeln!(out, "{name:<36}{n:>6}  {x:<23}{y:<23}{yaw:<23}{rmse:<20}{right}")
}

fn bounds(estimate: &Estimate) -> String {
    format!("{:.3} [{:.3}, {:.3}]", estimate.value, estimate.low, estimate.high)
}

/// As the study's tables have them.
fn study(part: &Offline, out: &mut impl Write) -> std::io::Result<()> {
    writeln!(
        out,
        "{:<36}{:>8}{:>8}{:>8}{:>8}{:>10}{:>8}{:>8}",
        "the study's figures",
        "2-D",
        "3-D",
        "2-D /2",
        "3-D /2",
        format!("in {}", NEAR[0]),
        format!("in {}", NEAR[1]),
        format!("in {}", NEAR[2])
    )?;
    for found in &part.contenders {
        let Some(figures) = &found.later else { continue };
        let study = &figures.study;
        let [a, b, c] = study.near.map(|share| format!("{:.1} %", 100.0 * share));
        writeln!(
            out,
            "  {:<34}{:>8.3}{:>8.3}{:>8.3}{:>8.3}{a:>10}{b:>8}{c:>8}",
            found.name, study.mae_2d, study.mae_3d, study.mae_2d_halved, study.mae_3d_halved
        )?;
    }
    Ok(())
}

fn changes(part: &Offline, out: &mut impl Write) -> std::io::Result<()> {
    writeln!(
        out,
        "{:<36}{:>6}  {:<23}{:<23}{:<20}{:<20}right [95 %]",
        "what if", "steps", "answers depart [95 %]", "turn about [95 %]", "by", "errors"
    )?;
    let line = |name: &str, n: usize, cells: [String; 3], errors: Option<&Figures>| {
        let [departs, turned, gap] = cells;
        let right = errors.map(|found| found.right.percent()).unwrap_or_default();
        let errors = errors.map(|found| three(found.mae.map(|mae| mae.value))).unwrap_or_default();
        format!("  {name:<34}{n:>6}  {departs:<23}{turned:<23}{gap:<20}{errors:<20}{right}")
    };
    let plain = part.contenders.first().and_then(|own| own.later.as_ref());
    let n_plain = plain.map_or(0, |found| found.n_steps);
    let dashes = || ["-"; 3].map(str::to_owned);
    writeln!(out, "{}", line("nothing is changed", n_plain, dashes(), plain))?;
    for found in &part.counterfactuals {
        let turned = found.turned.map_or_else(|| "-".to_owned(), |turned| turned.percent());
        let cells = [found.departs.percent(), turned, three(found.gap)];
        writeln!(out, "{}", line(&found.name, found.n_steps, cells, found.errors.as_ref()))?;
    }
    Ok(())
}

fn three(values: [f64; 3]) -> String {
    values.map(|value| format!("{value:.3}")).join(" ")
}
