// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the user wants the dashboard to be like when it starts.

use std::time::Duration;

use anyhow::{anyhow, bail};
use ipcon_observe::linter::Objectives;

use super::App;
use crate::filter::Filter;
use crate::history::SPAN_DEFAULT;
use crate::keymap::{Action, Keymap};
use crate::nearest::nearest;

/// What the user wants.
#[derive(Debug, Clone, PartialEq)]
pub struct Setup {
    /// The keys.
    pub keymap: Keymap,
    /// How far one can go back.
    pub history: Duration,
    /// From which values on something is wrong.
    pub objectives: Objectives,
    /// Whether the mouse does something from the start.
    pub mouse: bool,
    /// Whether tmux is between the program and the terminal, and decides on the clipboard as well.
    pub tmux: bool,
    /// Name of the view to begin with; the most useful one when absent.
    pub view: Option<String>,
    /// What the views are like.
    pub views: Vec<ViewSetup>,
}

/// What a view is like.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ViewSetup {
    /// Its name.
    pub name: String,
    /// Keys of the columns that show; the usual ones when absent.
    pub columns: Option<Vec<String>>,
    /// Key of the column that the rows are sorted by; the usual order when absent.
    pub sort: Option<String>,
    /// Whether the order is turned round.
    pub reverse: bool,
    /// The filter in force.
    pub filter: Option<String>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            keymap: Keymap::default(),
            history: SPAN_DEFAULT,
            objectives: Objectives::default(),
            mouse: false,
            tmux: false,
            view: None,
            views: Vec::new(),
        }
    }
}

impl App {
    /// The dashboard as the user wants it.
    ///
    /// # Errors
    ///
    /// There is no such view or column, a filter is none, or the recording cannot be read.
    pub fn set_up(mut self, setup: &Setup) -> anyhow::Result<Self> {
        self.keymap = setup.keymap.clone();
        self.mouse = setup.mouse;
        self.tmux = setup.tmux;
        self.moments = self.moments.keeping(setup.history, setup.objectives)?;
        for view in &setup.views {
            self.set_up_view(view)?;
        }
        if let Some(name) = &setup.view {
            self.front = self.view_named(name)?;
        }
        self.refresh();
        Ok(self)
    }

    fn set_up_view(&mut self, setup: &ViewSetup) -> anyhow::Result<()> {
        let index = self.view_named(&setup.name)?;
        let view = &mut self.views[index];
        let keys: Vec<String> = view.choices().into_iter().map(|it| it.key).collect();
        for key in setup.columns.iter().flatten().chain(&setup.sort) {
            if !keys.contains(key) {
                bail!("view {}: {}", setup.name, unknown("column", key, &keys));
            }
        }
        if let Some(columns) = &setup.columns {
            view.choose(columns);
        }
        if let Some(text) = &setup.filter {
            let filter = Filter::parse(text)
                .and_then(|filter| view.check(&filter).map(|()| filter))
                .map_err(|error| anyhow!("view {}: filter `{text}`: {error}", setup.name))?;
            self.filters.set(index, filter);
        }
        let (store, filter) = (self.moments.store(), self.filters.of(index));
        if let Some(key) = &setup.sort {
            view.sort_on(key, setup.reverse, store, filter);
        } else if setup.reverse {
            view.handle(Action::SortReverse, store, filter);
        }
        Ok(())
    }

    fn view_named(&self, name: &str) -> anyhow::Result<usize> {
        let is_it = |view: &str| view.eq_ignore_ascii_case(name);
        if let Some(index) = self.views.iter().position(|view| is_it(view.name())) {
            return Ok(index);
        }
        let names: Vec<String> = self
            .views
            .iter()
            .map(|it| it.name().to_lowercase())
            .collect();
        bail!(unknown("view", name, &names))
    }
}

/// What to say about a name that there is not.
fn unknown(what: &str, name: &str, names: &[String]) -> String {
    match nearest(name, names.iter().map(String::as_str)) {
        Some(near) => format!("there is no {what} `{name}`; is it `{near}`?"),
        None => format!(
            "there is no {what} `{name}`; there are {}",
            names.join(", ")
        ),
    }
}
