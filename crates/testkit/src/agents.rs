//! Agents that behave, and agents that do not: what the engine must live with.

use async_trait::async_trait;
use pgverse_core::traits::{Agent, Probe};
use pgverse_core::types::{Brief, Candidate};
use pgverse_core::{Context, Error, ErrorKind, Result};

/// Proposes what it was given, whatever the brief says.
#[derive(Debug, Clone)]
pub struct FixedAgent {
    name: String,
    candidates: Vec<Candidate>,
}

impl FixedAgent {
    /// An agent of this name that always proposes these candidates.
    pub fn new(name: &str, candidates: Vec<Candidate>) -> Self {
        Self { name: name.to_owned(), candidates }
    }
}

#[async_trait]
impl Agent for FixedAgent {
    fn name(&self) -> &str {
        &self.name
    }

    async fn propose(&self, _: &Context, _: &dyn Probe, _: &Brief) -> Result<Vec<Candidate>> {
        Ok(self.candidates.clone())
    }
}

/// Returns an error.
#[derive(Debug, Clone, Copy, Default)]
pub struct FailingAgent;

#[async_trait]
impl Agent for FailingAgent {
    fn name(&self) -> &str {
        "failing"
    }

    async fn propose(&self, _: &Context, _: &dyn Probe, _: &Brief) -> Result<Vec<Candidate>> {
        Err(Error::new(ErrorKind::Agent, "this agent always fails"))
    }
}

/// Panics.
#[derive(Debug, Clone, Copy, Default)]
pub struct PanickingAgent;

#[async_trait]
impl Agent for PanickingAgent {
    fn name(&self) -> &str {
        "panicking"
    }

    async fn propose(&self, _: &Context, _: &dyn Probe, _: &Brief) -> Result<Vec<Candidate>> {
        panic!("this agent always panics")
    }
}

/// Never returns, not even when the context is cancelled.
#[derive(Debug, Clone, Copy, Default)]
pub struct HangingAgent;

#[async_trait]
impl Agent for HangingAgent {
    fn name(&self) -> &str {
        "hanging"
    }

    async fn propose(&self, _: &Context, _: &dyn Probe, _: &Brief) -> Result<Vec<Candidate>> {
        std::future::pending().await
    }
}
