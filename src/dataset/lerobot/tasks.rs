//! `meta/tasks.parquet`: the texts that `task_index` counts.
//!
//! LeRobot reads a task's text from the index of a pandas frame, so the file carries pandas'
//! metadata; without it every task would silently be a number.

use std::path::Path;

use serde_json::json;

use super::transaction::Transaction;
use crate::dataset::DatasetError;
use crate::dataset::table::{self, Column, Table};

pub(super) const PATH: &str = "meta/tasks.parquet";
/// The name pandas gives an index without one.
const UNNAMED_INDEX: &str = "__index_level_0__";

/// The texts by `task_index`; none where there is no file.
pub(super) fn read(root: &Path) -> Result<Vec<String>, DatasetError> {
    let path = root.join(PATH);
    if !path.exists() {
        return Ok(Vec::new());
    }
    let table = table::read(&path)?.table;
    let texts = table.texts("task").or_else(|| table.texts(UNNAMED_INDEX));
    let in_order = |(index, texts): (&[i64], &[String])| {
        let mut tasks: Vec<_> = index.iter().zip(texts).collect();
        tasks.sort();
        let is_dense =
            tasks.iter().enumerate().all(|(i, (index, _))| **index == i.cast_signed() as i64);
        is_dense.then(|| tasks.into_iter().map(|(_, text)| text.clone()).collect())
    };
    table.i64s("task_index").zip(texts).and_then(in_order).ok_or_else(|| DatasetError::Format {
        path,
        reason: "it does not number its tasks from 0".to_owned(),
        remedy: "restore it from a copy".to_owned(),
    })
}

/// Stages the file, as `path`.
pub(super) fn stage(
    change: &mut Transaction,
    path: &str,
    tasks: &[String],
) -> Result<(), DatasetError> {
    let mut table = Table::new();
    table.push("task_index", Column::I64((0..tasks.len().cast_signed() as i64).collect()))?;
    table.push("task", Column::Text(tasks.to_vec()))?;
    let column = |name: &str, pandas: &str, numpy: &str| {
        json!({"name": name, "field_name": name, "pandas_type": pandas, "numpy_type": numpy,
            "metadata": null})
    };
    let pandas = json!({
        "index_columns": ["task"],
        "column_indexes": [{"name": null, "field_name": null, "pandas_type": "unicode",
            "numpy_type": "object", "metadata": {"encoding": "UTF-8"}}],
        "columns": [
            column("task_index", "int64", "int64"),
            column("task", "unicode", "object"),
        ],
        "attributes": {},
        "creator": {"library": "pilothouse", "version": env!("CARGO_PKG_VERSION")},
        "pandas_version": "2.3.3",
    });
    let path = change.stage(path)?;
    table::write(&path, &table, &[("pandas", pandas.to_string())])
}

/// The index of a task, which is added if it is new.
pub(super) fn index_of(tasks: &mut Vec<String>, text: &str) -> usize {
    tasks.iter().position(|own| own == text).unwrap_or_else(|| {
        tasks.push(text.to_owned());
        tasks.len() - 1
    })
}
