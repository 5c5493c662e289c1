//! Which picture belongs to which row: rows lie on a fixed grid, pictures come when they come.
//!
//! Row `k` is due at `start + k / fps`. It gets the picture captured nearest to that moment, which
//! is known once a later picture is here. So a picture may stand in several rows, and each but the
//! first says so; and no row is made up after the last picture. Pure: time comes in with the ticks.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::journal::Row;
use crate::msg::{Frame, Stamp};

/// Pictures kept for rows to come, and ticks kept for pictures to come: 2.5 s of them, longer than
/// an episode goes on without a picture.
const FRAMES: usize = 32;
const TICKS: usize = 128;

/// A row and its picture.
#[derive(Clone, Debug)]
pub(super) struct Pick {
    pub(super) row: Row,
    pub(super) frame: Arc<Frame>,
}

#[derive(Debug)]
pub(super) struct Sampler {
    fps: f64,
    /// When row 0 is due, once there is a picture.
    start: Option<Stamp>,
    n_rows: u64,
    /// Pictures from the one picked last on.
    frames: VecDeque<Arc<Frame>>,
    picked: Option<u64>,
    /// Number and time of recent ticks.
    ticks: VecDeque<(u64, Stamp)>,
    newest_seq: Option<u64>,
    n_dropped: u32,
}

impl Sampler {
    pub(super) fn new(fps: u32) -> Self {
        Self {
            fps: f64::from(fps.max(1)),
            start: None,
            n_rows: 0,
            frames: VecDeque::new(),
            picked: None,
            ticks: VecDeque::new(),
            newest_seq: None,
            n_dropped: 0,
        }
    }

    pub(super) fn tick(&mut self, number: u64, now: Stamp) {
        if self.ticks.len() == TICKS {
            self.ticks.pop_front();
        }
        self.ticks.push_back((number, now));
    }

    /// A gap in the numbers is pictures that got lost on the way here.
    pub(super) fn frame(&mut self, frame: Arc<Frame>) {
        if let Some(newest) = self.newest_seq {
            self.n_dropped += frame.seq.saturating_sub(newest + 1) as u32;
        }
        self.newest_seq = Some(frame.seq);
        self.start.get_or_insert(frame.captured);
        if self.frames.len() == FRAMES {
            self.frames.pop_front();
            self.n_dropped += 1;
        }
        self.frames.push_back(frame);
    }

    /// When the newest picture was taken.
    pub(super) fn newest(&self) -> Option<Stamp> {
        self.frames.back().map(|frame| frame.captured)
    }

    /// The next row, if its picture and its tick are known by now. Ask until there is none.
    pub(super) fn next(&mut self) -> Option<Pick> {
        let due = self.start? + Duration::from_secs_f64(self.n_rows as f64 / self.fps);
        let mut idx = self.frames.iter().position(|frame| frame.captured >= due)?;
        if let Some(before) = idx.checked_sub(1) {
            let after = self.frames.get(idx)?.captured.since(due);
            let is_nearer = due.since(self.frames.get(before)?.captured) < after;
            idx -= usize::from(is_nearer);
        }
        let frame = Arc::clone(self.frames.get(idx)?);
        let moment = due.max(frame.captured);
        let &(tick, _) = self.ticks.iter().find(|(_, at)| *at >= moment)?;
        self.frames.drain(..idx);
        let is_repeated = self.picked == Some(frame.seq);
        self.picked = Some(frame.seq);
        self.n_rows += 1;
        let row = Row {
            tick,
            frame: frame.seq,
            captured: frame.captured,
            is_repeated,
            n_dropped: std::mem::take(&mut self.n_dropped),
        };
        Some(Pick { row, frame })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MS: u64 = 1_000_000;

    /// Plays pictures at `captured` (ns) and ticks every 20 ms up to `end`; returns the rows.
    fn play(fps: u32, captured: &[(u64, u64)], end: u64) -> Vec<Row> {
        let mut sampler = Sampler::new(fps);
        let mut rows = Vec::new();
        let mut pictures = captured.iter().peekable();
        for number in 0..end / (20 * MS) {
            let now = Stamp(number * 20 * MS);
            while let Some((seq, at)) = pictures.next_if(|(_, at)| Stamp(*at) <= now) {
                let frame = Frame { seq: *seq, captured: Stamp(*at), ..Frame::default() };
                sampler.frame(Arc::new(frame));
            }
            sampler.tick(number, now);
            while let Some(pick) = sampler.next() {
                rows.push(pick.row);
            }
        }
        rows
    }

    #[test]
    fn a_steady_camera_gives_each_picture_once() {
        // Rows would repeat and skip pictures where nothing was wrong.
        let captured: Vec<_> = (0..90).map(|i| (i, 100 * MS + i * 33_333_333)).collect();
        let rows = play(30, &captured, 3200 * MS);
        let frames: Vec<_> = rows.iter().map(|row| row.frame).collect();
        assert_eq!(frames[..88], (0..88).collect::<Vec<_>>());
        assert!(rows[..88].iter().all(|row| !row.is_repeated && row.n_dropped == 0));
        let late = rows[..88].iter().map(|row| row.tick * 20 * MS - row.captured.0).max();
        assert!(late < Some(20 * MS), "each row's tick is the first after its picture");
    }

    #[test]
    fn a_late_camera_repeats_and_says_so() {
        // A stall would be told as if the world had stood still.
        let captured: Vec<_> = (0..30)
            .map(|i| (i, 100 * MS + (i + if i > 10 { 6 } else { 0 }) * 33_333_333))
            .collect();
        let rows = play(30, &captured, 1200 * MS);
        let repeated = rows.iter().filter(|row| row.is_repeated).count();
        assert_eq!(repeated, 6, "{rows:?}");
        assert!(rows.iter().filter(|row| row.is_repeated).all(|row| row.frame <= 11));
    }

    #[test]
    fn lost_pictures_are_counted() {
        // Drops would be invisible.
        let captured: Vec<_> =
            (0..30).filter(|i| i % 10 != 5).map(|i| (i, 100 * MS + i * 33_333_333)).collect();
        let rows = play(30, &captured, 1200 * MS);
        assert_eq!(rows.iter().map(|row| row.n_dropped).sum::<u32>(), 3);
    }

    proptest! {
        #[test]
        fn rows_lie_on_the_grid_whatever_the_camera_does(
            gaps in prop::collection::vec(1_u64..200, 2..60), fps in 5_u32..60,
        ) {
            // Rows would drift from the video's clock, or carry a picture from the wrong time.
            let mut at = 50 * MS;
            let captured: Vec<_> = gaps.iter().enumerate().map(|(i, gap)| {
                at += gap * MS;
                (i as u64, at)
            }).collect();
            let end = at + 2000 * MS;
            let rows = play(fps, &captured, end);
            let period = 1e9 / f64::from(fps);
            let mut last = None;
            for (i, row) in rows.iter().enumerate() {
                let due = captured[0].1 as f64 + i as f64 * period;
                let tick = row.tick as f64 * 20e6;
                prop_assert!(tick + 1.0 >= due.max(row.captured.0 as f64).floor());
                prop_assert!(row.is_repeated == (last == Some(row.frame)));
                let best = captured.iter().map(|(_, at)| (*at as f64 - due).abs())
                    .fold(f64::INFINITY, f64::min);
                let off = (row.captured.0 as f64 - due).abs();
                prop_assert!(off <= best + 10.0, "{off} {best}");
                last = Some(row.frame);
            }
            let n_due = ((at - captured[0].1) as f64 / period) as usize;
            prop_assert!(rows.len() + 1 >= n_due && rows.len() <= n_due + 1);
        }
    }
}
