//! Tables that the planner knows nothing of, or nothing new.

use pgverse_core::types::{Brief, Operation, Table, TableKind};

use super::{Advice, add, executed};

/// As autovacuum counts by default (`autovacuum_analyze_threshold`, `autovacuum_analyze_scale_factor`); twice
/// that, since a table just above it is about to be analyzed anyway.
const STALE_ROWS: f64 = 2.0 * 50.0;
const STALE_SHARE: f64 = 2.0 * 0.1;

pub(super) fn advice(brief: &Brief) -> Vec<Advice> {
    brief.catalog.tables.iter().filter_map(|table| of_table(brief, table)).collect()
}

fn of_table(brief: &Brief, table: &Table) -> Option<Advice> {
    let why = reason(brief, table)?;
    let mut statements = Vec::new();
    let mut concerns = 0.0;
    for (plan, weight, ms) in executed(brief) {
        if plan.plan.uses_relation(&table.schema, &table.name) || uses_partition(brief, table, plan) {
            add(&mut statements, &plan.statement);
            concerns += weight * ms;
        }
    }
    if statements.is_empty() {
        return None;
    }
    Some(Advice {
        title: format!("ANALYZE {}", table.name),
        operation: Operation::Analyze { schema: table.schema.clone(), table: table.name.clone() },
        reasons: vec![format!(
            "{why} It reads a sample, blocks nobody, and every estimate for the table rests on it."
        )],
        statements,
        concerns,
        predicted: None,
    })
}

fn uses_partition(brief: &Brief, table: &Table, plan: &pgverse_core::types::StatementPlan) -> bool {
    partitions(brief, table).any(|p| plan.plan.uses_relation(&p.schema, &p.name))
}

fn partitions<'a>(brief: &'a Brief, table: &Table) -> impl Iterator<Item = &'a Table> {
    let parent = format!("{}.{}", table.schema, table.name);
    brief.catalog.tables.iter().filter(move |t| t.partition_of.as_deref() == Some(&parent))
}

fn reason(brief: &Brief, table: &Table) -> Option<String> {
    let unknown = !table.columns.is_empty() && table.columns.iter().all(|c| c.statistics.is_none());
    let name = &table.name;
    match table.kind {
        // Autovacuum analyzes partitions but never the table that they make up.
        TableKind::Partitioned => {
            let filled = partitions(brief, table).any(|p| p.bytes > 0);
            (unknown && filled).then(|| {
                format!(
                    "{name} is partitioned and has no statistics of its own; autovacuum never analyzes it."
                )
            })
        }
        TableKind::Table | TableKind::MaterializedView => {
            if unknown && table.bytes > 0 {
                return Some(format!("{name} has {} bytes and no statistics at all.", table.bytes));
            }
            let changed = table.activity.modified_since_analyze as f64;
            let live = (table.activity.live as f64).max(table.rows);
            (changed > STALE_ROWS + STALE_SHARE * live).then(|| {
                format!("{changed:.0} rows of {name} changed since it was analyzed, of about {live:.0}.")
            })
        }
    }
}
