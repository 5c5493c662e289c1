//! Plain data that crosses a border between modules or threads.
//!
//! Everything here is a value: no I/O, no clock, no behaviour beyond arithmetic on itself. Units
//! are SI and end each name (`_mps`, `_ms`) where a unit-less name would leave doubt; angles are
//! radians. Deliberately absent: any rule of motion (those live in [`crate::control`] and
//! [`crate::safety`]).

mod base;
mod chunk;
mod command;
mod fault;
mod frame;
mod key;
mod mode;
mod operator;
mod playback;
mod readiness;
mod record;
mod snapshot;
mod station;
mod tick;
mod time;
mod twist;

pub use base::{
    BaseInfo, BaseReport, Battery, Kinematics, LinkState, Odometry, StopKind, StopState,
};
pub use chunk::{ActionChunk, MAX_SLOTS};
pub use command::{BINDINGS, Binding, Command};
pub use fault::{Fault, FaultSet, Severity};
pub use frame::Frame;
pub use key::{Key, KeyCode, KeyEvent, KeyPhase, UnknownKey};
pub use mode::{Authority, Limiter, Mode};
pub use operator::{Device, InputMode, OperatorInput, Requests};
pub use playback::Playback;
pub use readiness::{CameraFacts, PolicyFacts, Readiness};
pub use record::{RecordCommand, RecordPhase, RecordStatus};
pub use snapshot::Snapshot;
pub use station::{Level, Notice, StationInfo};
pub use tick::Tick;
pub use time::Stamp;
pub use twist::{Axes, Twist};
