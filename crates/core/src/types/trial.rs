//! What was measured of a candidate: raw paired samples, answers, costs.

use serde::{Deserialize, Serialize};

use super::{
    Candidate, CandidateId, GeneratedWrite, HotUpdates, ParameterSetId, Plan, StatementId, StatementKind,
    UniverseId, WriteLog, WriteSource,
};

/// Everything the judge may know of a candidate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Trial {
    /// Candidate.
    pub candidate: CandidateId,
    /// Universe in which baseline and candidate ran side by side.
    pub universe: UniverseId,
    /// How far it came.
    pub state: TrialState,
    /// Whether the answers stayed the same.
    pub answers: Answers,
    /// The comparison of each statement whose answers could have changed.
    pub checks: Vec<AnswerCheck>,
    /// Raw samples of each statement and parameter set that was measured.
    pub samples: Vec<PairedSamples>,
    /// What it costs.
    pub costs: Costs,
    /// The planner's estimate of the weighted workload cost with the change over without it.
    pub planned_ratio: Option<f64>,
    /// Author's own estimate, if any.
    pub predicted_ratio: Option<f64>,
    /// The oldest answer it allows, seconds.
    pub staleness_seconds: Option<f64>,
    /// For a union: the best single candidate, which ran in the same rounds and must be beaten.
    #[serde(default)]
    pub rival: Option<CandidateId>,
    /// The forks beside its universe, where its change cannot be switched inside a transaction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forks: Option<OwnForks>,
    /// The part of the error rate that was its own in the race; the parts of all that may be measured add up to the whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_rate: Option<f64>,
    /// Rounds whose samples were not kept, since the caches were not warm yet.
    #[serde(default)]
    pub warm_up_rounds: u32,
    /// Writes on the tables it touches, generated where the workload's own writes do not reach it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub generated_writes: Vec<GeneratedWrite>,
    /// Which writes could not be generated, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ungenerated_writes: Vec<String>,
}

impl Trial {
    /// A trial in which nothing was measured yet.
    pub(crate) fn blank(candidate: &Candidate, universe: UniverseId, state: TrialState) -> Self {
        Self {
            candidate: candidate.id.clone(),
            universe,
            state,
            answers: Answers::Unchanged,
            checks: Vec::new(),
            samples: Vec::new(),
            costs: Costs::default(),
            planned_ratio: None,
            predicted_ratio: candidate.predicted,
            staleness_seconds: candidate.change.staleness_seconds(),
            rival: None,
            forks: None,
            error_rate: None,
            warm_up_rounds: 0,
            generated_writes: Vec::new(),
            ungenerated_writes: Vec::new(),
        }
    }

    /// Whether it ran at least once beside the baseline.
    pub fn is_measured(&self) -> bool {
        self.samples.iter().any(|samples| !samples.candidate_ms.is_empty())
    }
}

/// Where a candidate ran whose change is there for good: the baseline ran on the trial's universe, in the same rounds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct OwnForks {
    /// The fork that has the change.
    pub changed: UniverseId,
    /// The fork without it on which the A/A control ran, so that the A/A deviation holds what forks differ by.
    pub control: UniverseId,
}

/// How far a candidate came.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum TrialState {
    /// Measured to the end of the schedule, or until nothing was left to learn.
    Measured,
    /// Not measured, or stopped: answers differ, a bound is broken.
    Rejected {
        /// Why.
        reason: String,
    },
    /// It could not be built or run.
    Failed {
        /// What went wrong.
        error: String,
    },
}

/// Whether the answers stayed the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Answers {
    /// Compared, and equal.
    Same,
    /// Compared, and different.
    Differs,
    /// Cannot be told: volatile functions, rows cut off by a LIMIT without a total order.
    Unverifiable,
    /// No statement's text or source of rows changes, and what was compared agrees.
    Unchanged,
}

/// The comparison of one statement with one parameter set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct AnswerCheck {
    /// Statement.
    pub statement: StatementId,
    /// Parameter set.
    pub parameter_set: ParameterSetId,
    /// Outcome.
    pub answers: Answers,
    /// Rows of the baseline.
    pub baseline_rows: u64,
    /// Rows of the candidate.
    pub candidate_rows: u64,
    /// What differs, or why it cannot be told; empty where the same.
    pub reason: String,
    /// What stands behind `same` beside the comparison on the fork's own data, such as "not refuted by 1000
    /// databases"; empty where nothing more was tried.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub proof: String,
    /// The smallest database found on which the answers differ, with both answers, for people to read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counterexample: Option<String>,
}

impl AnswerCheck {
    /// What several checks come to: the worst of them; `None` without any that compared something.
    pub fn overall(checks: &[Self]) -> Option<Answers> {
        [Answers::Differs, Answers::Unverifiable, Answers::Same]
            .into_iter()
            .find(|answers| checks.iter().any(|c| c.answers == *answers))
    }
}

/// Raw samples of one statement and parameter set; the same position in each list is the same round.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct PairedSamples {
    /// Statement.
    pub statement: StatementId,
    /// Parameter set.
    pub parameter_set: ParameterSetId,
    /// Read or write.
    pub kind: StatementKind,
    /// Weight of this parameter set in the objective.
    pub weight: f64,
    /// Whether the candidate's plan or text differs from the baseline's. Where it does not, both do the same
    /// work, and the ratio is one by construction.
    pub plan_changed: bool,
    /// Baseline, milliseconds, one for each round.
    pub baseline_ms: Vec<f64>,
    /// Candidate, milliseconds, one for each round.
    pub candidate_ms: Vec<f64>,
    /// A second run of the baseline (the A/A control), milliseconds, one for each round.
    pub control_ms: Vec<f64>,
    /// The rival of a union, milliseconds, one for each round; empty without a rival.
    #[serde(default)]
    pub rival_ms: Vec<f64>,
    /// Processor time of the server process under the baseline, milliseconds, one for each round; empty where
    /// it cannot be read. Blind to waiting, and to parallel workers.
    #[serde(default)]
    pub baseline_cpu_ms: Vec<f64>,
    /// The same under the candidate.
    #[serde(default)]
    pub candidate_cpu_ms: Vec<f64>,
    /// The same four without the time that the server process stood in the queue for a processor. Where they
    /// can be read, they decide.
    #[serde(default)]
    pub unqueued: Unqueued,
    /// What the server counted, once for each side; absent where the plan is the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub work: Option<WorkPair>,
    /// Time-out of the candidate that was last in force, milliseconds. What is cut off counts as this long.
    pub timeout_ms: f64,
    /// How many of the candidate's samples were cut off.
    #[serde(default)]
    pub cut_offs: u32,
    /// Whether the statement does not end within the statement time-out without the change. The baseline counts with that
    /// time-out then, so that a gain is a lower bound; where the candidate is no better, neither counts.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub baseline_cut_off: bool,
}

impl PairedSamples {
    /// Whether the candidate ran into a time-out that the baseline keeps so often that this is no accident: twice, and in
    /// half of the rounds.
    pub fn cut_off(&self) -> bool {
        let times = self.cut_offs as usize;
        !self.baseline_cut_off && times >= 2 && 2 * times >= self.candidate_ms.len()
    }
}

/// The work of one execution under both arms.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct WorkPair {
    /// Under the baseline.
    pub baseline: Work,
    /// Under the candidate.
    pub candidate: Work,
}

/// What the server counted in one execution (PostgreSQL manual, "EXPLAIN", options BUFFERS and WAL). Blocks are of
/// 8 kB as a rule.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Work {
    /// Time to plan, milliseconds.
    pub planning_ms: f64,
    /// Blocks found in shared buffers.
    pub shared_hit_blocks: f64,
    /// Blocks read into shared buffers.
    pub shared_read_blocks: f64,
    /// Blocks of temporary files, read and written.
    pub temp_blocks: f64,
    /// Write-ahead log, bytes.
    pub wal_bytes: f64,
    /// Images of whole pages among it; where there are any, the bytes depend on the last checkpoint.
    pub wal_full_pages: f64,
    /// Rows that a write updates.
    #[serde(default)]
    pub updated_rows: f64,
    /// Of these, the heap-only updates, which need no index entry.
    #[serde(default)]
    pub hot_updated_rows: f64,
}

impl Work {
    /// From an executed plan; its top node counts everything below it.
    pub fn of(plan: &Plan) -> Self {
        let root = &plan.root;
        Self {
            planning_ms: plan.planning_ms.unwrap_or(0.0),
            shared_hit_blocks: root.shared_hit_blocks,
            shared_read_blocks: root.shared_read_blocks,
            temp_blocks: root.temp_read_blocks + root.temp_written_blocks,
            wal_bytes: root.wal_bytes,
            wal_full_pages: root.wal_full_pages,
            updated_rows: 0.0,
            hot_updated_rows: 0.0,
        }
    }
}

/// Wall time less the wait for a processor, milliseconds, one for each round; all empty where the kernel does
/// not tell. A busy neighbour lengthens wall time by whole time slices and leaves this almost alone; waiting for
/// disks, locks and parallel workers is in it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Unqueued {
    /// Baseline.
    pub baseline_ms: Vec<f64>,
    /// Candidate.
    pub candidate_ms: Vec<f64>,
    /// A/A control.
    pub control_ms: Vec<f64>,
    /// Rival of a union.
    pub rival_ms: Vec<f64>,
}

impl PairedSamples {
    /// Times of the baseline by the clock that decides: without the wait for a processor where all that was
    /// paired has it, else wall time.
    pub fn baseline(&self) -> &[f64] {
        if self.has_unqueued() { &self.unqueued.baseline_ms } else { &self.baseline_ms }
    }

    /// Times of the candidate by the same clock.
    pub fn candidate(&self) -> &[f64] {
        if self.has_unqueued() { &self.unqueued.candidate_ms } else { &self.candidate_ms }
    }

    /// Times of the A/A control by the same clock.
    pub fn control(&self) -> &[f64] {
        if self.has_unqueued() { &self.unqueued.control_ms } else { &self.control_ms }
    }

    /// Times of the rival by the same clock.
    pub fn rival(&self) -> &[f64] {
        if self.has_unqueued() { &self.unqueued.rival_ms } else { &self.rival_ms }
    }

    /// Whether the clock that decides is not wall time. Both sides of a pair must have been read by the same.
    pub fn has_unqueued(&self) -> bool {
        let (wall, unqueued) = (self, &self.unqueued);
        !unqueued.baseline_ms.is_empty()
            && unqueued.baseline_ms.len() == wall.baseline_ms.len()
            && unqueued.candidate_ms.len() == wall.candidate_ms.len()
            && unqueued.control_ms.len() == wall.control_ms.len()
            && unqueued.rival_ms.len() == wall.rival_ms.len()
    }
}

/// What a candidate costs; all measured on its universe.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Costs {
    /// Seconds to build.
    pub build_seconds: f64,
    /// Bytes that it adds (negative where it drops).
    pub bytes: i64,
    /// Write-ahead log of the build, bytes; absent where other forks write to the same log.
    pub wal_bytes: Option<u64>,
    /// Write time with it over without it: of the workload's own writes, weighted, or of generated ones. Absent
    /// where it changes nothing that a write maintains, or where no write could be generated.
    pub write_ratio: Option<f64>,
    /// Which writes these were.
    #[serde(default)]
    pub write_source: Option<WriteSource>,
    /// Write-ahead log of the same writes.
    #[serde(default)]
    pub write_log: Option<WriteLog>,
    /// Heap-only updates among the same writes; absent where they update nothing.
    #[serde(default)]
    pub hot_updates: Option<HotUpdates>,
    /// Seconds of one refresh, for what must be refreshed.
    pub refresh_seconds: Option<f64>,
    /// What each operation of the change took, in their order.
    #[serde(default)]
    pub operations: Vec<OperationCost>,
}

/// What one operation took on the fork.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct OperationCost {
    /// Seconds to build.
    pub seconds: f64,
    /// Bytes that it adds (negative where it drops).
    pub bytes: i64,
}
