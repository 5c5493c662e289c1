//! Protocol Buffers as far as an MCAP file needs them: messages of plain fields, and descriptors
//! that tell a reader which.

/// A message being written, field after field.
#[derive(Clone, Debug, Default)]
pub(super) struct Message {
    pub(super) bytes: Vec<u8>,
}

/// What a field holds; the numbers are those of `FieldDescriptorProto.Type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Double = 1,
    Float = 2,
    Int64 = 3,
    Int32 = 5,
    Bool = 8,
    Text = 9,
    Timestamp = 11,
    Bytes = 12,
}

impl Message {
    pub(super) fn integer(&mut self, field: u32, value: i64) {
        self.key(field, 0);
        self.varint(value.cast_unsigned());
    }

    pub(super) fn double(&mut self, field: u32, value: f64) {
        self.key(field, 1);
        self.bytes.extend(value.to_le_bytes());
    }

    pub(super) fn float(&mut self, field: u32, value: f32) {
        self.key(field, 5);
        self.bytes.extend(value.to_le_bytes());
    }

    /// Bytes, a text, or another message.
    pub(super) fn bytes(&mut self, field: u32, value: &[u8]) {
        self.key(field, 2);
        self.varint(value.len() as u64);
        self.bytes.extend(value);
    }

    fn key(&mut self, field: u32, wire: u32) {
        self.varint(u64::from(field << 3 | wire));
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }
}

/// A `FileDescriptorSet` with the message `package.name`, whose fields are numbered from 1.
pub(super) fn descriptor(package: &str, name: &str, fields: &[(String, Kind)]) -> Vec<u8> {
    let has_time = fields.iter().any(|(_, kind)| *kind == Kind::Timestamp);
    let mut set = Message::default();
    if has_time {
        let fields = [("seconds".to_owned(), Kind::Int64), ("nanos".to_owned(), Kind::Int32)];
        let file = file(TIMESTAMP_FILE, "google.protobuf", "Timestamp", &fields, None);
        set.bytes(1, &file);
    }
    let path = format!("{package}/{name}.proto");
    let needs = has_time.then_some(TIMESTAMP_FILE);
    set.bytes(1, &file(&path, package, name, fields, needs));
    set.bytes
}

const TIMESTAMP_FILE: &str = "google/protobuf/timestamp.proto";

/// A `FileDescriptorProto` with one message.
fn file(
    path: &str,
    package: &str,
    name: &str,
    fields: &[(String, Kind)],
    needs: Option<&str>,
) -> Vec<u8> {
    let mut message = Message::default();
    message.bytes(1, name.as_bytes());
    for (number, (name, kind)) in (1..).zip(fields) {
        let mut field = Message::default();
        field.bytes(1, name.as_bytes());
        field.integer(3, number);
        // Optional, as every single field of proto3 is.
        field.integer(4, 1);
        field.integer(5, *kind as i64);
        if *kind == Kind::Timestamp {
            field.bytes(6, b".google.protobuf.Timestamp");
        }
        message.bytes(2, &field.bytes);
    }
    let mut file = Message::default();
    file.bytes(1, path.as_bytes());
    file.bytes(2, package.as_bytes());
    if let Some(path) = needs {
        file.bytes(3, path.as_bytes());
    }
    file.bytes(4, &message.bytes);
    file.bytes(12, b"proto3");
    file.bytes
}

/// What a field may be called: letters, digits and underscores, not beginning with a digit.
pub(super) fn identifier(text: &str) -> String {
    let fits = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let name: String = text.chars().map(fits).collect();
    match name.chars().next() {
        Some(first) if !first.is_ascii_digit() => name,
        _ => format!("_{name}"),
    }
}
