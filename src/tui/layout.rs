//! Where each panel goes at each terminal size. Pure geometry.

use ratatui::layout::Rect;

/// Below this only the mode and the stop key are shown.
const WIDTH_MIN: u16 = 44;
const HEIGHT_MIN: u16 = 14;
/// The least width of a column of panels.
const COLUMN: u16 = 32;

/// The place of every panel; one that has none is empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) header: Rect,
    pub(super) banner: Rect,
    /// Pixels of the banner's letters: columns each; 0 for a banner of one line.
    pub(super) banner_scale: u16,
    pub(super) picture: Rect,
    pub(super) caption: Rect,
    pub(super) gauges: Rect,
    pub(super) policy: Rect,
    pub(super) health: Rect,
    pub(super) latency: Rect,
    pub(super) map: Rect,
    pub(super) log: Rect,
    /// One line, where there is a recorder or a recorded drive.
    pub(super) strip: Rect,
    pub(super) footer: Rect,
}

/// A panel's wish for rows in a column.
#[derive(Clone, Copy)]
struct Want {
    least: u16,
    most: u16,
}

const GAUGES: Want = Want { least: 5, most: 5 };
const POLICY: Want = Want { least: 4, most: 5 };
const LATENCY: Want = Want { least: 6, most: 6 };
const MAP: Want = Want { least: 7, most: 40 };
const LOG: Want = Want { least: 3, most: 30 };

/// Every fault gets a line, its heading and the base's line besides, even if other panels must go.
fn health(n_faults: usize) -> Want {
    let n_lines = n_faults.min(40) as u16 + 1;
    Want { least: n_lines.max(4), most: (n_lines + 1).max(6) }
}

/// `None` where the terminal is too small for panels.
pub(super) fn layout(area: Rect, n_faults: usize, has_strip: bool) -> Option<Layout> {
    if area.width < WIDTH_MIN || area.height < HEIGHT_MIN {
        return None;
    }
    let banner_scale = match (area.width, area.height) {
        (150.., 44..) => 2,
        (76.., 22..) => 1,
        _ => 0,
    };
    let (header, rest) = cut_top(area, 1);
    let (rest, footer) = cut_bottom(rest, 1);
    let (rest, strip) = cut_bottom(rest, u16::from(has_strip));
    let (banner, body) = cut_top(rest, [1, 4, 7][usize::from(banner_scale.min(2))]);
    let body = Rect { x: body.x + 1, width: body.width - 2, ..body };
    let mut plan = Layout { header, banner, banner_scale, strip, footer, ..Layout::default() };
    if area.width < area.height * 9 / 5 {
        portrait(body, health(n_faults), &mut plan);
    } else {
        landscape(body, health(n_faults), &mut plan);
    }
    Some(plan)
}

/// Picture on the left, one or two columns of panels on the right.
fn landscape(body: Rect, health: Want, plan: &mut Layout) {
    let share = if body.width < 100 { body.width * 2 / 5 } else { body.width * 39 / 100 };
    let column = share.clamp(body.width.min(COLUMN - 4), 64);
    // A 4:3 picture of all rows but the caption's; cells are twice as high as wide.
    let picture_max = (body.height - 1) * 8 / 3;
    let width = (body.width - column - 2).min(picture_max);
    let (left, right) = cut_left(body, width);
    let right = Rect { x: right.x + 2, width: right.width.saturating_sub(2), ..right };
    picture_column(left, plan);
    if right.width < COLUMN * 2 + 16 {
        let wants = [GAUGES, health, POLICY, LATENCY, MAP];
        let rows = stack(right, wants, [0, 2, 1, 4, 3]);
        [plan.gauges, plan.health, plan.policy, plan.latency, plan.map] = rows;
    } else {
        let (first, second) = cut_left(right, right.width / 2 - 1);
        let second = Rect { x: second.x + 2, width: second.width - 2, ..second };
        let rows = stack(first, [GAUGES, health, POLICY, LOG], [0, 2, 1, 3]);
        [plan.gauges, plan.health, plan.policy, plan.log] = rows;
        [plan.latency, plan.map] = stack(second, [LATENCY, MAP], [1, 0]);
    }
}

/// Picture above, two columns of panels below.
fn portrait(body: Rect, health: Want, plan: &mut Layout) {
    let height = (body.width * 3 / 8).min(body.height / 2) + 1;
    let (above, below) = cut_top(body, height);
    picture_column(above, plan);
    let below = Rect { y: below.y + 1, height: below.height.saturating_sub(1), ..below };
    if below.width < COLUMN * 2 + 2 {
        let rows = stack(below, [GAUGES, health, POLICY, LATENCY, MAP], [0, 2, 1, 4, 3]);
        [plan.gauges, plan.health, plan.policy, plan.latency, plan.map] = rows;
        return;
    }
    let (columns, log) = cut_bottom(below, if below.height > 20 { 5 } else { 0 });
    plan.log = log;
    let (left, right) = cut_left(columns, columns.width / 2 - 1);
    let right = Rect { x: right.x + 2, width: right.width - 2, ..right };
    [plan.gauges, plan.policy, plan.latency] = stack(left, [GAUGES, POLICY, LATENCY], [0, 1, 2]);
    [plan.health, plan.map] = stack(right, [health, MAP], [0, 1]);
}

/// The picture at the top, its caption under it, the log in what is left.
fn picture_column(area: Rect, plan: &mut Layout) {
    let height = ((area.width * 3 + 4) / 8).clamp(1, area.height.saturating_sub(1).max(1));
    let (picture, rest) = cut_top(area, height);
    let (caption, rest) = cut_top(rest, 1);
    plan.picture = picture;
    plan.caption = caption;
    if rest.height >= 2 {
        plan.log = Rect { y: rest.y + 1, height: rest.height - 1, ..rest };
    }
}

/// Rows for panels that stand in order of importance in `wants`: the most important that fit get
/// their least, then each in turn as much as it can use. `order[i]` is the place of panel `i` from
/// the top; one row between panels.
fn stack<const N: usize>(area: Rect, wants: [Want; N], order: [usize; N]) -> [Rect; N] {
    let mut rows = [0_u16; N];
    let mut left = area.height + 1;
    for (rows, want) in rows.iter_mut().zip(wants) {
        if want.least < left {
            *rows = want.least;
            left -= want.least + 1;
        }
    }
    for (rows, want) in rows.iter_mut().zip(wants).filter(|(rows, _)| **rows > 0) {
        let more = left.min(want.most - *rows);
        *rows += more;
        left -= more;
    }
    let mut top = area.y;
    let mut placed = [Rect::ZERO; N];
    for position in 0..N {
        for ((rect, &rows), _) in
            placed.iter_mut().zip(&rows).zip(order).filter(|(_, at)| *at == position)
        {
            if rows > 0 {
                *rect = Rect { y: top, height: rows, ..area };
                top += rows + 1;
            }
        }
    }
    placed
}

fn cut_top(area: Rect, height: u16) -> (Rect, Rect) {
    let height = height.min(area.height);
    let rest = Rect { y: area.y + height, height: area.height - height, ..area };
    (Rect { height, ..area }, rest)
}

fn cut_bottom(area: Rect, height: u16) -> (Rect, Rect) {
    let (rest, bottom) = cut_top(area, area.height - height.min(area.height));
    (rest, bottom)
}

fn cut_left(area: Rect, width: u16) -> (Rect, Rect) {
    let width = width.min(area.width);
    let rest = Rect { x: area.x + width, width: area.width - width, ..area };
    (Rect { width, ..area }, rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn panels(plan: &Layout) -> [(&'static str, Rect); 12] {
        [
            ("header", plan.header),
            ("banner", plan.banner),
            ("picture", plan.picture),
            ("caption", plan.caption),
            ("gauges", plan.gauges),
            ("policy", plan.policy),
            ("health", plan.health),
            ("latency", plan.latency),
            ("map", plan.map),
            ("log", plan.log),
            ("strip", plan.strip),
            ("footer", plan.footer),
        ]
    }

    #[test]
    fn panels_never_overlap_or_leave_the_screen() {
        // One panel over another would hide a fault or a number.
        for (width, height) in (1..=220).flat_map(|w| (1..=90).map(move |h| (w, h))) {
            let area = Rect::new(0, 0, width, height);
            let Some(plan) = layout(area, usize::from(height % 20), width % 3 > 0) else {
                continue;
            };
            let panels = panels(&plan);
            for (i, &(name, rect)) in panels.iter().enumerate() {
                let is_inside = rect.is_empty() || rect.intersection(area) == rect;
                assert!(is_inside, "{name} {rect:?} leaves {width}x{height}");
                for &(other, second) in &panels[i + 1..] {
                    let overlap = rect.intersection(second);
                    assert!(overlap.is_empty(), "{name} and {other} overlap at {width}x{height}");
                }
            }
        }
    }

    #[test]
    fn what_matters_is_there_at_every_common_size() {
        // The operator of a small terminal still needs picture, mode, gauges, faults and keys.
        for (width, height) in
            [(60, 20), (80, 24), (100, 30), (120, 40), (160, 50), (200, 40), (80, 60)]
        {
            let plan = layout(Rect::new(0, 0, width, height), 0, true).unwrap();
            let must =
                ["header", "banner", "picture", "caption", "gauges", "health", "strip", "footer"];
            for (name, rect) in panels(&plan) {
                assert!(!must.contains(&name) || !rect.is_empty(), "{name} at {width}x{height}");
            }
        }
    }

    #[test]
    fn large_screens_show_everything() {
        // A panel that never finds room would be dead code.
        for (width, height) in [(120, 40), (160, 50), (200, 50), (90, 70)] {
            let plan = layout(Rect::new(0, 0, width, height), 0, true).unwrap();
            for (name, rect) in panels(&plan) {
                assert!(!rect.is_empty(), "{name} at {width}x{height}");
            }
        }
    }
}
