use std::fmt::Write as _;

use super::{HEADINGS, Line};

/// The leaderboard as a table in Markdown.
#[must_use]
pub fn markdown(lines: &[Line]) -> String {
    let mut text = String::new();
    row(&mut text, &HEADINGS.map(str::to_owned));
    row(&mut text, &HEADINGS.map(|_| "---".to_owned()));
    for line in lines {
        row(&mut text, &line.cells());
    }
    text
}

fn row(text: &mut String, cells: &[String]) {
    let cells: Vec<_> = cells.iter().map(|cell| one_line(cell)).collect();
    // Writing into memory has no way to fail.
    let _ = writeln!(text, "| {} |", cells.join(" | "));
}

fn one_line(cell: &str) -> String {
    cell.replace('|', "\\|").replace(['\n', '\r'], " ")
}
