//! A table that fits the terminal: what matters least is left out first.

use std::io::{self, Write};

use ratatui::text::Span;

/// Spaces between columns.
const GAP: usize = 2;
/// An elastic column is not narrower while others can be left out.
const ELASTIC_MIN: usize = 16;
/// Nor wider, where nothing limits it.
const ELASTIC_MAX: usize = 48;

/// What the output shows.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Look {
    /// Columns of the terminal; `None`: no limit.
    pub(super) width: Option<usize>,
    pub(super) is_coloured: bool,
}

/// One column; a cell for each row.
#[derive(Clone, Debug, Default)]
pub(super) struct Column {
    pub(super) title: &'static str,
    pub(super) cells: Vec<Cell>,
    pub(super) is_right: bool,
    /// Shrinks before others are left out.
    pub(super) is_elastic: bool,
    /// The greatest is left out first; 0 never.
    pub(super) rank: u8,
}

/// A text of one line and the escape code of its colour.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) text: String,
    pub(super) colour: &'static str,
}

pub(super) const GREEN: &str = "\x1b[32m";
pub(super) const YELLOW: &str = "\x1b[33m";
pub(super) const RED: &str = "\x1b[31m";
pub(super) const FAINT: &str = "\x1b[2m";
const OFF: &str = "\x1b[0m";

impl Column {
    pub(super) fn new(title: &'static str, rank: u8, cells: Vec<Cell>) -> Self {
        Self { title, cells, rank, ..Self::default() }
    }

    pub(super) fn right(title: &'static str, rank: u8, cells: Vec<Cell>) -> Self {
        Self { is_right: true, ..Self::new(title, rank, cells) }
    }

    fn width(&self) -> usize {
        let widest = self.cells.iter().map(|cell| columns(&cell.text)).max().unwrap_or(0);
        widest.max(columns(self.title))
    }

    fn is_empty(&self) -> bool {
        self.cells.iter().all(|cell| cell.text.is_empty())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self { text, colour: "" }
    }
}

/// Writes titles and rows. Columns without any text are left out.
pub(super) fn write(out: &mut dyn Write, all: Vec<Column>, look: &Look) -> io::Result<()> {
    let mut table: Vec<_> = all.into_iter().filter(|column| !column.is_empty()).collect();
    let widths = fit(&mut table, look.width);
    let n_rows = table.first().map_or(0, |column| column.cells.len());
    let titles: Vec<_> =
        table.iter().map(|column| Cell { text: column.title.to_owned(), colour: FAINT }).collect();
    write_row(out, &table, &widths, |i| titles.get(i), look)?;
    for row in 0..n_rows {
        write_row(out, &table, &widths, |i| table.get(i)?.cells.get(row), look)?;
    }
    Ok(())
}

/// Leaves columns out until the rest fits; gives the width of each.
fn fit(table: &mut Vec<Column>, limit: Option<usize>) -> Vec<usize> {
    let natural = |table: &[Column], most: usize| -> Vec<usize> {
        let width = |column: &Column| {
            let most = if column.is_elastic { most } else { usize::MAX };
            column.width().min(most)
        };
        table.iter().map(width).collect()
    };
    let total = |widths: &[usize]| widths.iter().sum::<usize>() + GAP * widths.len().max(1) - GAP;
    let Some(limit) = limit else { return natural(table, ELASTIC_MAX) };
    while total(&natural(table, ELASTIC_MIN)) > limit {
        let last = table.iter().enumerate().filter(|(_, column)| column.rank > 0);
        let Some((i, _)) = last.max_by_key(|(_, column)| column.rank) else { break };
        table.remove(i);
    }
    let fixed = total(&natural(table, 0));
    natural(table, limit.saturating_sub(fixed).max(4))
}

fn write_row<'a>(
    out: &mut dyn Write,
    table: &[Column],
    widths: &[usize],
    cell: impl Fn(usize) -> Option<&'a Cell>,
    look: &Look,
) -> io::Result<()> {
    let mut line = String::new();
    let mut spaces = 0;
    for (i, (column, width)) in table.iter().zip(widths).enumerate() {
        let Some(cell) = cell(i) else { continue };
        let text = cut(&cell.text, *width);
        let pad = width.saturating_sub(columns(&text));
        if column.is_right {
            spaces += pad;
        }
        if !text.is_empty() {
            line.push_str(&" ".repeat(std::mem::take(&mut spaces)));
            line.push_str(&coloured(&text, cell.colour, look));
        }
        spaces += GAP + if column.is_right { 0 } else { pad };
    }
    writeln!(out, "{line}")
}

pub(super) fn coloured(text: &str, colour: &str, look: &Look) -> String {
    if colour.is_empty() || !look.is_coloured {
        return text.to_owned();
    }
    format!("{colour}{text}{OFF}")
}

/// Columns that a text takes on the terminal.
pub(super) fn columns(text: &str) -> usize {
    Span::raw(text).width()
}

/// At most `width` columns of a text.
pub(super) fn cut(text: &str, width: usize) -> String {
    if columns(text) <= width {
        return text.to_owned();
    }
    let mut short = String::new();
    for letter in text.chars() {
        short.push(letter);
        if columns(&short) + 1 > width {
            short.pop();
            break;
        }
    }
    short + "…"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Vec<Column> {
        let cells = |texts: [&str; 2]| texts.map(|text| Cell::from(text.to_owned())).to_vec();
        vec![
            Column::right("#", 0, cells(["3", "12"])),
            Column {
                is_elastic: true,
                ..Column::new("task", 0, cells(["find the red target in the hall", "go"]))
            },
            Column::new("rows", 1, cells(["100", "90"])),
            Column::new("empty", 3, cells(["", ""])),
            Column::new("size", 2, cells(["1.2 MB", ""])),
        ]
    }

    fn written(width: Option<usize>, is_coloured: bool) -> String {
        let mut out = Vec::new();
        write(&mut out, table(), &Look { width, is_coloured }).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_matters_least_is_left_out_until_it_fits() {
        // Lines would break in the terminal and a person could not scan them.
        let wide = " #  task                             rows  size\n \
                    3  find the red target in the hall  100   1.2 MB\n\
                    12  go                               90\n";
        assert_eq!(written(None, false), wide);
        assert_eq!(written(Some(49), false), wide);
        let narrow = " #  task                    rows  size\n \
                      3  find the red target i…  100   1.2 MB\n\
                      12  go                      90\n";
        assert_eq!(written(Some(40), false), narrow);
        let least = " #  task              rows\n \
                     3  find the red ta…  100\n\
                     12  go                90\n";
        assert_eq!(written(Some(26), false), least);
        for width in 4..60 {
            let text = written(Some(width), false);
            let widest = text.lines().map(columns).max().unwrap_or(0);
            assert!(widest <= width.max(20), "{width}:\n{text}");
        }
    }

    #[test]
    fn colour_takes_no_room() {
        // Columns would not stand under their titles.
        let plain = written(Some(40), false);
        assert!(!plain.contains('\x1b'));
        let coloured = written(Some(40), true);
        let without = coloured.replace(FAINT, "").replace(OFF, "");
        assert_eq!(without, plain);
    }

    #[test]
    fn texts_are_cut_by_what_they_take_on_the_terminal() {
        // A wide letter would push the rest of the row to the right.
        assert_eq!(cut("目標を探す", 6), "目標…");
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("abcd", 3), "ab…");
    }
}
