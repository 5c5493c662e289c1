//! `pilothouse episodes stats`: how much there is, and between which numbers.

use std::fs;
use std::io::Write;

use anyhow::Context;
use serde_json::Value;

use super::columns::{self, Cell, Column, Look};
use super::facts;
use super::root::Root;
use crate::dataset::Dataset;
use crate::dataset::lerobot::Feature;

const SHOWN: [&str; 4] = ["min", "max", "mean", "std"];

pub(super) fn run(root: &Root, look: &Look, out: &mut dyn Write) -> anyhow::Result<()> {
    let dataset = root.read()?;
    summary(&dataset, out)?;
    let path = root.path.join("meta/stats.json");
    let text = fs::read(&path).with_context(|| {
        format!("cannot read {}; a dataset without episodes has none", path.display())
    })?;
    let stats: Value =
        serde_json::from_slice(&text).with_context(|| format!("{} is damaged", path.display()))?;
    writeln!(out)?;
    columns::write(out, table(&dataset, &stats), look)?;
    Ok(())
}

fn summary(dataset: &Dataset, out: &mut dyn Write) -> anyhow::Result<()> {
    let info = dataset.info();
    let episodes = dataset.episodes();
    let seconds = info.total_frames as f64 / f64::from(info.fps);
    let (n, rows) = (facts::count(episodes.len(), "episode"), info.total_frames);
    let hours = seconds / 3600.0;
    let length = facts::length(seconds);
    writeln!(out, "{n}, {rows} rows at {}/s: {length}, {hours:.2} h", info.fps)?;
    writeln!(out, "{}", facts::count(dataset.tasks().len(), "task"))?;
    let takeovers: i64 = episodes.iter().map(|meta| meta.notes.takeovers).sum();
    let rate = if hours > 0.0 { takeovers as f64 / hours } else { 0.0 };
    let takeovers = facts::count(usize::try_from(takeovers).unwrap_or_default(), "takeover");
    writeln!(out, "{takeovers}, {rate:.1} an hour")?;
    let judged: Vec<_> = episodes.iter().filter_map(|meta| meta.notes.success).collect();
    let good = judged.iter().filter(|success| **success).count();
    match judged.len() {
        0 => writeln!(out, "success: nobody said of any episode whether it succeeded")?,
        n => {
            let share = good as f64 / n as f64 * 100.0;
            writeln!(out, "success: {good} of {n} that were marked, {share:.0} %")?;
        }
    }
    Ok(())
}

fn table(dataset: &Dataset, stats: &Value) -> Vec<Column> {
    let mut names = Vec::new();
    let mut numbers: [Vec<Cell>; SHOWN.len()] = Default::default();
    for (name, feature) in &dataset.info().features.0 {
        let Some(own) = stats.get(name).filter(|_| !facts::COUNTERS.contains(&name.as_str()))
        else {
            continue;
        };
        let values = SHOWN.map(|kind| own.get(kind).map(flat).unwrap_or_default());
        for (i, element) in elements(feature, values[0].len()).into_iter().enumerate() {
            names.push(Cell::from(format!("{name}{element}")));
            for (cells, values) in numbers.iter_mut().zip(&values) {
                let text = values.get(i).map_or(String::new(), |value| number(*value));
                cells.push(Cell::from(text));
            }
        }
    }
    let mut table = vec![Column::new("feature", 0, names)];
    table.extend(SHOWN.into_iter().zip(numbers).map(|(kind, cells)| Column::right(kind, 0, cells)));
    table
}

/// What to call each of `n` elements, behind the feature's name.
fn elements(feature: &Feature, n: usize) -> Vec<String> {
    if feature.is_video() && n == 3 {
        return [" red", " green", " blue"].map(String::from).to_vec();
    }
    if n <= 1 {
        return vec![String::new(); n];
    }
    let name = |i: usize| feature.names.get(i).and_then(Value::as_str).map(str::to_owned);
    (0..n).map(|i| format!(" {}", name(i).unwrap_or_else(|| i.to_string()))).collect()
}

/// All numbers of a nested list.
fn flat(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(list) => list.iter().flat_map(flat).collect(),
        other => other.as_f64().into_iter().collect(),
    }
}

/// Five significant digits.
fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 1e6 || (size > 0.0 && size < 1e-4) => format!("{value:.3e}"),
        size if size >= 100.0 => format!("{value:.1}"),
        _ => format!("{value:.4}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_readable_at_every_size() {
        // A column of nanoseconds would push all others off the screen.
        for (value, text) in [
            (0.0, "0.0000"),
            (0.123_456, "0.1235"),
            (-99.5, "-99.5000"),
            (1234.56, "1234.6"),
            (1.5e13, "1.500e13"),
            (1e-7, "1.000e-7"),
        ] {
            assert_eq!(number(value), text);
        }
        assert_eq!(flat(&serde_json::json!([[[0.1]], [[0.2]]])), [0.1, 0.2]);
    }
}
