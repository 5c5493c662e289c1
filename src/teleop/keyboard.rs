//! Which drive keys count now: held, leased by a nudge, or let go because the terminal fell silent.

use std::collections::VecDeque;

use crate::msg::{Axes, InputMode, Key, Stamp};

use super::{LINK_LEASE, NUDGE, NUDGE_SPEED_MPS, QUERY_EVERY};

/// Unanswered queries remembered; the oldest is forgotten first. Over the lease only three can be
/// on their way.
const QUERIES_MAX: usize = 8;

#[derive(Clone, Debug)]
pub(super) struct Keyboard {
    mode: InputMode,
    /// At most one entry a bound drive key.
    down: Vec<Down>,
    /// The last press or answer: until then the terminal was surely there.
    alive: Stamp,
    /// When each unanswered query was written, oldest first.
    queries: VecDeque<Stamp>,
    last_query: Option<Stamp>,
    round_trip_ms: Option<f64>,
}

#[derive(Clone, Copy, Debug)]
struct Down {
    key: Key,
    axes: [i8; 3],
    /// End of a nudge; `None` while truly held.
    until: Option<Stamp>,
}

/// What the keys amount to.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeyState {
    pub axes: Axes,
    pub lease_until: Stamp,
    pub speed_cap_mps: f64,
    pub is_down: bool,
}

impl Keyboard {
    pub(super) fn new(mode: InputMode) -> Self {
        Self {
            mode,
            down: Vec::new(),
            alive: Stamp::ZERO,
            queries: VecDeque::with_capacity(QUERIES_MAX),
            last_query: None,
            round_trip_ms: None,
        }
    }

    pub(super) const fn mode(&self) -> InputMode {
        self.mode
    }

    pub(super) const fn set_mode(&mut self, mode: InputMode) {
        self.mode = mode;
    }

    pub(super) const fn round_trip_ms(&self) -> Option<f64> {
        self.round_trip_ms
    }

    /// Holds `key` until its release; true when that changed anything.
    pub(super) fn hold(&mut self, key: Key, axes: [i8; 3], now: Stamp) -> bool {
        self.expire(now);
        self.alive = now;
        self.put(Down { key, axes, until: None })
    }

    pub(super) fn nudge(&mut self, key: Key, axes: [i8; 3], now: Stamp) {
        self.expire(now);
        self.put(Down { key, axes, until: Some(now + NUDGE) });
    }

    /// True when the key was down. Modifiers are not compared: they may have changed since the
    /// press.
    pub(super) fn release(&mut self, key: Key, now: Stamp) -> bool {
        self.expire(now);
        let before = self.down.len();
        self.down.retain(|down| down.key.code != key.code);
        self.down.len() != before
    }

    /// True when anything was down.
    pub(super) fn release_all(&mut self, now: Stamp) -> bool {
        self.expire(now);
        let was_down = !self.down.is_empty();
        self.down.clear();
        was_down
    }

    pub(super) fn query_due(&self, now: Stamp) -> bool {
        let is_held = self.down.iter().any(|down| down.until.is_none() && self.counts(down, now));
        is_held && self.last_query.is_none_or(|sent| now.since(sent) >= QUERY_EVERY)
    }

    pub(super) fn query_sent(&mut self, now: Stamp) {
        if self.queries.len() == QUERIES_MAX {
            self.queries.pop_front();
        }
        self.queries.push_back(now);
        self.last_query = Some(now);
    }

    /// An answer that comes too late does not revive keys.
    pub(super) fn answered(&mut self, now: Stamp) {
        self.expire(now);
        if let Some(sent) = self.queries.pop_front() {
            self.round_trip_ms = Some(now.since(sent).as_secs_f64() * 1e3);
            self.alive = now;
        }
    }

    pub(super) fn state(&self, now: Stamp) -> KeyState {
        let mut sum = [0_i8; 3];
        let mut state = KeyState {
            axes: Axes::ZERO,
            lease_until: Stamp::ZERO,
            speed_cap_mps: f64::INFINITY,
            is_down: false,
        };
        let mut lease_until = Stamp::MAX;
        for down in self.down.iter().filter(|down| self.counts(down, now)) {
            state.is_down = true;
            lease_until = lease_until.min(self.end_of(down));
            if down.until.is_some() {
                state.speed_cap_mps = NUDGE_SPEED_MPS;
            }
            for (total, axis) in sum.iter_mut().zip(down.axes) {
                *total = total.saturating_add(axis);
            }
        }
        if state.is_down {
            state.lease_until = lease_until;
            let [x, y, yaw] = sum.map(|axis| f64::from(axis.signum()));
            state.axes = Axes { x, y, yaw };
        }
        state
    }

    fn put(&mut self, new: Down) -> bool {
        if let Some(down) = self.down.iter_mut().find(|down| down.key.code == new.key.code) {
            let was_held = down.until.is_none();
            *down = new;
            return was_held != new.until.is_none();
        }
        self.down.push(new);
        true
    }

    fn end_of(&self, down: &Down) -> Stamp {
        down.until.unwrap_or(self.alive + LINK_LEASE)
    }

    fn counts(&self, down: &Down, now: Stamp) -> bool {
        now < self.end_of(down)
    }

    fn expire(&mut self, now: Stamp) {
        let link_end = self.alive + LINK_LEASE;
        self.down.retain(|down| now < down.until.unwrap_or(link_end));
    }
}
