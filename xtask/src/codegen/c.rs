// SPDX-License-Identifier: MIT OR Apache-2.0
//! C in the kernel's style: the header for user space, the policies and the operation table.

use super::spec::{
    Attribute, AttributeSet, Attributes, Definition, Entry, Kind, Operation, Spec, Value,
    numbered_entries,
};
use super::text::{line, lower, upper, wrap};
use super::{COMMAND, SPEC};

/// Licence of the header for user space, as of every header under the kernel's `include/uapi`.
const UAPI_LICENCE: &str = "((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause)";

/// `uapi/ipcon.h`: what a C program needs to talk to the family.
pub(super) fn uapi_header(spec: &Spec) -> String {
    let family = upper(&spec.name);
    let mut out = header_comment(UAPI_LICENCE);
    line(&mut out, &format!("#ifndef _UAPI_LINUX_{family}_H"));
    line(&mut out, &format!("#define _UAPI_LINUX_{family}_H\n"));
    line(
        &mut out,
        &format!("#define {family}_FAMILY_NAME\t\"{}\"", spec.name),
    );
    line(&mut out, &format!("#define {family}_FAMILY_VERSION\t1\n"));

    let constants = spec
        .definitions
        .iter()
        .filter_map(|definition| match definition {
            Definition::Const { name, value, doc } => Some((name, value, doc)),
            Definition::Enum { .. } => None,
        });
    for (name, value, doc) in constants {
        if let Some(doc) = doc {
            comment(&mut out, doc);
        }
        let value = match value {
            Value::Number(number) => number.to_string(),
            Value::Text(text) => format!("\"{text}\""),
        };
        line(
            &mut out,
            &format!("#define {family}_{}\t{value}\n", upper(name)),
        );
    }
    for definition in &spec.definitions {
        if let Definition::Enum {
            name,
            doc,
            name_prefix,
            entries,
        } = definition
        {
            let name = format!("{}-{name}", spec.name);
            let prefix = name_prefix.clone().unwrap_or_else(|| format!("{name}-"));
            value_enum(&mut out, &name, &prefix, doc.as_deref(), entries);
        }
    }
    for set in &spec.attribute_sets {
        let prefix = format!("{family}_A_{}", upper(&set.name));
        counted_enum(
            &mut out,
            &prefix,
            set.attributes.iter().map(|a| a.name.as_str()),
        );
    }
    let prefix = format!("{family}_CMD");
    counted_enum(
        &mut out,
        &prefix,
        spec.operations.list.iter().map(|o| o.name.as_str()),
    );
    line(&mut out, &format!("#endif /* _UAPI_LINUX_{family}_H */"));
    out
}

/// `netlink-gen.h`: prototypes of the handlers and the operation table.
pub(super) fn kernel_header(spec: &Spec) -> String {
    let guard = format!("_{}_NETLINK_GEN_H", upper(&spec.name));
    let mut out = header_comment("GPL-2.0");
    line(&mut out, &format!("#ifndef {guard}\n#define {guard}\n"));
    line(
        &mut out,
        "#include <net/genetlink.h>\n#include <net/netlink.h>\n",
    );
    line(
        &mut out,
        &format!("#include \"../include/uapi/{}.h\"\n", spec.name),
    );
    for call in calls(spec) {
        let argument = if call.dump {
            "struct netlink_callback *cb"
        } else {
            "struct genl_info *info"
        };
        let start = format!("int {}(struct sk_buff *skb,", call.handler(spec));
        let whole = format!("{start} {argument});");
        if whole.len() <= 80 {
            line(&mut out, &whole);
        } else {
            let column = start.find('(').unwrap_or(0) + 1;
            let indent = "\t".repeat(column / 8) + &" ".repeat(column % 8);
            line(&mut out, &format!("{start}\n{indent}{argument});"));
        }
    }
    let name = lower(&spec.name);
    line(
        &mut out,
        &format!(
            "\nextern const struct genl_split_ops {name}_nl_ops[{}];",
            calls(spec).count()
        ),
    );
    line(&mut out, &format!("\n#endif /* {guard} */"));
    out
}

/// `netlink-gen.c`: one policy per request and the operation table.
pub(super) fn kernel_source(spec: &Spec) -> String {
    // The kernel wants the licence of a .c file as a line comment and that of a header as a block.
    let mut out = format!(
        "// SPDX-License-Identifier: GPL-2.0\n{}",
        generated_comment()
    );
    line(&mut out, "#include \"netlink-gen.h\"\n");
    for call in calls(spec) {
        policy(&mut out, spec, &call);
    }

    line(
        &mut out,
        "/* In the order of the command numbers, as generic netlink wants it. */",
    );
    let name = lower(&spec.name);
    line(
        &mut out,
        &format!(
            "const struct genl_split_ops {name}_nl_ops[{}] = {{",
            calls(spec).count()
        ),
    );
    for call in calls(spec) {
        let (member, flag) = if call.dump {
            ("dumpit", "DUMP")
        } else {
            ("doit", "DO")
        };
        line(&mut out, "\t{");
        line(
            &mut out,
            &format!(
                "\t\t.cmd = {}_CMD_{},",
                upper(&name),
                upper(&call.operation.name)
            ),
        );
        line(
            &mut out,
            &format!("\t\t.{member} = {},", call.handler(spec)),
        );
        if let Some(last) = call.last_attribute() {
            line(
                &mut out,
                &format!("\t\t.policy = {},", call.policy_name(spec)),
            );
            line(
                &mut out,
                &format!("\t\t.maxattr = {},", attribute_name(spec, call.set, last)),
            );
        }
        line(&mut out, &format!("\t\t.flags = GENL_CMD_CAP_{flag},"));
        line(&mut out, "\t},");
    }
    line(&mut out, "};");
    out
}

/// One entry of the operation table.
struct Call<'a> {
    operation: &'a Operation,
    set: &'a AttributeSet,
    request: &'a Attributes,
    dump: bool,
}

/// The entries of the operation table; an event has none.
fn calls(spec: &Spec) -> impl Iterator<Item = Call<'_>> {
    spec.operations.list.iter().flat_map(|operation| {
        let set = spec.attribute_set(&operation.attribute_set);
        [(&operation.single, false), (&operation.dump, true)]
            .into_iter()
            .filter_map(move |(exchange, dump)| {
                Some(Call {
                    operation,
                    set: set?,
                    request: &exchange.as_ref()?.request,
                    dump,
                })
            })
    })
}

impl Call<'_> {
    fn handler(&self, spec: &Spec) -> String {
        let kind = if self.dump { "dumpit" } else { "doit" };
        format!(
            "{}_nl_{}_{kind}",
            lower(&spec.name),
            lower(&self.operation.name)
        )
    }

    fn policy_name(&self, spec: &Spec) -> String {
        let both = [&self.operation.single, &self.operation.dump]
            .into_iter()
            .all(|exchange| {
                exchange
                    .as_ref()
                    .is_some_and(|exchange| !exchange.request.attributes.is_empty())
            });
        let mode = match (both, self.dump) {
            (false, _) => "",
            (true, false) => "_do",
            (true, true) => "_dump",
        };
        format!(
            "{}_{}{mode}_nl_policy",
            lower(&spec.name),
            lower(&self.operation.name)
        )
    }

    /// The attributes of the request, by number.
    fn attributes(&self) -> impl Iterator<Item = &Attribute> {
        self.set
            .attributes
            .iter()
            .filter(|a| self.request.attributes.contains(&a.name))
    }

    fn last_attribute(&self) -> Option<&Attribute> {
        self.attributes().last()
    }
}

fn policy(out: &mut String, spec: &Spec, call: &Call<'_>) {
    let Some(last) = call.last_attribute() else {
        return;
    };
    let mode = if call.dump { "dump" } else { "do" };
    line(
        out,
        &format!(
            "/* {}_CMD_{} - {mode} */",
            upper(&spec.name),
            upper(&call.operation.name)
        ),
    );
    line(
        out,
        &format!(
            "static const struct nla_policy {}[{} + 1] = {{",
            call.policy_name(spec),
            attribute_name(spec, call.set, last)
        ),
    );
    for attribute in call.attributes() {
        let name = attribute_name(spec, call.set, attribute);
        line(out, &format!("\t[{name}] = {},", rule(spec, attribute)));
    }
    line(out, "};\n");
}

/// The policy of one attribute.
fn rule(spec: &Spec, attribute: &Attribute) -> String {
    let kind = match attribute.kind {
        Kind::U8 => "NLA_U8",
        Kind::U16 => "NLA_U16",
        Kind::U32 => "NLA_U32",
        Kind::U64 => "NLA_U64",
        Kind::String => "NLA_NUL_STRING",
        Kind::Binary => "NLA_BINARY",
        Kind::Flag => "NLA_FLAG",
        Kind::Nest => "NLA_NESTED",
        Kind::Pad => "NLA_REJECT",
    };
    match (&attribute.checks.min, &attribute.checks.max_len) {
        (Some(min), _) => format!("NLA_POLICY_MIN({kind}, {min})"),
        (None, Some(Value::Number(len))) => format!("{{ .type = {kind}, .len = {len}, }}"),
        (None, Some(Value::Text(name))) => {
            format!(
                "{{ .type = {kind}, .len = {}_{}, }}",
                upper(&spec.name),
                upper(name)
            )
        }
        (None, None) => format!("{{ .type = {kind}, }}"),
    }
}

/// An enumeration whose values mean something, with its documentation.
fn value_enum(out: &mut String, name: &str, prefix: &str, doc: Option<&str>, entries: &[Entry]) {
    let prefix = upper(prefix);
    if entries.iter().any(|entry| entry.doc.is_some()) {
        line(
            out,
            &format!("/**\n * enum {} - {}", lower(name), doc.unwrap_or_default()),
        );
        for Entry {
            name: entry, doc, ..
        } in entries
        {
            let doc = doc.as_deref().unwrap_or_default();
            line(out, &format!(" * @{prefix}{}: {doc}", upper(entry)));
        }
        line(out, " */");
    } else if let Some(doc) = doc {
        comment(out, doc);
    }
    line(out, &format!("enum {} {{", lower(name)));
    let mut next = 0;
    for (index, (value, entry)) in numbered_entries(entries).enumerate() {
        let assignment = if value == next {
            String::new()
        } else {
            format!(" = {value}")
        };
        // No comma after the last, which C90 and C++98 do not know.
        let comma = if index + 1 == entries.len() { "" } else { "," };
        line(
            out,
            &format!("\t{prefix}{}{assignment}{comma}", upper(&entry.name)),
        );
        next = value + 1;
    }
    line(out, "};\n");
}

/// Numbers from 1 with the largest of them, as netlink enumerations have it.
fn counted_enum<'a>(out: &mut String, prefix: &str, names: impl Iterator<Item = &'a str>) {
    line(out, "enum {");
    for (index, name) in names.enumerate() {
        let assignment = if index == 0 { " = 1" } else { "" };
        line(out, &format!("\t{prefix}_{}{assignment},", upper(name)));
    }
    line(
        out,
        &format!("\n\t__{prefix}_MAX,\n\t{prefix}_MAX = (__{prefix}_MAX - 1)\n}};\n"),
    );
}

fn attribute_name(spec: &Spec, set: &AttributeSet, attribute: &Attribute) -> String {
    format!(
        "{}_A_{}_{}",
        upper(&spec.name),
        upper(&set.name),
        upper(&attribute.name)
    )
}

fn header_comment(licence: &str) -> String {
    format!(
        "/* SPDX-License-Identifier: {licence} */\n{}",
        generated_comment()
    )
}

fn generated_comment() -> String {
    format!("/* Generated from {SPEC}; do not edit: run `{COMMAND}`. */\n\n")
}

/// A comment, wrapped at 80 columns.
fn comment(out: &mut String, text: &str) {
    let lines = wrap(text, 77);
    if let [only] = lines.as_slice()
        && only.len() <= 74
    {
        line(out, &format!("/* {only} */"));
        return;
    }
    line(out, "/*");
    for text in lines {
        line(out, &format!(" * {text}"));
    }
    line(out, " */");
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What ipcon.yaml has none of yet: a dump with a request, plain numbers as limits, other types.
    const SAMPLE: &str = "\
name: two-words
protocol: genetlink
doc: A family.
attribute-sets:
  - name: a-set
    attributes:
      - {name: eight, type: u8}
      - {name: pad, type: pad}
      - {name: text, type: string, checks: {max-len: 9}}
      - {name: more, type: nest, nested-attributes: a-set}
operations:
  list:
    - name: news
      attribute-set: a-set
      event: {attributes: [text]}
    - name: get-it
      attribute-set: a-set
      do: {request: {attributes: [text, eight]}}
      dump: {request: {attributes: [more]}}
";

    #[test]
    fn do_and_dump_have_policies_and_numbers_of_their_own() {
        let spec = Spec::parse(SAMPLE).unwrap_or_else(|error| panic!("{error:#}"));
        let source = kernel_source(&spec);
        let (_, tables) = source.split_once("netlink-gen.h\"\n").unwrap_or_default();
        assert_eq!(
            tables,
            "
/* TWO_WORDS_CMD_GET_IT - do */
static const struct nla_policy two_words_get_it_do_nl_policy[TWO_WORDS_A_A_SET_TEXT + 1] = {
\t[TWO_WORDS_A_A_SET_EIGHT] = { .type = NLA_U8, },
\t[TWO_WORDS_A_A_SET_TEXT] = { .type = NLA_NUL_STRING, .len = 9, },
};

/* TWO_WORDS_CMD_GET_IT - dump */
static const struct nla_policy two_words_get_it_dump_nl_policy[TWO_WORDS_A_A_SET_MORE + 1] = {
\t[TWO_WORDS_A_A_SET_MORE] = { .type = NLA_NESTED, },
};

/* In the order of the command numbers, as generic netlink wants it. */
const struct genl_split_ops two_words_nl_ops[2] = {
\t{
\t\t.cmd = TWO_WORDS_CMD_GET_IT,
\t\t.doit = two_words_nl_get_it_doit,
\t\t.policy = two_words_get_it_do_nl_policy,
\t\t.maxattr = TWO_WORDS_A_A_SET_TEXT,
\t\t.flags = GENL_CMD_CAP_DO,
\t},
\t{
\t\t.cmd = TWO_WORDS_CMD_GET_IT,
\t\t.dumpit = two_words_nl_get_it_dumpit,
\t\t.policy = two_words_get_it_dump_nl_policy,
\t\t.maxattr = TWO_WORDS_A_A_SET_MORE,
\t\t.flags = GENL_CMD_CAP_DUMP,
\t},
};
"
        );
        let header = uapi_header(&spec);
        assert!(
            header.contains("\tTWO_WORDS_CMD_NEWS = 1,\n\tTWO_WORDS_CMD_GET_IT,\n"),
            "{header}"
        );
    }
}
