// SPDX-License-Identifier: MIT OR Apache-2.0

//! How much work and how much time a test gets, by the kernel that it runs on.

use std::time::{Duration, Instant};

use crate::settings::kernel_is_slow;

/// How many times longer a kernel with all its checks takes for the same work.
const DEBUG_FACTOR: u64 = 10;

/// `amount` of work on a stock kernel, and what takes about as long on this one; at least 1.
pub fn work(amount: usize) -> usize {
    if kernel_is_slow() {
        (amount / 8).max(1)
    } else {
        amount
    }
}

/// The seconds that something may take on this kernel that may take `seconds` on a stock one.
pub fn seconds(seconds: u64) -> u64 {
    if kernel_is_slow() {
        seconds * DEBUG_FACTOR
    } else {
        seconds
    }
}

/// The end of a wait of `stock` seconds on a stock kernel.
pub fn deadline(stock: u64) -> Instant {
    Instant::now() + Duration::from_secs(seconds(stock))
}

/// The number in an environment variable, or `default` when it is not set.
///
/// # Panics
///
/// When the variable holds something else than a number.
pub fn number(variable: &str, default: u64) -> u64 {
    match std::env::var(variable) {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|error| panic!("{variable}={text}: {error}")),
        Err(_) => default,
    }
}
