//! Set-up, build, VM and tests of the ipcon workspace.

fn main() {}
