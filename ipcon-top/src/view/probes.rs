// SPDX-License-Identifier: MIT OR Apache-2.0
//! The probes and the other sources: what the observer sees, what it misses, and why.

mod account;
mod lines;
mod observer;

use ipcon_observe::linter::Subject;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{DrawContext, Piece, View, detail, put_pieces};
use crate::filter::{Filter, FilterError};
use crate::keymap::Action;
use crate::store::Store;
use crate::theme::Theme;
use crate::trouble::Severity;

/// Cells of a line that is copied: wide enough for all columns.
const COPIED_WIDTH: usize = 160;

/// Lines that can be scrolled.
#[derive(Default)]
struct ProbesView {
    offset: usize,
    /// Lines there are, and that fit, when the body had its size last.
    lines: usize,
    body: Rect,
    probes: usize,
    troubled: Option<(usize, Severity)>,
}

/// The view of the probes.
pub(super) fn view() -> Box<dyn View> {
    Box::<ProbesView>::default()
}

impl ProbesView {
    fn clamp(&mut self) {
        let page = usize::from(self.body.height).max(1);
        self.offset = self.offset.min(self.lines.saturating_sub(page));
    }
}

impl View for ProbesView {
    fn name(&self) -> &'static str {
        "Probes"
    }

    fn rows(&self) -> usize {
        self.probes
    }

    fn troubled(&self) -> Option<(usize, Severity)> {
        self.troubled
    }

    fn sorted_by(&self) -> (&str, bool) {
        ("source", false)
    }

    fn legend(&self) -> Vec<(&str, &'static str)> {
        vec![
            ("seen", "Times that the probe ran."),
            ("counted", "Times that it counted what it saw."),
            ("lost", "Times that it could not, by reason."),
            (
                "missed",
                "Events for which the kernel did not run it; absent when it does not tell.",
            ),
            (
                "runs/s",
                "Times a second that the probe ran, on a wide terminal.",
            ),
            (
                "per run",
                "How long the probe took for each run lately, where the kernel times programs.",
            ),
            ("CPU", "How much of one processor it took lately."),
            (
                "timed runs",
                "Runs that the kernel timed, also those that had nothing to do with the bus.",
            ),
        ]
    }

    fn refresh(&mut self, store: &Store, _: &Filter) {
        let snapshot = store.snapshot();
        self.probes = snapshot.probes.as_ref().map_or(0, |it| it.probes.len());
        let warnings = store.warnings().iter();
        let own = warnings.filter(|it| matches!(it.subject, Subject::Observer(_)));
        self.troubled = own.fold(None, |sum, warning| {
            let (count, worst) = sum.unwrap_or((0, warning.severity));
            Some((count + 1, worst.max(warning.severity)))
        });
        let theme = Theme::new(false, false);
        self.lines = lines::lines(store, &theme, self.body.width.into()).len();
        self.clamp();
    }

    /// Its lines are no rows, and a filter leaves them as they are.
    fn check(&self, _: &Filter) -> Result<(), FilterError> {
        Ok(())
    }

    fn settle(&mut self, body: Rect) {
        self.body = body;
        self.clamp();
    }

    fn handle(&mut self, action: Action, store: &Store, filter: &Filter) -> bool {
        let page = usize::from(self.body.height).max(1);
        self.offset = match action {
            Action::Down => self.offset.saturating_add(1),
            Action::Up => self.offset.saturating_sub(1),
            Action::PageDown => self.offset.saturating_add(page),
            Action::PageUp => self.offset.saturating_sub(page),
            Action::First => 0,
            Action::Last => usize::MAX,
            _ => return false,
        };
        // A terminal of another width breaks lines elsewhere.
        self.refresh(store, filter);
        true
    }

    fn select(&mut self, subject: Subject, _: &Store) -> bool {
        matches!(subject, Subject::Observer(_))
    }

    /// All lines: they are no rows, of which one could be selected.
    fn copied(&self, detail_open: bool, ctx: &DrawContext<'_>) -> Option<String> {
        let lines = lines::lines(ctx.store, ctx.theme, COPIED_WIDTH);
        let texts = lines.iter().map(|line| {
            let pieces = line.iter().map(|(text, _)| &**text);
            pieces.collect::<String>().trim_end().to_owned()
        });
        let observer = observer::detail(ctx.store).text();
        let head = if detail_open {
            &observer
        } else {
            "the observer"
        };
        let all = std::iter::once(head.to_owned()).chain(texts);
        Some(all.collect::<Vec<_>>().join("\n"))
    }

    fn draw(&self, buf: &mut Buffer, area: Rect, ctx: &DrawContext<'_>) {
        let lines = lines::lines(ctx.store, ctx.theme, area.width.into());
        for (y, line) in (area.y..area.bottom()).zip(lines.iter().skip(self.offset)) {
            let styled = line
                .iter()
                .map(|(text, role)| (text.clone(), ctx.theme.style(*role)));
            let pieces: Vec<Piece> = styled.collect();
            put_pieces(
                buf,
                Rect {
                    y,
                    height: 1,
                    ..area
                },
                &pieces,
            );
        }
    }

    fn draw_detail(&self, buf: &mut Buffer, area: Rect, ctx: &DrawContext<'_>) {
        detail::draw(Some(&observer::detail(ctx.store)), buf, area, ctx);
    }
}
