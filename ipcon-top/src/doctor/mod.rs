// SPDX-License-Identifier: MIT OR Apache-2.0
//! What can be seen here, what not, why, and what would change that.

mod text;

use anyhow::Context;
use ipcon_observe::Options;
use ipcon_observe::privilege::{Dropping, Prediction, Standing, Trial, Verdict};
use serde::Serialize;

use crate::args::Format;

/// Version of the JSON form. A key that changes its meaning or goes away makes it grow; new keys do not.
pub const SCHEMA_VERSION: u32 = 1;

/// What the examination found.
#[derive(Debug, Serialize)]
pub struct Report {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// What this process may do.
    pub standing: Standing,
    /// What will deliver, of what was asked for.
    #[serde(rename = "predicted")]
    pub prediction: Prediction,
    /// What did deliver. `None` when it was not tried.
    #[serde(rename = "tried", skip_serializing_if = "Option::is_none")]
    pub trial: Option<Trial>,
}

/// Examines this process, and with `attempt` opens the sources as well and closes them again.
#[must_use]
pub fn examine(options: Options, attempt: bool) -> Report {
    // As every other command does, so that what is told holds for them.
    _ = Dropping::begin(options, true);
    let standing = Standing::detect();
    let prediction = Prediction::of(&standing, options);
    Report {
        schema_version: SCHEMA_VERSION,
        standing,
        prediction,
        trial: attempt.then(|| Trial::run(options)),
    }
}

impl Report {
    /// The report as text, ending in a line feed.
    ///
    /// # Errors
    ///
    /// The JSON form cannot be made, which would be an error of this program.
    pub fn print(&self, format: Format) -> anyhow::Result<String> {
        match format {
            Format::Text => Ok(text::print(self)),
            Format::Json => {
                let text = serde_json::to_string_pretty(self).context("making the report")?;
                Ok(text + "\n")
            }
        }
    }

    /// What it comes to: what was seen, if that was tried, or else what is predicted.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let sources: Vec<_> = match &self.trial {
            Some(trial) => {
                let tried = trial.sources.iter();
                tried.map(|one| (one.source, one.available)).collect()
            }
            None => {
                let predicted = self.prediction.sources.iter();
                predicted.map(|one| (one.source, one.available)).collect()
            }
        };
        Verdict::of(&sources)
    }
}
