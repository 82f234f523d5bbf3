// SPDX-License-Identifier: MIT OR Apache-2.0
//! Forwards each message that is sent to the service `ipcon_server` to the group `str_msg`.

use libipcon::{Origin, Peer, Result};

const SERVICE: &str = "ipcon_server";
const GROUP: &str = "str_msg";

fn main() -> Result<()> {
    let server = Peer::connect()?;
    // The group first: who finds the service may count on it.
    server.register_group(GROUP)?;
    server.register_service(SERVICE)?;
    println!("service {SERVICE} at port {}, group {GROUP}", server.port());
    loop {
        let message = server.recv()?;
        if let Origin::Peer(_) = message.origin {
            server.multicast(GROUP, &message.data)?;
        }
    }
}
