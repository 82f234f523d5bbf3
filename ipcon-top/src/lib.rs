// SPDX-License-Identifier: MIT OR Apache-2.0
//! The dashboard and the one-time report of an ipcon bus.
//!
//! ```text
//! input thread ─────┐
//! signal thread ────┤ app::Event    App::update       view::draw
//! collector thread ─┴────────────▶ (state: App) ───▶ (reads only) ───▶ terminal
//!   ▲ SnapshotSource                    │ app::Effect
//!   └───────── live::Host ◀─────────────┘
//! ```
//!
//! [`live::start`] is the whole program with everything it touches passed in, so tests run it as a user
//! would. What is shown comes from the model and the field table of `ipcon-observe`.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod app;
pub mod args;
pub mod batch;
pub mod clock;
pub mod collect;
pub mod columns;
mod complaint;
pub mod config;
pub mod doctor;
pub mod fielded;
pub mod filter;
pub mod format;
pub mod frugal;
mod grid;
pub mod history;
pub mod judging;
pub mod keymap;
pub mod live;
pub mod look;
pub mod manual;
pub mod nearest;
pub mod once;
pub mod pulse;
pub mod recording;
mod regular_file;
pub mod store;
pub mod table;
pub mod terminal;
pub mod theme;
pub mod trouble;
pub mod view;
