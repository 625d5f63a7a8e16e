//! What is to be made better, and within which bounds.

use serde::{Deserialize, Serialize};

/// The user's problem.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Problem {
    /// Plain words; shown in the report.
    pub description: String,
    /// What counts.
    pub objective: Objective,
    /// What must hold.
    pub limits: Limits,
}

impl Default for Problem {
    fn default() -> Self {
        Self {
            description: "make the workload faster".to_owned(),
            objective: Objective::default(),
            limits: Limits::default(),
        }
    }
}

/// What is minimized.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Objective {
    /// The weighted sum of statement times: weight × milliseconds, over all statements and parameter sets.
    #[default]
    TotalTime,
    /// The weighted geometric mean of the times, over all statements and parameter sets: making one of them twice as fast
    /// is worth as much as making any other of the same weight so, however long they take (Fleming and Wallace, "How not
    /// to lie with statistics", 1986). The refreshing of views is no execution: it has to save more than it takes in total time.
    GeometricMean,
    /// The weighted sum over the slowest executions only, those that users notice: with a `share` of 0.05, the mean
    /// time of the slowest 5 % (the expected shortfall at the 95th percentile; Rockafellar and Uryasev, 2000).
    /// Each side is taken at its own slowest executions. The refreshing of views is no execution: it has to
    /// save more than it takes in total time.
    TailTime {
        /// Share of the executions that count, above 0 and at most 1.
        share: f64,
    },
}

/// Bounds that a winner must keep.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Extra storage allowed, bytes; unlimited if absent.
    pub max_storage_bytes: Option<u64>,
    /// Largest allowed ratio of write time with the change over write time without it: of the workload's own writes
    /// where a candidate touches what they write to, else of generated ones.
    pub max_write_slowdown: f64,
    /// Largest allowed slowdown of any single read statement and parameter set: 0.10 means 10 %.
    pub max_regression: f64,
    /// Smallest gain worth a change: 0.05 means that the workload must become at least 5 % faster.
    pub min_gain: f64,
    /// Largest allowed probability that a crowned winner has no such gain.
    pub error_rate: f64,
    /// How old an answer may be, seconds; absent means that every answer must be current.
    pub max_staleness_seconds: Option<f64>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_storage_bytes: None,
            max_write_slowdown: 1.5,
            max_regression: 0.10,
            min_gain: 0.05,
            error_rate: 0.01,
            max_staleness_seconds: None,
        }
    }
}
