// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a wire definition must satisfy beyond having the right keys.

use anyhow::{Context as _, bail, ensure};

use super::spec::{
    Attribute, AttributeSet, Attributes, Definition, Kind, Operation, Spec, Value, numbered_entries,
};

impl Spec {
    /// Fails on anything that the generators cannot express or that would make two names one.
    pub(super) fn validate(&self) -> anyhow::Result<()> {
        ensure!(
            self.protocol == "genetlink",
            "protocol: {:?} is not genetlink",
            self.protocol
        );
        names("family", [self.name.as_str()])?;

        names("definition", self.definitions.iter().map(Definition::name))?;
        for definition in &self.definitions {
            definition
                .validate()
                .with_context(|| format!("definition {}", definition.name()))?;
        }

        names(
            "attribute set",
            self.attribute_sets.iter().map(|set| set.name.as_str()),
        )?;
        for set in &self.attribute_sets {
            names(
                "attribute",
                set.attributes
                    .iter()
                    .map(|attribute| attribute.name.as_str()),
            )
            .with_context(|| format!("attribute set {}", set.name))?;
            for attribute in &set.attributes {
                self.attribute(attribute)
                    .with_context(|| format!("attribute {} of {}", attribute.name, set.name))?;
            }
        }

        let operations = &self.operations.list;
        names(
            "operation",
            operations.iter().map(|operation| operation.name.as_str()),
        )?;
        ensure!(
            operations.len() <= 255,
            "{} operations; genetlink has 255",
            operations.len()
        );
        for operation in operations {
            self.operation(operation)
                .with_context(|| format!("operation {}", operation.name))?;
        }
        Ok(())
    }

    fn attribute(&self, attribute: &Attribute) -> anyhow::Result<()> {
        match (&attribute.nested_attributes, attribute.kind) {
            (Some(set), Kind::Nest) => {
                ensure!(
                    self.attribute_set(set).is_some(),
                    "no attribute set {set:?}"
                );
            }
            (None, Kind::Nest) => bail!("a nest needs nested-attributes"),
            (Some(_), kind) => bail!("nested-attributes on a {kind:?}"),
            (None, _) => {}
        }

        let is_number = matches!(attribute.kind, Kind::U8 | Kind::U16 | Kind::U32 | Kind::U64);
        if attribute.checks.min.is_some() {
            ensure!(is_number, "min on a {:?}", attribute.kind);
        }
        if let Some(limit) = &attribute.checks.max_len {
            ensure!(
                matches!(attribute.kind, Kind::String | Kind::Binary),
                "max-len on a {:?}",
                attribute.kind
            );
            if let Value::Text(name) = limit {
                ensure!(
                    matches!(self.constant(name), Some(Value::Number(_))),
                    "max-len: no constant {name:?} that is a number"
                );
            }
        }
        Ok(())
    }

    fn operation(&self, operation: &Operation) -> anyhow::Result<()> {
        let set = self
            .attribute_set(&operation.attribute_set)
            .with_context(|| format!("no attribute set {:?}", operation.attribute_set))?;

        match (&operation.single, &operation.dump, &operation.event) {
            (None, None, None) => bail!("neither do nor dump nor event"),
            (None, None, Some(event)) => members(set, "event", event),
            (_, _, Some(_)) => bail!("an event is never asked for: no do or dump beside it"),
            (single, dump, None) => {
                for (mode, exchange) in [("do", single), ("dump", dump)] {
                    if let Some(exchange) = exchange {
                        members(set, &format!("{mode} request"), &exchange.request)?;
                        members(set, &format!("{mode} reply"), &exchange.reply)?;
                    }
                }
                Ok(())
            }
        }
    }
}

impl Definition {
    fn name(&self) -> &str {
        match self {
            Self::Const { name, .. } | Self::Enum { name, .. } => name,
        }
    }

    fn validate(&self) -> anyhow::Result<()> {
        match self {
            Self::Const {
                value: Value::Number(_),
                ..
            } => Ok(()),
            Self::Const {
                value: Value::Text(text),
                ..
            } => {
                ensure!(
                    text.bytes()
                        .all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\'),
                    "{text:?} is not plain ASCII"
                );
                Ok(())
            }
            Self::Enum { entries, .. } => {
                ensure!(!entries.is_empty(), "no entries");
                names("entry", entries.iter().map(|entry| entry.name.as_str()))?;
                let values: Vec<u32> = numbered_entries(entries).map(|(value, _)| value).collect();
                ensure!(
                    values.windows(2).all(|pair| pair[0] < pair[1]),
                    "the values of the entries do not grow: {values:?}"
                );
                Ok(())
            }
        }
    }
}

/// Every attribute named in an operation is in its set, once, and can carry something.
fn members(set: &AttributeSet, place: &str, named: &Attributes) -> anyhow::Result<()> {
    let mut seen: Vec<&str> = Vec::new();
    for name in &named.attributes {
        let (_, attribute) = set
            .find(name)
            .with_context(|| format!("{place}: no attribute {name:?} in set {}", set.name))?;
        ensure!(
            attribute.kind != Kind::Pad,
            "{place}: {name} is only filling"
        );
        ensure!(
            !seen.contains(&name.as_str()),
            "{place}: {name} stands there twice"
        );
        seen.push(name);
    }
    Ok(())
}

/// Names become identifiers in C and Rust: lower case, digits and single dashes, each once.
fn names<'a>(what: &str, all: impl IntoIterator<Item = &'a str>) -> anyhow::Result<()> {
    let mut seen: Vec<&str> = Vec::new();
    for name in all {
        let fits = name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.split('-').all(|part| {
                !part.is_empty()
                    && part
                        .bytes()
                        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
            });
        ensure!(
            fits,
            "{what} {name:?}: want lower case letters, digits and single dashes"
        );
        ensure!(!seen.contains(&name), "{what} {name:?} is there twice");
        seen.push(name);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const GOOD: &str = "\
name: fam
protocol: genetlink
doc: A family.
definitions:
  - {type: const, name: limit, value: 7}
  - {type: const, name: word, value: hello}
  - {type: enum, name: why, entries: [{name: a, value: 3}, {name: b}]}
attribute-sets:
  - name: inner
    attributes: [{name: x, type: u64}]
  - name: outer
    attributes:
      - {name: text, type: string, checks: {max-len: limit}}
      - {name: number, type: u32, checks: {min: 1}}
      - {name: more, type: nest, nested-attributes: inner}
      - {name: pad, type: pad}
operations:
  list:
    - name: get
      attribute-set: outer
      do: {request: {attributes: [text]}, reply: &r {attributes: [number, more]}}
      dump: {reply: *r}
    - {name: news, attribute-set: outer, event: {attributes: [text]}}
";

    #[test]
    fn a_good_definition_is_read_with_anchors_and_numbers() {
        let spec = Spec::parse(GOOD).unwrap();
        let get = &spec.operations.list[0];
        assert_eq!(
            get.dump.as_ref().unwrap().reply.attributes,
            ["number", "more"]
        );
        let Definition::Enum { entries, .. } = &spec.definitions[2] else {
            panic!()
        };
        assert_eq!(
            numbered_entries(entries)
                .map(|(v, _)| v)
                .collect::<Vec<_>>(),
            [3, 4]
        );
        assert_eq!(spec.constant("limit"), Some(&Value::Number(7)));
        assert_eq!(spec.constant("word"), Some(&Value::Text("hello".into())));
    }

    /// Each row breaks one thing; the error must name it.
    #[test]
    fn each_mistake_is_refused_by_name() {
        let mistakes = [
            (
                "protocol: genetlink",
                "protocol: netlink-raw",
                "netlink-raw",
            ),
            ("doc: A family.", "doc: A family.\nversion: 2", "version"),
            ("checks: {min: 1}", "checks: {max: 1}", "max"),
            ("checks: {min: 1}", "enum: why", "enum"),
            (
                "checks: {min: 1}",
                "checks: {max-len: 1}",
                "attribute number of outer",
            ),
            (
                "checks: {max-len: limit}",
                "checks: {max-len: word}",
                "word",
            ),
            (
                "checks: {max-len: limit}",
                "checks: {min: 1}",
                "attribute text of outer",
            ),
            (
                "nested-attributes: inner",
                "nested-attributes: lost",
                "lost",
            ),
            (", nested-attributes: inner", "", "nested-attributes"),
            ("name: b}", "name: a}", "\"a\""),
            ("name: b}", "name: b, value: 2}", "[3, 2]"),
            ("value: hello", "value: \"he\\\"llo\"", "llo"),
            ("{name: x, type: u64}", "{name: x_y, type: u64}", "x_y"),
            ("{name: x, type: u64}", "{name: x, type: s64}", "s64"),
            (
                "attribute-set: outer, event",
                "attribute-set: other, event",
                "other",
            ),
            (
                "event: {attributes: [text]}",
                "event: {attributes: [tex]}",
                "tex",
            ),
            (
                "event: {attributes: [text]}",
                "event: {attributes: [pad]}",
                "pad",
            ),
            (
                "event: {attributes: [text]}",
                "event: {attributes: [text, text]}",
                "twice",
            ),
            ("event: {attributes: [text]}", "doc: nothing", "news"),
            (
                "event: {attributes: [text]}",
                "dump: {}, event: {attributes: [text]}",
                "news",
            ),
            ("{name: news,", "{name: get,", "\"get\""),
            ("{name: news,", "{name: news, flags: [admin-perm],", "flags"),
        ];
        for (from, to, named) in mistakes {
            let text = GOOD.replacen(from, to, 1);
            assert_ne!(text, GOOD, "{from} is not in the sample");
            match Spec::parse(&text) {
                Ok(_) => panic!("{to:?} passed"),
                Err(error) => {
                    let message = format!("{error:#}");
                    assert!(message.contains(named), "{to:?} gave {message}");
                }
            }
        }
    }
}
