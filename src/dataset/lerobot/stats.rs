//! Statistics of features: of one episode, and of all, as `meta/stats.json` has them.
//!
//! Means are weighted by count, variances combine in parallel (Chan et al. 1979); a quantile of
//! all is the envelope of the episodes': the least up to the median, the greatest above.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::dataset::table::{Column, Table};

/// Statistics by feature.
pub type Stats = BTreeMap<String, FeatureStats>;

/// What is known of each element of a feature, or of each channel of a camera (in 0..1).
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureStats {
    /// Whether its values are nested as those of a picture, `(channels, 1, 1)`.
    pub is_image: bool,
    /// Rows, or sampled pictures.
    pub count: u64,
    /// By [`NAMES`]; one that a foreign dataset lacks is empty.
    values: [Vec<f64>; NAMES.len()],
}

pub(super) const NAMES: [&str; 9] =
    ["min", "max", "mean", "std", "q01", "q10", "q50", "q90", "q99"];
const MIN: usize = 0;
const MAX: usize = 1;
const MEAN: usize = 2;
const STD: usize = 3;
const QUANTILES: [(usize, f64); 5] = [(4, 0.01), (5, 0.1), (6, 0.5), (7, 0.9), (8, 0.99)];

impl FeatureStats {
    pub(super) fn new(is_image: bool, count: u64, values: [Vec<f64>; NAMES.len()]) -> Self {
        Self { is_image, count, values }
    }

    /// One value for each element: `min`, `max`, `mean`, `std`, `q01`, `q10`, `q50`, `q90` or
    /// `q99`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&[f64]> {
        let at = NAMES.iter().position(|own| *own == name)?;
        Some(&self.values[at])
    }

    /// Of a column of numbers; of the finite ones, a row counting when all its values are.
    /// Lists of unequal length and texts have none.
    #[must_use]
    pub fn of(column: &Column) -> Option<Self> {
        let rows = rows(column)?;
        let width = rows.first().map_or(1, Vec::len);
        let finite: Vec<_> =
            rows.into_iter().filter(|row| row.iter().all(|v| v.is_finite())).collect();
        let mut stats = Self::new(false, finite.len() as u64, Default::default());
        for element in 0..width {
            let mut values: Vec<f64> =
                finite.iter().map(|row| row.get(element).copied()).collect::<Option<_>>()?;
            values.sort_by(f64::total_cmp);
            stats.push_element(&Sorted(&values));
        }
        Some(stats)
    }

    /// Of pictures, from how often each level of each channel occurred.
    #[must_use]
    pub fn of_pictures(histograms: &Histograms) -> Self {
        let mut stats = Self::new(true, histograms.frames, Default::default());
        for bins in &histograms.bins {
            stats.push_element(&Levels(bins));
        }
        stats
    }

    fn push_element(&mut self, sample: &impl Sample) {
        let (mean, std) = sample.mean_and_std();
        self.values[MIN].push(sample.at(0));
        self.values[MAX].push(sample.at(sample.n().saturating_sub(1)));
        self.values[MEAN].push(mean);
        self.values[STD].push(std);
        for (at, fraction) in QUANTILES {
            self.values[at].push(quantile(sample, fraction));
        }
    }

    /// Of the values of both. `None` when they are of unequal shape.
    #[must_use]
    pub fn combine(&self, other: &Self) -> Option<Self> {
        if self.is_image != other.is_image {
            return None;
        }
        if self.count == 0 || other.count == 0 {
            return Some(if self.count == 0 { other.clone() } else { self.clone() });
        }
        let count = self.count + other.count;
        let (a, b) = (self.count as f64 / count as f64, other.count as f64 / count as f64);
        let means = self.pair(other, MEAN, |x, y| a * x + b * y)?;
        let squares = self.pair(other, STD, |x, y| a * x * x + b * y * y)?;
        let spread = self.pair(other, MEAN, |x, y| a * b * (x - y) * (x - y))?;
        let mut values: [Vec<f64>; NAMES.len()] = Default::default();
        values[STD] = squares.iter().zip(&spread).map(|(s, d)| (s + d).sqrt()).collect();
        values[MEAN] = means;
        values[MIN] = self.pair(other, MIN, f64::min)?;
        values[MAX] = self.pair(other, MAX, f64::max)?;
        for (at, fraction) in QUANTILES {
            // A dataset of an older writer has none.
            let outer = if fraction <= 0.5 { f64::min } else { f64::max };
            values[at] = self.pair(other, at, outer).unwrap_or_default();
        }
        Some(Self { is_image: self.is_image, count, values })
    }

    fn pair(&self, other: &Self, at: usize, f: impl Fn(f64, f64) -> f64) -> Option<Vec<f64>> {
        let (own, other) = (&self.values[at], &other.values[at]);
        (own.len() == other.len()).then(|| own.iter().zip(other).map(|(x, y)| f(*x, *y)).collect())
    }

    fn to_json(&self) -> Value {
        let mut map = Map::new();
        for (name, values) in NAMES.iter().zip(&self.values).filter(|(_, v)| !v.is_empty()) {
            let nested = |v: &f64| if self.is_image { json!([[v]]) } else { json!(v) };
            map.insert((*name).to_owned(), values.iter().map(nested).collect());
        }
        map.insert("count".to_owned(), json!([self.count]));
        Value::Object(map)
    }

    fn from_json(value: &Value) -> Option<Self> {
        let mut stats = Self::new(false, 0, Default::default());
        for (at, name) in NAMES.iter().enumerate() {
            for item in value.get(name).and_then(Value::as_array).into_iter().flatten() {
                let inner = item.get(0).and_then(|row| row.get(0));
                stats.is_image |= inner.is_some();
                stats.values[at].push(inner.unwrap_or(item).as_f64()?);
            }
        }
        let count = value.get("count")?.get(0)?.as_f64()?;
        Some(Self { count: count as u64, ..stats })
    }
}

/// The global statistics as the content of `stats.json`.
pub(super) fn to_json(stats: &Stats, other: &Map<String, Value>) -> Value {
    let own = stats.iter().map(|(name, stats)| (name.clone(), stats.to_json()));
    let other = other.iter().map(|(name, value)| (name.clone(), value.clone()));
    own.chain(other).collect()
}

/// The statistics in `stats.json`, and the entries that are none this program understands.
pub(super) fn from_json(map: Map<String, Value>) -> (Stats, Map<String, Value>) {
    let mut stats = Stats::new();
    let mut other = Map::new();
    for (name, value) in map {
        match FeatureStats::from_json(&value) {
            Some(found) => drop(stats.insert(name, found)),
            None => drop(other.insert(name, value)),
        }
    }
    (stats, other)
}

/// Of each column of an episode.
pub(super) fn of_table(table: &Table) -> Stats {
    let of = |(name, column): (&str, &Column)| Some((name.to_owned(), FeatureStats::of(column)?));
    table.columns().filter_map(of).collect()
}

/// Adds the statistics of an episode to those of all before it. A feature whose shape changed, or
/// that not all episodes have, goes by what is known.
pub(super) fn add(all: &mut Stats, episode: &Stats) {
    for (name, stats) in episode {
        let combined = all.get(name).and_then(|before| before.combine(stats));
        all.insert(name.clone(), combined.unwrap_or_else(|| stats.clone()));
    }
}

fn rows(column: &Column) -> Option<Vec<Vec<f64>>> {
    Some(match column {
        Column::Bool(values) => values.iter().map(|v| vec![f64::from(u8::from(*v))]).collect(),
        Column::I64(values) => values.iter().map(|v| vec![*v as f64]).collect(),
        Column::F32(values) => values.iter().map(|v| vec![f64::from(*v)]).collect(),
        Column::F64(values) => values.iter().map(|v| vec![*v]).collect(),
        Column::F32List { width, values } => {
            let rows = values.chunks_exact((*width).max(1));
            rows.map(|row| row.iter().map(|v| f64::from(*v)).collect()).collect()
        }
        Column::F64List(rows) => rows.clone(),
        Column::I64List(rows) => {
            rows.iter().map(|row| row.iter().map(|v| *v as f64).collect()).collect()
        }
        _ => return None,
    })
}

/// Numbers in ascending order.
trait Sample {
    fn n(&self) -> u64;
    /// The number of that rank, 0 where there is none.
    fn at(&self, rank: u64) -> f64;
    fn mean_and_std(&self) -> (f64, f64);
}

/// Interpolates linearly between ranks, as numpy does.
fn quantile(sample: &impl Sample, fraction: f64) -> f64 {
    let rank = fraction * sample.n().saturating_sub(1) as f64;
    let below = rank.floor();
    let (low, high) = (sample.at(below as u64), sample.at(rank.ceil() as u64));
    low + (high - low) * (rank - below)
}

struct Sorted<'a>(&'a [f64]);

impl Sample for Sorted<'_> {
    fn n(&self) -> u64 {
        self.0.len() as u64
    }

    fn at(&self, rank: u64) -> f64 {
        self.0.get(rank as usize).copied().unwrap_or(0.0)
    }

    fn mean_and_std(&self) -> (f64, f64) {
        let n = self.0.len().max(1) as f64;
        let mean = self.0.iter().sum::<f64>() / n;
        let variance = self.0.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / n;
        (mean, variance.sqrt())
    }
}

/// How often each of the 256 levels of a channel occurred.
struct Levels<'a>(&'a [u64; 256]);

impl Levels<'_> {
    fn values(&self) -> impl Iterator<Item = (f64, u64)> {
        self.0.iter().enumerate().map(|(level, n)| (level as f64 / 255.0, *n))
    }
}

impl Sample for Levels<'_> {
    fn n(&self) -> u64 {
        self.0.iter().sum()
    }

    fn at(&self, rank: u64) -> f64 {
        let mut seen = 0;
        for (value, n) in self.values() {
            seen += n;
            if rank < seen {
                return value;
            }
        }
        0.0
    }

    fn mean_and_std(&self) -> (f64, f64) {
        let n = self.n().max(1) as f64;
        let mean = self.values().map(|(value, times)| value * times as f64).sum::<f64>() / n;
        let square = |(value, times): (f64, u64)| (value - mean) * (value - mean) * times as f64;
        (mean, (self.values().map(square).sum::<f64>() / n).sqrt())
    }
}

/// How often each level of red, green and blue occurred in the sampled pictures of an episode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Histograms {
    pub bins: [[u64; 256]; 3],
    pub frames: u64,
}

impl Default for Histograms {
    fn default() -> Self {
        Self { bins: [[0; 256]; 3], frames: 0 }
    }
}

impl Histograms {
    /// Counts a picture of `width` columns (RGB, row by row), subsampled as LeRobot does: where
    /// the longer side reaches 300, every n-th column and row such that about 150 stay.
    pub fn add(&mut self, rgb: &[u8], width: usize) {
        let row_len = width.max(1) * 3;
        let longer = width.max(rgb.len() / row_len);
        let step = if longer < 300 { 1 } else { longer / 150 };
        for row in rgb.chunks_exact(row_len).step_by(step) {
            for pixel in row.chunks_exact(3).step_by(step) {
                for (bins, level) in self.bins.iter_mut().zip(pixel) {
                    bins[usize::from(*level)] += 1;
                }
            }
        }
        self.frames += 1;
    }
}

/// The frames of an episode of `length` that its picture statistics are taken from, as LeRobot
/// samples: evenly spaced, at least 100 where there are as many, else length^0.75, 10000 at most.
#[must_use]
pub fn sampled_frames(length: usize) -> Vec<usize> {
    let by_length = (length as f64).powf(0.75) as usize;
    let n = length.min(100).max(by_length.min(10_000));
    let step = length.saturating_sub(1) as f64 / n.saturating_sub(1).max(1) as f64;
    (0..n).map(|i| (i as f64 * step).round() as usize).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(stats: &FeatureStats, name: &str) -> Vec<f64> {
        let rounded = |v: &f64| (v * 1e6).round() / 1e6;
        stats.get(name).unwrap().iter().map(rounded).collect()
    }

    #[test]
    fn statistics_are_those_of_numpy() {
        // Training would normalise by other numbers than LeRobot does.
        let values = vec![3.0, -1.0, 4.0, -1.0, 5.0, -9.0, 2.0, -6.0];
        let stats = FeatureStats::of(&Column::F32List { width: 2, values }).unwrap();
        assert_eq!(stats.count, 4);
        assert_eq!((get(&stats, "min"), get(&stats, "max")), (vec![2.0, -9.0], vec![5.0, -1.0]));
        assert_eq!(get(&stats, "mean"), [3.5, -4.25]);
        assert_eq!(get(&stats, "std"), [1.118_034, 3.418_699]);
        assert_eq!(get(&stats, "q01"), [2.03, -8.91]);
        assert_eq!(get(&stats, "q50"), [3.5, -3.5]);
        assert_eq!(get(&stats, "q90"), [4.7, -1.0]);
        let flags = FeatureStats::of(&Column::Bool(vec![true, false, false, false])).unwrap();
        assert_eq!((get(&flags, "mean"), get(&flags, "max")), (vec![0.25], vec![1.0]));
        assert_eq!(FeatureStats::of(&Column::Text(vec![String::new()])), None);
    }

    #[test]
    fn what_is_not_finite_is_left_out() {
        // One NaN would make NaN of every statistic, and JSON has no NaN.
        let values = vec![f32::NAN, 1.0, 2.0, f32::INFINITY, 4.0, 5.0];
        let stats = FeatureStats::of(&Column::F32List { width: 2, values }).unwrap();
        assert_eq!((stats.count, get(&stats, "mean")), (1, vec![4.0, 5.0]));
        let none = FeatureStats::of(&Column::F32List { width: 2, values: vec![f32::NAN; 4] });
        let none = none.unwrap();
        assert_eq!((none.count, get(&none, "std")), (0, vec![0.0, 0.0]));
        assert_eq!(stats.combine(&none), Some(stats.clone()));
        assert_eq!(none.combine(&stats), Some(stats));
    }

    #[test]
    fn parts_combine_to_the_whole() {
        // The statistics of a dataset would drift with each episode that is added.
        let values: Vec<f32> = (0..60_u8).map(|i| f32::from(i % 7) - f32::from(i) / 9.0).collect();
        let of = |values: &[f32]| FeatureStats::of(&Column::F32(values.to_vec())).unwrap();
        let whole = of(&values);
        let parts = of(&values[..11]).combine(&of(&values[11..])).unwrap();
        for name in ["min", "max", "mean", "std"] {
            assert_eq!(get(&parts, name), get(&whole, name), "{name}");
        }
        let back = from_json(Map::from_iter([("a".to_owned(), parts.to_json())]));
        assert_eq!(back.0["a"], parts);
    }

    #[test]
    fn picture_statistics_are_those_of_the_pixels() {
        // A policy would see pictures brighter or darker than in training.
        let mut histograms = Histograms::default();
        histograms.add(&[0, 51, 255, 255, 51, 0], 2);
        histograms.add(&[255, 51, 0, 255, 51, 0], 2);
        let stats = FeatureStats::of_pictures(&histograms);
        assert_eq!((stats.count, get(&stats, "mean")), (2, vec![0.75, 0.2, 0.25]));
        assert_eq!(get(&stats, "std"), [0.433_013, 0.0, 0.433_013]);
        assert_eq!(get(&stats, "q50"), [1.0, 0.2, 0.0]);
        assert_eq!(stats.to_json()["min"], json!([[[0.0]], [[0.2]], [[0.0]]]));
        let mut large = Histograms::default();
        large.add(&vec![7; 640 * 480 * 3], 640);
        assert_eq!(large.bins[0][7], 160 * 120);
    }

    #[test]
    fn sampled_frames_are_spread_over_the_episode() {
        // The statistics of a long episode would be those of its beginning.
        assert_eq!(sampled_frames(0), Vec::<usize>::new());
        assert_eq!(sampled_frames(3), [0, 1, 2]);
        let many = sampled_frames(5000);
        assert_eq!((many.len(), many[0], many[593]), (594, 0, 4999));
    }
}
