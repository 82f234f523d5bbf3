// SPDX-License-Identifier: MIT OR Apache-2.0
//! Regions that are vectors of atomics: loom's here, and the usual ones in `tests/ring`.

use crate::sizes::Sizes;
use crate::sync::{Arc, AtomicU32, Ordering, fence};

pub(crate) struct Shape {
    pub(crate) control: usize,
    pub(crate) rooms: usize,
    pub(crate) room: usize,
    pub(crate) ring: usize,
}

type Words = Arc<Vec<AtomicU32>>;

fn words(bytes: usize) -> Words {
    Arc::new((0..bytes / 4).map(|_| AtomicU32::new(0)).collect())
}

/// Both regions, the bells and the ring.
pub(crate) struct World {
    client: Words,
    server: Words,
    bells: Words,
    ring: Words,
}

impl World {
    pub(crate) fn new(sizes: &Sizes) -> Self {
        Self {
            client: words(sizes.client_region().control),
            server: words(sizes.server_region().control),
            bells: words(crate::layout::bell::reply(0)),
            ring: words(sizes.events as usize),
        }
    }

    pub(crate) fn client_own(&self) -> Own {
        Own(self.client.clone())
    }

    pub(crate) fn server_own(&self) -> Own {
        Own(self.server.clone())
    }

    pub(crate) fn client_peer(&self) -> Peer {
        Peer(self.client.clone(), self.ring.clone())
    }

    pub(crate) fn server_peer(&self) -> Peer {
        Peer(self.server.clone(), self.ring.clone())
    }

    pub(crate) fn bell(&self, at: usize) -> &AtomicU32 {
        &self.bells[at / 4]
    }

    pub(crate) fn ring(&self) -> RingRoom {
        RingRoom(self.ring.clone())
    }
}

pub(crate) struct Own(Words);

impl Own {
    pub(crate) fn word(&self, at: usize) -> &AtomicU32 {
        &self.0[at / 4]
    }
}

pub(crate) struct Peer(Words, Words);

impl Peer {
    pub(crate) fn word(&self, at: usize) -> PeerWord<'_> {
        PeerWord(&self.0[at / 4])
    }

    pub(crate) fn ring(&self, position: u32, len: usize) -> Bytes<'_> {
        assert!(len <= 4 * self.1.len());
        Bytes {
            ring: &self.1,
            position: position as usize,
            len,
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct PeerWord<'a>(&'a AtomicU32);

impl PeerWord<'_> {
    pub(crate) fn load(self) -> u32 {
        let value = self.0.load(Ordering::Relaxed);
        fence(Ordering::Acquire);
        value
    }
}

#[derive(Debug)]
pub(crate) struct RingRoom(Words);

impl RingRoom {
    pub(crate) fn size(&self) -> usize {
        self.0.len() * 4
    }

    /// Whole words are written: positions are multiples of eight, so that what a payload leaves of a word is nobody's.
    pub(crate) fn fill(&mut self, position: u32, len: usize, fill: impl FnOnce(&mut [u8])) {
        let mut bytes = vec![0; len.next_multiple_of(4)];
        fill(&mut bytes[..len]);
        for (at, word) in bytes.chunks(4).enumerate() {
            let at = (position as usize / 4 + at) % self.0.len();
            let word = u32::from_ne_bytes(word.try_into().unwrap());
            self.0[at].store(word, Ordering::Relaxed);
        }
    }
}

pub(crate) struct Bytes<'a> {
    ring: &'a Words,
    position: usize,
    len: usize,
}

impl Bytes<'_> {
    pub(crate) fn to_vec(&self) -> Vec<u8> {
        let mut bytes: Vec<_> = (0..self.len.div_ceil(4))
            .flat_map(|at| {
                let at = (self.position / 4 + at) % self.ring.len();
                self.ring[at].load(Ordering::Relaxed).to_ne_bytes()
            })
            .collect();
        bytes.truncate(self.len);
        bytes
    }

    pub(crate) fn first<const N: usize>(&self) -> Option<[u8; N]> {
        self.to_vec().get(..N)?.try_into().ok()
    }
}

/// What the library's own tests of its files make: a region without rooms, whose file is its words.
pub(crate) struct Parts {
    pub(crate) words: Own,
    pub(crate) file: Words,
}

impl Own {
    pub(crate) fn create(_name: &str, shape: Shape) -> Result<Parts, ()> {
        let file = words(shape.control);
        let words = Own(file.clone());
        Ok(Parts { words, file })
    }
}

impl Peer {
    pub(crate) fn open(file: &Words, shape: Shape) -> Result<Self, ()> {
        Ok(Self(file.clone(), words(shape.ring)))
    }
}
