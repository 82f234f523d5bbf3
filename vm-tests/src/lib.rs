//! End-to-end tests of ipcon that run inside the VM, against the real module.
