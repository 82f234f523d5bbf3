// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask codegen`: what follows from the wire definition.
//!
//! `ipcon-kmod/ipcon.yaml` is the only place where commands, attributes, policies and limits are
//! written. From it come the C header for user space, the policies and the operation table of the
//! module, the constants of the module and of the library in Rust, and a table for the tests that
//! make requests of every shape. The results are checked in, so that neither build needs this
//! program; `--check` and a test tell when they lag behind.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, bail};

use crate::cache::Workspace;

mod c;
mod rust;
mod spec;
mod table;
mod text;
mod validate;

use spec::Spec;

/// Where the wire is defined, below the root of the checkout.
const SPEC: &str = "ipcon-kmod/ipcon.yaml";

/// The command that writes all generated files anew.
const COMMAND: &str = "cargo xtask codegen";

/// Options of `cargo xtask codegen`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Changes nothing; fails when a checked-in file differs from what would be generated.
    #[arg(long)]
    pub(crate) check: bool,
}

/// A generated file.
struct Output {
    /// Below the root of the checkout.
    path: &'static str,
    text: String,
}

/// Runs the command.
pub(crate) fn run(args: Args) -> anyhow::Result<()> {
    let workspace = Workspace::locate()?;
    let outputs = generate(workspace.root())?;
    if args.check {
        check(workspace.root(), &outputs)
    } else {
        write(workspace.root(), &outputs)
    }
}

fn generate(root: &Path) -> anyhow::Result<Vec<Output>> {
    let path = root.join(SPEC);
    let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    let spec = Spec::parse(&text).with_context(|| format!("in the wire definition {SPEC}"))?;
    Ok(outputs(&spec))
}

fn outputs(spec: &Spec) -> Vec<Output> {
    vec![
        Output {
            path: "ipcon-kmod/include/uapi/ipcon.h",
            text: c::uapi_header(spec),
        },
        Output {
            path: "ipcon-kmod/src/netlink-gen.h",
            text: c::kernel_header(spec),
        },
        Output {
            path: "ipcon-kmod/src/netlink-gen.c",
            text: c::kernel_source(spec),
        },
        Output {
            path: "ipcon-kmod/src/uapi.rs",
            text: rust::constants(spec, "GPL-2.0"),
        },
        Output {
            path: "libipcon/src/wire/uapi.rs",
            text: rust::constants(spec, "MIT OR Apache-2.0"),
        },
        Output {
            path: "vm-tests/src/fuzz/table.rs",
            text: table::table(spec),
        },
    ]
}

fn write(root: &Path, outputs: &[Output]) -> anyhow::Result<()> {
    for output in outputs {
        let path = root.join(output.path);
        // An unchanged file keeps its time stamp, so that make and cargo rebuild nothing.
        if fs::read_to_string(&path).is_ok_and(|old| old == output.text) {
            continue;
        }
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)
                .with_context(|| format!("making the folder {}", folder.display()))?;
        }
        fs::write(&path, &output.text).with_context(|| format!("writing {}", path.display()))?;
        println!("wrote {}", output.path);
    }
    Ok(())
}

fn check(root: &Path, outputs: &[Output]) -> anyhow::Result<()> {
    let mut stale = Vec::new();
    for output in outputs {
        match fs::read_to_string(root.join(output.path)) {
            Ok(old) if old == output.text => {}
            Ok(old) => {
                let line = 1 + old
                    .lines()
                    .zip(output.text.lines())
                    .take_while(|(a, b)| a == b)
                    .count();
                stale.push(format!(
                    "{}:{line} differs from what {SPEC} says",
                    output.path
                ));
            }
            Err(error) => stale.push(format!("{} cannot be read: {error}", output.path)),
        }
    }
    if !stale.is_empty() {
        bail!(
            "{}\nrun `{COMMAND}` and commit the result",
            stale.join("\n")
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn root() -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .unwrap()
            .to_path_buf()
    }

    #[test]
    fn the_checked_in_files_are_up_to_date() {
        check(&root(), &generate(&root()).unwrap()).unwrap();
    }

    #[test]
    fn check_names_the_file_the_line_and_the_remedy() {
        let dir = std::env::temp_dir().join(format!("ipcon-codegen-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join("one"), "a\nb\n").unwrap();
        let outputs = [
            Output {
                path: "one",
                text: "a\nc\n".into(),
            },
            Output {
                path: "two",
                text: String::new(),
            },
        ];

        let message = check(&dir, &outputs).unwrap_err().to_string();
        assert!(message.contains("one:2 differs"), "{message}");
        assert!(message.contains("two cannot be read"), "{message}");
        assert!(message.contains(COMMAND), "{message}");

        write(&dir, &outputs).unwrap();
        check(&dir, &outputs).unwrap();
        fs::remove_dir_all(&dir).unwrap();
    }
}
