// SPDX-License-Identifier: MIT OR Apache-2.0

//! Messages that flow at a rate.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::bail;
use libipcon::{Batch, Peer};

/// Senders, and receivers as many.
const PAIRS: usize = 20;
/// Messages sent with one call.
const BATCH: usize = 32;
/// Bytes of a message.
const LEN: usize = 64;

/// Named peers, of which each second one sends to the next.
pub(crate) struct Flow {
    pairs: Vec<(Peer, Peer)>,
    received: Batch,
    next: usize,
}

impl Flow {
    pub(crate) fn new() -> anyhow::Result<Self> {
        let peer = |name: String| {
            let peer = Peer::connect()?;
            peer.register_service(&name)?;
            libipcon::Result::Ok(peer)
        };
        let pair = |number| {
            Ok((
                peer(format!("sender-{number}"))?,
                peer(format!("receiver-{number}"))?,
            ))
        };
        Ok(Self {
            pairs: (0..PAIRS).map(pair).collect::<libipcon::Result<_>>()?,
            received: Batch::new(BATCH),
            next: 0,
        })
    }

    /// Sends and receives for so long, `rate` messages a second or as many as there is time for; gives how many it was
    /// a second.
    pub(crate) fn run(&mut self, rate: f64, lasting: Duration) -> anyhow::Result<f64> {
        let begin = Instant::now();
        let mut batches = 0_u32;
        loop {
            let elapsed = begin.elapsed();
            if elapsed >= lasting {
                let messages = f64::from(batches) * BATCH as f64;
                return Ok(messages / elapsed.as_secs_f64());
            }
            let due = Duration::from_secs_f64(f64::from(batches) * BATCH as f64 / rate);
            if let Some(early) = due.checked_sub(elapsed).filter(|early| !early.is_zero()) {
                // Not to wait for something, but to send no faster.
                sleep(early);
                continue;
            }
            self.batch()?;
            batches += 1;
        }
    }

    fn batch(&mut self) -> anyhow::Result<()> {
        self.next = (self.next + 1) % self.pairs.len();
        let (from, to) = &self.pairs[self.next];
        from.send_batch([(to.port(), [7; LEN]); BATCH])?;
        let received = to.recv_batch(&mut self.received)?;
        if received != BATCH {
            bail!("received {received} messages of {BATCH}");
        }
        Ok(())
    }
}
