use std::io;
use std::thread::{Builder, JoinHandle};

/// Starts a named thread.
///
/// # Errors
/// The system has no more threads to give.
pub fn spawn<T: Send + 'static>(
    name: &str,
    body: impl FnOnce() -> T + Send + 'static,
) -> io::Result<JoinHandle<T>> {
    Builder::new().name(name.to_owned()).spawn(body)
}
