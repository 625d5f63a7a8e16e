//! Agents propose; the engine applies.

use std::fmt::Debug;

use async_trait::async_trait;

use super::Workbench;
use crate::context::Context;
use crate::error::Result;
use crate::types::{Brief, Candidate, Plan};

/// Proposes changes that may make a problem smaller.
///
/// # Contract
/// - Reads; never writes. The engine applies what is proposed, so that exactly what was measured is what
///   gets promoted.
/// - An empty vector means "nothing to offer" and is not an error.
/// - Same brief and same measurements, same proposals: no randomness but the context's seed.
/// - Returns soon after the context is cancelled.
/// - An error or a panic costs the agent its universe, never the competition.
#[async_trait]
pub trait Agent: Debug + Send + Sync + 'static {
    /// Stable, unique, lowercase name, such as `index`.
    fn name(&self) -> &str;

    /// Proposes candidates, best first.
    async fn propose(&self, cx: &Context, probe: &dyn Probe, brief: &Brief) -> Result<Vec<Candidate>>;
}

/// Read-only questions to the agent's own universe, under a time-out.
#[async_trait]
pub trait Probe: Debug + Send + Sync {
    /// Runs one read-only query; each row comes back as a JSON object, numbers and text as `to_json` makes
    /// them.
    async fn query(&self, cx: &Context, sql: &str) -> Result<Vec<serde_json::Value>>;

    /// The plan of a statement with these parameter values (EXPLAIN VERBOSE, not executed).
    async fn explain(&self, cx: &Context, sql: &str, values: &[Option<String>]) -> Result<Plan>;

    /// Where changes can be tried out; none if the agent has to do without.
    fn workbench(&self) -> Option<&dyn Workbench> {
        None
    }
}
