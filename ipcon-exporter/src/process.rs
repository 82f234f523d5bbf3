// SPDX-License-Identifier: MIT OR Apache-2.0
//! What this process takes of the machine.

use std::time::Duration;

use procfs::process::{LimitValue, Process};
use procfs::{ProcResult, boot_time_secs, ticks_per_second};
use rustix::time::{ClockId, clock_gettime};

/// What this process takes, and may take.
#[derive(Clone, Debug, Default)]
pub struct Usage {
    /// Processor time of all threads, in user space and in the kernel.
    pub cpu: Duration,
    /// Descriptors that are open.
    pub open_files: u64,
    /// `None` when there is no bound.
    pub most_files: Option<u64>,
    /// Bytes of address space.
    pub virtual_memory: u64,
    /// Bytes in memory.
    pub resident_memory: u64,
    /// Seconds since 1970.
    pub started_at: f64,
    /// Threads that it has.
    pub threads: u64,
}

impl Usage {
    /// Reads it.
    ///
    /// # Errors
    ///
    /// `/proc` is not mounted, or hidden from this process.
    pub fn read() -> ProcResult<Self> {
        let process = Process::myself()?;
        let stat = process.stat()?;
        let most_files = match process.limits()?.max_open_files.soft_limit {
            LimitValue::Value(most) => Some(most),
            LimitValue::Unlimited => None,
        };
        // The clock is finer than the ticks in /proc: a scrape takes less than one.
        let cpu = clock_gettime(ClockId::ProcessCPUTime);
        Ok(Self {
            cpu: Duration::new(cpu.tv_sec as u64, cpu.tv_nsec as u32),
            open_files: process.fd_count()? as u64,
            most_files,
            virtual_memory: stat.vsize,
            resident_memory: stat.rss * procfs::page_size(),
            started_at: boot_time_secs()? as f64
                + stat.starttime as f64 / ticks_per_second() as f64,
            threads: stat.num_threads as u64,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::time::{SystemTime, UNIX_EPOCH};

    use super::*;

    #[test]
    fn it_is_of_this_process() {
        let before = Usage::read().unwrap();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let age = now.as_secs_f64() - before.started_at;
        // The boot time is in whole seconds.
        assert!((-2.0..3600.0).contains(&age), "{age}");
        assert!(before.resident_memory > 100_000 && before.threads >= 1);

        let files: Vec<_> = (0..50).map(|_| File::open("/dev/null").unwrap()).collect();
        let after = Usage::read().unwrap();
        assert!(after.open_files >= 50, "{after:?}");
        assert!(after.cpu > before.cpu, "{after:?}");
        drop(files);
    }
}
