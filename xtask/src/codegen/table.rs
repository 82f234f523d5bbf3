// SPDX-License-Identifier: MIT OR Apache-2.0
//! The operations and attributes as data, for the tests that make requests of every shape.

use super::spec::{Attribute, AttributeSet, Exchange, Kind, Operation, Spec, Value};
use super::text::{line, upper};
use super::{COMMAND, SPEC};

/// Each operation with the policy of its requests, and each set of attributes with what they hold.
pub(super) fn table(spec: &Spec) -> String {
    let mut out = format!(
        "// SPDX-License-Identifier: MIT OR Apache-2.0\n\
         // Generated from {SPEC}; do not edit: run `{COMMAND}`.\n\
         \n\
         //! Operations and attributes of the wire as data.\n\
         \n\
         use super::wire::{{Field, Kind, Operation}};\n\
         \n\
         /// Name of the generic netlink family.\n\
         pub const FAMILY: &str = \"{}\";\n",
        spec.name
    );
    for set in &spec.attribute_sets {
        line(
            &mut out,
            &format!("\n/// Attributes of the set `{}`.", set.name),
        );
        line(&mut out, "#[rustfmt::skip]");
        line(
            &mut out,
            &format!("pub const {}: &[Field] = &[", upper(&set.name)),
        );
        for (number, attribute) in set.numbered() {
            field(&mut out, "    ", spec, number, attribute);
        }
        line(&mut out, "];");
    }
    line(
        &mut out,
        "\n/// All operations, in the order of their numbers.",
    );
    line(&mut out, "#[rustfmt::skip]");
    line(&mut out, "pub const OPERATIONS: &[Operation] = &[");
    for (number, entry) in spec.operations.numbered() {
        operation(&mut out, spec, number, entry);
    }
    line(&mut out, "];");
    out
}

fn operation(out: &mut String, spec: &Spec, number: usize, operation: &Operation) {
    let set = &operation.attribute_set;
    line(out, "    Operation {");
    line(out, &format!("        name: \"{}\",", operation.name));
    line(out, &format!("        command: {number},"));
    line(out, &format!("        attributes: {},", upper(set)));
    let set = spec.attribute_set(set);
    request(out, spec, set, "single", operation.single.as_ref());
    request(out, spec, set, "dump", operation.dump.as_ref());
    line(out, "    },");
}

fn request(
    out: &mut String,
    spec: &Spec,
    set: Option<&AttributeSet>,
    name: &str,
    exchange: Option<&Exchange>,
) {
    let (Some(exchange), Some(set)) = (exchange, set) else {
        return line(out, &format!("        {name}: None,"));
    };
    if exchange.request.attributes.is_empty() {
        return line(out, &format!("        {name}: Some(&[]),"));
    }
    line(out, &format!("        {name}: Some(&["));
    for (number, attribute) in set.numbered() {
        if exchange.request.attributes.contains(&attribute.name) {
            field(out, "            ", spec, number, attribute);
        }
    }
    line(out, "        ]),");
}

fn field(out: &mut String, indent: &str, spec: &Spec, number: usize, attribute: &Attribute) {
    let kind = match (attribute.kind, &attribute.nested_attributes) {
        (Kind::U8, _) => "Kind::Number(1)".to_owned(),
        (Kind::U16, _) => "Kind::Number(2)".to_owned(),
        (Kind::U32, _) => "Kind::Number(4)".to_owned(),
        (Kind::U64, _) => "Kind::Number(8)".to_owned(),
        (Kind::String, _) => "Kind::Text".to_owned(),
        (Kind::Binary, _) => "Kind::Bytes".to_owned(),
        (Kind::Flag, _) => "Kind::Flag".to_owned(),
        (Kind::Nest, Some(set)) => format!("Kind::Nest({})", upper(set)),
        (Kind::Nest, None) => "Kind::Nest(&[])".to_owned(),
        (Kind::Pad, _) => "Kind::Pad".to_owned(),
    };
    let max_len = match &attribute.checks.max_len {
        None => None,
        Some(Value::Number(len)) => Some(*len),
        Some(Value::Text(name)) => match spec.constant(name) {
            Some(Value::Number(len)) => Some(*len),
            _ => None,
        },
    };
    line(
        out,
        &format!(
            "{indent}Field {{ name: \"{}\", number: {number}, kind: {kind}, min: {}, max_len: {max_len:?} }},",
            attribute.name,
            attribute.checks.min.unwrap_or(0),
        ),
    );
}
