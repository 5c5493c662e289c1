//! Parquet files to tables, lenient: whatever Arrow, pandas and LeRobot write of the kinds of
//! [`Column`], nullable or not, in any number of row groups.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;

use parquet::basic::{ConvertedType, LogicalType, Type as Physical};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::schema::types::{ColumnDescriptor, Type};

use super::pages::{Leaf, Values};
use super::{Column, Table};
use crate::dataset::DatasetError;

/// What a Parquet file holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Contents {
    pub table: Table,
    /// Columns of kinds that [`Column`] does not know, such as pictures; not read.
    pub skipped: Vec<String>,
}

/// Reads all columns. A null number of a float column is NaN, a null list is empty.
pub fn read(path: &Path) -> Result<Contents, DatasetError> {
    read_where(path, |_| true)
}

/// Reads the columns whose name is `wanted`.
pub fn read_where(path: &Path, wanted: impl Fn(&str) -> bool) -> Result<Contents, DatasetError> {
    decode(&open(path)?, wanted).map_err(|error| torn(path, &error))
}

/// The names of all columns, whatever their kind.
pub fn names(path: &Path) -> Result<BTreeSet<String>, DatasetError> {
    let reader = open(path)?;
    let schema = reader.metadata().file_metadata().schema();
    Ok(schema.get_fields().iter().map(|field| field.name().to_owned()).collect())
}

fn open(path: &Path) -> Result<SerializedFileReader<File>, DatasetError> {
    let file = File::open(path).map_err(DatasetError::io("open", path))?;
    SerializedFileReader::new(file).map_err(|error| torn(path, &error))
}

fn torn(path: &Path, error: &ParquetError) -> DatasetError {
    DatasetError::Format {
        path: path.to_owned(),
        reason: format!("not a whole Parquet file: {error}"),
        remedy: "restore it from a copy, or run `pilothouse episodes verify`".to_owned(),
    }
}

fn decode(
    reader: &SerializedFileReader<File>,
    wanted: impl Fn(&str) -> bool,
) -> Result<Contents, ParquetError> {
    let schema = reader.metadata().file_metadata().schema_descr_ptr();
    let mut contents = Contents::default();
    let mut first_leaf = 0;
    for field in schema.root_schema().get_fields() {
        let leaf = first_leaf;
        let n_leaves = n_leaves(field);
        first_leaf += n_leaves;
        if !wanted(field.name()) {
            continue;
        }
        let known = n_leaves == 1 && is_scalar_or_list(&schema.column(leaf));
        let column = if known { read_leaf(reader, leaf)? } else { None };
        match column {
            Some(column) => contents
                .table
                .push(field.name(), column)
                .map_err(|error| ParquetError::General(error.to_string()))?,
            None => contents.skipped.push(field.name().to_owned()),
        }
    }
    Ok(contents)
}

fn n_leaves(field: &Type) -> usize {
    if field.is_primitive() {
        return 1;
    }
    field.get_fields().iter().map(|child| n_leaves(child)).sum()
}

/// Not a struct: one leaf of that name, or lists in it, nested in Arrow's three levels or two.
fn is_scalar_or_list(leaf: &ColumnDescriptor) -> bool {
    let depth = usize::try_from(leaf.max_rep_level()).unwrap_or(usize::MAX);
    let n_names = leaf.path().parts().len();
    match depth {
        0 => n_names == 1,
        1 => n_names == 2 || n_names == 3,
        3 => n_names == 7,
        _ => false,
    }
}

fn read_leaf(
    reader: &SerializedFileReader<File>,
    leaf: usize,
) -> Result<Option<Column>, ParquetError> {
    use ConvertedType::{UINT_8, UINT_16, UINT_32, UINT_64};
    let column = reader.metadata().file_metadata().schema_descr().column(leaf);
    let kind = column.converted_type();
    let is_unsigned = matches!(kind, UINT_8 | UINT_16 | UINT_32 | UINT_64);
    let is_text = matches!(column.logical_type_ref(), Some(LogicalType::String))
        || kind == ConvertedType::UTF8;
    if column.physical_type() == Physical::BYTE_ARRAY && !is_text {
        return Ok(None);
    }
    let is_nullable = column.self_type().is_optional();
    let Some(mut found) = Leaf::new(&column, is_unsigned) else { return Ok(None) };
    for row_group in 0..reader.num_row_groups() {
        found.read(reader.get_row_group(row_group)?.as_ref(), leaf)?;
    }
    Ok(found.into_column(is_nullable))
}

impl Leaf {
    fn into_column(self, is_nullable: bool) -> Option<Column> {
        match self.repetition_max {
            0 if self.definition_max == 0 => Some(match self.values {
                Values::Bool(values) => Column::Bool(values),
                Values::I64(values) => Column::I64(values),
                Values::F32(values) => Column::F32(values),
                Values::F64(values) => Column::F64(values),
                Values::Text(values) => Column::Text(values),
            }),
            0 => Some(self.into_nullable()),
            _ => self.into_lists(is_nullable),
        }
    }

    fn into_nullable(self) -> Column {
        let max = self.definition_max;
        let has_nulls = self.definition.iter().any(|level| *level < max);
        let spread = Spread { definition: &self.definition, max };
        match self.values {
            Values::Bool(values) if !has_nulls => Column::Bool(values),
            Values::I64(values) if !has_nulls => Column::I64(values),
            Values::Text(values) if !has_nulls => Column::Text(values),
            Values::Bool(values) => Column::OptBool(spread.over(values, Some, || None)),
            Values::I64(values) => Column::OptI64(spread.over(values, Some, || None)),
            Values::Text(values) => Column::OptText(spread.over(values, Some, || None)),
            Values::F32(values) => Column::F32(spread.over(values, |v| v, || f32::NAN)),
            Values::F64(values) => Column::F64(spread.over(values, |v| v, || f64::NAN)),
        }
    }

    /// `None` for lists of kinds that [`Column`] lacks, nulls in lists of whole numbers or texts,
    /// and float lists of unequal length.
    fn into_lists(self, is_nullable: bool) -> Option<Column> {
        let is_image = self.repetition_max == 3;
        if self.repetition.iter().any(|level| *level > 1) {
            return None;
        }
        let lists = Lists {
            definition: &self.definition,
            repetition: &self.repetition,
            max: self.definition_max,
            is_nullable,
        };
        match (self.values, is_image) {
            (Values::F64(values), true) => {
                Some(Column::F64Image(lists.of(values, Some(&f64::NAN))?))
            }
            (Values::F64(values), false) => {
                Some(Column::F64List(lists.of(values, Some(&f64::NAN))?))
            }
            (Values::I64(values), false) => Some(Column::I64List(lists.of(values, None)?)),
            (Values::Text(values), false) => Some(Column::TextList(lists.of(values, None)?)),
            (Values::F32(values), false) => {
                let rows = lists.of(values, Some(&f32::NAN))?;
                let width = rows.iter().map(Vec::len).max().unwrap_or(0);
                if width == 0 && !rows.is_empty() {
                    return None;
                }
                let as_wide = |mut row: Vec<f32>| {
                    if row.is_empty() {
                        row.resize(width, f32::NAN);
                    }
                    (row.len() == width).then_some(row)
                };
                let rows: Option<Vec<_>> = rows.into_iter().map(as_wide).collect();
                Some(Column::F32List { width, values: rows?.concat() })
            }
            _ => None,
        }
    }
}

/// Puts values back into the lists they were in.
struct Lists<'a> {
    definition: &'a [i16],
    repetition: &'a [i16],
    max: i16,
    /// Whether an element, not only a list, may be null.
    is_nullable: bool,
}

impl Lists<'_> {
    fn of<V: Clone>(&self, values: Vec<V>, null: Option<&V>) -> Option<Vec<Vec<V>>> {
        let mut rows: Vec<Vec<V>> = Vec::new();
        let mut values = values.into_iter();
        for (definition, repetition) in self.definition.iter().zip(self.repetition) {
            if *repetition == 0 {
                rows.push(Vec::new());
            }
            let row = rows.last_mut()?;
            if *definition == self.max {
                row.push(values.next()?);
            } else if self.is_nullable && *definition + 1 == self.max {
                row.push(null?.clone());
            }
        }
        Some(rows)
    }
}

/// Puts nulls back among values.
struct Spread<'a> {
    definition: &'a [i16],
    max: i16,
}

impl Spread<'_> {
    fn over<V, R>(
        &self,
        values: Vec<V>,
        present: impl Fn(V) -> R,
        absent: impl Fn() -> R,
    ) -> Vec<R> {
        let mut values = values.into_iter();
        let mut next = |level: &i16| {
            let value = if *level == self.max { values.next() } else { None };
            value.map_or_else(&absent, &present)
        };
        self.definition.iter().map(&mut next).collect()
    }
}
