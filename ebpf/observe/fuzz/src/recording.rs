// SPDX-License-Identifier: MIT OR Apache-2.0
//! Any bytes as a recording, or as a snapshot within one. Whatever they are, reading them must neither panic nor take more
//! memory than they are worth, and what comes out must be safe to print.
//!
//! The first byte decides which. The files of the model are part of this program, so that the probes' loader, which they
//! have no need of, is not built for it.

#![no_main]
// Only the reading side is used.
#![allow(dead_code, unused_imports)]

use std::io::Cursor;

use libfuzzer_sys::fuzz_target;

#[path = "../../src/fields/mod.rs"]
mod fields;
#[path = "../../src/format.rs"]
mod format;
#[path = "../../src/linter/mod.rs"]
mod linter;
#[path = "../../src/model/mod.rs"]
mod model;
#[path = "../../src/rates/mod.rs"]
mod rates;
#[path = "../../src/recording/mod.rs"]
mod recording;
#[path = "../../src/senders.rs"]
mod senders;

use model::Snapshot;
use recording::{Found, Reader, frame, header, pack, unpack};

/// So much of a body is inflated here: less than the piece of memory that is an error.
const UNPACKED_MAX: usize = 30_000;

fuzz_target!(|input: &[u8]| {
    match input.split_first() {
        Some((b's', bytes)) => snapshot(bytes),
        Some((b'f', bytes)) => file(bytes),
        Some((_, frames)) => file(&[&header()[..], frames].concat()),
        None => {}
    }
});

fn snapshot(bytes: &[u8]) {
    let Ok(snapshot) = unpack(bytes) else {
        return;
    };
    check(&snapshot);
    let again = pack(&snapshot);
    assert!(unpack(&again).is_ok_and(|it| it == snapshot));
    let framed = frame(std::time::UNIX_EPOCH, &snapshot).expect("it came from less");
    let mut file = header().to_vec();
    file.extend(framed);
    let mut reader = Reader::open(Cursor::new(&file)).expect("it is a recording");
    let Ok(Some(Found::Frame(place))) = reader.find() else {
        panic!("no frame");
    };
    assert!(
        reader
            .read(place)
            .is_ok_and(|frame| frame.snapshot == snapshot)
    );
}

fn file(bytes: &[u8]) {
    let Ok(reader) = Reader::open(Cursor::new(bytes)) else {
        return;
    };
    let mut reader = reader.with_unpacked_max(UNPACKED_MAX);
    let mut seen = recording::HEADER_LEN as u64;
    while let Some(found) = reader.find().expect("memory can be read") {
        // What is found follows what was found before, without a gap.
        let (begin, end) = match found {
            Found::Frame(place) => (place.offset(), place.end()),
            Found::Damaged(damage) | Found::CutOff(damage) => {
                (damage.offset, damage.offset + damage.bytes)
            }
        };
        assert!(begin == seen && end > begin);
        seen = end;
        if let Found::Frame(place) = found
            && let Ok(frame) = reader.read(place)
        {
            check(&frame.snapshot);
        }
    }
    assert_eq!(seen, bytes.len() as u64);
}

fn check(snapshot: &Snapshot) {
    let json = serde_json::to_string(snapshot).expect("all numbers are finite");
    assert!(!json.contains("\\u00"), "a control character");
}
