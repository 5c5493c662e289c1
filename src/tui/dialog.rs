//! What lies over the screen: help, the instruction editor, the policy chooser. Key in, consequence
//! out.

use super::Action;
use super::editor::Editor;
use crate::msg::{Command, Key, KeyCode, RecordCommand, StationInfo};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Dialog {
    Help,
    Instruction(Instruction),
    Policy(Policy),
    /// A tag for the episode.
    Tag(Editor),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Instruction {
    pub(super) editor: Editor,
    /// Which of the station's suggestions was taken into the editor last.
    pub(super) suggestion: Option<usize>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Policy {
    pub(super) selected: usize,
}

/// What a key does to the open dialog.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Stay,
    Close(Option<Action>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Next,
    Previous,
}

impl Dialog {
    pub(super) fn instruction(info: &StationInfo) -> Self {
        Self::Instruction(Instruction { editor: Editor::new(&info.instruction), suggestion: None })
    }

    pub(super) fn tag() -> Self {
        Self::Tag(Editor::new(""))
    }

    /// Opens on the policy in force.
    pub(super) fn policy(info: &StationInfo) -> Self {
        let is_current = |name: &String| Some(name) == info.policy.as_ref();
        Self::Policy(Policy { selected: info.policies.iter().position(is_current).unwrap_or(0) })
    }

    /// True when letters are text here and must not drive.
    pub(super) const fn takes_text(&self) -> bool {
        !matches!(self, Self::Help)
    }

    pub(super) fn key(&mut self, key: Key, info: &StationInfo) -> Outcome {
        match (self, key.code) {
            // Driving blind is no use: help gives way to any key.
            (Self::Help, _) => Outcome::Close(None),
            (_, KeyCode::Esc) => Outcome::Close(Some(Action::Pause)),
            (Self::Instruction(dialog), _) => dialog.key(key, info),
            (Self::Policy(dialog), _) => dialog.key(key, info),
            (Self::Tag(editor), KeyCode::Enter) => {
                let tag = editor.text().trim().to_owned();
                let action = Action::Record(RecordCommand::Tag(tag.clone()));
                Outcome::Close(Some(if tag.is_empty() { Action::Pause } else { action }))
            }
            (Self::Tag(editor), _) => {
                editor.key(key);
                Outcome::Stay
            }
        }
    }

    pub(super) fn paste(&mut self, text: &str) {
        match self {
            Self::Instruction(dialog) => dialog.editor.insert(text),
            Self::Tag(editor) => editor.insert(text),
            Self::Help | Self::Policy(_) => {}
        }
    }
}

impl Instruction {
    fn key(&mut self, key: Key, info: &StationInfo) -> Outcome {
        match key.code {
            KeyCode::Enter => {
                let text = self.editor.text().trim().to_owned();
                return Outcome::Close(Some(Action::SetInstruction(text)));
            }
            KeyCode::Down | KeyCode::Tab => self.suggest(info, Step::Next),
            KeyCode::Up | KeyCode::BackTab => self.suggest(info, Step::Previous),
            _ => {
                self.editor.key(key);
            }
        }
        Outcome::Stay
    }

    fn suggest(&mut self, info: &StationInfo, step: Step) {
        let next = match self.suggestion {
            Some(at) => stepped(at, step, info.suggestions.len()),
            None if step == Step::Next => 0,
            None => info.suggestions.len().saturating_sub(1),
        };
        if let Some(text) = info.suggestions.get(next) {
            (self.editor, self.suggestion) = (Editor::new(text), Some(next));
        }
    }
}

impl Policy {
    fn key(&mut self, key: Key, info: &StationInfo) -> Outcome {
        match key.code {
            KeyCode::Enter => {
                let chosen = info.policies.get(self.selected).cloned();
                return Outcome::Close(Some(chosen.map_or(Action::Pause, Action::SetPolicy)));
            }
            KeyCode::Down | KeyCode::Tab | KeyCode::Char('j') => self.step(info, Step::Next),
            KeyCode::Up | KeyCode::BackTab | KeyCode::Char('k') => self.step(info, Step::Previous),
            _ if Command::of(key) == Some(Command::ChoosePolicy) => {
                return Outcome::Close(Some(Action::Pause));
            }
            _ => {}
        }
        Outcome::Stay
    }

    fn step(&mut self, info: &StationInfo, step: Step) {
        self.selected = stepped(self.selected, step, info.policies.len());
    }
}

/// The entry after or before `at` of `len`, around the ends.
fn stepped(at: usize, step: Step, len: usize) -> usize {
    let len = len.max(1);
    match step {
        Step::Next => (at + 1) % len,
        Step::Previous => (at + len - 1) % len,
    }
}
