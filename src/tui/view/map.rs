//! The robot from above: where it was by odometry, where it looks, where the plan leads. Ahead at
//! start is up.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::{Canvas, text};
use crate::tui::{App, palette};

/// Half of what the map shows is never less than this (m).
const REACH_MIN_M: f64 = 1.0;
/// Beyond this the map follows the robot and shows only its surroundings (m).
const REACH_MAX_M: f64 = 10.0;
/// How far the robot's nose reaches, in dots.
const NOSE: f64 = 7.0;

pub(super) fn draw(app: &App, canvas: &mut Canvas, area: Rect, buf: &mut Buffer) {
    if area.is_empty() {
        return;
    }
    let (rest, field) = text::title(buf, area, "odometry");
    let odometry = app.tick().and_then(|tick| tick.base.odometry);
    let Some(pose) = odometry.filter(|p| (p.x + p.y + p.yaw).is_finite()) else {
        text::put(buf, rest, "  none yet", palette::faint());
        return;
    };
    let heading = (pose.yaw.to_degrees() + 180.0).rem_euclid(360.0) - 180.0;
    let place = format!("x {:+.2}  y {:+.2} m  yaw {heading:+.0}°", pose.x, pose.y);
    text::put_right(buf, rest, &place, Style::new());
    // The last row is the scale's.
    let (scale, field) = (field, Rect { height: field.height.saturating_sub(1), ..field });
    let view = View::fit(app, (pose.x, pose.y), field);
    canvas.dots.reset(field.width, field.height);
    let trail = app.history.trail();
    for (a, b) in trail.clone().zip(trail.skip(1)) {
        canvas.dots.line(view.dot(a), view.dot(b), palette::FAINT);
    }
    let (sin, cos) = pose.yaw.sin_cos();
    if let Some((way, _)) = app.plan(&mut canvas.way) {
        let world = |x: f64, y: f64| (pose.x + x * cos - y * sin, pose.y + x * sin + y * cos);
        for (a, b) in way.iter().zip(way.iter().skip(1)) {
            let ends = (view.dot(world(a.x, a.y)), view.dot(world(b.x, b.y)));
            let color = if b.planned { palette::POLICY } else { palette::TRACK };
            canvas.dots.line(ends.0, ends.1, color);
        }
    }
    let at = view.dot((pose.x, pose.y));
    let nose = (at.0 - NOSE * sin, at.1 - NOSE * cos);
    canvas.dots.line(at, nose, palette::OPERATOR);
    canvas.dots.render(field, buf);
    let (column, row) = ((at.0 / 2.0).floor() as u16, (at.1 / 4.0).floor() as u16);
    if column < field.width && row < field.height {
        let style = palette::bold().fg(palette::OPERATOR);
        buf.set_string(field.x + column, field.y + row, "●", style);
    }
    view.scale_bar(scale, buf);
}

/// From metres to dots.
struct View {
    centre: (f64, f64),
    dots_per_m: f64,
    middle: (f64, f64),
}

impl View {
    /// The whole trail while it is small enough, else the robot's surroundings.
    fn fit(app: &App, robot: (f64, f64), field: Rect) -> Self {
        let middle = (f64::from(field.width), f64::from(field.height) * 2.0);
        let trail = app.history.trail();
        let (low, high) = trail.fold((robot, robot), |(low, high), (x, y)| {
            ((low.0.min(x), low.1.min(y)), (high.0.max(x), high.1.max(y)))
        });
        let reach = ((high.0 - low.0) / 2.0).max((high.1 - low.1) / 2.0);
        let centre = if reach > REACH_MAX_M {
            robot
        } else {
            (f64::midpoint(low.0, high.0), f64::midpoint(low.1, high.1))
        };
        // y, the robot's left, runs along the width.
        let margin = NOSE * 0.6;
        let fits =
            |half: f64, dots: f64| (dots - margin).max(4.0) / half.clamp(REACH_MIN_M, REACH_MAX_M);
        let across = fits((high.1 - low.1) / 2.0, middle.0);
        let along = fits((high.0 - low.0) / 2.0, middle.1);
        Self { centre, dots_per_m: across.min(along), middle }
    }

    fn dot(&self, (x, y): (f64, f64)) -> (f64, f64) {
        let left = (y - self.centre.1) * self.dots_per_m;
        let ahead = (x - self.centre.0) * self.dots_per_m;
        (self.middle.0 - left, self.middle.1 - ahead)
    }

    /// A bar of a round length at the bottom left.
    fn scale_bar(&self, field: Rect, buf: &mut Buffer) {
        let lengths = [10.0, 5.0, 2.0, 1.0, 0.5, 0.2];
        let cells = |metres: f64| (metres * self.dots_per_m / 2.0).round() as u16;
        let room = field.width / 3;
        let Some(&metres) = lengths.iter().find(|&&metres| cells(metres) <= room) else { return };
        let n_cells = usize::from(cells(metres).max(2));
        let bar = format!("╶{}╴ {metres} m", "─".repeat(n_cells.saturating_sub(2)));
        let row = text::below(field, field.height.saturating_sub(1));
        text::put(buf, row, &bar, palette::faint());
    }
}
