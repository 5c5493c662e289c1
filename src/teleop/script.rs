//! Key scripts: what an operator does and when, for `pilothouse drive --headless --script
//! keys.txt`.
//!
//! One step a line, `TIME ACTION`; the time in seconds since the start, in any order. `#` begins a
//! comment.
//!
//! ```text
//! 1.0 press w                        # holds the key
//! 2.5 release w
//! 3.0 tap enter                      # press, and release 50 ms later
//! 4.0 type "find the red target"     # sets the instruction
//! 5.0 policy beacon                  # chooses a policy
//! 5.5 tag night                      # tags the episode
//! 6.0 robot camera freeze            # the rest of the line goes to the simulated robot
//! 7.0 focus lost                     # or: focus gained
//! 7.5 terminal freeze                # status queries stay unanswered; `terminal thaw` ends that
//! 8.0 hangup
//! ```
//!
//! Keys are named as in [`crate::msg::BINDINGS`].

use std::time::Duration;

use crate::msg::{Key, KeyEvent, KeyPhase};

/// Time between press and release of a tap.
const TAP: Duration = Duration::from_millis(50);
/// A script longer than a day is a typing error.
const LATEST_S: f64 = 86_400.0;
const EXPECTED: &str = "press KEY, release KEY, tap KEY, type \"TEXT\", policy NAME, tag NAME, \
                        robot LINE, focus lost|gained, terminal freeze|thaw, or hangup";

/// What one step does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    Key(KeyEvent),
    Instruction(String),
    Policy(String),
    /// Tags the episode.
    Tag(String),
    /// A line for the simulated robot.
    Robot(String),
    Focus {
        is_gained: bool,
    },
    /// Whether the terminal answers status queries from now on; it does at start.
    Terminal {
        answers: bool,
    },
    Hangup,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Since the script's start.
    pub at: Duration,
    pub action: Action,
}

/// Steps in order of time, and how far they were done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script {
    steps: Vec<Step>,
    next: usize,
}

/// Names the line and what was expected there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the script: {reason}")]
pub struct ScriptError {
    pub line: usize,
    pub reason: String,
}

impl Script {
    /// # Errors
    /// The first line that is no step.
    pub fn parse(text: &str) -> Result<Self, ScriptError> {
        let mut steps = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = without_comment(line).trim();
            if !line.is_empty() {
                parse_line(line, &mut steps)
                    .map_err(|reason| ScriptError { line: index + 1, reason })?;
            }
        }
        steps.sort_by_key(|step| step.at);
        Ok(Self { steps, next: 0 })
    }

    /// All steps in order of time; those at the same time in order of their lines.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The next step that is due `elapsed` after the start; each comes once. Call until `None`.
    pub fn next_due(&mut self, elapsed: Duration) -> Option<&Step> {
        let step = self.steps.get(self.next).filter(|step| step.at <= elapsed)?;
        self.next += 1;
        Some(step)
    }

    /// When the last step is due.
    #[must_use]
    pub fn end(&self) -> Duration {
        self.steps.last().map_or(Duration::ZERO, |step| step.at)
    }
}

/// A `#` inside quotes is text.
fn without_comment(line: &str) -> &str {
    let mut is_quoted = false;
    for (at, letter) in line.char_indices() {
        match letter {
            '"' => is_quoted = !is_quoted,
            '#' if !is_quoted => return line.get(..at).unwrap_or(line),
            _ => {}
        }
    }
    line
}

fn parse_line(line: &str, steps: &mut Vec<Step>) -> Result<(), String> {
    let (time, rest) = split_word(line);
    let at = parse_time(time)?;
    let (verb, operand) = split_word(rest);
    let mut push = |at, action| steps.push(Step { at, action });
    match verb {
        "press" => push(at, key(operand, KeyPhase::Press)?),
        "release" => push(at, key(operand, KeyPhase::Release)?),
        "tap" => {
            push(at, key(operand, KeyPhase::Press)?);
            push(at + TAP, key(operand, KeyPhase::Release)?);
        }
        "type" => push(at, Action::Instruction(quoted(operand)?)),
        "policy" => push(at, Action::Policy(some("policy NAME", operand)?)),
        "tag" => push(at, Action::Tag(some("tag NAME", operand)?)),
        "robot" => push(at, Action::Robot(some("robot LINE", operand)?)),
        "focus" => match operand {
            "lost" => push(at, Action::Focus { is_gained: false }),
            "gained" => push(at, Action::Focus { is_gained: true }),
            _ => return Err(format!("expected focus lost or focus gained, found {operand:?}")),
        },
        "terminal" => match operand {
            "freeze" => push(at, Action::Terminal { answers: false }),
            "thaw" => push(at, Action::Terminal { answers: true }),
            _ => {
                return Err(format!(
                    "expected terminal freeze or terminal thaw, found {operand:?}"
                ));
            }
        },
        "hangup" if operand.is_empty() => push(at, Action::Hangup),
        _ => return Err(format!("expected {EXPECTED}; found {rest:?}")),
    }
    Ok(())
}

fn split_word(text: &str) -> (&str, &str) {
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    (word, rest.trim())
}

fn parse_time(word: &str) -> Result<Duration, String> {
    let seconds: f64 = word.parse().map_err(|_| {
        format!("expected a time in seconds first, as in `1.5 press w`; found {word:?}")
    })?;
    if !(0.0..=LATEST_S).contains(&seconds) {
        return Err(format!("the time {word} is not between 0 and {LATEST_S} seconds"));
    }
    Ok(Duration::from_secs_f64(seconds))
}

fn key(name: &str, phase: KeyPhase) -> Result<Action, String> {
    let key: Key = name.parse().map_err(|error: crate::msg::UnknownKey| error.to_string())?;
    Ok(Action::Key(KeyEvent { key, phase }))
}

fn quoted(text: &str) -> Result<String, String> {
    text.strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'))
        .filter(|text| !text.contains('"'))
        .map(str::to_owned)
        .ok_or_else(|| {
            format!(
                "expected the text in quotes, as in `type \"find the red target\"`; found {text:?}"
            )
        })
}

fn some(form: &str, operand: &str) -> Result<String, String> {
    if operand.is_empty() {
        return Err(format!("expected {form}"));
    }
    Ok(operand.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key_step(ms: u64, name: &str, phase: KeyPhase) -> Step {
        let action = Action::Key(KeyEvent { key: name.parse().unwrap(), phase });
        Step { at: Duration::from_millis(ms), action }
    }

    fn step(ms: u64, action: Action) -> Step {
        Step { at: Duration::from_millis(ms), action }
    }

    #[test]
    fn every_action_of_the_module_docs() {
        // Scripts drive the tests and benchmarks: a step that means another thing falsifies them
        // all.
        let text = include_str!("script.rs");
        let block = text.split("```text").nth(1).and_then(|rest| rest.split("//! ```").next());
        let block = block.unwrap().replace("//!", "");
        let script = Script::parse(&block).unwrap();
        let wanted = [
            key_step(1_000, "w", KeyPhase::Press),
            key_step(2_500, "w", KeyPhase::Release),
            key_step(3_000, "enter", KeyPhase::Press),
            key_step(3_050, "enter", KeyPhase::Release),
            step(4_000, Action::Instruction("find the red target".to_owned())),
            step(5_000, Action::Policy("beacon".to_owned())),
            step(5_500, Action::Tag("night".to_owned())),
            step(6_000, Action::Robot("camera freeze".to_owned())),
            step(7_000, Action::Focus { is_gained: false }),
            step(7_500, Action::Terminal { answers: false }),
            step(8_000, Action::Hangup),
        ];
        assert_eq!(script.steps(), wanted);
        assert_eq!(script.end(), Duration::from_secs(8));
    }

    #[test]
    fn steps_come_once_in_order_of_time() {
        // A late poll must not lose a release.
        let mut script = Script::parse("2 release w\n1 press w\n1.02 tap x").unwrap();
        let mut names = Vec::new();
        for ms in [500, 1_000, 1_060, 5_000, 6_000] {
            while let Some(step) = script.next_due(Duration::from_millis(ms)) {
                names.push((ms, step.at.as_millis()));
            }
        }
        assert_eq!(names, [(1_000, 1_000), (1_060, 1_020), (5_000, 1_070), (5_000, 2_000)]);
    }

    #[test]
    fn errors_name_the_line_and_what_was_expected() {
        // A typing error silently skipped would leave the robot driving.
        for (text, line, part) in [
            ("1 press w\n\n2 relase w", 3, "expected press KEY"),
            ("press w", 1, "expected a time in seconds"),
            ("-1 press w", 1, "not between 0"),
            ("nan press w", 1, "not between 0"),
            ("1e300 press w", 1, "not between 0"),
            ("1 press ww", 1, "no key named \"ww\""),
            ("1 press", 1, "no key named \"\""),
            ("1 type red", 1, "in quotes"),
            ("1 type \"", 1, "in quotes"),
            ("1 policy", 1, "expected policy NAME"),
            ("1 focus maybe", 1, "focus lost or focus gained"),
            ("1 terminal", 1, "terminal freeze or terminal thaw"),
            ("1 hangup now", 1, "expected press KEY"),
            ("1", 1, "expected press KEY"),
        ] {
            let error = Script::parse(text).unwrap_err();
            assert_eq!(error.line, line, "{text:?}");
            assert!(error.to_string().contains(part), "{text:?}: {error}");
        }
        assert_eq!(Script::parse("# only a comment\n\n").unwrap().steps(), []);
        let hash = Script::parse("1 type \"room #2\" # there").unwrap();
        assert_eq!(hash.steps(), [step(1_000, Action::Instruction("room #2".to_owned()))]);
    }
}
