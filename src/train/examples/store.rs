//! The file of examples.
//!
//! It begins with [`MAGIC`] and a record of the [`ExamplesSpec`]; then clips follow, each a record
//! of its columns and, right behind it, its pictures as they are. A record is the length of its
//! bytes (u32), their CRC-32 (ISO-HDLC, u32), both little-endian, and the bytes, in postcard. A
//! reader takes clips until the first that is not whole, so a writer that was killed costs the clip
//! it was at, and the next one goes on there. There is no index beside the columns, which a reader
//! keeps in memory anyway; pictures are read where they lie, each checked against its CRC-32, and
//! the operating system's cache keeps what is read often.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crc::{CRC_32_ISO_HDLC, Crc, Table};

use super::{Clip, ClipColumns, ExamplesSpec, TargetStats};
use crate::train::TrainError;
use crate::train::labels::AXES;

/// First bytes of a file; the last two are the version.
const MAGIC: &[u8; 8] = b"PHEXMP01";
const CRC: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISO_HDLC);
/// Longest record: an hour at 30 Hz with 32 slots is a tenth of it.
const RECORD_MAX: usize = 1 << 30;
/// Length and checksum before a record's bytes.
const HEAD: u64 = 8;

/// Writes clips to one file. Nobody else may write it meanwhile.
#[derive(Debug)]
pub struct ExamplesWriter {
    path: PathBuf,
    file: File,
    spec: ExamplesSpec,
}

impl ExamplesWriter {
    /// Begins a file.
    ///
    /// # Errors
    /// It exists, or the disk does not take it.
    pub fn create(path: &Path, spec: &ExamplesSpec) -> Result<Self, TrainError> {
        let mut file = File::create_new(path).map_err(TrainError::io("create", path))?;
        lock(&file, path)?;
        let body = postcard::to_stdvec(spec).map_err(|_| invalid(path, "its spec has no bytes"))?;
        let start = [MAGIC.as_slice(), &record(&body)].concat();
        file.write_all(&start).map_err(TrainError::io("write", path))?;
        Ok(Self { path: path.to_owned(), file, spec: *spec })
    }

    /// Goes on with a file, or begins it. What a killed writer left of its last clip is removed.
    ///
    /// # Errors
    /// It holds examples of another spec, or is no such file.
    pub fn append(path: &Path, spec: &ExamplesSpec) -> Result<Self, TrainError> {
        if !path.exists() {
            return Self::create(path, spec);
        }
        let opened = File::options().read(true).write(true).open(path);
        let mut file = opened.map_err(TrainError::io("open", path))?;
        lock(&file, path)?;
        let contents = Contents::read(&file, path)?;
        if contents.spec != *spec {
            return Err(other_spec(path, &contents.spec, spec));
        }
        file.set_len(contents.end).map_err(TrainError::io("shorten", path))?;
        file.seek(SeekFrom::End(0)).map_err(TrainError::io("read", path))?;
        Ok(Self { path: path.to_owned(), file, spec: *spec })
    }

    /// Adds a clip.
    ///
    /// # Errors
    /// Its parts do not fit each other or the spec, or the disk does not take it.
    pub fn push(&mut self, clip: &Clip) -> Result<(), TrainError> {
        let n = clip.pictures.len();
        let is_whole = clip.pictures.iter().all(|rgb| rgb.len() == self.spec.picture_len());
        let n_slots = n * self.spec.slots;
        if n == 0 || !is_whole || [clip.targets.len(), clip.weights.len()] != [n_slots; 2] {
            let origin = &clip.origin;
            return Err(TrainError::Data(format!(
                "{origin}: {n} pictures, {} targets and {} weights do not fit {:?}",
                clip.targets.len(),
                clip.weights.len(),
                self.spec
            )));
        }
        let numbers = clip.targets.as_flattened().iter().chain(&clip.weights);
        if !numbers.into_iter().all(|number| number.is_finite()) {
            return Err(TrainError::Data(format!("{}: a target is not finite", clip.origin)));
        }
        let columns = ClipColumns {
            instruction: clip.instruction.clone(),
            origin: clip.origin.clone(),
            is_mirrorable: clip.is_mirrorable,
            targets: clip.targets.clone(),
            weights: clip.weights.clone(),
            checksums: clip.pictures.iter().map(|rgb| CRC.checksum(rgb)).collect(),
        };
        let body = postcard::to_stdvec(&columns)
            .map_err(|_| invalid(&self.path, "a clip has no bytes"))?;
        let mut bytes = record(&body);
        bytes.reserve(n * self.spec.picture_len());
        clip.pictures.iter().for_each(|rgb| bytes.extend_from_slice(rgb));
        self.file.write_all(&bytes).map_err(TrainError::io("write", &self.path))
    }

    /// Has everything on the disk when it returns.
    ///
    /// # Errors
    /// The disk is full or gone.
    pub fn finish(self) -> Result<(), TrainError> {
        self.file.sync_all().map_err(TrainError::io("write", &self.path))
    }
}

/// Clips of one or several files of one spec: their columns in memory, their pictures on the disk.
#[derive(Debug)]
pub struct Examples {
    spec: ExamplesSpec,
    files: Vec<(PathBuf, File)>,
    clips: Vec<ClipColumns>,
    /// For each clip its file and where in it its pictures begin.
    places: Vec<(usize, u64)>,
    n_torn: u64,
}

impl Examples {
    /// Opens the files, in their order.
    ///
    /// # Errors
    /// There is none, one cannot be read, or their specs differ.
    pub fn open<P: AsRef<Path>>(paths: &[P]) -> Result<Self, TrainError> {
        let mut opened: Option<Self> = None;
        for path in paths {
            let path = path.as_ref();
            let file = File::open(path).map_err(TrainError::io("open", path))?;
            let contents = Contents::read(&file, path)?;
            let all = opened.get_or_insert_with(|| Self {
                spec: contents.spec,
                files: Vec::new(),
                clips: Vec::new(),
                places: Vec::new(),
                n_torn: 0,
            });
            if contents.spec != all.spec {
                return Err(other_spec(path, &contents.spec, &all.spec));
            }
            let number = all.files.len();
            for (columns, start) in contents.clips {
                all.clips.push(columns);
                all.places.push((number, start));
            }
            all.n_torn += contents.n_torn;
            all.files.push((path.to_owned(), file));
        }
        opened.ok_or_else(|| TrainError::Data("there are no files of examples".to_owned()))
    }

    #[must_use]
    pub const fn spec(&self) -> &ExamplesSpec {
        &self.spec
    }

    #[must_use]
    pub fn clips(&self) -> &[ClipColumns] {
        &self.clips
    }

    #[must_use]
    pub const fn n_clips(&self) -> usize {
        self.clips.len()
    }

    #[must_use]
    pub fn n_steps(&self) -> usize {
        self.clips.iter().map(ClipColumns::n_steps).sum()
    }

    /// Bytes at the ends of the files that are no whole clip.
    #[must_use]
    pub const fn n_torn(&self) -> u64 {
        self.n_torn
    }

    /// Reads the picture of a step into `rgb`, which has its length.
    ///
    /// # Errors
    /// There is no such step, or the file changed since it was opened.
    pub fn picture(&self, clip: usize, step: usize, rgb: &mut [u8]) -> Result<(), TrainError> {
        let checksum = self.clips.get(clip).and_then(|columns| columns.checksums.get(step));
        let place = self.places.get(clip).and_then(|(file, start)| {
            self.files.get(*file).map(|(path, file)| (path, file, *start))
        });
        let (Some(checksum), Some((path, file, start))) = (checksum, place) else {
            return Err(TrainError::Data(format!("there is no step {step} of clip {clip}")));
        };
        let offset = start + (step * self.spec.picture_len()) as u64;
        read_at(file, rgb, offset).map_err(TrainError::io("read", path))?;
        if CRC.checksum(rgb) == *checksum {
            return Ok(());
        }
        Err(invalid(path, &format!("picture {step} of clip {clip} is damaged")))
    }

    /// Mean and spread of all commands that count.
    #[must_use]
    pub fn stats(&self) -> TargetStats {
        let counted = || {
            let all = self.clips.iter().flat_map(|clip| clip.targets.iter().zip(&clip.weights));
            all.map(|(target, weight)| (target.map(f64::from), f64::from(*weight)))
        };
        let total = counted().map(|(_, weight)| weight).sum::<f64>().max(f64::MIN_POSITIVE);
        let mean_of = |value: &dyn Fn(&[f64; AXES], usize) -> f64| {
            std::array::from_fn(|axis| {
                counted().map(|(target, weight)| weight * value(&target, axis)).sum::<f64>() / total
            })
        };
        let axis_of = |target: &[f64; AXES], axis: usize| target.get(axis).copied().unwrap_or(0.0);
        let mean: [f64; AXES] = mean_of(&axis_of);
        let variance: [f64; AXES] =
            mean_of(&|target, axis| (axis_of(target, axis) - axis_of(&mean, axis)).powi(2));
        TargetStats { mean, std: variance.map(f64::sqrt) }
    }
}

/// What lies in a file.
struct Contents {
    spec: ExamplesSpec,
    /// Each clip, and where its pictures begin.
    clips: Vec<(ClipColumns, u64)>,
    /// Where the last clip's record begins.
    last: u64,
    /// Where the next clip is to be written.
    end: u64,
    n_torn: u64,
}

impl Contents {
    fn read(file: &File, path: &Path) -> Result<Self, TrainError> {
        let length = file.metadata().map_err(TrainError::io("read", path))?.len();
        let mut contents = Self::begin(file, path, length)?;
        let next = |at| read_record(file, at, length).map_err(TrainError::io("read", path));
        while let Some(body) = next(contents.end)? {
            let pictures = contents.end + HEAD + body.len() as u64;
            let Some(columns) = contents.whole_clip(&body, pictures, length) else { break };
            contents.last = contents.end;
            contents.end = pictures + (columns.n_steps() * contents.spec.picture_len()) as u64;
            contents.clips.push((columns, pictures));
        }
        contents.drop_torn_pictures(file, path)?;
        contents.n_torn = length - contents.end;
        Ok(contents)
    }

    /// What stands before the clips.
    fn begin(file: &File, path: &Path, length: u64) -> Result<Self, TrainError> {
        let foreign = || invalid(path, "it is no file of examples of this version");
        let start = MAGIC.len() as u64;
        if length < start {
            return Err(foreign());
        }
        let mut magic = [0; MAGIC.len()];
        read_at(file, &mut magic, 0).map_err(TrainError::io("read", path))?;
        let body = read_record(file, start, length).map_err(TrainError::io("read", path))?;
        let body = body.filter(|_| magic == *MAGIC).ok_or_else(foreign)?;
        let spec = postcard::from_bytes(&body).map_err(|_| foreign())?;
        let end = start + HEAD + body.len() as u64;
        Ok(Self { spec, clips: Vec::new(), last: end, end, n_torn: 0 })
    }

    fn whole_clip(&self, body: &[u8], pictures: u64, length: u64) -> Option<ClipColumns> {
        let columns: ClipColumns = postcard::from_bytes(body).ok()?;
        let n_slots = columns.n_steps() * self.spec.slots;
        let n_bytes = (columns.n_steps() * self.spec.picture_len()) as u64;
        let fits = columns.targets.len() == n_slots
            && columns.weights.len() == n_slots
            && length.saturating_sub(pictures) >= n_bytes;
        (fits && columns.n_steps() > 0).then_some(columns)
    }

    /// After a power cut the file may be long enough before its last bytes are there.
    fn drop_torn_pictures(&mut self, file: &File, path: &Path) -> Result<(), TrainError> {
        let Some((last, start)) = self.clips.last() else { return Ok(()) };
        let mut rgb = vec![0; self.spec.picture_len()];
        let mut at = *start;
        let mut is_whole = true;
        for checksum in &last.checksums {
            read_at(file, &mut rgb, at).map_err(TrainError::io("read", path))?;
            is_whole &= CRC.checksum(&rgb) == *checksum;
            at += rgb.len() as u64;
        }
        if !is_whole {
            self.clips.pop();
            self.end = self.last;
        }
        Ok(())
    }
}

/// The bytes of the record at `at`, where it is whole.
fn read_record(file: &File, at: u64, length: u64) -> std::io::Result<Option<Vec<u8>>> {
    let left = length.saturating_sub(at);
    if left < HEAD {
        return Ok(None);
    }
    let mut head = [0; HEAD as usize];
    read_at(file, &mut head, at)?;
    let [a, b, c, d, e, f, g, h] = head;
    let n = u32::from_le_bytes([a, b, c, d]) as usize;
    if n > RECORD_MAX || (n as u64) > left - HEAD {
        return Ok(None);
    }
    let mut body = vec![0; n];
    read_at(file, &mut body, at + HEAD)?;
    let is_whole = CRC.checksum(&body) == u32::from_le_bytes([e, f, g, h]);
    Ok(is_whole.then_some(body))
}

fn record(body: &[u8]) -> Vec<u8> {
    let length = (body.len() as u32).to_le_bytes();
    [&length, CRC.checksum(body).to_le_bytes().as_slice(), body].concat()
}

fn lock(file: &File, path: &Path) -> Result<(), TrainError> {
    file.try_lock().map_err(|_| invalid(path, "another program is writing it"))
}

fn invalid(path: &Path, reason: &str) -> TrainError {
    TrainError::Examples { path: path.to_owned(), reason: reason.to_owned() }
}

fn other_spec(path: &Path, have: &ExamplesSpec, wanted: &ExamplesSpec) -> TrainError {
    invalid(path, &format!("it holds examples of {have:?}, not of {wanted:?}"))
}

/// Fills `bytes` from `offset` on, whatever other threads read.
#[cfg(unix)]
fn read_at(file: &File, bytes: &mut [u8], offset: u64) -> std::io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, offset)
}

/// Fills `bytes` from `offset` on, whatever other threads read.
#[cfg(windows)]
fn read_at(file: &File, mut bytes: &mut [u8], mut offset: u64) -> std::io::Result<()> {
    while !bytes.is_empty() {
        let n = std::os::windows::fs::FileExt::seek_read(file, bytes, offset)?;
        if n == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        offset += n as u64;
        bytes = bytes.get_mut(n..).unwrap_or_default();
    }
    Ok(())
}
