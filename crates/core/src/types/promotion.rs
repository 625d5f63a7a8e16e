//! What would be done to the source, step by step, and the state of the source that it was made for.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{CandidateId, Catalog, LockLevel, Operation, OperationCost, Table, TableKind};

/// An ordered plan; nothing is written to a source without an approval that names its hash.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct PromotionPlan {
    /// The winner that it promotes.
    pub candidate: CandidateId,
    /// BLAKE3 over everything else, hexadecimal.
    pub hash: String,
    /// In order.
    pub steps: Vec<PromotionStep>,
    /// What must still be so.
    pub grounds: Grounds,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct PromotionStep {
    /// One line.
    pub title: String,
    /// Statements that apply it without blocking production.
    pub up: Vec<String>,
    /// Statements that undo it without blocking production.
    pub down: Vec<String>,
    /// The strongest lock on a user's table, of applying it and undoing it.
    pub lock: LockLevel,
    /// Whether it may run inside a transaction block.
    pub transactional: bool,
    /// What it took on the fork, if it was built there.
    #[serde(default)]
    pub cost: Option<OperationCost>,
    /// The change itself.
    pub operation: Operation,
}

/// The database as it was when the change was measured, as far as a promotion relies on it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Grounds {
    /// Database name.
    pub database: String,
    /// `server_version_num`.
    pub server_version: u32,
    /// Schemas in which unqualified names were looked up, first to last.
    pub search_path: Vec<String>,
    /// Tables that the workload reads or writes and that candidates change.
    pub objects: Vec<ObjectFacts>,
}

/// A table as it was when it was measured: names with digests of their definitions, so that a difference can be
/// named, and no OID, since forks have others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ObjectFacts {
    /// Schema.
    pub schema: String,
    /// Name.
    pub name: String,
    /// What it is.
    pub kind: TableKind,
    /// Rows by the planner's estimate; negative if never analyzed.
    pub rows: f64,
    /// Bytes of the table with TOAST, without indexes.
    pub bytes: u64,
    /// Columns: type, NOT NULL, collation, generated.
    pub columns: BTreeMap<String, String>,
    /// Constraints: kind, columns, definition.
    pub constraints: BTreeMap<String, String>,
    /// Valid indexes: `pg_get_indexdef`.
    pub indexes: BTreeMap<String, String>,
    /// Extended statistics: `pg_get_statisticsobjdef`.
    pub statistics: BTreeMap<String, String>,
    /// Its direct partitions, as `schema.name`.
    pub partitions: Vec<String>,
}

impl ObjectFacts {
    /// What a catalog says of a table.
    pub fn of(catalog: &Catalog, table: &Table) -> Self {
        let whole = format!("{}.{}", table.schema, table.name);
        let mut partitions: Vec<String> = catalog
            .tables
            .iter()
            .filter(|t| t.partition_of.as_deref() == Some(whole.as_str()))
            .map(|t| format!("{}.{}", t.schema, t.name))
            .collect();
        partitions.sort();
        let columns = table.columns.iter().map(|c| {
            let facts = (&c.type_name, c.not_null, &c.collation, c.generated);
            (c.name.clone(), digest(&facts))
        });
        // PostgreSQL 18 lists NOT NULL as constraints; the columns have it already.
        let constraints = table.constraints.iter().filter(|c| c.kind != super::ConstraintKind::NotNull);
        Self {
            schema: table.schema.clone(),
            name: table.name.clone(),
            kind: table.kind,
            rows: table.rows,
            bytes: table.bytes,
            columns: columns.collect(),
            constraints: constraints
                .map(|c| (c.name.clone(), digest(&(c.kind, &c.columns, &c.definition))))
                .collect(),
            // pg_dump leaves invalid ones out, and the planner too.
            indexes: table
                .indexes
                .iter()
                .filter(|i| i.valid)
                .map(|i| (i.name.clone(), digest(&i.definition)))
                .collect(),
            statistics: table.statistics.iter().map(|s| (s.name.clone(), digest(&s.definition))).collect(),
            partitions,
        }
    }

    /// The table's name with its schema, for people to read.
    pub fn title(&self) -> String {
        format!("{}.{}", self.schema, self.name)
    }
}

/// The first 64 bits of the BLAKE3 hash of the value in JSON, as hexadecimal digits.
fn digest(value: &impl Serialize) -> String {
    let bytes = serde_json::to_vec(value).unwrap_or_default();
    let mut hex = blake3::hash(&bytes).to_hex().to_string();
    hex.truncate(16);
    hex
}
