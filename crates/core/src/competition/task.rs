//! A universe as data: task in, outcome out, so that it can run on any machine.

use serde::{Deserialize, Serialize};

use super::RaceOptions;
use crate::error::Error;
use crate::types::{AgentName, Candidate, Problem, SourceReport, Trial, TrialState, Universe, Workload};

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
    /// Memory that its server took when its work was done, bytes, if the backend can tell.
    #[serde(default)]
    pub memory_bytes: Option<u64>,
    /// The server that was forked, as seen on the fork.
    pub source: Option<SourceReport>,
    /// Candidates with their final ids, in the order of their trials.
    pub candidates: Vec<Candidate>,
    /// One for each candidate.
    pub trials: Vec<Trial>,
    /// What went wrong, if the universe failed as a whole.
    pub error: Option<String>,
    /// Candidates that need forks of their own, which they get when the universe is gone.
    #[serde(default)]
    pub apart: Vec<Candidate>,
    /// Further forks that it had, and the seconds that each lived.
    #[serde(default)]
    pub further: Vec<(Universe, f64)>,
}

impl UniverseOutcome {
    /// Enters candidates whose turn never came because of this failure.
    pub(super) fn miss(&mut self, candidates: Vec<Candidate>, failure: &Error) {
        for candidate in candidates {
            if self.candidates.iter().all(|known| known.id != candidate.id) {
                let universe = self.universe.as_ref().map_or_else(|| "none".into(), |u| u.id.clone());
                let error = format!("it was not measured: {}", failure.message());
                self.trials.push(Trial::blank(&candidate, universe, TrialState::Failed { error }));
                self.candidates.push(candidate);
            }
        }
    }

    /// An outcome of nothing yet.
    pub(super) fn empty(agent: AgentName) -> Self {
        Self {
            agent,
            universe: None,
            lived_seconds: 0.0,
            memory_bytes: None,
            source: None,
            candidates: Vec::new(),
            trials: Vec::new(),
            error: None,
            apart: Vec::new(),
            further: Vec::new(),
        }
    }
}
