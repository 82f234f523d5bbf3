// SPDX-License-Identifier: MIT OR Apache-2.0
//! Several requests in one datagram.

use super::request::{Flags, Request, SEQUENCE, Unfit};

/// Requests that go to the kernel together. It handles each, also after one that it refuses, and answers with
/// the number of the request that an answer is about.
#[derive(Debug, Default)]
pub(crate) struct Chunk {
    bytes: Vec<u8>,
    /// Where each request begins.
    starts: Vec<usize>,
}

impl Chunk {
    /// Requests in it.
    pub(crate) fn len(&self) -> usize {
        self.starts.len()
    }

    /// The datagram.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Takes memory for so many requests of as many bytes in all, so that it need not grow.
    pub(crate) fn reserve(&mut self, requests: usize, bytes: usize) {
        self.starts.reserve(requests);
        self.bytes.reserve(bytes);
    }

    /// Takes out all requests, and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.starts.clear();
    }

    /// Adds a request that is answered with an error or not at all. One that cannot be built is left out.
    pub(crate) fn push(
        &mut self,
        family: u16,
        version: u8,
        command: u8,
        build: impl FnOnce(Request<'_>) -> Result<Request<'_>, Unfit>,
    ) -> Result<(), Unfit> {
        let start = self.bytes.len();
        let request = Request::after(&mut self.bytes, family, version, command, Flags::Silent, 0);
        match build(request).map(Request::finish) {
            Ok(_) => {
                self.starts.push(start);
                Ok(())
            }
            Err(unfit) => {
                self.bytes.truncate(start);
                Err(unfit)
            }
        }
    }

    /// Numbers the requests from `first` on.
    pub(crate) fn number(&mut self, first: u32) {
        let mut sequence = first;
        for start in &self.starts {
            let at = start + SEQUENCE;
            self.bytes[at..at + 4].copy_from_slice(&sequence.to_ne_bytes());
            sequence = sequence.wrapping_add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Frames;
    use super::*;

    #[test]
    fn each_request_of_a_chunk_has_its_own_number_and_length() {
        let mut chunk = Chunk::default();
        for data in [&b"one"[..], b"three", b"four"] {
            chunk
                .push(20, 1, 14, |request| request.u32(1, 7).data(3, data))
                .unwrap();
        }
        let unfit = chunk.push(20, 1, 14, |request| request.text(1, b"a\0b"));
        assert_eq!(unfit, Err(Unfit::HoldsNul));
        chunk.number(u32::MAX);

        let numbers: Vec<_> = Frames::new(chunk.as_bytes())
            .map(|frame| frame.unwrap().sequence)
            .collect();
        assert_eq!(numbers, [u32::MAX, 0, 1]);
        assert_eq!((chunk.len(), chunk.as_bytes().len()), (3, 36 + 40 + 36));
        chunk.clear();
        assert_eq!((chunk.len(), chunk.as_bytes().len()), (0, 0));
    }
}
