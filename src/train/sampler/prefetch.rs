use std::ops::Range;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use super::{Batch, Sampler};
use crate::train::TrainError;

/// Batches made on another thread while others are learnt from, in the order of their steps.
#[derive(Debug)]
pub struct Prefetch {
    full: Receiver<Result<Batch, TrainError>>,
    used: SyncSender<Batch>,
}

impl Sampler {
    /// Calls `work` while batches of `steps` are made ready, `depth` ahead; a full queue waits.
    pub fn prefetch<R>(
        &self,
        steps: Range<u64>,
        depth: usize,
        work: impl FnOnce(&Prefetch) -> R,
    ) -> R {
        std::thread::scope(|scope| {
            let (ready, full) = sync_channel(depth.max(1));
            let (used, empty) = sync_channel::<Batch>(depth.max(1) + 1);
            scope.spawn(move || {
                for step in steps {
                    let mut batch = empty.try_recv().unwrap_or_default();
                    let made = self.batch(step, &mut batch).map(|()| batch);
                    let is_last = made.is_err();
                    // Nobody waits for more once the work is done.
                    if ready.send(made).is_err() || is_last {
                        return;
                    }
                }
            });
            let prefetch = Prefetch { full, used };
            work(&prefetch)
        })
    }
}

impl Prefetch {
    /// The next batch, waiting for it if need be.
    ///
    /// # Errors
    /// It could not be made, or there is none after the last step.
    pub fn next(&self) -> Result<Batch, TrainError> {
        self.full
            .recv()
            .unwrap_or_else(|_| Err(TrainError::Data("there is no further batch".to_owned())))
    }

    /// Takes a batch that is done with, so that its memory is used again.
    pub fn give_back(&self, batch: Batch) {
        // A full queue has memory enough.
        let _ = self.used.try_send(batch);
    }
}
