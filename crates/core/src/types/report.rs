//! The report of a competition: the published contract, `format: 1`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    AgentName, Answers, Candidate, CandidateId, Catalog, Costs, Interval, ObjectFacts, ParameterSetId,
    Problem, PromotionPlan, StatementId, Trial, UniverseId, Workload,
};

/// Everything a reader needs to check the verdict again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Report {
    /// Version of this format: 1.
    pub format: u32,
    /// Unique name of the competition.
    pub id: String,
    /// When it began, RFC 3339.
    pub started: String,
    /// Seed of every random order.
    pub seed: u64,
    /// Version of the library.
    pub pgverse: String,
    /// The problem.
    pub problem: Problem,
    /// The workload.
    pub workload: Workload,
    /// Where the data came from.
    pub source: SourceReport,
    /// Where the time went.
    pub timing: Timing,
    /// One for each agent, in the order in which they were asked for.
    pub universes: Vec<UniverseReport>,
    /// The grand final, if winners of several universes could be united. Its candidate stands with the
    /// leading agent's.
    #[serde(default)]
    pub grand_final: Option<FinalReport>,
    /// The decision.
    pub verdict: VerdictReport,
    /// What would be done to the source; no steps without a winner.
    pub promotion: PromotionReport,
    /// Forks against full clones.
    pub costs: CostReport,
    /// Raw samples and answers of every candidate: what `judge` reads.
    pub trials: Vec<Trial>,
}

/// The server that was forked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct SourceReport {
    /// `server_version_num`.
    pub server_version: u32,
    /// Database.
    pub database: String,
    /// Bytes of all its tables.
    pub table_bytes: u64,
    /// Settings that decide plans.
    pub settings: BTreeMap<String, String>,
    /// Schemas in which unqualified names were looked up, first to last.
    #[serde(default)]
    pub search_path: Vec<String>,
    /// Tables that the workload or a candidate is about, as they were when they were measured.
    #[serde(default)]
    pub objects: Vec<ObjectFacts>,
}

impl SourceReport {
    /// From a catalog snapshot.
    pub fn of(catalog: &Catalog) -> Self {
        Self {
            server_version: catalog.server_version,
            database: catalog.database.clone(),
            table_bytes: catalog.tables.iter().map(|t| t.bytes).sum(),
            settings: catalog.settings.clone(),
            search_path: catalog.search_path.clone(),
            objects: Vec::new(),
        }
    }

    /// Takes down how these tables are, with the partitioned tables above them and their partitions.
    pub(crate) fn note<'a>(
        &mut self,
        catalog: &Catalog,
        tables: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) {
        let named = tables.into_iter().filter_map(|(schema, name)| catalog.table(schema, name));
        for table in named.flat_map(|table| catalog.upwards(table)) {
            if !self.objects.iter().any(|o| o.schema == table.schema && o.name == table.name) {
                self.objects.push(ObjectFacts::of(catalog, table));
            }
        }
        self.objects.sort_by(|a, b| (&a.schema, &a.name).cmp(&(&b.schema, &b.name)));
    }
}

/// Where the wall time went. Phases of universes overlap, so they need not add up to the total.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Timing {
    /// From start to verdict.
    pub total_seconds: f64,
    /// At least one fork was being made.
    pub forking_seconds: f64,
    /// At least one candidate was being built.
    pub building_seconds: f64,
    /// The timing slot was in use.
    pub measuring_seconds: f64,
    /// At least one statement was running inside PostgreSQL.
    pub postgres_seconds: f64,
    /// Share of the total during which PostgreSQL was at work.
    pub postgres_share: f64,
}

/// One universe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct UniverseReport {
    /// Id; absent if no fork could be made.
    pub id: Option<UniverseId>,
    /// Agent.
    pub agent: AgentName,
    /// Scheme of the backend.
    pub backend: String,
    /// How the fork was made.
    pub fork: ForkReport,
    /// What went wrong, if it failed as a whole.
    pub error: Option<String>,
    /// Candidates, in the order in which they were proposed.
    pub candidates: Vec<CandidateReport>,
}

/// The universe of the grand final.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct FinalReport {
    /// Id; absent if no fork could be made.
    pub id: Option<UniverseId>,
    /// How the fork was made.
    pub fork: ForkReport,
    /// What went wrong, if it failed as a whole.
    pub error: Option<String>,
    /// The union that was raced; absent if the finalists came to nothing new.
    pub candidate: Option<CandidateId>,
}

/// How a fork was made.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ForkReport {
    /// From the request to the first answered query.
    pub seconds: f64,
    /// Disk it really took.
    pub bytes: u64,
    /// Memory that its server took when its work was done, bytes (proportional set size), if that could be told.
    #[serde(default)]
    pub memory_bytes: Option<u64>,
    /// Mechanism.
    pub mechanism: String,
}

/// One candidate with its measurements.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct CandidateReport {
    /// Id.
    pub id: CandidateId,
    /// One line.
    pub title: String,
    /// Why it was proposed.
    pub rationale: String,
    /// Outcome.
    pub status: CandidateStatus,
    /// Why.
    pub reason: String,
    /// What it changes.
    pub change: Vec<ChangeReport>,
    /// Author's estimate, or else the planner's: weighted cost with the change over without it.
    pub predicted_ratio: Option<f64>,
    /// Whether the answers stayed the same.
    pub answers: Answers,
    /// Weighted workload time with the change over without it.
    pub ratio: Option<Interval>,
    /// Each statement and parameter set that was measured.
    pub statements: Vec<StatementReport>,
    /// What it costs.
    pub costs: Costs,
}

/// One operation, as SQL.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ChangeReport {
    /// Statements that apply it.
    pub apply: Vec<String>,
    /// Statements that undo it.
    pub undo: Vec<String>,
    /// Statements that apply it without blocking production.
    pub online: Vec<String>,
    /// The operation itself.
    pub operation: super::Operation,
}

impl ChangeReport {
    /// The operations of a candidate.
    pub fn of(candidate: &Candidate) -> Vec<Self> {
        candidate
            .change
            .operations
            .iter()
            .map(|operation| Self {
                apply: operation.apply(),
                undo: operation.undo(),
                online: operation.online(),
                operation: operation.clone(),
            })
            .collect()
    }
}

/// What became of a candidate.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum CandidateStatus {
    /// The winner.
    Crowned,
    /// Certified to be faster, but not the fastest.
    RunnerUp,
    /// Measured, and not certified to be faster.
    Eliminated,
    /// Breaks a bound or changes answers.
    Rejected,
    /// Could not be built or run.
    Failed,
}

/// One statement and parameter set of a candidate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct StatementReport {
    /// Statement.
    pub id: StatementId,
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
    #[serde(default)]
    pub baseline_cpu_ms: Option<f64>,
    /// The same under the candidate.
    #[serde(default)]
    pub candidate_cpu_ms: Option<f64>,
    /// Median wall time of the baseline, milliseconds, where the times above are without the wait for a
    /// processor; absent where they are wall time themselves.
    #[serde(default)]
    pub baseline_wall_ms: Option<f64>,
    /// The same under the candidate.
    #[serde(default)]
    pub candidate_wall_ms: Option<f64>,
    /// Candidate over baseline, by the clock of `baseline_ms` and `candidate_ms`.
    pub ratio: Interval,
}

/// The decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct VerdictReport {
    /// Winner, or null.
    pub winner: Option<CandidateId>,
    /// Its agent.
    pub agent: Option<AgentName>,
    /// Its ratio.
    pub ratio: Option<Interval>,
    /// Why this one, or why none.
    pub reason: String,
    /// Largest A/A deviation of the run, as a share.
    pub noise: f64,
    /// Largest drift of a baseline from the first to the last third of its rounds, as a share.
    #[serde(default)]
    pub drift: f64,
    /// Name of the judge whose rules these are.
    #[serde(default)]
    pub judge: String,
}

/// The promotion plan of the winner.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct PromotionReport {
    /// Hash that an approval must name; empty without a winner.
    pub hash: String,
    /// In order.
    pub steps: Vec<super::PromotionStep>,
}

impl From<PromotionPlan> for PromotionReport {
    fn from(plan: PromotionPlan) -> Self {
        Self { hash: plan.hash, steps: plan.steps }
    }
}

/// Forks against full clones, both over the measured lifetimes of the forks.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct CostReport {
    /// What the forks took.
    pub forks: HoldingCost,
    /// What as many full copies would have taken, held as long; the time to copy them is not counted.
    pub full_clones: HoldingCost,
    /// How the figures were computed, with the prices used.
    pub formula: String,
}

/// Storage held for a time.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct HoldingCost {
    /// How many.
    pub count: usize,
    /// Bytes, all together.
    pub bytes: u64,
    /// Bytes times lifetime, in GiB hours.
    pub gib_hours: f64,
    /// Hours that forks or clones were running, all together.
    pub running_hours: f64,
    /// In the currency of the prices; zero where no prices are set.
    pub price: f64,
}
