//! Tables to Parquet files: Snappy, dictionaries, lists nested in three levels as Arrow does.
//!
//! No Arrow schema is written: readers derive it from the Parquet one.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical};
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DataType, DoubleType, FloatType, Int64Type,
};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::types::{Type, TypePtr};

use super::{Column, Table};
use crate::dataset::DatasetError;

/// Writes `table` as one row group, with `metadata` in the footer, and syncs the file.
pub fn write(path: &Path, table: &Table, metadata: &[(&str, String)]) -> Result<(), DatasetError> {
    write_row_groups(path, std::slice::from_ref(table), metadata)
}

/// Writes each of `tables`, all of the same columns, as a row group of one file, and syncs it.
pub fn write_row_groups(
    path: &Path,
    tables: &[Table],
    metadata: &[(&str, String)],
) -> Result<(), DatasetError> {
    let bytes = encode(tables, metadata).map_err(|error| DatasetError::Format {
        path: path.to_owned(),
        reason: format!("these columns cannot be written: {error}"),
        remedy: "please report this".to_owned(),
    })?;
    let mut file = File::create(path).map_err(DatasetError::io("create", path))?;
    file.write_all(&bytes).map_err(DatasetError::io("write", path))?;
    file.sync_all().map_err(DatasetError::io("sync", path))
}

fn encode(tables: &[Table], metadata: &[(&str, String)]) -> Result<Vec<u8>, ParquetError> {
    let schema = match tables.first() {
        Some(first) => schema(first)?,
        None => schema(&Table::new())?,
    };
    let key_values = metadata
        .iter()
        .map(|(key, value)| KeyValue::new((*key).to_owned(), Some(value.clone())))
        .collect();
    let properties = WriterProperties::builder()
        .set_created_by(concat!("pilothouse version ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(Compression::SNAPPY)
        .set_dictionary_enabled(true)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true)
        .set_key_value_metadata(Some(key_values))
        .build();
    let mut bytes = Vec::new();
    let mut file = SerializedFileWriter::new(&mut bytes, schema.clone(), Arc::new(properties))?;
    for table in tables {
        if self::schema(table)? != schema {
            return Err(ParquetError::General("the tables differ in their columns".to_owned()));
        }
        let mut row_group = file.next_row_group()?;
        for (_, column) in table.columns() {
            let Some(mut writer) = row_group.next_column()? else { break };
            write_column(&mut writer, column)?;
            writer.close()?;
        }
        row_group.close()?;
    }
    file.close()?;
    Ok(bytes)
}

fn schema(table: &Table) -> Result<TypePtr, ParquetError> {
    let fields: Result<Vec<_>, _> = table.columns().map(|(name, c)| field(name, c)).collect();
    Ok(Arc::new(Type::group_type_builder("schema").with_fields(fields?).build()?))
}

fn field(name: &str, column: &Column) -> Result<TypePtr, ParquetError> {
    let plain = Repetition::REQUIRED;
    let nullable = Repetition::OPTIONAL;
    match column {
        Column::Bool(_) => leaf(name, Physical::BOOLEAN, plain),
        Column::I64(_) => leaf(name, Physical::INT64, plain),
        Column::F32(_) => leaf(name, Physical::FLOAT, plain),
        Column::F64(_) => leaf(name, Physical::DOUBLE, plain),
        Column::Text(_) => leaf(name, Physical::BYTE_ARRAY, plain),
        Column::OptBool(_) => leaf(name, Physical::BOOLEAN, nullable),
        Column::OptI64(_) => leaf(name, Physical::INT64, nullable),
        Column::OptText(_) => leaf(name, Physical::BYTE_ARRAY, nullable),
        Column::F32List { .. } => list(name, element(Physical::FLOAT)?),
        Column::TextList(_) => list(name, element(Physical::BYTE_ARRAY)?),
        Column::I64List(_) => list(name, element(Physical::INT64)?),
        Column::F64List(_) => list(name, element(Physical::DOUBLE)?),
        Column::F64Image(_) => {
            let row = list("element", element(Physical::DOUBLE)?)?;
            list(name, list("element", row)?)
        }
    }
}

fn element(physical: Physical) -> Result<TypePtr, ParquetError> {
    leaf("element", physical, Repetition::OPTIONAL)
}

fn leaf(name: &str, physical: Physical, repetition: Repetition) -> Result<TypePtr, ParquetError> {
    let text = (physical == Physical::BYTE_ARRAY).then_some(LogicalType::String);
    let leaf = Type::primitive_type_builder(name, physical).with_repetition(repetition);
    Ok(Arc::new(leaf.with_logical_type(text).build()?))
}

fn list(name: &str, element: TypePtr) -> Result<TypePtr, ParquetError> {
    let repeated = Type::group_type_builder("list")
        .with_repetition(Repetition::REPEATED)
        .with_fields(vec![element])
        .build()?;
    let outer = Type::group_type_builder(name)
        .with_repetition(Repetition::OPTIONAL)
        .with_logical_type(Some(LogicalType::List))
        .with_fields(vec![Arc::new(repeated)]);
    Ok(Arc::new(outer.build()?))
}

/// Definition levels of a list: nothing in it, and an element; three nested lists have seven.
const EMPTY_LIST: i16 = 1;
const LIST_ELEMENT: i16 = 3;
const IMAGE_ELEMENT: i16 = 7;

fn write_column(
    writer: &mut SerializedColumnWriter<'_>,
    column: &Column,
) -> Result<(), ParquetError> {
    match column {
        Column::Bool(values) => put::<BoolType>(writer, values, None),
        Column::I64(values) => put::<Int64Type>(writer, values, None),
        Column::F32(values) => put::<FloatType>(writer, values, None),
        Column::F64(values) => put::<DoubleType>(writer, values, None),
        Column::Text(values) => put::<ByteArrayType>(writer, &bytes(values), None),
        Column::OptBool(values) => put_nullable::<BoolType, _>(writer, values, |v| *v),
        Column::OptI64(values) => put_nullable::<Int64Type, _>(writer, values, |v| *v),
        Column::OptText(values) => put_nullable::<ByteArrayType, _>(writer, values, |v| {
            ByteArray::from(v.as_bytes().to_vec())
        }),
        Column::F32List { width, values } => {
            let lengths = vec![*width; column.len()];
            put::<FloatType>(writer, values, Some(&levels(&lengths, LIST_ELEMENT)))
        }
        Column::TextList(rows) => {
            let lists: Vec<_> = rows.iter().map(|row| bytes(row)).collect();
            put_lists::<ByteArrayType>(writer, &lists, LIST_ELEMENT)
        }
        Column::I64List(rows) => put_lists::<Int64Type>(writer, rows, LIST_ELEMENT),
        Column::F64List(rows) => put_lists::<DoubleType>(writer, rows, LIST_ELEMENT),
        Column::F64Image(rows) => put_lists::<DoubleType>(writer, rows, IMAGE_ELEMENT),
    }
}

fn bytes(texts: &[String]) -> Vec<ByteArray> {
    texts.iter().map(|text| ByteArray::from(text.as_bytes().to_vec())).collect()
}

/// Definition and repetition levels.
type Levels = (Vec<i16>, Option<Vec<i16>>);

fn levels(lengths: &[usize], element: i16) -> Levels {
    let mut definition = Vec::new();
    let mut repetition = Vec::new();
    for &length in lengths {
        let level = if length == 0 { EMPTY_LIST } else { element };
        definition.extend(std::iter::repeat_n(level, length.max(1)));
        repetition.push(0);
        repetition.extend(std::iter::repeat_n(1, length.saturating_sub(1)));
    }
    (definition, Some(repetition))
}

fn put_lists<T: DataType>(
    writer: &mut SerializedColumnWriter<'_>,
    rows: &[Vec<T::T>],
    element: i16,
) -> Result<(), ParquetError> {
    let lengths: Vec<_> = rows.iter().map(Vec::len).collect();
    put::<T>(writer, &rows.concat(), Some(&levels(&lengths, element)))
}

fn put_nullable<T: DataType, V>(
    writer: &mut SerializedColumnWriter<'_>,
    values: &[Option<V>],
    value: impl Fn(&V) -> T::T,
) -> Result<(), ParquetError> {
    let definition = values.iter().map(|value| i16::from(value.is_some())).collect();
    let present: Vec<_> = values.iter().flatten().map(value).collect();
    put::<T>(writer, &present, Some(&(definition, None)))
}

fn put<T: DataType>(
    writer: &mut SerializedColumnWriter<'_>,
    values: &[T::T],
    levels: Option<&Levels>,
) -> Result<(), ParquetError> {
    let (definition, repetition) = match levels {
        Some((definition, repetition)) => (Some(definition.as_slice()), repetition.as_deref()),
        None => (None, None),
    };
    writer.typed::<T>().write_batch(values, definition, repetition)?;
    Ok(())
}
