// SPDX-License-Identifier: MIT OR Apache-2.0
//! The eBPF probes as a source.

use std::sync::Arc;

use crate::join;
use crate::model::{Baseline, ProbeCounts, Probes, Snapshot};
use crate::probes::{Probes as Attached, ReadError, Unavailable};
use crate::reconcile;

/// Attached probes and where their counting began.
pub(crate) struct ProbeSource {
    attached: Attached,
    baseline: Option<Arc<Baseline>>,
}

/// Counts read before the dumps, while something cannot be compared with them yet.
pub(crate) struct Before(Option<ProbeCounts>);

impl ProbeSource {
    /// Attaches the probes.
    ///
    /// # Errors
    ///
    /// Why that is not possible.
    pub(crate) fn open() -> Result<Self, Unavailable> {
        Ok(Self {
            attached: Attached::attach()?,
            baseline: None,
        })
    }

    /// To be called before the dumps are read.
    ///
    /// # Errors
    ///
    /// The maps cannot be read.
    pub(crate) fn before_dumps(&mut self) -> Result<Before, ReadError> {
        let complete = self
            .baseline
            .as_ref()
            .is_some_and(|baseline| baseline.inexact.is_empty());
        if complete {
            return Ok(Before(None));
        }
        let reading = self.attached.read()?;
        Ok(Before(Some(join::counts(&reading))))
    }

    /// Reads the probes, after the dumps.
    ///
    /// # Errors
    ///
    /// The maps cannot be read.
    pub(crate) fn read(&mut self, before: Before, dumps: &Snapshot) -> Result<Probes, ReadError> {
        let reading = self.attached.read()?;
        if let Some(before) = before.0 {
            let after = join::counts(&reading);
            let baseline = match &self.baseline {
                Some(baseline) => reconcile::refine(baseline, &before, dumps, &after),
                None => reconcile::baseline(&before, dumps, &after),
            };
            self.baseline = Some(Arc::new(baseline));
        }
        Ok(join::probes(
            &reading,
            self.baseline.clone().unwrap_or_default(),
        ))
    }
}
