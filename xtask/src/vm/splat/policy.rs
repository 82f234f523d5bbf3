// SPDX-License-Identifier: MIT OR Apache-2.0
//! The lists of what must not be in a kernel's log, and of what may be there all the same.

use anyhow::{Context, bail, ensure};
use regex::{Regex, RegexSet};

/// What is not healthy.
const DENY: &str = include_str!("deny.txt");
/// What looks like it and is none, each with its reason.
const ALLOW: &str = include_str!("allow.txt");

/// Both lists, ready to be asked.
#[derive(Debug)]
pub(crate) struct Policy {
    detectors: Vec<String>,
    deny: RegexSet,
    allow: Vec<Allowed>,
}

#[derive(Debug)]
struct Allowed {
    detector: String,
    pattern: Regex,
}

/// What the lists say of one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hit<'a> {
    /// The detector of the rule.
    pub(super) detector: &'a str,
    /// The rule's place in the list.
    pub(super) rule: usize,
    /// The list of what is allowed has it as well.
    pub(super) allowed: bool,
}

impl Policy {
    /// The lists of this repository.
    ///
    /// # Errors
    ///
    /// A list that cannot be used. A check that does not work must not look like a clean log.
    pub(crate) fn built_in() -> anyhow::Result<Self> {
        Self::new(DENY, ALLOW)
    }

    /// Lists from their texts.
    pub(super) fn new(deny: &str, allow: &str) -> anyhow::Result<Self> {
        let deny = rules(deny).context("reading the list deny.txt")?;
        let allow = rules(allow).context("reading the list allow.txt")?;
        for rule in &allow {
            ensure!(
                rule.reason.is_some(),
                "allow.txt, line {}: give the reason in a comment right above the rule",
                rule.line
            );
            ensure!(
                deny.iter().any(|denied| denied.detector == rule.detector),
                "allow.txt, line {}: deny.txt has no detector {}",
                rule.line,
                rule.detector
            );
        }
        let detectors = deny.iter().map(|rule| rule.detector.to_owned()).collect();
        let deny = RegexSet::new(deny.iter().map(|rule| rule.pattern))
            .context("compiling the list deny.txt")?;
        let allow = allow
            .into_iter()
            .map(|rule| {
                Ok(Allowed {
                    detector: rule.detector.to_owned(),
                    pattern: Regex::new(rule.pattern).context("compiling the list allow.txt")?,
                })
            })
            .collect::<anyhow::Result<_>>()?;
        Ok(Self {
            detectors,
            deny,
            allow,
        })
    }

    /// What the lists say of a message; none when it is harmless.
    pub(super) fn judge(&self, message: &str) -> Option<Hit<'_>> {
        let rule = self.deny.matches(message).iter().next()?;
        let detector = &self.detectors[rule];
        let allowed = self
            .allow
            .iter()
            .any(|allowed| allowed.detector == *detector && allowed.pattern.is_match(message));
        Some(Hit {
            detector,
            rule,
            allowed,
        })
    }
}

/// One line of a list.
struct Rule<'a> {
    line: usize,
    detector: &'a str,
    pattern: &'a str,
    /// The comment right above.
    reason: Option<&'a str>,
}

fn rules(text: &str) -> anyhow::Result<Vec<Rule<'_>>> {
    let mut rules = Vec::new();
    let mut reason = None;
    for (index, content) in text.lines().enumerate() {
        let (line, content) = (index + 1, content.trim());
        if let Some(comment) = content.strip_prefix('#') {
            reason = Some(comment.trim()).filter(|comment| !comment.is_empty());
            continue;
        }
        let reason = reason.take();
        if content.is_empty() {
            continue;
        }
        let Some((detector, pattern)) = content.split_once(char::is_whitespace) else {
            bail!("line {line}: a rule is a detector and an expression, not `{content}`");
        };
        let pattern = pattern.trim_start();
        ensure!(
            pattern.starts_with('^'),
            "line {line}: `{pattern}` is not anchored with ^; it would match quotations"
        );
        Regex::new(pattern).with_context(|| format!("line {line}: `{pattern}`"))?;
        rules.push(Rule {
            line,
            detector,
            pattern,
            reason,
        });
    }
    ensure!(!rules.is_empty(), "it has no rule: the list is damaged");
    Ok(rules)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const DENY: &str = "bug ^BUG:\nwarn ^WARNING:\n";
    const ALLOW: &str = "# Known to be wrong.\nbug ^BUG: harmless\n";

    #[test]
    fn the_lists_of_this_repository_can_be_used() {
        Policy::built_in().unwrap();
    }

    #[test]
    fn a_message_is_judged_by_the_first_rule_and_by_its_exceptions() {
        let policy = Policy::new(DENY, ALLOW).unwrap();
        let found = |message| policy.judge(message).map(|hit| (hit.detector, hit.allowed));
        assert_eq!(found("BUG: x"), Some(("bug", false)));
        assert_eq!(found("BUG: harmless"), Some(("bug", true)));
        assert_eq!(found("a BUG: x"), None);
    }

    #[test]
    fn a_list_that_cannot_be_used_is_an_error() {
        let no = |deny, allow| format!("{:#}", Policy::new(deny, allow).unwrap_err());
        assert!(no("", ALLOW).contains("no rule"));
        assert!(no(DENY, "# Only words.\n").contains("no rule"));
        assert!(no("bug ^BUG(\n", ALLOW).contains("line 1"));
        assert!(no("bug BUG:\n", ALLOW).contains("anchored"));
        assert!(no("^BUG:\n", ALLOW).contains("a detector"));
        assert!(no(DENY, "bug ^BUG: harmless\n").contains("reason"));
        assert!(no(DENY, "# Why.\n\nbug ^BUG: harmless\n").contains("reason"));
        assert!(no(DENY, "# Why.\nbugs ^BUG: harmless\n").contains("no detector bugs"));
    }
}
