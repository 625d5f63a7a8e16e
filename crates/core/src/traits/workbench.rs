//! Where an agent tries out what it thinks of, before it proposes.

use std::fmt::Debug;

use async_trait::async_trait;

use super::Sample;
use crate::context::Context;
use crate::error::Result;
use crate::types::{Change, Operation, OperationCost, ParameterSetId, Plan, StatementId};

/// One statement with one parameter set.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Question {
    /// Statement.
    pub statement: StatementId,
    /// Parameter set.
    pub parameter_set: ParameterSetId,
}

/// A question that is really run.
#[derive(Debug, Clone, PartialEq)]
pub struct TryOut {
    /// What is run.
    pub question: Question,
    /// Runs; the sample is their median.
    pub repetitions: u32,
    /// Each run's time-out, milliseconds.
    pub timeout_ms: u64,
}

/// Builds changes on the agent's own universe and measures the workload with some of them, so that an agent can
/// choose by the clock and not by estimates. What is proposed afterwards is raced all the same.
///
/// # Contract
/// - What was built stays until the agent is done; whatever no candidate has is then removed.
/// - Plans and times see exactly the change that is asked for: what else was built is hidden.
/// - Timing waits for its turn: nobody else is timed on the machine meanwhile.
/// - Writes are rolled back.
#[async_trait]
pub trait Workbench: Debug + Send + Sync {
    /// Seconds that are left of the agent's time.
    fn seconds_left(&self) -> f64;

    /// Builds what an operation makes; what is built already only says what it cost. An operation that needs a fork
    /// of its own is [`Unsupported`](crate::ErrorKind::Unsupported).
    async fn build(&self, cx: &Context, operation: &Operation) -> Result<OperationCost>;

    /// The plans of these questions, in order, with this change and no other. What it needs must be built.
    async fn plans(&self, cx: &Context, change: &Change, questions: &[Question]) -> Result<Vec<Plan>>;

    /// What these questions take, in order, with this change and no other. What it needs must be built. A run that
    /// is cut off is a sample with `timed_out`.
    async fn times(&self, cx: &Context, change: &Change, tries: &[TryOut]) -> Result<Vec<Sample>>;
}
