// SPDX-License-Identifier: MIT OR Apache-2.0
//! What all histograms of the model have in common.

/// Sum of the counts of all buckets.
pub(super) fn count(counts: &[u64]) -> u64 {
    counts
        .iter()
        .fold(0, |sum, &count| sum.saturating_add(count))
}

/// The first bucket up to which there are at least this share of all counts. `None` when nothing was counted.
pub(super) fn of_share(counts: &[u64], share: f64) -> Option<usize> {
    // As floating point the counts may be a little off, by far less than a bucket.
    let wanted = (count(counts) as f64 * share).max(1.0);
    let mut up_to = 0u64;
    counts.iter().position(|&count| {
        up_to = up_to.saturating_add(count);
        up_to > 0 && up_to as f64 >= wanted
    })
}
