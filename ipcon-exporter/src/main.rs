//! Prometheus exporter of an ipcon bus.

fn main() {}
