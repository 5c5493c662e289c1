//! The leaderboard as one page that needs nothing else: no script, no picture, no network.

use std::fmt::{self, Write as _};

use super::{HEADINGS, Line, plot};
use crate::eval::closed_loop::ClosedLoop;
use crate::eval::offline::Offline;
use crate::eval::scores::Scores;

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;\
padding:0 1rem;color:#222}table{border-collapse:collapse;margin:1rem 0}\
th,td{padding:.3rem .7rem;text-align:left;border-bottom:1px solid #ddd;vertical-align:top}\
td.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}\
h2{margin-top:2.5rem}small,.quiet{color:#666}.warn{color:#a30}code{font-size:.85em}";

/// The whole page.
#[must_use]
pub fn page(lines: &[Line]) -> String {
    let mut html = String::new();
    // Writing into memory has no way to fail.
    let _ = write(&mut html, lines);
    html
}

fn write(html: &mut String, lines: &[Line]) -> fmt::Result {
    writeln!(
        html,
        "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>\
         <meta name='viewport' content='width=device-width'><title>Policies</title>\
         <style>{STYLE}</style></head><body>\n<h1>Policies</h1>\n\
         <p>By the lower bound of the share of attempts in the simulator that succeed. Each number \
         was measured on exactly the files whose hash stands with it.</p>\n<table><thead><tr>"
    )?;
    for heading in HEADINGS {
        write!(html, "<th>{}</th>", escaped(heading))?;
    }
    writeln!(html, "</tr></thead><tbody>")?;
    lines.iter().try_for_each(|line| row(html, line))?;
    writeln!(html, "</tbody></table>")?;
    for line in lines {
        if let Some(scores) = line.scores() {
            details(html, line, scores)?;
        }
    }
    writeln!(html, "</body></html>")
}

fn row(html: &mut String, line: &Line) -> fmt::Result {
    let success = line.closed_loop().and_then(|part| part.total.success);
    let [name, cells @ .., remark] = line.cells();
    let [name, summary] = [&name, &line.summary].map(|text| escaped(text));
    write!(html, "<tr><td><b>{name}</b><br><small>{summary}</small></td>")?;
    for (number, cell) in cells.iter().enumerate() {
        let bar = success.filter(|_| number == 0).map(|share| plot::share(&share));
        let bar = bar.map_or_else(String::new, |bar| format!("<br>{bar}"));
        write!(html, "<td class='n'>{}{bar}</td>", escaped(cell))?;
    }
    writeln!(html, "<td class='warn'>{}</td></tr>", escaped(&remark))
}

fn details(html: &mut String, line: &Line, scores: &Scores) -> fmt::Result {
    let [name, hash] = [&line.name, &scores.graph_sha256].map(|text| escaped(text));
    writeln!(html, "<h2>{name}</h2>\n<p class='quiet'>graph <code>{hash}</code></p>")?;
    if let Some(part) = &scores.closed_loop {
        closed_loop(html, part)?;
    }
    if let Some(part) = &scores.offline {
        let on = format!("recorded episodes held out of <code>{}</code>", escaped(&part.data));
        offline(html, &on, part)?;
    }
    if let Some(part) = &scores.offline_simulated {
        offline(html, "episodes that the expert drove in the simulator", part)?;
    }
    Ok(())
}

fn closed_loop(html: &mut String, part: &ClosedLoop) -> fmt::Result {
    writeln!(
        html,
        "<table><thead><tr><th>in the simulator</th><th>attempts</th><th></th>\
         <th>success [95 %]</th><th>collisions</th></tr></thead><tbody>"
    )?;
    for (name, tally) in &part.families {
        let Some(success) = tally.success else { continue };
        writeln!(
            html,
            "<tr><td>{}</td><td class='n'>{}</td><td>{}</td><td class='n'>{}</td>\
             <td class='n'>{}</td></tr>",
            escaped(name),
            tally.n,
            plot::share(&success),
            success.percent(),
            tally.n_contact
        )?;
    }
    writeln!(html, "</tbody></table>")?;
    let Some(found) = &part.reliability else { return Ok(()) };
    writeln!(
        html,
        "<p>Confidence against the expert: calibration error {:.3}; on the line it is what it \
         says.<br>{}</p>",
        found.ece,
        plot::reliability(found)
    )
}

fn offline(html: &mut String, on: &str, part: &Offline) -> fmt::Result {
    writeln!(
        html,
        "<p>On {} {on}; mean absolute errors, m/s, m/s and rad/s.</p>\n<table><thead><tr><th></th>\
         <th>forward</th><th>left</th><th>turn</th><th>within the tolerance</th>\
         <th>answers depart</th></tr></thead><tbody>",
        part.n_episodes
    )?;
    let contenders = part.contenders.iter().map(|found| (&found.name, found.later.as_ref(), None));
    let changes = part.counterfactuals.iter();
    let changes = changes.map(|found| (&found.name, found.errors.as_ref(), Some(found.departs)));
    for (name, figures, departs) in contenders.chain(changes) {
        let Some(figures) = figures else { continue };
        write!(html, "<tr><td>{}</td>", escaped(name))?;
        for mae in figures.mae {
            write!(html, "<td class='n'>{:.3}</td>", mae.value)?;
        }
        let departs = departs.map(|departs| departs.percent()).unwrap_or_default();
        let right = figures.right.percent();
        writeln!(html, "<td class='n'>{right}</td><td class='n'>{departs}</td></tr>")?;
    }
    writeln!(html, "</tbody></table>")
}

fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.replace('\'', "&#39;").replace('"', "&quot;")
}
