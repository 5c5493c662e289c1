//! What the newest chunk says for this moment.
//!
//! Slot `i` stands for `captured + i * slot`, straight lines between the slots; the last one holds
//! for one slot length. Nothing is said past `captured + horizon`. Slots that are over when a chunk
//! arrives are never played, since the time asked for is always now. A chunk replaces another one
//! only if its picture was taken later.
//!
//! At a replacement the plan does not jump: for [`FADE`] the output moves in a straight line of
//! weights from what would have been said without the new chunk to what the new chunk says *for the
//! same moment*. It stays between the two, also when chunks arrive faster than the fade: then the
//! fade so far is what is faded from. Past the end of an old chunk its last word stands in for the
//! rest of the fade, with fading weight.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::msg::{ActionChunk, Stamp, Twist};

/// Three frames of a 30/s camera.
pub(super) const FADE: Duration = Duration::from_millis(100);
const FADE_POINTS: usize = 6;
/// One tick; `(FADE_POINTS - 1) * FADE_STEP == FADE`.
const FADE_STEP: Duration = Duration::from_millis(20);

/// What offering a chunk came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Offered {
    /// Playing, or had been offered already, or is of another epoch, or older.
    Fine,
    /// It holds a number that is not finite and is not played.
    NotFinite,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Playback {
    chunk: Option<ActionChunk>,
    fade: Option<Fade>,
}

/// What would have been said from `since` on, had the newest chunk not come.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Fade {
    since: Stamp,
    points: [Twist; FADE_POINTS],
}

impl Playback {
    /// Forgets everything; nothing of an earlier epoch may shine through.
    pub(super) const fn clear(&mut self) {
        self.chunk = None;
        self.fade = None;
    }

    pub(super) const fn chunk(&self) -> Option<&ActionChunk> {
        self.chunk.as_ref()
    }

    /// Takes `chunk` if it is of this epoch and newer. One from the future waits (it is offered
    /// again next tick).
    pub(super) fn offer(&mut self, chunk: &ActionChunk, epoch: u64, now: Stamp) -> Offered {
        if !(chunk.confidence.is_finite() && chunk.twists().iter().all(|twist| twist.is_finite())) {
            return Offered::NotFinite;
        }
        let is_newer = self.chunk.as_ref().is_none_or(|playing| chunk.captured > playing.captured);
        if chunk.epoch == epoch && is_newer && chunk.captured <= now {
            self.fade = self.fade_from(now);
            self.chunk = Some(*chunk);
        }
        Offered::Fine
    }

    /// The twist for `now` and the moment up to which the plan reaches; `None` when it says
    /// nothing.
    pub(super) fn at(&self, now: Stamp) -> Option<(Twist, Stamp)> {
        let chunk = self.chunk.as_ref()?;
        let new = say(chunk, now)?;
        let twist = match &self.fade {
            Some(fade) if now.since(fade.since) < FADE => {
                let span = now.since(fade.since);
                fade.at(span).lerp(new, span.as_secs_f64() / FADE.as_secs_f64())
            }
            _ => new,
        };
        Some((twist, end(chunk)))
    }

    /// The present plan as points; `None` when it is silent by now: then there is nothing to fade
    /// from.
    fn fade_from(&self, now: Stamp) -> Option<Fade> {
        let (mut last, _) = self.at(now)?;
        let mut points = [last; FADE_POINTS];
        for (point, step) in points.iter_mut().zip(0_u32..) {
            last = self.at(now + FADE_STEP * step).map_or(last, |(twist, _)| twist);
            *point = last;
        }
        Some(Fade { since: now, points })
    }
}

impl Fade {
    fn at(&self, span: Duration) -> Twist {
        interpolate(&self.points, span.as_secs_f64() / FADE_STEP.as_secs_f64())
    }
}

/// The moment from which a chunk says nothing.
fn end(chunk: &ActionChunk) -> Stamp {
    let n_slots = u32::try_from(chunk.twists().len()).unwrap_or(u32::MAX);
    chunk.captured + chunk.slot.saturating_mul(n_slots).min(chunk.horizon)
}

fn say(chunk: &ActionChunk, now: Stamp) -> Option<Twist> {
    if now < chunk.captured || now >= end(chunk) {
        return None;
    }
    // Not zero: a chunk of empty slots ends where it begins.
    let slots = now.since(chunk.captured).as_secs_f64() / chunk.slot.as_secs_f64();
    Some(interpolate(chunk.twists(), slots))
}

/// The value at a fractional index, held past the last point; zero without points.
fn interpolate(points: &[Twist], at: f64) -> Twist {
    let below = at.max(0.0).floor();
    let idx = below as usize;
    match (points.get(idx), points.get(idx + 1)) {
        (Some(&a), Some(&b)) => a.lerp(b, at - below),
        (Some(&a), None) => a,
        _ => points.last().copied().unwrap_or(Twist::ZERO),
    }
}
