// SPDX-License-Identifier: MIT OR Apache-2.0

//! The least that a round trip takes: two processes that do nothing but pass a word of shared memory to each other.

use std::fs::File;
use std::hint;
use std::path::Path;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

use anyhow::Context as _;
use clap::ValueEnum;
use rustix::mm::{MapFlags, ProtFlags, mmap};
use rustix::thread::futex;

use crate::obey;

/// How each waits for its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum How {
    /// Asleep.
    Futex,
    /// Looking again and again.
    Spin,
    /// The same, with 64 B in one direction and 24 B in the other, which are written before and read after; and whoever
    /// passes the word looks whether the other one sleeps, which it never does. Whatever spins and sleeps does as much.
    SpinAndLook,
}

/// What both processes see; each part in lines of its own, so that none is fetched for another's sake.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Memory {
    turn: Turn,
    sleeps: Turn,
    request: Payload<8>,
    reply: Payload<3>,
}

#[derive(Debug)]
#[repr(C, align(64))]
struct Turn(AtomicU32);

#[derive(Debug)]
#[repr(C, align(64))]
struct Payload<const WORDS: usize>([AtomicU64; WORDS]);

impl<const WORDS: usize> Payload<WORDS> {
    fn write(&self, value: u32) {
        for word in &self.0 {
            word.store(value.into(), Ordering::Relaxed);
        }
    }

    fn read(&self) {
        for word in &self.0 {
            hint::black_box(word.load(Ordering::Relaxed));
        }
    }
}

/// Passes back what it is passed, until it is killed.
pub(crate) fn serve(memory: &Path, how: How) -> anyhow::Result<()> {
    let memory = map(memory)?;
    obey::say("ready")?;
    for turn in (1..).step_by(2) {
        await_turn(memory, how, turn);
        if how == How::SpinAndLook {
            memory.request.read();
            memory.reply.write(turn);
        }
        pass(memory, how, turn + 1);
    }
    Ok(())
}

/// Passes the word to and fro as often as its stdin says.
pub(crate) fn call(memory: &Path, how: How) -> anyhow::Result<()> {
    let memory = map(memory)?;
    let mut turn = 0;
    obey::rounds(
        |_| Ok(()),
        || {
            if how == How::SpinAndLook {
                memory.request.write(turn);
            }
            pass(memory, how, turn + 1);
            turn += 2;
            await_turn(memory, how, turn);
            if how == How::SpinAndLook {
                memory.reply.read();
            }
            Ok(())
        },
    )
}

fn await_turn(memory: &Memory, how: How, turn: u32) {
    let word = &memory.turn.0;
    loop {
        let now = word.load(Ordering::Acquire);
        if now == turn {
            return;
        }
        match how {
            How::Futex => {
                // Woken, interrupted, or passed meanwhile: the next look tells.
                let _ = futex::wait(word, futex::Flags::empty(), now, None);
            }
            How::Spin | How::SpinAndLook => hint::spin_loop(),
        }
    }
}

fn pass(memory: &Memory, how: How, to: u32) {
    let word = &memory.turn.0;
    word.store(to, Ordering::Release);
    if how == How::SpinAndLook {
        // Who goes to sleep does the reverse, so that one of both sees the other.
        fence(Ordering::SeqCst);
    }
    let asleep = how == How::SpinAndLook && memory.sleeps.0.load(Ordering::Relaxed) != 0;
    if how == How::Futex || asleep {
        // There is only one who could be asleep.
        let _ = futex::wake(word, futex::Flags::empty(), 1);
    }
}

/// A file that is at least as long as the memory, and begins with it.
#[allow(unsafe_code)]
fn map(file: &Path) -> anyhow::Result<&'static Memory> {
    let path = file.display();
    let file = File::options()
        .read(true)
        .write(true)
        .open(file)
        .with_context(|| format!("opening {path}"))?;
    let (len, access) = (size_of::<Memory>(), ProtFlags::READ | ProtFlags::WRITE);
    // SAFETY: A new mapping, at a place of the kernel's choice.
    let address = unsafe {
        mmap(
            std::ptr::null_mut(),
            len,
            access,
            MapFlags::SHARED,
            &file,
            0,
        )
    }
    .context("mapping the memory")?;
    // SAFETY: It is aligned to a page, as long as `Memory`, of which any bytes are a value, and never unmapped.
    Ok(unsafe { &*address.cast::<Memory>() })
}
