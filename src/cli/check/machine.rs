//! Disk and clock.

use std::time::Duration;

use crate::runtime::clock;
use crate::runtime::record_loop::FREE_MIN;

use super::report::Finding;

/// A sleep that ends later than this leaves the 20 ms control period too little.
const LATE_MAX: Duration = Duration::from_millis(2);
const SLEEP: Duration = Duration::from_millis(5);
const SLEEPS: usize = 40;

/// Free space where the station was started.
#[cfg(unix)]
pub(super) fn disk() -> Vec<Finding> {
    vec![match rustix::fs::statvfs(".") {
        Ok(disk) => judge_disk(disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize),
        Err(error) => Finding::limited(
            "disk",
            format!("free space is unknown: {error}"),
            "start the station in a folder you may read",
        ),
    }]
}

#[cfg(not(unix))]
pub(super) fn disk() -> Vec<Finding> {
    vec![Finding::note("disk", "free space is not asked for on this system")]
}

#[cfg_attr(not(unix), expect(dead_code, reason = "free space is asked for on Unix only"))]
fn judge_disk(free: u64, all: u64) -> Finding {
    let share = free as f64 / all.max(1) as f64;
    let text = format!("{:.1} GB free here ({:.0} %)", free as f64 / 1e9, share * 100.0);
    if free < FREE_MIN {
        return Finding::limited("disk", text, "make room: recording wants 10 minutes' worth");
    }
    Finding::good("disk", text)
}

/// Whether a sleep ends in time, and whether a suspended computer would be noticed.
pub(super) fn clock() -> Vec<Finding> {
    let mut late: Vec<_> = (0..SLEEPS)
        .map(|_| {
            let start = clock::now();
            clock::sleep(SLEEP);
            clock::now().since(start + SLEEP)
        })
        .collect();
    late.sort_unstable();
    let median = late.get(SLEEPS / 2).copied().unwrap_or_default();
    let worst = late.last().copied().unwrap_or_default();
    let slept = clock::boot().since(clock::now());
    vec![judge_timer(median, worst), judge_suspend(slept, cfg!(target_os = "linux"))]
}

fn judge_timer(median: Duration, worst: Duration) -> Finding {
    let ms = |span: Duration| span.as_secs_f64() * 1e3;
    let text = format!("a sleep ends {:.2} ms late, at worst {:.2} ms", ms(median), ms(worst));
    if median > LATE_MAX {
        let todo = "close other programs; on a laptop, plug in its power";
        return Finding::limited("clock", text, todo);
    }
    Finding::good("clock", text)
}

fn judge_suspend(slept: Duration, is_told: bool) -> Finding {
    if !is_told {
        let text = "this system's clock does not tell a suspend; it shows as a late tick";
        return Finding::note("clock", text);
    }
    Finding::good("clock", format!("a suspend is noticed ({} s since boot)", slept.as_secs()))
}

#[cfg(test)]
mod tests {
    use super::super::report::State;
    use super::*;

    #[test]
    fn judged_at_the_boundary() {
        // A full disk or a coarse timer that is called good shows only while driving.
        assert_eq!(judge_disk(FREE_MIN, u64::MAX).state, State::Good);
        assert_eq!(judge_disk(FREE_MIN - 1, FREE_MIN).state, State::Limited);
        assert_eq!(judge_disk(0, 0).state, State::Limited);
        assert_eq!(judge_timer(LATE_MAX, LATE_MAX).state, State::Good);
        let late = LATE_MAX + Duration::from_nanos(1);
        assert_eq!(judge_timer(late, late).state, State::Limited);
        assert_eq!(judge_suspend(Duration::ZERO, false).state, State::Note);
    }
}
