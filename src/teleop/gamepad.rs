//! A gamepad through `gilrs`, polled: nothing here depends on an event arriving.
//!
//! | control (Xbox name) | does |
//! |---|---|
//! | left shoulder (LB), held | dead-man: the sticks count only while it is |
//! | left stick | forward, back, left, right |
//! | right stick, sideways | turn |
//! | east (B) | e-stop |
//! | west (X) | hold still |
//! | north (Y) | take over |
//! | start | engage autonomy |
//! | select, twice | reset the e-stop |
//! | d-pad up, down | faster, slower |
//!
//! Limit: a wireless receiver that repeats the last report after its pad went silent cannot be told
//! from a pad that is held still. Unplugging, or the receiver saying that its pad is gone, counts
//! as letting go.

use gilrs::{Axis, Button, Gilrs, GilrsBuilder};

use crate::msg::{Axes, Command};

use super::Config;

/// Share of the cubic in the stick's response: fine control near the centre, full speed at the end.
const CUBIC: f64 = 0.5;

/// One poll of the gamepad.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PadState {
    pub connected: bool,
    /// As the pad names itself; empty while none is connected.
    pub name: String,
    pub dead_man: bool,
    /// Dead zone and curve applied; not gated by the dead-man button.
    pub axes: Axes,
    pub buttons: PadButtons,
}

/// Which buttons are down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PadButtons(u8);

/// Bit `i` of [`PadButtons`] is row `i`.
const BUTTONS: [(Button, Command); 7] = [
    (Button::East, Command::EStop),
    (Button::West, Command::Pause),
    (Button::North, Command::TakeOver),
    (Button::Start, Command::Engage),
    (Button::Select, Command::Reset),
    (Button::DPadUp, Command::SpeedUp),
    (Button::DPadDown, Command::SpeedDown),
];

impl PadButtons {
    /// The buttons that ask for `commands`.
    #[must_use]
    pub fn of(commands: &[Command]) -> Self {
        Self::when(|_, command| commands.contains(&command))
    }

    pub(super) const fn pressed_since(self, earlier: Self) -> Self {
        Self(self.0 & !earlier.0)
    }

    pub(super) fn commands(self) -> impl Iterator<Item = Command> {
        let is_set = move |bit: &usize| self.0 & (1 << bit) != 0;
        BUTTONS.iter().enumerate().filter(move |(bit, _)| is_set(bit)).map(|(_, row)| row.1)
    }

    fn when(is_down: impl Fn(Button, Command) -> bool) -> Self {
        let bit = |(bit, row): (usize, &(Button, Command))| u8::from(is_down(row.0, row.1)) << bit;
        Self(BUTTONS.iter().enumerate().map(bit).fold(0, |all, bit| all | bit))
    }
}

/// The system's gamepads; the first connected one is used. Lives on the thread that polls it.
#[derive(Debug)]
pub struct Gamepad {
    system: Gilrs,
    dead_zone: f64,
    state: PadState,
}

/// Driving goes on without a gamepad.
#[derive(Debug, thiserror::Error)]
#[error("no gamepad can be used: {reason}; the keyboard works, on Linux gamepads need udev")]
pub struct GamepadError {
    reason: String,
}

impl Gamepad {
    /// # Errors
    /// The system has no gamepad support (no udev, say). A pad that is merely not plugged in is no
    /// error.
    pub fn open(config: &Config) -> Result<Self, GamepadError> {
        let system = GilrsBuilder::new()
            .with_force_feedback(false)
            .build()
            .map_err(|error| GamepadError { reason: error.to_string() })?;
        let dead_zone = config.gamepad_dead_zone;
        Ok(Self { system, dead_zone, state: PadState::default() })
    }

    /// Drains what happened and reads the state now. Never blocks; call it every 10 to 20 ms.
    pub fn poll(&mut self) -> &PadState {
        while self.system.next_event().is_some() {}
        let Some((_, pad)) = self.system.gamepads().next() else {
            self.state = PadState::default();
            return &self.state;
        };
        if self.state.name != pad.name() {
            pad.name().clone_into(&mut self.state.name);
        }
        let axis = |axis| shape(f64::from(pad.value(axis)), self.dead_zone);
        self.state.connected = true;
        self.state.dead_man = pad.is_pressed(Button::LeftTrigger);
        // Sticks count right and up as positive; x is forward, y left, yaw counter-clockwise
        // (REP-103).
        self.state.axes = Axes {
            x: axis(Axis::LeftStickY),
            y: -axis(Axis::LeftStickX),
            yaw: -axis(Axis::RightStickX),
        };
        self.state.buttons = PadButtons::when(|button, _| pad.is_pressed(button));
        &self.state
    }
}

/// Deflection -1..=1 → command -1..=1: zero inside the dead zone, continuous at its edge, one at
/// the end.
fn shape(deflection: f64, dead_zone: f64) -> f64 {
    let outside = (deflection.abs() - dead_zone) / (1.0 - dead_zone);
    if outside.is_nan() || outside <= 0.0 {
        return 0.0;
    }
    let outside = outside.min(1.0);
    let curved = (1.0 - CUBIC) * outside + CUBIC * outside.powi(3);
    curved.copysign(deflection)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn stick_shape_has_its_corner_values() {
        // A stick that rests slightly off centre must not creep; full deflection must reach full
        // speed.
        for (deflection, wanted) in
            [(0.0, 0.0), (0.1, 0.0), (-0.1, 0.0), (1.0, 1.0), (-1.0, -1.0), (1.2, 1.0)]
        {
            assert!((shape(deflection, 0.1) - wanted).abs() < 1e-12, "{deflection}");
        }
        assert_eq!(shape(f64::NAN, 0.1).to_bits(), 0.0_f64.to_bits());
        let half = shape(0.55, 0.1);
        assert!((half - (0.25 + 0.5 * 0.125)).abs() < 1e-12, "{half}");
    }

    #[test]
    fn every_button_finds_its_command() {
        // A shifted bit would make the e-stop button engage autonomy.
        for (_, command) in BUTTONS {
            assert_eq!(PadButtons::of(&[command]).commands().collect::<Vec<_>>(), [command]);
        }
        let both = PadButtons::of(&[Command::EStop, Command::Engage]);
        let new = both.pressed_since(PadButtons::of(&[Command::Engage]));
        assert_eq!(new.commands().collect::<Vec<_>>(), [Command::EStop]);
    }

    #[test]
    fn polling_without_a_pad_is_harmless() {
        // Machines without udev or pads must get a message, not a panic.
        match Gamepad::open(&Config::default()) {
            Ok(mut pad) => drop(pad.poll().clone()),
            Err(error) => assert!(error.to_string().contains("keyboard works")),
        }
    }

    proptest! {
        #[test]
        fn stick_shape_is_odd_bounded_and_rising(
            a in -1.0..1.0_f64,
            b in -1.0..1.0_f64,
            zone in 0.0..0.5_f64,
        ) {
            // A curve that falls or jumps makes the robot jerk under a steady hand.
            prop_assert!((shape(a, zone) + shape(-a, zone)).abs() < 1e-12);
            prop_assert!(shape(a, zone).abs() <= 1.0);
            let (low, high) = (shape(a.min(b), zone), shape(a.max(b), zone));
            prop_assert!(low <= high + 1e-12);
        }
    }
}
