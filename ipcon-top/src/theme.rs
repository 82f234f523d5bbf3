// SPDX-License-Identifier: MIT OR Apache-2.0
//! What things look like: named roles to styles, named glyphs to symbols.
//!
//! Colour never carries a meaning alone. Each state that has a colour has a glyph too, so the screen reads
//! the same with `--color=never`, where the styles hold no colour whatsoever.

use clap::ValueEnum;
use ratatui::style::{Color, Modifier, Style};

/// What a piece of text is, for its style.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Ordinary values.
    Normal,
    /// Units, zeros, separators: there when looked for.
    Quiet,
    /// The name of the program, titles of panes.
    Title,
    /// Column titles and labels.
    Label,
    /// The view in front, the sorted column, what the user typed.
    Active,
    /// Working as it should.
    Good,
    /// Needs a look: a queue that fills, a paused display.
    Warning,
    /// Something is being lost now.
    Alarm,
    /// The selected row.
    Selected,
    /// A peer or group that is gone.
    Gone,
    /// Sparklines and bars.
    Graph,
}

/// Symbols, each one cell wide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Glyphs {
    /// A source that works.
    pub on: &'static str,
    /// A source that is not used.
    pub off: &'static str,
    /// A source that failed.
    pub failed: &'static str,
    /// Before the selected row.
    pub selection: &'static str,
    /// Before a row that is gone.
    pub gone: &'static str,
    /// Before a value that needs action.
    pub alarm: &'static str,
    /// Sorted with the largest first.
    pub descending: &'static str,
    /// Sorted with the smallest first.
    pub ascending: &'static str,
    /// At the end of cut text.
    pub ellipsis: &'static str,
    /// Horizontal line.
    pub line: &'static str,
    /// Levels of a sparkline, from nothing to full.
    pub levels: [&'static str; 9],
    /// Fill of one cell of a bar, from nothing to full.
    pub eighths: [&'static str; 9],
    /// Keys up and down, as shown in the footer.
    pub up_down: &'static str,
}

const UNICODE: Glyphs = Glyphs {
    on: "●",
    off: "○",
    failed: "✗",
    selection: "▌",
    gone: "†",
    alarm: "!",
    descending: "▼",
    ascending: "▲",
    ellipsis: "…",
    line: "─",
    levels: [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"],
    eighths: [" ", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"],
    up_down: "↑↓",
};

const ASCII: Glyphs = Glyphs {
    on: "+",
    off: "o",
    failed: "x",
    selection: ">",
    gone: "x",
    alarm: "!",
    descending: "v",
    ascending: "^",
    ellipsis: "~",
    line: "-",
    levels: [" ", ".", ".", ":", ":", "-", "=", "*", "#"],
    eighths: [" ", ".", ".", ":", ":", "=", "=", "#", "#"],
    up_down: "jk",
};

/// Which colours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Preset {
    /// For a dark background
    #[default]
    Dark,
    /// For a light background
    Light,
    /// The strongest colours only, and nothing dimmed
    HighContrast,
    /// No colour
    Mono,
}

impl Preset {
    /// The next one; after the last comes the first.
    #[must_use]
    pub fn next(self) -> Self {
        match self {
            Self::Dark => Self::Light,
            Self::Light => Self::HighContrast,
            Self::HighContrast => Self::Mono,
            Self::Mono => Self::Dark,
        }
    }

    /// The colour of a role. Only the sixteen colours of the terminal's own palette, which its user has made readable.
    fn colour(self, role: Role) -> Option<Color> {
        use Color::{
            Blue, Cyan, DarkGray, Green, LightCyan, LightGreen, LightRed, LightYellow, Magenta,
            Red, Yellow,
        };
        let [quiet, label, good, warning, alarm, graph] = match self {
            Self::Dark => [DarkGray, Cyan, Green, Yellow, Red, Blue],
            // Yellow and cyan can hardly be seen on white.
            Self::Light => [DarkGray, Blue, Green, Magenta, Red, Blue],
            Self::HighContrast => {
                let [label, good] = [LightCyan, LightGreen];
                let quiet = Color::Reset;
                [quiet, label, good, LightYellow, LightRed, label]
            }
            Self::Mono => return None,
        };
        match role {
            Role::Normal | Role::Title | Role::Selected => None,
            Role::Quiet | Role::Gone => Some(quiet),
            Role::Label | Role::Active => Some(label),
            Role::Good => Some(good),
            Role::Warning => Some(warning),
            Role::Alarm => Some(alarm),
            Role::Graph => Some(graph),
        }
    }
}

/// How the dashboard looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Theme {
    colour: bool,
    preset: Preset,
    /// The symbols in use.
    pub glyphs: Glyphs,
}

impl Theme {
    /// A theme with or without colour, with or without symbols beyond ASCII.
    #[must_use]
    pub fn new(colour: bool, ascii: bool) -> Self {
        Self {
            colour,
            preset: Preset::default(),
            glyphs: if ascii { ASCII } else { UNICODE },
        }
    }

    /// The same theme with other colours.
    #[must_use]
    pub fn with_preset(self, preset: Preset) -> Self {
        Self { preset, ..self }
    }

    /// The same theme with the next colours.
    #[must_use]
    pub fn next(self) -> Self {
        self.with_preset(self.preset.next())
    }

    /// Whether styles may hold colours.
    #[must_use]
    pub fn has_colour(&self) -> bool {
        self.colour
    }

    /// Style of a role.
    #[must_use]
    pub fn style(&self, role: Role) -> Style {
        let modifier = match role {
            Role::Title | Role::Active | Role::Warning | Role::Alarm => Modifier::BOLD,
            Role::Selected => Modifier::REVERSED,
            Role::Gone => Modifier::CROSSED_OUT,
            Role::Normal | Role::Quiet | Role::Label | Role::Good | Role::Graph => {
                Modifier::empty()
            }
        };
        let style = Style::new().add_modifier(modifier);
        match self.preset.colour(role) {
            Some(colour) if self.colour => style.fg(colour),
            _ => style,
        }
    }

    /// Bar of `width` cells, filled to `part / whole`; anything above nothing shows at least a trace.
    #[must_use]
    pub fn bar(&self, part: u64, whole: u64, width: usize) -> String {
        let steps = width * 8;
        let mut filled = if whole == 0 {
            0
        } else {
            let share = u128::from(part.min(whole)) * steps as u128 / u128::from(whole);
            usize::try_from(share).unwrap_or(steps)
        };
        if part > 0 && filled == 0 {
            filled = 1;
        }
        (0..width)
            .map(|cell| self.glyphs.eighths[filled.saturating_sub(cell * 8).min(8)])
            .collect()
    }

    /// Index of [`Glyphs::levels`] for a value: 0 for nothing, 8 for the largest; anything above nothing is at least 1.
    #[must_use]
    pub fn level(&self, value: f64, top: f64) -> usize {
        level(value, top)
    }

    /// The last `width` of `values`, newest at the right, scaled to the largest shown.
    #[must_use]
    pub fn sparkline(&self, values: impl DoubleEndedIterator<Item = f64>, width: usize) -> String {
        let mut shown: Vec<f64> = values.rev().take(width).collect();
        let top = shown.iter().copied().fold(0.0, f64::max);
        shown.resize(width, 0.0);
        shown
            .iter()
            .rev()
            .map(|&value| self.glyphs.levels[level(value, top)])
            .collect()
    }
}

/// Level from 0 (nothing) to 8 (the largest); anything above nothing is at least 1.
fn level(value: f64, top: f64) -> usize {
    if value.is_nan() || value <= 0.0 || top <= 0.0 {
        0
    } else {
        ((value / top * 8.0).ceil() as usize).clamp(1, 8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use unicode_width::UnicodeWidthStr;

    const ROLES: [Role; 11] = [
        Role::Normal,
        Role::Quiet,
        Role::Title,
        Role::Label,
        Role::Active,
        Role::Good,
        Role::Warning,
        Role::Alarm,
        Role::Selected,
        Role::Gone,
        Role::Graph,
    ];

    #[test]
    fn no_colour_means_none_at_all() {
        for role in ROLES {
            for &preset in Preset::value_variants() {
                let style = Theme::new(false, false).with_preset(preset).style(role);
                assert_eq!((style.fg, style.bg), (None, None), "{role:?}");
            }
            let mono = Theme::new(true, false).with_preset(Preset::Mono);
            assert_eq!(mono.style(role).fg, None, "{role:?}");
        }
    }

    #[test]
    fn presets_come_round_and_differ() {
        let all = Preset::value_variants();
        let mut theme = Theme::new(true, false);
        let mut seen = Vec::new();
        for _ in all {
            seen.push(ROLES.map(|role| theme.style(role)));
            theme = theme.next();
        }
        assert_eq!(theme, Theme::new(true, false));
        for (i, styles) in seen.iter().enumerate() {
            assert!(!seen[..i].contains(styles), "{:?}", all[i]);
        }
    }

    #[test]
    fn every_glyph_is_one_cell_and_ascii_is_ascii() {
        for glyphs in [UNICODE, ASCII] {
            let single = [
                glyphs.on,
                glyphs.off,
                glyphs.failed,
                glyphs.selection,
                glyphs.gone,
                glyphs.alarm,
                glyphs.descending,
                glyphs.ascending,
                glyphs.ellipsis,
                glyphs.line,
            ];
            for glyph in single.iter().chain(&glyphs.levels).chain(&glyphs.eighths) {
                assert_eq!(glyph.width(), 1, "{glyph}");
                assert!(glyphs == UNICODE || glyph.is_ascii(), "{glyph}");
            }
        }
        assert!(ASCII.up_down.is_ascii());
        let states = [ASCII.on, ASCII.off, ASCII.failed];
        assert!(states[0] != states[1] && states[1] != states[2] && states[0] != states[2]);
    }

    #[test]
    fn bars_show_a_trace_and_are_full_only_when_full() {
        let theme = Theme::new(true, false);
        assert_eq!(theme.bar(0, 100, 4), "    ");
        assert_eq!(theme.bar(1, 1_000_000, 4), "▏   ");
        assert_eq!(theme.bar(50, 100, 4), "██  ");
        assert_eq!(theme.bar(99, 100, 4), "███▉");
        assert_eq!(theme.bar(100, 100, 4), "████");
        assert_eq!(theme.bar(200, 100, 4), "████");
        assert_eq!(theme.bar(5, 0, 2), "▏ ");
        assert_eq!(theme.bar(5, 10, 0), "");
    }

    #[test]
    fn sparklines_keep_the_newest_at_the_right() {
        let theme = Theme::new(true, false);
        assert_eq!(theme.sparkline([0.0, 4.0, 8.0].into_iter(), 5), "   ▄█");
        assert_eq!(theme.sparkline([9.0, 0.001, 8.0].into_iter(), 2), "▁█");
        assert_eq!(theme.sparkline([f64::NAN, 0.0].into_iter(), 2), "  ");
    }
}
