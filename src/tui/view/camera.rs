//! The camera picture with the plan on its ground, and the line under it.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};

use super::{Canvas, text};
use crate::msg::{Fault, Mode};
use crate::tui::path::Ground;
use crate::tui::picture::{Look, Plan};
use crate::tui::{App, palette};

pub(super) fn draw(app: &App, canvas: &mut Canvas, area: Rect, buf: &mut Buffer) {
    if area.is_empty() {
        return;
    }
    let Some(frame) = &app.frame else {
        empty(app, area, buf);
        return;
    };
    let old = is_old(app);
    let look = Look {
        graphics: &app.options.graphics,
        depth: app.options.depth,
        covered: app.dialog.is_some() || old || is_marked(app),
        stale: old,
    };
    let aspect = f64::from(frame.width.max(1)) / f64::from(frame.height.max(1));
    let ground = Ground::new(&app.info, aspect);
    let half_width_m = app.info.body_width_m / 2.0;
    let plan = app.plan(&mut canvas.way).filter(|_| !old).zip(ground);
    let plan = plan.map(|((way, driving), ground)| Plan { way, ground, half_width_m, driving });
    let place = canvas.picture.draw(frame, plan, look, area, buf);
    if old {
        let label = match (app.tick().map(|tick| tick.readiness.camera.connected), age(app)) {
            (Some(false), _) => "  NO CAMERA: the last picture  ".to_owned(),
            (_, age) => format!("  PICTURE {age} OLD  "),
        };
        chip(place, 1, &label, palette::ALARM, buf);
    }
    if app.mode() == Mode::EStop {
        frame_of(place, buf);
        if app.playback.is_none() {
            reset_steps(app, place, buf);
        }
    }
}

/// Under the picture: the instruction on the left, the picture's age, rate and source on the right.
pub(super) fn caption(app: &App, area: Rect, buf: &mut Buffer) {
    let alarm = palette::bold().fg(palette::ALARM);
    let mut rest = area;
    if let Some(tick) = app.tick().filter(|_| app.frame.is_some()) {
        let style = match (is_old(app), app.has(Fault::FrameLate)) {
            (true, _) => alarm,
            (false, true) => palette::bold().fg(palette::CAUTION),
            (false, false) => Style::new(),
        };
        let slow = app.has(Fault::CameraSlow) || app.has(Fault::CameraDropping);
        let rate_style = if slow { palette::fg(palette::CAUTION) } else { palette::faint() };
        let name = format!("  {}", app.info.camera);
        // Age and rate take 15 columns; the instruction is worth more than the camera's name.
        if text::width(&name) + text::width(&app.info.instruction) + 20 <= area.width {
            rest = text::put_right(buf, rest, &name, palette::faint());
        }
        let rate = format!("{:>4.0}/s", tick.readiness.camera.rate_seen);
        rest = text::put_right(buf, rest, &rate, rate_style);
        rest = text::put_right(buf, rest, &format!("  {:>6}", age(app)), style);
    }
    let instruction = app.info.instruction.as_str();
    let rest = text::put(buf, rest, "❯ ", palette::fg(palette::OPERATOR));
    if instruction.is_empty() {
        let remedy = if app.playback.is_some() { "" } else { ": write one with i" };
        text::put(buf, rest, &format!("no instruction{remedy}"), palette::faint());
    } else {
        text::put(buf, rest, instruction, palette::bold());
    }
}

fn age(app: &App) -> String {
    let captured = app.frame.as_ref().map(|frame| frame.captured).unwrap_or_default();
    text::span(app.now.since(captured))
}

/// The control loop says so, or it fell silent while the picture aged.
fn is_old(app: &App) -> bool {
    let unplugged = app.tick().is_some_and(|tick| !tick.readiness.camera.connected);
    let Some(frame) = &app.frame else { return false };
    let aged = super::alarm::is_silent(app) && app.now.since(frame.captured) > super::alarm::SILENT;
    app.has(Fault::FrameStale) || unplugged || aged
}

/// Something is drawn over the picture.
fn is_marked(app: &App) -> bool {
    app.mode() == Mode::EStop || super::alarm::words(app).is_some()
}

fn empty(app: &App, area: Rect, buf: &mut Buffer) {
    let middle = text::below(area, (area.height / 2).saturating_sub(1));
    text::put_centred(buf, middle, "no picture yet", palette::bold());
    text::put_centred(buf, text::below(middle, 1), &app.info.camera, palette::faint());
    let corners = [
        (area.left(), area.top(), "┌"),
        (area.right() - 1, area.top(), "┐"),
        (area.left(), area.bottom() - 1, "└"),
        (area.right() - 1, area.bottom() - 1, "┘"),
    ];
    for (x, y, symbol) in corners {
        buf.set_string(x, y, symbol, palette::fg(palette::TRACK));
    }
}

fn chip(place: Rect, row: u16, label: &str, ground: Color, buf: &mut Buffer) {
    let style = Style::new().fg(palette::PAPER).bg(ground).add_modifier(Modifier::BOLD);
    text::put_centred(buf, text::below(place, row), label, style);
}

/// A hatched red frame around the picture: the e-stop is seen before it is read.
fn frame_of(place: Rect, buf: &mut Buffer) {
    for (x, y) in place.positions().map(|at| (at.x, at.y)) {
        let edge_x = x < place.left() + 2 || x + 2 >= place.right();
        let edge_y = y == place.top() || y + 1 == place.bottom();
        if edge_x || edge_y {
            let is_light = (x / 2 + y) % 2 == 0;
            let ground = if is_light { palette::STOP } else { palette::STOP_DARK };
            if let Some(cell) = buf.cell_mut((x, y)) {
                cell.set_symbol(" ").set_bg(ground);
            }
        }
    }
}

fn reset_steps(app: &App, place: Rect, buf: &mut Buffer) {
    let armed = app.tick().and_then(|tick| tick.reset_armed_until).filter(|until| *until > app.now);
    let done = Style::new().fg(palette::FAINT).bg(palette::INK);
    let next = Style::new().fg(palette::INK).bg(palette::PAPER).add_modifier(Modifier::BOLD);
    let (first, second) = if armed.is_some() { (done, next) } else { (next, done) };
    let left = armed.map_or("within 3 s".to_owned(), |until| text::span(until.since(app.now)));
    let steps = [
        ("  E-STOP is latched; the robot is held  ".to_owned(), done.fg(palette::PAPER)),
        ("  1  let go of everything, press u  ".to_owned(), first),
        (format!("  2  press u again: {left}  "), second),
    ];
    let width = steps.iter().map(|(line, _)| text::width(line)).max().unwrap_or(0);
    let row = place.height.saturating_sub(5) / 2 + 1;
    for (i, (line, style)) in (0..).zip(&steps) {
        let line = format!("{line:<width$}", width = usize::from(width));
        text::put_centred(buf, text::below(place, row + i), &line, *style);
    }
}
