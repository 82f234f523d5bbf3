// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which columns a table shows in a given width.
//!
//! A pure function of the width and of the column that the user sorts by: never of what the cells hold, so
//! nothing jumps while values change.

/// How a column takes part in the layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// Fewest cells in which the column makes sense.
    pub min: u16,
    /// Most cells it can use; larger than `min` for at most one or two columns.
    pub max: u16,
    /// Whole columns go in order of this, largest first. 0 stays longest.
    pub priority: u8,
}

/// Cells between two columns.
pub const GAP: u16 = 1;

/// Width of each column of `extents`, or `None` for one that is left out.
///
/// The sum of the widths and of the gaps between them is at most `width`. The column of priority 0 is cut
/// below its minimum rather than left out. The column `sorted`, an index of `extents`, goes last of the others:
/// the order of the rows says little when nobody sees what it comes from.
#[must_use]
pub fn layout(extents: &[Extent], sorted: Option<usize>, width: u16) -> Vec<Option<u16>> {
    let mut shown: Vec<bool> = vec![true; extents.len()];
    while needed(extents, &shown) > u32::from(width) {
        let last = (0..extents.len())
            .filter(|&i| shown[i] && extents[i].priority > 0)
            .max_by_key(|&i| (sorted != Some(i), extents[i].priority));
        match last {
            Some(i) => shown[i] = false,
            None => break,
        }
    }
    let spare = u32::from(width).saturating_sub(needed(extents, &shown));
    let mut spare = u16::try_from(spare).unwrap_or(u16::MAX);
    let count = u16::try_from(shown.iter().filter(|&&s| s).count()).unwrap_or(u16::MAX);
    let room = width.saturating_sub(count.saturating_sub(1) * GAP);
    extents
        .iter()
        .zip(shown)
        .map(|(extent, shown)| {
            shown.then(|| {
                let more = spare.min(extent.max - extent.min);
                spare -= more;
                (extent.min + more).min(room)
            })
        })
        .collect()
}

fn needed(extents: &[Extent], shown: &[bool]) -> u32 {
    let widths = extents.iter().zip(shown).filter(|(_, shown)| **shown);
    let (sum, count) = widths.fold((0, 0), |(sum, n), (e, _)| {
        (sum + u32::from(e.min), n + 1_u32)
    });
    sum + count.saturating_sub(1) * u32::from(GAP)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXTENTS: [Extent; 4] = [
        Extent {
            min: 10,
            max: 20,
            priority: 0,
        },
        Extent {
            min: 5,
            max: 5,
            priority: 3,
        },
        Extent {
            min: 6,
            max: 6,
            priority: 1,
        },
        Extent {
            min: 7,
            max: 7,
            priority: 2,
        },
    ];

    #[test]
    fn whole_columns_go_in_order_of_priority() {
        assert_eq!(
            layout(&EXTENTS, None, 31),
            [Some(10), Some(5), Some(6), Some(7)]
        );
        assert_eq!(
            layout(&EXTENTS, None, 30),
            [Some(15), None, Some(6), Some(7)]
        );
        assert_eq!(layout(&EXTENTS, None, 24), [Some(17), None, Some(6), None]);
        assert_eq!(layout(&EXTENTS, None, 16), [Some(16), None, None, None]);
        assert_eq!(layout(&EXTENTS, None, 3), [Some(3), None, None, None]);
        assert_eq!(layout(&EXTENTS, None, 0), [Some(0), None, None, None]);
    }

    #[test]
    fn spare_room_is_used_up_to_the_most() {
        assert_eq!(
            layout(&EXTENTS, None, 200),
            [Some(20), Some(5), Some(6), Some(7)]
        );
    }

    #[test]
    fn the_column_that_is_sorted_by_goes_last() {
        let sorted = |by, width| layout(&EXTENTS, Some(by), width);
        assert_eq!(sorted(1, 30), [Some(17), Some(5), Some(6), None]);
        assert_eq!(sorted(1, 16), [Some(10), Some(5), None, None]);
        assert_eq!(sorted(1, 15), [Some(15), None, None, None]);
        // What stays anyway takes nobody's place.
        assert_eq!(sorted(0, 24), layout(&EXTENTS, None, 24));
    }

    #[test]
    fn a_column_that_shows_stays_when_there_is_more_room() {
        let sorted = [None, Some(0), Some(1), Some(2), Some(3)];
        let widths = (0..60).flat_map(|width| sorted.map(|sorted| (width, sorted)));
        for (width, sorted) in widths {
            let [less, more] = [0, 1].map(|more| layout(&EXTENTS, sorted, width + more));
            for (i, (a, b)) in less.iter().zip(&more).enumerate() {
                assert!(
                    a.is_none() || b.is_some(),
                    "column {i} between {width} and the next"
                );
            }
            let used: u16 = less.iter().flatten().sum();
            let gaps = less.iter().flatten().count() as u16 - 1;
            assert!(
                used + gaps * GAP <= width || gaps == 0 && used <= width,
                "{width}"
            );
        }
    }
}
