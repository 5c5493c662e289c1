//! Signals that mean the operator is gone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;

use crate::runtime::Desk;
use crate::runtime::{clock, spawn};
use crate::teleop::Teleop;

/// A screen that is stuck in a dead terminal gets this long before the process ends without it. By
/// then control has stopped the robot: the hang-up reached it directly.
const GRACE: Duration = Duration::from_secs(2);

/// Watches for hang-up, termination and interrupt; each stops the robot at the next tick and sets
/// `quit`.
pub(super) fn watch(desk: Arc<Desk>, quit: Arc<AtomicBool>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot watch for signals")?;
    spawn("signals", move || {
        runtime.block_on(any());
        desk.update(Teleop::on_hangup);
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
