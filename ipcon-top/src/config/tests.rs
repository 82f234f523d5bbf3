// SPDX-License-Identifier: MIT OR Apache-2.0
//! What configuration files mean, and what is said about those that are wrong.

use std::time::Duration;

use ipcon_observe::linter::Objectives;

use super::*;
use crate::app::App;
use crate::keymap::{Action, BINDINGS, Keymap};

#[test]
fn a_file_is_read() {
    let text = "
        interval = \"2s\"
        theme = \"light\"
        color = \"never\"
        history = \"1h\"
        mouse = true
        view = \"groups\"
        [views.peers]
        columns = [\"name\", \"sent_messages/s\", \"uid\"]
        sort = \"uid\"
        reverse = true
        filter = \"drops>0\"
        [keys]
        quit = [\"x\", \"ctrl-c\"]
        down = [\"q\"]
        pause = []
    ";
    let config = Config::parse(text).unwrap();
    assert_eq!(config.interval, Some(Duration::from_secs(2)));
    assert_eq!(config.theme, Some(Preset::Light));
    assert_eq!(config.color, Some(Colour::Never));
    assert_eq!((config.ascii, config.setup.mouse), (None, true));
    assert_eq!(config.setup.history, Duration::from_secs(3600));
    assert_eq!(config.setup.keymap.shown(Action::Quit), "x ^C");
    assert_eq!(config.setup.keymap.shown(Action::Down), "q");
    assert_eq!(config.setup.keymap.shown(Action::Pause), "");
    let app = App::new(std::sync::Arc::default(), Duration::from_secs(1), (80, 24));
    let app = app.set_up(&config.setup).unwrap();
    assert_eq!(app.view().name(), "Groups");
    let peers = &app.views()[0];
    let shown = peers.choices().into_iter().filter(|choice| choice.shown);
    let shown: Vec<String> = shown.map(|choice| choice.key).collect();
    assert_eq!(shown, ["name", "sent_messages/s", "uid"]);
    assert_eq!(peers.sorted_by(), ("UID", true));
    assert_eq!(Config::parse(""), Ok(Config::default()));
}

#[test]
fn the_usual_order_can_be_turned_round_too() {
    let order = |text: &str| {
        let setup = Config::parse(text).unwrap().setup;
        let app = App::new(std::sync::Arc::default(), Duration::from_secs(1), (80, 24));
        let app = app.set_up(&setup).unwrap();
        let (by, reverse) = app.views()[0].sorted_by();
        (by.to_owned(), reverse)
    };
    let (usual, reverse) = order("");
    assert!(!reverse);
    assert_eq!(order("[views.peers]\nreverse = true"), (usual, true));
}

#[test]
fn what_is_wrong_is_said_with_its_line() {
    let cases = [
        ("a = ", 1, ""),
        (
            "\nintervall = \"1s\"",
            2,
            "no setting `intervall`; is it `interval`?",
        ),
        ("interval = \"1h\"", 1, "must be from 250ms to 60s"),
        ("interval = 1", 1, "must be a text in quotes"),
        ("latency_objective = \"0s\"", 1, "must be from 1ms to 60s"),
        ("ascii = \"yes\"", 1, "must be true or false"),
        ("theme = \"drak\"", 1, "no value `drak`; is it `dark`?"),
        ("color = \"x\"", 1, "there are auto, always, never"),
        ("view = \"pears\"", 1, "no view `pears`; is it `peers`?"),
        ("[views.pears]", 1, "is it `peers`?"),
        ("views = 1", 1, "must be a section"),
        ("[views.peers]\ncolumn = []", 2, "is it `columns`?"),
        (
            "[views.peers]\ncolumns = [\n\"name\",\n\"udi\"]",
            4,
            "is it `uid`?",
        ),
        ("[views.peers]\nsort = \"pidd\"", 2, "is it `pid`?"),
        ("[views.peers]\nfilter = \"dorps>5\"", 2, "is it drops?"),
        (
            "[keys]\nqiut = [\"q\"]",
            2,
            "no action `qiut`; is it `quit`?",
        ),
        ("[keys]\nquit = [\"qq\"]", 2, "`qq` is no key"),
        ("[keys]\nquit = \"q\"", 2, "must be a list"),
        (
            "[keys]\ndown = [\"x\"]\nquit = [\"x\"]",
            3,
            "`x` would mean both down and quit",
        ),
        (
            "[keys]\ndown = [\"q\"]",
            2,
            "`q` would mean both down and quit",
        ),
    ];
    for (text, line, message) in cases {
        let problem = Config::parse(text).unwrap_err();
        assert_eq!(problem.line, line, "{text}: {problem:?}");
        assert!(problem.message.contains(message), "{text}: {problem:?}");
    }
}

#[test]
fn the_template_says_what_is_so_anyway() {
    let template = template();
    let config = Config::parse(&template).unwrap();
    assert_eq!(config, Config::default(), "all of it is behind a #");
    let live = template.lines().filter(|line| !line.starts_with("##"));
    let live: Vec<&str> = live
        .map(|line| line.strip_prefix('#').unwrap_or(line))
        .collect();
    let config = Config::parse(&live.join("\n")).unwrap();
    assert_eq!(config.interval, Some(Duration::from_secs(1)));
    assert_eq!(config.theme, Some(Preset::default()));
    assert_eq!(config.color, Some(Colour::default()));
    assert_eq!(config.setup.history, crate::history::SPAN_DEFAULT);
    assert_eq!(config.setup.objectives, Objectives::default());
    assert_eq!(config.setup.keymap, Keymap::default());
    for view in &config.setup.views {
        assert_eq!(view.filter.as_deref(), Some(""));
    }
    for binding in BINDINGS {
        let line = format!("\n#{} = ", binding.action.name());
        assert!(template.contains(&line), "{line}");
    }
}

#[test]
fn the_file_is_where_it_is_looked_for() {
    let with = |pairs: &'static [(&str, &str)]| {
        own(move |name| {
            let found = pairs.iter().find(|(it, _)| *it == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    };
    let file = |path: &str| Some(PathBuf::from(path));
    let both = with(&[("XDG_CONFIG_HOME", "/etc/x"), ("HOME", "/nowhere")]);
    assert_eq!(both, file("/etc/x/ipcon-top/config.toml"));
    let home = with(&[("XDG_CONFIG_HOME", ""), ("HOME", "/nowhere")]);
    assert_eq!(home, file("/nowhere/.config/ipcon-top/config.toml"));
    assert_eq!(with(&[]), None);
    let missing = Config::load(Some(Path::new("/nowhere/at/all.toml")), |_| None);
    assert!(
        missing
            .unwrap_err()
            .to_string()
            .contains("/nowhere/at/all.toml")
    );
    assert_eq!(Config::load(None, |_| None).unwrap(), Config::default());
    // A home that is none, or in which nothing can be looked for.
    for home in ["/nowhere", "/dev/null"] {
        let none = Config::load(None, |_| Some(home.to_owned()));
        assert_eq!(none.unwrap(), Config::default(), "{home}");
    }
}

/// A folder with the user's own configuration, made by `make`.
fn with_own_file(name: &str, make: impl FnOnce(&Path)) -> anyhow::Result<Config> {
    let home = std::env::temp_dir().join(format!("ipcon-top-config-{name}-{}", std::process::id()));
    std::fs::create_dir_all(home.join("ipcon-top")).unwrap();
    make(&home.join("ipcon-top/config.toml"));
    let found = Config::load(None, |variable| {
        (variable == "XDG_CONFIG_HOME").then(|| home.display().to_string())
    });
    std::fs::remove_dir_all(&home).unwrap();
    found
}

#[test]
fn a_pipe_in_the_place_of_the_own_file_is_told_and_not_waited_for() {
    let found = with_own_file("pipe", |path| {
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    });
    let error = format!("{:#}", found.unwrap_err());
    assert!(
        error.contains("config.toml: it is no regular file"),
        "{error}"
    );
}

#[test]
fn a_link_of_ones_own_that_leads_nowhere_is_told() {
    let found = with_own_file("link", |path| {
        std::os::unix::fs::symlink("/nowhere/at/all", path).unwrap();
    });
    let error = format!("{:#}", found.unwrap_err());
    assert!(error.contains("config.toml: No such file"), "{error}");
}

#[test]
fn what_never_ends_is_no_configuration() {
    let error = Config::load(Some(Path::new("/dev/zero")), |_| None).unwrap_err();
    let error = format!("{error:#}");
    assert!(
        error.contains("/dev/zero") && error.contains("longer than"),
        "{error}"
    );
}

#[test]
fn what_a_file_names_does_not_control_the_terminal() {
    let problem = Config::parse("\"\\u001b[2J\" = 1\n").unwrap_err();
    let shown = display_name(problem.message.as_bytes());
    assert!(shown.contains("`\\u{1b}[2J`"), "{shown}");
}
