// SPDX-License-Identifier: MIT OR Apache-2.0
//! Running other programs: with a deadline, their output kept in a log, an error that says what
//! was run and how it ended.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rustix::process::Pid;

use crate::interrupt::Undo;

/// How many of a failed program's last lines the error shows.
const TAIL_LINES: usize = 25;

/// Runs `command` to its end, output into `log` (appended), and fails unless it succeeds.
///
/// It gets a process group of its own, which is killed as a whole when `deadline` passes.
pub(crate) fn run_logged(
    command: &mut Command,
    log: &Path,
    deadline: Duration,
) -> anyhow::Result<()> {
    let mut out = open_log(log)?;
    writeln!(out, "$ {}", display(command)).context("writing the log")?;
    let begin = out.seek(SeekFrom::End(0)).context("measuring the log")?;
    command.stdin(Stdio::null());
    command.stdout(out.try_clone().context("sharing the log")?);
    command.stderr(out);
    let status = run_group(command, deadline)?;
    if status.success() {
        return Ok(());
    }
    bail!(
        "`{}` {}\n{}  (all of it: {})",
        brief(command),
        describe(status),
        tail(&read_from(log, begin)?, TAIL_LINES),
        log.display()
    )
}

/// Runs `command` to its end with this program's own stdout and stderr; returns how it ended.
pub(crate) fn run_shown(command: &mut Command, deadline: Duration) -> anyhow::Result<ExitStatus> {
    command.stdin(Stdio::null());
    run_group(command, deadline)
}

/// Runs `command` and returns what it printed on stdout; stderr becomes part of the error.
pub(crate) fn capture(command: &mut Command) -> anyhow::Result<String> {
    let shown = display(command);
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("starting `{shown}`"))?;
    if !output.status.success() {
        bail!(
            "`{shown}` {}\n{}",
            describe(output.status),
            tail(&String::from_utf8_lossy(&output.stderr), TAIL_LINES)
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The target that the compiler builds for unless told otherwise.
pub(crate) fn host_target() -> anyhow::Result<String> {
    let shown = capture(Command::new("rustc").arg("-vV"))?;
    let host = shown.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("`rustc -vV` names no host")?.to_owned())
}

/// The command line for an error message: long ones, and scripts, are cut. The log has all of it.
fn brief(command: &Command) -> String {
    const LONGEST: usize = 120;
    let shown = display(command);
    let line = shown.lines().next().unwrap_or_default();
    let short: String = line.chars().take(LONGEST).collect();
    if short.len() == shown.len() {
        shown
    } else {
        format!("{short}…")
    }
}

/// The command line as a person would type it.
pub(crate) fn display(command: &Command) -> String {
    let mut words = vec![quote(command.get_program())];
    words.extend(command.get_args().map(quote));
    words.join(" ")
}

/// How a program ended, in words that follow its name.
pub(crate) fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with status {code}"),
        (None, Some(signal)) => format!("was killed by signal {signal}"),
        (None, None) => "ended in an unknown way".to_owned(),
    }
}

/// The status a shell would report: the program's own, or 128 and the signal.
pub(crate) fn shell_status(status: ExitStatus) -> i32 {
    status
        .code()
        .unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
}

/// Where a program is on `PATH`, with the folders that `PATH` of an ordinary user lacks.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin"].map(PathBuf::from))
        .map(|dir| dir.join(name))
        .find(|candidate| candidate.is_file())
}

/// The last lines of a text, indented.
pub(crate) fn tail(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.lines().collect();
    let from = all.len().saturating_sub(lines);
    all[from..]
        .iter()
        .map(|line| format!("    {line}\n"))
        .collect()
}

fn run_group(command: &mut Command, deadline: Duration) -> anyhow::Result<ExitStatus> {
    let shown = brief(command);
    let mut child = command
        .process_group(0)
        .spawn()
        .with_context(|| format!("starting `{shown}`"))?;
    let kill = Undo::kill_group(group_of(&child)?);
    if let Some(status) = wait_until(&mut child, Instant::now() + deadline)? {
        kill.disarm();
        return Ok(status);
    }
    drop(kill);
    child.wait().context("collecting the killed program")?;
    bail!(
        "`{shown}` did not end within {} s and was killed",
        deadline.as_secs()
    )
}

/// Waits for `child` until `deadline`; `None` when it still runs then.
pub(crate) fn wait_until(
    child: &mut Child,
    deadline: Instant,
) -> anyhow::Result<Option<ExitStatus>> {
    let mut nap = Duration::from_millis(2);
    loop {
        if let Some(status) = child.try_wait().context("waiting for a program")? {
            return Ok(Some(status));
        }
        let now = Instant::now();
        if now >= deadline {
            return Ok(None);
        }
        std::thread::sleep(nap.min(deadline - now));
        nap = (nap * 2).min(Duration::from_millis(100));
    }
}

/// The process group that `child` leads.
pub(crate) fn group_of(child: &Child) -> anyhow::Result<Pid> {
    let pid = i32::try_from(child.id()).context("a process id beyond i32")?;
    Pid::from_raw(pid).context("a process id of zero")
}

fn open_log(log: &Path) -> anyhow::Result<File> {
    if let Some(dir) = log.parent() {
        fs::create_dir_all(dir).with_context(|| format!("making {}", dir.display()))?;
    }
    File::options()
        .create(true)
        .append(true)
        .open(log)
        .with_context(|| format!("opening {}", log.display()))
}

fn read_from(log: &Path, begin: u64) -> anyhow::Result<String> {
    let mut file = File::open(log).with_context(|| format!("reading {}", log.display()))?;
    file.seek(SeekFrom::Start(begin))
        .context("seeking in the log")?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).context("reading the log")?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn quote(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let plain = !word.is_empty()
        && word
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_./=:,+@%^".contains(c));
    if plain {
        word.into_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn display_quotes_what_a_shell_would_split() {
        let mut command = Command::new("sh");
        command.args(["-c", "it's two words", ""]);
        assert_eq!(display(&command), r"sh -c 'it'\''s two words' ''");
    }

    #[test]
    fn an_error_shows_no_whole_script() {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("set -e\n{}", "x".repeat(500))]);
        assert_eq!(brief(&command), "sh -c 'set -e…");
        assert_eq!(brief(Command::new("sh").arg("-c")), "sh -c");
    }

    fn is_running(pid: i32) -> bool {
        fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z"))
    }

    #[test]
    fn deadline_kills_the_whole_group() {
        let dir = std::env::temp_dir().join(format!("xtask-process-{}", std::process::id()));
        let log = dir.join("log");
        // The grandchild would keep the log open for a minute if only the shell were killed.
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 60 & echo $!; wait"]);
        let error = run_logged(&mut command, &log, Duration::from_secs(3)).unwrap_err();
        assert!(error.to_string().contains("did not end within"), "{error}");
        let text = fs::read_to_string(&log).unwrap();
        let pid: i32 = text.lines().last().unwrap().parse().unwrap();
        // It is nobody's child here, so its end can only be looked for.
        let deadline = Instant::now() + Duration::from_secs(10);
        while is_running(pid) {
            assert!(Instant::now() < deadline, "the grandchild lives");
            std::thread::yield_now();
        }
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn failure_shows_status_and_last_lines() {
        let dir = std::env::temp_dir().join(format!("xtask-failure-{}", std::process::id()));
        let mut command = Command::new("sh");
        command.args(["-c", "echo first; echo last >&2; exit 3"]);
        let error =
            run_logged(&mut command, &dir.join("log"), Duration::from_secs(10)).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("status 3") && text.contains("    last\n"),
            "{text}"
        );
        fs::remove_dir_all(dir).unwrap();
    }
}
