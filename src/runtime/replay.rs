//! A recorded drive fed through today's control and safety: do the same inputs still give the same
//! commands? Pure.

use crate::dataset::journal::Record;
use crate::msg::{ActionChunk, Authority, Limiter, Mode, Tick, Twist};

use super::turn::{ControlState, Moment};

/// What one tick came to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Verdict {
    pub mode: Mode,
    pub authority: Authority,
    pub sent: Twist,
    pub limiter: Limiter,
}

/// A tick that came out otherwise than it did when it was recorded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Difference {
    pub tick: u64,
    /// Since the first tick that was replayed, seconds.
    pub at_s: f64,
    pub recorded: Verdict,
    pub replayed: Verdict,
}

/// What a replay amounts to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Replay {
    pub n_ticks: usize,
    pub differences: Vec<Difference>,
    /// Ticks that cannot be replayed: before the first checkpoint, or after lost ones.
    pub n_skipped: usize,
}

impl From<&Tick> for Verdict {
    fn from(tick: &Tick) -> Self {
        let Tick { mode, authority, sent, limiter, .. } = *tick;
        Self { mode, authority, sent, limiter }
    }
}

/// Replays every tick of a journal from its first checkpoint on. After a gap in the ticks it begins
/// again at the next checkpoint.
#[must_use]
pub fn replay(records: &[Record]) -> Replay {
    let mut replay = Replay::default();
    let mut state: Option<ControlState> = None;
    let mut chunk: Option<ActionChunk> = None;
    let mut first = None;
    for record in records {
        match record {
            Record::Chunk(newest) => chunk = Some(**newest),
            Record::Checkpoint(bytes) if state.is_none() => {
                state = postcard::from_bytes(bytes).ok();
            }
            Record::Tick(record) => {
                let recorded = Tick { chunk: chunk.filter(|_| record.has_chunk), ..record.tick };
                let fits = |state: &ControlState| state.ticks() + 1 == recorded.number;
                state = state.filter(fits);
                let Some(state) = &mut state else {
                    replay.n_skipped += 1;
                    continue;
                };
                let start = *first.get_or_insert(recorded.now);
                let again = state.turn(&Moment::from(&recorded)).tick;
                replay.n_ticks += 1;
                let (was, is) = (Verdict::from(&recorded), Verdict::from(&again));
                if was != is {
                    replay.differences.push(Difference {
                        tick: recorded.number,
                        at_s: recorded.now.since(start).as_secs_f64(),
                        recorded: was,
                        replayed: is,
                    });
                }
            }
            _ => {}
        }
    }
    replay
}
