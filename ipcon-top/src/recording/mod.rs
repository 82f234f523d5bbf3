// SPDX-License-Identifier: MIT OR Apache-2.0
//! Recordings in files: made by `ipcon-top record` and by the dashboard, read by `replay`, `once` and `batch`.
//!
//! The form of the file is that of [`ipcon_observe::recording`].

mod background;
mod command;
mod file;
mod kept;
mod moment;
mod recorded;
mod recorder;
mod replay;
mod units;

pub use background::Background;
pub use command::{From, Record, record};
pub use moment::Moment;
pub use recorded::Recorded;
pub use recorder::Recorder;
pub use replay::{Replay, replay};
pub use units::{size, span};
