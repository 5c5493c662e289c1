//! From ticks and pictures to an episode's journal: what is recorded, from when to when.
//!
//! Fed with every tick and every picture; answers with [`Op`]s for whoever writes. Pictures are
//! encoded while an episode runs, and while autonomy is engaged: then the last seconds wait in
//! memory, compressed, so that a takeover is kept with what led to it.
//!
//! Deliberately absent: threads, clocks (time comes in with the ticks) and the disk.

mod commands;
mod config;
mod pictures;
#[cfg(test)]
pub(super) mod tests;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

pub use self::config::Config;
use self::pictures::{Group, Pictures};
use super::DatasetError;
use super::journal::{End, Mark, Record, Start, TickRecord};
use super::video::Unit;
use crate::msg::{Authority, Frame, LinkState, Mode, RecordPhase, RecordStatus, Stamp, Tick};

/// Kept before a takeover, and after it.
pub const BEFORE: Duration = Duration::from_secs(5);
pub const AFTER: Duration = Duration::from_secs(2);

/// What [`crate::msg::RecordCommand::Cut`] leaves out.
pub const CUT: Duration = Duration::from_secs(5);

/// A camera or base that is gone for longer ends the episode: nothing true could be recorded.
const LOST: Duration = Duration::from_secs(2);

/// Records kept in memory before an episode begins: the takeover's seconds and a checkpoint's
/// period, and some.
const RECENT: Duration = Duration::from_millis(6500);

/// What whoever writes is to do. In order; ops of one recording between its `Begin` and `End`.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    Begin(Box<Start>),
    Append {
        records: Vec<Record>,
        units: Vec<Unit>,
    },
    End(End),
    /// Of a recording that has ended.
    Mark {
        recording: String,
        mark: Mark,
    },
    Discard {
        recording: String,
    },
    Restore {
        recording: String,
    },
}

/// What does not change while the station runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    pub robot: String,
    /// Version of the station and hash of its configuration.
    pub station: String,
    /// The configuration as TOML.
    pub config: String,
}

/// The state machine. See the module.
#[derive(Debug)]
pub struct Recorder {
    config: Config,
    origin: Origin,
    /// The wall clock less the monotonic one, nanoseconds.
    unix_minus_mono_ns: i64,
    rate: f64,
    task: String,
    policy: (String, String),
    /// The newest records and when they were made; begins with a checkpoint.
    recent: VecDeque<(Stamp, Record)>,
    pictures: Pictures,
    /// Whole groups of the last seconds, while nothing is recorded.
    ring: VecDeque<Group>,
    chunk_seq: Option<(u64, u64)>,
    last: Tick,
    /// When the base was last known to be there.
    base_seen: Stamp,
    open: Option<Open>,
    series: Series,
    /// The recording that ended last, and the one discarded last.
    ended: Option<String>,
    undo: Option<Undo>,
    saved: i64,
    ops: Vec<Op>,
    /// Lines for the operator.
    news: Vec<(bool, String)>,
    blocked: String,
}

/// The episode that runs.
#[derive(Debug)]
struct Open {
    start: Start,
    /// Nobody pressed record (yet).
    is_takeover: bool,
    /// Its `Begin` was handed out: from the first picture on.
    has_begun: bool,
    records: Vec<Record>,
    n_rows: u64,
    repeated: u64,
    dropped: u64,
    takeovers: u32,
    success: Option<bool>,
    /// A takeover's recording ends then.
    until: Option<Stamp>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Undo {
    Cut,
    Discard(String),
}

/// Several episodes in one go.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Series {
    left: u32,
    pause_until: Option<Stamp>,
}

impl Recorder {
    /// `unix_minus_mono_ns` ties the ticks' clock to the wall clock.
    #[must_use]
    pub fn new(config: &Config, origin: Origin, unix_minus_mono_ns: i64) -> Self {
        Self {
            pictures: Pictures::new(config),
            config: config.clone(),
            origin,
            unix_minus_mono_ns,
            rate: 0.0,
            task: String::new(),
            policy: Default::default(),
            recent: VecDeque::new(),
            ring: VecDeque::new(),
            chunk_seq: None,
            last: Tick::default(),
            base_seen: Stamp::ZERO,
            open: None,
            series: Series::default(),
            ended: None,
            undo: None,
            saved: 0,
            ops: Vec::new(),
            news: Vec::new(),
            blocked: String::new(),
        }
    }

    /// What is to be written since the last call.
    pub fn take_ops(&mut self) -> Vec<Op> {
        std::mem::take(&mut self.ops)
    }

    /// Lines for the operator since the last call; true: a warning.
    pub fn take_news(&mut self) -> Vec<(bool, String)> {
        std::mem::take(&mut self.news)
    }

    /// The control loop's memory before the tick that comes next.
    pub fn checkpoint(&mut self, state: Vec<u8>) {
        self.remember(Record::Checkpoint(state));
    }

    /// The instruction in force from now on.
    pub fn set_task(&mut self, text: &str) {
        if self.task != text {
            text.clone_into(&mut self.task);
            self.remember(Record::Task(text.to_owned()));
        }
    }

    /// The policy in force from now on.
    pub fn set_policy(&mut self, name: &str, sha256: &str) {
        let policy = (name.to_owned(), sha256.to_owned());
        if self.policy != policy {
            self.policy = policy;
            self.remember(Record::Policy { name: name.to_owned(), sha256: sha256.to_owned() });
        }
    }

    /// Nothing can be started for this reason; empty: all is well. What runs goes on.
    pub fn set_blocked(&mut self, reason: &str) {
        reason.clone_into(&mut self.blocked);
    }

    /// One turn of the control loop, in order.
    pub fn tick(&mut self, tick: &Tick) {
        let has_gap = self.last.number != 0 && tick.number != self.last.number + 1;
        self.rate = tick.readiness.camera.rate_nominal;
        if let Some(chunk) = &tick.chunk
            && self.chunk_seq != Some((chunk.epoch, chunk.seq))
        {
            self.chunk_seq = Some((chunk.epoch, chunk.seq));
            self.remember(Record::Chunk(Box::new(*chunk)));
        }
        let before = std::mem::replace(&mut self.last, *tick);
        let record =
            TickRecord { tick: Tick { chunk: None, ..*tick }, has_chunk: tick.chunk.is_some() };
        self.remember(Record::Tick(Box::new(record)));
        if has_gap && self.open.is_some() {
            self.end("ticks were lost: the recorder did not keep up");
        }
        if tick.base.link == LinkState::Up {
            self.base_seen = tick.base.last_rx.unwrap_or(tick.now);
        }
        self.watch_takeover(before.mode, tick);
        self.pictures.set_wanted(self.wants_pictures());
        if self.open.is_none() && !is_engaged(tick.mode) {
            self.ring.clear();
        }
        self.pictures.tick(tick.number, tick.now);
        self.advance();
        self.end_when_due(tick);
        self.go_on_with_series(tick.now);
    }

    /// One picture of the camera, in order.
    ///
    /// # Errors
    /// It cannot be encoded: an odd size, say. The episode ends with that reason.
    pub fn frame(&mut self, frame: &Arc<Frame>) -> Result<(), DatasetError> {
        if !self.pictures.is_wanted() {
            return Ok(());
        }
        self.pictures.frame(frame, self.fps());
        self.advance();
        match self.pictures.take_trouble() {
            None => Ok(()),
            Some(error) => {
                self.end(&error.to_string());
                self.blocked = error.to_string();
                Err(error)
            }
        }
    }

    /// The writer failed: the episode that runs ends here, with what is on the disk.
    pub fn fail(&mut self, reason: &str) {
        self.end(reason);
    }

    /// The station closes: an episode that runs ends as if the operator had stopped it.
    pub fn close(&mut self) {
        self.series = Series::default();
        self.end("");
    }

    /// The writer finished a recording.
    pub const fn saved(&mut self) {
        self.saved += 1;
    }

    /// The state as far as the recorder knows it; the disk and the dataset are the writer's.
    #[must_use]
    pub fn status(&self) -> RecordStatus {
        let now = self.last.now;
        let open = self.open.as_ref();
        let phase = match (open, self.series.pause_until) {
            (Some(open), _) if open.is_takeover => RecordPhase::Takeover,
            (Some(_), _) => RecordPhase::Recording,
            (None, Some(until)) => RecordPhase::Pause { left: until.since(now) },
            (None, None) => RecordPhase::Idle,
        };
        RecordStatus {
            phase,
            dataset: self.config.dataset.clone(),
            saved: self.saved.max(0) as u32,
            target: self.config.episodes,
            rows: open.map_or(0, |open| open.n_rows),
            length: open.map_or(Duration::ZERO, |open| self.length(open)),
            length_max: seconds(self.config.episode_s),
            dropped: open.map_or(0, |open| open.dropped),
            repeated: open.map_or(0, |open| open.repeated),
            success: open.and_then(|open| open.success),
            takeovers: open.map_or(0, |open| open.takeovers),
            problem: self.blocked.clone(),
            can_undo: self.undo.is_some(),
            ..RecordStatus::default()
        }
    }

    fn length(&self, open: &Open) -> Duration {
        Duration::from_secs_f64(open.n_rows as f64 / f64::from(self.fps().max(1)))
    }

    /// Rows a second: as configured, else the camera's rate.
    fn fps(&self) -> u32 {
        match self.config.fps {
            0 if self.rate >= 1.0 => self.rate.round() as u32,
            0 => 30,
            fps => fps,
        }
    }

    fn wants_pictures(&self) -> bool {
        self.open.is_some() || (self.config.takeovers && is_engaged(self.last.mode))
    }

    /// Keeps a record for episodes to come and gives it to the one that runs.
    fn remember(&mut self, record: Record) {
        if let Some(open) = &mut self.open {
            open.records.push(record.clone());
        }
        let now = self.last.now;
        self.recent.push_back((now, record));
        // The rest must begin with a checkpoint: drop a whole span at a time.
        let is_checkpoint = |record: &Record| matches!(record, Record::Checkpoint(_));
        while let Some(second) =
            self.recent.iter().skip(1).position(|(_, record)| is_checkpoint(record))
            && self.recent.get(second + 1).is_some_and(|(at, _)| now.since(*at) > RECENT)
        {
            self.recent.drain(..=second);
        }
    }

    /// Takes every row that is complete by now.
    fn advance(&mut self) {
        while let Some(group) = self.pictures.next_group() {
            self.take_group(group);
        }
        if let Some(open) = &mut self.open {
            open.n_rows = self.pictures.n_rows();
        }
    }

    fn take_group(&mut self, group: Group) {
        let now = self.last.now;
        let Some(open) = &mut self.open else {
            self.ring.push_back(group);
            while self.ring.get(1).is_some_and(|next| now.since(next.since) >= BEFORE) {
                self.ring.pop_front();
            }
            return;
        };
        open.repeated += group.rows.iter().filter(|row| row.is_repeated).count() as u64;
        open.dropped += group.rows.iter().map(|row| u64::from(row.n_dropped)).sum::<u64>();
        if !open.has_begun {
            open.has_begun = true;
            open.start.video = group.parameters.clone();
            self.ops.push(Op::Begin(Box::new(open.start.clone())));
        }
        let mut records = std::mem::take(&mut open.records);
        records.extend(group.rows.iter().copied().map(Record::Row));
        records.extend(group.histogram.map(Record::Histogram));
        self.ops.push(Op::Append { records, units: group.units });
    }

    /// Opens an episode. `since`: its first picture may be one from the ring.
    fn begin(&mut self, is_takeover: bool) {
        let now = self.last.now;
        self.ring.retain(|_| is_takeover);
        let since = self.ring.front().map_or(now, |group| group.since);
        // The newest checkpoint that is not after the first picture; and what is in force.
        let from = self
            .recent
            .iter()
            .rposition(|(at, record)| *at <= since && matches!(record, Record::Checkpoint(_)))
            .unwrap_or(0);
        let (name, sha256) = self.policy.clone();
        let mut records = vec![Record::Task(self.task.clone()), Record::Policy { name, sha256 }];
        records.extend(self.recent.iter().skip(from).map(|(_, record)| record.clone()));
        let unix_ns = self.unix_minus_mono_ns.saturating_add(now.0.cast_signed());
        self.open = Some(Open {
            start: Start {
                recording: name_of(unix_ns),
                started_unix_ns: unix_ns,
                started: now,
                fps: self.fps(),
                camera: format!("observation.images.{}", self.config.camera),
                robot: self.origin.robot.clone(),
                station: self.origin.station.clone(),
                config: self.origin.config.clone(),
                is_takeover,
                ..Start::default()
            },
            is_takeover,
            has_begun: false,
            records,
            n_rows: 0,
            repeated: 0,
            dropped: 0,
            takeovers: 0,
            success: None,
            until: None,
        });
        self.undo = None;
        self.pictures.begin(!is_takeover, self.ring.iter().map(|group| group.rows.len()).sum());
        for group in std::mem::take(&mut self.ring) {
            self.take_group(group);
        }
    }

    /// Ends the episode that runs, if one does.
    fn end(&mut self, incomplete: &str) {
        if self.open.is_none() {
            return;
        }
        if let Some(group) = self.pictures.end_group() {
            self.take_group(group);
        }
        let Some(open) = self.open.take() else { return };
        if !open.has_begun {
            self.news.push((true, "nothing was recorded: no picture came".to_owned()));
            return;
        }
        if !open.records.is_empty() {
            self.ops.push(Op::Append { records: open.records, units: Vec::new() });
        }
        if !incomplete.is_empty() {
            self.news.push((true, format!("recording ended: {incomplete}")));
        }
        self.ops.push(Op::End(End { incomplete: incomplete.to_owned() }));
        self.ended = Some(open.start.recording);
        self.pictures.set_wanted(self.wants_pictures());
    }

    /// Every takeover is kept: its lead-up, itself, and two seconds more.
    fn watch_takeover(&mut self, before: Mode, tick: &Tick) {
        let is_taken =
            tick.mode == Mode::Override && is_engaged(before) && before != Mode::Override;
        if is_taken {
            if self.open.is_none() && self.config.takeovers && self.blocked.is_empty() {
                self.begin(true);
            }
            if let Some(open) = &mut self.open {
                open.takeovers += 1;
                open.until = None;
            }
        }
        if let Some(open) = &mut self.open
            && open.is_takeover
            && tick.mode != Mode::Override
        {
            open.until.get_or_insert(tick.now + AFTER);
        }
    }

    fn end_when_due(&mut self, tick: &Tick) {
        let Some(open) = &self.open else { return };
        let now = tick.now;
        let length_max = seconds(self.config.episode_s);
        let is_over = |span: Duration, max: Duration| !max.is_zero() && span >= max;
        let newest = self.pictures.newest().unwrap_or(open.start.started);
        if open.until.is_some_and(|until| now >= until) {
            self.end("");
        } else if now.since(newest) > LOST {
            self.end("the camera was lost");
        } else if now.since(self.base_seen) > LOST {
            self.end("the base was lost");
        } else if !open.is_takeover && is_over(self.length(open), length_max) {
            self.stop();
        }
    }
}

/// The operator drives, and the policy would otherwise: the rows that teach most.
#[must_use]
pub fn is_intervention(tick: &Tick) -> bool {
    tick.mode == Mode::Override && tick.authority == Authority::Operator
}

const fn is_engaged(mode: Mode) -> bool {
    matches!(mode, Mode::Autonomous | Mode::Override | Mode::SoftStop)
}

fn seconds(s: f64) -> Duration {
    Duration::try_from_secs_f64(s).unwrap_or_default()
}

/// As `20261124-101500-250000`: sorts by time, says when it was (UTC).
fn name_of(unix_ns: i64) -> String {
    let time = time::UtcDateTime::from_unix_timestamp_nanos(i128::from(unix_ns))
        .unwrap_or(time::UtcDateTime::UNIX_EPOCH);
    let (date, clock) = (time.date(), time.time());
    format!(
        "{:04}{:02}{:02}-{:02}{:02}{:02}-{:06}",
        date.year(),
        u8::from(date.month()),
        date.day(),
        clock.hour(),
        clock.minute(),
        clock.second(),
        clock.microsecond()
    )
}
