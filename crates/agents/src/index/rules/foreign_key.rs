//! Foreign keys without an index: a join or a DELETE of the referenced row reads the whole table.

use pgverse_core::types::{
    Brief, Constraint, ConstraintKind, IndexKey, Reference, StatementKind, StatementPlan, Table,
};

use crate::index::access::{Access, is_correlated, ms_per_cost};
use crate::index::estimate::{SMALLEST_TABLE, is_small};
use crate::index::idea::{Action, Gain, Idea};
use crate::index::spec::Spec;

pub(super) fn ideas<'a>(brief: &'a Brief, accesses: &[Access<'a>]) -> Vec<Idea<'a>> {
    let mut ideas = Vec::new();
    let mut place = accesses.len();
    for table in brief.catalog.tables.iter().filter(|t| !is_small(t) && t.partition_of.is_none()) {
        for (constraint, reference) in foreign_keys(table) {
            let keys: Vec<IndexKey> = constraint.columns.iter().map(IndexKey::column).collect();
            let spec = Spec::btree(table, keys, constraint.columns.len());
            if spec.exists() {
                continue;
            }
            let mut idea =
                Idea { action: Action::Create(vec![spec]), gains: Vec::new(), reasons: Vec::new() };
            deletes(brief, table, constraint, reference, &mut place, &mut idea);
            joins(accesses, table, constraint, &mut idea);
            if !idea.reasons.is_empty() {
                ideas.push(idea);
            }
        }
    }
    ideas
}

fn foreign_keys(table: &Table) -> impl Iterator<Item = (&Constraint, &Reference)> {
    table
        .constraints
        .iter()
        .filter(|c| c.kind == ConstraintKind::ForeignKey)
        .filter_map(|c| c.references.as_ref().map(|r| (c, r)))
}

/// Each deleted row is looked up in the referencing table by the trigger of the constraint.
fn deletes<'a>(
    brief: &'a Brief,
    table: &Table,
    constraint: &Constraint,
    reference: &Reference,
    place: &mut usize,
    idea: &mut Idea<'a>,
) {
    for plan in &brief.plans {
        let Some(statement) = brief.workload.statement(&plan.statement) else { continue };
        if statement.kind != StatementKind::Write {
            continue;
        }
        let Some(rows) = deleted(plan, reference) else { continue };
        let weight = statement
            .parameter_sets
            .iter()
            .find(|s| s.id == plan.parameter_set)
            .map_or(0.0, |s| statement.weight_of(s));
        // Cost of a sequential scan (PostgreSQL manual, "Row Estimation Examples"): one for a page, 0.01 for a
        // row and 0.0025 for its test.
        let scan = table.bytes.max(SMALLEST_TABLE) as f64 / 8192.0 + 0.0125 * table.rows.max(0.0);
        let estimated = rows * scan * ms_per_cost(brief);
        let saved = plan.plan.execution_ms.map_or(estimated, |ms| estimated.min(ms)) * weight;
        *place += 1;
        idea.gains.push(Gain { statement: &statement.id, place: *place, saved, share: 0.0 });
        idea.reasons.push(format!(
            "{}: deletes about {rows:.0} rows of {}; for each, the trigger of foreign key {} reads all of {} ({:.0} rows), since no index begins with ({}). The plan does not show this time{}.",
            statement.id,
            reference.table,
            constraint.name,
            table.name,
            table.rows,
            constraint.columns.join(", "),
            plan.plan.execution_ms.map_or(String::new(), |ms| format!("; the statement took {ms:.0} ms")),
        ));
    }
}

/// Rows that a plan deletes from the referenced table.
fn deleted(plan: &StatementPlan, reference: &Reference) -> Option<f64> {
    let node = plan.plan.deletion_from(&reference.schema, &reference.table)?;
    node.plans.first().map(|n| n.plan_rows.max(1.0))
}

/// Joins over the constraint that read the whole table today. What they may save is for the join rule to
/// say; this adds why the column matters.
fn joins(accesses: &[Access<'_>], table: &Table, constraint: &Constraint, idea: &mut Idea<'_>) {
    let [column] = constraint.columns.as_slice() else { return };
    let joined = |access: &&Access<'_>| {
        let tests = access.predicates.iter().filter(|p| is_correlated(p)).filter_map(|p| p.on.column());
        let joins = access.joins.iter().filter_map(|j| j.on.column());
        access.sequential && std::ptr::eq(access.table, table) && tests.chain(joins).any(|c| c == column)
    };
    let mut statements: Vec<&str> = accesses.iter().filter(joined).map(|a| a.statement.as_str()).collect();
    statements.dedup();
    if !statements.is_empty() {
        idea.reasons.push(format!(
            "Foreign key {} ({column}) has no index; joins over it read all of {} in {}.",
            constraint.name,
            table.name,
            statements.join(", "),
        ));
    }
}
