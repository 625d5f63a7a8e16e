//! The agent.

use async_trait::async_trait;
use pgverse_core::traits::{Agent, Probe};
use pgverse_core::types::{Brief, Candidate};
use pgverse_core::{Context, Result};

use super::rules;

/// Proposes statistics and settings.
#[derive(Debug, Clone)]
pub struct SchemaAgent {
    limit: usize,
}

impl Default for SchemaAgent {
    fn default() -> Self {
        Self { limit: 8 }
    }
}

impl SchemaAgent {
    /// An agent that proposes at most this many candidates.
    pub fn with_limit(limit: usize) -> Self {
        Self { limit }
    }
}

#[async_trait]
impl Agent for SchemaAgent {
    fn name(&self) -> &str {
        "schema"
    }

    async fn propose(&self, cx: &Context, _probe: &dyn Probe, brief: &Brief) -> Result<Vec<Candidate>> {
        cx.check()?;
        let mut advice = rules::advice(brief);
        advice.truncate(self.limit);
        tracing::debug!(advice = advice.len(), "schema advice");
        Ok(advice.into_iter().map(rules::Advice::into_candidate).collect())
    }
}
