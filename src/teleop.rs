//! Operator input: terminal keys, gamepad, key script → [`OperatorInput`]. Pure state machines;
//! time is an argument.
//!
//! ```text
//! terminal bytes ─▶ Parser ─▶ TermEvent ─▶ Probe (which InputMode?) ─▶ Teleop ─▶ OperatorInput
//! gamepad ─▶ Gamepad::poll ─▶ PadState ─────────────────────────────────▲
//! ```
//!
//! Deliberately absent: threads, reading the terminal, and every rule of motion beyond "is a hand
//! on it": what an input does in which mode is [`crate::control`]'s business.
//!
//! # What holds
//!
//! 1. [`InputMode::Hold`]: a drive key counts while it is held. While one is, [`Teleop::probe_due`]
//!    asks for a terminal status query every [`QUERY_EVERY`]; when no answer came for
//!    [`LINK_LEASE`] every key is let go, and stays so until it is pressed anew. A frozen SSH link
//!    sends neither release nor hang-up.
//! 2. [`InputMode::Nudge`], and any key that arrives as plain text: each press moves for [`NUDGE`]
//!    at no more than [`NUDGE_SPEED_MPS`], extended only by further presses or repeats.
//! 3. Gamepad: the sticks count while the dead-man button is held, for [`PAD_LEASE`] after each
//!    poll that saw it. A pad that comes with its button held must let go of it first.
//! 4. Focus loss, an opened dialog, hang-up, pause and e-stop let go of everything.
//! 5. A status query unanswered for [`ANSWER_WAIT`], whatever it was sent for, means that nobody is
//!    there.
//! 6. One-shot requests count presses, never repeats. Without key release a repeat looks like a
//!    press: the same key again within [`AUTO_REPEAT`] is taken for one, so the second step of a
//!    reset needs that pause. Speed steps count every press.
//! 7. Opposite keys cancel; the keyboard wins over the gamepad while it moves.

mod console;
mod gamepad;
mod keyboard;
mod parser;
mod probe;
mod script;
#[cfg(test)]
mod tests;

pub use console::from_crossterm;
pub use gamepad::{Gamepad, GamepadError, PadButtons, PadState};
pub use parser::{Parser, TermEvent};
pub use probe::{Probe, TERMINAL_ENTER, TERMINAL_LEAVE, TERMINAL_STATUS_QUERY};
pub use script::{Action, Script, ScriptError, Step};

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::msg::{
    Axes, Command, Device, InputMode, Key, KeyEvent, KeyPhase, OperatorInput, Requests, Stamp,
};
use keyboard::Keyboard;

/// Time between status queries while a drive key is held.
pub const QUERY_EVERY: Duration = Duration::from_millis(100);
/// Without an answer for this long the terminal is taken for frozen.
pub const LINK_LEASE: Duration = Duration::from_millis(300);
/// How long one press moves where releases are not reported.
pub const NUDGE: Duration = Duration::from_millis(250);
/// Speed ceiling of a nudge, m/s.
pub const NUDGE_SPEED_MPS: f64 = 0.2;
/// How long one gamepad poll vouches for the dead-man button.
pub const PAD_LEASE: Duration = Duration::from_millis(150);
/// Longer than the first delay of common auto-repeat settings (X11 660 ms, others 500 ms).
pub const AUTO_REPEAT: Duration = Duration::from_millis(700);

/// An operator whose terminal leaves a status query unanswered for this long is not there: nobody
/// could take over from the policy.
pub const ANSWER_WAIT: Duration = Duration::from_secs(2);

/// An unanswered query may be lost: ask again, or nobody would notice that the terminal is back.
const ASK_AGAIN: Duration = Duration::from_millis(500);

const CEILING_STEP: i8 = 10;
const CEILING_MIN: u8 = 10;
const CEILING_MAX: u8 = 100;

/// Operator input settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Speed ceiling at start, percent of the top speed, 10..=100.
    pub ceiling_percent: u8,
    /// Whether a gamepad is looked for.
    pub gamepad: bool,
    /// Stick deflection that still counts as centred, 0..=0.5.
    pub gamepad_dead_zone: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self { ceiling_percent: 60, gamepad: true, gamepad_dead_zone: 0.1 }
    }
}

/// Everything the operator's hands do, folded into one state. Feed it events, ask for
/// [`Self::state`].
#[derive(Clone, Debug)]
pub struct Teleop {
    keyboard: Keyboard,
    key_device: Device,
    pad: Pad,
    ceiling_percent: u8,
    requests: Requests,
    /// When the last event that changed axes or requests arrived.
    event: Stamp,
    is_present: bool,
    /// The status queries that are not answered yet.
    asked: Option<Asked>,
    /// The last key that came without a release report, to tell auto-repeat from a second press.
    last_typed: Option<(Key, Stamp)>,
}

/// When the oldest and the newest of the unanswered status queries were sent.
#[derive(Clone, Copy, Debug)]
struct Asked {
    first: Stamp,
    last: Stamp,
}

/// What is remembered of the gamepad between polls.
#[derive(Clone, Debug, Default)]
struct Pad {
    axes: Axes,
    buttons: PadButtons,
    dead_man: bool,
    /// The dead-man button was seen released since the pad came, and since everything was let go.
    is_armed: bool,
    lease_until: Stamp,
}

impl Teleop {
    /// `mode` is what [`Probe`] found; a ceiling outside 10..=100 is refused by the configuration,
    /// not here.
    #[must_use]
    pub fn new(config: &Config, mode: InputMode) -> Self {
        Self {
            keyboard: Keyboard::new(mode),
            key_device: Device::Keyboard,
            pad: Pad::default(),
            ceiling_percent: config.ceiling_percent.clamp(CEILING_MIN, CEILING_MAX),
            requests: Requests::default(),
            event: Stamp::ZERO,
            is_present: true,
            asked: None,
            last_typed: None,
        }
    }

    /// Keys are reported as coming from `device` (a script presses keys too).
    #[must_use]
    pub fn with_key_device(mut self, device: Device) -> Self {
        self.key_device = device;
        self
    }

    /// Anything the terminal said; keys for a dialog are the caller's to keep away.
    pub fn on_term(&mut self, event: &TermEvent, now: Stamp) {
        match event {
            TermEvent::Key(key) => self.on_key(*key, now),
            TermEvent::Typed(key) => self.on_typed(*key, now),
            TermEvent::FocusGained => self.on_focus(true, now),
            TermEvent::FocusLost => self.on_focus(false, now),
            TermEvent::Status => self.on_answer(now),
            TermEvent::KeyFlags(_) | TermEvent::Attributes | TermEvent::Paste(_) => {}
        }
    }

    /// A key whose phase is known.
    pub fn on_key(&mut self, event: KeyEvent, now: Stamp) {
        if self.input_mode() == InputMode::Nudge && event.phase == KeyPhase::Press {
            return self.on_typed(event.key, now);
        }
        match Command::of(event.key) {
            Some(Command::Drive { x, y, yaw }) => {
                self.drive_key(event, [x, y, yaw], now);
            }
            Some(command) if event.phase == KeyPhase::Press => self.request(command, now),
            _ if event.phase == KeyPhase::Release => self.release_key(event.key, now),
            _ => {}
        }
    }

    /// A key that came as plain text: no release will follow, and a repeat looks the same.
    pub fn on_typed(&mut self, key: Key, now: Stamp) {
        let key = key.folded();
        let is_repeat =
            self.last_typed.is_some_and(|(last, at)| last == key && now.since(at) < AUTO_REPEAT);
        self.last_typed = Some((key, now));
        match Command::of(key) {
            Some(Command::Drive { x, y, yaw }) => {
                self.keyboard.nudge(key, [x, y, yaw], now);
                self.event = now;
            }
            Some(command @ (Command::SpeedUp | Command::SpeedDown)) => self.request(command, now),
            Some(command) if !is_repeat => self.request(command, now),
            _ => {}
        }
    }

    /// Holds still, as the pause key does.
    pub fn pause(&mut self, now: Stamp) {
        self.request(Command::Pause, now);
    }

    /// A status query was written for another reason than [`Self::probe_due`]: behind a picture.
    pub fn on_query(&mut self, now: Stamp) {
        self.asked.get_or_insert(Asked { first: now, last: now }).last = now;
    }

    /// Losing the focus lets go of everything: releases go to another window now.
    pub fn on_focus(&mut self, is_gained: bool, now: Stamp) {
        if !is_gained {
            self.release_all(now);
        }
    }

    /// The terminal answered a status query.
    pub fn on_answer(&mut self, now: Stamp) {
        self.asked = None;
        self.keyboard.answered(now);
    }

    /// The terminal is gone for good.
    pub fn on_hangup(&mut self, now: Stamp) {
        self.release_all(now);
        self.is_present = false;
    }

    /// One poll of the gamepad.
    pub fn on_pad(&mut self, pad: &PadState, now: Stamp) {
        let pressed = pad.buttons.pressed_since(self.pad.buttons);
        if !pad.connected {
            if self.pad.is_driving(now) {
                self.event = now;
            }
            self.pad = Pad::default();
            return;
        }
        if !pad.dead_man {
            self.pad.is_armed = true;
        }
        let was = (self.pad.axes, self.pad.dead_man);
        self.pad.axes = pad.axes;
        self.pad.dead_man = pad.dead_man;
        self.pad.buttons = pad.buttons;
        let vouched = pad.dead_man && self.pad.is_armed;
        self.pad.lease_until = if vouched { now + PAD_LEASE } else { Stamp::ZERO };
        if was != (pad.axes, pad.dead_man) {
            self.event = now;
        }
        for command in pressed.commands() {
            self.request(command, now);
        }
    }

    /// True when a status query is to be written to the terminal now: a key is held and none was
    /// asked lately, or one was and got no answer.
    #[must_use]
    pub fn probe_due(&self, now: Stamp) -> bool {
        let is_lost = self.asked.is_some_and(|asked| now.since(asked.last) >= ASK_AGAIN);
        self.is_present && (is_lost || self.keyboard.query_due(now))
    }

    /// The query was written.
    pub fn probe_sent(&mut self, now: Stamp) {
        self.on_query(now);
        self.keyboard.query_sent(now);
    }

    /// Lets go of every key and of the gamepad until pressed anew; for a dialog that takes the
    /// keys.
    pub fn release_all(&mut self, now: Stamp) {
        if self.keyboard.release_all(now) || self.pad.is_driving(now) {
            self.event = now;
        }
        self.pad.is_armed = false;
        self.pad.lease_until = Stamp::ZERO;
    }

    #[must_use]
    pub const fn input_mode(&self) -> InputMode {
        self.keyboard.mode()
    }

    /// What [`Probe`] learned later; held keys are let go.
    pub fn set_input_mode(&mut self, mode: InputMode, now: Stamp) {
        if mode != self.input_mode() {
            self.release_all(now);
            self.keyboard.set_mode(mode);
        }
    }

    /// The operator's state at `now`. Ask at least every 20 ms, so that a nudge that ends leaves
    /// the others moving.
    #[must_use]
    pub fn state(&self, now: Stamp) -> OperatorInput {
        let keys = self.keyboard.state(now);
        let pad_drives = self.pad.is_driving(now);
        let mut input = OperatorInput {
            stamp: now,
            event: self.event,
            neutral: !keys.is_down && self.pad.is_neutral(),
            device: self.key_device,
            ceiling: f64::from(self.ceiling_percent) / f64::from(CEILING_MAX),
            requests: self.requests,
            present: self.is_present
                && self.asked.is_none_or(|asked| now.since(asked.first) < ANSWER_WAIT),
            terminal_rtt_ms: keys.is_down.then(|| self.keyboard.round_trip_ms()).flatten(),
            speed_cap_mps: f64::INFINITY,
            ..OperatorInput::default()
        };
        if keys.is_down || !pad_drives {
            input.axes = keys.axes;
            input.lease_until = keys.lease_until;
            input.speed_cap_mps = keys.speed_cap_mps;
        } else {
            input.axes = self.pad.axes;
            input.lease_until = self.pad.lease_until;
            input.device = Device::Gamepad;
        }
        input
    }

    fn drive_key(&mut self, event: KeyEvent, axes: [i8; 3], now: Stamp) {
        let has_changed = match (event.phase, self.input_mode()) {
            (KeyPhase::Press, _) => self.keyboard.hold(event.key.folded(), axes, now),
            (KeyPhase::Repeat, InputMode::Nudge) => {
                self.keyboard.nudge(event.key.folded(), axes, now);
                true
            }
            (KeyPhase::Repeat, InputMode::Hold) => false,
            (KeyPhase::Release, _) => self.keyboard.release(event.key.folded(), now),
        };
        if has_changed {
            self.event = now;
        }
    }

    /// A release may carry modifiers that the press had not, and then names another command or
    /// none.
    fn release_key(&mut self, key: Key, now: Stamp) {
        if self.keyboard.release(key.folded(), now) {
            self.event = now;
        }
    }

    fn request(&mut self, command: Command, now: Stamp) {
        let count = match command {
            Command::TakeOver => &mut self.requests.take_over,
            Command::Engage => &mut self.requests.engage,
            Command::Pause => &mut self.requests.pause,
            Command::EStop => &mut self.requests.e_stop,
            Command::Reset => &mut self.requests.reset,
            Command::SpeedUp => return self.change_ceiling(CEILING_STEP, now),
            Command::SpeedDown => return self.change_ceiling(-(CEILING_STEP), now),
            Command::Drive { .. }
            | Command::EditInstruction
            | Command::ChoosePolicy
            | Command::Record
            | Command::Discard
            | Command::RecordAgain
            | Command::Success
            | Command::Failure
            | Command::TagEpisode
            | Command::CutEpisode
            | Command::UndoEpisode
            | Command::Help
            | Command::Quit => return,
        };
        *count = count.wrapping_add(1);
        self.event = now;
        if matches!(command, Command::Pause | Command::EStop) {
            self.release_all(now);
        }
    }

    fn change_ceiling(&mut self, step: i8, now: Stamp) {
        let wanted = self.ceiling_percent.saturating_add_signed(step);
        self.ceiling_percent = wanted.clamp(CEILING_MIN, CEILING_MAX);
        self.event = now;
    }
}

impl Pad {
    fn is_driving(&self, now: Stamp) -> bool {
        now < self.lease_until
    }

    fn is_neutral(&self) -> bool {
        !self.dead_man && self.axes.is_zero()
    }
}
