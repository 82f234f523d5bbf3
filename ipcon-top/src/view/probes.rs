// SPDX-License-Identifier: MIT OR Apache-2.0
//! The probes and the other sources: what the observer sees, what it misses, and why.

use std::cmp::Reverse;

use ipcon_observe::ProbeRates;
use ipcon_observe::linter::Subject;
use ipcon_observe::model::{
    MapFill, Observer, Probe, Probes, RequestErrors, Source, SourceState, SourceStatus,
};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::detail::{self, Detail};
use super::{DrawContext, Piece, View, put_pieces};
use crate::filter::{Filter, FilterError};
use crate::format::{self, ABSENT, Align, fit};
use crate::keymap::Action;
use crate::store::Store;
use crate::theme::{Role, Theme};
use crate::trouble::Severity;

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

/// Cells of names.
const NAME: usize = 18;
/// Cells of a line that is copied: wide enough for all columns.
const COPIED_WIDTH: usize = 160;
/// Cells of numbers.
const NUMBER: usize = 12;

/// A line in the making: texts and what they are.
type Line = Vec<(String, Role)>;

fn lines(store: &Store, theme: &Theme, width: usize) -> Vec<Line> {
    let mut lines = vec![title("where the numbers come from")];
    for source in &store.snapshot().sources {
        lines.extend(of_source(source, theme, width));
        if source.name == Source::Dumps && !store.snapshot().consistent {
            let told = "the bus changed while it was read: rows may not fit together";
            lines.push(vec![
                (format!("     {}", theme.glyphs.alarm), Role::Warning),
                (told.to_owned(), Role::Warning),
            ]);
        }
    }
    if let Some(observer) = &store.snapshot().observer {
        lines.push(of_observer(observer, store.rates().observer_cpu(), theme));
    }
    match &store.snapshot().probes {
        Some(probes) => of_probes(probes, store.rates().probes(), theme, width, &mut lines),
        None => {
            let reason = store.absence(Source::Probes);
            lines.push(Line::new());
            lines.push(title("probes"));
            lines.push(vec![(
                format!(
                    "   none attached{}",
                    if reason.is_some() {
                        ", as said above"
                    } else {
                        ""
                    }
                ),
                Role::Quiet,
            )]);
        }
    }
    lines
}

fn title(text: &str) -> Line {
    vec![(format!(" {text}"), Role::Title)]
}

fn of_source(source: &SourceStatus, theme: &Theme, width: usize) -> Vec<Line> {
    let glyphs = &theme.glyphs;
    let (glyph, role, state, reason) = match &source.state {
        SourceState::On => (glyphs.on, Role::Good, "on", None),
        SourceState::Off { reason } => (glyphs.off, Role::Quiet, "off", Some(reason)),
        SourceState::Failed { reason } => (glyphs.failed, Role::Alarm, "failed", Some(reason)),
    };
    let took = source.duration.map_or(ABSENT.to_owned(), format::duration);
    let lost = match source.lost {
        0 => ("0".to_owned(), Role::Quiet),
        lost => (format!("{}{lost}", glyphs.alarm), Role::Alarm),
    };
    let head = vec![
        (format!("   {glyph} "), role),
        (cell(source.name.key(), NAME - 2, theme), Role::Normal),
        (cell(state, 8, theme), role),
        ("took ".to_owned(), Role::Label),
        (format!("{took:<8}"), Role::Normal),
        ("lost ".to_owned(), Role::Label),
        lost,
    ];
    let reason = reason.map_or(String::new(), |reason| printable(reason));
    let wrapped = format::wrap(&reason, width.saturating_sub(6).max(10));
    let more = wrapped.into_iter().filter(|line| !line.is_empty());
    let more = more.map(|line| vec![(format!("     {line}"), Role::Quiet)]);
    std::iter::once(head).chain(more).collect()
}

/// What it takes itself: in a recording, what the one took that made it.
fn of_observer(observer: &Observer, cpu: Option<f64>, theme: &Theme) -> Line {
    let memory = observer.resident_bytes;
    vec![
        (
            format!("     {}", cell("the observer", NAME - 2, theme)),
            Role::Normal,
        ),
        ("takes ".to_owned(), Role::Label),
        (cpu.map_or(ABSENT.to_owned(), share), Role::Normal),
        (" of a CPU, memory ".to_owned(), Role::Label),
        (
            memory.map_or(ABSENT.to_owned(), format::bytes),
            Role::Normal,
        ),
    ]
}

/// A share of one processor.
fn share(share: f64) -> String {
    match 100.0 * share {
        percent if percent > 0.0 && percent < 0.005 => "<0.01%".to_owned(),
        percent => format!("{percent:.2}%"),
    }
}

fn of_probes(
    probes: &Probes,
    rates: &ProbeRates,
    theme: &Theme,
    width: usize,
    lines: &mut Vec<Line>,
) {
    lines.push(Line::new());
    lines.push(title("probes"));
    let heads = ["seen", "counted", "lost", "missed"];
    // A number that is cut is another number.
    let fits = width >= 5 + NAME - 1 + 10 + 5 * NUMBER;
    let mut head = vec![(
        format!("     {}", cell("tracepoint", NAME - 2, theme)),
        Role::Label,
    )];
    head.push((cell("attached", 9, theme), Role::Label));
    head.extend(heads.map(|it| (number(it, theme), Role::Label)));
    if fits {
        head.push((number("runs/s", theme), Role::Label));
    }
    lines.push(head);
    for probe in &probes.probes {
        let mut line = of_probe(probe, theme);
        if fits {
            line.push(rate(rates.runs(&probe.name), theme));
        }
        lines.push(line);
        lines.extend(
            probe
                .lost
                .iter()
                .filter(|lost| lost.events > 0)
                .map(|lost| {
                    let reason = lost.reason.replace('_', " ");
                    vec![(
                        format!("       lost {}: {reason}", lost.events),
                        Role::Alarm,
                    )]
                }),
        );
    }
    lines.push(Line::new());
    lines.push(title("run time of the probes"));
    lines.extend(of_run_times(&probes.probes, rates, theme, width));
    if !probes.request_errors.is_empty() {
        lines.push(Line::new());
        lines.push(title("requests that failed"));
        lines.extend(of_errors(&probes.request_errors, rates, theme));
    }
    if !probes.maps.is_empty() {
        lines.push(Line::new());
        lines.push(title("maps of the kernel"));
        lines.extend(probes.maps.iter().map(|map| of_map(map, theme)));
    }
    if !probes.identities.is_empty() {
        lines.push(Line::new());
        lines.push(title("what must be equal on a quiet bus"));
        for identity in &probes.identities {
            let (glyph, role) = if identity.holds() {
                (theme.glyphs.on, Role::Good)
            } else {
                (theme.glyphs.failed, Role::Warning)
            };
            lines.push(vec![
                (format!("   {glyph} "), role),
                (identity.name.clone(), Role::Normal),
                (format!("   {} = {}", identity.left, identity.right), role),
            ]);
        }
    }
    if probes.unreported_exceptions > 0 {
        lines.push(Line::new());
        lines.push(vec![(
            format!(
                "   {} exceptions were counted and not told one by one: there were too many at once",
                probes.unreported_exceptions
            ),
            Role::Warning,
        )]);
    }
}

fn of_probe(probe: &Probe, theme: &Theme) -> Line {
    let (glyph, role) = if probe.attached {
        (theme.glyphs.on, Role::Good)
    } else {
        (theme.glyphs.failed, Role::Alarm)
    };
    let attached = if probe.attached {
        &*probe.backend
    } else {
        "no"
    };
    let count = |n: u64, bad: bool| {
        let role = match (n, bad) {
            (0, _) => Role::Quiet,
            (_, true) => Role::Alarm,
            (_, false) => Role::Normal,
        };
        (number(&n.to_string(), theme), role)
    };
    let missed = match probe.missed {
        Some(missed) => count(missed, true),
        None => (number(ABSENT, theme), Role::Quiet),
    };
    vec![
        (format!("   {glyph} "), role),
        (cell(&probe.name, NAME - 2, theme), Role::Normal),
        (cell(attached, 9, theme), role),
        count(probe.seen, false),
        count(probe.counted, false),
        count(probe.lost_total(), true),
        missed,
    ]
}

/// How long each run takes, and how much of a processor all of them, where the kernel times them.
fn of_run_times(probes: &[Probe], rates: &ProbeRates, theme: &Theme, width: usize) -> Vec<Line> {
    let cells = |name: &str| format!("     {}", cell(name, NAME - 2, theme));
    let value = |text: Option<String>| match text {
        Some(text) => (number(&text, theme), Role::Normal),
        None => (number(ABSENT, theme), Role::Quiet),
    };
    let timed = probes.iter().filter_map(|probe| {
        let run_time = probe.run_time?;
        Some(vec![
            (cells(&probe.name), Role::Normal),
            value(rates.per_run(&probe.name).map(format::duration)),
            value(rates.cpu(&probe.name).map(share)),
            (number(&run_time.runs.to_string(), theme), Role::Normal),
        ])
    });
    let timed: Vec<Line> = timed.collect();
    if timed.is_empty() {
        let why = "not timed: sysctl kernel.bpf_stats_enabled=1 has the kernel time all programs of the machine, which \
                   costs each of them";
        let wrapped = format::wrap(why, width.saturating_sub(6).max(10)).into_iter();
        let line = |line| vec![(format!("     {line}"), Role::Quiet)];
        return wrapped.map(line).collect();
    }
    let head = vec![
        (cells("tracepoint"), Role::Label),
        (number("per run", theme), Role::Label),
        (number("CPU", theme), Role::Label),
        (number("timed runs", theme), Role::Label),
    ];
    std::iter::once(head).chain(timed).collect()
}

/// Requests that were answered with an error, those with most at the top.
fn of_errors(errors: &[RequestErrors], rates: &ProbeRates, theme: &Theme) -> Vec<Line> {
    let cells = |command: &str, errno: &str| {
        format!(
            "     {}{}",
            cell(command, 24, theme),
            cell(errno, 16, theme)
        )
    };
    let head = vec![
        (cells("command", "error"), Role::Label),
        (number("requests", theme), Role::Label),
        (number("per second", theme), Role::Label),
    ];
    let mut errors: Vec<&RequestErrors> = errors.iter().collect();
    errors.sort_by_key(|it| Reverse(it.requests));
    let line = |it: &RequestErrors| {
        vec![
            (cells(&it.command, &it.errno), Role::Normal),
            (number(&it.requests.to_string(), theme), Role::Normal),
            rate(rates.errors(it), theme),
        ]
    };
    std::iter::once(head)
        .chain(errors.into_iter().map(line))
        .collect()
}

fn rate(per_second: Option<f64>, theme: &Theme) -> (String, Role) {
    match per_second {
        Some(rate) if rate > 0.0 => (number(&format!("{rate:.1}"), theme), Role::Normal),
        Some(_) => (number("0", theme), Role::Quiet),
        None => (number(ABSENT, theme), Role::Quiet),
    }
}

fn of_map(map: &MapFill, theme: &Theme) -> Line {
    let percent = format::percent(map.entries, map.limit);
    let role = match percent {
        Some(80..) => Role::Warning,
        _ => Role::Graph,
    };
    let mark = if role == Role::Warning {
        theme.glyphs.alarm
    } else {
        " "
    };
    vec![
        (format!("   {mark} "), role),
        (cell(&map.map, NAME - 2, theme), Role::Normal),
        (theme.bar(map.entries, map.limit, 20), role),
        (format!(" {} of {}", map.entries, map.limit), Role::Normal),
    ]
}

fn cell(text: &str, width: usize, theme: &Theme) -> String {
    format!("{} ", fit(text, width, Align::Left, theme.glyphs.ellipsis))
}

fn number(text: &str, theme: &Theme) -> String {
    fit(text, NUMBER, Align::Right, theme.glyphs.ellipsis)
}

/// What comes from each source, or does not, and why.
fn notes(sources: &[SourceStatus]) -> Vec<(&'static str, String)> {
    let note = |source: &SourceStatus| {
        let tells = source.name.tells().join(", ");
        let text = match &source.state {
            SourceState::On => format!("on, tells {tells}"),
            SourceState::Off { reason } => format!("off: {reason}; not known: {tells}"),
            SourceState::Failed { reason } => format!("failed: {reason}; not known now: {tells}"),
        };
        (source.name.key(), printable(&text))
    };
    let missing = sources.iter().any(|it| it.state != SourceState::On);
    let doctor = missing.then(|| {
        (
            "remedy",
            "`ipcon-top doctor` tells what would change that".to_owned(),
        )
    });
    sources.iter().map(note).chain(doctor).collect()
}

/// A reason may be that of a recording, in which anything may stand.
fn printable(text: &str) -> String {
    text.replace(char::is_control, " ")
}

/// What is wrong with what the observer sees.
fn observer(store: &Store) -> Detail {
    let warnings = store.warnings().iter();
    let own = warnings.filter(|it| matches!(it.subject, Subject::Observer(_)));
    Detail {
        title: "the observer".to_owned(),
        warnings: own.cloned().collect(),
        notes: notes(&store.snapshot().sources),
        ..Detail::default()
    }
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
            ("timed runs", "Runs that the kernel timed."),
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
        self.lines = lines(store, &theme, self.body.width.into()).len();
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
        let lines = lines(ctx.store, &Theme::new(false, true), COPIED_WIDTH);
        let texts = lines.iter().map(|line| {
            let pieces = line.iter().map(|(text, _)| &**text);
            pieces.collect::<String>().trim_end().to_owned()
        });
        let observer = observer(ctx.store).text();
        let head = if detail_open {
            &observer
        } else {
            "the observer"
        };
        let all = std::iter::once(head.to_owned()).chain(texts);
        Some(all.collect::<Vec<_>>().join("\n"))
    }

    fn draw(&self, buf: &mut Buffer, area: Rect, ctx: &DrawContext<'_>) {
        let lines = lines(ctx.store, ctx.theme, area.width.into());
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
        detail::draw(Some(&observer(ctx.store)), buf, area, ctx);
    }
}
