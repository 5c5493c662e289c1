//! A recorded drive on the station's own screen.

use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, ensure};

use super::recorded::Recorded;
use super::scene::Scene;
use super::transport::{SPEEDS, Transport};
use crate::cli::drive::console::{self, Console, Keys};
use crate::cli::drive::pace::Pace;
use crate::cli::drive::screen::{self, Screen};
use crate::cli::drive::{options, signals};
use crate::cli::episodes::root::Root;
use crate::config::Config;
use crate::dataset::Dataset;
use crate::msg::{Command, Key, KeyCode, KeyPhase};
use crate::runtime::clock;
use crate::teleop::{Probe, TermEvent};
use crate::tui::{self, Event};

/// Time between two looks at the terminal's size while nothing moves.
const STILL: Duration = Duration::from_millis(100);

/// The longest wait for a terminal's answer when it is left.
const ANSWER: Duration = Duration::from_millis(300);

/// Shows an episode until the user leaves.
///
/// # Errors
/// There is no such episode, it cannot be read, or there is no terminal.
pub(in crate::cli) fn run(
    root: &Root,
    number: usize,
    speed: f64,
    config: &Config,
) -> anyhow::Result<ExitCode> {
    let [slowest, .., fastest] = SPEEDS;
    ensure!((slowest..=fastest).contains(&speed), "--speed goes from {slowest} to {fastest}");
    let dataset = root.read()?;
    // An error is told before the screen is taken.
    let (recorded, notes) = open(&dataset, number)?;
    ensure!(
        std::io::stdin().is_terminal() && std::io::stdout().is_terminal(),
        "the screen needs a terminal on standard input and output; `{}` tells the facts",
        root.command(&format!("list {number} --json"))
    );
    let options = options::detect(&config.screen);
    let console = Console::open()?;
    let keys = Keys::start()?;
    let quit = Arc::new(AtomicBool::new(false));
    signals::watch(|| (), Arc::clone(&quit))?;
    let player = Player {
        dataset,
        transport: Transport::new(recorded.n_rows(), recorded.fps, speed),
        recorded,
        scene: Scene::new(options.clone(), notes),
        options,
        keys,
        probe: Probe::new(clock::now()),
        pace: Pace::default(),
        screen: screen::open()?,
        size: (0, 0),
        shown: None,
        quit,
    };
    let result = player.run();
    drop(console);
    result
}

/// The episode, and what is wrong with its recording.
fn open(dataset: &Dataset, number: usize) -> anyhow::Result<(Recorded, Vec<String>)> {
    let mut notes = Vec::new();
    let recorded = Recorded::open(dataset, number, &mut notes)
        .with_context(|| format!("cannot show episode {number}"))?;
    Ok((recorded, notes))
}

struct Player {
    dataset: Dataset,
    recorded: Recorded,
    transport: Transport,
    scene: Scene,
    options: tui::Options,
    keys: Keys,
    probe: Probe,
    pace: Pace,
    screen: Screen,
    size: (u16, u16),
    /// What stands on the screen; `None`: it must be drawn.
    shown: Option<(usize, Transport)>,
    quit: Arc<AtomicBool>,
}

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Wish {
    Pause,
    Seek(f64),
    Step(isize),
    Start,
    End,
    Speed { is_faster: bool },
    Episode { is_next: bool },
    Quit,
}

impl Wish {
    fn of(key: Key) -> Option<Self> {
        if Command::of(key) == Some(Command::Quit) {
            return Some(Self::Quit);
        }
        Some(match key.folded().code {
            KeyCode::Char(' ') => Self::Pause,
            KeyCode::Left => Self::Seek(-1.0),
            KeyCode::Right => Self::Seek(1.0),
            KeyCode::PageUp => Self::Seek(-10.0),
            KeyCode::PageDown => Self::Seek(10.0),
            KeyCode::Home => Self::Start,
            KeyCode::End => Self::End,
            KeyCode::Char('+' | '=' | 'g') => Self::Speed { is_faster: true },
            KeyCode::Char('-' | 'f') => Self::Speed { is_faster: false },
            KeyCode::Char(',') => Self::Step(-1),
            KeyCode::Char('.') => Self::Step(1),
            KeyCode::Char('n') => Self::Episode { is_next: true },
            KeyCode::Char('p') => Self::Episode { is_next: false },
            KeyCode::Char('q') | KeyCode::Esc => Self::Quit,
            _ => return None,
        })
    }
}

impl Player {
    fn run(mut self) -> anyhow::Result<ExitCode> {
        while !self.quit.load(Ordering::Acquire) {
            self.take_keys();
            let now = clock::now();
            self.transport.advance(now);
            if self.pace.may_draw(now) {
                self.draw()?;
            }
        }
        // The answer to the last question must not land in the shell.
        while self.pace.is_waiting()
            && let Some(event) = self.keys.next(ANSWER)
        {
            self.take_key(&event);
        }
        Ok(ExitCode::SUCCESS)
    }

    fn take_keys(&mut self) {
        let is_still = self.shown == Some(self.state()) && self.transport.is_paused();
        let mut patience = if is_still { STILL } else { self.pace.pause(clock::now()) };
        while let Some(event) = self.keys.next(patience) {
            patience = Duration::ZERO;
            self.take_key(&event);
        }
        let mut late = Vec::new();
        self.keys.settle(&mut late);
        for event in late {
            self.take_key(&event);
        }
    }

    fn take_key(&mut self, event: &TermEvent) {
        self.probe.on_event(event);
        if *event == TermEvent::Status {
            self.pace.answered();
        }
        let key = event.key().filter(|event| event.phase != KeyPhase::Release);
        match key.and_then(|event| Wish::of(event.key)) {
            Some(Wish::Pause) => self.transport.toggle(),
            Some(Wish::Seek(seconds)) => self.transport.seek(seconds),
            Some(Wish::Step(rows)) => self.transport.step(rows),
            Some(Wish::Start) => self.transport.go_to_start(),
            Some(Wish::End) => self.transport.go_to_end(),
            Some(Wish::Speed { is_faster }) => self.transport.change_speed(is_faster),
            Some(Wish::Episode { is_next }) => self.change_episode(is_next),
            Some(Wish::Quit) => self.quit.store(true, Ordering::Release),
            None => {}
        }
    }

    /// Stays where it is at the ends, and where the other episode cannot be read.
    fn change_episode(&mut self, is_next: bool) {
        let number = self.recorded.number;
        let other = if is_next { number.checked_add(1) } else { number.checked_sub(1) };
        let Some(other) = other.filter(|other| *other < self.dataset.episodes().len()) else {
            return;
        };
        match open(&self.dataset, other) {
            Ok((recorded, notes)) => {
                self.transport = self.transport.of_other(recorded.n_rows(), recorded.fps);
                self.scene = Scene::new(self.options.clone(), notes);
                self.recorded = recorded;
            }
            Err(error) => {
                let now = self.recorded.moment(self.transport.at_s());
                self.scene.note(format!("{error:#}"), now);
                self.shown = None;
            }
        }
    }

    fn state(&self) -> (usize, Transport) {
        (self.recorded.number, self.transport.standing())
    }

    /// Draws where something changed.
    fn draw(&mut self) -> anyhow::Result<()> {
        let size = self.screen.size().context("cannot tell the terminal's size")?;
        if self.size != (size.width, size.height) {
            self.size = (size.width, size.height);
            self.shown = None;
            tui::update(&mut self.scene.app, Event::Resize);
        }
        let state = self.state();
        if self.shown == Some(state) {
            return Ok(());
        }
        self.shown = Some(state);
        self.scene.show(&mut self.recorded, &self.transport);
        let app = &mut self.scene.app;
        self.screen.draw(|frame| tui::view(app, frame)).context("cannot draw")?;
        self.pace.set_answers(self.probe.answers());
        if self.pace.drawn(clock::now()) {
            console::ask_status(self.screen.backend_mut())
                .context("cannot write to the terminal")?;
        }
        Ok(())
    }
}
