// SPDX-License-Identifier: MIT OR Apache-2.0
//! The constants of the wire in Rust, for the module and for the library.
//!
//! The text compiles without `std` as edition 2021 with rustc 1.85, which is what builds the module.

use super::spec::{Definition, Spec, Value, numbered_entries};
use super::text::{line, lower, upper, wrap};
use super::{COMMAND, SPEC};

/// Width of a line of the result.
const WIDTH: usize = 100;

/// All constants of the wire, each with its documentation.
pub(super) fn constants(spec: &Spec, licence: &str) -> String {
    let mut out = format!(
        "// SPDX-License-Identifier: {licence}\n\
         // Generated from {SPEC}; do not edit: run `{COMMAND}`.\n"
    );
    doc(&mut out, "//!", "Numbers and limits of the wire.");
    line(&mut out, "//!");
    doc(&mut out, "//!", &spec.doc);
    line(
        &mut out,
        "\n// Each side of the wire uses only some of them.\n#![allow(dead_code)]\n",
    );

    line(&mut out, "/// Name of the generic netlink family.");
    line(
        &mut out,
        &format!("pub(crate) const FAMILY_NAME: &str = \"{}\";", spec.name),
    );
    line(&mut out, "/// Version of the generic netlink family.");
    line(&mut out, "pub(crate) const FAMILY_VERSION: u8 = 1;");

    for definition in &spec.definitions {
        if let Definition::Const { name, value, doc } = definition {
            documented(&mut out, "", doc.as_deref());
            let (kind, value) = match value {
                Value::Number(number) => ("usize", grouped(*number)),
                Value::Text(text) => ("&str", format!("\"{text}\"")),
            };
            line(
                &mut out,
                &format!("pub(crate) const {}: {kind} = {value};", upper(name)),
            );
        }
    }
    for definition in &spec.definitions {
        if let Definition::Enum {
            name, doc, entries, ..
        } = definition
        {
            open_module(&mut out, "", doc.as_deref(), name);
            for (value, entry) in numbered_entries(entries) {
                let value = usize::try_from(value).unwrap_or(usize::MAX);
                constant(
                    &mut out,
                    "    ",
                    entry.doc.as_deref(),
                    &entry.name,
                    "u32",
                    value,
                );
            }
            line(&mut out, "}");
        }
    }

    open_module(&mut out, "", Some("Commands."), "cmd");
    for (number, operation) in spec.operations.numbered() {
        constant(
            &mut out,
            "    ",
            operation.doc.as_deref(),
            &operation.name,
            "u8",
            number,
        );
    }
    line(&mut out, "}");

    open_module(&mut out, "", Some("Attributes, by set."), "attr");
    for (index, set) in spec.attribute_sets.iter().enumerate() {
        if index > 0 {
            out.push('\n');
        }
        let fallback = format!("Attributes of the set `{}`.", set.name);
        open_inner_module(&mut out, set.doc.as_deref().unwrap_or(&fallback), &set.name);
        for (number, attribute) in set.numbered() {
            constant(
                &mut out,
                "        ",
                attribute.doc.as_deref(),
                &attribute.name,
                "u16",
                number,
            );
        }
        line(&mut out, "    }");
    }
    line(&mut out, "}");
    out
}

fn open_module(out: &mut String, indent: &str, text: Option<&str>, name: &str) {
    out.push('\n');
    documented(out, indent, text);
    line(out, &format!("{indent}pub(crate) mod {} {{", lower(name)));
}

fn open_inner_module(out: &mut String, text: &str, name: &str) {
    documented(out, "    ", Some(text));
    line(out, &format!("    pub(crate) mod {} {{", lower(name)));
}

fn constant(
    out: &mut String,
    indent: &str,
    text: Option<&str>,
    name: &str,
    kind: &str,
    value: usize,
) {
    documented(out, indent, text);
    line(
        out,
        &format!(
            "{indent}pub(crate) const {}: {kind} = {value};",
            upper(name)
        ),
    );
}

fn documented(out: &mut String, indent: &str, text: Option<&str>) {
    if let Some(text) = text {
        doc(out, &format!("{indent}///"), text);
    }
}

fn doc(out: &mut String, prefix: &str, text: &str) {
    for (index, paragraph) in text
        .split('\n')
        .filter(|p| !p.trim().is_empty())
        .enumerate()
    {
        if index > 0 {
            line(out, prefix);
        }
        for text in wrap(paragraph, WIDTH - prefix.len() - 1) {
            line(out, &format!("{prefix} {text}"));
        }
    }
}

/// 65000 as `65_000`.
fn grouped(number: u32) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push('_');
        }
        out.push(digit);
    }
    out
}
