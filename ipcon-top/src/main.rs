//! Live dashboard of an ipcon bus.

fn main() {}
