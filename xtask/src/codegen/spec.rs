// SPDX-License-Identifier: MIT OR Apache-2.0
//! The wire definition as it stands in the file: the part of the YNL format that ipcon uses.
//!
//! A key that is not named here is an error, so that nobody relies on a check or a flag that the
//! generator silently leaves out.

use serde::Deserialize;

/// A generic netlink family.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Spec {
    pub(super) name: String,
    pub(super) protocol: String,
    pub(super) doc: String,
    #[serde(default)]
    pub(super) definitions: Vec<Definition>,
    pub(super) attribute_sets: Vec<AttributeSet>,
    pub(super) operations: Operations,
}

/// A named constant or enumeration.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum Definition {
    Const {
        name: String,
        value: Value,
        doc: Option<String>,
    },
    #[serde(rename_all = "kebab-case")]
    Enum {
        name: String,
        doc: Option<String>,
        /// What the values begin with in C, instead of the family and the name.
        name_prefix: Option<String>,
        entries: Vec<Entry>,
    },
}

/// The value of a constant.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub(super) enum Value {
    Number(u32),
    Text(String),
}

/// One value of an enumeration; without `value`, one more than the entry before it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) value: Option<u32>,
    pub(super) doc: Option<String>,
}

/// A numbering of attributes, from 1 in the order of the file.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct AttributeSet {
    pub(super) name: String,
    pub(super) doc: Option<String>,
    pub(super) attributes: Vec<Attribute>,
}

/// One attribute.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Attribute {
    pub(super) name: String,
    #[serde(rename = "type")]
    pub(super) kind: Kind,
    pub(super) doc: Option<String>,
    pub(super) nested_attributes: Option<String>,
    #[serde(default)]
    pub(super) checks: Checks,
}

/// What an attribute holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Kind {
    U8,
    U16,
    U32,
    U64,
    String,
    Binary,
    Flag,
    Nest,
    /// Filling before a u64; never read.
    Pad,
}

/// What the kernel refuses before the module sees the request.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Checks {
    /// Least value of a number.
    pub(super) min: Option<u32>,
    /// Most bytes of a string or binary: a number or the name of a constant.
    pub(super) max_len: Option<Value>,
}

/// Container of the operations, as the format has it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Operations {
    pub(super) list: Vec<Operation>,
}

/// A command, numbered from 1 in the order of the file.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Operation {
    pub(super) name: String,
    pub(super) doc: Option<String>,
    pub(super) attribute_set: String,
    #[serde(rename = "do")]
    pub(super) single: Option<Exchange>,
    pub(super) dump: Option<Exchange>,
    pub(super) event: Option<Attributes>,
}

/// A request and its reply.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Exchange {
    #[serde(default)]
    pub(super) request: Attributes,
    #[serde(default)]
    pub(super) reply: Attributes,
}

/// Names of attributes of the operation's set.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Attributes {
    #[serde(default)]
    pub(super) attributes: Vec<String>,
}

impl Spec {
    /// Reads and validates a definition.
    pub(super) fn parse(text: &str) -> anyhow::Result<Self> {
        let spec: Self = serde_saphyr::from_str(text)?;
        spec.validate()?;
        Ok(spec)
    }

    /// The attribute set of that name; validation made sure that it exists.
    pub(super) fn attribute_set(&self, name: &str) -> Option<&AttributeSet> {
        self.attribute_sets.iter().find(|set| set.name == name)
    }

    /// The value of the constant of that name.
    pub(super) fn constant(&self, wanted: &str) -> Option<&Value> {
        self.definitions
            .iter()
            .find_map(|definition| match definition {
                Definition::Const { name, value, .. } if name == wanted => Some(value),
                _ => None,
            })
    }
}

impl AttributeSet {
    /// The attributes with their numbers.
    pub(super) fn numbered(&self) -> impl Iterator<Item = (usize, &Attribute)> {
        self.attributes
            .iter()
            .enumerate()
            .map(|(index, attribute)| (index + 1, attribute))
    }

    /// An attribute and its number.
    pub(super) fn find(&self, name: &str) -> Option<(usize, &Attribute)> {
        self.numbered()
            .find(|(_, attribute)| attribute.name == name)
    }
}

impl Operations {
    /// The operations with their numbers.
    pub(super) fn numbered(&self) -> impl Iterator<Item = (usize, &Operation)> {
        self.list
            .iter()
            .enumerate()
            .map(|(index, operation)| (index + 1, operation))
    }
}

/// The entries with their values.
pub(super) fn numbered_entries(entries: &[Entry]) -> impl Iterator<Item = (u32, &Entry)> {
    let mut next = 0;
    entries.iter().map(move |entry| {
        let value = entry.value.unwrap_or(next);
        next = value.saturating_add(1);
        (value, entry)
    })
}
