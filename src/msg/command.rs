use super::{Key, RecordCommand};

/// Everything a key or button can ask for. [`BINDINGS`] is the one table of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Command {
    /// Held to drive: sign of x, y, yaw.
    Drive {
        x: i8,
        y: i8,
        yaw: i8,
    },
    /// Zeros now; in autonomy the operator takes over standing still.
    Pause,
    TakeOver,
    Engage,
    EStop,
    /// First press arms, second within three seconds resets.
    Reset,
    SpeedUp,
    SpeedDown,
    EditInstruction,
    ChoosePolicy,
    /// Start or stop an episode; end the pause between two.
    Record,
    /// Put the episode aside; it can be restored.
    Discard,
    /// Discard the episode and start it anew.
    RecordAgain,
    Success,
    Failure,
    TagEpisode,
    /// The last five seconds are bad.
    CutEpisode,
    /// Take the last cut or discard back.
    UndoEpisode,
    Help,
    Quit,
}

/// One row of the key table: what is pressed, what it asks for, and how the footer and help name
/// it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binding {
    /// Names that [`Key`] parses, as `w`, `up`, `enter`, `space`, `ctrl-c`.
    pub keys: &'static [&'static str],
    pub command: Command,
    pub label: &'static str,
}

const fn drive(
    keys: &'static [&'static str],
    (x, y, yaw): (i8, i8, i8),
    label: &'static str,
) -> Binding {
    Binding { keys, command: Command::Drive { x, y, yaw }, label }
}

const fn bind(keys: &'static [&'static str], command: Command, label: &'static str) -> Binding {
    Binding { keys, command, label }
}

/// The drive keys are those of the Mobile VLA study's collector (W A S D Q E Z C R T), plus arrows.
pub const BINDINGS: &[Binding] = &[
    drive(&["w", "up"], (1, 0, 0), "forward"),
    drive(&["s", "down"], (-1, 0, 0), "back"),
    drive(&["a"], (0, 1, 0), "left"),
    drive(&["d"], (0, -1, 0), "right"),
    drive(&["q"], (1, 1, 0), "forward left"),
    drive(&["e"], (1, -1, 0), "forward right"),
    drive(&["z"], (-1, 1, 0), "back left"),
    drive(&["c"], (-1, -1, 0), "back right"),
    drive(&["r", "left"], (0, 0, 1), "turn left"),
    drive(&["t", "right"], (0, 0, -1), "turn right"),
    bind(&["space"], Command::Pause, "hold still"),
    bind(&["m"], Command::TakeOver, "take over"),
    bind(&["enter"], Command::Engage, "engage autonomy"),
    bind(&["x", "esc"], Command::EStop, "E-STOP"),
    bind(&["u"], Command::Reset, "reset e-stop (twice)"),
    bind(&["g", "+", "="], Command::SpeedUp, "faster"),
    bind(&["f", "-"], Command::SpeedDown, "slower"),
    bind(&["i"], Command::EditInstruction, "instruction"),
    bind(&["p"], Command::ChoosePolicy, "policy"),
    bind(&["o"], Command::Record, "record: start, stop"),
    bind(&["y"], Command::Success, "episode succeeded"),
    bind(&["n"], Command::Failure, "episode failed"),
    bind(&["b"], Command::TagEpisode, "tag the episode"),
    bind(&["k"], Command::CutEpisode, "cut its last 5 s"),
    bind(&["backspace"], Command::Discard, "discard the episode"),
    bind(&["j"], Command::RecordAgain, "discard, start anew"),
    bind(&["l"], Command::UndoEpisode, "undo cut or discard"),
    bind(&["?", "h"], Command::Help, "help"),
    bind(&["ctrl-c", "ctrl-q"], Command::Quit, "quit"),
];

impl Command {
    /// What the recorder is asked, where this is about recording; a tag is asked for first.
    #[must_use]
    pub const fn record(self) -> Option<RecordCommand> {
        Some(match self {
            Self::Record => RecordCommand::Toggle,
            Self::Discard => RecordCommand::Discard,
            Self::RecordAgain => RecordCommand::Again,
            Self::Success => RecordCommand::Success(true),
            Self::Failure => RecordCommand::Success(false),
            Self::CutEpisode => RecordCommand::Cut,
            Self::UndoEpisode => RecordCommand::Undo,
            _ => return None,
        })
    }

    /// The command bound to `key`, if any; `W` means what `w` means.
    #[must_use]
    pub fn of(key: Key) -> Option<Self> {
        let key = key.folded();
        let is_bound = |binding: &&Binding| binding.keys.iter().any(|name| name.parse() == Ok(key));
        BINDINGS.iter().find(is_bound).map(|binding| binding.command)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_bound_name_is_a_key_and_bound_once() {
        // A typing error in the table would leave a key dead; a double one would make its meaning
        // depend on order.
        let mut seen = HashSet::new();
        for name in BINDINGS.iter().flat_map(|binding| binding.keys) {
            let key: Key = name.parse().unwrap();
            assert!(seen.insert(key), "{name} is bound twice");
        }
    }

    #[test]
    fn keys_find_their_command() {
        // Drive keys and stop keys must mean what the table says.
        assert_eq!(Command::of("x".parse().unwrap()), Some(Command::EStop));
        assert_eq!(Command::of("ctrl-c".parse().unwrap()), Some(Command::Quit));
        assert_eq!(
            Command::of("c".parse().unwrap()),
            Some(Command::Drive { x: -1, y: -1, yaw: 0 })
        );
        assert_eq!(Command::of("X".parse().unwrap()), Some(Command::EStop));
        assert_eq!(Command::of("v".parse().unwrap()), None);
    }
}
