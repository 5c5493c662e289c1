//! The operator's desk: terminal, gamepad and script all end in one [`Teleop`], whose newest state
//! goes to control.

use std::sync::{Mutex, MutexGuard, PoisonError};

use triple_buffer::{Input, Output, triple_buffer};

use super::clock;
use crate::msg::{OperatorInput, Stamp};
use crate::teleop::Teleop;

/// Shared by the threads that read the operator's devices; control only ever touches the mailbox
/// behind it.
#[derive(Debug)]
pub struct Desk(Mutex<State>);

#[derive(Debug)]
struct State {
    teleop: Teleop,
    mailbox: Input<OperatorInput>,
}

impl Desk {
    /// The desk and control's end of its mailbox.
    #[must_use]
    pub fn new(teleop: Teleop) -> (Self, Output<OperatorInput>) {
        let (mailbox, tap) = triple_buffer(&teleop.state(clock::now()));
        (Self(Mutex::new(State { teleop, mailbox })), tap)
    }

    /// Changes the operator's state and hands it to control before returning.
    pub fn update<T>(&self, change: impl FnOnce(&mut Teleop, Stamp) -> T) -> T {
        let mut state = self.lock();
        let now = clock::now();
        let result = change(&mut state.teleop, now);
        let input = state.teleop.state(now);
        state.mailbox.write(input);
        result
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere must not silence the operator's stop.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
