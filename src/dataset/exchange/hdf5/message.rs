//! Bytes of the small structures an HDF5 file describes itself with (HDF5 File Format
//! Specification 2.0, part IV): datatypes, dataspaces, attributes, version 1 object headers.

/// What the elements of a dataset or attribute are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    U8,
    I64,
    F32,
    F64,
    /// UTF-8 in a fixed number of bytes, the rest zeros.
    FixedText(u32),
    /// UTF-8 of any length; the elements point into the global heap.
    Text,
}

const DATASPACE: u16 = 0x0001;
const DATATYPE: u16 = 0x0003;
const FILL_VALUE: u16 = 0x0005;
const DATA_LAYOUT: u16 = 0x0008;
const ATTRIBUTE: u16 = 0x000c;
const SYMBOL_TABLE: u16 = 0x0011;

impl Kind {
    /// Bytes of one element.
    pub(super) fn size(self) -> u32 {
        match self {
            Self::U8 => 1,
            Self::F32 => 4,
            Self::I64 | Self::F64 => 8,
            Self::Text => 16,
            Self::FixedText(width) => width,
        }
    }

    /// The datatype message: class and version, class bits, size, properties.
    fn message(self) -> Vec<u8> {
        let (class, bits, properties): (u8, [u8; 3], Vec<u8>) = match self {
            Self::U8 => (0, [0, 0, 0], integer(8)),
            Self::I64 => (0, [0x08, 0, 0], integer(64)),
            Self::F32 => (1, [0x20, 31, 0], float(32, 23, 8, 127)),
            Self::F64 => (1, [0x20, 63, 0], float(64, 52, 11, 1023)),
            Self::FixedText(_) => (3, [0x11, 0, 0], Vec::new()),
            Self::Text => (9, [0x01, 0x01, 0], Self::U8.message()),
        };
        let mut bytes = vec![0x10 | class];
        bytes.extend(bits);
        bytes.extend(self.size().to_le_bytes());
        bytes.extend(properties);
        bytes
    }
}

/// Bit offset and precision.
fn integer(bits: u16) -> Vec<u8> {
    [0u16.to_le_bytes(), bits.to_le_bytes()].concat()
}

/// Offset and precision; place and size of exponent and mantissa; the exponent's bias.
fn float(bits: u16, mantissa: u8, exponent: u8, bias: u32) -> Vec<u8> {
    let mut bytes = integer(bits);
    bytes.extend([mantissa, exponent, 0, mantissa]);
    bytes.extend(bias.to_le_bytes());
    bytes
}

/// No dimensions: a single value.
fn dataspace(shape: &[u64]) -> Vec<u8> {
    let mut bytes = vec![1, shape.len() as u8, 0, 0, 0, 0, 0, 0];
    bytes.extend(shape.iter().flat_map(|n| n.to_le_bytes()));
    bytes
}

pub(super) fn pad(bytes: &mut Vec<u8>) {
    bytes.resize(bytes.len().next_multiple_of(8), 0);
}

/// An object header: its messages one after the other.
#[derive(Debug, Default)]
pub(super) struct Header {
    n_messages: u16,
    messages: Vec<u8>,
}

impl Header {
    /// Of a dataset whose elements lie one after the other at `address`.
    pub(super) fn dataset(kind: Kind, shape: &[u64], address: u64) -> Self {
        let mut header = Self::default();
        header.push(DATASPACE, dataspace(shape));
        header.push(DATATYPE, kind.message());
        // Version 2, storage allocated late, fill written if set, the default value.
        header.push(FILL_VALUE, vec![2, 2, 2, 1, 0, 0, 0, 0]);
        let n_bytes = shape.iter().product::<u64>() * u64::from(kind.size());
        let mut layout = vec![3, 1];
        layout.extend(address.to_le_bytes());
        layout.extend(n_bytes.to_le_bytes());
        header.push(DATA_LAYOUT, layout);
        header
    }

    /// Of a group whose members the B-tree and the names' heap list.
    pub(super) fn group(tree: u64, heap: u64) -> Self {
        let mut header = Self::default();
        header.push(SYMBOL_TABLE, [tree.to_le_bytes(), heap.to_le_bytes()].concat());
        header
    }

    /// Adds a single value with a name.
    pub(super) fn attribute(&mut self, name: &str, kind: Kind, value: &[u8]) {
        let (datatype, dataspace) = (kind.message(), dataspace(&[]));
        let mut bytes = vec![1, 0];
        let sizes = [name.len() + 1, datatype.len(), dataspace.len()];
        bytes.extend(sizes.iter().flat_map(|size| (*size as u16).to_le_bytes()));
        bytes.extend(name.as_bytes());
        bytes.push(0);
        pad(&mut bytes);
        bytes.extend(datatype);
        pad(&mut bytes);
        bytes.extend(dataspace);
        bytes.extend(value);
        self.push(ATTRIBUTE, bytes);
    }

    fn push(&mut self, kind: u16, mut body: Vec<u8>) {
        pad(&mut body);
        self.n_messages += 1;
        self.messages.extend(kind.to_le_bytes());
        self.messages.extend((body.len() as u16).to_le_bytes());
        self.messages.extend([0; 4]);
        self.messages.extend(body);
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![1, 0];
        bytes.extend(self.n_messages.to_le_bytes());
        bytes.extend(1u32.to_le_bytes());
        bytes.extend((self.messages.len() as u32).to_le_bytes());
        bytes.extend([0; 4]);
        bytes.extend(&self.messages);
        bytes
    }
}
