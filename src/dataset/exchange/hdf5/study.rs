//! Reads a file in the study's layout, and takes nothing on trust: sizes are checked before memory
//! is asked for, and a fault of the HDF5 reader itself is an error of the file.

use std::collections::{HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use hdf5_pure::{AttrValue, Chunk, DType, Dataset, File};

use crate::dataset::DatasetError;

/// More rows than ten hours at 30 a second are no episode.
const ROWS_MAX: u64 = 1 << 20;
const SIDE_MAX: u64 = 8192;
/// Pictures held at a time, and the largest chunk that is unpacked.
const BYTES_MAX: u64 = 1 << 28;

/// An open file whose datasets have the shapes and kinds of the layout.
pub(in crate::dataset::exchange) struct Study {
    path: PathBuf,
    images: Dataset,
    attributes: HashMap<String, AttrValue>,
    pub(super) n_rows: usize,
    pub(super) width: u32,
    pub(super) height: u32,
    /// x, y, yaw of each row, as they lie in the file.
    pub(super) actions: Vec<[f64; 3]>,
    /// One for each row, or one for all, or none.
    pub(super) instructions: Vec<String>,
    /// Pictures that lie in one chunk, and so are read together.
    n_together: usize,
}

impl Study {
    pub(in crate::dataset::exchange) fn open(path: &Path) -> Result<Self, DatasetError> {
        std::fs::File::open(path).map_err(DatasetError::io("open", path))?;
        guarded(path, || Self::open_unguarded(path))
    }

    fn open_unguarded(path: &Path) -> Result<Self, DatasetError> {
        let failed = |what: &str| {
            let what = what.to_owned();
            move |error: hdf5_pure::Error| wrong(path, format!("{what}: {error}"))
        };
        let file = File::open_streaming(path).map_err(failed("it cannot be read as HDF5"))?;
        let (has, needs) = (file.file_size(), file.superblock().eof_address);
        if has < needs {
            return Err(wrong(path, format!("it is cut short: {has} of {needs} bytes are there")));
        }
        let images = file.dataset("images").map_err(failed("it has no dataset images"))?;
        let shape = images.shape().map_err(failed("images"))?;
        let is_bytes = matches!(images.dtype(), Ok(DType::U8));
        let &[n_rows, height, width, 3] = shape.as_slice() else {
            let reason = format!("images are {shape:?}, not (rows, height, width, 3)");
            return Err(wrong(path, reason));
        };
        let is_possible = (1..=ROWS_MAX).contains(&n_rows)
            && [width, height].iter().all(|side| (1..=SIDE_MAX).contains(side));
        if !is_bytes || !is_possible {
            let reason = format!("images are {shape:?} of another kind than 8-bit numbers");
            return Err(wrong(path, reason));
        }
        check_storage(&images, has).map_err(|reason| wrong(path, format!("images: {reason}")))?;
        let actions = actions(&file, path, n_rows)?;
        let instructions = instructions(&file, path, n_rows)?;
        let chunk = images.chunk_shape().map_err(failed("images"))?.unwrap_or_default();
        let fit = BYTES_MAX / (width * height * 3);
        Ok(Self {
            path: path.to_owned(),
            images,
            attributes: file.root().attrs().map_err(failed("attributes"))?,
            n_rows: n_rows as usize,
            width: width as u32,
            height: height as u32,
            actions,
            instructions,
            n_together: chunk.first().copied().unwrap_or(1).clamp(1, fit.max(1)) as usize,
        })
    }

    /// Calls `take` with each picture in turn: rows from the top, three bytes a pixel.
    pub(in crate::dataset::exchange) fn pictures(
        &self,
        mut take: impl FnMut(usize, &[u8]) -> Result<(), DatasetError>,
    ) -> Result<(), DatasetError> {
        let n_bytes = self.width as usize * self.height as usize * 3;
        for start in (0..self.n_rows).step_by(self.n_together) {
            let n = self.n_together.min(self.n_rows - start);
            let read = || {
                let bytes = self.images.read_u8_rows(start as u64, n as u64);
                bytes.map_err(|error| wrong(&self.path, format!("picture {start}: {error}")))
            };
            let bytes = guarded(&self.path, read)?;
            if bytes.len() != n * n_bytes {
                return Err(wrong(&self.path, format!("picture {start} is not whole")));
            }
            for (i, picture) in bytes.chunks_exact(n_bytes).enumerate() {
                take(start + i, picture)?;
            }
        }
        Ok(())
    }

    pub(super) fn text(&self, attribute: &str) -> Option<&str> {
        self.attributes.get(attribute)?.as_str().filter(|text| !text.is_empty())
    }

    pub(super) fn integer(&self, attribute: &str) -> Option<i64> {
        self.attributes.get(attribute)?.as_i64()
    }
}

/// That every chunk of a dataset is there, in its place and of a size that a file of `file_size`
/// bytes can have. The HDF5 reader would ask for any memory, and show a missing chunk as zeros.
fn check_storage(dataset: &Dataset, file_size: u64) -> Result<(), String> {
    if !dataset.is_chunked() {
        return Ok(());
    }
    let failed = |error: hdf5_pure::Error| error.to_string();
    let shape = dataset.shape().map_err(failed)?;
    let sides = dataset.chunk_shape().map_err(failed)?.unwrap_or_default();
    let n_bytes = sides.iter().try_fold(1u64, |product, side| product.checked_mul(*side));
    let n_bytes = n_bytes.and_then(|n| n.checked_mul(dataset.element_size().ok()?));
    let is_possible = sides.len() == shape.len() && !sides.contains(&0);
    if !is_possible || n_bytes.is_none_or(|n| n > BYTES_MAX) {
        return Err(format!("chunks of {sides:?} are not read"));
    }
    let chunks = dataset.chunks().map_err(failed)?;
    let fits = |chunk: &Chunk| {
        let end = chunk.address.checked_add(chunk.storage_size);
        let mut places = chunk.offset.iter().zip(shape.iter().zip(&sides));
        end.is_some_and(|end| end <= file_size)
            && chunk.storage_size <= BYTES_MAX
            && places.all(|(at, (n, side))| at < n && at.is_multiple_of(*side))
    };
    let places: HashSet<_> = chunks.iter().filter(|chunk| fits(chunk)).map(|c| &c.offset).collect();
    let n_chunks: u64 = shape.iter().zip(&sides).map(|(n, side)| n.div_ceil(*side)).product();
    if places.len() != chunks.len() || chunks.len() as u64 != n_chunks {
        return Err(format!("{} of {n_chunks} chunks are where they should be", places.len()));
    }
    Ok(())
}

/// A panic of the HDF5 reader, which damaged bytes may cause, becomes an error.
fn guarded<T>(
    path: &Path,
    read: impl FnOnce() -> Result<T, DatasetError>,
) -> Result<T, DatasetError> {
    catch_unwind(AssertUnwindSafe(read))
        .unwrap_or_else(|_| Err(wrong(path, "it is damaged".to_owned())))
}

fn wrong(path: &Path, reason: String) -> DatasetError {
    DatasetError::Format {
        path: path.to_owned(),
        reason,
        remedy:
            "see that it is whole, holds images (rows, height, width, 3) and actions (rows, 3) \
                 as the study's files do, and was not written by HDF5 2 with libver=\"latest\""
                .to_owned(),
    }
}

fn actions(file: &File, path: &Path, n_rows: u64) -> Result<Vec<[f64; 3]>, DatasetError> {
    let failed = |error: hdf5_pure::Error| wrong(path, format!("actions: {error}"));
    let actions = file.dataset("actions").map_err(failed)?;
    let shape = actions.shape().map_err(failed)?;
    let is_float = matches!(actions.dtype(), Ok(DType::F32 | DType::F64));
    if shape != [n_rows, 3] || !is_float {
        let reason = format!("actions are {shape:?} of some kind, not ({n_rows}, 3) numbers");
        return Err(wrong(path, reason));
    }
    check_storage(&actions, file.file_size())
        .map_err(|reason| wrong(path, format!("actions: {reason}")))?;
    let values = actions.read_f64().map_err(failed)?;
    if let Some(at) = values.iter().position(|value| !value.is_finite()) {
        return Err(wrong(path, format!("the action of row {} is not a number", at / 3)));
    }
    let rows: Vec<_> = values.chunks_exact(3).map(|row| [row[0], row[1], row[2]]).collect();
    if rows.len() as u64 != n_rows {
        return Err(wrong(path, "actions are not whole".to_owned()));
    }
    Ok(rows)
}

fn instructions(file: &File, path: &Path, n_rows: u64) -> Result<Vec<String>, DatasetError> {
    let failed = |error: hdf5_pure::Error| wrong(path, format!("language_instruction: {error}"));
    let Ok(dataset) = file.dataset("language_instruction") else { return Ok(Vec::new()) };
    let shape = dataset.shape().map_err(failed)?;
    let n = shape.iter().try_fold(1u64, |product, n| product.checked_mul(*n));
    let width = dataset.element_size().map_err(failed)?;
    if n.is_none_or(|n| (n != 1 && n != n_rows) || n.saturating_mul(width) > BYTES_MAX) {
        return Err(wrong(path, format!("language_instruction is {shape:?}, not (1,)")));
    }
    check_storage(&dataset, file.file_size())
        .map_err(|reason| wrong(path, format!("language_instruction: {reason}")))?;
    let texts = dataset.read_string().map_err(failed)?;
    Ok(texts.iter().map(|text| text.trim_matches(['\0', ' ']).to_owned()).collect())
}
