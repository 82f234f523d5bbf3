// SPDX-License-Identifier: MIT OR Apache-2.0
//! How long each part of a VM's life may take. Pure: the caller says what time it is.

use std::time::{Duration, Instant};

/// The limits of one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Deadlines {
    /// The whole boot.
    pub(crate) boot: Duration,
    /// The longest silence of the console during the boot.
    pub(crate) silence: Duration,
    /// The command; none means that it may take for ever.
    pub(crate) command: Option<Duration>,
    /// From the command's end to the end of QEMU.
    pub(crate) shutdown: Duration,
}

impl Deadlines {
    /// Generous ones: translated code on a loaded host is slow, and a deadline that is too short
    /// makes a healthy run fail. A kernel that hangs is silent, and silence has its own limit.
    ///
    /// The guest needs `checks` after the command for what it looks at then.
    pub(crate) fn with_command(command: Option<Duration>, checks: Duration) -> Self {
        Self {
            boot: Duration::from_secs(600),
            silence: Duration::from_secs(120),
            command,
            shutdown: Duration::from_secs(30) + checks,
        }
    }
}

/// Which limit was passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missed {
    Boot(Duration),
    Silence(Duration),
    Command(Duration),
    Shutdown(Duration),
}

/// The limits that hold right now.
#[derive(Debug, Clone)]
pub(crate) struct Watch {
    limit: Option<(Instant, Missed)>,
    silence: Option<(Instant, Duration)>,
}

impl Watch {
    /// The boot begins.
    pub(crate) fn boot(deadlines: &Deadlines, now: Instant) -> Self {
        Self {
            limit: Some((now + deadlines.boot, Missed::Boot(deadlines.boot))),
            silence: Some((now + deadlines.silence, deadlines.silence)),
        }
    }

    /// The command begins.
    pub(crate) fn command(deadlines: &Deadlines, now: Instant) -> Self {
        let limit = deadlines
            .command
            .map(|limit| (now + limit, Missed::Command(limit)));
        Self {
            limit,
            silence: None,
        }
    }

    /// The end begins, unless it has begun before.
    pub(crate) fn shut_down(&mut self, deadlines: &Deadlines, now: Instant) {
        if !matches!(self.limit, Some((_, Missed::Shutdown(_)))) {
            self.limit = Some((
                now + deadlines.shutdown,
                Missed::Shutdown(deadlines.shutdown),
            ));
        }
        self.silence = None;
    }

    /// The VM showed a sign of life.
    pub(crate) fn alive(&mut self, now: Instant) {
        if let Some((at, silence)) = &mut self.silence {
            *at = now + *silence;
        }
    }

    /// The time until the next limit; none when nothing is limited.
    pub(crate) fn left(&self, now: Instant) -> Option<Duration> {
        let ends = [self.limit.map(|(at, _)| at), self.silence.map(|(at, _)| at)];
        ends.into_iter()
            .flatten()
            .min()
            .map(|at| at.saturating_duration_since(now))
    }

    /// The limit that has been passed, if any.
    pub(crate) fn missed(&self, now: Instant) -> Option<Missed> {
        if let Some((at, missed)) = self.limit
            && now >= at
        {
            return Some(missed);
        }
        self.silence
            .filter(|(at, _)| now >= *at)
            .map(|(_, silence)| Missed::Silence(silence))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    fn deadlines(command: Option<Duration>) -> Deadlines {
        Deadlines {
            boot: 10 * S,
            silence: 3 * S,
            command,
            shutdown: 2 * S,
        }
    }

    #[test]
    fn a_boot_that_makes_progress_lives_until_the_absolute_limit() {
        let begin = Instant::now();
        let mut watch = Watch::boot(&deadlines(None), begin);
        for second in 1..10 {
            let now = begin + second * S;
            assert_eq!(watch.missed(now), None);
            watch.alive(now);
        }
        assert_eq!(watch.left(begin + 9 * S), Some(S));
        assert_eq!(watch.missed(begin + 10 * S), Some(Missed::Boot(10 * S)));
    }

    #[test]
    fn a_silent_boot_is_given_up_early() {
        let begin = Instant::now();
        let watch = Watch::boot(&deadlines(None), begin);
        assert_eq!(watch.missed(begin + 3 * S), Some(Missed::Silence(3 * S)));
    }

    #[test]
    fn a_command_without_a_limit_may_be_silent_for_ever() {
        let begin = Instant::now();
        let watch = Watch::command(&deadlines(None), begin);
        assert_eq!(
            (watch.left(begin), watch.missed(begin + 9999 * S)),
            (None, None)
        );
        let watch = Watch::command(&deadlines(Some(5 * S)), begin);
        assert_eq!(watch.missed(begin + 5 * S), Some(Missed::Command(5 * S)));
    }

    #[test]
    fn the_end_begins_only_once() {
        let begin = Instant::now();
        let mut watch = Watch::command(&deadlines(None), begin);
        watch.shut_down(&deadlines(None), begin);
        watch.shut_down(&deadlines(None), begin + S);
        assert_eq!(watch.missed(begin + 2 * S), Some(Missed::Shutdown(2 * S)));
    }
}
