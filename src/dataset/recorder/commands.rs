//! What the operator asks of the recorder.

use super::{CUT, Mark, Op, Record, Recorder, Undo, seconds};
use crate::msg::{RecordCommand, Stamp};

impl Recorder {
    /// Does what the operator asked, now.
    pub fn command(&mut self, command: &RecordCommand) {
        match command {
            RecordCommand::Toggle => self.toggle(),
            RecordCommand::Discard => self.discard(),
            RecordCommand::Again => {
                self.discard();
                self.start();
            }
            RecordCommand::Success(is_success) => {
                if let Some(open) = &mut self.open {
                    open.success = Some(*is_success);
                }
                let text = if *is_success { "marked as a success" } else { "marked as a failure" };
                self.mark(Mark::Success(Some(*is_success)), text);
            }
            RecordCommand::Tag(tag) => self.mark(Mark::Tag(tag.clone()), &format!("tag: {tag}")),
            RecordCommand::Cut => self.cut(),
            RecordCommand::Undo => self.undo(),
        }
    }

    fn toggle(&mut self) {
        match &mut self.open {
            // What began as a takeover becomes the operator's recording: no second copy.
            Some(open) if open.is_takeover => {
                open.is_takeover = false;
                open.until = None;
                self.tell("the takeover's recording goes on as an episode");
            }
            Some(_) => self.stop(),
            None => self.start(),
        }
    }

    fn start(&mut self) {
        if !self.blocked.is_empty() {
            let text = format!("cannot record: {}", self.blocked);
            self.news.push((true, text));
            self.series.pause_until = None;
            return;
        }
        if self.series.left == 0 {
            self.series.left = self.config.episodes;
        }
        self.series.pause_until = None;
        self.begin(false);
        self.tell("recording");
    }

    /// Ends the episode as the operator wants it; in a series, the pause begins.
    pub(super) fn stop(&mut self) {
        self.end("");
        self.series.left = self.series.left.saturating_sub(1);
        if self.series.left > 0 {
            self.series.pause_until = Some(self.last.now + seconds(self.config.pause_s));
            self.tell(&format!("pause: {} more to record", self.series.left));
        }
    }

    pub(super) fn go_on_with_series(&mut self, now: Stamp) {
        if self.series.pause_until.is_some_and(|until| now >= until) && self.open.is_none() {
            self.start();
        }
    }

    fn discard(&mut self) {
        if self.open.is_some() {
            self.end("");
        } else if self.series.pause_until.take().is_some() {
            // The episode before the pause does not count after all.
            self.series.left += 1;
        }
        let Some(recording) = self.ended.take() else {
            self.news.push((true, "there is no episode to discard".to_owned()));
            return;
        };
        self.saved -= 1;
        self.ops.push(Op::Discard { recording: recording.clone() });
        self.undo = Some(Undo::Discard(recording));
        self.tell("discarded; undo restores it");
    }

    fn mark(&mut self, mark: Mark, text: &str) {
        match (&mut self.open, &self.ended) {
            (Some(open), _) => open.records.push(Record::Mark(mark)),
            (None, Some(recording)) => {
                self.ops.push(Op::Mark { recording: recording.clone(), mark });
            }
            (None, None) => {
                self.news.push((true, "there is no episode to mark".to_owned()));
                return;
            }
        }
        self.tell(text);
    }

    /// Leaves the last seconds out. What follows begins with a key frame, and becomes an episode
    /// of its own: a jump in time inside an episode would be learnt as motion.
    fn cut(&mut self) {
        if self.open.is_none() {
            self.news.push((true, "nothing is being recorded".to_owned()));
            return;
        }
        if let Some(group) = self.pictures.end_group() {
            self.take_group(group);
        }
        let n_cut = (CUT.as_secs_f64() * f64::from(self.fps())).round() as u64;
        let Some(open) = &mut self.open else { return };
        let until = open.n_rows;
        let mark = Mark::Cut { from: until.saturating_sub(n_cut), until };
        open.records.push(Record::Mark(mark));
        self.undo = Some(Undo::Cut);
        self.tell("the last 5 s left out; undo brings them back");
    }

    fn undo(&mut self) {
        match self.undo.take() {
            Some(Undo::Cut) if self.open.is_some() => {
                if let Some(open) = &mut self.open {
                    open.records.push(Record::Mark(Mark::Uncut));
                }
                self.tell("the cut is taken back");
            }
            Some(Undo::Discard(recording)) => {
                self.saved += 1;
                self.ops.push(Op::Restore { recording: recording.clone() });
                if self.open.is_none() {
                    self.ended = Some(recording);
                }
                self.tell("the discarded episode is restored");
            }
            _ => self.news.push((true, "there is nothing to undo".to_owned())),
        }
    }

    fn tell(&mut self, text: &str) {
        self.news.push((false, text.to_owned()));
    }
}
