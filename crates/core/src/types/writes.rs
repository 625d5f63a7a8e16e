//! What a candidate costs those who write, where the workload itself does not write to its tables.

use serde::{Deserialize, Serialize};

use super::PairedSamples;

/// A write that was made up from the table's own rows and measured inside transactions that are rolled back. It
/// counts for nothing in the objective.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct GeneratedWrite {
    /// Schema of the table.
    pub schema: String,
    /// Table; of a partitioned table its largest partition.
    pub table: String,
    /// What it does.
    pub kind: GeneratedKind,
    /// Column that an update changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// Rows that one execution writes, as it is timed.
    pub rows: usize,
    /// Rows that one execution writes, as its work is counted.
    pub counted_rows: usize,
    /// Text as it ran under the baseline.
    pub sql: String,
    /// Raw samples, and the work of one execution.
    pub samples: PairedSamples,
}

/// Kind of a generated write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GeneratedKind {
    /// Copies of rows with fresh keys.
    Insert,
    /// Another row's value into a column that some index covers, one of the candidate's if it has any.
    UpdateIndexed,
    /// Another row's value into a column that no index covers, with the change or without it.
    UpdateUnindexed,
    /// Rows that no other table holds on to.
    Delete,
}

/// Where the writes came from whose cost is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WriteSource {
    /// The workload's own.
    Workload,
    /// Generated, since no write of the workload touches what the candidate changes.
    Generated,
}

/// Write-ahead log of one execution of each write, bytes, without images of whole pages.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct WriteLog {
    /// Without the change.
    pub baseline_bytes: f64,
    /// With it.
    pub candidate_bytes: f64,
}

/// Rows that one execution of each write updated, and how many of them needed no index entry (heap-only tuples;
/// PostgreSQL manual, "Heap-Only Tuples").
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct HotUpdates {
    /// Rows updated.
    pub updated: f64,
    /// Heap-only among them without the change.
    pub baseline: f64,
    /// Heap-only among them with it.
    pub candidate: f64,
}
