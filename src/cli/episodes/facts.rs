//! What is known of an episode, in words.

use crate::cli::terminal::one_line;
use crate::dataset::lerobot::EpisodeMeta;

/// Features that every dataset counts its rows with.
pub(super) const COUNTERS: [&str; 5] =
    ["timestamp", "frame_index", "episode_index", "index", "task_index"];

/// As `2026-11-24 10:15 UTC`; empty when it is not known.
pub(in crate::cli) fn date(unix_ns: i64) -> String {
    let short = short_date(unix_ns);
    if short.is_empty() { short } else { format!("{short} UTC") }
}

/// As `2026-11-24 10:15`, UTC.
pub(super) fn short_date(unix_ns: i64) -> String {
    let time = time::UtcDateTime::from_unix_timestamp_nanos(i128::from(unix_ns));
    let Some(time) = time.ok().filter(|_| unix_ns > 0) else { return String::new() };
    format!(
        "{:04}-{:02}-{:02} {:02}:{:02}",
        time.year(),
        u8::from(time.month()),
        time.day(),
        time.hour(),
        time.minute()
    )
}

/// As `7.1 s`, `1:07`, `2:03:07`.
pub(super) fn length(seconds: f64) -> String {
    if seconds < 59.95 {
        return format!("{seconds:.1} s");
    }
    let whole = seconds.round() as u64;
    let (hours, minutes, seconds) = (whole / 3600, whole / 60 % 60, whole % 60);
    match hours {
        0 => format!("{minutes}:{seconds:02}"),
        _ => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

/// As `41 kB`, `1.2 MB`.
pub(super) fn size(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{} kB", bytes.div_ceil(1000)),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.2} GB", bytes as f64 / 1e9),
    }
}

/// As `1 takeover`, `3 takeovers`.
pub(super) fn count(n: usize, what: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{n} {what}{plural}")
}

/// As `success`, as the command line takes it.
pub(super) const fn success(success: Option<bool>) -> &'static str {
    match success {
        Some(true) => "success",
        Some(false) => "failure",
        None => "unknown",
    }
}

/// A line for each thing worth knowing before it is watched.
pub(in crate::cli) fn of(meta: &EpisodeMeta) -> Vec<String> {
    let notes = &meta.notes;
    let mut lines = Vec::new();
    let mut line = |name: &str, text: &str| {
        if !text.is_empty() {
            lines.push(format!("{name}{}", one_line(text)));
        }
    };
    line("incomplete: ", &notes.incomplete);
    line("note: ", &notes.operator_note);
    line("tags: ", &notes.tags.join(", "));
    line("outcome: ", notes.success.map_or("", |is_success| success(Some(is_success))));
    line("by ", &notes.station);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_read_as_a_person_writes_them() {
        // A list of wrong lengths and sizes leads to the wrong episode being discarded.
        for (seconds, text) in [
            (0.0, "0.0 s"),
            (59.94, "59.9 s"),
            (59.96, "1:00"),
            (67.2, "1:07"),
            (7387.0, "2:03:07"),
        ] {
            assert_eq!(length(seconds), text);
        }
        for (bytes, text) in [
            (0, "0 kB"),
            (1, "1 kB"),
            (41_000, "41 kB"),
            (1_234_567, "1.2 MB"),
            (5 << 30, "5.37 GB"),
        ] {
            assert_eq!(size(bytes), text);
        }
        assert_eq!(date(1_795_515_300_000_000_000), "2026-11-24 10:15 UTC");
        assert_eq!(date(0), "");
        assert_eq!(date(i64::MIN), "");
    }
}
