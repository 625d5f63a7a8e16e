//! Scans whose row estimate is off: statistics over columns that belong together, over expressions, or finer
//! ones of a single column.

use std::collections::BTreeSet;

use pgverse_core::types::{Brief, Operation, PlanNode, StatementId, Table};

use super::nodes::{each, gravity, is_wrong, q_error};
use super::{Advice, add, executed};
use crate::shared::conditions::{Predicate, Scope, Test, What, readable};
use crate::shared::names::{Names, slug};

/// CREATE STATISTICS takes at most eight columns; more than four say little more.
const MOST_COLUMNS: usize = 4;

/// Statistics target that is tried for one column; the default is 100, the most is 10000.
const FINE_TARGET: i32 = 1000;

/// A remedy with the evidence for it.
struct Case<'a> {
    table: &'a Table,
    columns: BTreeSet<String>,
    expressions: BTreeSet<String>,
    evidence: Vec<String>,
    statements: Vec<StatementId>,
    concerns: f64,
}

pub(super) fn advice(brief: &Brief, names: &mut Names, fresh: &dyn Fn(&str, &str) -> bool) -> Vec<Advice> {
    let mut cases: Vec<Case<'_>> = Vec::new();
    for (plan, weight, ms) in executed(brief) {
        let scope = Scope::of(&brief.catalog, &plan.plan);
        each(&plan.plan, &mut |visit| {
            let Some((estimated, actual)) = visit.rows() else { return };
            let wrong = is_wrong(estimated, actual) && matters(visit.node, visit.above);
            let Some(mut case) = case(&scope, visit.node).filter(|_| wrong) else { return };
            if !fresh(&case.table.schema, &case.table.name) {
                return;
            }
            let error = q_error(estimated, actual);
            case.evidence.push(format!(
                "{}: {} on {} was expected to keep {estimated:.0} rows and kept {actual:.0}, {error:.0} times off.",
                plan.statement, visit.node.node_type, case.table.name
            ));
            case.concerns = weight * ms * gravity(error);
            add(&mut case.statements, &plan.statement);
            cases.push(case);
        });
    }
    let cases = merged(cases);
    cases.into_iter().filter_map(|case| remedy(brief, case, names)).collect()
}

/// Whether anything is decided by the estimate: a join order or method, a limit, a group, a sub-plan.
fn matters(node: &PlanNode, above: &[&PlanNode]) -> bool {
    let decides = |n: &&PlanNode| n.join_type.is_some() || n.node_type == "Limit" || !n.group_key.is_empty();
    let subplans = node.plans.iter().any(|n| n.parent_relationship.as_deref() == Some("SubPlan"));
    subplans || above.iter().any(decides)
}

/// What the scan tests, if better statistics could describe it.
fn case<'a>(scope: &Scope<'a>, node: &PlanNode) -> Option<Case<'a>> {
    node.relation_name.as_ref()?;
    let alias = node.alias.as_deref()?;
    let table = scope.table(alias)?;
    let conditions = [&node.filter, &node.index_cond, &node.recheck_cond];
    let mut columns = BTreeSet::new();
    let mut expressions = BTreeSet::new();
    for text in conditions.into_iter().flatten() {
        for p in scope.conditions(text).all.iter().filter(|p| p.on.alias == alias && is_estimable(p)) {
            match &p.on.what {
                What::Column(name) => columns.insert(name.clone()),
                What::Expression(sql) => expressions.insert(sql.clone()),
            };
        }
    }
    let found = !columns.is_empty() || !expressions.is_empty();
    let fits = columns.len() + expressions.len() <= MOST_COLUMNS;
    (found && fits).then(|| Case {
        table,
        columns,
        expressions,
        evidence: Vec::new(),
        statements: Vec::new(),
        concerns: 0.0,
    })
}

/// Extended statistics describe comparisons with constants, not joins.
fn is_estimable(p: &Predicate) -> bool {
    p.test.joins_with().is_none() && !matches!(p.test, Test::Operator(..))
}

/// Equal cases become one; columns that are part of a larger set are described by the larger one.
fn merged(mut cases: Vec<Case<'_>>) -> Vec<Case<'_>> {
    cases.sort_by_key(|c| std::cmp::Reverse(c.columns.len() + c.expressions.len()));
    let mut kept: Vec<Case<'_>> = Vec::new();
    for case in cases {
        let wide = case.columns.len() + case.expressions.len() > 1;
        let host = kept.iter_mut().find(|k| {
            let equal = k.columns == case.columns && k.expressions == case.expressions;
            let part =
                wide && case.columns.is_subset(&k.columns) && case.expressions.is_subset(&k.expressions);
            std::ptr::eq(k.table, case.table) && (equal || part)
        });
        match host {
            Some(host) => {
                host.concerns += case.concerns;
                host.evidence.extend(case.evidence);
                case.statements.iter().for_each(|id| add(&mut host.statements, id));
            }
            None => kept.push(case),
        }
    }
    kept
}

fn remedy(brief: &Brief, case: Case<'_>, names: &mut Names) -> Option<Advice> {
    if case.expressions.is_empty() && case.columns.len() == 1 {
        finer(brief, case)
    } else {
        together(brief, case, names)
    }
}

/// More common values and a finer histogram for one column.
fn finer(brief: &Brief, case: Case<'_>) -> Option<Advice> {
    let column = case.table.column(case.columns.first()?)?;
    let default =
        brief.catalog.settings.get("default_statistics_target").and_then(|t| t.parse().ok()).unwrap_or(100);
    let target = if column.statistics_target < 0 { default } else { column.statistics_target };
    if target >= FINE_TARGET {
        return None;
    }
    let why = format!(
        "The statistics of {} keep at most {target} common values and as many histogram bounds; with {FINE_TARGET} values that are rarer are told apart. ANALYZE and planning take a little longer.",
        column.name
    );
    Some(Advice {
        title: format!("statistics target {FINE_TARGET} for {}.{}", case.table.name, column.name),
        operation: Operation::SetStatisticsTarget {
            schema: case.table.schema.clone(),
            table: case.table.name.clone(),
            column: column.name.clone(),
            target: FINE_TARGET,
            previous: column.statistics_target,
        },
        reasons: with(case.evidence, why),
        statements: case.statements,
        concerns: case.concerns,
        predicted: None,
    })
}

/// Statistics over several columns, or over expressions.
fn together(brief: &Brief, case: Case<'_>, names: &mut Names) -> Option<Advice> {
    let has_expressions = !case.expressions.is_empty();
    // Expressions since PostgreSQL 14.
    if (has_expressions && brief.catalog.server_version < 140_000)
        || is_described(case.table, &case.columns, &case.expressions)
    {
        return None;
    }
    let columns: Vec<String> = case.columns.iter().cloned().collect();
    let expressions: Vec<String> = case.expressions.iter().cloned().collect();
    let single = columns.len() + expressions.len() == 1;
    let kinds = if single { Vec::new() } else { vec!["dependencies".to_owned(), "mcv".to_owned()] };
    let mut parts = columns.clone();
    parts.extend(expressions.iter().map(|e| readable(e)));
    let list = parts.join(", ");
    let why = if single {
        format!(
            "The planner knows nothing of the values of {list} and assumes 0.5 % for an equality; statistics over the expression tell it."
        )
    } else {
        format!(
            "The planner multiplies the shares of {list} as if they were independent; dependencies and common combinations tell it otherwise. Finer statistics of each alone would not."
        )
    };
    Some(Advice {
        title: format!("statistics on {} ({list})", case.table.name),
        operation: Operation::CreateStatistics {
            schema: case.table.schema.clone(),
            table: case.table.name.clone(),
            name: names.next(&slug(&[case.table.name.clone(), list.clone(), "stats".to_owned()])),
            kinds,
            columns,
            expressions,
        },
        reasons: with(case.evidence, why),
        statements: case.statements,
        concerns: case.concerns,
        predicted: None,
    })
}

/// Whether a statistics object holds all of it already.
fn is_described(table: &Table, columns: &BTreeSet<String>, expressions: &BTreeSet<String>) -> bool {
    table.statistics.iter().any(|s| {
        let written = s.definition.to_lowercase().replace(' ', "");
        columns.iter().all(|c| s.columns.contains(c))
            && expressions.iter().all(|e| written.contains(&e.to_lowercase().replace(' ', "")))
    })
}

fn with(mut evidence: Vec<String>, why: String) -> Vec<String> {
    evidence.push(why);
    evidence
}
