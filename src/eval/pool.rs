//! Work shared out among threads; the results do not tell on how many.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Does `work` on all `items` on at most `threads` threads, `block` neighbours at a time, each
/// thread with a hand of its own from `make`. The results are in the order of `items`. After a
/// break nobody takes another block, and results are missing.
///
/// # Errors
/// A hand cannot be made.
pub(super) fn share_out<T: Sync, H, R: Send, E: Send>(
    items: &[T],
    block: usize,
    threads: usize,
    make: &(dyn Fn() -> Result<H, E> + Sync),
    work: &(dyn Fn(&mut H, usize, &T) -> ControlFlow<R, R> + Sync),
) -> Result<Vec<R>, E> {
    let next = AtomicUsize::new(0);
    let is_over = AtomicBool::new(false);
    let results: Mutex<Vec<(usize, R)>> = Mutex::default();
    let run = || -> Result<(), E> {
        let mut hand = make().inspect_err(|_| is_over.store(true, Ordering::Relaxed))?;
        while !is_over.load(Ordering::Relaxed) {
            let first = next.fetch_add(block, Ordering::Relaxed);
            let block = items.iter().enumerate().skip(first).take(block);
            if block.len() == 0 {
                break;
            }
            for (index, item) in block {
                let result = match work(&mut hand, index, item) {
                    ControlFlow::Continue(result) => result,
                    ControlFlow::Break(result) => {
                        is_over.store(true, Ordering::Relaxed);
                        result
                    }
                };
                results.lock().unwrap_or_else(PoisonError::into_inner).push((index, result));
            }
        }
        Ok(())
    };
    let n_threads = threads.clamp(1, items.len().div_ceil(block.max(1)).max(1));
    std::thread::scope(|scope| {
        let hands: Vec<_> = (0..n_threads).map(|_| scope.spawn(run)).collect();
        let ended = hands.into_iter().map(|hand| match hand.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        ended.collect::<Vec<_>>().into_iter().collect::<Result<(), _>>()
    })?;
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(index, _)| *index);
    Ok(results.into_iter().map(|(_, result)| result).collect())
}
