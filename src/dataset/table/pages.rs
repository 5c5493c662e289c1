//! The pages of one column to its values and levels.
//!
//! The parquet crate has a decoder too, but that one trusts what a page says of itself and panics
//! where a damaged file lies. This one knows the encodings that Arrow, pandas and we write:
//! plain, dictionary and run-length.

use parquet::basic::{Encoding, Type as Physical};
use parquet::column::page::Page;
use parquet::errors::ParquetError;
use parquet::file::reader::RowGroupReader;
use parquet::schema::types::ColumnDescriptor;

/// Values in a page; writers stop at about a million bytes.
const VALUES_MAX: u32 = 1 << 24;

/// Values of a column, nulls left out.
#[derive(Debug)]
pub(super) enum Values {
    Bool(Vec<bool>),
    I64(Vec<i64>),
    F32(Vec<f32>),
    F64(Vec<f64>),
    Text(Vec<String>),
}

/// The values and levels of a column, over all row groups read so far.
#[derive(Debug)]
pub(super) struct Leaf {
    pub(super) values: Values,
    pub(super) definition: Vec<i16>,
    pub(super) repetition: Vec<i16>,
    physical: Physical,
    pub(super) definition_max: i16,
    pub(super) repetition_max: i16,
    is_unsigned: bool,
}

impl Values {
    fn empty(physical: Physical) -> Option<Self> {
        Some(match physical {
            Physical::BOOLEAN => Self::Bool(Vec::new()),
            Physical::INT32 | Physical::INT64 => Self::I64(Vec::new()),
            Physical::FLOAT => Self::F32(Vec::new()),
            Physical::DOUBLE => Self::F64(Vec::new()),
            Physical::BYTE_ARRAY => Self::Text(Vec::new()),
            Physical::INT96 | Physical::FIXED_LEN_BYTE_ARRAY => return None,
        })
    }

    fn len(&self) -> usize {
        match self {
            Self::Bool(values) => values.len(),
            Self::I64(values) => values.len(),
            Self::F32(values) => values.len(),
            Self::F64(values) => values.len(),
            Self::Text(values) => values.len(),
        }
    }

    /// `None` when they are of another kind.
    fn extend(&mut self, other: Self) -> Option<()> {
        match (self, other) {
            (Self::Bool(own), Self::Bool(other)) => own.extend(other),
            (Self::I64(own), Self::I64(other)) => own.extend(other),
            (Self::F32(own), Self::F32(other)) => own.extend(other),
            (Self::F64(own), Self::F64(other)) => own.extend(other),
            (Self::Text(own), Self::Text(other)) => own.extend(other),
            _ => return None,
        }
        Some(())
    }

    /// The values at these places; `None` when one is out of range.
    fn pick(&self, places: &[u32]) -> Option<Self> {
        fn pick<V: Clone>(values: &[V], places: &[u32]) -> Option<Vec<V>> {
            places.iter().map(|at| values.get(*at as usize).cloned()).collect()
        }
        Some(match self {
            Self::Bool(values) => Self::Bool(pick(values, places)?),
            Self::I64(values) => Self::I64(pick(values, places)?),
            Self::F32(values) => Self::F32(pick(values, places)?),
            Self::F64(values) => Self::F64(pick(values, places)?),
            Self::Text(values) => Self::Text(pick(values, places)?),
        })
    }
}

impl Leaf {
    /// `None` where this program has no use for the type.
    pub(super) fn new(column: &ColumnDescriptor, is_unsigned: bool) -> Option<Self> {
        Some(Self {
            values: Values::empty(column.physical_type())?,
            definition: Vec::new(),
            repetition: Vec::new(),
            physical: column.physical_type(),
            definition_max: column.max_def_level(),
            repetition_max: column.max_rep_level(),
            is_unsigned,
        })
    }

    /// Adds the rows of a row group.
    pub(super) fn read(
        &mut self,
        row_group: &dyn RowGroupReader,
        column: usize,
    ) -> Result<(), ParquetError> {
        let chunk = row_group.metadata().column(column);
        let offsets = [Some(chunk.data_page_offset()), chunk.dictionary_page_offset()];
        if chunk.compressed_size() < 0 || offsets.into_iter().flatten().any(|at| at < 0) {
            return Err(damaged("a column that begins before the file"));
        }
        let rows_before = self.n_rows();
        let mut dictionary = None;
        for page in row_group.get_column_page_reader(column)? {
            let page = page?;
            if page.num_values() > VALUES_MAX {
                return Err(damaged("a page of too many values"));
            }
            if let Page::DictionaryPage { buf, num_values, .. } = &page {
                dictionary = Some(self.plain(buf, *num_values as usize)?);
            } else {
                self.read_page(&page, dictionary.as_ref())?;
            }
        }
        let n_rows = (self.n_rows() - rows_before) as u64;
        if u64::try_from(row_group.metadata().num_rows()) != Ok(n_rows) {
            return Err(damaged("a column with more or fewer rows than the others"));
        }
        Ok(())
    }

    fn n_rows(&self) -> usize {
        match (self.repetition_max, self.definition_max) {
            (0, 0) => self.values.len(),
            (0, _) => self.definition.len(),
            _ => self.repetition.iter().filter(|level| **level == 0).count(),
        }
    }

    fn read_page(&mut self, page: &Page, dictionary: Option<&Values>) -> Result<(), ParquetError> {
        let n = page.num_values() as usize;
        let mut bytes = &page.buffer()[..];
        let (repetition, definition) =
            if let Page::DataPageV2 { rep_levels_byte_len, def_levels_byte_len, .. } = page {
                let repetition = take(&mut bytes, *rep_levels_byte_len as usize)?;
                (repetition, take(&mut bytes, *def_levels_byte_len as usize)?)
            } else {
                let mut with_length = |level_max: i16| match level_max {
                    0 => Ok(&[][..]),
                    _ => take_with_length(&mut bytes),
                };
                (with_length(self.repetition_max)?, with_length(self.definition_max)?)
            };
        let mut n_present = n;
        if self.repetition_max > 0 {
            self.repetition.extend(levels(repetition, self.repetition_max, n)?);
        }
        if self.definition_max > 0 {
            let levels = levels(definition, self.definition_max, n)?;
            n_present = levels.iter().filter(|level| **level == self.definition_max).count();
            self.definition.extend(levels);
        }
        let values = match page.encoding() {
            Encoding::PLAIN => self.plain(bytes, n_present)?,
            Encoding::RLE if self.physical == Physical::BOOLEAN => {
                let bits = hybrid(take_with_length(&mut bytes)?, 1, n_present)?;
                Values::Bool(bits.into_iter().map(|bit| bit == 1).collect())
            }
            Encoding::PLAIN_DICTIONARY | Encoding::RLE_DICTIONARY => {
                let (width, places) = bytes.split_first().unwrap_or((&0, &[]));
                let places = hybrid(places, u32::from(*width), n_present)?;
                let picked = dictionary.and_then(|dictionary| dictionary.pick(&places));
                picked.ok_or_else(|| damaged("a value that is not in the dictionary"))?
            }
            other => return Err(damaged(&format!("values of the encoding {other}"))),
        };
        self.values.extend(values).ok_or_else(|| damaged("values of two types"))
    }

    /// `n` values one after the other.
    fn plain(&self, bytes: &[u8], n: usize) -> Result<Values, ParquetError> {
        Ok(match self.physical {
            Physical::BOOLEAN => {
                let bits = unpack(bytes, 1).take(n).map(|bit| bit == 1);
                Values::Bool(all(bits, n)?)
            }
            Physical::INT32 => {
                let widen = |v: [u8; 4]| {
                    let signed = i32::from_le_bytes(v);
                    if self.is_unsigned { signed.cast_unsigned().into() } else { signed.into() }
                };
                Values::I64(all(bytes.as_chunks().0.iter().copied().map(widen), n)?)
            }
            Physical::INT64 => {
                Values::I64(all(bytes.as_chunks().0.iter().copied().map(i64::from_le_bytes), n)?)
            }
            Physical::FLOAT => {
                Values::F32(all(bytes.as_chunks().0.iter().copied().map(f32::from_le_bytes), n)?)
            }
            Physical::DOUBLE => {
                Values::F64(all(bytes.as_chunks().0.iter().copied().map(f64::from_le_bytes), n)?)
            }
            _ => {
                let mut bytes = bytes;
                let text = |_| {
                    let text = std::str::from_utf8(take_with_length(&mut bytes)?);
                    text.map(str::to_owned).map_err(|_| damaged("a text that is no UTF-8"))
                };
                Values::Text((0..n).map(text).collect::<Result<_, _>>()?)
            }
        })
    }
}

/// The first `n` values, if there are as many.
fn all<V>(values: impl Iterator<Item = V>, n: usize) -> Result<Vec<V>, ParquetError> {
    let values: Vec<V> = values.take(n).collect();
    if values.len() == n { Ok(values) } else { Err(damaged("fewer values than it says")) }
}

fn take<'a>(bytes: &mut &'a [u8], n: usize) -> Result<&'a [u8], ParquetError> {
    let (taken, rest) = bytes.split_at_checked(n).ok_or_else(|| damaged("a page cut short"))?;
    *bytes = rest;
    Ok(taken)
}

/// What a length of four bytes precedes.
fn take_with_length<'a>(bytes: &mut &'a [u8]) -> Result<&'a [u8], ParquetError> {
    let length =
        take(bytes, 4)?.iter().rev().fold(0, |length, byte| length << 8 | usize::from(*byte));
    take(bytes, length)
}

fn levels(bytes: &[u8], max: i16, n: usize) -> Result<Vec<i16>, ParquetError> {
    let width = 16 - max.leading_zeros();
    let level = |level: u32| i16::try_from(level).ok().filter(|level| *level <= max);
    let levels = hybrid(bytes, width, n)?.into_iter().map(level).collect::<Option<_>>();
    levels.ok_or_else(|| damaged("a level out of range"))
}

/// `n` numbers of `width` bits in runs: a value and how often, or groups of eight packed values.
/// <https://parquet.apache.org/docs/file-format/data-pages/encodings/#RLE>
fn hybrid(mut bytes: &[u8], width: u32, n: usize) -> Result<Vec<u32>, ParquetError> {
    if width > 32 {
        return Err(damaged("numbers of more than 32 bits"));
    }
    let mut numbers = Vec::new();
    while numbers.len() < n {
        let header = varint(&mut bytes)?;
        let n_left = n - numbers.len();
        let count = usize::try_from(header >> 1).unwrap_or(usize::MAX);
        if count == 0 {
            return Err(damaged("a run of no values"));
        }
        if header & 1 == 0 {
            let value = take(&mut bytes, width.div_ceil(8) as usize)?;
            let value = value.iter().rev().fold(0, |value, byte| value << 8 | u32::from(*byte));
            numbers.extend(std::iter::repeat_n(value, count.min(n_left)));
        } else {
            // Some writers leave out the padding of the last group.
            let n_bytes = count.saturating_mul(width as usize).min(bytes.len());
            let packed = take(&mut bytes, n_bytes)?;
            let before = numbers.len();
            if width == 0 {
                numbers.extend(std::iter::repeat_n(0, count.saturating_mul(8).min(n_left)));
            } else {
                numbers.extend(unpack(packed, width).take(n_left));
            }
            if numbers.len() == before {
                return Err(damaged("a page cut short"));
            }
        }
    }
    Ok(numbers)
}

/// Numbers of `width` bits, from 1 to 32, the lowest bit first.
fn unpack(bytes: &[u8], width: u32) -> impl Iterator<Item = u32> {
    let width = width as usize;
    (0..bytes.len() * 8 / width).map(move |number| {
        let start = number * width;
        let mut word = [0; 8];
        let there = bytes.iter().skip(start / 8);
        word.iter_mut().zip(there).for_each(|(to, from)| *to = *from);
        let bits = u64::from_le_bytes(word) >> (start % 8) & ((1 << width) - 1);
        u32::try_from(bits).unwrap_or_default()
    })
}

fn varint(bytes: &mut &[u8]) -> Result<u64, ParquetError> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = take(bytes, 1)?.first().copied().unwrap_or(0);
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(damaged("a number without an end"))
}

fn damaged(what: &str) -> ParquetError {
    ParquetError::General(what.to_owned())
}
