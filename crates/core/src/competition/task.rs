//! A universe as data: task in, outcome out, so that it can run on any machine.

use serde::{Deserialize, Serialize};

use super::RaceOptions;
use crate::types::{AgentName, Candidate, Problem, SourceReport, Trial, Universe, Workload};

/// Everything that a universe's run depends on, but the database and the agent's code.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct UniverseTask {
    /// Agent.
    pub agent: AgentName,
    /// Problem.
    pub problem: Problem,
    /// Workload.
    pub workload: Workload,
    /// Bounds of the race.
    pub options: RaceOptions,
    /// Universes of the competition at the most, the final's included; they share the error rate.
    pub universes: usize,
    /// Seed of every random order.
    pub seed: u64,
}

/// What came out of it. A universe measures its own baseline, so only ratios travel between machines.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct UniverseOutcome {
    /// Agent.
    pub agent: AgentName,
    /// The fork, if one could be made. It is gone by now.
    pub universe: Option<Universe>,
    /// Seconds that the fork lived.
    pub lived_seconds: f64,
    /// The server that was forked, as seen on the fork.
    pub source: Option<SourceReport>,
    /// Candidates with their final ids, in the order of their trials.
    pub candidates: Vec<Candidate>,
    /// One for each candidate.
    pub trials: Vec<Trial>,
    /// What went wrong, if the universe failed as a whole.
    pub error: Option<String>,
}

impl UniverseOutcome {
    /// An outcome of nothing yet.
    pub(super) fn empty(agent: AgentName) -> Self {
        Self {
            agent,
            universe: None,
            lived_seconds: 0.0,
            source: None,
            candidates: Vec::new(),
            trials: Vec::new(),
            error: None,
        }
    }
}
