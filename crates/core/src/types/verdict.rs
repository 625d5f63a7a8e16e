//! What the judge decided, and why.

use serde::{Deserialize, Serialize};

use super::report::CandidateStatus;
use super::{CandidateId, ParameterSetId, StatementId};

/// A ratio of candidate time over baseline time with its confidence interval; below one is faster.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Interval {
    /// Point estimate.
    pub estimate: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Interval {
    /// Exactly one: the same work.
    pub const ONE: Self = Self { estimate: 1.0, low: 1.0, high: 1.0 };
}

/// The decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Verdict {
    /// The winner, if one earned it.
    pub winner: Option<CandidateId>,
    /// The winner's ratio.
    pub ratio: Option<Interval>,
    /// Why this one, or why none.
    pub reason: String,
    /// Largest A/A deviation that the run itself showed, as a share: 0.02 means 2 %.
    pub noise: f64,
    /// Largest drift of a baseline from the first to the last third of its rounds, as a share.
    pub drift: f64,
    /// Every candidate, best first.
    pub ranking: Vec<Ranked>,
}

/// One candidate in the ranking.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Ranked {
    /// Candidate.
    pub candidate: CandidateId,
    /// Outcome.
    pub status: CandidateStatus,
    /// Why.
    pub reason: String,
    /// Weighted workload time with the change over without it; absent if it was never measured.
    pub ratio: Option<Interval>,
    /// Each statement and parameter set that was measured.
    pub statements: Vec<StatementVerdict>,
}

/// The ratio of one statement with one parameter set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct StatementVerdict {
    /// Statement.
    pub statement: StatementId,
    /// Parameter set.
    pub parameter_set: ParameterSetId,
    /// Pairs measured; zero where the plan is the same.
    pub pairs: usize,
    /// Median baseline time, milliseconds: without the wait for a processor where that can be read.
    pub baseline_ms: f64,
    /// Whether the baseline was stopped: it takes at least `baseline_ms`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub baseline_cut_off: bool,
    /// Median candidate time, milliseconds.
    pub candidate_ms: f64,
    /// Median processor time of the server process, milliseconds, where it can be read: baseline.
    pub baseline_cpu_ms: Option<f64>,
    /// The same under the candidate.
    pub candidate_cpu_ms: Option<f64>,
    /// Median wall time of the baseline, milliseconds, where the times above are without the wait for a
    /// processor; absent where they are wall time themselves.
    pub baseline_wall_ms: Option<f64>,
    /// The same under the candidate.
    pub candidate_wall_ms: Option<f64>,
    /// Candidate over baseline, by the clock of `baseline_ms` and `candidate_ms`.
    pub ratio: Interval,
}
