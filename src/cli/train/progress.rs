//! What is seen of a run while it goes: in a terminal a small picture at its bottom, with lines
//! above it; elsewhere lines.

use std::io::{self, IsTerminal, Stdout, Write};
use std::time::Duration;

use ratatui::backend::CrosstermBackend;
use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Style, Stylize};
use ratatui::symbols::Marker;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Axis, Chart, Dataset, GraphType, Paragraph, Widget};
use ratatui::{Terminal, TerminalOptions, Viewport};

use super::curves::Point;
use crate::msg::Stamp;
use crate::runtime::clock;

/// Rows of the picture.
const ROWS: u16 = 13;
/// Between two pictures, and between two lines without them.
const DRAWN_EVERY: Duration = Duration::from_millis(250);
const TOLD_EVERY: Duration = Duration::from_secs(10);

const TRAINING: Color = Color::DarkGray;
const HELD_OUT: Color = Color::Cyan;

/// Where a run stands.
#[derive(Clone, Debug, Default)]
pub(super) struct Standing {
    pub(super) step: u64,
    pub(super) steps: u64,
    pub(super) loss: f32,
    pub(super) held_out: f32,
    /// The lowest held-out loss, and its step.
    pub(super) best: Option<(f32, u64)>,
    pub(super) rate: f32,
    pub(super) norm: f32,
    /// Time of a step.
    pub(super) step_s: f64,
    pub(super) curve: Vec<Point>,
}

/// Tells how a run goes.
pub(super) struct Progress<'a> {
    out: &'a mut (dyn Write + Send),
    live: Option<Terminal<CrosstermBackend<Stdout>>>,
    name: String,
    shown: Option<Stamp>,
    standing: Standing,
    /// What is done before learning goes on: how much of how much.
    errand: Option<(String, u64, u64)>,
}

impl<'a> Progress<'a> {
    /// With a picture where `out` is a terminal.
    pub(super) fn new(name: &str, out: &'a mut (dyn Write + Send)) -> Self {
        let is_terminal = io::stdout().is_terminal() && io::stdin().is_terminal();
        let options = TerminalOptions { viewport: Viewport::Inline(ROWS) };
        let backend = || CrosstermBackend::new(io::stdout());
        // A terminal that does not tell where its cursor is gets lines.
        let live = is_terminal.then(|| Terminal::with_options(backend(), options).ok()).flatten();
        Self {
            out,
            live,
            name: name.to_owned(),
            shown: None,
            standing: Standing::default(),
            errand: None,
        }
    }

    /// A line that stays.
    pub(super) fn line(&mut self, text: &str) -> io::Result<()> {
        let Some(terminal) = &mut self.live else { return writeln!(self.out, "{text}") };
        let width = usize::from(terminal.size()?.width.max(1));
        let letters: Vec<char> = text.chars().collect();
        let lines: Vec<_> = letters.chunks(width).map(|part| part.iter().collect()).collect();
        let rows = u16::try_from(lines.len()).unwrap_or(u16::MAX);
        let lines: Vec<Line<'_>> = lines.into_iter().map(|line: String| Line::from(line)).collect();
        terminal.insert_before(rows, |buffer| Paragraph::new(lines).render(buffer.area, buffer))?;
        self.draw()
    }

    /// `done` of `all` of `what`, which learning waits for; only a picture shows it.
    pub(super) fn errand(&mut self, what: &str, done: u64, all: u64) -> io::Result<()> {
        self.errand = Some((what.to_owned(), done, all));
        if self.live.is_some() && self.is_due(DRAWN_EVERY) { self.draw() } else { Ok(()) }
    }

    /// Learning stands there now. `standing` is asked only when it is shown.
    pub(super) fn learning(&mut self, standing: impl FnOnce() -> Standing) -> io::Result<()> {
        let every = if self.live.is_some() { DRAWN_EVERY } else { TOLD_EVERY };
        if !self.is_due(every) {
            return Ok(());
        }
        self.standing = standing();
        self.errand = None;
        if self.live.is_some() {
            return self.draw();
        }
        let Standing { step, steps, loss, held_out, rate, norm, step_s, .. } = self.standing;
        let best = self.standing.best.map_or(f32::NAN, |(best, _)| best);
        writeln!(
            self.out,
            "step {step:>6}/{steps}  loss {loss:>7.3}  held out {held_out:>7.3}  best {best:>7.3}  \
             rate {rate:.1e}  norm {norm:>6.2}  {:.0} ms a step  {} left",
            step_s * 1e3,
            self.standing.left(),
        )
    }

    fn is_due(&mut self, every: Duration) -> bool {
        let now = clock::now();
        let is_due = self.shown.is_none_or(|shown| now.since(shown) >= every);
        if is_due {
            self.shown = Some(now);
        }
        is_due
    }

    fn draw(&mut self) -> io::Result<()> {
        let Some(terminal) = &mut self.live else { return Ok(()) };
        let view =
            View { name: &self.name, standing: &self.standing, errand: self.errand.as_ref() };
        terminal.draw(|frame| {
            let area = frame.area();
            view.render(area, frame.buffer_mut());
            // Shown, because an interrupted program would leave it hidden.
            frame.set_cursor_position((area.x, area.bottom().saturating_sub(1)));
        })?;
        Ok(())
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        if let Some(terminal) = &mut self.live {
            // The lines above it say all that is worth keeping.
            let _ = terminal.clear();
        }
    }
}

impl Standing {
    /// As `12 min` or `40 s`.
    fn left(&self) -> String {
        let seconds = self.step_s * self.steps.saturating_sub(self.step) as f64;
        if seconds >= 90.0 {
            format!("{:.0} min", seconds / 60.0)
        } else {
            format!("{seconds:.0} s")
        }
    }
}

/// The picture.
struct View<'a> {
    name: &'a str,
    standing: &'a Standing,
    errand: Option<&'a (String, u64, u64)>,
}

impl Widget for View<'_> {
    fn render(self, area: Rect, buf: &mut Buffer) {
        let rows = [Constraint::Length(1), Constraint::Length(1), Constraint::Min(3)];
        let [head, figures, chart] = Layout::vertical(rows).areas(area);
        self.head(head, buf);
        self.figures(figures, buf);
        self.chart(chart, buf);
    }
}

impl View<'_> {
    fn head(&self, row: Rect, buf: &mut Buffer) {
        let Standing { step, steps, .. } = *self.standing;
        let (what, done, all) = match self.errand {
            Some((what, done, all)) => (what.as_str(), *done, *all),
            None => ("learning", step, steps),
        };
        let label = format!("{}  {what} {done} of {all} ", self.name);
        let room = usize::from(row.width).saturating_sub(label.len() + 1);
        let filled = (room as f64 * done as f64 / all.max(1) as f64).round() as usize;
        let filled = filled.min(room);
        Line::from(vec![
            Span::from(label).bold(),
            Span::styled("━".repeat(filled), Style::new().fg(HELD_OUT)),
            Span::styled("─".repeat(room - filled), Style::new().fg(TRAINING)),
        ])
        .render(row, buf);
    }

    fn figures(&self, row: Rect, buf: &mut Buffer) {
        let Standing { loss, held_out, best, rate, step_s, step, .. } = self.standing;
        if *step == 0 {
            return;
        }
        let best = best.map_or_else(String::new, |(best, at)| format!("best {best:.3} at {at}  "));
        Line::from(vec![
            Span::styled(format!("● loss {loss:.3}  "), Style::new().fg(TRAINING)),
            Span::styled(format!("● held out {held_out:.3}  "), Style::new().fg(HELD_OUT)),
            Span::from(best),
            Span::from(format!(
                "rate {rate:.1e}  {:.1} steps/s  {} left",
                1.0 / step_s.max(1e-6),
                self.standing.left()
            )),
        ])
        .render(row, buf);
    }

    fn chart(&self, area: Rect, buf: &mut Buffer) {
        let curve = &self.standing.curve;
        let points = |of: fn(&Point) -> f32| -> Vec<(f64, f64)> {
            let all = curve.iter().map(|point| (point.0 as f64, f64::from(of(point))));
            all.filter(|(_, loss)| loss.is_finite()).collect()
        };
        let (training, held_out) = (points(|point| point.1), points(|point| point.2));
        let losses = || training.iter().chain(&held_out).map(|(_, loss)| *loss);
        if losses().next().is_none() {
            return;
        }
        let low = losses().fold(f64::INFINITY, f64::min);
        let high = losses().fold(f64::NEG_INFINITY, f64::max).max(low + 1e-3);
        let line = |points, colour| {
            Dataset::default()
                .marker(Marker::Braille)
                .graph_type(GraphType::Line)
                .style(Style::new().fg(colour))
                .data(points)
        };
        let steps = self.standing.steps;
        let (x, y) = ([0.0, steps as f64], [low, high]);
        Chart::new(vec![line(&training, TRAINING), line(&held_out, HELD_OUT)])
            .x_axis(Axis::default().bounds(x).labels(["0".to_owned(), steps.to_string()]))
            .y_axis(Axis::default().bounds(y).labels([format!("{low:.2}"), format!("{high:.2}")]))
            .legend_position(None)
            .render(area, buf);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(view: View<'_>, width: u16, height: u16) -> String {
        let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
        view.render(buffer.area, &mut buffer);
        buffer.content.iter().map(ratatui::buffer::Cell::symbol).collect()
    }

    #[test]
    fn the_picture_says_where_the_run_stands_in_any_size() {
        // A person would not know whether to wait, or the program would end in a small window.
        let standing = Standing {
            step: 300,
            steps: 600,
            loss: -1.25,
            held_out: -1.5,
            best: Some((-1.5, 300)),
            step_s: 0.6,
            curve: vec![(100, 0.5, 0.75), (200, -0.5, f32::NAN), (300, -1.25, -1.5)],
            ..Standing::default()
        };
        let view = |errand| View { name: "pilot", standing: &standing, errand };
        let seen = text(view(None), 100, ROWS);
        for part in ["pilot  learning 300 of 600 ━", "─", "held out -1.500", "3 min left", "0.75"]
        {
            assert!(seen.contains(part), "{part}: {seen}");
        }
        let errand = ("round-1".to_owned(), 12, 240);
        assert!(text(view(Some(&errand)), 60, ROWS).contains("round-1 12 of 240"));
        for size in 0..30 {
            text(view(None), size, size % 7);
        }
        let unborn = Standing::default();
        text(View { name: "", standing: &unborn, errand: None }, 80, ROWS);
    }
}
