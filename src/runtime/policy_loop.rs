//! The policy thread: newest frame in, chunk out, one inference at a time.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::time::Duration;

use triple_buffer::{Input, Output, triple_buffer};

use super::{Cadence, clock};
use crate::msg::{ActionChunk, Frame, PolicyFacts};
use crate::policy::{Policy, PolicyError, PolicyInfo};

/// Waits this long for a frame before it looks at commands again.
const FRAME_WAIT: Duration = Duration::from_millis(50);

/// Commands and events that may wait; a full command queue means the thread is stuck in an
/// inference, and the newest command is then refused with a notice.
const QUEUE: usize = 16;

/// Waits at most the given time for a frame that was not handed out before.
pub type NextFrame = Box<dyn FnMut(Duration) -> Option<Arc<Frame>> + Send>;

/// Loads the policy of that name; the error is one line for the operator.
pub type LoadPolicy = Box<dyn FnMut(&str) -> Result<Box<dyn Policy>, String> + Send>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PolicyCommand {
    Choose(String),
    Instruct(String),
}

/// What changed; for the screen and the event log.
#[derive(Clone, Debug, PartialEq)]
pub enum PolicyEvent {
    Loading(String),
    Loaded(PolicyInfo),
    LoadFailed { name: String, reason: String },
    Instruction(String),
    InstructionRefused { text: String, reason: String },
    InferenceFailed(String),
}

/// The control loop's side.
#[derive(Debug)]
pub struct PolicyTaps {
    pub chunk: Output<Option<ActionChunk>>,
    pub facts: Output<PolicyFacts>,
    /// Written by the control loop: the engage request that chunks shall answer.
    pub epoch: Arc<AtomicU64>,
}

/// The owner's side. Dropping it ends the thread after the inference it is in; nobody waits for
/// that, because an inference that never returns must not keep the station from closing.
#[derive(Debug)]
pub struct PolicyHandle {
    commands: SyncSender<PolicyCommand>,
    events: Receiver<PolicyEvent>,
    stop: Arc<AtomicBool>,
}

impl PolicyHandle {
    /// False when the queue is full: the thread is stuck in an inference.
    #[must_use]
    pub fn command(&self, command: PolicyCommand) -> bool {
        self.commands.try_send(command).is_ok()
    }

    /// The next thing that happened, if any.
    #[must_use]
    pub fn event(&self) -> Option<PolicyEvent> {
        self.events.try_recv().ok()
    }
}

impl Drop for PolicyHandle {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
    }
}

/// Starts the thread. It holds no policy until the first [`PolicyCommand::Choose`].
///
/// # Errors
/// The system has no thread to give.
pub fn start(load: LoadPolicy, next_frame: NextFrame) -> io::Result<(PolicyHandle, PolicyTaps)> {
    let (commands, command_queue) = sync_channel(QUEUE);
    let (event_queue, events) = sync_channel(QUEUE);
    let (chunk, chunk_tap) = triple_buffer(&None);
    let (facts, facts_tap) = triple_buffer(&PolicyFacts::default());
    let epoch = Arc::new(AtomicU64::new(0));
    let stop = Arc::new(AtomicBool::new(false));
    let worker = Worker {
        load,
        next_frame,
        commands: command_queue,
        events: event_queue,
        chunk,
        facts,
        epoch: Arc::clone(&epoch),
        stop: Arc::clone(&stop),
        policy: None,
        instruction: String::new(),
        state: PolicyFacts::default(),
        chunks: 0,
        reset_at: 0,
        cadence: Cadence::default(),
    };
    super::spawn("policy", move || worker.run())?;
    let handle = PolicyHandle { commands, events, stop };
    Ok((handle, PolicyTaps { chunk: chunk_tap, facts: facts_tap, epoch }))
}

struct Worker {
    load: LoadPolicy,
    next_frame: NextFrame,
    commands: Receiver<PolicyCommand>,
    events: SyncSender<PolicyEvent>,
    chunk: Input<Option<ActionChunk>>,
    facts: Input<PolicyFacts>,
    epoch: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    policy: Option<Box<dyn Policy>>,
    instruction: String,
    state: PolicyFacts,
    chunks: u64,
    /// The epoch for which the policy last forgot its past.
    reset_at: u64,
    cadence: Cadence,
}

impl Worker {
    fn run(mut self) {
        while !self.stop.load(Ordering::Acquire) {
            match self.commands.try_recv() {
                Ok(PolicyCommand::Choose(name)) => self.choose(&name),
                Ok(PolicyCommand::Instruct(text)) => self.instruct(text),
                Err(TryRecvError::Empty) => self.wait_and_infer(),
                Err(TryRecvError::Disconnected) => return,
            }
        }
    }

    fn choose(&mut self, name: &str) {
        self.policy = None;
        self.publish(PolicyFacts::default());
        self.tell(PolicyEvent::Loading(name.to_owned()));
        match (self.load)(name) {
            Ok(policy) => {
                let info = policy.info().clone();
                self.cadence = Cadence::new(info.rate_hz);
                self.policy = Some(policy);
                self.publish(PolicyFacts {
                    ready: true,
                    kinematics: info.kinematics,
                    confidence_min: info.confidence_min,
                    ..PolicyFacts::default()
                });
                self.tell(PolicyEvent::Loaded(info));
                let text = self.instruction.clone();
                if !text.is_empty() {
                    self.instruct(text);
                }
            }
            Err(reason) => self.tell(PolicyEvent::LoadFailed { name: name.to_owned(), reason }),
        }
    }

    fn instruct(&mut self, text: String) {
        let Some(policy) = &mut self.policy else {
            self.instruction = text;
            return;
        };
        let answer = policy.set_instruction(&text);
        let is_ok = answer.is_ok();
        self.instruction.clone_from(&text);
        self.publish(PolicyFacts { instruction_ok: is_ok, ..self.state });
        self.tell(match answer {
            Ok(()) => PolicyEvent::Instruction(text),
            Err(error) => PolicyEvent::InstructionRefused { text, reason: error.to_string() },
        });
    }

    fn wait_and_infer(&mut self) {
        let Some(frame) = (self.next_frame)(FRAME_WAIT) else { return };
        if !self.state.instruction_ok {
            return;
        }
        let Some(policy) = &mut self.policy else { return };
        if !self.cadence.takes(frame.captured) {
            return;
        }
        let epoch = self.epoch.load(Ordering::Acquire);
        if epoch != self.reset_at {
            policy.reset();
            self.reset_at = epoch;
        }
        let started = clock::now();
        self.state.busy_since = Some(started);
        self.facts.write(self.state);
        let mut chunk = ActionChunk::default();
        let answer = policy.infer(&frame, &mut chunk);
        let ended = clock::now();
        let failure = answer.err();
        let has_nan = matches!(failure, Some(PolicyError::NotFinite { .. }));
        if failure.is_none() {
            self.chunks += 1;
            chunk.epoch = epoch;
            chunk.seq = self.chunks;
            chunk.frame_seq = frame.seq;
            chunk.captured = frame.captured;
            chunk.inference_started = started;
            chunk.inference_ended = ended;
            self.chunk.write(Some(chunk));
            tracing::debug!(seq = chunk.seq, frame = chunk.frame_seq, "inference");
        }
        let was_failed = self.state.failed;
        self.publish(PolicyFacts {
            failed: failure.is_some(),
            not_finite: has_nan,
            busy_since: None,
            last_inference: Some(ended.since(started)),
            ..self.state
        });
        if let (Some(error), false) = (failure, was_failed) {
            self.tell(PolicyEvent::InferenceFailed(error.to_string()));
        }
    }

    fn publish(&mut self, state: PolicyFacts) {
        self.state = state;
        self.facts.write(state);
    }

    fn tell(&self, event: PolicyEvent) {
        tracing::info!(?event, "policy");
        if self.events.try_send(event).is_err() {
            tracing::warn!("the policy event queue is full; an event was left out");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::Sender;

    use super::*;
    use crate::msg::{Kinematics, Stamp, Twist};

    /// Says how often it was reset in its first twist, and NaN for the instruction "break".
    struct Scripted {
        info: PolicyInfo,
        resets: f64,
        is_broken: bool,
    }

    impl Policy for Scripted {
        fn info(&self) -> &PolicyInfo {
            &self.info
        }

        fn set_instruction(&mut self, text: &str) -> Result<(), PolicyError> {
            self.is_broken = text == "break";
            Ok(())
        }

        fn reset(&mut self) {
            self.resets += 1.0;
        }

        fn infer(&mut self, _: &Frame, chunk: &mut ActionChunk) -> Result<(), PolicyError> {
            if self.is_broken {
                let (policy, output) = ("scripted".to_owned(), "action".to_owned());
                return Err(PolicyError::NotFinite { policy, output });
            }
            chunk.set_twists(&[Twist::new(self.resets, 0.0, 0.0)]);
            Ok(())
        }
    }

    struct Bench {
        handle: PolicyHandle,
        taps: PolicyTaps,
        frames: Sender<Arc<Frame>>,
        captured: u64,
    }

    #[expect(clippy::disallowed_methods, reason = "the test sends a bounded number of frames")]
    fn bench() -> Bench {
        let (frames, queue) = std::sync::mpsc::channel();
        let load: LoadPolicy = Box::new(|name| match name {
            "scripted" => Ok(Box::new(Scripted {
                info: PolicyInfo {
                    name: name.to_owned(),
                    kinematics: Kinematics::Omni,
                    rate_hz: 10.0,
                    ..PolicyInfo::default()
                },
                resets: 0.0,
                is_broken: false,
            })),
            _ => Err("no such policy".to_owned()),
        });
        let next: NextFrame = Box::new(move |timeout| queue.recv_timeout(timeout).ok());
        let (handle, taps) = start(load, next).unwrap();
        Bench { handle, taps, frames, captured: 1000 }
    }

    impl Bench {
        /// Sends a frame captured `ms` after the one before.
        fn frame(&mut self, ms: u64) {
            self.captured += ms;
            let captured = Stamp::from_millis(self.captured);
            self.frames.send(Arc::new(Frame { captured, ..Frame::default() })).unwrap();
        }

        /// Waits until `get` gives something.
        fn wait<T>(&mut self, mut get: impl FnMut(&mut Self) -> Option<T>) -> T {
            let start = clock::now();
            loop {
                if let Some(found) = get(self) {
                    return found;
                }
                assert!(clock::now().since(start) < Duration::from_secs(10), "nothing came");
                clock::sleep(Duration::from_millis(1));
            }
        }

        fn order(&mut self, command: PolicyCommand, wanted: fn(&PolicyEvent) -> bool) {
            assert!(self.handle.command(command));
            self.wait(|bench| bench.handle.event().filter(wanted));
        }

        fn ready(&mut self) {
            let choose = PolicyCommand::Choose("scripted".to_owned());
            self.order(choose, |event| matches!(event, PolicyEvent::Loaded(_)));
            let instruct = PolicyCommand::Instruct("go".to_owned());
            self.order(instruct, |event| matches!(event, PolicyEvent::Instruction(_)));
        }

        fn chunk(&mut self, seq: u64) -> ActionChunk {
            self.wait(|bench| bench.taps.chunk.read().filter(|chunk| chunk.seq == seq))
        }
    }

    #[test]
    fn frames_become_chunks_at_the_policys_rate() {
        // A policy with a memory would live too fast: beacon was made for ten frames a second.
        let mut bench = bench();
        bench.ready();
        for _ in 0..31 {
            bench.frame(33);
        }
        let last = bench.chunk(11);
        bench.frame(100);
        assert_eq!(bench.chunk(12).captured, Stamp::from_millis(1000 + 31 * 33 + 100));
        assert!(last.captured <= Stamp::from_millis(1000 + 31 * 33));
    }

    #[test]
    fn an_engage_forgets_the_past_and_marks_its_chunks() {
        // The first actions after an engage would come from another attempt's memory.
        let mut bench = bench();
        bench.ready();
        bench.frame(100);
        let before = bench.chunk(1);
        bench.taps.epoch.store(5, Ordering::Release);
        bench.frame(100);
        let after = bench.chunk(2);
        assert_eq!((before.epoch, after.epoch), (0, 5));
        let resets = |chunk: &ActionChunk| chunk.twists()[0].linear_x.round() as u32;
        assert_eq!(resets(&after), resets(&before) + 1);
    }

    #[test]
    fn failures_are_facts_and_never_chunks() {
        // A policy that fails would go on driving with its last answer, or fail unseen.
        let mut bench = bench();
        let choose = PolicyCommand::Choose("missing".to_owned());
        bench.order(choose, |event| matches!(event, PolicyEvent::LoadFailed { .. }));
        bench.ready();
        bench.frame(100);
        bench.chunk(1);
        let instruct = PolicyCommand::Instruct("break".to_owned());
        bench.order(instruct, |event| matches!(event, PolicyEvent::Instruction(_)));
        bench.frame(100);
        let facts = bench.wait(|bench| Some(*bench.taps.facts.read()).filter(|facts| facts.failed));
        assert!(facts.not_finite && facts.ready && facts.busy_since.is_none());
        assert_eq!(bench.taps.chunk.read().map(|chunk| chunk.seq), Some(1));
    }
}
