use proptest::prelude::*;

use super::{Column, Table, read, write, write_row_groups};

fn column(n: usize) -> impl Strategy<Value = Column> {
    use proptest::collection::vec;
    let finite = -1e6f32..1e6;
    prop_oneof![
        vec(any::<bool>(), n).prop_map(Column::Bool),
        vec(any::<i64>(), n).prop_map(Column::I64),
        vec(finite.clone(), n).prop_map(Column::F32),
        vec(-1e9f64..1e9, n).prop_map(Column::F64),
        vec(".{0,12}", n).prop_map(Column::Text),
        vec(any::<Option<bool>>(), n).prop_map(Column::OptBool),
        vec(any::<Option<i64>>(), n).prop_map(Column::OptI64),
        vec(proptest::option::of(".{0,3}"), n).prop_map(Column::OptText),
        (1..4usize).prop_flat_map(move |width| {
            vec(-1e6f32..1e6, n * width).prop_map(move |values| Column::F32List { width, values })
        }),
        vec(vec(".{0,3}", 0..4), n).prop_map(Column::TextList),
        vec(vec(any::<i64>(), 0..4), n).prop_map(Column::I64List),
        vec(vec(-1e9f64..1e9, 0..4), n).prop_map(Column::F64List),
        vec(vec(-1e9f64..1e9, 0..4), n).prop_map(Column::F64Image),
    ]
}

fn table() -> impl Strategy<Value = Table> {
    (1..40usize).prop_flat_map(|n| proptest::collection::vec(column(n), 1..8)).prop_map(|columns| {
        let mut table = Table::new();
        for (i, column) in columns.into_iter().enumerate() {
            table.push(&format!("stats/a.b/{i}"), column).unwrap();
        }
        table
    })
}

/// A nullable column without nulls comes back as a plain one.
fn without_needless_nulls(table: &Table) -> Table {
    let mut plain = Table::new();
    for (name, column) in table.columns() {
        let column = match column {
            Column::OptBool(values) => {
                values.iter().copied().collect::<Option<_>>().map(Column::Bool)
            }
            Column::OptI64(values) => {
                values.iter().copied().collect::<Option<_>>().map(Column::I64)
            }
            Column::OptText(values) => {
                values.iter().cloned().collect::<Option<_>>().map(Column::Text)
            }
            _ => None,
        }
        .unwrap_or_else(|| column.clone());
        plain.push(name, column).unwrap();
    }
    plain
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_written_is_read(table in table(), cut in 0..40usize) {
        // A recording would come back with other values, or not at all.
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.parquet");
        write(&path, &table, &[("k", "v".to_owned())]).unwrap();
        let whole = read(&path).unwrap();
        prop_assert!(whole.skipped.is_empty());
        prop_assert_eq!(&whole.table, &without_needless_nulls(&table));
        let cut = cut.min(table.n_rows());
        let parts = [table.slice(0..cut), table.slice(cut..table.n_rows())];
        prop_assert_eq!(&Table::concat(&parts).unwrap(), &table);
        write_row_groups(&path, &parts, &[]).unwrap();
        prop_assert_eq!(&read(&path).unwrap().table, &whole.table);
    }

    #[test]
    fn a_damaged_file_is_an_error_not_a_crash(
        table in table(),
        flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        // One bad sector would end the program, and with it the drive.
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.parquet");
        write(&path, &table, &[]).unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        for (at, value) in flips {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        std::fs::write(&path, &bytes).unwrap();
        drop(read(&path));
    }
}

#[test]
fn a_file_torn_anywhere_is_an_error() {
    // Half a file after a full disk would pass as a whole one.
    let mut table = Table::new();
    table.push("index", Column::I64((0..20).collect())).unwrap();
    table.push("mode", Column::Text(vec!["manual".to_owned(); 20])).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.parquet");
    write(&path, &table, &[]).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    for length in 0..bytes.len() {
        std::fs::write(&path, &bytes[..length]).unwrap();
        assert!(read(&path).is_err(), "{length} of {} bytes", bytes.len());
    }
}

#[test]
fn columns_of_one_table_are_equally_long() {
    // A row would be paired with the values of another.
    let mut table = Table::new();
    table.push("a", Column::Bool(vec![true, false])).unwrap();
    assert!(table.push("b", Column::Bool(vec![true])).is_err());
    assert!(table.push("a", Column::Bool(vec![true, true])).is_err());
    assert!(table.set("a", Column::Bool(vec![true])).is_err());
    let mut other = Table::new();
    other.push("a", Column::OptBool(vec![None])).unwrap();
    let both = Table::concat(&[table, other]).unwrap();
    assert_eq!(both.column("a"), Some(&Column::OptBool(vec![Some(true), Some(false), None])));
}
