//! What was found, and how it is written.

use std::io::{self, Write};

use serde::Serialize;

use crate::cli::terminal::one_line;

/// How one thing stands, mildest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    Good,
    /// Worth knowing; nothing to do.
    Note,
    /// The station works, but not all of it.
    Limited,
    /// Something that the configuration needs is missing.
    Bad,
}

/// One line of the report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    /// As `camera`.
    pub what: &'static str,
    pub state: State,
    pub text: String,
    /// What to do; empty where nothing is to be done.
    pub todo: String,
}

impl Finding {
    pub(super) fn good(what: &'static str, text: impl Into<String>) -> Self {
        Self { what, state: State::Good, text: text.into(), todo: String::new() }
    }

    pub(super) fn note(what: &'static str, text: impl Into<String>) -> Self {
        Self { what, state: State::Note, text: text.into(), todo: String::new() }
    }

    pub(super) fn limited(
        what: &'static str,
        text: impl Into<String>,
        todo: impl Into<String>,
    ) -> Self {
        Self { what, state: State::Limited, text: text.into(), todo: todo.into() }
    }

    pub(super) fn bad(
        what: &'static str,
        text: impl Into<String>,
        todo: impl Into<String>,
    ) -> Self {
        Self { what, state: State::Bad, text: text.into(), todo: todo.into() }
    }
}

#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Report {
    pub findings: Vec<Finding>,
}

impl Report {
    /// Nothing that is needed is bad.
    pub(super) fn is_good(&self) -> bool {
        self.findings.iter().all(|finding| finding.state < State::Bad)
    }

    /// One JSON object.
    pub(super) fn write_json(&self, out: &mut dyn Write) -> io::Result<()> {
        let report = serde_json::json!({ "good": self.is_good(), "findings": self.findings });
        writeln!(out, "{report:#}")
    }

    /// One line a finding, the remedy below it.
    pub(super) fn write_text(&self, out: &mut dyn Write, is_coloured: bool) -> io::Result<()> {
        let mut before = "";
        for finding in &self.findings {
            let (word, colour) = look(finding.state);
            let (on, off) = if is_coloured { (colour, "\x1b[0m") } else { ("", "") };
            let what = if finding.what == before { "" } else { finding.what };
            before = finding.what;
            writeln!(out, "{what:<13} {on}{word:<7}{off} {}", one_line(&finding.text))?;
            if !finding.todo.is_empty() {
                writeln!(out, "{:21} → {}", "", one_line(&finding.todo))?;
            }
        }
        let n = |state| self.findings.iter().filter(|finding| finding.state == state).count();
        match (n(State::Bad), n(State::Limited)) {
            (0, 0) => writeln!(out, "\nready to drive"),
            (0, limited) => writeln!(out, "\nready to drive, with limits: {limited}"),
            (bad, _) => writeln!(out, "\nnot ready, to be mended: {bad}"),
        }
    }
}

/// Words before colours: the report reads the same without them.
const fn look(state: State) -> (&'static str, &'static str) {
    match state {
        State::Good => ("good", "\x1b[32m"),
        State::Note => ("note", "\x1b[36m"),
        State::Limited => ("limited", "\x1b[33m"),
        State::Bad => ("BAD", "\x1b[1;31m"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        Report {
            findings: vec![
                Finding::good("camera", "usb:0 C920"),
                Finding::note("camera", "usb:1 \x1b]0;evil\x07name"),
                Finding::limited("terminal", "no key release", "use kitty"),
            ],
        }
    }

    fn text(report: &Report, is_coloured: bool) -> String {
        let mut out = Vec::new();
        report.write_text(&mut out, is_coloured).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn text_is_plain_without_colour_whatever_a_device_is_called() {
        // A pipe or a log would otherwise be full of escape codes, a device's name could run some.
        let wanted = "\
camera        good    usb:0 C920
              note    usb:1 ]0;evil name
terminal      limited no key release
                      → use kitty

ready to drive, with limits: 1
";
        assert_eq!(text(&report(), false), wanted);
        assert!(text(&report(), true).contains("\x1b[32mgood"));
    }

    #[test]
    fn only_something_bad_is_not_good() {
        // The exit code follows from this; scripts trust it.
        let mut report = report();
        assert!(report.is_good());
        report.findings.push(Finding::bad("base", "no port", "plug it in"));
        assert!(!report.is_good());
        assert!(text(&report, false).ends_with("not ready, to be mended: 1\n"));
        let mut out = Vec::new();
        report.write_json(&mut out).unwrap();
        let json: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(json["good"], false);
        assert_eq!(json["findings"][3]["state"], "bad");
    }
}
