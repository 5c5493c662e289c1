//! Parquet files to tables, lenient: whatever Arrow, pandas and LeRobot write of the kinds of
//! [`Column`], nullable or not, in any number of row groups.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;

use parquet::basic::{ConvertedType, LogicalType, Type as Physical};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArray, DataType};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::schema::types::{ColumnDescriptor, Type};

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
        let column = if known { read_leaf(reader, leaf)?.into_column() } else { None };
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

/// The values of a leaf over all row groups, nulls left out, with their levels.
struct Leaf {
    values: Values,
    definition: Vec<i16>,
    repetition: Vec<i16>,
    definition_max: i16,
    repetition_max: i16,
    is_nullable: bool,
}

enum Values {
    Bool(Vec<bool>),
    I64(Vec<i64>),
    F32(Vec<f32>),
    F64(Vec<f64>),
    Text(Vec<String>),
    Unknown,
}

fn read_leaf(reader: &impl FileReader, leaf: usize) -> Result<Leaf, ParquetError> {
    let descriptor = reader.metadata().file_metadata().schema_descr().column(leaf);
    let mut found = Leaf {
        values: Values::empty(&descriptor),
        definition: Vec::new(),
        repetition: Vec::new(),
        definition_max: descriptor.max_def_level(),
        repetition_max: descriptor.max_rep_level(),
        is_nullable: descriptor.self_type().is_optional(),
    };
    for row_group in 0..reader.num_row_groups() {
        let row_group = reader.get_row_group(row_group)?;
        let n_rows = usize::try_from(row_group.metadata().num_rows())
            .map_err(|_| ParquetError::General("a row group of negative length".to_owned()))?;
        found.extend(row_group.get_column_reader(leaf)?, n_rows, is_unsigned(&descriptor))?;
    }
    Ok(found)
}

impl Values {
    fn empty(leaf: &ColumnDescriptor) -> Self {
        let is_text = matches!(leaf.logical_type_ref(), Some(LogicalType::String))
            || leaf.converted_type() == ConvertedType::UTF8;
        match leaf.physical_type() {
            Physical::BOOLEAN => Self::Bool(Vec::new()),
            Physical::INT32 | Physical::INT64 => Self::I64(Vec::new()),
            Physical::FLOAT => Self::F32(Vec::new()),
            Physical::DOUBLE => Self::F64(Vec::new()),
            Physical::BYTE_ARRAY if is_text => Self::Text(Vec::new()),
            _ => Self::Unknown,
        }
    }
}

fn is_unsigned(leaf: &ColumnDescriptor) -> bool {
    use ConvertedType::{UINT_8, UINT_16, UINT_32, UINT_64};
    matches!(leaf.converted_type(), UINT_8 | UINT_16 | UINT_32 | UINT_64)
}

impl Leaf {
    fn extend(
        &mut self,
        reader: ColumnReader,
        n_rows: usize,
        is_unsigned: bool,
    ) -> Result<(), ParquetError> {
        let levels = (&mut self.definition, &mut self.repetition);
        match (reader, &mut self.values) {
            (ColumnReader::BoolColumnReader(reader), Values::Bool(values)) => {
                values.extend(take(reader, n_rows, levels)?);
            }
            (ColumnReader::Int32ColumnReader(reader), Values::I64(values)) => {
                let widen =
                    |v: i32| if is_unsigned { i64::from(v.cast_unsigned()) } else { v.into() };
                values.extend(take(reader, n_rows, levels)?.into_iter().map(widen));
            }
            (ColumnReader::Int64ColumnReader(reader), Values::I64(values)) => {
                values.extend(take(reader, n_rows, levels)?);
            }
            (ColumnReader::FloatColumnReader(reader), Values::F32(values)) => {
                values.extend(take(reader, n_rows, levels)?);
            }
            (ColumnReader::DoubleColumnReader(reader), Values::F64(values)) => {
                values.extend(take(reader, n_rows, levels)?);
            }
            (ColumnReader::ByteArrayColumnReader(reader), Values::Text(values)) => {
                for bytes in take(reader, n_rows, levels)? {
                    values.push(text(&bytes)?);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn into_column(self) -> Option<Column> {
        match self.repetition_max {
            0 if self.definition_max == 0 => Some(match self.values {
                Values::Bool(values) => Column::Bool(values),
                Values::I64(values) => Column::I64(values),
                Values::F32(values) => Column::F32(values),
                Values::F64(values) => Column::F64(values),
                Values::Text(values) => Column::Text(values),
                Values::Unknown => return None,
            }),
            0 => self.into_nullable(),
            _ => self.into_lists(),
        }
    }

    fn into_nullable(self) -> Option<Column> {
        let max = self.definition_max;
        let has_nulls = self.definition.iter().any(|level| *level < max);
        let spread = Spread { definition: &self.definition, max };
        Some(match self.values {
            Values::Bool(values) if !has_nulls => Column::Bool(values),
            Values::I64(values) if !has_nulls => Column::I64(values),
            Values::Text(values) if !has_nulls => Column::Text(values),
            Values::Bool(values) => Column::OptBool(spread.over(values, Some, || None)),
            Values::I64(values) => Column::OptI64(spread.over(values, Some, || None)),
            Values::Text(values) => Column::OptText(spread.over(values, Some, || None)),
            Values::F32(values) => Column::F32(spread.over(values, |v| v, || f32::NAN)),
            Values::F64(values) => Column::F64(spread.over(values, |v| v, || f64::NAN)),
            Values::Unknown => return None,
        })
    }

    /// `None` for lists of kinds that [`Column`] lacks, nulls in lists of whole numbers or texts,
    /// and float lists of unequal length.
    fn into_lists(mut self) -> Option<Column> {
        let is_image = self.repetition_max == 3;
        if self.repetition.iter().any(|level| *level > 1) {
            return None;
        }
        let values = std::mem::replace(&mut self.values, Values::Unknown);
        match (values, is_image) {
            (Values::F64(values), true) => {
                Some(Column::F64Image(self.rows(values, Some(&f64::NAN))?))
            }
            (Values::F64(values), false) => {
                Some(Column::F64List(self.rows(values, Some(&f64::NAN))?))
            }
            (Values::I64(values), false) => Some(Column::I64List(self.rows(values, None)?)),
            (Values::Text(values), false) => Some(Column::TextList(self.rows(values, None)?)),
            (Values::F32(values), false) => {
                let rows = self.rows(values, Some(&f32::NAN))?;
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

    fn rows<V: Clone>(&self, values: Vec<V>, null: Option<&V>) -> Option<Vec<Vec<V>>> {
        let mut rows: Vec<Vec<V>> = Vec::new();
        let mut values = values.into_iter();
        for (definition, repetition) in self.definition.iter().zip(&self.repetition) {
            if *repetition == 0 {
                rows.push(Vec::new());
            }
            let row = rows.last_mut()?;
            if *definition == self.definition_max {
                row.push(values.next()?);
            } else if self.is_nullable && *definition + 1 == self.definition_max {
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

fn text(bytes: &ByteArray) -> Result<String, ParquetError> {
    let text = std::str::from_utf8(bytes.data());
    text.map(str::to_owned).map_err(|error| ParquetError::General(error.to_string()))
}

fn take<T: DataType>(
    mut reader: ColumnReaderImpl<T>,
    n_rows: usize,
    (definition, repetition): (&mut Vec<i16>, &mut Vec<i16>),
) -> Result<Vec<T::T>, ParquetError> {
    let mut values = Vec::new();
    let (n, _, _) = reader.read_records(n_rows, Some(definition), Some(repetition), &mut values)?;
    if n != n_rows {
        return Err(ParquetError::General(format!("a column ends after {n} of {n_rows} rows")));
    }
    Ok(values)
}
