// SPDX-License-Identifier: MIT OR Apache-2.0

//! How much work and how much time a test gets, by the kernel that it runs on.

use std::time::{Duration, Instant};

use crate::settings::{SLOWNESS, kernel_is_slow};

/// `amount` of work on a stock kernel, and what takes about as long on this one; at least 1.
pub fn work(amount: usize) -> usize {
    if kernel_is_slow() {
        (amount / SLOWNESS as usize).max(1)
    } else {
        amount
    }
}

/// The seconds that something may take on this kernel that may take `seconds` on a stock one.
pub fn seconds(seconds: u64) -> u64 {
    if kernel_is_slow() {
        seconds * u64::from(SLOWNESS)
    } else {
        seconds
    }
}

/// The end of a wait of `stock` seconds on a stock kernel.
pub fn deadline(stock: u64) -> Instant {
    Instant::now() + Duration::from_secs(seconds(stock))
}
