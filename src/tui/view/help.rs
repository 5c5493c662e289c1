//! The help page: every key, every mode, what the drawing means, where the log is.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};

use super::text;
use crate::msg::{BINDINGS, InputMode, Mode};
use crate::tui::{App, glyphs, palette};

const MODES: [(Mode, &str); 6] = [
    (Mode::Standby, "nobody drives; the robot is told to stand"),
    (Mode::Manual, "you drive"),
    (Mode::Autonomous, "the policy drives; any drive key takes over"),
    (Mode::Override, "you drive while autonomy waits: an intervention"),
    (Mode::SoftStop, "autonomy lost its footing and slows down"),
    (Mode::EStop, "latched until reset in two steps"),
];

/// The first binding's label, how many bindings, and what they are together.
const GROUPS: [(&str, usize, &str); 6] = [
    ("forward", 2, "forward, back"),
    ("left", 2, "left, right"),
    ("forward left", 4, "the diagonals"),
    ("turn left", 2, "turn left, right"),
    ("faster", 2, "faster, slower"),
    ("episode succeeded", 2, "succeeded, failed"),
];

const DRAWING: [(&str, &str); 3] = [
    ("ribbon", "the policy's plan, as wide as the robot; faint where only continued"),
    ("gauges", "● your wish  ◆ the policy's  ━ sent; left is the robot's left"),
    ("faults", "✖ stops at once  ▼ slows down  ■ refuses to engage  ! only tells"),
];

pub(super) fn draw(app: &App, area: Rect, buf: &mut Buffer) {
    let page = Rect { x: area.x + 2, width: area.width.saturating_sub(4), ..area };
    text::put(buf, page, "Help", palette::bold().fg(palette::OPERATOR));
    text::put_right(buf, page, "any key closes", palette::faint());
    let body = text::below(page, if page.height < 26 { 1 } else { 2 });
    let keys = keys(page.height >= 36);
    let rest = rest(app, page.height >= 26);
    if body.width >= 96 {
        let left = Rect { width: 38, ..body };
        let right = Rect { x: body.x + 42, width: body.width - 42, ..body };
        lines(&keys, left, buf);
        lines(&rest, right, buf);
    } else {
        // Two columns of keys, then the rest.
        let (first, second) = keys.split_at(keys.len().div_ceil(2));
        let column = body.width / 2;
        lines(first, Rect { width: column.saturating_sub(1), ..body }, buf);
        lines(second, Rect { x: body.x + column, width: column, ..body }, buf);
        lines(&rest, text::below(body, first.len() as u16 + 1), buf);
    }
}

fn lines(lines: &[Line<'_>], area: Rect, buf: &mut Buffer) {
    for (row, line) in area.rows().zip(lines) {
        text::set_line(buf, row, line);
    }
}

/// Every binding a line; where there is little room, those that belong together share one, told by
/// the first key of each.
fn keys(is_roomy: bool) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    let mut rest = BINDINGS;
    while let Some(first) = rest.first() {
        let group = GROUPS.iter().find(|(label, ..)| *label == first.label && !is_roomy);
        let (n, label) = group.map_or((1, first.label), |(_, n, label)| (*n, *label));
        let (bindings, tail) = rest.split_at(n.min(rest.len()));
        let keys = match bindings {
            [only] => only.keys.join(" "),
            several => {
                several.iter().filter_map(|b| b.keys.first()).copied().collect::<Vec<_>>().join(" ")
            }
        };
        let keys = Span::styled(format!("{keys:<14}"), palette::bold());
        lines.push(Line::from(vec![keys, Span::raw(label)]));
        rest = tail;
    }
    lines
}

fn rest(app: &App, is_roomy: bool) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    for (mode, meaning) in MODES {
        let (ink, ground) = palette::mode(mode);
        let chip = Style::new().fg(ink).bg(ground).add_modifier(Modifier::BOLD);
        let word = format!(" {} {:<10} ", glyphs::small_icon(mode), glyphs::word(mode));
        lines.push(Line::from(vec![Span::styled(word, chip), Span::raw(format!("  {meaning}"))]));
    }
    if is_roomy {
        lines.push(Line::default());
    }
    let keys = match app.info.input_mode {
        InputMode::Hold => "motion lasts while a key is held",
        InputMode::Nudge => "each press is a short, slow nudge: no key releases here",
    };
    let row = |name: &'static str, words: String| {
        Line::from(vec![Span::styled(format!("{name:<8}"), palette::faint()), Span::raw(words)])
    };
    lines.push(row("keys", keys.to_owned()));
    lines.push(row("log", app.info.log_path.clone()));
    lines.extend(DRAWING.map(|(name, words)| row(name, words.to_owned())));
    lines
}
