//! The ticks of a recorded drive, in order of time.

use super::recorded::{Axes, named};
use crate::dataset::journal::Record;
use crate::dataset::lerobot::Info;
use crate::dataset::table::Table;
use crate::msg::{ActionChunk, Battery, LinkState, Mode, Odometry, Stamp, Tick, Twist};

/// Where the ticks come from.
#[derive(Debug)]
pub(super) enum Played {
    /// The records, and which of them are the ticks of the episode.
    Journal {
        records: Vec<Record>,
        ticks: Vec<Place>,
    },
    Rows(Vec<Tick>),
}

/// A tick in the journal.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    now: Stamp,
    record: usize,
    /// The record of the chunk it saw.
    chunk: Option<usize>,
}

impl Played {
    /// The ticks of a journal from `first` to `last`: an episode may be a part of it. `None`
    /// without any.
    pub(super) fn of_journal(records: Vec<Record>, first: Stamp, last: Stamp) -> Option<Self> {
        let mut ticks: Vec<Place> = Vec::new();
        let mut newest = None;
        for (record, content) in records.iter().enumerate() {
            match content {
                Record::Chunk(_) => newest = Some(record),
                Record::Tick(tick) if (first..=last).contains(&tick.tick.now) => {
                    let chunk = newest.filter(|_| tick.has_chunk);
                    ticks.push(Place { now: tick.tick.now, record, chunk });
                }
                _ => {}
            }
        }
        (!ticks.is_empty()).then_some(Self::Journal { records, ticks })
    }

    /// A tick for each row, at the times of `commands`.
    pub(super) fn of_rows(info: &Info, rows: &Table, commands: &[Stamp]) -> Self {
        let state = Axes::of(info, "observation.state");
        let mut pose: Option<Odometry> = None;
        let mut tick_of = |(row, &now): (usize, &Stamp)| {
            let mut tick = tick_of_row(info, rows, row, now);
            if let Some(state) = &state {
                let dt = commands.get(row.wrapping_sub(1)).map_or(0.0, |last| seconds(*last, now));
                pose = Some(moved(pose.unwrap_or_default(), state.twist(rows, row), dt, now));
            }
            tick.base.odometry = pose;
            tick
        };
        Self::Rows(commands.iter().enumerate().map(&mut tick_of).collect())
    }

    /// How many ticks there were up to `now`.
    pub(super) fn n_until(&self, now: Stamp) -> usize {
        match self {
            Self::Journal { ticks, .. } => ticks.partition_point(|place| place.now <= now),
            Self::Rows(ticks) => ticks.partition_point(|tick| tick.now <= now),
        }
    }

    pub(super) fn tick(&self, i: usize) -> Option<Tick> {
        let (records, place) = match self {
            Self::Rows(ticks) => return ticks.get(i).copied(),
            Self::Journal { records, ticks } => (records, ticks.get(i)?),
        };
        let Some(Record::Tick(tick)) = records.get(place.record) else { return None };
        let chunk = match place.chunk.and_then(|chunk| records.get(chunk)) {
            Some(Record::Chunk(chunk)) => Some(**chunk),
            _ => None,
        };
        Some(Tick { chunk, ..tick.tick })
    }
}

fn seconds(from: Stamp, to: Stamp) -> f64 {
    to.since(from).as_secs_f64()
}

/// What the columns of a row tell of its tick.
fn tick_of_row(info: &Info, rows: &Table, row: usize, now: Stamp) -> Tick {
    let text = |name: &str| rows.texts(name).and_then(|texts| texts.get(row)).map(String::as_str);
    let number = |name: &str| rows.f32s(name).and_then(|numbers| numbers.get(row)).copied();
    let is = |name: &str| rows.bools(name).and_then(|bools| bools.get(row)) == Some(&true);
    let twist = |name| Axes::of(info, name).map(|axes| axes.twist(rows, row));
    let mut tick = Tick { number: row as u64 + 1, now, handed: now, ..Tick::default() };
    // Datasets of other programs are demonstrations, as a rule.
    tick.mode = text("mode").map_or(Mode::Manual, named);
    tick.authority = text("authority").map(named).unwrap_or_default();
    tick.limiter = text("limiter").map(named).unwrap_or_default();
    tick.sent = twist("action").unwrap_or_default();
    tick.policy_twist = twist("policy_action").filter(|_| is("policy_action_valid"));
    tick.operator_twist = twist("operator_action").filter(|_| is("operator_action_valid"));
    tick.base.link = LinkState::Up;
    let charge = number("battery").map(f64::from).filter(|charge| *charge > 0.0);
    tick.base.battery = charge.map(|charge| Battery { volts: 0.0, charge });
    tick.readiness.camera.connected = true;
    tick.readiness.camera.rate_nominal = f64::from(info.fps);
    tick.readiness.camera.rate_seen = f64::from(info.fps);
    tick.readiness.policy.ready = true;
    if let Some(confidence) = number("confidence").filter(|_| is("policy_action_valid")) {
        let mut chunk = ActionChunk::default();
        (chunk.seq, chunk.captured) = (row as u64, now);
        chunk.confidence = f64::from(confidence);
        tick.chunk = Some(chunk);
    }
    tick
}

/// The pose after moving with the measured velocity for `dt` seconds.
fn moved(from: Odometry, twist: Twist, dt: f64, now: Stamp) -> Odometry {
    let yaw = from.yaw + twist.angular_z * dt;
    let (sin, cos) = f64::midpoint(from.yaw, yaw).sin_cos();
    let (ahead, left) = (twist.linear_x * dt, twist.linear_y * dt);
    Odometry {
        x: from.x + ahead * cos - left * sin,
        y: from.y + ahead * sin + left * cos,
        yaw,
        twist,
        received: now,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::journal::TickRecord;
    use crate::dataset::lerobot::Schema;
    use crate::dataset::table::Column;
    use crate::msg::Authority;

    fn tick(ms: u64, has_chunk: bool) -> Record {
        let tick = Tick { now: Stamp::from_millis(ms), ..Tick::default() };
        Record::Tick(Box::new(TickRecord { tick, has_chunk }))
    }

    fn chunk(seq: u64) -> Record {
        let mut chunk = ActionChunk::default();
        chunk.seq = seq;
        Record::Chunk(Box::new(chunk))
    }

    #[test]
    fn a_tick_has_the_chunk_that_it_saw() {
        // The plan on the picture would be that of another moment.
        let records = vec![
            tick(0, false),
            chunk(1),
            tick(20, true),
            tick(40, true),
            chunk(2),
            tick(60, true),
        ];
        let played = Played::of_journal(records, Stamp::from_millis(10), Stamp::from_millis(60));
        let played = played.unwrap();
        let seqs: Vec<_> =
            (0..4).map(|i| played.tick(i).map(|tick| tick.chunk.unwrap().seq)).collect();
        assert_eq!(seqs, [Some(1), Some(1), Some(2), None]);
        assert_eq!(played.n_until(Stamp::from_millis(59)), 2);
        assert!(Played::of_journal(vec![tick(0, false)], Stamp(1), Stamp(2)).is_none());
    }

    #[test]
    fn rows_without_a_journal_are_shown_by_their_columns() {
        // Mode, command and trail on the screen would not be the recorded ones.
        let info = Info::new(&Schema::drive(10, "test", vec![]));
        let mut rows = Table::new();
        let text = |text: &str| Column::Text(vec![text.to_owned(); 3]);
        let twists = Column::F32List { width: 3, values: [1.0, 0.0, 0.0].repeat(3) };
        rows.push("mode", text("override")).unwrap();
        rows.push("authority", text("operator")).unwrap();
        rows.push("action", twists.clone()).unwrap();
        rows.push("observation.state", twists.clone()).unwrap();
        rows.push("policy_action", twists).unwrap();
        rows.push("policy_action_valid", Column::Bool(vec![true, false, true])).unwrap();
        rows.push("confidence", Column::F32(vec![0.5; 3])).unwrap();
        let times = [0, 100, 200].map(Stamp::from_millis);
        let played = Played::of_rows(&info, &rows, &times);
        let ticks: Vec<_> = (0..3).filter_map(|i| played.tick(i)).collect();
        assert!(ticks.iter().all(|tick| tick.mode == Mode::Override));
        assert!(ticks.iter().all(|tick| tick.authority == Authority::Operator));
        let valid: Vec<_> = ticks.iter().map(|tick| tick.policy_twist.is_some()).collect();
        assert_eq!(valid, [true, false, true]);
        assert_eq!(valid, ticks.iter().map(|tick| tick.chunk.is_some()).collect::<Vec<_>>());
        let x = ticks[2].base.odometry.unwrap().x;
        assert!((x - 0.2).abs() < 1e-6, "{x}");
        assert_eq!(played.n_until(Stamp::from_millis(150)), 2);
    }
}
