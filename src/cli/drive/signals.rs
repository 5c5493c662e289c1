//! Signals that mean the operator is gone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;

use crate::runtime::{clock, spawn};

/// A screen that is stuck in a dead terminal gets this long before the process ends without it. By
/// then control has stopped the robot: the hang-up reached it directly.
const GRACE: Duration = Duration::from_secs(2);

/// Watches for hang-up, termination and interrupt; each calls `stop`, which must not wait for the
/// screen, and sets `quit`.
pub(in crate::cli) fn watch(
    stop: impl FnOnce() + Send + 'static,
    quit: Arc<AtomicBool>,
) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot watch for signals")?;
    spawn("signals", move || {
        runtime.block_on(any());
        stop();
        quit.store(true, Ordering::Release);
        clock::sleep(GRACE);
        std::process::exit(1);
    })
    .context("cannot watch for signals")?;
    Ok(())
}

#[cfg(unix)]
async fn any() {
    use tokio::signal::unix::{SignalKind, signal};
    let wait = async |kind| match signal(kind) {
        Ok(mut stream) => {
            stream.recv().await;
        }
        Err(error) => {
            tracing::error!("cannot watch a signal: {error}");
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        () = wait(SignalKind::hangup()) => {}
        () = wait(SignalKind::terminate()) => {}
        () = wait(SignalKind::interrupt()) => {}
    }
}

#[cfg(not(unix))]
async fn any() {
    let _ = tokio::signal::ctrl_c().await;
}
