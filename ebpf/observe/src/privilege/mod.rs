// SPDX-License-Identifier: MIT OR Apache-2.0
//! What an observer may do: found out, predicted, tried, and given up when it is not needed any more.
//!
//! [`Standing::detect`] asks the kernel without opening a source that others could notice. [`Prediction::of`] tells from
//! it, without any input, which sources will deliver, why others will not, what would change that, and what is lost
//! until then. [`Trial::run`] opens the sources and closes them again, to hold against the prediction.
//! [`Dropping`] gives up every capability that no source needs any more.

mod binary;
mod bpf_call;
mod capabilities;
mod dropping;
mod module;
mod obstacle;
mod prediction;
mod remedy;
mod standing;
mod status;
mod tracepoints;
mod trial;
mod verdict;

pub use bpf_call::BpfCall;
pub use capabilities::Capabilities;
pub use dropping::{Dropping, drop_all, set_aside};
pub use obstacle::Obstacle;
pub(crate) use obstacle::{explain_refusal, lacking, no_tracepoint};
pub use prediction::{Available, Prediction, ProbePrediction, SourcePrediction};
pub use remedy::{Remedy, Step};
pub use standing::{Binary, Lockdown, Standing};
pub use trial::{ProbeTrial, SourceTrial, Trial, channels_seen};
pub use verdict::Verdict;
