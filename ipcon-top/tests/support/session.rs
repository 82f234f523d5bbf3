// SPDX-License-Identifier: MIT OR Apache-2.0
//! Runs the whole dashboard on a scripted terminal: every event gives one frame, and every frame is kept.
#![allow(dead_code)]

use std::convert::Infallible;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ipcon_observe::Snapshot;
use ipcon_top::app::{App, Event};
use ipcon_top::live::{Exit, Host, Options, start};
use ipcon_top::theme::Theme;
use ratatui::Terminal;
use ratatui::backend::{Backend, ClearType, TestBackend, WindowSize};
use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::{Position, Size};

use crate::support::{FixedClock, START};

/// A dashboard under test.
pub(crate) struct Session {
    events: Sender<Event>,
    frames: Receiver<Buffer>,
    size: Arc<Mutex<Size>>,
    deeds: Arc<Mutex<Vec<String>>>,
    running: JoinHandle<anyhow::Result<Exit>>,
    /// What is on the screen now.
    pub(crate) screen: Buffer,
}

impl Session {
    /// Starts on a terminal of so many columns and lines, with a first snapshot.
    pub(crate) fn new(columns: u16, lines: u16, first: Snapshot) -> Self {
        Self::with_theme(columns, lines, first, Theme::new(true, false))
    }

    pub(crate) fn with_theme(columns: u16, lines: u16, first: Snapshot, theme: Theme) -> Self {
        let (events, incoming) = mpsc::channel();
        let (drawn, frames) = mpsc::channel();
        let size = Arc::new(Mutex::new(Size::new(columns, lines)));
        let deeds = Arc::new(Mutex::new(Vec::new()));
        let backend = Recorder {
            inner: TestBackend::new(columns, lines),
            size: size.clone(),
            drawn,
        };
        let mut host = Diary(deeds.clone());
        let interval = Duration::from_secs(1);
        let options = Options {
            interval,
            theme,
            tick: Duration::from_secs(100_000),
        };
        let app = App::new(Arc::new(first), interval, (columns, lines));
        let clock = FixedClock(START + Duration::from_secs(5));
        let running = thread::spawn(move || {
            let mut terminal = Terminal::new(backend).unwrap();
            start(&mut terminal, app, &incoming, &mut host, &clock, &options)
        });
        let screen = frames.recv().unwrap();
        Self {
            events,
            frames,
            size,
            deeds,
            running,
            screen,
        }
    }

    /// One event, one frame.
    pub(crate) fn event(&mut self, event: Event) -> &mut Self {
        self.events.send(event).unwrap();
        self.screen = self.frames.recv().unwrap();
        self
    }

    pub(crate) fn snapshot(&mut self, snapshot: Snapshot) -> &mut Self {
        self.event(Event::Snapshot(Arc::new(snapshot)))
    }

    pub(crate) fn code(&mut self, code: KeyCode) -> &mut Self {
        self.event(Event::Key(KeyEvent::new(code, KeyModifiers::NONE)))
    }

    /// Types characters, one frame each.
    pub(crate) fn keys(&mut self, keys: &str) -> &mut Self {
        for key in keys.chars() {
            self.code(KeyCode::Char(key));
        }
        self
    }

    /// What was copied last, if something was since this was asked before.
    pub(crate) fn copied(&self) -> Option<String> {
        let mut deeds = self.deeds.lock().unwrap();
        let last = deeds.iter().rposition(|it| it.starts_with("copy "))?;
        let copied = deeds[last].strip_prefix("copy ").map(str::to_owned);
        deeds.retain(|it| !it.starts_with("copy "));
        copied
    }

    pub(crate) fn resize(&mut self, columns: u16, lines: u16) -> &mut Self {
        *self.size.lock().unwrap() = Size::new(columns, lines);
        self.event(Event::Resize(columns, lines))
    }

    /// The last event, after which the program ends; how it ended, and what it asked of its host.
    pub(crate) fn end(self, event: Event) -> (anyhow::Result<Exit>, Vec<String>) {
        self.events.send(event).unwrap();
        let exit = self.running.join().unwrap();
        let deeds = self.deeds.lock().unwrap().clone();
        (exit, deeds)
    }

    pub(crate) fn key_event(code: KeyCode, modifiers: KeyModifiers) -> Event {
        Event::Key(KeyEvent::new(code, modifiers))
    }

    /// The screen as text, symbols only.
    pub(crate) fn text(&self) -> String {
        text(&self.screen)
    }
}

/// A buffer as text, symbols only, blanks at the ends of lines left out.
pub(crate) fn text(buffer: &Buffer) -> String {
    let area = buffer.area;
    let line = |y| {
        let cells = (area.left()..area.right()).map(|x| buffer[(x, y)].symbol());
        cells.collect::<String>().trim_end().to_owned()
    };
    (area.top()..area.bottom())
        .map(line)
        .collect::<Vec<_>>()
        .join("\n")
}

struct Diary(Arc<Mutex<Vec<String>>>);

impl Diary {
    fn note(&mut self, deed: String) {
        self.0.lock().unwrap().push(deed);
    }
}

impl Host for Diary {
    fn set_interval(&mut self, interval: Duration) {
        self.0
            .lock()
            .unwrap()
            .push(format!("interval {interval:?}"));
    }

    fn suspend(&mut self) -> anyhow::Result<()> {
        self.0.lock().unwrap().push("suspend".to_owned());
        Ok(())
    }

    fn retake(&mut self) -> anyhow::Result<()> {
        self.0.lock().unwrap().push("retake".to_owned());
        Ok(())
    }

    fn start_recording(&mut self, first: Arc<Snapshot>) {
        self.note(format!("record from {:?}", first.taken_at));
    }

    fn record(&mut self, snapshot: Arc<Snapshot>) {
        self.note(format!("record {:?}", snapshot.taken_at));
    }

    fn copy(&mut self, text: &str) -> anyhow::Result<()> {
        self.note(format!("copy {text}"));
        Ok(())
    }

    fn stop_recording(&mut self) {
        self.note("stop recording".to_owned());
    }
}

/// A terminal whose size the test sets, and that hands out every frame.
struct Recorder {
    inner: TestBackend,
    size: Arc<Mutex<Size>>,
    drawn: Sender<Buffer>,
}

impl Recorder {
    fn sync(&mut self) -> Size {
        let size = *self.size.lock().unwrap();
        if self.inner.size().unwrap() != size {
            self.inner.resize(size.width, size.height);
        }
        size
    }
}

impl Backend for Recorder {
    type Error = Infallible;

    fn draw<'a, I>(&mut self, content: I) -> Result<(), Infallible>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        self.sync();
        self.inner.draw(content)
    }

    fn hide_cursor(&mut self) -> Result<(), Infallible> {
        self.inner.hide_cursor()
    }

    fn show_cursor(&mut self) -> Result<(), Infallible> {
        self.inner.show_cursor()
    }

    fn get_cursor_position(&mut self) -> Result<Position, Infallible> {
        panic!("a terminal may take long to tell where its cursor is")
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> Result<(), Infallible> {
        self.inner.set_cursor_position(position)
    }

    fn clear(&mut self) -> Result<(), Infallible> {
        self.sync();
        self.inner.clear()
    }

    fn clear_region(&mut self, region: ClearType) -> Result<(), Infallible> {
        self.sync();
        self.inner.clear_region(region)
    }

    fn size(&self) -> Result<Size, Infallible> {
        Ok(*self.size.lock().unwrap())
    }

    fn window_size(&mut self) -> Result<WindowSize, Infallible> {
        self.inner.window_size()
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        self.inner.flush()?;
        let _ = self.drawn.send(self.inner.buffer().clone());
        Ok(())
    }
}
