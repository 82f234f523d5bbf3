// SPDX-License-Identifier: MIT OR Apache-2.0
//! The screen.
//!
//! ```text
//! header   status: sources, what is on the bus, live or paused, time
//!          rates and totals of the bus
//! warnings the worst as sentences
//! tabs     views, filter, order
//! body     the table of the view in front
//! detail   of the selected row, when open
//! footer   keys
//! ```
//!
//! Drawing only reads ([`DrawContext`]); what the user does goes through [`View::handle`].

mod channels;
mod chooser;
mod copied;
mod detail;
mod events;
mod filter_line;
mod flows;
mod footer;
mod groups;
mod header;
mod help;
mod latency;
mod notice;
mod peers;
mod probes;
mod table_view;
mod tabs;
mod waits;
mod warning_line;
mod warnings;

use std::time::SystemTime;

use ipcon_observe::linter::Subject;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;

use crate::app::App;
use crate::clock::Now;
use crate::filter::{Filter, FilterError};
use crate::format;
use crate::keymap::{Action, Keymap};
use crate::store::Store;
use crate::table::Choice;
use crate::theme::{Role, Theme};
use crate::trouble::Severity;

/// What drawing may read.
#[derive(Debug, Clone, Copy)]
pub struct DrawContext<'a> {
    /// The data: live, or frozen while paused.
    pub store: &'a Store,
    /// How things look.
    pub theme: &'a Theme,
    /// The filter in force.
    pub filter: &'a str,
    /// The keys in force.
    pub keymap: &'a Keymap,
    /// Time now, `CLOCK_MONOTONIC`.
    pub now: std::time::Duration,
    /// Wall-clock time at zero of `CLOCK_MONOTONIC`.
    pub epoch: SystemTime,
}

/// One of the views behind the tabs.
pub trait View: Send {
    /// Name on the tab.
    fn name(&self) -> &'static str;

    /// How many rows pass the filter.
    fn rows(&self) -> usize;

    /// How many rows are in trouble, and how bad the worst is.
    fn troubled(&self) -> Option<(usize, Severity)>;

    /// What the rows are sorted by, and whether that is turned round.
    fn sorted_by(&self) -> (&str, bool);

    /// Titles of the columns and what they mean, for the help.
    fn legend(&self) -> Vec<(&str, &'static str)>;

    /// Works out anew what is shown, after the data or the filter changed.
    fn refresh(&mut self, store: &Store, filter: &Filter);

    /// Whether the rows have what a filter asks about.
    ///
    /// # Errors
    ///
    /// They do not.
    fn check(&self, filter: &Filter) -> Result<(), FilterError>;

    /// The keys that a filter of this view may have.
    fn keys(&self) -> Vec<String> {
        Vec::new()
    }

    /// Takes note of where the body stands.
    fn settle(&mut self, body: Rect);

    /// Does what the user asks for. False when it is nothing for a view.
    fn handle(&mut self, action: Action, store: &Store, filter: &Filter) -> bool;

    /// All columns that can be chosen: those that show in their order, then the others. None where there is nothing to choose.
    fn choices(&self) -> Vec<Choice> {
        Vec::new()
    }

    /// Keys of the columns that show unless others are chosen.
    fn usual(&self) -> Vec<String> {
        Vec::new()
    }

    /// Shows the columns with these keys, in this order.
    fn choose(&mut self, _keys: &[String]) {}

    /// Sorts by the column with this key, shown or not, in its usual direction or the reverse. False when there is none.
    fn sort_on(&mut self, _key: &str, _reverse: bool, _store: &Store, _filter: &Filter) -> bool {
        false
    }

    /// What the selected row leads to in another view. `None` when it leads nowhere, or not before its details are
    /// open.
    fn leads_to(&self, _: &Store, _detail_open: bool) -> Option<Subject> {
        None
    }

    /// Selects the row of a subject. False when there is none to see here.
    fn select(&mut self, _: Subject, _: &Store) -> bool {
        false
    }

    /// Does what a click asks for, `x` and `y` cells from the left and the top of the body, which is so wide.
    fn click(&mut self, _x: u16, _y: u16, _width: u16, _store: &Store, _filter: &Filter) {}

    /// What is selected as text: its details when they are open, else a line. `None` when nothing is. The theme of `ctx` has no
    /// symbols that are of no use in a text.
    fn copied(&self, detail_open: bool, ctx: &DrawContext<'_>) -> Option<String>;

    /// Draws the body.
    fn draw(&self, buf: &mut Buffer, area: Rect, ctx: &DrawContext<'_>);

    /// Draws the details of the selected row.
    fn draw_detail(&self, buf: &mut Buffer, area: Rect, ctx: &DrawContext<'_>);
}

pub use copied::{COPIED_MAX, Copied, copied};

/// All views, in the order of their tabs.
#[must_use]
pub fn all() -> Vec<Box<dyn View>> {
    vec![
        peers::view(),
        groups::view(),
        flows::view(),
        events::view(),
        latency::view(),
        channels::view(),
        warnings::view(),
        probes::view(),
    ]
}

/// Where things stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Status and rates.
    pub header: Rect,
    /// The worst warnings; no lines on a terminal that has few.
    pub warnings: Rect,
    /// Views and filter.
    pub tabs: Rect,
    /// The table.
    pub body: Rect,
    /// Details, when open.
    pub detail: Option<Rect>,
    /// Keys.
    pub footer: Rect,
}

/// Fewest columns and lines for a table; below, there is one line of summary.
const SMALLEST: (u16, u16) = (20, 5);

/// Divides the screen. `None` when it is too small for a table. A pure function of the size.
#[must_use]
pub fn plan(area: Rect, detail: bool) -> Option<Plan> {
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        return None;
    }
    let header = match area.height {
        0..10 => 1,
        10..16 => 2,
        _ => 4,
    };
    let warnings = match area.height {
        0..10 => 0,
        10..24 => 1,
        _ => 2,
    };
    let tabs = header + warnings;
    let rest = area.height - tabs - 2;
    let detail_height = match (detail, rest) {
        (false, _) => 0,
        // No room for both: the details take the place of the table.
        (true, 0..12) => rest,
        (true, _) => (rest * 2 / 3).min(detail::HEIGHT),
    };
    let strip = |y, height| Rect {
        y: area.y + y,
        height,
        ..area
    };
    Some(Plan {
        header: strip(0, header),
        warnings: strip(header, warnings),
        tabs: strip(tabs, 1),
        body: strip(tabs + 1, rest - detail_height),
        detail: detail.then(|| strip(tabs + 1 + rest - detail_height, detail_height)),
        footer: strip(area.height - 1, 1),
    })
}

/// Draws everything into `area`, and nothing outside of it.
pub fn draw(app: &App, theme: &Theme, now: Now, buf: &mut Buffer, area: Rect) {
    let area = area.intersection(buf.area);
    let now = app.time(now);
    let ctx = DrawContext {
        store: app.store(),
        theme,
        filter: app.filter(),
        keymap: app.keymap(),
        now: now.monotonic,
        epoch: now.epoch,
    };
    let Some(plan) = plan(area, app.detail_open()) else {
        header::draw_summary(buf, area, &ctx);
        return;
    };
    header::draw(app, buf, plan.header, &ctx);
    warning_line::draw(app, buf, plan.warnings, &ctx);
    tabs::draw(app, buf, plan.tabs, &ctx);
    app.view().draw(buf, plan.body, &ctx);
    if let Some(area) = plan.detail {
        app.view().draw_detail(buf, area, &ctx);
    }
    filter_line::draw_error(app, buf, plan.tabs, below(plan.tabs, plan.footer), &ctx);
    notice::draw(app, buf, below(plan.tabs, plan.footer), &ctx);
    footer::draw(buf, plan.footer, &ctx);
    let over = Rect {
        y: area.y + 1,
        height: area.height - 2,
        ..area
    };
    if let Some(chooser) = app.chooser() {
        chooser::draw(chooser, app.view().name(), buf, over, &ctx);
    }
    if let Some(offset) = app.help() {
        help::draw(app.view(), offset, buf, over, &ctx);
    }
}

/// What a click meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The view with this index.
    Tab(usize),
    /// A place in the body.
    Body {
        /// Cells from its left.
        x: u16,
        /// Cells from its top.
        y: u16,
        /// How wide it is.
        width: u16,
    },
}

/// What is at a place of the screen.
#[must_use]
pub fn target(app: &App, at: Position) -> Option<Target> {
    let (width, height) = app.size();
    let plan = plan(Rect::new(0, 0, width, height), app.detail_open())?;
    if plan.tabs.contains(at) {
        return tabs::at(app, plan.tabs, at.x).map(Target::Tab);
    }
    plan.body.contains(at).then(|| Target::Body {
        x: at.x - plan.body.x,
        y: at.y - plan.body.y,
        width: plan.body.width,
    })
}

/// What is between two lines.
fn below(upper: Rect, lower: Rect) -> Rect {
    Rect {
        y: upper.bottom(),
        height: lower.y.saturating_sub(upper.bottom()),
        ..upper
    }
}

/// Lines of the help of a view on a terminal of so many columns.
#[must_use]
pub fn help_lines(view: &dyn View, store: &Store, keymap: &Keymap, columns: u16) -> u16 {
    u16::try_from(help::entries(view, store, keymap, columns).len()).unwrap_or(u16::MAX)
}

/// Lines of the help that show at once on a terminal of so many lines.
#[must_use]
pub fn help_page(lines: u16) -> u16 {
    // The status line, the footer, and the rules above and below the help.
    lines.saturating_sub(4).max(1)
}

/// A piece of text with its style.
type Piece = (String, Style);

/// Writes pieces after one another, cut at the end of the line. Returns the column after the last.
fn put_pieces(buf: &mut Buffer, line: Rect, pieces: &[Piece]) -> u16 {
    let line = line.intersection(buf.area);
    let mut x = line.x;
    if line.is_empty() {
        return x;
    }
    for (text, style) in pieces {
        let room = usize::from(line.right() - x);
        (x, _) = buf.set_stringn(x, line.y, text, room, *style);
    }
    x
}

/// Cells that pieces take.
fn width_of(pieces: &[Piece]) -> u16 {
    let cells: usize = pieces.iter().map(|(text, _)| format::cells(text)).sum();
    u16::try_from(cells).unwrap_or(u16::MAX)
}

/// A line across the screen with a title in it.
fn rule(buf: &mut Buffer, line: Rect, title: &[Piece], ctx: &DrawContext<'_>) {
    let line = line.intersection(buf.area);
    let stroke = ctx.theme.glyphs.line.repeat(usize::from(line.width));
    put_pieces(buf, line, &[(stroke, ctx.theme.style(Role::Quiet))]);
    let inner = Rect {
        x: line.x + 1,
        width: line.width.saturating_sub(2),
        ..line
    };
    put_pieces(buf, inner, title);
}
