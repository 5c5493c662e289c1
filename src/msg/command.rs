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
    Help,
    Quit,
}

/// One row of the key table: what is pressed, what it asks for, and how the footer and help name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binding {
    /// Names as [`crate::teleop`] parses them, as `w`, `up`, `enter`, `space`, `ctrl-c`.
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
    bind(&["?", "h"], Command::Help, "help"),
    bind(&["ctrl-c", "ctrl-q"], Command::Quit, "quit"),
];
