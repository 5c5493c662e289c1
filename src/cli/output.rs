//! Standard output, whose reader may leave early, as `| head -1` does.

use std::io::{self, ErrorKind, Stdout, Write};

/// Standard output that knows when nobody reads it any more.
///
/// Not locked: a verb may run for hours beside threads that report too.
#[derive(Debug)]
pub(super) struct Output<W = Stdout> {
    to: W,
    is_closed: bool,
    /// Whether what is written goes on after the reader left.
    goes_on: bool,
}

impl Output {
    pub(super) fn new() -> Self {
        Self::to(io::stdout())
    }
}

impl<W: Write> Output<W> {
    fn to(to: W) -> Self {
        Self { to, is_closed: false, goes_on: false }
    }

    /// The verb does more than print: it finishes its work although nobody reads of it any more.
    pub(super) const fn go_on_unheard(&mut self) {
        self.goes_on = true;
    }

    /// Whether a verb failed with `error` only because its reader had enough. Another pipe that
    /// breaks is a failure, and so is what goes wrong after the reader left.
    pub(super) fn explains(&self, error: &anyhow::Error) -> bool {
        self.is_closed && error.chain().any(is_broken_pipe)
    }

    /// `unheard` is what stands for a write that nobody reads.
    fn noted<T>(&mut self, result: io::Result<T>, unheard: T) -> io::Result<T> {
        match result {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.is_closed = true;
                if self.goes_on { Ok(unheard) } else { Err(error) }
            }
            result => result,
        }
    }
}

impl<W: Write> Write for Output<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let result = self.to.write(bytes);
        self.noted(result, bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let result = self.to.flush();
        self.noted(result, ())
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

    #[test]
    fn work_goes_on_after_the_reader_left() {
        // `train | head -3` would train three lines' worth and call it a success.
        let mut left = Output::to(Failing(ErrorKind::BrokenPipe));
        left.go_on_unheard();
        for _ in 0..3 {
            writeln!(left, "a line").unwrap();
        }
        left.flush().unwrap();
        let mut full = Output::to(Failing(ErrorKind::StorageFull));
        full.go_on_unheard();
        assert!(writeln!(full, "a line").is_err());
    }
}
