// SPDX-License-Identifier: MIT OR Apache-2.0
//! How the dashboard looks: as the command line says, else the configuration file, else the environment.

use std::time::Duration;

use clap::Args;

use crate::app::Setup;
use crate::args::{Colour, INTERVAL_DEFAULT, locale_is_utf8};
use crate::config::Config;
use crate::judging::Judging;
use crate::live;
use crate::theme::{Preset, Theme};

/// Options of every dashboard, of the running bus or of a recording. Absent is what the configuration file says.
#[derive(Debug, Clone, Default, Args)]
pub struct Look {
    /// Colours [default: dark]
    #[arg(long, value_name = "NAME", value_enum)]
    pub theme: Option<Preset>,
    /// When to use colour; `auto` obeys NO_COLOR [default: auto]
    #[arg(long, value_name = "WHEN", value_enum)]
    pub color: Option<Colour>,
    /// Draw with ASCII characters only; automatic where the locale is not UTF-8
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub ascii: Option<bool>,
    /// Click and scroll with the mouse; the terminal's own copy and paste then need Shift
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub mouse: Option<bool>,
    /// By what is judged, and the configuration file.
    #[command(flatten)]
    pub judging: Judging,
}

/// What the command line, the file and the environment come to.
#[derive(Debug, Clone)]
pub struct Settled {
    /// Keys, history, mouse and views.
    pub setup: Setup,
    /// Pace and looks.
    pub display: live::Options,
    /// Whether somebody asked for colour, or for none, so that the environment does not count.
    pub colour_forced: bool,
}

impl Look {
    /// Reads the configuration file, and has what the command line says win over it: this, the `interval` and how far one
    /// can go back. What `variable` says of the environment is looked at last.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or is wrong.
    pub fn settle(
        &self,
        interval: Option<Duration>,
        history: Option<Duration>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> anyhow::Result<Settled> {
        let config = Config::load(self.judging.config.as_deref(), &variable)?;
        let when = self.color.or(config.color).unwrap_or_default();
        let colour = when.resolve(variable("NO_COLOR").as_deref(), variable("TERM").as_deref());
        let ascii = self.ascii.or(config.ascii);
        let ascii = ascii.unwrap_or_else(|| !locale_is_utf8(&variable));
        let preset = self.theme.or(config.theme).unwrap_or_default();
        let objectives = self.judging.over(config.setup.objectives);
        Ok(Settled {
            setup: Setup {
                objectives,
                history: history.unwrap_or(config.setup.history),
                mouse: self.mouse.unwrap_or(config.setup.mouse),
                tmux: variable("TMUX").is_some_and(|it| !it.is_empty()),
                ..config.setup
            },
            display: live::Options {
                interval: interval.or(config.interval).unwrap_or(INTERVAL_DEFAULT),
                theme: Theme::new(colour, ascii).with_preset(preset),
                tick: Duration::from_secs(1),
            },
            colour_forced: when != Colour::Auto,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use clap::Parser;

    use super::*;
    use crate::args::{Cli, Command};

    /// What the dashboard comes to with this configuration, of the running bus and of a recording.
    fn settled(config: &str, options: &[&str]) -> [Settled; 2] {
        let name = format!("ipcon-top-look-{}.toml", std::process::id());
        let file = std::env::temp_dir().join(name);
        fs::write(&file, config).unwrap();
        let beginnings = [
            &["ipcon-top", "live"][..],
            &["ipcon-top", "replay", "a.rec"],
        ];
        let settled = beginnings.map(|beginning| {
            let with = ["--config", file.to_str().unwrap()];
            let line = beginning.iter().chain(&with).chain(options);
            let variable = |name: &str| (name == "LANG").then(|| "C.UTF-8".to_owned());
            match Cli::parse_from(line).command {
                Some(Command::Live(it)) => it.look.settle(it.interval, it.history, variable),
                Some(Command::Replay(it)) => it.look.settle(it.interval, None, variable),
                other => panic!("{other:?}"),
            }
        });
        fs::remove_file(&file).unwrap();
        settled.map(Result::unwrap)
    }

    #[test]
    fn the_file_counts_for_recordings_as_well_and_the_command_line_wins_over_it() {
        let file = "
            interval = \"5s\"
            theme = \"light\"
            color = \"never\"
            ascii = true
            mouse = true
            latency_objective = \"20ms\"
        ";
        for settled in settled(file, &[]) {
            let theme = Theme::new(false, true).with_preset(Preset::Light);
            assert_eq!(settled.display.theme, theme);
            assert_eq!(settled.display.interval, Duration::from_secs(5));
            assert!(settled.setup.mouse && settled.colour_forced);
            let objective = settled.setup.objectives.queue_latency;
            assert_eq!(objective, Duration::from_millis(20));
        }
        let options = [
            "--interval=2s",
            "--theme=high-contrast",
            "--color=auto",
            "--ascii=false",
            "--mouse=false",
            "--latency-objective=3s",
        ];
        for settled in settled(file, &options) {
            let theme = Theme::new(true, false).with_preset(Preset::HighContrast);
            assert_eq!(settled.display.theme, theme);
            assert_eq!(settled.display.interval, Duration::from_secs(2));
            assert!(!settled.setup.mouse && !settled.colour_forced);
            let objective = settled.setup.objectives.queue_latency;
            assert_eq!(objective, Duration::from_secs(3));
        }
        for settled in settled("", &["--ascii", "--mouse"]) {
            assert_eq!(settled.display.theme, Theme::new(true, true));
            assert_eq!(settled.display.interval, INTERVAL_DEFAULT);
            assert!(settled.setup.mouse);
        }
    }
}
