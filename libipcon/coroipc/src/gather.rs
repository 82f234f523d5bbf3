// SPDX-License-Identifier: MIT OR Apache-2.0
//! One payload from many pieces.

use std::io::IoSlice;

/// Copies all pieces, one after the other, to the beginning of `to`. How many bytes they have: as an error if that is
/// more than `to` has, and then nothing is copied.
pub(crate) fn gather(pieces: &[IoSlice<'_>], to: &mut [u8]) -> Result<usize, usize> {
    let len = total(pieces);
    let mut to = to.get_mut(..len).ok_or(len)?;
    for piece in pieces {
        let (room, rest) = to.split_at_mut(piece.len());
        room.copy_from_slice(piece);
        to = rest;
    }
    Ok(len)
}

/// How many bytes they have.
pub(crate) fn total(pieces: &[IoSlice<'_>]) -> usize {
    pieces
        .iter()
        .fold(0, |len, piece| len.saturating_add(piece.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_become_one() {
        let pieces = [IoSlice::new(b"ab"), IoSlice::new(b""), IoSlice::new(b"cde")];
        let mut to = [0; 6];
        assert_eq!(gather(&pieces, &mut to), Ok(5));
        assert_eq!(&to, b"abcde\0");
        assert_eq!(gather(&pieces, &mut [0; 4]), Err(5));
    }
}
