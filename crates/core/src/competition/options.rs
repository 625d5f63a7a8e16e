//! How long to race.

use serde::{Deserialize, Serialize};

/// Bounds of one race; the judge's limits decide when a candidate is done, these decide when to give up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RaceOptions {
    /// Rounds before any decision, and rounds that a certified candidate gets at least.
    pub min_rounds: u32,
    /// Rounds at the most.
    pub max_rounds: u32,
    /// Seconds of measuring for one race, once every live candidate has its `min_rounds`; three times as many for the final.
    pub measuring_seconds: f64,
    /// Longest time of any single statement, seconds.
    pub statement_timeout_seconds: f64,
    /// Longest time that an agent may think and try things out, seconds; its waits for others do not count.
    pub agent_timeout_seconds: f64,
    /// Candidates of one agent at the most; the rest is dropped, best first.
    pub max_candidates: usize,
    /// Tiny databases on which each rewritten statement is tried before it is raced; 0 leaves it at the
    /// comparison on the fork's own data.
    pub falsification_databases: u32,
}

impl Default for RaceOptions {
    fn default() -> Self {
        Self {
            min_rounds: 6,
            max_rounds: 30,
            measuring_seconds: 30.0,
            statement_timeout_seconds: 60.0,
            agent_timeout_seconds: 240.0,
            max_candidates: 12,
            falsification_databases: 1000,
        }
    }
}
