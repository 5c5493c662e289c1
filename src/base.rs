//! The robot's base: velocity commands out, telemetry in.
//!
//! A [`Base`] never blocks and never reads a clock: bytes go through a [`Line`], which the runtime
//! backs with threads.

pub mod native;
pub mod ports;

use crate::msg::{BaseInfo, BaseReport, Stamp, StopKind};
use crate::safety::SafeTwist;

/// A base that can be driven. Called once per tick: `poll`, then `send` or `stop` + `send` of zero.
/// Dropping it sends zero and a stop.
pub trait Base: Send {
    /// Drains what arrived and moves its own state (handshake, acknowledgements, resends) to `now`.
    fn poll(&mut self, now: Stamp) -> &BaseReport;

    /// One velocity command; before the handshake is complete it is not written.
    fn send(&mut self, command: SafeTwist, now: Stamp);

    /// Asks for a stop; repeated by `poll` until acknowledged. Never gated, always allowed.
    fn stop(&mut self, kind: StopKind, now: Stamp);

    /// What the base said of itself; `None` before the handshake.
    fn info(&self) -> Option<&BaseInfo>;
}

/// Whether bytes could be handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// Taken. An earlier buffer that had not left yet is replaced whole (newest wins).
    Taken,
    /// The line is down.
    Down,
}

/// A byte line that never blocks its caller.
pub trait Line: Send {
    /// True while a port is open. A reopened port counts `generation` up.
    fn is_open(&self) -> bool;
    fn generation(&self) -> u32;

    /// Hands over one tick's bytes, at most [`MAX_WRITE`].
    fn write(&mut self, bytes: &[u8]) -> Written;

    /// Since when the port has taken none of our bytes although some wait; `None` while it does.
    fn blocked_since(&self) -> Option<Stamp>;

    /// Moves what arrived into `buffer`; returns how many bytes.
    fn read(&mut self, buffer: &mut [u8]) -> usize;

    /// When the newest of the bytes read so far arrived, if the line notes it: ticks are coarser
    /// than a round trip.
    fn received_at(&self) -> Option<Stamp> {
        None
    }
}

/// Most bytes of one [`Line::write`].
pub const MAX_WRITE: usize = 256;
