// SPDX-License-Identifier: MIT OR Apache-2.0
//! What interfaces and layouts are told apart by.

/// A number that is made, while the program is compiled, from all that both sides must have in common. It is the hash
/// FNV-1a of 64 bits, which is made against mistakes and not against enemies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(u64);

impl Fingerprint {
    /// The beginning, for a thing with this name.
    #[must_use]
    pub const fn of(name: &str) -> Self {
        Self(0xcbf2_9ce4_8422_2325).text(name)
    }

    /// Adds a text, with its length, so that texts one after the other are not taken for others.
    #[must_use]
    pub const fn text(self, text: &str) -> Self {
        self.bytes(text.as_bytes()).number(text.len() as u64)
    }

    /// Adds a number.
    #[must_use]
    pub const fn number(self, number: u64) -> Self {
        self.bytes(&number.to_le_bytes())
    }

    /// Adds the size and the alignment of a type.
    #[must_use]
    pub const fn size<T>(self) -> Self {
        self.number(size_of::<T>() as u64)
            .number(align_of::<T>() as u64)
    }

    /// The number. It is not 0, which clients name that have no interface.
    #[must_use]
    pub const fn get(self) -> u64 {
        if self.0 == 0 { 1 } else { self.0 }
    }

    const fn bytes(self, bytes: &[u8]) -> Self {
        let mut hash = self.0;
        let mut at = 0;
        while at < bytes.len() {
            hash = (hash ^ bytes[at] as u64).wrapping_mul(0x0100_0000_01b3);
            at += 1;
        }
        Self(hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The value is of the page of FNV's authors.
    #[test]
    fn it_is_fnv_1a() {
        let empty = Fingerprint(0xcbf2_9ce4_8422_2325);
        assert_eq!(empty.bytes(b"foobar").get(), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn texts_do_not_run_into_each_other() {
        let of = |one, two| Fingerprint::of(one).text(two).get();
        assert_ne!(of("ab", "c"), of("a", "bc"));
        assert_ne!(of("ab", ""), of("", "ab"));
    }
}
