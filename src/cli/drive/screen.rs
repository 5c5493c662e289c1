//! Driving on screen: one loop that takes in events and draws. It may be as slow as the terminal
//! is; nothing that moves or stops the robot waits for it.

use std::io::{self, BufWriter, Stdout};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context;
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;

use super::Policies;
use super::console::{self, Console, Keys};
use super::options;
use super::pace::Pace;
use super::robot::{Robot, policy_notice};
use super::signals;
use crate::cli::log::Log;
use crate::config::Config;
use crate::msg::{InputMode, Level, Notice, RecordCommand, Stamp};
use crate::runtime::policy_loop::PolicyCommand;
use crate::runtime::record_loop::Order;
use crate::runtime::{Station, clock};
use crate::teleop::{AUTO_REPEAT, Gamepad, Probe, Teleop, TermEvent};
use crate::tui::{self, Action, App, Event};

/// Room for one picture's bytes, so that a drawing is written in one go.
const OUTPUT: usize = 1 << 20;

/// Time between two looks at the gamepad; control takes an operator who was silent for half a
/// second for lost.
const HEARTBEAT: Duration = Duration::from_millis(10);

pub(in crate::cli) type Screen = Terminal<CrosstermBackend<BufWriter<Stdout>>>;

/// Opens the terminal, runs the station on it until the operator quits.
pub(super) fn run(
    config: &Config,
    log: &Log,
    quit: &Arc<AtomicBool>,
    started: Stamp,
    policies: Policies,
) -> anyhow::Result<ExitCode> {
    let options = options::detect(&config.screen);
    let console = Console::open()?;
    let keys = Keys::start()?;
    let probe = Probe::new(clock::now());
    let teleop = Teleop::new(&config.teleop, InputMode::Nudge);
    let (robot, mut parts) = Robot::connect(config, teleop, started)?;
    parts.load_policy = policies(parts.load_policy);
    let station = Station::start(parts).context("cannot start the station")?;
    robot.begin(&station, config);
    keys.connect(Arc::clone(&station.desk));
    signals::watch(super::hang_up(&station), Arc::clone(quit))?;
    let mut looped = Loop {
        robot,
        station,
        keys: &keys,
        probe,
        app: App::new(options),
        pace: Pace::default(),
        screen: open()?,
        quit,
        size: (0, 0),
        recorded: None,
        pad: Arc::default(),
    };
    looped.robot.info.log_path = log.folder.display().to_string();
    looped.start_heartbeat(config)?;
    let result = looped.run();
    drop(console);
    result
}

/// What is drawn on; the terminal is prepared by a [`Console`].
pub(in crate::cli) fn open() -> anyhow::Result<Screen> {
    let output = BufWriter::with_capacity(OUTPUT, io::stdout());
    Terminal::new(CrosstermBackend::new(output)).context("cannot draw")
}

struct Loop<'a> {
    robot: Robot,
    station: Station,
    keys: &'a Keys,
    probe: Probe,
    app: App,
    pace: Pace,
    screen: Screen,
    quit: &'a AtomicBool,
    size: (u16, u16),
    /// The newest order to the recorder.
    recorded: Option<(RecordCommand, Stamp)>,
    /// Name of the gamepad that is plugged in.
    pad: Arc<Mutex<Option<String>>>,
}

fn lock(pad: &Mutex<Option<String>>) -> MutexGuard<'_, Option<String>> {
    pad.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Loop<'_> {
    fn run(mut self) -> anyhow::Result<ExitCode> {
        self.tell_info();
        while !self.quit.load(Ordering::Acquire) {
            self.take_keys();
            self.take_news();
            let now = clock::now();
            let is_due = self.station.desk.update(|teleop, now| {
                let is_due = teleop.probe_due(now);
                if is_due {
                    teleop.probe_sent(now);
                }
                is_due
            });
            if self.pace.may_draw(now) {
                self.draw(now)?;
            } else if is_due {
                self.ask()?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Waits for keys until the next picture is due.
    fn take_keys(&mut self) {
        let mut patience = self.pace.pause(clock::now());
        while let Some(event) = self.keys.next(patience) {
            patience = Duration::ZERO;
            self.take_key(event);
        }
        let mut late = Vec::new();
        self.keys.settle(&mut late);
        for event in late {
            self.take_key(event);
        }
    }

    fn take_key(&mut self, event: TermEvent) {
        if let Some(mode) = self.probe.on_event(&event) {
            self.station.desk.update(|teleop, now| teleop.set_input_mode(mode, now));
            self.robot.info.input_mode = mode;
            self.tell_info();
        }
        let had_dialog = self.app.takes_text();
        let action = match event {
            TermEvent::Key(key) => tui::update(&mut self.app, Event::Key(key)),
            TermEvent::Typed(_) => {
                event.key().and_then(|key| tui::update(&mut self.app, Event::Key(key)))
            }
            TermEvent::Paste(text) => tui::update(&mut self.app, Event::Paste(text)),
            TermEvent::Status => {
                self.pace.answered();
                None
            }
            _ => None,
        };
        if had_dialog && !self.app.takes_text() {
            self.keys.dialog_closed();
        }
        if let Some(action) = action {
            self.act(action);
        }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::SetInstruction(text) => self.command(PolicyCommand::Instruct(text)),
            Action::Record(command) => self.record(command),
            Action::SetPolicy(name) => self.command(PolicyCommand::Choose(name)),
            Action::Pause => self.station.desk.update(Teleop::pause),
            Action::Quit => self.quit.store(true, Ordering::Release),
        }
    }

    /// A key that is held repeats itself, and without key releases that looks like presses.
    fn record(&mut self, command: RecordCommand) {
        let now = clock::now();
        let is_repeat = self
            .recorded
            .as_ref()
            .is_some_and(|(last, at)| *last == command && now.since(*at) < AUTO_REPEAT);
        self.recorded = Some((command.clone(), now));
        if !is_repeat {
            self.station.record(Order::Command(command));
        }
    }

    fn command(&mut self, command: PolicyCommand) {
        if !self.station.policy.command(command) {
            let text = "the policy is stuck in an inference; nothing was changed".to_owned();
            self.tell(Notice { at: clock::now(), level: Level::Error, text });
        }
    }

    /// Everything the station's threads have for the screen.
    fn take_news(&mut self) {
        let app = &mut self.app;
        self.station.poll(|notice| {
            tui::update(app, Event::Notice(notice));
        });
        if let Some(recorder) = &self.station.recorder {
            let status = Box::new(recorder.status());
            tui::update(&mut self.app, Event::Record(status));
        }
        if let Some(frame) = self.station.frames.take() {
            tui::update(&mut self.app, Event::Frame(frame));
        }
        if let Some(base) = self.station.base_info() {
            self.robot.info.base = Some(base);
            self.tell_info();
        }
        while let Some(event) = self.station.policy.event() {
            self.tell(policy_notice(&event));
            if let Some(command) = self.robot.first_instruction(&event) {
                self.command(command);
            }
            Robot::tell_recorder(&self.station, &event);
            if self.robot.on_policy_event(&event) {
                self.tell_info();
            }
        }
        let notices = self.robot.look_for_policies(clock::now());
        if !notices.is_empty() {
            for notice in notices {
                self.tell(notice);
            }
            self.tell_info();
        }
        let pad = lock(&self.pad).clone();
        if self.robot.info.gamepad != pad {
            self.robot.info.gamepad = pad;
            self.tell_info();
        }
        if let Some(camera) = self.station.camera.info() {
            let text = camera.to_string();
            if self.robot.info.camera != text {
                self.robot.info.camera = text;
                self.tell_info();
            }
        }
    }

    fn draw(&mut self, now: Stamp) -> anyhow::Result<()> {
        tui::update(&mut self.app, Event::Clock(now));
        if self.station.monitor.first().is_some() {
            let snapshot = self.station.monitor.snapshot();
            tui::update(&mut self.app, Event::Snapshot(Box::new(snapshot)));
        }
        let size = self.screen.size().context("cannot tell the terminal's size")?;
        if self.size != (size.width, size.height) {
            self.size = (size.width, size.height);
            tui::update(&mut self.app, Event::Resize);
        }
        let app = &mut self.app;
        self.screen.draw(|frame| tui::view(app, frame)).context("cannot draw")?;
        self.pace.set_answers(self.probe.answers());
        if self.pace.drawn(clock::now()) {
            self.station.desk.update(Teleop::on_query);
            self.ask()?;
        }
        Ok(())
    }

    fn ask(&mut self) -> anyhow::Result<()> {
        console::ask_status(self.screen.backend_mut()).context("cannot write to the terminal")
    }

    fn tell(&mut self, notice: Notice) {
        tui::update(&mut self.app, Event::Notice(notice));
    }

    fn tell_info(&mut self) {
        let info = Box::new(self.robot.info.clone());
        tui::update(&mut self.app, Event::Info(info));
    }

    /// Keeps the operator's state fresh, whatever the screen is waiting for, and polls the gamepad.
    fn start_heartbeat(&self, config: &Config) -> anyhow::Result<()> {
        let desk = Arc::clone(&self.station.desk);
        let settings = config.teleop.clone();
        let name = Arc::clone(&self.pad);
        crate::runtime::spawn("operator", move || {
            let mut pad = settings
                .gamepad
                .then(|| Gamepad::open(&settings))
                .and_then(|pad| pad.inspect_err(|error| tracing::warn!("{error}")).ok());
            loop {
                match &mut pad {
                    Some(pad) => {
                        let state = pad.poll();
                        let now = state.connected.then_some(&state.name);
                        if lock(&name).as_ref() != now {
                            *lock(&name) = now.cloned();
                        }
                        desk.update(|teleop, now| teleop.on_pad(state, now));
                    }
                    None => desk.update(|_, _| ()),
                }
                clock::sleep(HEARTBEAT);
            }
        })
        .context("cannot start a thread")?;
        Ok(())
    }
}
