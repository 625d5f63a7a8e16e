//! The statements that matter, with weights and real parameters.

use serde::{Deserialize, Serialize};

use super::{ParameterSetId, StatementId};

/// What the database is asked to do.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Workload {
    /// In the order in which they were given.
    pub statements: Vec<Statement>,
}

impl Workload {
    /// The statement with this id.
    pub fn statement(&self, id: &StatementId) -> Option<&Statement> {
        self.statements.iter().find(|s| &s.id == id)
    }

    /// Statements of a kind.
    pub fn of_kind(&self, kind: StatementKind) -> impl Iterator<Item = &Statement> {
        self.statements.iter().filter(move |s| s.kind == kind)
    }
}

/// One statement; runnable with each of its parameter sets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// Unique within the workload.
    pub id: StatementId,
    /// The text, with `$1`, `$2` … where parameters go, without a trailing semicolon.
    pub sql: String,
    /// Equal for statements of the same shape.
    pub fingerprint: String,
    /// Read or write.
    pub kind: StatementKind,
    /// Never empty; a statement without parameters has one set without values.
    pub parameter_sets: Vec<ParameterSet>,
    /// Calls per minute, or any other common unit; only the proportions matter, except where a periodic
    /// cost (the refresh of a view) is set against it.
    pub weight: f64,
}

impl Statement {
    /// Weight of one parameter set: its share of the statement's weight.
    pub fn weight_of(&self, set: &ParameterSet) -> f64 {
        let total: f64 = self.parameter_sets.iter().map(|s| s.weight).sum();
        if total > 0.0 { self.weight * set.weight / total } else { 0.0 }
    }
}

/// Whether a statement changes data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StatementKind {
    /// Returns rows and changes nothing.
    Read,
    /// INSERT, UPDATE, DELETE or MERGE, also inside a WITH; always run in a transaction that is rolled back.
    Write,
}

/// Values for `$1`, `$2` … as text in the server's input format.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ParameterSet {
    /// Unique within the statement.
    pub id: ParameterSetId,
    /// One for each parameter; `null` is SQL NULL.
    pub values: Vec<Option<String>>,
    /// Share among the sets of the statement.
    pub weight: f64,
    /// Where the values came from.
    pub origin: Origin,
}

impl ParameterSet {
    /// The set of a statement without parameters.
    pub fn none() -> Self {
        Self { id: "none".into(), values: Vec::new(), weight: 1.0, origin: Origin::Given }
    }
}

/// Where parameter values came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Origin {
    /// Written in the workload by its author, or no parameters at all.
    Given,
    /// Seen in a server log.
    Log,
    /// Seen in `pg_stat_activity` while the statement ran.
    Activity,
    /// Recorded by the extension pg_qualstats.
    Qualstats,
    /// Chosen from the statistics and the rows of the columns that the parameters are compared with.
    Synthesized(Selectivity),
}

/// How much of a table the values of a set are meant to find.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Selectivity {
    /// The most common values, the widest ranges.
    Frequent,
    /// The values of a row in the middle.
    Typical,
    /// The least common values that exist, the narrowest ranges.
    Rare,
    /// Values that no row has.
    Absent,
}

impl Selectivity {
    /// The class as the reports spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Frequent => "frequent",
            Self::Typical => "typical",
            Self::Rare => "rare",
            Self::Absent => "absent",
        }
    }
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Given => f.write_str("given"),
            Self::Log => f.write_str("log"),
            Self::Activity => f.write_str("activity"),
            Self::Qualstats => f.write_str("qualstats"),
            Self::Synthesized(class) => write!(f, "synthesized ({})", class.as_str()),
        }
    }
}
