// SPDX-License-Identifier: MIT OR Apache-2.0
//! Any bytes as a datagram from the kernel: whatever they are, reading them must neither panic nor read past their
//! end nor take more memory than they are long.
//!
//! The library has no public way to its wire, so its files are part of this program.

#![no_main]
// Only the reading side is used.
#![allow(dead_code, unused_imports)]

#[path = "../../src/info.rs"]
mod info;
#[path = "../../src/kevent.rs"]
mod kevent;
#[path = "../../src/name.rs"]
mod name;
#[path = "../../src/origin.rs"]
mod origin;
#[path = "../../src/port.rs"]
mod port;
#[path = "../../src/wire/mod.rs"]
mod wire;

use libfuzzer_sys::fuzz_target;

use wire::{Answer, Attributes, Frames, Incoming};

/// The number of the family in the messages of the corpus and of the unit tests.
const FAMILY: u16 = 30;

fuzz_target!(|datagram: &[u8]| {
    if let Ok(Some(message)) = Incoming::read(datagram, FAMILY) {
        let here = datagram.as_ptr_range();
        let data = message.data.as_ptr_range();
        assert!(here.start <= data.start && data.end <= here.end);
        let _ = wire::event(message.data);
    }
    let mut frames = 0;
    for frame in Frames::new(datagram) {
        frames += 1;
        let Ok(frame) = frame else { continue };
        match frame.answer() {
            Ok(Answer::Data { attributes, .. }) => read_objects(&attributes),
            Ok(Answer::Refused { text, .. }) => {
                // A byte that is no text becomes a mark of three.
                assert!(text.is_none_or(|text| text.len() <= 3 * datagram.len()));
            }
            Ok(Answer::Done | Answer::Nothing) | Err(_) => {}
        }
    }
    // Each takes a header at least.
    assert!(frames <= datagram.len() / 16 + 1);
    read_objects(&Attributes::new(datagram));
    let _ = wire::event(datagram);
});

fn read_objects(attributes: &Attributes<'_>) {
    let _ = wire::peer(attributes.clone());
    let _ = wire::service(attributes.clone());
    let _ = wire::group(attributes.clone());
    let _ = wire::member(attributes.clone());
    let _ = wire::bus(attributes.clone());
    let _ = wire::welcome(attributes.clone());
    let _ = wire::family_number(attributes.clone());
}
