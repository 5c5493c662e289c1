//! What the terminal can show and tell, from its environment and its own answers.

use std::env;
use std::io::{BufRead, IsTerminal, Write};

use anyhow::Context;

use crate::config::Colour;

/// What the environment says of the terminal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    /// `NO_COLOR` is set and not empty (no-color.org).
    pub no_color: bool,
    pub term: String,
    pub colorterm: String,
    /// Running inside tmux or screen.
    pub is_multiplexed: bool,
}

/// Terminals that show true colour but lose `COLORTERM` over SSH, by a part of their `TERM`.
const TRUE_COLOUR: [&str; 8] =
    ["direct", "truecolor", "kitty", "ghostty", "alacritty", "foot", "wezterm", "iterm"];

impl Environment {
    #[must_use]
    pub fn read() -> Self {
        let text = |name| env::var(name).unwrap_or_default();
        let term = text("TERM");
        Self {
            no_color: !text("NO_COLOR").is_empty(),
            is_multiplexed: env::var_os("TMUX").is_some()
                || term.starts_with("tmux")
                || term.starts_with("screen"),
            colorterm: text("COLORTERM"),
            term,
        }
    }

    /// What `choice` comes to here; never [`Colour::Auto`].
    #[must_use]
    pub fn colour(&self, choice: Colour) -> Colour {
        if choice != Colour::Auto {
            return choice;
        }
        let is_true = matches!(self.colorterm.as_str(), "truecolor" | "24bit")
            || TRUE_COLOUR.iter().any(|name| self.term.contains(name));
        if self.no_color || self.term == "dumb" {
            Colour::None
        } else if is_true {
            Colour::True
        } else {
            Colour::Indexed
        }
    }
}

/// Whether lines written to `out` may carry colours.
#[must_use]
pub fn is_coloured(out: &impl IsTerminal) -> bool {
    out.is_terminal() && Environment::read().colour(Colour::Auto) != Colour::None
}

/// Names and messages from elsewhere may hold anything; on the terminal they are one line of text.
#[must_use]
pub fn one_line(text: &str) -> String {
    let plain = text.replace(|letter: char| letter.is_control(), " ");
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Asks `question` on `out`; only a plain yes on `input` is one.
///
/// # Errors
/// It could not be asked, or the answer not be read.
pub fn is_agreed(
    question: &str,
    input: &mut dyn BufRead,
    out: &mut dyn Write,
) -> anyhow::Result<bool> {
    write!(out, "{question} [y/N] ")?;
    out.flush()?;
    let mut answer = String::new();
    input.read_line(&mut answer).context("reading the answer")?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_follows_choice_then_environment() {
        // Escape codes a terminal does not know make the screen unreadable; NO_COLOR is a promise.
        let environment = |no_color, term: &str, colorterm: &str| Environment {
            no_color,
            term: term.to_owned(),
            colorterm: colorterm.to_owned(),
            is_multiplexed: false,
        };
        for (environment, wanted) in [
            (environment(false, "xterm-256color", "truecolor"), Colour::True),
            (environment(false, "xterm-256color", ""), Colour::Indexed),
            (environment(false, "xterm-kitty", ""), Colour::True),
            (environment(false, "tmux-direct", ""), Colour::True),
            (environment(false, "dumb", "truecolor"), Colour::None),
            (environment(true, "xterm-kitty", "truecolor"), Colour::None),
        ] {
            assert_eq!(environment.colour(Colour::Auto), wanted, "{environment:?}");
            assert_eq!(environment.colour(Colour::Indexed), Colour::Indexed);
        }
    }
}
