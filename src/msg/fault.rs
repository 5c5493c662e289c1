use serde::{Deserialize, Serialize};

/// How a fault acts. Several at once: the most severe wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Shown.
    Warn,
    /// Autonomy cannot be engaged; driving goes on.
    Refuse,
    /// Autonomy ramps down.
    Soft,
    /// Zeros now, Standby.
    Immediate,
}

macro_rules! faults {
    ($($(#[$doc:meta])* $name:ident, $severity:ident, $short:literal, $remedy:literal;)*) => {
        /// Everything that can be wrong while driving; each has one severity, one name and one
        /// remedy.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Fault {
            $($(#[$doc])* $name,)*
        }

        impl Fault {
            /// Every fault, in order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The one table of severities. Every fault but a warning also refuses to engage.
            #[must_use]
            pub const fn severity(self) -> Severity {
                match self { $(Self::$name => Severity::$severity,)* }
            }

            /// A few words for the screen.
            #[must_use]
            pub const fn short(self) -> &'static str {
                match self { $(Self::$name => $short,)* }
            }

            /// What the operator can do about it.
            #[must_use]
            pub const fn remedy(self) -> &'static str {
                match self { $(Self::$name => $remedy,)* }
            }
        }
    };
}

faults! {
    /// The base line is down or the handshake is not complete.
    BaseDown, Immediate, "base link down", "check the cable; it reconnects by itself";
    /// No valid packet for too long although the port is open.
    BaseSilent, Immediate, "base is silent", "is the base's firmware running?";
    /// The port takes none of our bytes.
    BaseBlocked, Immediate, "port takes nothing", "unplug and replug the base's cable";
    /// The base reports a fault of its own.
    BaseFault, Immediate, "base reports a fault", "see the base's manual for the shown bits";
    /// The tick came more than 200 ms late.
    TickGap, Immediate, "control was paused", "the computer is overloaded or was stopped";
    /// The machine slept.
    Suspended, Immediate, "computer was suspended", "engage again when ready";
    /// The terminal hung up.
    TerminalLost, Immediate, "terminal lost", "start the station again";
    /// A command to the gate was not a finite number.
    CommandNotFinite, Immediate, "command not a number", "a bug: please report it";
    /// A stop was not acknowledged within 200 ms.
    StopNotConfirmed, Immediate, "STOP NOT CONFIRMED", "cut the robot's power if it moves";
    /// The policy answered NaN or infinity.
    PolicyNotFinite, Immediate, "policy answered NaN", "choose another policy";
    /// The newest frame is over 300 ms old.
    FrameStale, Soft, "camera picture too old", "check the camera";
    /// Over 20 % of the frames are missing.
    CameraDropping, Soft, "camera drops frames", "lower its rate or resolution";
    /// No usable chunk: the policy stalled or ran out of slots.
    ChunkStale, Soft, "policy too late", "choose a smaller policy or a faster device";
    /// The policy reported an error.
    PolicyFailed, Soft, "policy failed", "see the log";
    /// Under the threshold for 0.5 s.
    LowConfidence, Soft, "policy unsure", "take over, or give another instruction";
    /// No policy is loaded and warm.
    NoPolicy, Refuse, "no policy ready", "choose one with p";
    /// The instruction is empty or one the policy does not know.
    NoInstruction, Refuse, "no usable instruction", "write one with i";
    /// The policy needs an axis that the base has not.
    KinematicsMismatch, Refuse, "policy needs another base", "choose another policy";
    /// A key or stick is held.
    InputsNotNeutral, Refuse, "hands still on the keys", "let go of every key and stick";
    /// The base's watchdog, claimed or measured, is over 500 ms.
    WatchdogSlow, Refuse, "base watchdog too slow", "set it to 200 ms or less";
    /// No chunk computed after the engage request arrived in time.
    NoFreshChunk, Refuse, "no fresh action yet", "wait for the policy, then engage again";
    /// The newest frame is over 150 ms old.
    FrameLate, Warn, "picture is late", "check the camera";
    /// Under 90 % of the camera's rate.
    CameraSlow, Warn, "camera is slow", "more light, or a lower resolution";
    /// Under 20 % charge.
    BatteryLow, Warn, "battery low", "bring the robot home";
    /// Ticks came late, less than the gap that stops.
    TickLate, Warn, "control runs late", "close other programs";
    /// The claimed watchdog is over 200 ms.
    WatchdogLong, Warn, "base watchdog over 200 ms", "shorten it in the firmware";
}

/// A set of faults in one word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FaultSet(u64);

impl FaultSet {
    pub const EMPTY: Self = Self(0);

    #[must_use]
    pub const fn with(self, fault: Fault) -> Self {
        Self(self.0 | 1 << fault as u64)
    }

    pub const fn insert(&mut self, fault: Fault) {
        self.0 |= 1 << fault as u64;
    }

    pub const fn set(&mut self, fault: Fault, is_present: bool) {
        if is_present {
            self.insert(fault);
        }
    }

    #[must_use]
    pub const fn contains(self, fault: Fault) -> bool {
        self.0 & (1 << fault as u64) != 0
    }

    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// In `self` but not in `other`.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Most severe first when sorted by the caller; here in order of declaration.
    pub fn iter(self) -> impl Iterator<Item = Fault> {
        Fault::ALL.iter().copied().filter(move |&fault| self.contains(fault))
    }

    #[must_use]
    pub fn worst(self) -> Option<Severity> {
        self.iter().map(Fault::severity).max()
    }

    #[must_use]
    pub fn at_least(self, severity: Severity) -> Self {
        self.iter().filter(|fault| fault.severity() >= severity).collect()
    }
}

impl FromIterator<Fault> for FaultSet {
    fn from_iter<I: IntoIterator<Item = Fault>>(faults: I) -> Self {
        faults.into_iter().fold(Self::EMPTY, Self::with)
    }
}
