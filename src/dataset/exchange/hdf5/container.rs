//! Writes an HDF5 file front to back in bounded memory: pictures one by one, then the small things.
//!
//! The `hdf5-pure` crate would hold every picture of the episode until the end (it appends to
//! one-dimensional datasets only). The structures are those that the HDF5 library itself writes by
//! default and every version since 1.6 reads: superblock 0, one group with a symbol table, plain
//! contiguous datasets. Deliberately absent: chunks, compression, more groups.

use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::message::{Header, Kind, pad};
use crate::dataset::DatasetError;

const UNDEFINED: u64 = u64::MAX;
const SUPERBLOCK: u64 = 96;
/// Members of a leaf, and of an inner node of a group's B-tree, are at most twice these.
const LEAF_K: u16 = 4;
const INNER_K: u16 = 16;
/// A collection of the global heap is no smaller.
const COLLECTION_MIN: usize = 4096;

/// Where an HDF5 file grows. Until [`Container::finish`] it is not one: its first bytes are zeros.
pub(super) struct Container {
    path: PathBuf,
    file: BufWriter<File>,
    at: u64,
    /// Texts of the global heap, each once.
    texts: Vec<String>,
    members: Vec<(&'static str, u64)>,
}

/// An attribute of the file.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Integer(i64),
    Float(f64),
    Text(String),
}

impl Container {
    pub(super) fn create(path: &Path) -> Result<Self, DatasetError> {
        let file = File::create_new(path).map_err(DatasetError::io("create", path))?;
        let mut container = Self {
            path: path.to_owned(),
            file: BufWriter::new(file),
            at: 0,
            texts: Vec::new(),
            members: Vec::new(),
        };
        container.put(&[0; SUPERBLOCK as usize])?;
        Ok(container)
    }

    /// Appends bytes and tells where they begin.
    pub(super) fn put(&mut self, bytes: &[u8]) -> Result<u64, DatasetError> {
        let at = self.at;
        self.write(bytes)?;
        Ok(at)
    }

    /// Describes elements that were [`put`](Self::put) at `address` as a dataset of the file.
    pub(super) fn dataset(
        &mut self,
        name: &'static str,
        kind: Kind,
        shape: &[u64],
        address: u64,
    ) -> Result<(), DatasetError> {
        self.align()?;
        let header = self.put(&Header::dataset(kind, shape, address).bytes())?;
        self.members.push((name, header));
        Ok(())
    }

    /// The place of a text in the heap, for [`texts`](Self::texts).
    fn index_of(&mut self, text: &str) -> usize {
        self.texts.iter().position(|known| known == text).unwrap_or_else(|| {
            self.texts.push(text.to_owned());
            self.texts.len() - 1
        })
    }

    /// Writes the attributes, `texts` as a dataset with that name, and everything that makes the
    /// file an HDF5 file; then has it on the disk.
    pub(super) fn finish(
        mut self,
        (name, texts): (&'static str, &[&str]),
        attributes: &[(&str, Value)],
    ) -> Result<(), DatasetError> {
        let indices: Vec<_> = texts.iter().map(|text| self.index_of(text)).collect();
        for (_, value) in attributes {
            if let Value::Text(text) = value {
                self.index_of(text);
            }
        }
        self.align()?;
        let collection = collection(&self.texts);
        let heap = self.put(&collection)?;
        let elements: Vec<_> = indices.iter().flat_map(|i| self.element(heap, *i)).collect();
        let address = self.put(&elements)?;
        self.dataset(name, Kind::Text, &[texts.len() as u64], address)?;

        let (tree, names) = self.group()?;
        let mut root = Header::group(tree, names);
        for (name, value) in attributes {
            match value {
                Value::Integer(value) => root.attribute(name, Kind::I64, &value.to_le_bytes()),
                Value::Float(value) => root.attribute(name, Kind::F64, &value.to_le_bytes()),
                Value::Text(text) => {
                    let index = self.index_of(text);
                    root.attribute(name, Kind::Text, &self.element(heap, index));
                }
            }
        }
        self.align()?;
        let root = self.put(&root.bytes())?;
        self.align()?;
        let superblock = superblock(self.at, root, tree, names);
        let file = self.file.into_inner().map_err(io::IntoInnerError::into_error);
        let written = file.and_then(|mut file| {
            file.seek(SeekFrom::Start(0))?;
            file.write_all(&superblock)?;
            file.sync_all()
        });
        written.map_err(DatasetError::io("write", &self.path))
    }

    /// What stands for a text in an element: its length, its collection, its number there.
    fn element(&self, heap: u64, index: usize) -> Vec<u8> {
        let length = self.texts.get(index).map_or(0, String::len) as u32;
        let mut bytes = length.to_le_bytes().to_vec();
        bytes.extend(heap.to_le_bytes());
        bytes.extend((index as u32 + 1).to_le_bytes());
        bytes
    }

    /// The B-tree of the root group and the heap of its members' names.
    fn group(&mut self) -> Result<(u64, u64), DatasetError> {
        self.members.sort_unstable();
        let mut names = vec![0; 8];
        let mut leaf = b"SNOD\x01\0".to_vec();
        leaf.extend((self.members.len() as u16).to_le_bytes());
        let mut last = 0u64;
        for (name, header) in &self.members {
            last = names.len() as u64;
            names.extend(name.as_bytes());
            names.push(0);
            pad(&mut names);
            leaf.extend(last.to_le_bytes());
            leaf.extend(header.to_le_bytes());
            leaf.extend([0; 24]);
        }
        leaf.resize(8 + 2 * usize::from(LEAF_K) * 40, 0);
        self.align()?;
        let leaf = self.put(&leaf)?;
        let segment = self.put(&names)?;

        let mut heap = b"HEAP\0\0\0\0".to_vec();
        // The 1 stands for: no free space.
        for number in [names.len() as u64, 1, segment] {
            heap.extend(number.to_le_bytes());
        }
        let heap = self.put(&heap)?;

        let mut tree = b"TREE\0\0\x01\0".to_vec();
        for number in [UNDEFINED, UNDEFINED, 0, leaf, last] {
            tree.extend(number.to_le_bytes());
        }
        tree.resize(24 + (4 * usize::from(INNER_K) + 1) * 8, 0);
        Ok((self.put(&tree)?, heap))
    }

    fn align(&mut self) -> Result<(), DatasetError> {
        let n_zeros = self.at.next_multiple_of(8) - self.at;
        self.write(&[0; 8][..n_zeros as usize])
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), DatasetError> {
        self.file.write_all(bytes).map_err(DatasetError::io("write", &self.path))?;
        self.at += bytes.len() as u64;
        Ok(())
    }
}

/// A collection of the global heap: objects 1, 2, …, then what is free, as object 0.
fn collection(texts: &[String]) -> Vec<u8> {
    let mut objects = Vec::new();
    for (i, text) in texts.iter().enumerate() {
        objects.extend((i as u16 + 1).to_le_bytes());
        objects.extend([1, 0, 0, 0, 0, 0]);
        objects.extend((text.len() as u64).to_le_bytes());
        objects.extend(text.as_bytes());
        pad(&mut objects);
    }
    let size = (16 + objects.len() + 16).max(COLLECTION_MIN);
    let mut bytes = b"GCOL\x01\0\0\0".to_vec();
    bytes.extend((size as u64).to_le_bytes());
    bytes.extend(objects);
    let n_free = (size - bytes.len()) as u64;
    bytes.extend([0; 8]);
    bytes.extend(n_free.to_le_bytes());
    bytes.resize(size, 0);
    bytes
}

fn superblock(end: u64, root: u64, tree: u64, names: u64) -> Vec<u8> {
    let mut bytes = b"\x89HDF\r\n\x1a\n".to_vec();
    bytes.extend([0, 0, 0, 0, 0, 8, 8, 0]);
    bytes.extend(LEAF_K.to_le_bytes());
    bytes.extend(INNER_K.to_le_bytes());
    bytes.extend([0; 4]);
    for number in [0, UNDEFINED, end, UNDEFINED, 0, root] {
        bytes.extend(number.to_le_bytes());
    }
    // The root's symbol table entry knows where its B-tree and names are.
    bytes.extend([1, 0, 0, 0, 0, 0, 0, 0]);
    bytes.extend(tree.to_le_bytes());
    bytes.extend(names.to_le_bytes());
    bytes
}
