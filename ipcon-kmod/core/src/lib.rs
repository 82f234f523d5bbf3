//! The bus of the ipcon kernel module: names, peers, groups, routing, in safe Rust.
