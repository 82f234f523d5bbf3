// SPDX-License-Identifier: MIT OR Apache-2.0
//! The state of the dashboard and how it changes. Pure: events in, effects out.

mod chooser;
mod clipboard;
mod filters;
mod line;
mod moments;
mod mouse;
mod notice;
mod recording;
mod setup;

use std::sync::Arc;
use std::time::Duration;

use crossterm::event::{KeyEvent, KeyEventKind, MouseEvent};
use ipcon_observe::Snapshot;
use ipcon_observe::linter::{Objectives, Subject};
use ratatui::layout::Rect;

use crate::args::{INTERVAL_MAX, INTERVAL_MIN};
use crate::filter::Filter;
use crate::history::{Past, SPAN_DEFAULT};
use crate::keymap::{Action, Keymap};
use crate::store::Store;
use crate::view::{self, View};

use filters::Filters;
use moments::Moments;

pub use chooser::Chooser;
pub use filters::FilterState;
pub use moments::Moment;
pub use notice::Notice;
pub use recording::Recording;
pub use setup::{Setup, ViewSetup};

/// Something that happened.
#[derive(Debug, Clone)]
pub enum Event {
    /// A key was pressed.
    Key(KeyEvent),
    /// The terminal was made to paste a text.
    Paste(String),
    /// Something was done with the mouse.
    Mouse(MouseEvent),
    /// The terminal has another size, in columns and lines.
    Resize(u16, u16),
    /// The bus was read.
    Snapshot(Arc<Snapshot>),
    /// A recording that plays goes on to its next frame.
    Advance,
    /// The bus could not be read this time.
    CollectFailed(String),
    /// How a recording that is made gets on.
    Recording(Recording),
    /// Time passed.
    Tick,
    /// A signal asks the program to end.
    Terminate(i32),
    /// A signal asks the program to stop for a while.
    Stop,
    /// The program goes on after a stop, and the terminal may have been used by others.
    Continued,
    /// A part of the program is dead and the rest makes no sense without it.
    Fatal(String),
}

/// Something to do outside of the state.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Leave the program.
    Quit,
    /// End by this signal, after cleaning up.
    Die(i32),
    /// Leave with an error.
    Fail(String),
    /// Collect at another pace.
    SetInterval(Duration),
    /// Give the terminal back and stop like any job of the shell.
    Suspend,
    /// Take the terminal anew.
    Retake,
    /// Draw every cell again.
    Redraw,
    /// Show the next colours.
    NextTheme,
    /// Take the mouse, or give it back to the terminal.
    SetMouse(bool),
    /// Leave the program, and print what is on the screen.
    QuitKeeping,
    /// Begin a recording with this snapshot.
    StartRecording(Arc<Snapshot>),
    /// Add this snapshot to the recording.
    Record(Arc<Snapshot>),
    /// End the recording.
    StopRecording,
    /// Copy what [`App::copy`] gives.
    Copy,
}

/// The state of the dashboard.
pub struct App {
    moments: Moments,
    views: Vec<Box<dyn View>>,
    front: usize,
    filters: Filters,
    keymap: Keymap,
    chooser: Option<Chooser>,
    detail: bool,
    /// Views that a row led away from, and whether their details were open.
    trail: Vec<(usize, bool)>,
    /// First line of the help shown; `None` when closed.
    help: Option<u16>,
    interval: Duration,
    failure: Option<String>,
    recording: recording::State,
    notice: Option<Notice>,
    /// Whether the mouse does something.
    mouse: bool,
    /// Whether tmux is between the program and the terminal.
    tmux: bool,
    size: (u16, u16),
}

/// Views that more than a key leads to, by their places among all.
const PEERS: usize = 0;
const GROUPS: usize = 1;
/// The view that makes sense without a bus.
const CHANNELS: usize = 5;
const PROBES: usize = 7;

/// The intervals that `+` and `-` step through.
const INTERVALS: [u64; 9] = [250, 500, 1000, 2000, 5000, 10_000, 20_000, 30_000, 60_000];

impl App {
    /// The state when the first snapshot is there, on a terminal of `size` columns and lines.
    #[must_use]
    pub fn new(first: Arc<Snapshot>, interval: Duration, size: (u16, u16)) -> Self {
        let moments = Moments::running(first, SPAN_DEFAULT, Objectives::default());
        Self::begin(moments, interval, size)
    }

    /// The state at the beginning of a recording, of which one frame shows for an `interval` while it plays.
    ///
    /// # Errors
    ///
    /// There is nothing in the recording, or it cannot be read.
    pub fn replaying(
        past: Box<dyn Past>,
        interval: Duration,
        size: (u16, u16),
    ) -> anyhow::Result<Self> {
        let moments = Moments::recorded(past, Objectives::default())?;
        Ok(Self::begin(moments, interval, size))
    }

    fn begin(moments: Moments, interval: Duration, size: (u16, u16)) -> Self {
        let views = view::all();
        let mut app = Self {
            moments,
            filters: Filters::new(views.len()),
            views,
            front: 0,
            keymap: Keymap::default(),
            chooser: None,
            detail: false,
            trail: Vec::new(),
            help: None,
            interval,
            failure: None,
            recording: recording::State::default(),
            notice: None,
            mouse: false,
            tmux: false,
            size,
        };
        let first = app.store().snapshot();
        if first.bus.is_none() && first.channels.is_some() {
            app.front = CHANNELS;
        }
        app.refresh();
        app
    }

    /// Takes in what happened. The screen is to be drawn again afterwards, whatever it was.
    pub fn update(&mut self, event: Event) -> Vec<Effect> {
        if matches!(&event, Event::Key(key) if key.kind != KeyEventKind::Release) {
            self.notice = None;
        }
        match event {
            Event::Key(key) if key.kind == KeyEventKind::Release => Vec::new(),
            Event::Key(key) if self.filters.editing() => self.edit_filter(key),
            Event::Key(key) if self.chooser.is_some() => {
                let action = self.keymap.action_on_columns(key);
                action.map_or_else(Vec::new, |action| self.act_on_chooser(action))
            }
            Event::Key(key) => {
                let action = self.keymap.action(key);
                action.map_or_else(Vec::new, |action| self.act(action))
            }
            Event::Paste(text) => {
                self.paste_into_filter(&text);
                Vec::new()
            }
            Event::Mouse(mouse) => self.point(mouse),
            Event::Resize(columns, lines) => {
                self.size = (columns, lines);
                self.settle();
                Vec::new()
            }
            Event::Snapshot(snapshot) => {
                self.failure = None;
                let effects = self.record(&snapshot);
                if self.moments.push(snapshot) {
                    self.refresh();
                }
                effects
            }
            Event::Advance => self.advance(),
            Event::CollectFailed(error) => {
                self.failure = Some(error);
                Vec::new()
            }
            Event::Recording(news) => {
                self.follow_recording(news);
                Vec::new()
            }
            Event::Tick => Vec::new(),
            Event::Terminate(signal) => vec![Effect::Die(signal)],
            Event::Stop => vec![Effect::Suspend, Effect::Redraw],
            Event::Continued => vec![Effect::Retake, Effect::Redraw],
            Event::Fatal(error) => vec![Effect::Fail(error)],
        }
    }

    /// The data to show.
    #[must_use]
    pub fn store(&self) -> &Store {
        self.moments.store()
    }

    /// Time from one refresh to the next.
    #[must_use]
    pub fn interval(&self) -> Duration {
        self.interval
    }

    /// Why the bus could not be read the last time.
    #[must_use]
    pub fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    /// All views.
    #[must_use]
    pub fn views(&self) -> &[Box<dyn View>] {
        &self.views
    }

    /// Index of the view in front.
    #[must_use]
    pub fn front(&self) -> usize {
        self.front
    }

    /// The view in front.
    #[must_use]
    pub fn view(&self) -> &dyn View {
        &*self.views[self.front]
    }

    /// The filter in force in the view in front, while another is typed too.
    #[must_use]
    pub fn filter(&self) -> &str {
        self.filters.of(self.front).text()
    }

    /// Whether keys go to the filter.
    #[must_use]
    pub fn editing(&self) -> bool {
        self.filters.editing()
    }

    /// Columns and lines of the terminal.
    #[must_use]
    pub fn size(&self) -> (u16, u16) {
        self.size
    }

    /// The keys in force.
    #[must_use]
    pub fn keymap(&self) -> &Keymap {
        &self.keymap
    }

    /// Whether the details are open.
    #[must_use]
    pub fn detail_open(&self) -> bool {
        self.detail
    }

    /// First line of the help shown; `None` when it is closed.
    #[must_use]
    pub fn help(&self) -> Option<u16> {
        self.help
    }

    fn act(&mut self, action: Action) -> Vec<Effect> {
        if self.help.is_some() && self.act_on_help(action) {
            return Vec::new();
        }
        let store = self.moments.store();
        if self.views[self.front].handle(action, store, self.filters.of(self.front)) {
            return Vec::new();
        }
        match action {
            Action::Quit => return vec![Effect::Quit],
            Action::QuitKeep => return vec![Effect::QuitKeeping],
            Action::Record => return self.record_or_stop(),
            Action::Copy => return vec![Effect::Copy],
            Action::NextTheme => return vec![Effect::NextTheme],
            Action::Mouse => {
                self.mouse = !self.mouse;
                return vec![Effect::SetMouse(self.mouse)];
            }
            Action::ShowPeers => self.show(PEERS),
            Action::ShowGroups => self.show(GROUPS),
            Action::ShowFlows => self.show(2),
            Action::ShowEvents => self.show(3),
            Action::ShowLatency => self.show(4),
            Action::ShowChannels => self.show(CHANNELS),
            Action::ShowWarnings => self.show(6),
            Action::ShowProbes => self.show(PROBES),
            Action::NextView => self.show(self.front + 1),
            Action::PreviousView => self.show(self.front + self.views.len() - 1),
            Action::Open => self.open(),
            Action::Back if !self.trail.is_empty() => self.go_back(),
            Action::Back if self.detail => self.open_detail(false),
            Action::Back if !self.filter().is_empty() => self.set_filter(Filter::default()),
            Action::Back => {
                self.moments.go_live();
                self.refresh();
            }
            Action::Filter => self.start_filter(),
            Action::ChooseColumns => self.open_chooser(),
            Action::Pause => self.pause_or_go_on(),
            Action::StepBack
            | Action::StepForward
            | Action::MinuteBack
            | Action::MinuteForward
            | Action::OldestMoment
            | Action::NewestMoment => return self.travel(action),
            Action::Faster => return self.set_interval(self.neighbour(false)),
            Action::Slower => return self.set_interval(self.neighbour(true)),
            Action::Redraw => return vec![Effect::Redraw],
            Action::Suspend => return vec![Effect::Suspend, Effect::Redraw],
            Action::Help => self.help = Some(0),
            // The rest is for the views, and this one had no use for it.
            _ => {}
        }
        Vec::new()
    }

    /// While the help is open, it takes the keys that move and that close.
    fn act_on_help(&mut self, action: Action) -> bool {
        let lines = view::help_lines(self.view(), self.store(), &self.keymap, self.size.0);
        let page = view::help_page(self.size.1);
        let last = lines.saturating_sub(page);
        let offset = self.help.unwrap_or(0);
        let to = match action {
            Action::Help | Action::Back | Action::Open => {
                self.help = None;
                return true;
            }
            Action::Down => offset.saturating_add(1),
            Action::Up => offset.saturating_sub(1),
            Action::PageDown => offset.saturating_add(page),
            Action::PageUp => offset.saturating_sub(page),
            Action::First => 0,
            Action::Last => last,
            // What would be copied is behind the help.
            Action::Copy => return true,
            _ => return false,
        };
        self.help = Some(to.min(last));
        true
    }

    fn show(&mut self, view: usize) {
        self.trail.clear();
        self.bring_to_front(view);
    }

    fn bring_to_front(&mut self, view: usize) {
        self.front = view % self.views.len();
        if let Some(offset) = self.help.as_mut() {
            *offset = 0;
        }
    }

    /// Goes where the selected row leads, or opens or closes its details.
    fn open(&mut self) {
        let leads_to = self.view().leads_to(self.store(), self.detail);
        if !leads_to.is_some_and(|subject| self.follow(subject)) {
            self.open_detail(!self.detail);
        }
    }

    /// Shows the details of a subject in the view it belongs to. False when there is none, or it is gone.
    fn follow(&mut self, subject: Subject) -> bool {
        let view = match subject {
            Subject::Bus => return false,
            Subject::Peer(_) => PEERS,
            Subject::Group(_) => GROUPS,
            Subject::Channel(_) => CHANNELS,
            Subject::Observer(_) => PROBES,
        };
        let store = self.moments.store();
        if !self.views[view].select(subject, store) {
            // The filter may hide it.
            self.views[view].refresh(store, &Filter::default());
            if !self.views[view].select(subject, store) {
                self.views[view].refresh(store, self.filters.of(view));
                return false;
            }
            self.filters.set(view, Filter::default());
        }
        self.trail.push((self.front, self.detail));
        self.bring_to_front(view);
        self.open_detail(true);
        true
    }

    /// Goes back to the view that a row led away from.
    fn go_back(&mut self) {
        if let Some((view, detail)) = self.trail.pop() {
            self.bring_to_front(view);
            self.open_detail(detail);
        }
    }

    fn open_detail(&mut self, open: bool) {
        self.detail = open;
        self.settle();
    }

    /// The next longer or shorter step from the interval now, which may lie between two.
    fn neighbour(&self, longer: bool) -> Duration {
        let mut steps = INTERVALS
            .iter()
            .map(|&millis| Duration::from_millis(millis));
        if longer {
            steps
                .find(|&step| step > self.interval)
                .unwrap_or(INTERVAL_MAX)
        } else {
            steps
                .rfind(|&step| step < self.interval)
                .unwrap_or(INTERVAL_MIN)
        }
    }

    fn set_interval(&mut self, interval: Duration) -> Vec<Effect> {
        if interval == self.interval {
            return Vec::new();
        }
        self.interval = interval;
        vec![Effect::SetInterval(interval)]
    }

    /// Brings the views up to the data and the filter.
    fn refresh(&mut self) {
        let store = self.moments.store();
        for (index, view) in self.views.iter_mut().enumerate() {
            view.refresh(store, self.filters.of(index));
        }
        self.settle();
    }

    /// Brings the views up to the room they have.
    fn settle(&mut self) {
        let (columns, lines) = self.size;
        let plan = view::plan(Rect::new(0, 0, columns, lines), self.detail);
        for view in &mut self.views {
            view.settle(plan.map_or(Rect::new(0, 0, 1, 1), |plan| plan.body));
        }
    }
}
