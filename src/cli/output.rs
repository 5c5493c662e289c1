//! Standard output, whose reader may leave early, as `| head -1` does.

use std::io::{self, ErrorKind, Stdout, Write};

/// Standard output that knows when nobody reads it any more.
///
/// Not locked: a verb may run for hours beside threads that report too.
#[derive(Debug)]
pub(super) struct Output<W = Stdout> {
    to: W,
    is_closed: bool,
}

impl Output {
    pub(super) fn new() -> Self {
        Self::to(io::stdout())
    }
}

impl<W: Write> Output<W> {
    fn to(to: W) -> Self {
        Self { to, is_closed: false }
    }

    /// Whether a verb failed with `error` only because its reader had enough. Another pipe that
    /// breaks is a failure, and so is what goes wrong after the reader left.
    pub(super) fn explains(&self, error: &anyhow::Error) -> bool {
        self.is_closed && error.chain().any(is_broken_pipe)
    }

    fn noted<T>(&mut self, result: io::Result<T>) -> io::Result<T> {
        if let Err(error) = &result {
            self.is_closed |= error.kind() == ErrorKind::BrokenPipe;
        }
        result
    }
}

impl<W: Write> Write for Output<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let result = self.to.write(bytes);
        self.noted(result)
    }

    fn flush(&mut self) -> io::Result<()> {
        let result = self.to.flush();
        self.noted(result)
    }
}

fn is_broken_pipe(cause: &(dyn std::error::Error + 'static)) -> bool {
    let io = cause.downcast_ref::<io::Error>().map(io::Error::kind);
    // It does not name the error it wraps as its source.
    let json = cause.downcast_ref::<serde_json::Error>().and_then(serde_json::Error::io_error_kind);
    io.or(json) == Some(ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    /// A pipe whose reader left, or a disk that is full.
    struct Failing(ErrorKind);

    impl Write for Failing {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn only_a_reader_that_left_is_no_failure() {
        // A full disk or a lost robot would pass as success, or `| head` as a failure.
        let broken = || anyhow::Error::from(io::Error::from(ErrorKind::BrokenPipe));
        let mut left = Output::to(Failing(ErrorKind::BrokenPipe));
        assert!(!left.explains(&broken()), "nothing was written yet: another pipe broke");
        let text = writeln!(left, "a line").context("telling").unwrap_err();
        let json = serde_json::to_writer(&mut left, &[1]).context("telling").unwrap_err();
        assert!(left.explains(&text) && left.explains(&json));
        assert!(!left.explains(&anyhow::anyhow!("the robot is lost")));
        let mut full = Output::to(Failing(ErrorKind::StorageFull));
        let error = anyhow::Error::from(writeln!(full, "a line").unwrap_err());
        assert!(!full.explains(&error) && !full.explains(&broken()));
    }
}
