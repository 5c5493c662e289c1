//! The station's screen, fed with a recorded drive up to a moment.

use std::sync::Arc;
use std::time::Duration;

use super::recorded::Recorded;
use super::transport::Transport;
use crate::cli::episodes::facts;
use crate::msg::{Level, Notice, Playback, Snapshot, Stamp};
use crate::runtime::Narrator;
use crate::runtime::monitor::Monitor;
use crate::tui::{self, App, Event};

/// After a jump the screen is told this much of what was before: its trail and figures.
const BEFORE: Duration = Duration::from_mins(10);

/// Screen and figures as they were at a moment of the drive.
#[derive(Debug)]
pub(super) struct Scene {
    options: tui::Options,
    pub(super) app: App,
    monitor: Monitor,
    narrator: Narrator,
    /// Ticks before this one are shown.
    n_ticks: usize,
    row: Option<usize>,
    task: Option<String>,
    /// What is wrong with the recording itself; told once, and again after each jump.
    notes: Vec<String>,
}

impl Scene {
    pub(super) fn new(options: tui::Options, notes: Vec<String>) -> Self {
        Self {
            app: App::new(options.clone()),
            options,
            monitor: Monitor::default(),
            narrator: Narrator::default(),
            n_ticks: 0,
            row: None,
            task: None,
            notes,
        }
    }

    /// Shows the drive where the transport stands.
    pub(super) fn show(&mut self, recorded: &mut Recorded, transport: &Transport) {
        let now = recorded.moment(transport.at_s());
        let until = recorded.n_ticks_until(now).max(1);
        let earliest = recorded.n_ticks_until(now - BEFORE);
        let is_first = self.row.is_none();
        if is_first || until < self.n_ticks || earliest > self.n_ticks {
            *self = Self::new(self.options.clone(), std::mem::take(&mut self.notes));
            self.begin(recorded);
            self.n_ticks = earliest;
        }
        while self.n_ticks < until {
            self.take_tick(recorded, self.n_ticks + 1 == until);
            self.n_ticks += 1;
        }
        self.take_row(recorded, transport.row());
        self.tell(Event::Clock(now));
        self.tell(Event::Playback(Playback {
            at: Duration::try_from_secs_f64(transport.at_s()).unwrap_or_default(),
            length: Duration::try_from_secs_f64(transport.length_s()).unwrap_or_default(),
            row: transport.row(),
            n_rows: recorded.n_rows(),
            speed: transport.speed(),
            is_paused: transport.is_paused(),
            takeovers: Arc::clone(&recorded.takeovers),
        }));
    }

    /// A line for the event log that stays there.
    pub(super) fn note(&mut self, text: String, now: Stamp) {
        if !self.notes.contains(&text) {
            self.tell(Event::Notice(Notice { at: now, level: Level::Warn, text: text.clone() }));
            self.notes.push(text);
        }
    }

    fn begin(&mut self, recorded: &Recorded) {
        let start = recorded.moment(0.0);
        self.tell(Event::Clock(start));
        let facts = facts::of(&recorded.meta).into_iter().map(|text| (Level::Info, text));
        let wrong = self.notes.clone().into_iter().map(|text| (Level::Warn, text));
        for (level, text) in facts.chain(wrong) {
            self.tell(Event::Notice(Notice { at: start, level, text }));
        }
    }

    fn take_tick(&mut self, recorded: &Recorded, is_last: bool) {
        let Some(tick) = recorded.tick(self.n_ticks) else { return };
        self.monitor.push(&tick);
        let app = &mut self.app;
        self.narrator.push(&tick, |notice| {
            tui::update(app, Event::Notice(notice));
        });
        // Figures of ticks that are passed over are seen by nobody.
        let snapshot = if is_last {
            self.monitor.snapshot()
        } else {
            Snapshot { tick, ..Snapshot::default() }
        };
        self.tell(Event::Snapshot(Box::new(snapshot)));
    }

    fn take_row(&mut self, recorded: &mut Recorded, row: usize) {
        if self.row == Some(row) {
            return;
        }
        self.row = Some(row);
        let task = recorded.task(row).to_owned();
        if self.task.as_ref() != Some(&task) {
            let info =
                crate::msg::StationInfo { instruction: task.clone(), ..recorded.info.clone() };
            self.tell(Event::Info(Box::new(info)));
            self.task = Some(task);
        }
        match recorded.picture(row) {
            Some(Ok(frame)) => self.tell(Event::Frame(Arc::new(frame))),
            Some(Err(error)) => self.note(error.to_string(), recorded.moment(0.0)),
            None => {}
        }
    }

    fn tell(&mut self, event: Event) {
        tui::update(&mut self.app, event);
    }
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use ratatui::buffer::Cell;

    use super::*;
    use crate::dataset::Dataset;
    use crate::dataset::lerobot::{EpisodeNotes, NewEpisode, Schema, Store};
    use crate::dataset::table::{Column, Table};

    /// Two seconds at 10 rows a second without a camera: by hand, then a takeover.
    fn recorded() -> Recorded {
        let folder = tempfile::tempdir().unwrap();
        let schema = Schema::drive(10, "test", vec![]);
        let mut table = Table::new();
        for (name, feature) in &schema.features.0 {
            let mode = |row| if row < 10 { "manual" } else { "override" }.to_owned();
            let column = match (feature.dtype.as_str(), name.as_str()) {
                ("float32", _) if feature.shape == [3] => {
                    Column::F32List { width: 3, values: [0.2, 0.0, 0.0].repeat(20) }
                }
                ("float32", _) => Column::F32(vec![0.5; 20]),
                ("bool", _) => Column::Bool(vec![true; 20]),
                ("int64", _) => Column::I64((0..20).map(|row| row * 100_000_000).collect()),
                (_, "mode") => Column::Text((0..20).map(mode).collect()),
                _ => Column::Text(vec!["operator".to_owned(); 20]),
            };
            table.push(name, column).unwrap();
        }
        let root = folder.path().join("drives");
        let mut store = Store::create_or_open(&root, &schema).unwrap();
        let task = |row| if row < 15 { "go there" } else { "come back" }.to_owned();
        let operator_note = "a windy day".to_owned();
        let episode = NewEpisode {
            table,
            tasks: (0..20).map(task).collect(),
            notes: EpisodeNotes { operator_note, ..EpisodeNotes::default() },
            ..NewEpisode::default()
        };
        store.append(episode).unwrap();
        Recorded::open(&Dataset::open(&root).unwrap(), 0, &mut Vec::new()).unwrap()
    }

    fn screen(scene: &mut Scene) -> String {
        let mut terminal = Terminal::new(TestBackend::new(90, 70)).unwrap();
        terminal.draw(|frame| tui::view(&mut scene.app, frame)).unwrap();
        let rows = terminal.backend().buffer().content.chunks(90);
        let line = |row: &[Cell]| row.iter().map(Cell::symbol).collect();
        rows.map(line).collect::<Vec<String>>().join("\n")
    }

    #[test]
    fn the_screen_is_that_of_the_moment_forwards_and_backwards() {
        // A jump back would leave on the screen what came later.
        let mut recorded = recorded();
        let mut scene = Scene::new(tui::Options::default(), vec!["no journal".to_owned()]);
        let mut transport = Transport::new(recorded.n_rows(), recorded.fps, 1.0);
        for (at_s, wanted, unwanted) in [
            (0.5, ["you drive ", "go there"], "you took over"),
            (1.9, ["you took over", "come back"], "go there"),
            (0.2, ["row  2", "go there"], "you took over"),
            (1.2, ["you drive, autonomy waits", "go there"], "come back"),
        ] {
            transport.go_to_start();
            transport.seek(at_s);
            scene.show(&mut recorded, &transport);
            let screen = screen(&mut scene);
            for text in ["REPLAY", "episode 0 of drives", "note: a windy day", "no journal"] {
                assert_eq!(screen.matches(text).count(), 1, "{text} at {at_s}:\n{screen}");
            }
            assert!(wanted.iter().all(|text| screen.contains(text)), "at {at_s}:\n{screen}");
            assert!(!screen.contains(unwanted), "{unwanted} at {at_s}:\n{screen}");
        }
    }

    #[test]
    fn a_picture_that_cannot_be_shown_is_told_once() {
        // The log would be full of one line, and what matters pushed out of it.
        let mut recorded = recorded();
        let mut scene = Scene::new(tui::Options::default(), Vec::new());
        scene.show(&mut recorded, &Transport::new(20, 10.0, 1.0));
        for _ in 0..3 {
            scene.note("frame 7 is damaged".to_owned(), Stamp::ZERO);
        }
        assert_eq!(screen(&mut scene).matches("frame 7 is damaged").count(), 1);
    }
}
