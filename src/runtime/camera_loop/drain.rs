//! The drain thread: open, grab, stamp, retrieve, publish; never anything that could make the next
//! picture wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::TrySendError;
use std::time::Duration;

use super::mailbox::Pool;
use super::meter::checksum;
use super::{Beat, Shared, clock};
use crate::camera::{Camera, CameraError, Grabbed};
use crate::msg::{Level, Stamp};

/// A paced source that is later than this starts anew from where it is, instead of hurrying.
const LATE_MAX: Duration = Duration::from_millis(500);

/// Counts a drain thread for as long as it lives, however it ends.
pub(super) struct Alive(Arc<AtomicUsize>);

impl Alive {
    pub(super) fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(count))
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Opens the camera and drains it until the loop ends or this thread is replaced.
pub(super) fn run(shared: &Shared, beat: &Beat) {
    let mut pool = Pool::default();
    let mut pause = shared.bounds.retry;
    while !beat.is_replaced() {
        match beat.call(|| (shared.factory)()) {
            Ok(camera) => {
                if session(shared, beat, &mut pool, camera) {
                    pause = shared.bounds.retry;
                }
            }
            // While an abandoned thread holds the camera, that it is in use is no news.
            Err(why) if shared.drains.load(Ordering::Acquire) > 1 => {
                tracing::debug!(%why, "not opened yet");
            }
            Err(why) => told(shared, beat, &why),
        }
        if shared.stops_before(clock::now() + pause) {
            return;
        }
        pause = (pause * 2).min(shared.bounds.retry_max);
    }
}

/// From an open camera to its loss; true when it delivered anything.
fn session(shared: &Shared, beat: &Beat, pool: &mut Pool, mut camera: Box<dyn Camera>) -> bool {
    {
        let mut state = shared.state();
        if beat.is_replaced() {
            return false;
        }
        let (info, now) = (camera.info().clone(), clock::now());
        let text = format!(
            "camera {} {}x{}@{} {}",
            info.name, info.width, info.height, info.rate, info.format
        );
        state.problem.clear();
        state.notice(now, Level::Good, text);
        state.meter.opened(info.rate, now);
        state.info = Some(info);
    }
    let mut pace = Pace::default();
    let mut delivered = false;
    let why = loop {
        match picture(shared, beat, pool, camera.as_mut(), &mut pace) {
            Ok(Step::Published) => delivered = true,
            Ok(Step::Over) => break None,
            Err(why @ CameraError::Decode { .. }) => {
                shared.state().meter.damaged();
                told(shared, beat, &why);
            }
            Err(why) => break Some(why),
        }
    };
    let is_over = matches!(why, Some(CameraError::End { .. }));
    if let Some(why) = why {
        lost(shared, beat, &why);
    }
    // Closing may hang too.
    beat.call(move || drop(camera));
    if is_over {
        shared.stops_before(Stamp::MAX);
    }
    delivered
}

enum Step {
    Published,
    /// The loop ends, or another thread took over.
    Over,
}

fn picture(
    shared: &Shared,
    beat: &Beat,
    pool: &mut Pool,
    camera: &mut dyn Camera,
    pace: &mut Pace,
) -> Result<Step, CameraError> {
    let Grabbed { device_seq, due } = beat.call(|| camera.grab())?;
    if shared.stops_before(pace.at(due, clock::now())) || beat.is_replaced() {
        return Ok(Step::Over);
    }
    let captured = clock::now();
    let mut shared_frame = pool.take();
    let Some(frame) = Arc::get_mut(&mut shared_frame) else {
        return Ok(Step::Published);
    };
    beat.call(|| camera.retrieve(frame))?;
    let checksum = checksum(&frame.rgb);
    frame.captured = captured;

    let mut state = shared.state();
    if beat.is_replaced() {
        return Ok(Step::Over);
    }
    let now = clock::now();
    let decode = now.since(captured);
    frame.seq = state.meter.arrived(captured, device_seq, checksum);
    state.publish_facts(now);
    // A reader that does not keep up with its figures misses some.
    let _ = state.taps.decode.push(decode);
    state.slots.retain(|slot| Arc::strong_count(slot) > 1);
    for slot in &state.slots {
        slot.put(Arc::clone(&shared_frame));
    }
    state.streams.retain(|stream| {
        let sent = stream.try_send(Arc::clone(&shared_frame));
        !matches!(sent, Err(TrySendError::Disconnected(_)))
    });
    drop(state);
    pool.put(shared_frame);
    Ok(Step::Published)
}

fn told(shared: &Shared, beat: &Beat, why: &CameraError) {
    let mut state = shared.state();
    if !beat.is_replaced() {
        state.problem(clock::now(), Level::Warn, why.to_string());
    }
}

fn lost(shared: &Shared, beat: &Beat, why: &CameraError) {
    let mut state = shared.state();
    if !beat.is_replaced() {
        let now = clock::now();
        state.meter.closed();
        state.publish_facts(now);
        let is_over = matches!(why, CameraError::End { .. });
        state.problem(now, if is_over { Level::Info } else { Level::Error }, why.to_string());
    }
}

/// When to show the pictures of a source that does not pace itself.
#[derive(Debug, Default)]
struct Pace {
    start: Option<Stamp>,
}

impl Pace {
    fn at(&mut self, due: Option<Duration>, now: Stamp) -> Stamp {
        let Some(due) = due else {
            return now;
        };
        let at = *self.start.get_or_insert(now - due) + due;
        if now.since(at) > LATE_MAX {
            self.start = Some(now - due);
            return now;
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_plays_at_its_own_pace_and_does_not_hurry_after_a_pause() {
        // Broken: a recorded drive would play too fast, or in fast motion after the computer slept.
        let mut pace = Pace::default();
        let at = |ms: u64| Stamp::from_millis(ms);
        let due = |ms: u64| Some(Duration::from_millis(ms));
        assert_eq!(pace.at(due(0), at(5000)), at(5000));
        assert_eq!(pace.at(due(40), at(5010)), at(5040));
        assert_eq!(pace.at(due(80), at(5090)), at(5080), "a little late: caught up");
        assert_eq!(pace.at(due(120), at(9000)), at(9000), "much late: starts anew");
        assert_eq!(pace.at(due(160), at(9001)), at(9040));
        assert_eq!(pace.at(None, at(9100)), at(9100));
    }
}
