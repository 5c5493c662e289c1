//! Small drawings for the page.

use std::fmt::Write as _;

use crate::eval::calibration::Reliability;
use crate::eval::statistics::Estimate;

const BAR: (f64, f64) = (160.0, 14.0);
const SQUARE: f64 = 160.0;

/// A share with its bounds on a line from 0 to 1.
pub(super) fn share(share: &Estimate) -> String {
    let (width, height) = BAR;
    let middle = height / 2.0;
    let [low, value, high] = [share.low, share.value, share.high].map(|share| share * width);
    format!(
        "<svg viewBox='-4 0 {} {height}' width='{}' height='{height}' role='img' \
         aria-label='{}'><path d='M0 {middle}H{width}' stroke='#ccc'/>\
         <path d='M{low:.1} {middle}H{high:.1}' stroke='#06c' stroke-width='4'/>\
         <circle cx='{value:.1}' cy='{middle}' r='4' fill='#036'/></svg>",
        width + 8.0,
        width + 8.0,
        share.percent(),
    )
}

/// Share of right answers over confidence; on the line, a confidence is what it says.
pub(super) fn reliability(found: &Reliability) -> String {
    let mut svg = format!(
        "<svg viewBox='-4 -4 {0} {0}' width='{0}' height='{0}' role='img' \
         aria-label='share of right answers over confidence'>\
         <rect width='{SQUARE}' height='{SQUARE}' fill='none' stroke='#ccc'/>\
         <path d='M0 {SQUARE}L{SQUARE} 0' stroke='#ccc'/>",
        SQUARE + 8.0
    );
    let most = found.bins.iter().map(|bin| bin.n).max().unwrap_or(1) as f64;
    for bin in &found.bins {
        // Its area tells how many answers are in it.
        let radius = 2.0 + 6.0 * (bin.n as f64 / most).sqrt();
        let (x, y) = (bin.mean_confidence * SQUARE, (1.0 - bin.accuracy) * SQUARE);
        // Writing into memory has no way to fail.
        let _ = write!(
            svg,
            "<circle cx='{x:.1}' cy='{y:.1}' r='{radius:.1}' fill='#06c' fill-opacity='.6'>\
             <title>{} answers</title></circle>",
            bin.n
        );
    }
    svg + "</svg>"
}
