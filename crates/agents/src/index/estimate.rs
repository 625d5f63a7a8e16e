//! What the statistics say of one column or index.

use pgverse_core::types::{IndexKey, Table, TableKind};

use super::spec::Spec;
use crate::shared::conditions::{Predicate, Side, Test};

/// The planner's own guess for an equality that it knows nothing of (`DEFAULT_EQ_SEL`).
const UNKNOWN_EQUALITY: f64 = 0.005;

/// Smallest table that is worth an index, bytes: sixteen pages are read faster than they are looked up.
pub(crate) const SMALLEST_TABLE: u64 = 16 * 8192;

/// Whether a table is too small for an index. A partitioned table has no pages of its own.
pub(crate) fn is_small(table: &Table) -> bool {
    table.kind != TableKind::Partitioned && table.bytes < SMALLEST_TABLE
}

/// Share of the rows for which an equality holds, from `pg_stats`, as the planner's `eqsel` computes it.
pub(crate) fn selectivity(table: &Table, p: &Predicate) -> f64 {
    let statistics = p.on.column().and_then(|c| table.column(c)).and_then(|c| c.statistics.as_ref());
    let Some(s) = statistics else { return UNKNOWN_EQUALITY };
    let one = |value: &str| {
        let common = s.most_common_values.iter().position(|v| v == value);
        match common.and_then(|at| s.most_common_frequencies.get(at)) {
            Some(share) => *share,
            None => {
                let common: f64 = s.most_common_frequencies.iter().sum();
                let others = (s.distinct(table.rows) - s.most_common_values.len() as f64).max(1.0);
                ((1.0 - common - s.null_fraction) / others).max(0.0)
            }
        }
    };
    match &p.test {
        Test::Equal(Side::Constant(value)) => one(value),
        Test::Equal(_) => (1.0 - s.null_fraction) / s.distinct(table.rows).max(1.0),
        Test::In(Some(values)) => values.iter().map(|v| one(v)).sum::<f64>().min(1.0),
        Test::In(None) => (10.0 * UNKNOWN_EQUALITY).min(1.0),
        Test::Null(true) => s.null_fraction,
        Test::Null(false) => 1.0 - s.null_fraction,
        Test::Truth(truth) => one(if *truth { "t" } else { "f" }),
        _ => 1.0,
    }
}

/// Distinct values of a key.
pub(crate) fn distinct(table: &Table, column: Option<&str>) -> f64 {
    let statistics = column.and_then(|c| table.column(c)).and_then(|c| c.statistics.as_ref());
    match statistics {
        Some(s) => s.distinct(table.rows).max(1.0),
        None => (table.rows / 10.0).max(1.0),
    }
}

/// Average bytes of a column.
pub(crate) fn width(table: &Table, column: &str) -> f64 {
    let column = table.column(column);
    match column.and_then(|c| c.statistics.as_ref()) {
        Some(s) => f64::from(s.average_width),
        None => match column.map(|c| c.type_name.as_str()) {
            Some("boolean") => 1.0,
            Some("smallint") => 2.0,
            Some("integer" | "date" | "real") => 4.0,
            Some("uuid") => 16.0,
            Some(t) if t.contains("char") || t == "text" || t.contains("json") => 32.0,
            _ => 8.0,
        },
    }
}

/// Bytes of a B-tree without deduplication: item pointer and tuple header, data padded to eight bytes, pages
/// 90 % full (PostgreSQL manual, "B-Tree Indexes", "Database Page Layout").
pub(crate) fn btree_bytes(spec: &Spec<'_>) -> f64 {
    let keys = |k: &IndexKey| k.column.as_deref().map_or(16.0, |c| width(spec.table, c));
    let data: f64 = spec.keys.iter().map(keys).sum::<f64>()
        + spec.include.iter().map(|c| width(spec.table, c)).sum::<f64>();
    spec.table.rows.max(0.0) * (12.0 + (data / 8.0).ceil() * 8.0) / 0.9
}
