//! Reading and writing a node's attributes.

use super::proto::{AttributeProto, AttributeType, NodeProto};

impl NodeProto {
    fn attribute(&self, name: &str) -> Option<&AttributeProto> {
        self.attribute.iter().find(|attribute| attribute.name == name)
    }

    /// The attribute's integer, if the node has it.
    #[must_use]
    pub fn int(&self, name: &str) -> Option<i64> {
        self.attribute(name).map(|attribute| attribute.i)
    }

    /// The attribute's integers, if the node has it.
    #[must_use]
    pub fn ints(&self, name: &str) -> Option<&[i64]> {
        self.attribute(name).map(|attribute| attribute.ints.as_slice())
    }

    /// The attribute's number, if the node has it.
    #[must_use]
    pub fn float(&self, name: &str) -> Option<f32> {
        self.attribute(name).map(|attribute| attribute.f)
    }

    /// The attribute's texts, if the node has it.
    #[must_use]
    pub fn texts(&self, name: &str) -> Option<Vec<&str>> {
        let attribute = self.attribute(name)?;
        Some(attribute.strings.iter().filter_map(|s| std::str::from_utf8(s).ok()).collect())
    }

    /// The attribute's text, if the node has it.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.attribute(name).and_then(|attribute| std::str::from_utf8(&attribute.s).ok())
    }
}

pub(super) fn int(name: &str, i: i64) -> AttributeProto {
    of(name, AttributeType::Int, AttributeProto { i, ..AttributeProto::default() })
}

pub(super) fn ints(name: &str, ints: Vec<i64>) -> AttributeProto {
    of(name, AttributeType::Ints, AttributeProto { ints, ..AttributeProto::default() })
}

pub(super) fn float(name: &str, f: f32) -> AttributeProto {
    of(name, AttributeType::Float, AttributeProto { f, ..AttributeProto::default() })
}

pub(super) fn text(name: &str, text: &str) -> AttributeProto {
    let s = text.as_bytes().to_vec();
    of(name, AttributeType::String, AttributeProto { s, ..AttributeProto::default() })
}

fn of(name: &str, kind: AttributeType, value: AttributeProto) -> AttributeProto {
    AttributeProto { name: name.to_owned(), r#type: kind.into(), ..value }
}
