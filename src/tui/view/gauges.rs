//! Velocity: operator, policy and sent command as three marks on one axis, for x, y and yaw.
//!
//! The axes of y and yaw run from right to left, so that left on the screen is the robot's left.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::text;
use crate::msg::{Limiter, Tick, Twist};
use crate::tui::{App, palette};

/// The range shown while the base has not said its own: m/s, m/s, rad/s.
const RANGE: Twist = Twist::new(0.5, 0.5, 1.5);

struct Axis {
    name: &'static str,
    unit: &'static str,
    /// Arrow for a positive and a negative value.
    arrows: [&'static str; 2],
    value: fn(Twist) -> f64,
    /// Positive is drawn on the left.
    flipped: bool,
}

const AXES: [Axis; 3] = [
    Axis {
        name: "x",
        unit: "m/s",
        arrows: ["↑", "↓"],
        value: |twist| twist.linear_x,
        flipped: false,
    },
    Axis {
        name: "y",
        unit: "m/s",
        arrows: ["←", "→"],
        value: |twist| twist.linear_y,
        flipped: true,
    },
    Axis {
        name: "yaw",
        unit: "rad/s",
        arrows: ["↺", "↻"],
        value: |twist| twist.angular_z,
        flipped: true,
    },
];

/// Columns of the three numbers where there is room for all of them.
const NUMBERS: [u16; 3] = [7, 9, 7];

pub(super) fn draw(app: &App, area: Rect, buf: &mut Buffer) {
    let tick = app.tick().copied().unwrap_or_default();
    let (operator, policy) = (palette::fg(palette::OPERATOR), palette::fg(palette::POLICY));
    let sent = palette::bold();
    let (rest, rows) = text::title(buf, area, "velocity");
    let is_wide = area.width >= 56;
    let legend = [("● you", operator), ("◆ policy", policy), ("━ sent", sent)];
    if is_wide {
        let mut numbers = number_columns(Rect { height: 1, ..area });
        for ((name, style), place) in legend.iter().zip(&mut numbers) {
            text::put_right(buf, *place, name, *style);
        }
    } else {
        let mut room = rest;
        for (name, style) in legend.iter().rev() {
            room = text::put_right(buf, room, name, *style);
            room.width = room.width.saturating_sub(1);
        }
    }
    for (row, axis) in rows.rows().zip(&AXES) {
        draw_axis(axis, &tick, row, is_wide, buf);
    }
    footnote(&tick, text::below(rows, 3), buf);
}

/// Places of the three numbers at the right end of `row`, the unit behind them.
fn number_columns(row: Rect) -> [Rect; 3] {
    let mut right = row.right() - 6;
    let mut places = [row; 3];
    for (place, width) in places.iter_mut().zip(NUMBERS).rev() {
        right -= width;
        *place = Rect { x: right, width, ..row };
    }
    places
}

fn draw_axis(axis: &Axis, tick: &Tick, row: Rect, is_wide: bool, buf: &mut Buffer) {
    let of = |twist: Twist| (axis.value)(twist);
    let sent = of(tick.sent);
    let arrow = match sent {
        v if v >= 0.005 => axis.arrows[0],
        v if v <= -0.005 => axis.arrows[1],
        _ => " ",
    };
    text::put(buf, row, axis.name, palette::faint());
    text::put(buf, Rect { x: row.x + 4, ..row }, arrow, palette::bold());
    let n_right = if is_wide { NUMBERS.iter().sum::<u16>() + 6 } else { 12 };
    let track = Rect { x: row.x + 6, width: row.width.saturating_sub(6 + n_right), ..row };
    let range = match of(tick.base.limits) {
        limit if limit > 0.0 => limit,
        _ => of(RANGE),
    };
    draw_track(axis, tick, range, track, buf);
    let unit = Rect { x: row.right().saturating_sub(5), width: 5, ..row };
    text::put(buf, unit, axis.unit, palette::faint());
    if is_wide {
        let numbers = [
            (tick.operator_twist.map(of), palette::fg(palette::OPERATOR)),
            (tick.policy_twist.map(of), palette::fg(palette::POLICY)),
            (Some(sent), palette::bold()),
        ];
        for ((value, style), place) in numbers.into_iter().zip(number_columns(row)) {
            let number = value.map_or("–".to_owned(), text::signed);
            text::put_right(buf, place, &number, style);
        }
    } else {
        let place = Rect { width: row.width.saturating_sub(6), ..row };
        text::put_right(buf, place, &text::signed(sent), palette::bold());
    }
}

fn draw_track(axis: &Axis, tick: &Tick, range: f64, track: Rect, buf: &mut Buffer) {
    if track.width < 5 {
        return;
    }
    let of = |twist: Twist| (axis.value)(twist);
    // An odd number of cells puts zero into the middle of one.
    let half = (track.width - 3) / 2;
    let line = Rect { x: track.x + 1, width: 2 * half + 1, ..track };
    let ends = if axis.flipped { ["+", "−"] } else { ["−", "+"] };
    let place = |value: f64| {
        let share = (value / range).clamp(-1.0, 1.0) * if axis.flipped { -1.0 } else { 1.0 };
        let offset = if share.is_finite() { (share * f64::from(half)).round() } else { 0.0 };
        line.x + (f64::from(half) + offset) as u16
    };
    let mut mark = |x: u16, symbol: &str, style: Style| buf.set_string(x, track.y, symbol, style);
    let quiet = palette::fg(palette::TRACK);
    mark(track.x, ends[0], palette::faint());
    mark(line.right(), ends[1], palette::faint());
    for x in line.left()..line.right() {
        mark(x, "─", quiet);
    }
    let zero = place(0.0);
    let sent = place(of(tick.sent));
    for x in zero.min(sent)..=zero.max(sent) {
        mark(x, "━", palette::strong());
    }
    let (symbol, style) = if sent == zero { ("┼", quiet) } else { ("┿", palette::strong()) };
    mark(zero, symbol, style);
    if let Some(policy) = tick.policy_twist {
        mark(place(of(policy)), "◆", palette::fg(palette::POLICY));
    }
    if let Some(operator) = tick.operator_twist {
        mark(place(of(operator)), "●", palette::fg(palette::OPERATOR));
    }
}

/// The speed ceiling, that of a nudge, and, while one acts, the limit that changed the command.
fn footnote(tick: &Tick, area: Rect, buf: &mut Buffer) {
    // A recorded drive may not tell it.
    let is_known = tick.ceiling_mps > 0.0;
    let ceiling = if is_known { format!("{:.2} m/s", tick.ceiling_mps) } else { "–".to_owned() };
    let cap = tick.operator.speed_cap_mps;
    let is_nudge = cap > 0.0 && cap < tick.ceiling_mps;
    let nudge = if is_nudge { format!("  nudge {cap:.2}") } else { String::new() };
    let parts = [
        ("ceiling ", palette::faint()),
        (ceiling.as_str(), Style::new()),
        (nudge.as_str(), palette::fg(palette::CAUTION)),
    ];
    let rest = text::spans(buf, Rect { height: area.height.min(1), ..area }, &parts);
    let limit = match tick.limiter {
        Limiter::None => return,
        Limiter::Rate => "easing in",
        Limiter::Ceiling => "at the ceiling",
        Limiter::Speed => "at top speed",
        Limiter::Kinematics => "axis missing",
        Limiter::Stale => "wish too old",
        Limiter::NotFinite => "not a number",
        Limiter::EStop => "e-stop",
    };
    text::put_right(buf, rest, limit, palette::fg(palette::CAUTION));
}
