//! The drawing: one file a panel, none of which changes the state.

mod alarm;
mod banner;
mod camera;
mod dialogs;
mod footer;
mod gauges;
mod header;
mod health;
mod help;
mod latency;
mod log;
mod map;
mod policy;
mod record;
#[cfg(test)]
mod tests;
mod text;
mod transport;

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::dialog::Dialog;
use super::dots::Dots;
use super::layout::layout;
use super::path::{self, Waypoint};
use super::picture::Picture;
use super::{App, palette};
use crate::msg::{ActionChunk, Authority, Fault, FaultSet, Mode, RecordPhase, Snapshot, Tick};

#[cfg(test)]
pub(super) use alarm::BIG_WORDS;

/// Buffers the drawing keeps between pictures of the screen.
#[derive(Debug, Default)]
pub(super) struct Canvas {
    picture: Picture,
    way: Vec<Waypoint>,
    dots: Dots,
}

impl Canvas {
    pub(super) fn forget(&mut self) {
        self.picture.forget();
    }
}

/// Draws the whole screen. Changes nothing in `app` but its drawing caches.
pub fn view(app: &mut App, frame: &mut Frame<'_>) {
    let mut canvas = std::mem::take(&mut app.canvas);
    let area = frame.area();
    let buf = frame.buffer_mut();
    let has_strip = app.record.phase != RecordPhase::Off || app.playback.is_some();
    match layout(area, app.wrong().iter().count(), has_strip) {
        Some(_) if app.dialog == Some(Dialog::Help) => help::draw(app, area, buf),
        Some(places) => {
            header::draw(app, places.header, buf);
            banner::draw(app, places.banner, places.banner_scale, buf);
            camera::draw(app, &mut canvas, places.picture, buf);
            camera::caption(app, places.caption, buf);
            gauges::draw(app, places.gauges, buf);
            policy::draw(app, &mut canvas, places.policy, buf);
            health::draw(app, places.health, buf);
            latency::draw(app, places.latency, buf);
            map::draw(app, &mut canvas, places.map, buf);
            log::draw(app, places.log, buf);
            if let Some(playback) = &app.playback {
                transport::draw(playback, places.strip, buf);
                transport::keys(places.footer, buf);
            } else {
                record::draw(app, places.strip, buf);
                footer::draw(app, places.footer, buf);
            }
        }
        None => tiny(app, area, buf),
    }
    let cursor = dialogs::draw(app, area, buf);
    alarm::draw(app, area, buf);
    palette::reduce(buf, app.options.depth);
    if let Some(cursor) = cursor {
        frame.set_cursor_position(cursor);
    }
    app.canvas = canvas;
}

/// Too small for panels: the mode, and how to stop.
fn tiny(app: &App, area: Rect, buf: &mut Buffer) {
    let rows = area.rows().collect::<Vec<_>>();
    let [first, rest @ ..] = rows.as_slice() else { return };
    banner::draw(app, *first, 0, buf);
    let size = format!("{}x{} is too small: enlarge to 60x20", area.width, area.height);
    let keys = match app.playback {
        Some(_) => "space pause  q quit",
        None => "x E-STOP  space hold still",
    };
    let lines = [keys, size.as_str()];
    for (row, line) in rest.iter().zip(lines) {
        text::put(buf, *row, line, palette::bold());
    }
}

impl App {
    fn tick(&self) -> Option<&Tick> {
        self.snapshot.as_deref().map(|snapshot: &Snapshot| &snapshot.tick)
    }

    fn mode(&self) -> Mode {
        self.tick().map_or(Mode::Standby, |tick| tick.mode)
    }

    fn faults(&self) -> FaultSet {
        self.tick().map_or(FaultSet::EMPTY, |tick| tick.faults)
    }

    /// Every fault, and every reason why engaging was refused.
    fn wrong(&self) -> FaultSet {
        self.faults().union(self.refused())
    }

    /// Why the last engage request was refused; of no interest while the policy drives.
    fn refused(&self) -> FaultSet {
        let refused = |tick: &Tick| (tick.mode != Mode::Autonomous).then_some(tick.refused);
        self.tick().and_then(refused).unwrap_or_default()
    }

    fn has(&self, fault: Fault) -> bool {
        self.faults().contains(fault)
    }

    /// The newest chunk and what is left of it, while it is young enough to mean something.
    fn plan<'a>(&self, way: &'a mut Vec<Waypoint>) -> Option<(&'a [Waypoint], bool)> {
        let tick = self.tick()?;
        let chunk: &ActionChunk = tick.chunk.as_ref()?;
        path::integrate(chunk, tick.now, way);
        let driving = tick.authority == Authority::Policy;
        (way.len() > 1).then_some((way.as_slice(), driving))
    }
}
