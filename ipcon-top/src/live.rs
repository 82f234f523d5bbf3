// SPDX-License-Identifier: MIT OR Apache-2.0
//! The dashboard as a running program: events in, state, drawing, effects out.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use anyhow::{Context, anyhow};
use ipcon_observe::Snapshot;
use ratatui::Terminal;
use ratatui::backend::{Backend, CrosstermBackend};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use crate::app::{App, Effect, Event, Setup};
use crate::clock::{Clock, SystemClock};
use crate::collect::{self, Pace, SnapshotSource};
use crate::history::Past;
use crate::recording::Background;
use crate::terminal::Screen;
use crate::theme::Theme;
use crate::view;

/// How the dashboard looks and how often it looks.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Time from one refresh to the next.
    pub interval: Duration,
    /// Colours and symbols.
    pub theme: Theme,
    /// Longest time without drawing, so that the clock goes on while nothing happens.
    pub tick: Duration,
}

/// How the dashboard came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// The user left.
    Quit,
    /// A signal asked for it.
    Signal(i32),
}

/// The world that effects act upon.
pub trait Host {
    /// Collects once an `interval` from now on.
    fn set_interval(&mut self, interval: Duration);

    /// Gives the terminal back, stops the program until somebody continues it, takes the terminal again.
    ///
    /// # Errors
    ///
    /// The terminal cannot be taken again.
    fn suspend(&mut self) -> anyhow::Result<()>;

    /// Takes the terminal anew, after others may have used it.
    ///
    /// # Errors
    ///
    /// The terminal cannot be taken.
    fn retake(&mut self) -> anyhow::Result<()>;

    /// Takes the mouse, or gives it back to the terminal.
    ///
    /// # Errors
    ///
    /// The terminal refuses.
    fn set_mouse(&mut self, _on: bool) -> anyhow::Result<()> {
        Ok(())
    }

    /// Begins a recording with this snapshot. How it gets on comes as events.
    fn start_recording(&mut self, _first: Arc<Snapshot>) {}

    /// Adds a snapshot to the recording.
    fn record(&mut self, _snapshot: Arc<Snapshot>) {}

    /// Ends the recording.
    fn stop_recording(&mut self) {}

    /// Hands a text to the clipboard of the terminal, which may refuse it and does not tell.
    ///
    /// # Errors
    ///
    /// The terminal cannot be written.
    fn copy(&mut self, _text: &str) -> anyhow::Result<()> {
        Ok(())
    }

    /// Leaves what is on the screen behind when the program has ended.
    fn keep(&mut self, _screen: &Buffer) {}
}

/// Runs the dashboard until the user or a signal ends it. Everything it touches is given to it.
///
/// # Errors
///
/// The terminal cannot be written, or a part of the program died.
pub fn start<B: Backend>(
    terminal: &mut Terminal<B>,
    mut app: App,
    events: &Receiver<Event>,
    host: &mut dyn Host,
    clock: &dyn Clock,
    options: &Options,
) -> anyhow::Result<Exit>
where
    B::Error: Send + Sync + 'static,
{
    let mut theme = options.theme;
    if app.uses_mouse() {
        host.set_mouse(true)?;
    }
    loop {
        terminal
            .draw(|frame| {
                let area = frame.area();
                view::draw(&app, &theme, clock.now(), frame.buffer_mut(), area);
            })
            .context("writing to the terminal")?;
        let first = match events.recv_timeout(options.tick) {
            Ok(event) => event,
            Err(RecvTimeoutError::Timeout) => Event::Tick,
            Err(RecvTimeoutError::Disconnected) => {
                return Err(anyhow!("nobody sends events any more"));
            }
        };
        // Whatever else is there already goes into the same frame.
        for event in std::iter::once(first).chain(events.try_iter()) {
            for effect in app.update(event) {
                match effect {
                    Effect::Quit => return Ok(Exit::Quit),
                    Effect::Die(signal) => return Ok(Exit::Signal(signal)),
                    Effect::Fail(error) => return Err(anyhow!(error)),
                    Effect::SetInterval(interval) => host.set_interval(interval),
                    Effect::Suspend => host.suspend()?,
                    Effect::Retake => host.retake()?,
                    Effect::NextTheme => theme = theme.next(),
                    Effect::SetMouse(on) => host.set_mouse(on)?,
                    Effect::StartRecording(first) => host.start_recording(first),
                    Effect::Record(snapshot) => host.record(snapshot),
                    Effect::StopRecording => host.stop_recording(),
                    Effect::Copy => {
                        if let Some(text) = app.copy(clock.now()) {
                            host.copy(&text)?;
                        }
                    }
                    Effect::QuitKeeping => {
                        let (columns, lines) = app.size();
                        let mut last = Buffer::empty(Rect::new(0, 0, columns, lines));
                        let area = last.area;
                        view::draw(&app, &theme, clock.now(), &mut last, area);
                        host.keep(&last);
                        return Ok(Exit::Quit);
                    }
                    Effect::Redraw => {
                        // Not `Terminal::clear`: that asks the terminal where its cursor is, and waits.
                        let size = terminal
                            .size()
                            .context("asking the terminal for its size")?;
                        terminal
                            .resize(size.into())
                            .context("clearing the terminal")?;
                    }
                }
            }
        }
    }
}

/// Shows the dashboard of `source` in the terminal of this process, as `setup` wants it.
///
/// # Errors
///
/// The bus cannot be read, `setup` names what there is not, or there is no usable terminal. The terminal is as it was before.
pub fn run(
    mut source: Box<dyn SnapshotSource>,
    setup: &Setup,
    options: &Options,
) -> anyhow::Result<Exit> {
    // First of all, while an error can still be printed in peace.
    let first = source.collect()?;
    let app = App::new(first.into(), options.interval, UNKNOWN_SIZE).set_up(setup)?;
    in_terminal(app, &SystemClock::new(), options, |sender| {
        let give_up = source.bystander();
        let pace = collect::spawn(source, options.interval, sender)?;
        give_up()?;
        Ok(pace)
    })
}

/// Shows the dashboard of a recording in the terminal of this process, as `setup` wants it. The `clock` tells which wall-clock
/// time the times of the recording are; its time now does not matter.
///
/// # Errors
///
/// The recording cannot be read, `setup` names what there is not, or there is no usable terminal. The terminal is as it was
/// before.
pub fn replay(
    past: Box<dyn Past>,
    clock: &dyn Clock,
    setup: &Setup,
    options: &Options,
) -> anyhow::Result<Exit> {
    let app = App::replaying(past, options.interval, UNKNOWN_SIZE)?.set_up(setup)?;
    in_terminal(app, clock, options, |sender| {
        collect::beat(options.interval, sender)
    })
}

/// Size of the terminal, in columns and lines, before it is asked.
const UNKNOWN_SIZE: (u16, u16) = (80, 24);

fn in_terminal(
    mut app: App,
    clock: &dyn Clock,
    options: &Options,
    begin: impl FnOnce(Sender<Event>) -> anyhow::Result<Pace>,
) -> anyhow::Result<Exit> {
    let (sender, events) = mpsc::channel();
    let screen = Screen::take()?;
    // The threads that follow have no more capabilities than this one.
    let pace = begin(sender.clone())?;
    spawn_signals(sender.clone())?;
    spawn_input(sender.clone())?;

    let backend = CrosstermBackend::new(io::stdout());
    let mut terminal = Terminal::new(backend).context("opening the terminal for drawing")?;
    let size = terminal
        .size()
        .context("asking the terminal for its size")?;
    app.update(Event::Resize(size.width, size.height));
    let mut host = Process {
        screen,
        pace,
        recordings: Background::new(PathBuf::new(), sender),
        kept: String::new(),
    };
    let exit = start(&mut terminal, app, &events, &mut host, clock, options);
    let Process {
        screen,
        pace,
        recordings,
        kept,
    } = host;
    // The terminal is given back before something is left on it, or a disk waited for.
    drop((screen, pace));
    // Nobody is there to read it when the terminal is gone.
    let _ = io::stdout().write_all(kept.as_bytes());
    let _ = io::stdout().write_all(recordings.end().as_bytes());
    exit
}

/// What a screen shows as lines of text, without the empty ones at its end.
fn as_text(screen: &Buffer) -> String {
    let area = screen.area;
    let line = |y| {
        let cells = (area.left()..area.right()).map(|x| screen[(x, y)].symbol());
        cells.collect::<String>().trim_end().to_owned() + "\n"
    };
    let text: String = (area.top()..area.bottom()).map(line).collect();
    text.trim_end().to_owned() + "\n"
}

/// This process as the host of the dashboard. Dropping it gives the terminal back and ends the collection.
struct Process {
    screen: Screen,
    pace: Pace,
    recordings: Background,
    /// What is left behind on the terminal.
    kept: String,
}

impl Host for Process {
    fn set_interval(&mut self, interval: Duration) {
        self.pace.set(interval);
    }

    fn suspend(&mut self) -> anyhow::Result<()> {
        self.screen.lend();
        emulate_default_handler(SIGTSTP).context("stopping, to go back to the shell")?;
        self.screen.retake()
    }

    fn retake(&mut self) -> anyhow::Result<()> {
        self.screen.lend();
        self.screen.retake()
    }

    fn set_mouse(&mut self, on: bool) -> anyhow::Result<()> {
        self.screen.set_mouse(on)
    }

    fn start_recording(&mut self, first: Arc<Snapshot>) {
        self.recordings.start(first);
    }

    fn record(&mut self, snapshot: Arc<Snapshot>) {
        self.recordings.append(snapshot);
    }

    fn stop_recording(&mut self) {
        self.recordings.stop();
    }

    fn copy(&mut self, text: &str) -> anyhow::Result<()> {
        self.screen.copy(text)
    }

    fn keep(&mut self, screen: &Buffer) {
        self.kept = as_text(screen);
    }
}

fn spawn_signals(out: Sender<Event>) -> anyhow::Result<()> {
    let wanted = [SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGTSTP, SIGCONT];
    let mut signals = Signals::new(wanted).context("listening to signals")?;
    spawn("signals", move || {
        for signal in signals.forever() {
            let event = match signal {
                SIGTSTP => Event::Stop,
                SIGCONT => Event::Continued,
                other => Event::Terminate(other),
            };
            if out.send(event).is_err() {
                return;
            }
        }
    })
}

fn spawn_input(out: Sender<Event>) -> anyhow::Result<()> {
    use crossterm::event::{Event as Input, read};
    spawn("input", move || {
        loop {
            let event = match read() {
                Ok(Input::Key(key)) => Event::Key(key),
                Ok(Input::Mouse(mouse)) => Event::Mouse(mouse),
                Ok(Input::Paste(text)) => Event::Paste(text),
                Ok(Input::Resize(columns, lines)) => Event::Resize(columns, lines),
                Ok(_) => continue,
                Err(error) => Event::Fatal(format!("reading keys from the terminal: {error}")),
            };
            let last = matches!(event, Event::Fatal(_));
            if out.send(event).is_err() || last {
                return;
            }
        }
    })
}

fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> anyhow::Result<()> {
    let thread = thread::Builder::new().name(name.to_owned()).spawn(body);
    thread
        .map(drop)
        .with_context(|| format!("starting the thread for {name}"))
}
