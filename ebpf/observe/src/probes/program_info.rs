// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the kernel itself counts of a program: how often it left it out, and how long it ran while programs were timed.

use std::fs;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

use crate::model::RunTime;

/// What the kernel tells of a program; what it does not tell is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ProgramInfo {
    /// Events for which it did not run the program, because it was running on that processor already.
    pub(super) missed: Option<u64>,
    /// The runs that it timed since the program was loaded; none of them where it never timed programs.
    pub(super) run_time: Option<RunTime>,
}

/// What the kernel tells of the program behind `program`.
///
/// aya has no accessor for the first of these numbers. All of them stand in the file-descriptor information of this
/// process, for which no capability is needed.
pub(super) fn of(program: BorrowedFd<'_>) -> ProgramInfo {
    let path = format!("/proc/self/fdinfo/{}", program.as_raw_fd());
    in_fdinfo(&fs::read_to_string(path).unwrap_or_default())
}

fn in_fdinfo(text: &str) -> ProgramInfo {
    let number = |key: &str| -> Option<u64> {
        let mut lines = text.lines();
        let value = lines.find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
        value.trim().parse().ok()
    };
    let run_time = |runs| {
        Some(RunTime {
            runs,
            time: Duration::from_nanos(number("run_time_ns")?),
        })
    };
    ProgramInfo {
        missed: number("recursion_misses"),
        run_time: number("run_cnt").and_then(run_time),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_found_among_the_others() {
        let text = "pos:\t0\nflags:\t02000002\nprog_type:\t17\nrun_time_ns:\t3500\nrun_cnt:\t12\n\
                    recursion_misses:\t3\nverified_insns:\t200\n";
        let expected = ProgramInfo {
            missed: Some(3),
            run_time: Some(RunTime {
                runs: 12,
                time: Duration::from_nanos(3500),
            }),
        };
        assert_eq!(in_fdinfo(text), expected);
    }

    #[test]
    fn an_older_kernel_does_not_tell() {
        let told = in_fdinfo("pos:\t0\nprog_type:\t17\n");
        assert_eq!(told, ProgramInfo::default());
    }
}
