//! Threads, mailboxes, the clock.
