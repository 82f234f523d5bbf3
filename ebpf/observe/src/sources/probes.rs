// SPDX-License-Identifier: MIT OR Apache-2.0
//! The eBPF probes as a source.

use std::sync::Arc;

use crate::join;
use crate::model::{Baseline, Probes, Snapshot};
use crate::probes::{Probes as Attached, ReadError, Unavailable};
use crate::reconcile;

/// Attached probes and where their counting began.
pub(crate) struct ProbeSource {
    attached: Attached,
    baseline: Option<Arc<Baseline>>,
}

/// Counts read before the dumps, while there is no baseline yet.
pub(crate) struct Before(Option<crate::model::ProbeCounts>);

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
        if self.baseline.is_some() {
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
        let baseline = match (&self.baseline, before.0) {
            (Some(baseline), _) => baseline.clone(),
            (None, before) => {
                let after = join::counts(&reading);
                let before = before.unwrap_or_else(|| after.clone());
                let baseline = reconcile::baseline(&before, dumps, &after);
                self.baseline.insert(Arc::new(baseline)).clone()
            }
        };
        Ok(join::probes(&reading, baseline))
    }
}
