//! The curves of a run, as numbers and as a picture.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context;

const WIDTH: f32 = 640.0;
const HEIGHT: f32 = 360.0;
const MARGIN: f32 = 48.0;

/// A point of the curves: step, loss in training, loss on held-out episodes.
pub(super) type Point = (u64, f32, f32);

/// Writes `curve.csv` and `curve.svg` into `folder`.
pub(super) fn write(folder: &Path, title: &str, points: &[Point]) -> anyhow::Result<()> {
    let mut csv = String::from("step,training,held_out\n");
    for (step, training, held_out) in points {
        writeln!(csv, "{step},{training},{held_out}")?;
    }
    for (name, text) in [("curve.csv", csv), ("curve.svg", svg(title, points)?)] {
        let path = folder.join(name);
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

fn svg(title: &str, points: &[Point]) -> anyhow::Result<String> {
    let losses = || points.iter().flat_map(|(_, a, b)| [*a, *b]).filter(|loss| loss.is_finite());
    let low = losses().fold(f32::INFINITY, f32::min).min(0.0);
    let high = losses().fold(f32::NEG_INFINITY, f32::max).max(low + 1e-3);
    let last = points.last().map_or(1, |(step, ..)| (*step).max(1)) as f32;
    let x = |step: u64| MARGIN + (WIDTH - 2.0 * MARGIN) * step as f32 / last;
    let y = |loss: f32| MARGIN + (HEIGHT - 2.0 * MARGIN) * (high - loss) / (high - low);
    let mut svg = format!(
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {HEIGHT}' \
         font-family='sans-serif' font-size='12'>\n\
         <rect width='100%' height='100%' fill='white'/>\n\
         <text x='{MARGIN}' y='24' font-size='14'>{}</text>\n",
        title.replace('&', "&amp;").replace('<', "&lt;")
    );
    for i in 0..=4 {
        let loss = low + (high - low) * i as f32 / 4.0;
        let at = y(loss);
        writeln!(
            svg,
            "<line x1='{MARGIN}' x2='{}' y1='{at}' y2='{at}' stroke='#ddd'/>\
             <text x='4' y='{}'>{loss:.2}</text>",
            WIDTH - MARGIN,
            at + 4.0
        )?;
    }
    let lines = [("training", "#888", 0), ("held out", "#06c", 1)];
    for (name, colour, which) in lines {
        let place =
            |(step, a, b): &Point| format!("{},{}", x(*step), y(if which == 0 { *a } else { *b }));
        let path: Vec<_> = points.iter().map(place).collect();
        writeln!(
            svg,
            "<polyline points='{}' fill='none' stroke='{colour}' stroke-width='1.5'/>\
             <text x='{}' y='{}' fill='{colour}'>{name}</text>",
            path.join(" "),
            WIDTH - MARGIN - 60.0,
            MARGIN + 16.0 * which as f32
        )?;
    }
    writeln!(svg, "<text x='{}' y='{}'>{last} steps</text>\n</svg>", WIDTH - 110.0, HEIGHT - 16.0)?;
    Ok(svg)
}
