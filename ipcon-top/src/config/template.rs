// SPDX-License-Identifier: MIT OR Apache-2.0
//! A configuration file that says what is so anyway, to begin from.

use std::fmt::Write;

use clap::ValueEnum;

use crate::args::Colour;
use crate::keymap::{BINDINGS, Key};
use crate::theme::Preset;
use crate::view;

/// Everything that can be configured with what it is without, each line behind a `#`.
#[must_use]
pub fn template() -> String {
    let mut out = String::from(
        "## Configuration of ipcon-top. What begins with one # is what is so anyway.\n\
         ## It is read from $XDG_CONFIG_HOME/ipcon-top/config.toml, or ~/.config/ipcon-top/config.toml.\n\
         ## The command line wins over it.\n",
    );
    let settings = [
        (
            "Time from one refresh to the next, 250ms to 60s.",
            "interval = \"1s\"".to_owned(),
        ),
        (
            "How far one can go back in time, 0s to 24h.",
            "history = \"10m\"".to_owned(),
        ),
        (
            "Warn of peers of whose messages one in a hundred waits longer than this, 1ms to 60s.",
            "latency_objective = \"100ms\"".to_owned(),
        ),
        (
            &*format!("Colours: {}.", values::<Preset>()),
            "theme = \"dark\"".to_owned(),
        ),
        (
            &*format!("When to use colour: {}.", values::<Colour>()),
            "color = \"auto\"".to_owned(),
        ),
        (
            "Draw with ASCII characters only.",
            "ascii = false".to_owned(),
        ),
        (
            "Whether the mouse does something from the start.",
            "mouse = false".to_owned(),
        ),
        ("The view to begin with.", "view = \"peers\"".to_owned()),
    ];
    for (help, setting) in settings {
        let _ = write!(out, "\n## {help}\n#{setting}\n");
    }
    for view in view::all().iter().filter(|view| !view.choices().is_empty()) {
        let name = view.name().to_lowercase();
        let all: Vec<String> = view.choices().into_iter().map(|it| it.key).collect();
        let _ = write!(out, "\n## Columns of {name}: {}.\n", all.join(", "));
        let _ = writeln!(out, "## Also: sort = \"a column\", reverse = true.");
        let _ = writeln!(out, "#[views.{name}]\n#columns = {}", list(&view.usual()));
        let _ = writeln!(out, "#filter = \"\"");
    }
    out.push_str("\n## Keys of each action. [] takes all away.\n#[keys]\n");
    for binding in BINDINGS {
        let keys: Vec<String> = binding.keys.iter().map(|key| Key::written(*key)).collect();
        let name = binding.action.name();
        let _ = writeln!(out, "## {}\n#{name} = {}", binding.help, list(&keys));
    }
    out
}

fn list(items: &[String]) -> String {
    let items: Vec<String> = items.iter().map(|item| format!("\"{item}\"")).collect();
    format!("[{}]", items.join(", "))
}

/// The values that there are to choose from.
fn values<T: ValueEnum>() -> String {
    let all = T::value_variants()
        .iter()
        .filter_map(ValueEnum::to_possible_value);
    all.map(|it| it.get_name().to_owned())
        .collect::<Vec<_>>()
        .join(", ")
}
