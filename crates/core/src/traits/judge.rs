//! Judges decide; purely.

use std::fmt::Debug;

use crate::error::Result;
use crate::types::{Problem, Trial, Verdict};

/// Turns trials into a decision.
///
/// Neither async nor given a context: a judge does no input or output and reads no clock, so the same trials
/// always give the same verdict, and a verdict can be checked again from the report.
pub trait Judge: Debug + Send + Sync + 'static {
    /// Name in reports, by which it is known whose rules gave the verdict.
    fn name(&self) -> &str {
        "custom"
    }

    /// Ranks the trials and names a winner, or none. Trials come sorted by candidate id.
    fn judge(&self, problem: &Problem, trials: &[Trial]) -> Result<Verdict>;
}
