//! The station's clocks. Ages use the monotonic one; the boot clock also counts while the computer
//! sleeps.

use std::time::Duration;

use crate::msg::Stamp;

/// Now, on the monotonic clock.
#[cfg(unix)]
#[must_use]
pub fn now() -> Stamp {
    read(rustix::time::ClockId::Monotonic)
}

/// Time since boot, sleep included. Equal to [`now`] where the system has no such clock.
#[cfg(target_os = "linux")]
#[must_use]
pub fn boot() -> Stamp {
    read(rustix::time::ClockId::Boottime)
}

#[cfg(not(target_os = "linux"))]
#[must_use]
pub fn boot() -> Stamp {
    now()
}

/// Nanoseconds since 1970 on the wall clock (UTC), for names and dates; never for ages.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
pub fn wall_ns() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |span| i64::try_from(span.as_nanos()).unwrap_or(i64::MAX))
}

/// CPU time that the whole process has used; only differences mean anything.
#[cfg(unix)]
#[must_use]
pub fn cpu() -> Duration {
    Duration::from_nanos(read(rustix::time::ClockId::ProcessCPUTime).0)
}

#[cfg(unix)]
fn read(id: rustix::time::ClockId) -> Stamp {
    let time = rustix::time::clock_gettime(id);
    Stamp(time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64)
}

#[cfg(not(unix))]
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
pub fn now() -> Stamp {
    use std::sync::OnceLock;
    use std::time::Instant;
    static START: OnceLock<Instant> = OnceLock::new();
    Stamp(u64::try_from(START.get_or_init(Instant::now).elapsed().as_nanos()).unwrap_or(u64::MAX))
}

/// Sleeps until `due`, without drift; returns at once when it has passed.
pub fn sleep_until(due: Stamp) {
    #[cfg(target_os = "linux")]
    {
        use rustix::thread::{ClockId, clock_nanosleep_absolute};
        let request = rustix::time::Timespec {
            tv_sec: (due.0 / 1_000_000_000).cast_signed(),
            tv_nsec: (due.0 % 1_000_000_000).cast_signed(),
        };
        while now() < due {
            // Interrupted by a signal: the rest is still to be slept.
            let _ = clock_nanosleep_absolute(ClockId::Monotonic, &request);
        }
    }
    #[cfg(not(target_os = "linux"))]
    sleep(due.since(now()));
}

/// Sleeps for `span`.
#[expect(clippy::disallowed_methods, reason = "this is the one place that sleeps")]
pub fn sleep(span: Duration) {
    std::thread::sleep(span);
}
