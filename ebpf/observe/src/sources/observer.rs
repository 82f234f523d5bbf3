// SPDX-License-Identifier: MIT OR Apache-2.0
//! What this process takes of the machine.

use std::fs;
use std::time::Duration;

use rustix::param::page_size;
use rustix::time::{ClockId, clock_gettime};

use crate::model::Observer;

/// Reads it, by a clock that is finer than the ticks in `/proc`.
pub(crate) fn read() -> Observer {
    let cpu = clock_gettime(ClockId::ProcessCPUTime);
    let pages = fs::read_to_string("/proc/self/statm");
    Observer {
        pid: std::process::id(),
        cpu: Duration::new(cpu.tv_sec as u64, cpu.tv_nsec as u32),
        resident_bytes: pages.ok().and_then(|text| resident(&text)),
    }
}

/// Of sizes in pages: all there is, then what is in memory.
fn resident(statm: &str) -> Option<u64> {
    let pages: u64 = statm.split_whitespace().nth(1)?.parse().ok()?;
    pages.checked_mul(page_size() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_of_this_process_and_grows() {
        let before = read();
        let memory = vec![1_u8; 64 << 20];
        let sum: u64 = memory.iter().map(|&byte| u64::from(byte)).sum();
        let after = read();
        assert_eq!(sum, 64 << 20);
        assert_eq!(after.pid, std::process::id());
        assert!(after.cpu > before.cpu, "{before:?} {after:?}");
        // Other tests of this process may have given some back.
        assert!(after.resident_bytes.unwrap() > 64 << 20, "{after:?}");
    }

    #[test]
    fn of_the_pages_those_in_memory_count() {
        let bytes = resident("2000 30 20 10 0 5 0\n");
        assert_eq!(bytes, Some(30 * page_size() as u64));
        assert_eq!(resident("2000"), None);
    }
}
