//! When the next picture may be drawn: at the screen's rate, and over a slow link only as fast as
//! it carries them.

use std::time::Duration;

use crate::msg::Stamp;

/// 30 pictures a second.
const PERIOD: Duration = Duration::from_millis(33);

/// A terminal that has not answered for this long may have lost the question: draw again.
const PATIENCE: Duration = Duration::from_secs(1);

/// Keeps at most one picture unanswered: behind each goes a status query, and its answer frees the
/// next. Without this, seconds of pictures would pile up in a slow link and every answer to a key
/// press would wait behind them.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::cli) struct Pace {
    answers: bool,
    last: Option<Stamp>,
    waiting_since: Option<Stamp>,
}

impl Pace {
    /// `answers`: the terminal is known to answer status queries.
    pub(in crate::cli) const fn set_answers(&mut self, answers: bool) {
        self.answers = answers;
    }

    pub(in crate::cli) fn may_draw(&self, now: Stamp) -> bool {
        let is_due = self.last.is_none_or(|last| now.since(last) >= PERIOD);
        let is_free = self.waiting_since.is_none_or(|since| now.since(since) >= PATIENCE);
        is_due && is_free
    }

    /// A picture was written. True: write a status query behind it.
    pub(in crate::cli) fn drawn(&mut self, now: Stamp) -> bool {
        self.last = Some(now);
        self.waiting_since = self.answers.then_some(now);
        self.answers
    }

    pub(in crate::cli) const fn answered(&mut self) {
        self.waiting_since = None;
    }

    /// A status query was written that is not answered yet.
    pub(in crate::cli) const fn is_waiting(&self) -> bool {
        self.waiting_since.is_some()
    }

    /// How long the loop may sleep before it should look again.
    pub(in crate::cli) fn pause(&self, now: Stamp) -> Duration {
        let due = self.last.map_or(now, |last| last + PERIOD);
        due.since(now).clamp(Duration::from_millis(1), PERIOD)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_picture_waits_for_its_answer() {
        // A slow link would fill with pictures, and the operator would see the past.
        let at = Stamp::from_millis;
        let mut pace = Pace::default();
        pace.set_answers(true);
        assert!(pace.may_draw(at(1000)));
        assert!(pace.drawn(at(1000)));
        assert!(!pace.may_draw(at(1500)), "unanswered");
        pace.answered();
        assert!(pace.may_draw(at(1500)));
        pace.drawn(at(1500));
        pace.answered();
        assert!(!pace.may_draw(at(1520)), "faster than the screen's rate");
        pace.drawn(at(1540));
        assert!(pace.may_draw(at(2541)), "the question may be lost");
    }

    #[test]
    fn a_silent_terminal_is_not_waited_for() {
        // Terminals without answers would show one picture a second.
        let at = Stamp::from_millis;
        let mut pace = Pace::default();
        assert!(!pace.drawn(at(1000)));
        assert!(pace.may_draw(at(1033)));
    }
}
