//! The state behind the screen and the one function that changes it.

use std::collections::VecDeque;
use std::sync::Arc;

use super::dialog::{Dialog, Outcome};
use super::history::History;
use super::view::Canvas;
use super::{Action, Event, Options};
use crate::msg::{
    Command, Frame, Key, KeyEvent, KeyPhase, Notice, Playback, RecordStatus, Snapshot, Stamp,
    StationInfo,
};

/// Older notices are forgotten; they are in the log file.
const N_NOTICES: usize = 200;

/// Everything the screen shows.
#[derive(Debug, Default)]
pub struct App {
    pub(super) options: Options,
    /// `None` before the control loop's first tick.
    pub(super) snapshot: Option<Box<Snapshot>>,
    pub(super) info: StationInfo,
    pub(super) record: RecordStatus,
    /// `None` while the drive is live.
    pub(super) playback: Option<Playback>,
    pub(super) frame: Option<Arc<Frame>>,
    pub(super) notices: VecDeque<Notice>,
    pub(super) history: History,
    pub(super) dialog: Option<Dialog>,
    /// The newest moment heard of, by clock or by tick.
    pub(super) now: Stamp,
    /// The first moment heard of; the event log counts from it.
    pub(super) started: Option<Stamp>,
    /// Caches of [`super::view()`]; no state of the station.
    pub(super) canvas: Canvas,
}

impl App {
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self { options, ..Self::default() }
    }

    /// The instruction editor or the policy chooser is open: keys go to it, and the robot is held
    /// neutral. Ask before [`update`]: the Enter that closes an editor must not also engage
    /// autonomy.
    #[must_use]
    pub fn takes_text(&self) -> bool {
        self.dialog.as_ref().is_some_and(Dialog::takes_text)
    }

    fn heard(&mut self, now: Stamp) {
        self.now = self.now.max(now);
        self.started.get_or_insert(now);
    }
}

/// Takes one event in. Keys matter here only for dialogs, help and leaving; the rest are the
/// operator's input.
pub fn update(app: &mut App, event: Event) -> Option<Action> {
    match event {
        Event::Key(KeyEvent { phase: KeyPhase::Release, .. }) => {}
        Event::Key(KeyEvent { key, phase }) => return press(app, key, phase),
        Event::Paste(text) => {
            if let Some(dialog) = &mut app.dialog {
                dialog.paste(&text);
            }
        }
        Event::Snapshot(snapshot) => {
            app.heard(snapshot.tick.now);
            app.history.remember(&snapshot, app.info.tolerance);
            app.snapshot = Some(snapshot);
        }
        Event::Frame(frame) => app.frame = Some(frame),
        Event::Info(info) => app.info = *info,
        Event::Record(status) => app.record = *status,
        Event::Playback(playback) => app.playback = Some(playback),
        Event::Notice(notice) => {
            if app.notices.len() == N_NOTICES {
                app.notices.pop_front();
            }
            app.notices.push_back(notice);
        }
        Event::Clock(now) => app.heard(now),
        Event::Resize => app.canvas.forget(),
    }
    None
}

fn press(app: &mut App, key: Key, phase: KeyPhase) -> Option<Action> {
    let command = Command::of(key);
    if command == Some(Command::Quit) {
        return Some(Action::Quit);
    }
    if let Some(dialog) = &mut app.dialog {
        let outcome = dialog.key(key, &app.info);
        return match outcome {
            Outcome::Stay => None,
            Outcome::Close(action) => {
                app.dialog = None;
                action
            }
        };
    }
    if phase != KeyPhase::Press {
        return None;
    }
    if let Some(record) = command.and_then(Command::record) {
        return Some(Action::Record(record));
    }
    app.dialog = match command? {
        Command::Help => Some(Dialog::Help),
        Command::TagEpisode => Some(Dialog::tag()),
        Command::EditInstruction => Some(Dialog::instruction(&app.info)),
        Command::ChoosePolicy => Some(Dialog::policy(&app.info)),
        _ => None,
    };
    app.takes_text().then_some(Action::Pause)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::msg::{Level, RecordCommand};

    /// Feeds key names; a paste is written `"text"` in one word. Returns the actions.
    fn actions(app: &mut App, keys: &str) -> Vec<Action> {
        let event = |name: &str| match name.strip_prefix('"') {
            Some(text) => Event::Paste(text.trim_end_matches('"').to_owned()),
            None => Event::Key(KeyEvent { key: name.parse().unwrap(), phase: KeyPhase::Press }),
        };
        keys.split_whitespace().filter_map(|name| update(app, event(name))).collect()
    }

    fn app() -> App {
        let mut app = App::new(Options::default());
        let info = StationInfo {
            policies: ["beacon", "nav", "tiny"].map(String::from).to_vec(),
            policy: Some("nav".into()),
            suggestions: ["find the red target", "find the blue target"].map(String::from).to_vec(),
            instruction: "go".into(),
            ..StationInfo::default()
        };
        update(&mut app, Event::Info(Box::new(info)));
        app
    }

    #[test]
    fn keys_become_actions() {
        // The whole keyboard contract of the screen; every other key is the operator's.
        let say = |text: &str| Action::SetInstruction(text.into());
        let policy = |name: &str| Action::SetPolicy(name.into());
        let cases: &[(&str, &[Action])] = &[
            ("w a s d space m enter x esc u g f", &[]),
            ("ctrl-c", &[Action::Quit]),
            ("? ? h w", &[]),
            ("i enter", &[Action::Pause, say("go")]),
            ("i backspace backspace w x q space enter", &[Action::Pause, say("wxq")]),
            ("i esc", &[Action::Pause, Action::Pause]),
            ("i ctrl-q", &[Action::Pause, Action::Quit]),
            ("i down enter", &[Action::Pause, say("find the red target")]),
            ("i tab tab tab enter", &[Action::Pause, say("find the red target")]),
            ("i up enter", &[Action::Pause, say("find the blue target")]),
            ("i ctrl-u \"left\" enter", &[Action::Pause, say("left")]),
            ("\"stray\" i enter", &[Action::Pause, say("go")]),
            ("p enter", &[Action::Pause, policy("nav")]),
            ("p down enter", &[Action::Pause, policy("tiny")]),
            ("p up up enter", &[Action::Pause, policy("tiny")]),
            ("p p", &[Action::Pause, Action::Pause]),
            ("p esc", &[Action::Pause, Action::Pause]),
            ("? i enter", &[]),
            ("o k", &[Action::Record(RecordCommand::Toggle), Action::Record(RecordCommand::Cut)]),
            ("y", &[Action::Record(RecordCommand::Success(true))]),
            ("? backspace backspace", &[Action::Record(RecordCommand::Discard)]),
            ("b o k enter", &[Action::Pause, Action::Record(RecordCommand::Tag("ok".into()))]),
            ("b enter", &[Action::Pause, Action::Pause]),
        ];
        for (keys, expected) in cases {
            assert_eq!(&actions(&mut app(), keys), expected, "{keys}");
        }
    }

    #[test]
    fn text_is_taken_only_while_an_editor_is_open() {
        // Drive keys are sent on when this is false: a letter typed must never drive, a drive
        // key never be eaten.
        let cases = [("i", true), ("p", true), ("?", false), ("i esc", false), ("p enter", false)];
        for (keys, expected) in cases {
            let mut app = app();
            actions(&mut app, keys);
            assert_eq!(app.takes_text(), expected, "{keys}");
        }
    }

    #[test]
    fn releases_and_repeats_open_nothing() {
        // The release of the key that closed a dialog would open it again.
        for phase in [KeyPhase::Release, KeyPhase::Repeat] {
            let mut app = app();
            let key = "i".parse().unwrap();
            assert_eq!(update(&mut app, Event::Key(KeyEvent { key, phase })), None);
            assert!(app.dialog.is_none());
        }
    }

    #[test]
    fn notices_are_bounded() {
        // A flapping cable must not fill the memory of a long day.
        let mut app = app();
        for i in 0..N_NOTICES as u64 + 5 {
            let text = i.to_string();
            update(&mut app, Event::Notice(Notice { at: Stamp(i), level: Level::Info, text }));
        }
        assert_eq!(app.notices.len(), N_NOTICES);
        assert_eq!(app.notices.front().unwrap().text, "5");
    }
}
