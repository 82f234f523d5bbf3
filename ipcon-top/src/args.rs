// SPDX-License-Identifier: MIT OR Apache-2.0
//! The command line.

use std::ffi::OsString;
use std::time::Duration;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};

use crate::batch::{Batch, Fields};
use crate::judging::Judging;
use crate::look::Look;
use crate::manual::{Completions, Man};
use crate::recording::{From, Record, Replay};

/// Refresh interval unless another is asked for.
pub const INTERVAL_DEFAULT: Duration = Duration::from_secs(1);
/// Shortest refresh interval that is accepted.
pub const INTERVAL_MIN: Duration = Duration::from_millis(250);
/// Longest refresh interval that is accepted.
pub const INTERVAL_MAX: Duration = Duration::from_secs(60);

/// Shortest time that messages may be wanted to wait at most.
pub const OBJECTIVE_MIN: Duration = Duration::from_millis(1);
/// Longest such time.
pub const OBJECTIVE_MAX: Duration = Duration::from_secs(60);

/// Longest time that one can go back.
pub const HISTORY_MAX: Duration = Duration::from_secs(24 * 3600);

/// Watches an ipcon bus: peers, groups, events, their rates, and what is lost; and the channels of coroipc, with or
/// without a bus.
///
/// Without a command the live dashboard starts; `?` in it shows all keys. Options that the dashboard has may stand before
/// another command that has them.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// What to do; the dashboard when absent.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Options of the dashboard.
    #[command(flatten)]
    pub live: Live,
}

impl Cli {
    /// Reads a command line, the name of the program first.
    ///
    /// # Errors
    ///
    /// It is wrong, or asks for help or the version.
    pub fn read(words: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        Self::try_parse_from(command_first(words.into_iter().collect()))
    }
}

/// The same words with the command before the options that stand before it. To the parser those would be the dashboard's own,
/// and to go with no command.
fn command_first(mut words: Vec<OsString>) -> Vec<OsString> {
    let cli = Cli::command();
    let mut at = 1;
    while let Some(word) = words.get(at).and_then(|word| word.to_str()) {
        let Some(option) = word.strip_prefix("--") else {
            if !word.starts_with('-') {
                words[1..=at].rotate_right(1);
            }
            break;
        };
        let (name, has_value) = match option.split_once('=') {
            Some((name, _)) => (name, true),
            None => (option, false),
        };
        let mut known = cli.get_arguments();
        let Some(argument) = known.find(|it| it.get_long() == Some(name)) else {
            break;
        };
        let takes_next =
            argument.get_action().takes_values() && !argument.is_require_equals_set() && !has_value;
        at += if takes_next { 2 } else { 1 };
    }
    words
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// The dashboard (the default)
    Live(Live),
    /// Measure once and print a report
    ///
    /// Reads the bus twice, one interval apart, and prints totals and rates. Exit code 0: printed; 1: neither
    /// the bus nor channels can be read, or the configuration or the filter is wrong.
    Once(Once),
    /// Print a configuration file that says what is so anyway, to begin from
    GenConfig,
    /// Print rows for other programs, once an interval or from a recording
    Batch(Batch),
    /// Tell what fields rows have
    Fields(Fields),
    /// Record to a file
    Record(Record),
    /// The dashboard on a recording
    Replay(Replay),
    /// Print the completions of a shell
    Completions(Completions),
    /// Print the manual page
    Man(Man),
    /// Tell what can be seen, what not, why, and what would change that
    ///
    /// Looks at the privileges of this program and at the kernel, opens nothing that others notice, and prints what each
    /// source and each probe will deliver. Exit code 0: everything can be seen; 3: not all of it; 1: nothing of the bus,
    /// nor connections of coroipc; 2: the command line is wrong. With --try it is what was seen that counts. Sources that
    /// are left out do not count.
    Doctor(Doctor),
}

/// Options of the dashboard.
#[derive(Debug, Clone, Args)]
pub struct Live {
    /// Time from one refresh to the next, 250ms to 60s [default: 1s]
    #[arg(long, value_name = "TIME", value_parser = interval)]
    pub interval: Option<Duration>,
    /// How far one can go back in time, 0s to 24h; a large bus may leave memory for less [default: 10m]
    #[arg(long, value_name = "TIME", value_parser = history)]
    pub history: Option<Duration>,
    /// How it looks.
    #[command(flatten)]
    pub look: Look,
    /// Where the numbers come from.
    #[command(flatten)]
    pub sources: Sources,
}

/// Which sources to use beside the dumps of the module. By default whatever may be used.
#[derive(Debug, Clone, Copy, Args)]
pub struct Sources {
    /// Do not attach eBPF probes
    #[arg(long)]
    pub no_probes: bool,
    /// Do not listen to kevents, and so do not become a peer of the bus
    #[arg(long)]
    pub no_kevents: bool,
    /// Do not look for connections of coroipc
    #[arg(long)]
    pub no_channels: bool,
    /// Do not measure how long messages wait: for that, the probes look at each datagram that anybody on this machine reads
    #[arg(long)]
    pub no_latency: bool,
    /// Keep all capabilities, so that probes can be attached again; by default those that are not needed any more are
    /// given up
    #[arg(long)]
    pub keep_capabilities: bool,
}

impl Sources {
    /// What to use beside the dumps.
    #[must_use]
    pub fn options(self) -> ipcon_observe::Options {
        ipcon_observe::Options {
            probes: !self.no_probes,
            kevents: !self.no_kevents,
            channels: !self.no_channels,
            latency: !self.no_latency,
        }
    }
}

/// Options of the report.
#[derive(Debug, Clone, Args)]
pub struct Once {
    /// How to print it
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// Time between the two readings that the rates are made of, 250ms to 60s
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = interval)]
    pub interval: Duration,
    /// Only rows that this filter lets pass, as the dashboard has it; rows without what it asks about do not
    #[arg(long, value_name = "FILTER")]
    pub filter: Option<String>,
    /// A recording to report of instead of what is there now.
    #[command(flatten)]
    pub recording: From,
    /// By what is judged what is wrong.
    #[command(flatten)]
    pub judging: Judging,
    /// Where the numbers come from.
    #[command(flatten)]
    pub sources: Sources,
}

/// Options of the examination.
#[derive(Debug, Clone, Args)]
pub struct Doctor {
    /// How to print it
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// Open the sources and attach the probes as well, tell how that went, and close them again
    #[arg(long = "try")]
    pub attempt: bool,
    /// What to examine.
    #[command(flatten)]
    pub sources: Sources,
}

/// When to use colour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Colour {
    /// Unless NO_COLOR is set or TERM is `dumb`
    #[default]
    Auto,
    /// Even with NO_COLOR
    Always,
    /// No colour at all; states show as symbols
    Never,
}

/// How to print the report.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Tables for people
    #[default]
    Text,
    /// One JSON object with a `schema_version`
    Json,
}

impl Colour {
    /// Whether to use colour, given the environment.
    #[must_use]
    pub fn resolve(self, no_color: Option<&str>, term: Option<&str>) -> bool {
        match self {
            Colour::Always => true,
            Colour::Never => false,
            Colour::Auto => no_color.is_none_or(str::is_empty) && term != Some("dumb"),
        }
    }
}

/// Whether the locale of the environment can show more than ASCII: the first of `LC_ALL`, `LC_CTYPE` and
/// `LANG` that is set and not empty decides, as in the C library. With none of them set (a container, a
/// bare VM) nothing is known about the terminal, and today's terminals are UTF-8.
#[must_use]
pub fn locale_is_utf8(variable: impl Fn(&str) -> Option<String>) -> bool {
    ["LC_ALL", "LC_CTYPE", "LANG"]
        .iter()
        .find_map(|name| variable(name).filter(|value| !value.is_empty()))
        .is_none_or(|value| {
            let value = value.to_ascii_lowercase();
            value.contains("utf-8") || value.contains("utf8")
        })
}

/// Reads `250ms`, `1s`, `1.5s`, `1m`, or a bare number of seconds.
///
/// # Errors
///
/// A text that is no time, or one outside [`INTERVAL_MIN`] to [`INTERVAL_MAX`].
pub fn interval(text: &str) -> Result<Duration, String> {
    let span = span(text)?;
    if (INTERVAL_MIN..=INTERVAL_MAX).contains(&span) {
        Ok(span)
    } else {
        Err("must be from 250ms to 60s".to_owned())
    }
}

/// Reads how far one can go back: `0s`, `10m`, `2h`, or a bare number of seconds.
///
/// # Errors
///
/// A text that is no time, or more than [`HISTORY_MAX`].
pub fn history(text: &str) -> Result<Duration, String> {
    let span = span(text)?;
    if span <= HISTORY_MAX {
        Ok(span)
    } else {
        Err("must be from 0s to 24h".to_owned())
    }
}

/// Reads how long a message may wait: `5ms`, `1.5s`, or a bare number of seconds.
///
/// # Errors
///
/// A text that is no time, or one outside 1ms to 60s.
pub fn objective(text: &str) -> Result<Duration, String> {
    let span = span(text)?;
    if (OBJECTIVE_MIN..=OBJECTIVE_MAX).contains(&span) {
        Ok(span)
    } else {
        Err("must be from 1ms to 60s".to_owned())
    }
}

fn span(text: &str) -> Result<Duration, String> {
    let (number, unit) = match text.find(|c: char| c.is_ascii_alphabetic()) {
        Some(at) => text.split_at(at),
        None => (text, "s"),
    };
    let scale = match unit {
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => {
            return Err(format!(
                "unit `{unit}` is not one of ms, s, m, h; write 500ms or 2s"
            ));
        }
    };
    let wrong = || format!("`{number}` is not a number; write 500ms or 2s");
    let seconds: f64 = number.parse().map_err(|_| wrong())?;
    Duration::try_from_secs_f64(seconds * scale).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::error::ErrorKind;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    fn read(line: &str) -> Result<Cli, clap::Error> {
        Cli::read(line.split(' ').map(OsString::from))
    }

    #[test]
    fn options_may_stand_before_their_command() {
        for (before, after) in [
            ("--no-probes once", "once --no-probes"),
            (
                "--interval 2s --no-probes once --format json",
                "once --interval=2s --no-probes --format json",
            ),
            ("--interval=2s batch -n 1", "batch --interval 2s -n 1"),
            ("--no-channels doctor", "doctor --no-channels"),
            ("--no-kevents record once", "record --no-kevents once"),
            (
                "--ascii --mouse=false replay a",
                "replay --ascii --mouse=false a",
            ),
            ("--theme light live", "live --theme light"),
        ] {
            let [before, after] = [before, after].map(|line| {
                let cli = read(&format!("ipcon-top {line}")).unwrap();
                assert!(cli.command.is_some(), "{line}");
                format!("{cli:?}")
            });
            assert_eq!(before, after);
        }
        let cli = read("ipcon-top --no-probes --theme light").unwrap();
        assert!(cli.command.is_none() && cli.live.sources.no_probes);
    }

    #[test]
    fn options_that_a_command_does_not_have_are_told_of() {
        for (line, kind) in [
            ("--theme light once", ErrorKind::UnknownArgument),
            ("--no-probes gen-config", ErrorKind::UnknownArgument),
            ("--no-probes twice", ErrorKind::InvalidSubcommand),
            ("--nonsense once", ErrorKind::UnknownArgument),
            ("--interval once", ErrorKind::ValueValidation),
            ("--interval", ErrorKind::InvalidValue),
            ("--no-probes once --no-probes", ErrorKind::ArgumentConflict),
            ("--help once", ErrorKind::DisplayHelp),
        ] {
            let error = read(&format!("ipcon-top {line}")).unwrap_err();
            assert_eq!(error.kind(), kind, "{line}: {error}");
        }
        let error = read("ipcon-top --theme light once").unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("'--theme'") && text.contains("ipcon-top once"),
            "{text}"
        );
    }

    #[test]
    fn intervals_are_read_and_bounded() {
        assert_eq!(interval("250ms"), Ok(INTERVAL_MIN));
        assert_eq!(interval("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(interval("1m"), Ok(INTERVAL_MAX));
        assert_eq!(interval("2"), Ok(Duration::from_secs(2)));
        for wrong in [
            "249ms", "61s", "-1s", "0", "", "s", "1h", "1e400s", "NaN", "inf",
        ] {
            assert!(interval(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn history_may_be_none_and_has_an_end() {
        assert_eq!(history("0"), Ok(Duration::ZERO));
        assert_eq!(history("10m"), Ok(Duration::from_secs(600)));
        assert_eq!(history("24h"), Ok(HISTORY_MAX));
        for wrong in ["25h", "-1s", "NaN", "x", "1d"] {
            assert!(history(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn objectives_are_read_and_bounded() {
        assert_eq!(objective("1ms"), Ok(OBJECTIVE_MIN));
        assert_eq!(objective("1m"), Ok(OBJECTIVE_MAX));
        for wrong in ["0", "0.5ms", "61s", "-1s", "x"] {
            assert!(objective(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn colour_follows_the_convention() {
        assert!(Colour::Auto.resolve(None, Some("xterm")));
        assert!(Colour::Auto.resolve(Some(""), None));
        assert!(!Colour::Auto.resolve(Some("1"), None));
        assert!(!Colour::Auto.resolve(None, Some("dumb")));
        assert!(Colour::Always.resolve(Some("1"), None));
        assert!(!Colour::Never.resolve(None, None));
    }

    #[test]
    fn the_first_locale_variable_decides() {
        let with = |pairs: &'static [(&str, &str)]| {
            locale_is_utf8(move |name| {
                pairs
                    .iter()
                    .find(|(n, _)| *n == name)
                    .map(|(_, v)| (*v).to_owned())
            })
        };
        assert!(with(&[("LANG", "de_AT.UTF-8")]));
        assert!(with(&[
            ("LC_ALL", ""),
            ("LC_CTYPE", "C.utf8"),
            ("LANG", "C")
        ]));
        assert!(!with(&[("LC_ALL", "C"), ("LANG", "en_US.UTF-8")]));
        assert!(!with(&[("LANG", "POSIX")]));
        assert!(with(&[]));
    }
}
