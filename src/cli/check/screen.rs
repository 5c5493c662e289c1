//! The terminal: which input mode, colours and picture follow from what it answers.

use std::time::Duration;

use ratatui_image::picker::{Picker, ProtocolType};

use crate::cli::terminal::Environment;
use crate::config::{Colour, Config, Graphics};

use super::report::Finding;

/// What the terminal said when it was asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Answers {
    /// It claims to report key releases.
    claims_release: bool,
    /// From the question to the status answer; `None` where none came.
    round_trip: Option<Duration>,
}

/// Asks the terminal on standard input and output, if there is one; at most half a second.
pub(super) fn check(config: &Config) -> Vec<Finding> {
    let environment = Environment::read();
    let keys = match ask::terminal() {
        Ok(Some(answers)) => judge_keys(answers, environment.is_multiplexed),
        Ok(None) => {
            return vec![Finding::note("terminal", "none here; drive --headless needs none")];
        }
        Err(error) => Finding::limited(
            "terminal",
            format!("it could not be asked: {error}"),
            "drive from another terminal",
        ),
    };
    let colour = judge_colour(environment.colour(config.screen.colour), &environment);
    let seen = || Picker::from_query_stdio().ok().map(|picker| picker.protocol_type());
    vec![keys, colour, judge_graphics(config.screen.graphics, seen)]
}

/// `seen` asks the terminal, and only where the configuration leaves the choice to it.
fn judge_graphics(choice: Graphics, seen: impl FnOnce() -> Option<ProtocolType>) -> Finding {
    let answer = if choice == Graphics::Auto { seen() } else { None };
    let text = match (choice, answer) {
        (Graphics::Kitty, _) => "kitty graphics, as configured",
        (Graphics::Sixel, _) => "sixel graphics, as configured",
        (Graphics::Iterm2, _) => "iTerm2 graphics, as configured",
        (Graphics::HalfBlocks, _) => "half-blocks, as configured",
        (Graphics::Auto, Some(ProtocolType::Kitty)) => "kitty graphics",
        (Graphics::Auto, Some(ProtocolType::Sixel)) => "sixel graphics",
        (Graphics::Auto, Some(ProtocolType::Iterm2)) => "iTerm2 graphics",
        (Graphics::Auto, Some(ProtocolType::Halfblocks) | None) => {
            "half-blocks, two pixels a character: the terminal claims no graphics"
        }
    };
    Finding::good("picture", text)
}

fn judge_keys(answers: Answers, is_multiplexed: bool) -> Finding {
    let Some(round_trip) = answers.round_trip else {
        return nudge("it answers no status query, so a held key cannot be trusted");
    };
    let ms = round_trip.as_secs_f64() * 1e3;
    if !answers.claims_release {
        let why = if is_multiplexed {
            "tmux and screen report no key release"
        } else {
            "it reports no key release"
        };
        return nudge(why);
    }
    let text = format!("hold-to-drive, once a key release was seen; it answers in {ms:.1} ms");
    Finding::good("terminal", text)
}

fn nudge(why: &str) -> Finding {
    Finding::limited(
        "terminal",
        format!("{why}: each key press moves for 250 ms at 0.2 m/s or less"),
        "for hold-to-drive: kitty, Ghostty, foot, WezTerm or Alacritty outside tmux, or a gamepad",
    )
}

fn judge_colour(colour: Colour, environment: &Environment) -> Finding {
    let term = &environment.term;
    match colour {
        Colour::True => Finding::good("colour", "true colour"),
        Colour::Indexed | Colour::Auto => Finding::limited(
            "colour",
            format!("256 colours (TERM is {term:?}, COLORTERM says no more)"),
            "where it shows true colour: COLORTERM=truecolor, or screen.colour = \"true\"",
        ),
        Colour::None if environment.no_color => Finding::note("colour", "none, as NO_COLOR asks"),
        Colour::None => Finding::note("colour", format!("none (TERM is {term:?})")),
    }
}

#[cfg(unix)]
mod ask {
    use std::io::{self, IsTerminal, Write};

    use rustix::termios::{OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};

    use super::Answers;
    use crate::runtime::clock;
    use crate::teleop::{Parser, Probe, TERMINAL_ENTER, TERMINAL_LEAVE, TermEvent};

    /// Puts the terminal back as it was.
    struct Restore(Termios);

    impl Drop for Restore {
        fn drop(&mut self) {
            // Nothing more can be done for a terminal that went away.
            let _ = io::stdout().write_all(TERMINAL_LEAVE.as_bytes());
            let _ = io::stdout().flush();
            let _ = tcsetattr(io::stdin(), OptionalActions::Flush, &self.0);
        }
    }

    /// `None` where standard input or output is no terminal.
    pub(super) fn terminal() -> io::Result<Option<Answers>> {
        if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
            return Ok(None);
        }
        let before = tcgetattr(io::stdin())?;
        let mut raw = before.clone();
        raw.make_raw();
        // A read returns after a tenth of a second, with or without bytes.
        raw.special_codes[SpecialCodeIndex::VMIN] = 0;
        raw.special_codes[SpecialCodeIndex::VTIME] = 1;
        let _restore = Restore(before);
        tcsetattr(io::stdin(), OptionalActions::Flush, &raw)?;
        let asked = clock::now();
        io::stdout().write_all(TERMINAL_ENTER.as_bytes())?;
        io::stdout().flush()?;

        let (mut parser, mut probe) = (Parser::new(), Probe::new(asked));
        let (mut answers, mut events, mut buffer) = (Answers::default(), Vec::new(), [0; 256]);
        while !probe.is_settled(clock::now()) {
            let n_read = rustix::io::read(io::stdin(), &mut buffer)?;
            let now = clock::now();
            parser.feed(buffer.get(..n_read).unwrap_or_default(), now, &mut events);
            for event in events.drain(..) {
                if event == TermEvent::Status {
                    answers.round_trip.get_or_insert(now.since(asked));
                }
                probe.on_event(&event);
            }
        }
        answers.claims_release = probe.claims_release();
        Ok(Some(answers))
    }
}

#[cfg(not(unix))]
mod ask {
    use std::io::{self, IsTerminal};

    use super::Answers;

    /// A console here answers nothing: it drives by nudges.
    #[expect(clippy::unnecessary_wraps, reason = "as on Unix, where asking can fail")]
    pub(super) fn terminal() -> io::Result<Option<Answers>> {
        let is_terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
        Ok(is_terminal.then(Answers::default))
    }
}

#[cfg(test)]
mod tests {
    use super::super::report::State;
    use super::*;

    #[test]
    fn the_input_mode_that_follows_is_told() {
        // Whoever expects hold-to-drive and has nudges thinks that the robot is broken.
        let ms = Some(Duration::from_millis(3));
        for (answers, state, part) in [
            (Answers { claims_release: true, round_trip: ms }, State::Good, "hold-to-drive"),
            (Answers { claims_release: false, round_trip: ms }, State::Limited, "tmux"),
            (Answers { claims_release: true, round_trip: None }, State::Limited, "status query"),
        ] {
            let found = judge_keys(answers, true);
            assert_eq!(found.state, state, "{found:?}");
            assert!(found.text.contains(part), "{found:?}");
        }
    }

    #[test]
    fn a_configured_picture_is_not_asked_for() {
        // A terminal that claims graphics it draws wrongly can only be used by overruling it.
        let never = || unreachable!();
        assert!(judge_graphics(Graphics::HalfBlocks, never).text.contains("as configured"));
        let seen = || Some(ProtocolType::Sixel);
        assert_eq!(judge_graphics(Graphics::Auto, seen).text, "sixel graphics");
    }

    #[test]
    fn fewer_colours_come_with_their_reason() {
        // A grey screen without a reason sends people to the wrong setting.
        let environment = Environment { no_color: true, ..Environment::default() };
        assert!(judge_colour(Colour::None, &environment).text.contains("NO_COLOR"));
        assert_eq!(judge_colour(Colour::Indexed, &environment).state, State::Limited);
        assert_eq!(judge_colour(Colour::True, &environment).state, State::Good);
    }
}
