//! From a journal's records to rows of the dataset.
//!
//! | column | what |
//! |---|---|
//! | `observation.state` | x.vel, y.vel, theta.vel as the base measured them, m/s and rad/s |
//! | `action` | the command sent |
//! | `policy_action`, `policy_action_valid` | what the policy proposed for this moment; zeros while it said nothing |
//! | `operator_action`, `operator_action_valid` | what the operator's hands asked for; zeros while they were off |
//! | `intervention` | the operator acted while autonomy was engaged |
//! | `mode`, `authority`, `limiter` | of the tick: who may drive, who did, which limit acted |
//! | `confidence` | of the policy's newest chunk, 0..1; zero without one |
//! | `battery` | charge, 0..1; zero where the base tells none |
//! | `frame_age_s` | from the picture's capture to the command |
//! | `frame_repeated` | the camera was late: the picture is the one before |
//! | `capture_time_ns`, `tick_time_ns` | on the station's monotonic clock |
//!
//! A number that is not finite never becomes a row's: it would poison the statistics.

use std::collections::HashMap;
use std::ops::Range;

use serde::Serialize;

use super::DatasetError;
use super::journal::{End, Mark, Record, Row, Start};
use super::recorder::is_intervention;
use super::table::{Column, Table};
use crate::msg::{Mode, Tick, Twist};

/// What a journal amounts to.
#[derive(Clone, Debug)]
pub struct Derived {
    pub start: Start,
    /// `None`: the station did not live to end the episode.
    pub end: Option<End>,
    /// Every row with its tick, in order; no more than there are pictures.
    rows: Vec<(Row, Tick)>,
    tasks: Vec<String>,
    policies: Vec<(String, String)>,
    /// Row at which each histogram was taken, and its counts.
    histograms: Vec<(usize, Vec<u32>)>,
    pub success: Option<bool>,
    pub tags: Vec<String>,
    cuts: Vec<Range<usize>>,
}

/// A run of rows that becomes one episode.
#[derive(Clone, Debug)]
pub struct Part {
    /// Pictures of the journal's video.
    pub frames: Range<usize>,
    pub table: Table,
    /// One a row.
    pub tasks: Vec<String>,
    /// Name and sha256 of the policy that drove, or of the one that was loaded.
    pub policy: (String, String),
    pub takeovers: u32,
    pub repeated: u64,
    pub dropped: u64,
    /// 3 x 256 counts, one for each picture that was sampled.
    pub histograms: Vec<Vec<u32>>,
}

/// Orders a journal's records into rows. `n_frames` is how many pictures the video holds.
///
/// `None`: the journal does not begin with its start, or holds no row.
#[must_use]
pub fn derive(records: &[Record], n_frames: usize) -> Option<Derived> {
    let Some(Record::Start(start)) = records.first() else { return None };
    let mut derived = Derived {
        start: Start::clone(start),
        end: None,
        rows: Vec::new(),
        tasks: Vec::new(),
        policies: Vec::new(),
        histograms: Vec::new(),
        success: None,
        tags: Vec::new(),
        cuts: Vec::new(),
    };
    let mut scan = Scan::default();
    for record in records {
        derived.take(record, &mut scan, n_frames);
    }
    (!derived.rows.is_empty()).then_some(derived)
}

/// What was said before the record at hand.
#[derive(Default)]
struct Scan {
    ticks: HashMap<u64, (Tick, usize)>,
    /// Instruction and policy at each change; a tick knows its own by index.
    stages: Vec<(String, (String, String))>,
    stage: (String, (String, String)),
    chunk: Option<crate::msg::ActionChunk>,
}

impl Derived {
    fn take(&mut self, record: &Record, scan: &mut Scan, n_frames: usize) {
        match record {
            Record::Tick(record) => {
                let chunk = scan.chunk.filter(|_| record.has_chunk);
                if scan.stages.last() != Some(&scan.stage) {
                    scan.stages.push(scan.stage.clone());
                }
                let stage = scan.stages.len() - 1;
                scan.ticks.insert(record.tick.number, (Tick { chunk, ..record.tick }, stage));
            }
            Record::Chunk(chunk) => scan.chunk = Some(**chunk),
            Record::Task(text) => scan.stage.0.clone_from(text),
            Record::Policy { name, sha256 } => scan.stage.1 = (name.clone(), sha256.clone()),
            Record::Row(row) if self.rows.len() < n_frames => {
                // A row whose tick was lost would have no command: the rows end here.
                let Some((tick, stage)) = scan.ticks.get(&row.tick) else { return };
                let (task, policy) = scan.stages.get(*stage).cloned().unwrap_or_default();
                self.rows.push((*row, *tick));
                self.tasks.push(task);
                self.policies.push(policy);
            }
            Record::Histogram(counts) => {
                let row = self.rows.len().saturating_sub(1);
                self.histograms.push((row, counts.clone()));
            }
            Record::Mark(mark) => self.mark(mark),
            Record::End(end) => self.end = Some(end.clone()),
            Record::Start(_) | Record::Checkpoint(_) | Record::Row(_) => {}
        }
    }

    fn mark(&mut self, mark: &Mark) {
        match mark {
            Mark::Success(success) => self.success = *success,
            Mark::Tag(tag) if self.tags.contains(tag) => {}
            Mark::Tag(tag) => self.tags.push(tag.clone()),
            Mark::Cut { from, until } => self.cuts.push(*from as usize..*until as usize),
            Mark::Uncut => drop(self.cuts.pop()),
        }
    }

    #[must_use]
    pub fn n_rows(&self) -> usize {
        self.rows.len()
    }

    /// Whether the operator left rows out.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        !self.cuts.is_empty()
    }

    /// All rows, whatever was cut.
    ///
    /// # Errors
    /// None that a user could cause: the columns would differ in length.
    pub fn whole(&self) -> Result<Part, DatasetError> {
        self.part(0..self.rows.len())
    }

    /// The runs of rows between the cuts.
    ///
    /// # Errors
    /// As [`Self::whole`].
    pub fn parts(&self) -> Result<Vec<Part>, DatasetError> {
        let is_bad = |i: usize| self.cuts.iter().any(|cut| cut.contains(&i));
        let mut runs: Vec<Range<usize>> = Vec::new();
        for i in (0..self.rows.len()).filter(|i| !is_bad(*i)) {
            match runs.last_mut() {
                Some(run) if run.end == i && !self.cuts.iter().any(|cut| cut.end == i) => {
                    run.end = i + 1;
                }
                _ => runs.push(i..i + 1),
            }
        }
        runs.into_iter().map(|run| self.part(run)).collect()
    }

    fn part(&self, frames: Range<usize>) -> Result<Part, DatasetError> {
        let rows = self.rows.get(frames.clone()).unwrap_or(&[]);
        let tasks = self.tasks.get(frames.clone()).unwrap_or(&[]).to_vec();
        let task = |text: String| if text.is_empty() { "no instruction".to_owned() } else { text };
        let driven = rows.iter().position(|(_, tick)| tick.mode == Mode::Autonomous).unwrap_or(0);
        let in_part = |row: &usize| frames.contains(row);
        let modes = rows.iter().map(|(_, tick)| tick.mode == Mode::Override);
        let mut was_override = false;
        let takeovers = modes.filter(|now| !std::mem::replace(&mut was_override, *now) && *now);
        Ok(Part {
            takeovers: takeovers.count() as u32,
            table: table(rows)?,
            tasks: tasks.into_iter().map(task).collect(),
            policy: self.policies.get(frames.start + driven).cloned().unwrap_or_default(),
            repeated: rows.iter().filter(|(row, _)| row.is_repeated).count() as u64,
            dropped: rows.iter().map(|(row, _)| u64::from(row.n_dropped)).sum(),
            histograms: self
                .histograms
                .iter()
                .filter(|(row, _)| in_part(row))
                .map(|(_, counts)| counts.clone())
                .collect(),
            frames,
        })
    }
}

fn table(rows: &[(Row, Tick)]) -> Result<Table, DatasetError> {
    let mut table = Table::default();
    let mut put = |name: &str, column| table.push(name, column);
    let ticks = || rows.iter().map(|(_, tick)| tick);
    put("observation.state", twists(ticks().map(|tick| tick.base.odometry.map(|o| o.twist))))?;
    put("action", twists(ticks().map(|tick| Some(tick.sent))))?;
    let policy = || ticks().map(|tick| tick.policy_twist.filter(|twist| twist.is_finite()));
    put("policy_action", twists(policy()))?;
    put("policy_action_valid", Column::Bool(policy().map(|twist| twist.is_some()).collect()))?;
    let operator = || ticks().map(|tick| tick.operator_twist.filter(|twist| twist.is_finite()));
    put("operator_action", twists(operator()))?;
    put("operator_action_valid", Column::Bool(operator().map(|twist| twist.is_some()).collect()))?;
    put("intervention", Column::Bool(ticks().map(is_intervention).collect()))?;
    put("mode", Column::Text(ticks().map(|tick| text(&tick.mode)).collect()))?;
    put("authority", Column::Text(ticks().map(|tick| text(&tick.authority)).collect()))?;
    put("limiter", Column::Text(ticks().map(|tick| text(&tick.limiter)).collect()))?;
    let confidence = ticks().map(|tick| tick.chunk.map_or(0.0, |chunk| chunk.confidence));
    put("confidence", floats(confidence))?;
    put("battery", floats(ticks().map(|tick| tick.base.battery.map_or(0.0, |b| b.charge))))?;
    let age = rows.iter().map(|(row, tick)| tick.now.since(row.captured).as_secs_f64());
    put("frame_age_s", floats(age))?;
    put("frame_repeated", Column::Bool(rows.iter().map(|(row, _)| row.is_repeated).collect()))?;
    let captured = rows.iter().map(|(row, _)| row.captured.0.cast_signed());
    put("capture_time_ns", Column::I64(captured.collect()))?;
    put("tick_time_ns", Column::I64(ticks().map(|tick| tick.now.0.cast_signed()).collect()))?;
    Ok(table)
}

fn twists(twists: impl Iterator<Item = Option<Twist>>) -> Column {
    let values = twists.flat_map(|twist| {
        let twist = twist.filter(|twist| twist.is_finite()).unwrap_or_default();
        [twist.linear_x as f32, twist.linear_y as f32, twist.angular_z as f32]
    });
    Column::F32List { width: 3, values: values.collect() }
}

fn floats(values: impl Iterator<Item = f64>) -> Column {
    Column::F32(values.map(|value| if value.is_finite() { value as f32 } else { 0.0 }).collect())
}

/// The name that an enum's value has everywhere outside the program, as `soft_stop`.
fn text(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(name)) => name,
        _ => String::new(),
    }
}
