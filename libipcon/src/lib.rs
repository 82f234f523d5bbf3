//! Client library of ipcon, packet IPC over generic netlink.
