// SPDX-License-Identifier: MIT OR Apache-2.0
//! Prints each message of the group `str_msg`, which `ipcon_server` sends.

use libipcon::{Origin, Peer, Replay, Result};

const GROUP: &str = "str_msg";

fn main() -> Result<()> {
    let user = Peer::connect()?;
    user.join_group(GROUP, Replay::None)?;
    println!("joined group {GROUP}");
    loop {
        let message = user.recv()?;
        if let Origin::Group { name, from } = message.origin {
            if message.lost > 0 {
                println!("{} messages were lost", message.lost);
            }
            // Programs in C send the end of their strings with them.
            let text = message.data.strip_suffix(b"\0").unwrap_or(&message.data);
            println!("{name} of port {from}: {}", String::from_utf8_lossy(text));
        }
    }
}
