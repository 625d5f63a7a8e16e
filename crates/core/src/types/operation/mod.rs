//! One typed, reversible change to a database, and how to switch it on and off.

mod outside;
mod partitions;
mod statements;

use serde::{Deserialize, Serialize};

pub use partitions::IndexPartition;

use super::StatementId;
use super::catalog::{Catalog, IndexKey, Table};
use crate::pg::quote::{ident, literal};

/// A typed change. Each knows how to be applied, undone, applied online, which lock it takes, and how it can
/// be switched off inside a transaction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Operation {
    /// CREATE INDEX. The index lives in the schema of its table.
    CreateIndex {
        /// Schema of the table.
        schema: String,
        /// Table.
        table: String,
        /// Index name, not qualified.
        name: String,
        /// Access method, such as `btree`.
        #[serde(default = "btree")]
        method: String,
        /// Key columns or expressions, in order.
        keys: Vec<IndexKey>,
        /// INCLUDE columns.
        #[serde(default)]
        include: Vec<String>,
        /// WHERE clause as SQL.
        #[serde(default)]
        predicate: Option<String>,
        /// The partitions of its table, if it is partitioned; the engine fills it in.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        partitions: Option<Vec<IndexPartition>>,
    },
    /// DROP INDEX.
    DropIndex {
        /// Schema.
        schema: String,
        /// Name.
        name: String,
        /// `pg_get_indexdef`, for the way back.
        definition: String,
        /// The partitions of its table, if it is partitioned; the engine fills it in.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        partitions: Option<Vec<IndexPartition>>,
    },
    /// CREATE STATISTICS, then ANALYZE of the columns.
    CreateStatistics {
        /// Schema of the table and the statistics object.
        schema: String,
        /// Table.
        table: String,
        /// Name of the statistics object, not qualified.
        name: String,
        /// `ndistinct`, `dependencies`, `mcv`; empty means all, and must be empty for a single expression.
        kinds: Vec<String>,
        /// Plain columns.
        columns: Vec<String>,
        /// Expressions as SQL without the outer parentheses.
        expressions: Vec<String>,
    },
    /// ALTER TABLE … SET STATISTICS, then ANALYZE of the column.
    SetStatisticsTarget {
        /// Schema.
        schema: String,
        /// Table.
        table: String,
        /// Column.
        column: String,
        /// New target, 1 to 10000.
        target: i32,
        /// Target before; -1 is the default.
        previous: i32,
    },
    /// ANALYZE of a table. Has no undo: fresh statistics are never worse than stale ones.
    Analyze {
        /// Schema.
        schema: String,
        /// Table.
        table: String,
    },
    /// A setting for a role, a database, or all of it.
    Setting {
        /// Name, such as `work_mem`.
        name: String,
        /// New value.
        value: String,
        /// For whom it is promoted.
        scope: SettingScope,
        /// The value stored there before, which the way back restores; the engine fills it in.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        previous: Option<String>,
    },
    /// ALTER TABLE … ADD CONSTRAINT: a check or a foreign key.
    AddConstraint {
        /// Schema of the table.
        schema: String,
        /// Table.
        table: String,
        /// Name of the constraint.
        name: String,
        /// From `CHECK` or `FOREIGN KEY` on, as `pg_get_constraintdef` prints it.
        definition: String,
    },
    /// CREATE MATERIALIZED VIEW with an optional unique index, so that it can be refreshed concurrently.
    CreateMaterializedView {
        /// Schema.
        schema: String,
        /// Name.
        name: String,
        /// The defining query.
        query: String,
        /// Output columns that identify a row; empty if none are known.
        unique_key: Vec<String>,
        /// How it is kept fresh.
        refresh: Refresh,
    },
    /// Another text for a statement of the workload. Nothing changes in the database; the application does.
    RewriteStatement {
        /// Statement.
        statement: StatementId,
        /// New text, with the same parameters.
        sql: String,
        /// The rule that made it, such as `decorrelate_scalar`.
        rule: String,
    },
    /// SQL written by hand or by a custom agent, each statement by itself. It runs inside transactions that are rolled
    /// back; what refuses a transaction (VACUUM FULL, ALTER SYSTEM …) or writes tables anew is measured on a fork of its
    /// own.
    Sql {
        /// Statements to apply.
        apply: Vec<String>,
        /// Statements to undo, in order.
        undo: Vec<String>,
        /// Statements that apply without blocking production; the plain ones where absent.
        online: Vec<String>,
        /// Lock that applying takes.
        lock: LockLevel,
    },
}

/// For whom a setting holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SettingScope {
    /// ALTER DATABASE … SET, for the database of the source.
    Database(String),
    /// ALTER ROLE … SET.
    Role(String),
}

/// How a materialized view is kept fresh.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Refresh {
    /// Seconds between refreshes; the age that an answer may have.
    pub every_seconds: f64,
    /// Whether REFRESH … CONCURRENTLY is possible.
    pub concurrently: bool,
}

/// Table-level lock modes (PostgreSQL manual, "Explicit Locking"), weakest first.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum LockLevel {
    None,
    AccessShare,
    RowShare,
    RowExclusive,
    ShareUpdateExclusive,
    Share,
    ShareRowExclusive,
    Exclusive,
    AccessExclusive,
}

/// How a change is switched on a fork, so that baseline and candidate run on the same fork.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Switch {
    /// Built once; these statements hide it inside a transaction that is rolled back.
    Hide(Vec<String>),
    /// Not built; these statements switch it on inside a transaction that is rolled back.
    Enter(Vec<String>),
    /// Another text for one statement.
    Text,
    /// It cannot be undone by the end of a transaction: a fork of its own has it for good.
    Fork,
}

/// What a change does to the answers that users see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// The server guarantees the same answers: other access paths, other plans.
    PlanOnly,
    /// The answers come from another text or another relation and must be compared.
    Answers,
}

fn btree() -> String {
    "btree".to_owned()
}

impl Operation {
    /// The strongest lock on a user's table that the online form, or undoing it online, holds.
    pub fn lock(&self) -> LockLevel {
        match self {
            // DROP INDEX; no form of it is gentler there, and it takes an instant once it has the lock.
            Self::CreateIndex { partitions: Some(_), .. } | Self::DropIndex { partitions: Some(_), .. } => {
                LockLevel::AccessExclusive
            }
            Self::CreateIndex { .. }
            | Self::DropIndex { .. }
            | Self::CreateStatistics { .. }
            | Self::SetStatisticsTarget { .. }
            | Self::Analyze { .. } => LockLevel::ShareUpdateExclusive,
            // For an instant: the rows are checked under a weak lock afterwards.
            Self::AddConstraint { .. } => LockLevel::AccessExclusive,
            Self::CreateMaterializedView { .. } => LockLevel::AccessShare,
            Self::Setting { .. } | Self::RewriteStatement { .. } => LockLevel::None,
            Self::Sql { lock, .. } => *lock,
        }
    }

    /// Whether the online form may run inside a transaction block.
    pub fn transactional(&self) -> bool {
        match self {
            Self::CreateIndex { .. } | Self::DropIndex { .. } => false,
            Self::Sql { .. } => !self.online().iter().any(|sql| outside::refuses_transactions(sql)),
            _ => true,
        }
    }

    /// Whether the server must be started anew before it is in force.
    pub(crate) fn restarts(&self) -> bool {
        matches!(self, Self::Sql { apply, .. } if apply.iter().any(|sql| outside::alters_system(sql)))
    }

    /// How it is switched on a fork.
    pub fn switch(&self) -> Switch {
        match self {
            Self::CreateIndex { .. } => Switch::Hide(self.undo()),
            // Never read unless a rewritten text names it.
            Self::CreateMaterializedView { .. } => Switch::Hide(Vec::new()),
            Self::Setting { name, value, .. } => {
                Switch::Enter(vec![format!("SET LOCAL {} TO {}", ident(name), literal(value))])
            }
            Self::Sql { apply, .. } if apply.iter().any(|sql| outside::refuses_transactions(sql)) => {
                Switch::Fork
            }
            // ANALYZE replaces column statistics that other arms of the fork rely on, so it never commits.
            Self::DropIndex { .. }
            | Self::CreateStatistics { .. }
            | Self::SetStatisticsTarget { .. }
            | Self::Analyze { .. }
            | Self::AddConstraint { .. }
            | Self::Sql { .. } => Switch::Enter(self.apply()),
            Self::RewriteStatement { .. } => Switch::Text,
        }
    }

    /// What it does to the answers that users see.
    pub fn effect(&self) -> Effect {
        match self {
            Self::RewriteStatement { .. } | Self::CreateMaterializedView { .. } | Self::Sql { .. } => {
                Effect::Answers
            }
            _ => Effect::PlanOnly,
        }
    }

    /// The tables that it changes or indexes, with the partitions that it names, as schema and name.
    pub fn tables(&self, catalog: &Catalog) -> Vec<(String, String)> {
        match self {
            Self::CreateIndex { schema, table, partitions, .. } => {
                let mut tables = vec![(schema.clone(), table.clone())];
                tables.extend(IndexPartition::tables(partitions.as_deref().unwrap_or_default()));
                tables
            }
            Self::DropIndex { schema, name, partitions, .. } => {
                let has = |t: &&Table| t.indexes.iter().any(|i| &i.schema == schema && &i.name == name);
                let owner = catalog.tables.iter().find(has).map(|t| (t.schema.clone(), t.name.clone()));
                let parts = IndexPartition::tables(partitions.as_deref().unwrap_or_default());
                owner.into_iter().chain(parts).collect()
            }
            Self::CreateStatistics { schema, table, .. }
            | Self::SetStatisticsTarget { schema, table, .. }
            | Self::AddConstraint { schema, table, .. }
            | Self::Analyze { schema, table } => vec![(schema.clone(), table.clone())],
            Self::Setting { .. }
            | Self::CreateMaterializedView { .. }
            | Self::RewriteStatement { .. }
            | Self::Sql { .. } => Vec::new(),
        }
    }

    /// Seconds that an answer may be behind, if it comes from a copy.
    pub fn staleness_seconds(&self) -> Option<f64> {
        match self {
            Self::CreateMaterializedView { refresh, .. } => Some(refresh.every_seconds),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
