// SPDX-License-Identifier: MIT OR Apache-2.0
//! Events for which the kernel did not run a program, because it was running on that processor already.

use std::fs;
use std::os::fd::{AsRawFd, BorrowedFd};

/// How often the kernel left out the program behind `program`; `None` when it does not tell.
///
/// aya has no accessor for this number of the kernel's program information, which also stands in the
/// file-descriptor information of this process.
pub(super) fn runs(program: BorrowedFd<'_>) -> Option<u64> {
    let path = format!("/proc/self/fdinfo/{}", program.as_raw_fd());
    in_fdinfo(&fs::read_to_string(path).ok()?)
}

fn in_fdinfo(text: &str) -> Option<u64> {
    let value = text
        .lines()
        .find_map(|line| line.strip_prefix("recursion_misses:"))?;
    value.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_is_found_among_the_others() {
        let text = "pos:\t0\nflags:\t02000002\nprog_type:\t17\nrun_cnt:\t12\n\
                    recursion_misses:\t3\nverified_insns:\t200\n";
        assert_eq!(in_fdinfo(text), Some(3));
    }

    #[test]
    fn an_older_kernel_does_not_tell() {
        assert_eq!(in_fdinfo("pos:\t0\nprog_type:\t17\n"), None);
    }
}
