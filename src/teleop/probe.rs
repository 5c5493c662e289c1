//! Whether this terminal reports key releases. Asked, then proven by a release that was seen; never
//! assumed.

use std::time::Duration;

use crate::msg::{InputMode, Key, KeyPhase, Stamp};

use super::TermEvent;

/// Written after entering the alternate screen: all five enhancements of the kitty keyboard
/// protocol (pushed; a terminal without it ignores that), focus reports, bracketed paste, and then
/// three questions: which enhancements are in force, the device status, the primary attributes.
/// Every terminal answers the last.
pub const TERMINAL_ENTER: &str = "\x1b[>31u\x1b[?1004h\x1b[?2004h\x1b[?u\x1b[5n\x1b[c";
/// Written before leaving the alternate screen; takes back what [`TERMINAL_ENTER`] did.
pub const TERMINAL_LEAVE: &str = "\x1b[?2004l\x1b[?1004l\x1b[<u";
/// Asks the terminal whether it is still there; it answers [`TermEvent::Status`].
pub const TERMINAL_STATUS_QUERY: &str = "\x1b[5n";

/// Report event types, and report all keys as escape codes: without the latter letters have no
/// release.
const FLAGS_NEEDED: u32 = 0b1010;

/// Decides the [`InputMode`] from what the terminal answers and does.
///
/// 1. Until proven otherwise: `Nudge`.
/// 2. `Hold` needs the protocol's answer with both flags, an answer to the status query (the lease
///    of a held key lives on those), and one release of any key really seen. Commonly that is the
///    Enter that started the program.
/// 3. A key pressed twice without a release between was not released by the terminal's account:
///    `Nudge` for good. (tmux has been seen to discard releases, `WezTerm` to send them as
///    presses.)
///
/// What it cannot see: a terminal that reports releases but loses one. Focus reports and the keys'
/// own lease cover the common cases; a release lost while the window keeps the focus is bounded
/// only by the next press of that key.
#[derive(Clone, Debug)]
pub struct Probe {
    asked: Stamp,
    has_flags: bool,
    has_status: bool,
    has_attributes: bool,
    proof: Proof,
    /// Keys pressed and not released yet; bounded, the oldest is forgotten.
    pressed: Vec<Key>,
}

/// What the terminal's keys have shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Proof {
    Open,
    Released,
    /// For good.
    Refuted,
}

impl Probe {
    /// Longest wait for the answers, where something waits at all; later answers still count.
    pub const TIMEOUT: Duration = Duration::from_millis(500);

    const PRESSED_MAX: usize = 16;

    /// [`TERMINAL_ENTER`] was written at `now`.
    #[must_use]
    pub const fn new(now: Stamp) -> Self {
        Self {
            asked: now,
            has_flags: false,
            has_status: false,
            has_attributes: false,
            proof: Proof::Open,
            pressed: Vec::new(),
        }
    }

    /// Watches one event, before [`super::Teleop`] gets it. `Some` when the mode changed.
    pub fn on_event(&mut self, event: &TermEvent) -> Option<InputMode> {
        let before = self.mode();
        match event {
            TermEvent::KeyFlags(flags) => self.has_flags = flags & FLAGS_NEEDED == FLAGS_NEEDED,
            TermEvent::Status => self.has_status = true,
            TermEvent::Attributes => self.has_attributes = true,
            TermEvent::FocusLost => self.pressed.clear(),
            TermEvent::Key(event) => self.on_key(event.key.folded(), event.phase),
            TermEvent::Typed(_) | TermEvent::FocusGained | TermEvent::Paste(_) => {}
        }
        let after = self.mode();
        (after != before).then_some(after)
    }

    #[must_use]
    pub const fn mode(&self) -> InputMode {
        if self.claims_release() && matches!(self.proof, Proof::Released) {
            InputMode::Hold
        } else {
            InputMode::Nudge
        }
    }

    /// The terminal says that it reports releases; none may have been seen yet.
    #[must_use]
    pub const fn claims_release(&self) -> bool {
        self.has_flags && self.has_status
    }

    /// The terminal answers status queries.
    #[must_use]
    pub const fn answers(&self) -> bool {
        self.has_status
    }

    /// Nothing more to wait for: everything was answered, or time is up.
    #[must_use]
    pub fn is_settled(&self, now: Stamp) -> bool {
        self.has_attributes || now.since(self.asked) >= Self::TIMEOUT
    }

    fn on_key(&mut self, key: Key, phase: KeyPhase) {
        let found = self.pressed.iter().position(|pressed| pressed.code == key.code);
        match (phase, found) {
            (KeyPhase::Press, Some(_)) => {
                if self.claims_release() {
                    self.proof = Proof::Refuted;
                }
            }
            (KeyPhase::Press, None) => {
                if self.pressed.len() == Self::PRESSED_MAX {
                    self.pressed.remove(0);
                }
                self.pressed.push(key);
            }
            (KeyPhase::Repeat, _) => {}
            (KeyPhase::Release, found) => {
                if self.proof == Proof::Open {
                    self.proof = Proof::Released;
                }
                if let Some(found) = found {
                    self.pressed.swap_remove(found);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::msg::KeyEvent;

    fn key(phase: KeyPhase) -> TermEvent {
        TermEvent::Key(KeyEvent { key: "w".parse().unwrap(), phase })
    }

    fn claiming() -> Probe {
        let mut probe = Probe::new(Stamp::ZERO);
        for event in [TermEvent::KeyFlags(31), TermEvent::Status, TermEvent::Attributes] {
            assert_eq!(probe.on_event(&event), None);
        }
        probe
    }

    #[test]
    fn hold_needs_claim_and_proof() {
        // A terminal that only claims releases would keep the robot going after a tap.
        let mut probe = claiming();
        assert!(probe.claims_release());
        assert_eq!(probe.on_event(&key(KeyPhase::Press)), None);
        assert_eq!(probe.on_event(&key(KeyPhase::Release)), Some(InputMode::Hold));
        assert_eq!(probe.mode(), InputMode::Hold);
    }

    #[test]
    fn missing_flag_or_status_is_nudge() {
        // Without "all keys" letters have no release; without status answers a held key has no
        // lease.
        for events in [
            &[TermEvent::KeyFlags(0b10), TermEvent::Status][..],
            &[TermEvent::KeyFlags(31)],
            &[TermEvent::Status, TermEvent::Attributes],
        ] {
            let mut probe = Probe::new(Stamp::ZERO);
            for event in events {
                assert_eq!(probe.on_event(event), None);
            }
            assert_eq!(probe.on_event(&key(KeyPhase::Release)), None);
            assert_eq!(probe.mode(), InputMode::Nudge);
        }
    }

    #[test]
    fn press_twice_without_release_is_nudge_for_good() {
        // Releases that are discarded or sent as presses would drive on for ever.
        let mut probe = claiming();
        probe.on_event(&key(KeyPhase::Release));
        assert_eq!(probe.on_event(&key(KeyPhase::Press)), None);
        assert_eq!(probe.on_event(&key(KeyPhase::Repeat)), None);
        assert_eq!(probe.on_event(&key(KeyPhase::Press)), Some(InputMode::Nudge));
        assert_eq!(probe.on_event(&key(KeyPhase::Release)), None);
        assert_eq!(probe.mode(), InputMode::Nudge);
    }

    #[test]
    fn focus_loss_is_no_lie() {
        // A release that went to another window must not cost the hold mode.
        let mut probe = claiming();
        probe.on_event(&key(KeyPhase::Release));
        probe.on_event(&key(KeyPhase::Press));
        probe.on_event(&TermEvent::FocusLost);
        assert_eq!(probe.on_event(&key(KeyPhase::Press)), None);
        assert_eq!(probe.mode(), InputMode::Hold);
    }

    #[test]
    fn silence_settles_after_the_timeout() {
        // A terminal that answers nothing must not hold up the start.
        let probe = Probe::new(Stamp::from_millis(10));
        assert!(!probe.is_settled(Stamp::from_millis(509)));
        assert!(probe.is_settled(Stamp::from_millis(510)));
        assert_eq!(probe.mode(), InputMode::Nudge);
    }
}
