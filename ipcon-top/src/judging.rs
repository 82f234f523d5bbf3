// SPDX-License-Identifier: MIT OR Apache-2.0
//! By what is judged whether something is wrong: as the command line says, else the configuration file.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use ipcon_observe::linter::Objectives;

use crate::args::objective;
use crate::config::Config;

/// Options of whatever warns. Absent is what the configuration file says.
#[derive(Debug, Clone, Default, Args)]
pub struct Judging {
    /// Warn of peers of whose messages one in a hundred waits longer than this, 1ms to 60s [default: 100ms]
    #[arg(long, value_name = "TIME", value_parser = objective)]
    pub latency_objective: Option<Duration>,
    /// Configuration file [default: ipcon-top/config.toml in $XDG_CONFIG_HOME or ~/.config]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

impl Judging {
    /// What the command line and the file come to. What `variable` says of the environment tells where the file is.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or is wrong.
    pub fn objectives(
        &self,
        variable: impl Fn(&str) -> Option<String>,
    ) -> anyhow::Result<Objectives> {
        let config = Config::load(self.config.as_deref(), variable)?;
        Ok(self.over(config.setup.objectives))
    }

    /// The objectives of a file with what the command line says instead.
    #[must_use]
    pub fn over(&self, mut objectives: Objectives) -> Objectives {
        if let Some(longest) = self.latency_objective {
            objectives.queue_latency = longest;
        }
        objectives
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use crate::args::{Cli, Command};

    #[test]
    fn the_report_and_the_rows_of_warnings_are_judged_by_file_and_command_line() {
        let name = format!("ipcon-top-judging-{}.toml", std::process::id());
        let file = std::env::temp_dir().join(name);
        fs::write(&file, "latency_objective = \"20ms\"").unwrap();
        let longest = |line: &str| {
            let line = line.replace("FILE", file.to_str().unwrap());
            let cli = Cli::read(line.split(' ').map(Into::into)).unwrap();
            let objectives = match cli.command {
                Some(Command::Once(options)) => options.judging.objectives(|_| None),
                Some(Command::Batch(options)) => options.objectives(|_| None),
                other => panic!("{other:?}"),
            };
            objectives.map(|it| it.queue_latency.as_millis())
        };
        for command in ["ipcon-top once", "ipcon-top batch --rows warnings"] {
            let longest = |options: &str| longest(&format!("{command}{options}")).unwrap();
            assert_eq!(longest(""), 100);
            assert_eq!(longest(" --latency-objective 3s"), 3000);
            assert_eq!(longest(" --config FILE"), 20);
            assert_eq!(longest(" --config FILE --latency-objective 3s"), 3000);
        }
        let told = longest("ipcon-top batch --config FILE").unwrap_err();
        assert!(told.to_string().contains("add --rows warnings"), "{told}");
        assert_eq!(longest("ipcon-top batch").unwrap(), 100);
        fs::remove_file(&file).unwrap();
        assert!(longest("ipcon-top once --config FILE").is_err(), "no file");
    }
}
