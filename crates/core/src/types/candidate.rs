//! What an agent gets, and what it gives.

use serde::{Deserialize, Serialize};

use super::{
    AgentName, CandidateId, Catalog, Operation, ParameterSetId, Plan, Problem, StatementId, Workload,
};

/// Everything an agent needs to know: the problem, the workload, the catalog and the plans of today.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Brief {
    /// What is to be made better.
    pub problem: Problem,
    /// The statements.
    pub workload: Workload,
    /// What the database says of itself.
    pub catalog: Catalog,
    /// One executed plan for each read statement and parameter set (EXPLAIN ANALYZE, VERBOSE, BUFFERS), and
    /// one plain plan for each write.
    pub plans: Vec<StatementPlan>,
}

impl Brief {
    /// The plans of a statement, one for each parameter set.
    pub fn plans_of<'a>(&'a self, id: &'a StatementId) -> impl Iterator<Item = &'a StatementPlan> {
        self.plans.iter().filter(move |p| &p.statement == id)
    }
}

/// The plan of one statement with one parameter set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct StatementPlan {
    /// Statement.
    pub statement: StatementId,
    /// Parameter set.
    pub parameter_set: ParameterSetId,
    /// The plan.
    pub plan: Plan,
    /// Whether the statement was stopped since it did not end within the statement time-out: its execution time is that
    /// time-out then, and no node was executed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cut_off: bool,
}

/// A proposal: what to change, why, and what its author expects.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Candidate {
    /// Unique within the competition; the engine replaces it by `agent-number`.
    #[serde(default = "unnamed")]
    pub id: CandidateId,
    /// Who proposes; the engine fills it in.
    #[serde(default = "unknown")]
    pub agent: AgentName,
    /// One line, such as `B-tree on orders (user_id)`.
    pub title: String,
    /// Which statements, which plan nodes, why this form, what was rejected.
    #[serde(default)]
    pub rationale: String,
    /// The change.
    pub change: Change,
    /// Statements that it is meant to help. Named writes are always measured, since what triggers do is in no
    /// plan; named reads also where no plan changes at all.
    #[serde(default)]
    pub statements: Vec<StatementId>,
    /// Expected time with the change over time without it, if the author has an estimate.
    #[serde(default)]
    pub predicted: Option<f64>,
}

fn unnamed() -> CandidateId {
    "unnamed".into()
}

fn unknown() -> AgentName {
    "unknown".into()
}

impl Candidate {
    /// A candidate without id and agent, which the engine fills in.
    pub fn new(title: impl Into<String>, change: Change) -> Self {
        Self {
            id: unnamed(),
            agent: unknown(),
            title: title.into(),
            rationale: String::new(),
            change,
            statements: Vec::new(),
            predicted: None,
        }
    }

    /// The same with a rationale.
    #[must_use]
    pub fn because(mut self, rationale: impl Into<String>) -> Self {
        self.rationale = rationale.into();
        self
    }

    /// The same with the statements that it is meant to help.
    #[must_use]
    pub fn helping(mut self, statements: impl IntoIterator<Item = StatementId>) -> Self {
        self.statements = statements.into_iter().collect();
        self
    }
}

/// Operations that belong together, applied in order and undone in reverse.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// In order.
    pub operations: Vec<Operation>,
}

impl Change {
    /// A change of one operation.
    pub fn of(operation: Operation) -> Self {
        Self { operations: vec![operation] }
    }

    /// Whether nothing would change.
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }

    /// The text that this change gives a statement, if it rewrites it.
    pub fn rewritten(&self, id: &StatementId) -> Option<&str> {
        self.operations.iter().rev().find_map(|operation| match operation {
            Operation::RewriteStatement { statement, sql, .. } if statement == id => Some(sql.as_str()),
            _ => None,
        })
    }

    /// The oldest answer that it allows, seconds; absent if every answer is current.
    pub fn staleness_seconds(&self) -> Option<f64> {
        self.operations.iter().filter_map(Operation::staleness_seconds).reduce(f64::max)
    }

    /// This and then the other, without operations that both have.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let mut operations = self.operations.clone();
        operations.extend(other.operations.iter().filter(|o| !self.operations.contains(o)).cloned());
        Self { operations }
    }
}
