//! Columns in memory, and the Parquet files they come from and go to.
//!
//! Deliberately absent: a query language, and columns this program has no use for; what a foreign
//! file has beyond [`Column`] is skipped by name, never guessed.

mod pages;
mod read;
#[cfg(test)]
mod tests;
mod write;

use std::ops::Range;

pub use read::{Contents, names, read, read_where};
pub use write::{write, write_row_groups};

use super::DatasetError;

/// Named columns of equal length, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    columns: Vec<(String, Column)>,
}

/// The values of one column, a value (or list) for each row.
#[derive(Clone, Debug, PartialEq)]
pub enum Column {
    Bool(Vec<bool>),
    I64(Vec<i64>),
    F32(Vec<f32>),
    F64(Vec<f64>),
    Text(Vec<String>),
    OptBool(Vec<Option<bool>>),
    OptI64(Vec<Option<i64>>),
    OptText(Vec<Option<String>>),
    /// `width` values for each row, one row after the other.
    F32List {
        width: usize,
        values: Vec<f32>,
    },
    TextList(Vec<Vec<String>>),
    I64List(Vec<Vec<i64>>),
    F64List(Vec<Vec<f64>>),
    /// The statistics of a picture: a value for each channel, nested as `(channels, 1, 1)`.
    F64Image(Vec<Vec<f64>>),
}

impl Column {
    /// Rows, not values.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Bool(values) => values.len(),
            Self::I64(values) => values.len(),
            Self::F32(values) => values.len(),
            Self::F64(values) => values.len(),
            Self::Text(values) => values.len(),
            Self::OptBool(values) => values.len(),
            Self::OptI64(values) => values.len(),
            Self::OptText(values) => values.len(),
            Self::F32List { width, values } => values.len() / (*width).max(1),
            Self::TextList(rows) => rows.len(),
            Self::I64List(rows) => rows.len(),
            Self::F64List(rows) | Self::F64Image(rows) => rows.len(),
        }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The rows of `range`, cut to what there is.
    #[must_use]
    pub fn slice(&self, range: Range<usize>) -> Self {
        let end = range.end.min(self.len());
        let range = range.start.min(end)..end;
        match self {
            Self::Bool(values) => Self::Bool(values[range].to_vec()),
            Self::I64(values) => Self::I64(values[range].to_vec()),
            Self::F32(values) => Self::F32(values[range].to_vec()),
            Self::F64(values) => Self::F64(values[range].to_vec()),
            Self::Text(values) => Self::Text(values[range].to_vec()),
            Self::OptBool(values) => Self::OptBool(values[range].to_vec()),
            Self::OptI64(values) => Self::OptI64(values[range].to_vec()),
            Self::OptText(values) => Self::OptText(values[range].to_vec()),
            Self::F32List { width, values } => {
                let values = values[range.start * width..range.end * width].to_vec();
                Self::F32List { width: *width, values }
            }
            Self::TextList(rows) => Self::TextList(rows[range].to_vec()),
            Self::I64List(rows) => Self::I64List(rows[range].to_vec()),
            Self::F64List(rows) => Self::F64List(rows[range].to_vec()),
            Self::F64Image(rows) => Self::F64Image(rows[range].to_vec()),
        }
    }

    /// Appends the rows of `other`. A nullable and a plain column of one type go together.
    /// `false`, and nothing done, when they do not fit.
    #[must_use]
    fn append(&mut self, other: &Self) -> bool {
        match (&mut *self, other) {
            (Self::Bool(a), Self::Bool(b)) => a.extend(b),
            (Self::I64(a), Self::I64(b)) => a.extend(b),
            (Self::F32(a), Self::F32(b)) => a.extend(b),
            (Self::F64(a), Self::F64(b)) => a.extend(b),
            (Self::Text(a), Self::Text(b)) => a.extend_from_slice(b),
            (Self::OptBool(a), Self::OptBool(b)) => a.extend(b),
            (Self::OptI64(a), Self::OptI64(b)) => a.extend(b),
            (Self::OptText(a), Self::OptText(b)) => a.extend_from_slice(b),
            (Self::TextList(a), Self::TextList(b)) => a.extend_from_slice(b),
            (Self::I64List(a), Self::I64List(b)) => a.extend_from_slice(b),
            (Self::F64List(a), Self::F64List(b)) | (Self::F64Image(a), Self::F64Image(b)) => {
                a.extend_from_slice(b);
            }
            (Self::F32List { width, values }, Self::F32List { width: w, values: v })
                if width == w =>
            {
                values.extend(v);
            }
            (a, b) => {
                if b.to_nullable().is_some_and(|b| a.append(&b)) {
                    return true;
                }
                let Some(mut nullable) = a.to_nullable() else { return false };
                if !nullable.append(b) {
                    return false;
                }
                *a = nullable;
            }
        }
        true
    }

    /// Whether the values are the same, NaN being the same as itself.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        let f32s =
            |a: &[f32], b: &[f32]| a.iter().map(|v| v.to_bits()).eq(b.iter().map(|v| v.to_bits()));
        match (self, other) {
            (Self::F32(a), Self::F32(b)) => f32s(a, b),
            (Self::F32List { width, values }, Self::F32List { width: w, values: v }) => {
                width == w && f32s(values, v)
            }
            (Self::F64(a), Self::F64(b)) => {
                a.iter().map(|v| v.to_bits()).eq(b.iter().map(|v| v.to_bits()))
            }
            _ => self == other,
        }
    }

    /// One row of the same kind that says nothing: a null, NaN or an empty list.
    #[must_use]
    pub fn nothing(&self) -> Self {
        match self {
            Self::Bool(_) | Self::OptBool(_) => Self::OptBool(vec![None]),
            Self::I64(_) | Self::OptI64(_) => Self::OptI64(vec![None]),
            Self::Text(_) | Self::OptText(_) => Self::OptText(vec![None]),
            Self::F32(_) => Self::F32(vec![f32::NAN]),
            Self::F64(_) => Self::F64(vec![f64::NAN]),
            Self::F32List { width, .. } => {
                Self::F32List { width: *width, values: vec![f32::NAN; *width] }
            }
            Self::TextList(_) => Self::TextList(vec![Vec::new()]),
            Self::I64List(_) => Self::I64List(vec![Vec::new()]),
            Self::F64List(_) => Self::F64List(vec![Vec::new()]),
            Self::F64Image(_) => Self::F64Image(vec![Vec::new()]),
        }
    }

    /// The same values in a column that may hold nulls; `None` when it already may or never can.
    #[must_use]
    pub fn to_nullable(&self) -> Option<Self> {
        match self {
            Self::Bool(values) => Some(Self::OptBool(values.iter().copied().map(Some).collect())),
            Self::I64(values) => Some(Self::OptI64(values.iter().copied().map(Some).collect())),
            Self::Text(values) => Some(Self::OptText(values.iter().cloned().map(Some).collect())),
            _ => None,
        }
    }
}

impl Table {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    #[must_use]
    pub fn n_rows(&self) -> usize {
        self.columns.first().map_or(0, |(_, column)| column.len())
    }

    pub fn columns(&self) -> impl Iterator<Item = (&str, &Column)> {
        self.columns.iter().map(|(name, column)| (name.as_str(), column))
    }

    #[must_use]
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|(own, _)| own == name).map(|(_, column)| column)
    }

    /// Adds a column at the end. Refuses one of another length, or a name that is taken.
    pub fn push(&mut self, name: &str, column: Column) -> Result<(), DatasetError> {
        if self.column(name).is_some() {
            return Err(DatasetError::Refused(format!("there are two columns named {name}")));
        }
        if !self.columns.is_empty() && column.len() != self.n_rows() {
            let (n, rows) = (column.len(), self.n_rows());
            let what = format!("column {name} has {n} values, the other columns {rows}");
            return Err(DatasetError::Refused(what));
        }
        self.columns.push((name.to_owned(), column));
        Ok(())
    }

    /// Puts `column` in the place of the one of that name, or at the end. Refuses another length.
    pub fn set(&mut self, name: &str, column: Column) -> Result<(), DatasetError> {
        let n_rows = self.n_rows();
        match self.columns.iter_mut().find(|(own, _)| own == name) {
            Some((_, own)) if column.len() == n_rows => *own = column,
            Some(_) => {
                let what = format!("column {name} would have {} rows, not {n_rows}", column.len());
                return Err(DatasetError::Refused(what));
            }
            None => self.push(name, column)?,
        }
        Ok(())
    }

    /// Takes the column out.
    pub fn remove(&mut self, name: &str) -> Option<Column> {
        let at = self.columns.iter().position(|(own, _)| own == name)?;
        Some(self.columns.remove(at).1)
    }

    /// Whether names, their order and all values are the same, NaN being the same as itself.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        let pairs = self.columns.iter().zip(&other.columns);
        self.columns.len() == other.columns.len()
            && pairs.into_iter().all(|((a, own), (b, other))| a == b && own.is_same(other))
    }

    /// The rows of `range`, cut to what there is.
    #[must_use]
    pub fn slice(&self, range: Range<usize>) -> Self {
        let part = |(name, column): &(String, Column)| (name.clone(), column.slice(range.clone()));
        Self { columns: self.columns.iter().map(part).collect() }
    }

    /// All rows of all tables. Refuses tables of other columns; their order may differ.
    pub fn concat(tables: &[Self]) -> Result<Self, DatasetError> {
        let mut whole = tables.first().cloned().unwrap_or_default();
        for table in tables.iter().skip(1) {
            let n_columns = whole.columns.len();
            if table.columns.len() != n_columns {
                let what = format!("tables of {n_columns} and {} columns", table.columns.len());
                return Err(DatasetError::Refused(what));
            }
            for (name, column) in &mut whole.columns {
                if !table.column(name).is_some_and(|other| column.append(other)) {
                    let what = format!("column {name} is missing or of another type in a table");
                    return Err(DatasetError::Refused(what));
                }
            }
        }
        Ok(whole)
    }

    /// The tables with columns of the same order and types, as parts of one file need them.
    pub fn alike(tables: &[Self]) -> Result<Vec<Self>, DatasetError> {
        let whole = Self::concat(tables)?;
        let mut start = 0;
        let part = |table: &Self| {
            start += table.n_rows();
            whole.slice(start - table.n_rows()..start)
        };
        Ok(tables.iter().map(part).collect())
    }

    #[must_use]
    pub fn bools(&self, name: &str) -> Option<&[bool]> {
        match self.column(name)? {
            Column::Bool(values) => Some(values),
            _ => None,
        }
    }

    #[must_use]
    pub fn i64s(&self, name: &str) -> Option<&[i64]> {
        match self.column(name)? {
            Column::I64(values) => Some(values),
            _ => None,
        }
    }

    #[must_use]
    pub fn f32s(&self, name: &str) -> Option<&[f32]> {
        match self.column(name)? {
            Column::F32(values) => Some(values),
            _ => None,
        }
    }

    #[must_use]
    pub fn f64s(&self, name: &str) -> Option<&[f64]> {
        match self.column(name)? {
            Column::F64(values) => Some(values),
            _ => None,
        }
    }

    #[must_use]
    pub fn texts(&self, name: &str) -> Option<&[String]> {
        match self.column(name)? {
            Column::Text(values) => Some(values),
            _ => None,
        }
    }

    /// A vector for each row: its width, and the values one row after the other.
    #[must_use]
    pub fn f32_lists(&self, name: &str) -> Option<(usize, &[f32])> {
        match self.column(name)? {
            Column::F32List { width, values } => Some((*width, values)),
            _ => None,
        }
    }
}
