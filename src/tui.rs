//! The screen: events in, actions out, a picture of the station drawn from [`crate::msg`] alone.
//!
//! ```text
//! keys, frames, snapshots ─▶ update(&mut App, Event) ─▶ Option<Action>
//!                                  App ─▶ view(&mut App, &mut Frame)    changes only its caches
//! ```
//!
//! Deliberately absent: I/O (the caller owns the terminal and the clock), drive keys (those are
//! `teleop`'s) and every rule of motion; what is shown as wrong is what the control loop says is
//! wrong.

mod app;
mod dialog;
mod dots;
mod editor;
mod glyphs;
mod history;
mod layout;
mod palette;
mod path;
mod picture;
pub mod sample;
mod view;

use std::sync::Arc;

use ratatui_image::picker::Picker;

use crate::msg::{
    Frame, KeyEvent, Notice, Playback, RecordCommand, RecordStatus, Snapshot, Stamp, StationInfo,
};

pub use app::{App, update};
pub use view::view;

/// What the terminal can show; chosen once at start.
#[derive(Clone, Debug, Default)]
pub struct Options {
    pub depth: Depth,
    pub graphics: Graphics,
}

/// How many colours the terminal has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Depth {
    #[default]
    TrueColor,
    /// The 6x6x6 cube and the grey ramp of 256-colour terminals.
    Ansi256,
    /// `NO_COLOR`: the terminal's own two colours, bold and reverse; the picture in characters.
    Mono,
}

/// How the camera picture reaches the terminal.
#[derive(Clone, Debug, Default)]
pub enum Graphics {
    /// Two pixels a cell; works everywhere.
    #[default]
    HalfBlocks,
    /// Real pixels by kitty, sixel or iTerm2; protocol and cell size are the picker's.
    Pixels(Box<Picker>),
}

/// Everything that can change the screen.
#[derive(Clone, Debug)]
pub enum Event {
    Key(KeyEvent),
    Paste(String),
    Snapshot(Box<Snapshot>),
    Frame(Arc<Frame>),
    Info(Box<StationInfo>),
    Record(Box<RecordStatus>),
    /// What is shown is a recorded drive, at this place.
    Playback(Playback),
    Notice(Notice),
    /// The time now: send it before each drawing, so that ages grow even if the control loop falls
    /// silent.
    Clock(Stamp),
    /// The terminal's size changed; pixel graphics are sent anew.
    Resize,
}

/// Everything the screen can ask of the station.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    SetInstruction(String),
    SetPolicy(String),
    Record(RecordCommand),
    /// Hold still: a dialog that takes the keys was opened, or left with Esc.
    Pause,
    Quit,
}
