//! Ticks told as lines of the event log. Pure: compares each tick with the one before.

use std::time::Duration;

use crate::base::native;
use crate::msg::{Fault, FaultSet, Level, LinkState, Mode, Notice, Severity, Stamp, Tick};

/// A warning that comes and goes is told again only after this long.
const QUIET: Duration = Duration::from_secs(10);

/// Remembers the last tick it told about.
#[derive(Clone, Debug, Default)]
pub struct Narrator {
    last: Option<Tick>,
    /// When each fault was told last.
    told: Vec<(Fault, Stamp)>,
}

impl Narrator {
    /// Hands each line that `tick` is worth to `tell`.
    pub fn push(&mut self, tick: &Tick, mut tell: impl FnMut(Notice)) {
        let last = self.last.replace(*tick).unwrap_or_default();
        let mut say = |level, text: String| tell(Notice { at: tick.now, level, text });
        if tick.mode != last.mode {
            let (level, text) = arrival(tick.mode, last.mode);
            say(level, text.to_owned());
        }
        if tick.base.link != last.base.link {
            match tick.base.link {
                LinkState::Up => say(Level::Good, "base connected".into()),
                LinkState::Connecting => say(Level::Info, "port open, greeting the base".into()),
                LinkState::Foreign { major, minor } => say(Level::Error, foreign(major, minor)),
                LinkState::Down => say(Level::Error, "base link lost".into()),
            }
        }
        // Refuse-only facts are the normal state of an idle station; they are told when an engage
        // is refused.
        let loud: FaultSet =
            tick.faults.iter().filter(|fault| fault.severity() != Severity::Refuse).collect();
        for fault in loud.minus(last.faults).iter() {
            self.told.retain(|(_, at)| tick.now.since(*at) < QUIET);
            let was_told = self.told.iter().any(|(told, _)| *told == fault);
            if !was_told || fault.severity() > Severity::Warn {
                self.told.push((fault, tick.now));
                say(level(fault), format!("{}: {}", fault.short(), fault.remedy()));
            }
        }
        if !tick.refused.is_empty() && tick.refused != last.refused {
            let reasons: Vec<_> = tick.refused.iter().map(Fault::short).collect();
            say(Level::Warn, format!("engage refused: {}", reasons.join(", ")));
        }
    }
}

/// A base of another version, and which end to update.
fn foreign(major: u8, minor: u8) -> String {
    let remedy = if major < native::MAJOR {
        "update the base's firmware"
    } else {
        "update this station, or put older firmware on the base"
    };
    format!(
        "the base speaks protocol {major}.{minor}, this station {}.{}, so it is not driven: {remedy}",
        native::MAJOR,
        native::MINOR
    )
}

const fn level(fault: Fault) -> Level {
    match fault.severity() {
        Severity::Warn | Severity::Refuse => Level::Warn,
        Severity::Soft | Severity::Immediate => Level::Error,
    }
}

const fn arrival(mode: Mode, from: Mode) -> (Level, &'static str) {
    match (mode, from) {
        (Mode::Standby, Mode::EStop) => (Level::Good, "e-stop reset, standing by"),
        (Mode::Standby, _) => (Level::Info, "standing by"),
        (Mode::Manual, _) => (Level::Info, "you drive"),
        (Mode::Autonomous, Mode::Override) => (Level::Good, "back to the policy"),
        (Mode::Autonomous, _) => (Level::Good, "the policy drives"),
        (Mode::Override, _) => (Level::Info, "you took over"),
        (Mode::SoftStop, _) => (Level::Warn, "slowing down: autonomy lost its footing"),
        (Mode::EStop, _) => (Level::Error, "E-STOP"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_change_is_told_once() {
        // The log would flood, or stay silent about the stop that mattered.
        let mut narrator = Narrator::default();
        let mut lines = Vec::new();
        let stopped = Tick {
            mode: Mode::EStop,
            faults: FaultSet::EMPTY.with(Fault::BaseDown).with(Fault::NoPolicy),
            ..Tick::default()
        };
        for tick in [Tick::default(), stopped, stopped] {
            narrator.push(&tick, |notice| lines.push(notice.text));
        }
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert_eq!(lines[0], "E-STOP");
        assert!(lines[1].starts_with("base link down"));
    }
    #[test]
    fn a_base_of_another_version_is_told_with_the_remedy() {
        // The operator would see a link that never comes up and look for a bad cable.
        let mut narrator = Narrator::default();
        let mut lines = Vec::new();
        let mut tick = Tick::default();
        for (major, minor) in [(2, 3), (2, 3), (0, 9)] {
            tick.base.link = LinkState::Foreign { major, minor };
            narrator.push(&tick, |notice| lines.push(notice.text));
        }
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines[0].contains("protocol 2.3, this station 1.0"), "{lines:?}");
        assert!(lines[0].contains("update this station"), "{lines:?}");
        assert!(lines[1].contains("update the base's firmware"), "{lines:?}");
    }
}
