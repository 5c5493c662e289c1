//! The loop against a camera that follows a script: faults that no real device produces on command.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, sync_channel};

use super::*;
use crate::camera::Grabbed;
use crate::msg::Frame;

/// What the scripted camera does next.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Do {
    /// One picture, every byte this.
    Picture(u8),
    Damaged,
    Unplug,
    /// Opening fails once.
    NotThere,
    /// Grabbing does not return before the test lets it.
    Hang,
    Panic,
    End,
}

#[derive(Default)]
struct Script {
    steps: Mutex<VecDeque<Do>>,
    more: Condvar,
    opened: AtomicUsize,
    is_released: AtomicBool,
}

impl Script {
    fn play(&self, steps: &[Do]) {
        lock(&self.steps).extend(steps);
        self.more.notify_all();
    }

    fn release(&self) {
        self.is_released.store(true, Ordering::Release);
        self.more.notify_all();
    }

    /// The next step; waits for one to be written, until the test is over.
    fn next(&self) -> Do {
        let mut steps = lock(&self.steps);
        while steps.is_empty() {
            if self.is_released.load(Ordering::Acquire) {
                return Do::End;
            }
            steps = self.more.wait(steps).unwrap();
        }
        steps.pop_front().unwrap()
    }

    fn hang(&self) {
        let mut steps = lock(&self.steps);
        while !self.is_released.load(Ordering::Acquire) {
            steps = self.more.wait(steps).unwrap();
        }
    }
}

struct Fake {
    info: CameraInfo,
    script: Arc<Script>,
    now: Do,
    count: u64,
}

impl Camera for Fake {
    fn info(&self) -> &CameraInfo {
        &self.info
    }

    fn grab(&mut self) -> Result<Grabbed, CameraError> {
        self.now = self.script.next();
        let camera = "fake".to_owned();
        match self.now {
            Do::Unplug | Do::NotThere => {
                return Err(CameraError::Gone { camera, reason: "unplugged".to_owned() });
            }
            Do::End => return Err(CameraError::End { camera }),
            Do::Hang => self.script.hang(),
            Do::Panic => panic!("a driver's bug"),
            Do::Picture(_) | Do::Damaged => {}
        }
        self.count += 1;
        Ok(Grabbed { device_seq: Some(self.count), due: None })
    }

    fn retrieve(&mut self, frame: &mut Frame) -> Result<(), CameraError> {
        frame.resize(4, 2);
        match self.now {
            Do::Picture(value) => {
                frame.rgb.fill(value);
                Ok(())
            }
            _ => Err(CameraError::Decode { camera: "fake".to_owned(), reason: "torn".to_owned() }),
        }
    }
}

struct Bench {
    script: Arc<Script>,
    station: CameraLoop,
    frames: Frames,
    facts: Facts,
    notices: Receiver<Notice>,
    decode: rtrb::Consumer<Duration>,
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.script.release();
    }
}

/// Longer than any machine is busy; no test waits for it unless it fails.
const PATIENCE: Duration = Duration::from_secs(20);

impl Bench {
    /// A station whose camera waits for its script without being taken for hung.
    fn start(steps: &[Do]) -> Self {
        Self::start_with_hang(PATIENCE, steps)
    }

    fn start_with_hang(hang: Duration, steps: &[Do]) -> Self {
        let script = Arc::new(Script::default());
        let (notices_in, notices) = sync_channel(64);
        let (decode_in, decode) = rtrb::RingBuffer::new(64);
        let taps = CameraTaps { notices: notices_in, decode: decode_in };
        let bounds = Bounds {
            hang,
            retry: Duration::from_millis(1),
            retry_max: Duration::from_millis(4),
            look: Duration::from_millis(5),
        };
        let its_script = Arc::clone(&script);
        let factory = move || -> Result<Box<dyn Camera>, CameraError> {
            its_script.opened.fetch_add(1, Ordering::AcqRel);
            let mut steps = lock(&its_script.steps);
            if steps.front() == Some(&Do::NotThere) {
                steps.pop_front();
                return Err(CameraError::Open {
                    camera: "fake".to_owned(),
                    reason: "not there".to_owned(),
                    remedy: "plug it in".to_owned(),
                });
            }
            drop(steps);
            let info = CameraInfo { name: "fake".to_owned(), rate: 30.0, ..CameraInfo::default() };
            let script = Arc::clone(&its_script);
            Ok(Box::new(Fake { info, script, now: Do::End, count: 0 }))
        };
        let station = CameraLoop::start_bounded(Box::new(factory), taps, bounds).unwrap();
        let (frames, facts) = (station.frames(), station.facts());
        script.play(steps);
        Self { script, station, frames, facts, notices, decode }
    }

    /// The first byte of the next picture.
    fn picture(&self) -> u8 {
        let frame = self.frames.wait(PATIENCE).expect("a picture");
        assert_eq!((frame.width, frame.height, frame.rgb.len()), (4, 2, 24));
        frame.rgb[0]
    }

    fn notice(&self) -> String {
        self.notices.recv_timeout(PATIENCE).expect("a notice").text
    }

    /// Waits until a picture with this value came; others before it may have been replaced unseen.
    fn await_picture(&self, value: u8) {
        while self.picture() != value {}
    }

    fn await_facts(&mut self, accept: impl Fn(&CameraFacts) -> bool) -> CameraFacts {
        let end = clock::now() + PATIENCE;
        loop {
            let facts = self.facts.read();
            if accept(&facts) {
                return facts;
            }
            assert!(clock::now() < end, "{facts:?}");
            clock::sleep(Duration::from_millis(1));
        }
    }
}

#[test]
fn pictures_reach_every_reader_with_numbers_stamps_and_facts() {
    // Broken: the policy or the screen would see nothing, or stale pictures as new.
    let mut bench = Bench::start(&[]);
    let screen = bench.station.frames();
    bench.script.play(&[Do::Picture(1)]);
    assert_eq!(bench.picture(), 1);
    assert!(bench.frames.take().is_none(), "a picture is handed out once");
    bench.script.play(&[Do::Picture(2)]);
    let frame = bench.frames.wait(PATIENCE).unwrap();
    assert_eq!((frame.seq, frame.rgb[0]), (1, 2));
    while screen.wait(PATIENCE).expect("the same for every reader").seq != 1 {}
    let facts = bench.await_facts(|facts| facts.newest.is_some_and(|(seq, _)| seq == 1));
    assert!(facts.connected);
    assert_eq!(facts.newest, Some((1, frame.captured)));
    assert_eq!(bench.decode.slots(), 2);
    assert_eq!(bench.station.info().unwrap().name, "fake");
    assert!(bench.notice().starts_with("camera fake"));
}

#[test]
fn a_picture_in_a_readers_hands_never_changes() {
    // Broken: the policy would see a picture torn between two moments.
    let bench = Bench::start(&[Do::Picture(0)]);
    let held = bench.frames.wait(PATIENCE).unwrap();
    for value in 1..30 {
        bench.script.play(&[Do::Picture(value)]);
        bench.await_picture(value);
    }
    assert!(held.rgb.iter().all(|&byte| byte == 0));
}

#[test]
fn an_unplugged_camera_is_opened_again_when_it_returns() {
    // Broken: pulling the plug once would end the picture for good.
    let mut bench = Bench::start(&[Do::Picture(1)]);
    bench.await_picture(1);
    bench.script.play(&[Do::Unplug, Do::NotThere, Do::NotThere]);
    assert!(bench.notice().starts_with("camera fake"));
    assert!(bench.notice().contains("unplugged"));
    assert!(bench.notice().contains("plug it in"));
    bench.script.play(&[Do::Picture(2)]);
    bench.await_picture(2);
    assert!(bench.notice().starts_with("camera fake"), "the same problem is told once");
    let facts = bench.await_facts(|facts| facts.connected);
    assert_eq!(facts.newest.unwrap().0, 1, "numbers go on");
}

#[test]
fn facts_say_that_the_camera_is_gone() {
    // Broken: preflight would be green without a camera.
    let mut bench = Bench::start(&[Do::Picture(1), Do::End]);
    bench.await_picture(1);
    let facts = bench.await_facts(|facts| !facts.connected);
    assert!(facts.newest.is_some());
    assert_eq!(bench.script.opened.load(Ordering::Acquire), 1, "a finished file stays finished");
}

#[test]
fn a_camera_that_hangs_is_abandoned_and_replaced() {
    // Broken: one stalled driver would take the picture away until the program is started again.
    let script = [Do::Picture(1), Do::Hang, Do::Picture(2)];
    let bench = Bench::start_with_hang(Duration::from_millis(60), &script);
    bench.await_picture(2);
    assert!(bench.script.opened.load(Ordering::Acquire) >= 2);
    let told: Vec<String> = bench.notices.try_iter().map(|notice| notice.text).collect();
    assert!(told.iter().any(|text| text.contains("hangs")), "{told:?}");
    // The abandoned thread comes back and may say nothing more.
    bench.script.release();
    let drains = Arc::clone(&bench.station.shared.drains);
    let end = clock::now() + PATIENCE;
    while drains.load(Ordering::Acquire) > 1 && clock::now() < end {
        clock::sleep(Duration::from_millis(1));
    }
    assert!(drains.load(Ordering::Acquire) <= 1, "the abandoned thread ends");
    assert!(bench.frames.take().is_none(), "and publishes nothing");
}

#[test]
fn threads_are_not_abandoned_without_end() {
    // Broken: a camera that always hangs would eat the machine's threads.
    let bench = Bench::start_with_hang(Duration::from_millis(20), &[Do::Hang; 50]);
    let drains = Arc::clone(&bench.station.shared.drains);
    let end = clock::now() + PATIENCE;
    while drains.load(Ordering::Acquire) < DRAINS_MAX && clock::now() < end {
        clock::sleep(Duration::from_millis(1));
    }
    clock::sleep(bench.station.shared.bounds.hang * 2);
    assert_eq!(drains.load(Ordering::Acquire), DRAINS_MAX);
}

#[test]
fn a_damaged_picture_costs_only_itself() {
    // Broken: one torn picture would close the camera, or be shown.
    let bench = Bench::start(&[Do::Picture(1), Do::Damaged, Do::Damaged, Do::Picture(2)]);
    bench.await_picture(2);
    assert_eq!(bench.script.opened.load(Ordering::Acquire), 1);
    let told: Vec<String> = bench.notices.try_iter().map(|notice| notice.text).collect();
    assert_eq!(told.iter().filter(|text| text.contains("torn")).count(), 1, "{told:?}");
}

#[test]
fn a_panic_in_a_camera_costs_only_its_thread() {
    // Broken: a bug in a driver would end the station's picture.
    let bench = Bench::start(&[Do::Picture(1), Do::Panic, Do::Picture(2)]);
    bench.await_picture(2);
}

#[test]
fn frozen_content_is_told_by_the_facts() {
    // Broken: a camera that repeats one picture would keep autonomy going blindly.
    let mut bench = Bench::start(&[Do::Picture(9)]);
    bench.await_picture(9);
    let first = bench.await_facts(|facts| facts.changed.is_some());
    bench.script.play(&[Do::Picture(9), Do::Picture(9)]);
    let frozen = bench.await_facts(|facts| facts.newest.is_some_and(|(seq, _)| seq == 2));
    assert_eq!(frozen.changed, first.changed);
    assert!(frozen.newest.unwrap().1 > first.newest.unwrap().1);
}

#[test]
fn the_end_is_quick_even_when_the_camera_hangs() {
    // Broken: quitting the station would wait for a driver for ever.
    let mut bench = Bench::start(&[Do::Picture(1), Do::Hang]);
    bench.await_picture(1);
    let began = clock::now();
    bench.station.shut();
    assert!(clock::now().since(began) < PATIENCE);
    assert!(!bench.script.is_released.load(Ordering::Acquire), "it still hangs");
}
