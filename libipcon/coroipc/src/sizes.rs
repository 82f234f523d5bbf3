// SPDX-License-Identifier: MIT OR Apache-2.0
//! How much memory a connection has, and how both sides agree on it.

/// The memory of a connection: what a client asks for, and the bounds of a server.
///
/// A client asks when it connects; the server raises or lowers each number to its own bounds, and the client learns
/// what was decided. Both sides together reserve `slots × (request + reply) + events` bytes, and a few pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// Requests that may be under way at once, 1 to 64; a power of two.
    pub slots: u32,
    /// The longest request in bytes, 64 to 64 MiB; a multiple of 64.
    pub request: u32,
    /// The longest reply in bytes, 64 to 64 MiB; a multiple of 64.
    pub reply: u32,
    /// The ring of events in bytes, 0 for none or 4 KiB to 1 GiB; a power of two.
    pub events: u32,
    /// The longest request and reply that travel in memory of their own, in bytes, up to 1 GiB: those longer than a room.
    /// That costs about ten system calls each. 0, or no more than a room, for none.
    pub large: u32,
}

impl Default for Sizes {
    /// 8 requests under way of up to 64 KiB each way, and 256 KiB of events; nothing longer.
    fn default() -> Self {
        Self {
            slots: 8,
            request: 64 << 10,
            reply: 64 << 10,
            events: 256 << 10,
            large: 0,
        }
    }
}

impl Sizes {
    /// The least that a connection can have.
    pub const MIN: Self = Self {
        slots: 1,
        request: 64,
        reply: 64,
        events: 0,
        large: 0,
    };
    /// The most that a connection can have. The bounds of a server are usually lower.
    pub const MAX: Self = Self {
        slots: 64,
        request: 64 << 20,
        reply: 64 << 20,
        events: 1 << 30,
        large: 1 << 30,
    };

    /// These sizes, each brought to what is possible and between the bounds of the other two.
    pub(crate) fn within(self, least: Self, most: Self) -> Self {
        let power = |wanted: u32, least: u32, most: u32| {
            wanted
                .clamp(least, most.max(least))
                .checked_next_power_of_two()
                .unwrap_or(1 << 31)
        };
        let line = |wanted: u32, least: u32, most: u32| {
            wanted
                .clamp(least, most.max(least))
                .min(Self::MAX.request)
                .next_multiple_of(LINE)
                .max(LINE)
        };
        let events = power(self.events, least.events, most.events).min(Self::MAX.events);
        Self {
            slots: power(self.slots.max(1), least.slots, most.slots).min(Self::MAX.slots),
            request: line(self.request, least.request, most.request),
            reply: line(self.reply, least.reply, most.reply),
            // No ring only where both sides agree to have none.
            events: if self
                .events
                .clamp(least.events, most.events.max(least.events))
                == 0
            {
                0
            } else {
                events.max(page())
            },
            large: self
                .large
                .clamp(least.large, most.large.max(least.large))
                .min(Self::MAX.large),
        }
    }

    /// The most that a client takes that asked for these, if it was not told otherwise.
    pub(crate) fn usual_most(self) -> Self {
        let usual = Self::default();
        let most = |asked: u32, usual: u32| asked.max(usual).saturating_mul(4);
        Self {
            slots: most(self.slots, usual.slots),
            request: most(self.request, usual.request),
            reply: most(self.reply, usual.reply),
            events: most(self.events, usual.events),
            large: most(self.large, usual.large),
        }
        .within(Self::MIN, Self::MAX)
    }

    /// Bytes that both sides together reserve for as long as they are connected, but for the few pages.
    pub(crate) fn bytes(self) -> usize {
        let (slots, request) = (self.slots as usize, self.request as usize);
        slots * (request + self.reply as usize) + self.events as usize
    }

    /// Whether these are sizes that [`Sizes::within`] can have made.
    pub(crate) fn possible(self) -> bool {
        self == self.within(Self::MIN, Self::MAX)
    }
}

/// Bytes that a processor moves at once; what two sides write never shares one.
pub(crate) const LINE: u32 = 64;

/// The size of a page, from which a ring can be mapped twice.
pub(crate) fn page() -> u32 {
    rustix::param::page_size() as u32
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_agreed_on_is_possible(
            slots: u32, request: u32, reply: u32, events: u32, large: u32,
            least in 0u32..1 << 21, most: u32
        ) {
            let all = |slots, bytes| Sizes {
                slots,
                request: bytes,
                reply: bytes,
                events: bytes,
                large: bytes,
            };
            let (least, most) = (all(least % 65, least), all(most % 65, most));
            let agreed = Sizes { slots, request, reply, events, large }.within(least, most);
            prop_assert!(agreed.possible(), "{agreed:?}");
            prop_assert!(agreed.large <= most.large.max(least.large));
            prop_assert!(agreed.request >= least.request.min(Sizes::MAX.request));
        }
    }

    #[test]
    fn ordinary_wishes_are_kept() {
        let wishes = Sizes::default();
        assert_eq!(wishes.within(Sizes::MIN, Sizes::MAX), wishes);
        let none = Sizes {
            events: 0,
            ..wishes
        };
        assert_eq!(none.within(Sizes::MIN, Sizes::MAX).events, 0);
    }

    #[test]
    fn a_server_has_the_last_word() {
        let most = Sizes {
            request: 128,
            ..Sizes::MAX
        };
        assert_eq!(Sizes::default().within(Sizes::MIN, most).request, 128);
        let least = Sizes {
            request: 1 << 20,
            ..Sizes::MIN
        };
        assert_eq!(Sizes::default().within(least, Sizes::MAX).request, 1 << 20);
    }
}
