use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::lock;
use crate::msg::{CameraFacts, Frame};

/// One reader's view of the pictures: a slot that always holds the newest one not taken yet.
#[derive(Debug)]
pub struct Frames {
    slot: Arc<Slot>,
}

impl Frames {
    pub(super) fn new(slot: Arc<Slot>) -> Self {
        Self { slot }
    }

    /// The newest picture, unless it was taken before.
    #[must_use]
    pub fn take(&self) -> Option<Arc<Frame>> {
        lock(&self.slot.newest).take()
    }

    /// Waits for a picture that was not taken before.
    #[must_use]
    pub fn wait(&self, timeout: Duration) -> Option<Arc<Frame>> {
        let newest = lock(&self.slot.newest);
        let arrived = self.slot.arrived.wait_timeout_while(newest, timeout, |n| n.is_none());
        arrived.unwrap_or_else(PoisonError::into_inner).0.take()
    }
}

#[derive(Debug, Default)]
pub(super) struct Slot {
    newest: Mutex<Option<Arc<Frame>>>,
    arrived: Condvar,
}

impl Slot {
    /// Replaces a picture that was not taken.
    pub(super) fn put(&self, frame: Arc<Frame>) {
        *lock(&self.newest) = Some(frame);
        self.arrived.notify_one();
    }
}

/// One reader's view of the facts. Reading neither locks nor allocates.
#[derive(Debug)]
pub struct Facts {
    output: triple_buffer::Output<CameraFacts>,
}

impl Facts {
    pub(super) fn pair(first: CameraFacts) -> (triple_buffer::Input<CameraFacts>, Self) {
        let (input, output) = triple_buffer::triple_buffer(&first);
        (input, Self { output })
    }

    #[must_use]
    pub fn read(&mut self) -> CameraFacts {
        *self.output.read()
    }
}

/// Pictures whose memory is used again once every reader let go of them.
#[derive(Debug, Default)]
pub(super) struct Pool {
    frames: Vec<Arc<Frame>>,
}

/// Two readers hold at most two pictures each, the recorder a few while it waits for the next one.
const POOL_MAX: usize = 12;

impl Pool {
    /// A picture that nobody else holds.
    pub(super) fn take(&mut self) -> Arc<Frame> {
        let free = self.frames.iter_mut().position(|frame| Arc::get_mut(frame).is_some());
        free.map_or_else(Arc::default, |place| self.frames.swap_remove(place))
    }

    pub(super) fn put(&mut self, frame: Arc<Frame>) {
        if self.frames.len() < POOL_MAX {
            self.frames.push(frame);
        }
    }
}
