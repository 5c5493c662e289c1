use std::time::Duration;

use serde::Serialize;

use super::Notice;

/// What the operator asks of the recorder.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum RecordCommand {
    /// Start an episode; stop the one that runs; end the pause between two.
    Toggle,
    /// Put the episode that runs, or the one saved last, aside. It can be restored.
    Discard,
    /// Discard and start anew.
    Again,
    /// The attempt that runs, or the one saved last, succeeded or failed.
    Success(bool),
    /// Add a tag to it.
    Tag(String),
    /// The last five seconds are bad: leave them out.
    Cut,
    /// Take the last cut or discard back.
    Undo,
}

/// What the recorder is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordPhase {
    /// There is no recorder: it is switched off, or its folder cannot be used.
    #[default]
    Off,
    Idle,
    /// The operator's episode.
    Recording,
    /// Nobody pressed record, but a takeover is kept.
    Takeover,
    /// The pause between two episodes: time to set the scene up again.
    Pause {
        left: Duration,
    },
}

/// The recorder's state, for the screen.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct RecordStatus {
    pub phase: RecordPhase,
    /// Name of the dataset.
    pub dataset: String,
    /// Episodes saved since the station started, and how many are wanted (0: no target).
    pub saved: u32,
    pub target: u32,
    /// Number the running episode will have in the dataset, or the next one.
    pub episode: usize,
    /// Rows of the running episode so far: one picture each.
    pub rows: u64,
    pub length: Duration,
    /// The longest it may become; zero for no limit.
    pub length_max: Duration,
    /// Camera pictures that never reached the recorder, and rows that had to repeat one.
    pub dropped: u64,
    pub repeated: u64,
    pub success: Option<bool>,
    pub takeovers: u32,
    /// How long the disk lasts at this rate; `None` where it cannot be told.
    pub disk_left: Option<Duration>,
    /// Episodes being written to their final place.
    pub finishing: u32,
    /// Why nothing can be recorded; empty when it can.
    pub problem: String,
    /// There is a cut or a discard to take back.
    pub can_undo: bool,
    /// What it said last; what went wrong stays until the operator asks for something.
    #[serde(skip)]
    pub said: Option<Notice>,
}
