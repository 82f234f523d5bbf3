// SPDX-License-Identifier: MIT OR Apache-2.0
//! A receiver that hangs, to be found in the dashboard: the archive of the traffic program, which runs in a process of
//! its own, and is stopped by a signal.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};

use super::READY;

/// The file that the traffic program writes the archive's process id to. A VM is new each time.
pub(super) fn pid_file() -> PathBuf {
    std::env::temp_dir().join("ipcon-demo-archive.pid")
}

/// The option that has the traffic program do so.
pub(super) fn option() -> String {
    format!("--archive-pid-file={}", pid_file().display())
}

/// Stops the archive after so long. Returns at once.
pub(super) fn stop_after(time: Duration) -> anyhow::Result<()> {
    let archive = pid_in(&pid_file())?;
    std::thread::spawn(move || {
        // A matter of time and of nothing else.
        std::thread::sleep(time);
        // It has gone if the demonstration ended meanwhile.
        let _ = kill_process(archive, Signal::STOP);
    });
    Ok(())
}

/// Waits for the file, which is there when the archive is on the bus.
fn pid_in(file: &Path) -> anyhow::Result<Pid> {
    let deadline = Instant::now() + READY;
    loop {
        let pid = std::fs::read_to_string(file).unwrap_or_default();
        if let Some(pid) = pid.strip_suffix('\n') {
            let number = pid.parse().ok().and_then(Pid::from_raw);
            return number.with_context(|| format!("{} has {pid}, no process id", file.display()));
        }
        if Instant::now() > deadline {
            bail!(
                "the traffic program has not started its archive after {} s",
                READY.as_secs()
            );
        }
        // Nothing tells when a file is written; this only paces the asking.
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Whether the report says of the archive what became of it, and who goes on sending to it.
pub(super) fn is_named(report: &str) -> bool {
    report.lines().any(|line| {
        let parts = [" archive (", ") does not read: ", " sends it "];
        parts.iter().all(|part| line.contains(part))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_id_is_read_when_it_is_whole() {
        let file = std::env::temp_dir().join("ipcon-demo-pid-of-a-test");
        std::fs::write(&file, "12").unwrap();
        let more = file.clone();
        let writer = std::thread::spawn(move || std::fs::write(more, "1234\n").unwrap());
        assert_eq!(pid_in(&file).unwrap(), Pid::from_raw(1234).unwrap());
        writer.join().unwrap();
        std::fs::write(&file, "soon\n").unwrap();
        assert!(pid_in(&file).is_err());
        std::fs::remove_file(file).unwrap();
    }

    #[test]
    fn the_archive_is_named_by_its_warning_alone() {
        let warning = "  alarm    archive (pid 7 traffic) does not read: oldest message waits 4.2s, \
                       queue 98% full; ~traffic#27 sends it 20/s, 20/s lost";
        assert!(is_named(&format!("== warnings\n{warning}\n")));
        assert!(!is_named(&warning.replace("archive", "slow-reader")));
        assert!(!is_named(
            &warning.replace("does not read", "reads too slowly")
        ));
        assert!(!is_named("  archive   51   7\n"));
    }
}
