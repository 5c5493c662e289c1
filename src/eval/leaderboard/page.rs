//! The leaderboard as one page that needs nothing else: no script, no picture, no network.

use std::fmt::Write as _;

use super::{HEADINGS, Line, plot};
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
    let mut html = format!(
        "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>\
         <meta name='viewport' content='width=device-width'><title>Policies</title>\
         <style>{STYLE}</style></head><body>\n<h1>Policies</h1>\n\
         <p>By the lower bound of the share of attempts in the simulator that succeed. Each number \
         was measured on exactly the files whose hash stands with it.</p>\n<table><thead><tr>"
    );
    for heading in HEADINGS {
        html += &format!("<th>{}</th>", escaped(heading));
    }
    html += "</tr></thead><tbody>\n";
    for line in lines {
        row(&mut html, line);
    }
    html += "</tbody></table>\n";
    for line in lines {
        if let Some(scores) = line.scores() {
            details(&mut html, line, scores);
        }
    }
    html + "</body></html>\n"
}

fn row(html: &mut String, line: &Line) {
    let success = line.closed_loop().and_then(|part| part.total.success);
    let [name, cells @ .., remark] = line.cells();
    *html += &format!("<tr><td><b>{}</b><br><small>", escaped(&name));
    *html += &format!("{}</small></td>", escaped(&line.summary));
    for (number, cell) in cells.iter().enumerate() {
        let bar = success.filter(|_| number == 0).map(|share| plot::share(&share));
        let bar = bar.map_or_else(String::new, |bar| format!("<br>{bar}"));
        *html += &format!("<td class='n'>{}{bar}</td>", escaped(cell));
    }
    *html += &format!("<td class='warn'>{}</td></tr>\n", escaped(&remark));
}

fn details(html: &mut String, line: &Line, scores: &Scores) {
    *html += &format!(
        "<h2>{}</h2>\n<p class='quiet'>graph <code>{}</code></p>\n",
        escaped(&line.name),
        escaped(&scores.graph_sha256)
    );
    if let Some(part) = &scores.closed_loop {
        *html += "<table><thead><tr><th>in the simulator</th><th>attempts</th><th></th>\
                  <th>success [95 %]</th><th>collisions</th></tr></thead><tbody>\n";
        for (name, tally) in &part.families {
            let Some(success) = tally.success else { continue };
            // Writing into memory has no way to fail.
            let _ = writeln!(
                html,
                "<tr><td>{}</td><td class='n'>{}</td><td>{}</td><td class='n'>{}</td>\
                 <td class='n'>{}</td></tr>",
                escaped(name),
                tally.n,
                plot::share(&success),
                success.percent(),
                tally.n_contact
            );
        }
        *html += "</tbody></table>\n";
        if let Some(found) = &part.reliability {
            *html += &format!(
                "<p>Confidence against the expert: calibration error {:.3}; on the line it is what \
                 it says.<br>{}</p>\n",
                found.ece,
                plot::reliability(found)
            );
        }
    }
    if let Some(part) = &scores.offline {
        let on = format!("recorded episodes held out of <code>{}</code>", escaped(&part.data));
        offline(html, &on, part);
    }
    if let Some(part) = &scores.offline_simulated {
        offline(html, "episodes that the expert drove in the simulator", part);
    }
}

fn offline(html: &mut String, on: &str, part: &Offline) {
    *html += &format!(
        "<p>On {} {on}; mean absolute errors, m/s, m/s and rad/s.</p>\n<table><thead><tr><th></th><th>forward</th><th>left</th><th>turn</th>\
         <th>within the tolerance</th></tr></thead><tbody>\n",
        part.n_episodes,
    );
    let contenders = part.contenders.iter().map(|found| (&found.name, found.later.as_ref()));
    let changes = part.counterfactuals.iter().map(|found| (&found.name, found.errors.as_ref()));
    for (name, figures) in contenders.chain(changes) {
        let Some(figures) = figures else { continue };
        *html += &format!("<tr><td>{}</td>", escaped(name));
        for mae in figures.mae {
            *html += &format!("<td class='n'>{:.3}</td>", mae.value);
        }
        *html += &format!("<td class='n'>{}</td></tr>\n", figures.right.percent());
    }
    *html += "</tbody></table>\n";
}

fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.replace('\'', "&#39;").replace('"', "&quot;")
}
