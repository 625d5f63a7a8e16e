//! Before the race: which plans a candidate changes, what it writes to, and whether its answers are the same.

use std::collections::BTreeSet;

use super::RaceOptions;
use super::finale::Verified;
use crate::answers::{Question, Volatile, check};
use crate::bench::{Arm, Lab};
use crate::context::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::pg::explain;
use crate::types::{
    AnswerCheck, Answers, Brief, Candidate, Catalog, Effect, Operation, ParameterSet, Plan, Statement,
    StatementKind, Table,
};

/// One statement with one parameter set: the unit that is measured.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cell<'a> {
    pub(super) statement: &'a Statement,
    pub(super) set: &'a ParameterSet,
    /// Milliseconds that the inspection saw it take, planning included.
    pub(super) seen_ms: Option<f64>,
    /// Whether it was stopped then; the time-out is what it counts with.
    pub(super) cut_off: bool,
    /// Longest time of a candidate's first run, milliseconds.
    pub(super) first_timeout_ms: u64,
}

/// A candidate's first run, which may find cold caches, is cut off when it takes this many times as long as
/// the original, and this many milliseconds more.
const FIRST_CUT_OFF: (f64, f64) = (10.0, 1000.0);

impl Cell<'_> {
    /// Weight of this cell in the objective.
    pub(super) fn weight(&self) -> f64 {
        self.statement.weight_of(self.set)
    }
}

/// Every cell of the workload, in order.
pub(super) fn cells<'a>(brief: &'a Brief, options: &RaceOptions) -> Vec<Cell<'a>> {
    let longest = options.statement_timeout_seconds * 1e3;
    let cell = |statement: &'a Statement, set: &'a ParameterSet| {
        let planned = brief.plans_of(&statement.id).find(|p| p.parameter_set == set.id);
        let seen_ms = planned.and_then(|p| Some(p.plan.execution_ms? + p.plan.planning_ms.unwrap_or(0.0)));
        let bound =
            seen_ms.map_or(longest, |ms| (ms * FIRST_CUT_OFF.0).max(ms + FIRST_CUT_OFF.1).min(longest));
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Milliseconds, positive.
        Cell {
            statement,
            set,
            seen_ms,
            cut_off: planned.is_some_and(|p| p.cut_off),
            first_timeout_ms: bound.ceil() as u64,
        }
    };
    let statements = brief.workload.statements.iter();
    statements.flat_map(|s| s.parameter_sets.iter().map(move |set| cell(s, set))).collect()
}

/// The text that a candidate gives a cell.
pub(super) fn text<'a>(cell: Cell<'a>, candidate: &'a Candidate) -> &'a str {
    candidate.change.rewritten(&cell.statement.id).unwrap_or(&cell.statement.sql)
}

/// The plan of each cell under an arm, in the order of the cells; `texts` gives each cell its text.
pub(super) async fn plans<'a>(
    cx: &Context,
    lab: &Lab,
    arm: &Arm,
    cells: &[Cell<'a>],
    texts: impl Fn(Cell<'a>) -> &'a str,
) -> Result<Vec<Plan>> {
    lab.enter(cx, arm).await?;
    let result = async {
        let mut plans = Vec::with_capacity(cells.len());
        for cell in cells {
            plans.push(explain(lab.session(), cx, texts(*cell), &cell.set.values).await?);
        }
        Ok(plans)
    }
    .await;
    lab.leave(cx).await?;
    result
}

/// What a candidate touches.
#[derive(Debug, Clone, Default)]
pub(super) struct Impact {
    /// Cells whose plan or text changes, and writes whose table gets or loses an index; all of them where a plan does
    /// not tell what changes.
    pub(super) changed: BTreeSet<usize>,
    /// Cells to measure: the changed ones, or, where there are none, the ones it was meant for.
    pub(super) measured: BTreeSet<usize>,
    /// The planner's weighted cost with the change over without it.
    pub(super) planned_ratio: Option<f64>,
}

/// Compares the plans of a candidate with those of the baseline.
pub(super) fn impact(
    cells: &[Cell<'_>],
    baseline: &[Plan],
    plans: &[Plan],
    candidate: &Candidate,
    catalog: &Catalog,
) -> Impact {
    let touched = touched_tables(&candidate.change.operations, catalog);
    // Memory, workers and compilation are in no plan's shape, and what hand-written SQL does is not known.
    let anything = candidate
        .change
        .operations
        .iter()
        .any(|o| matches!(o, Operation::Setting { .. } | Operation::Sql { .. }));
    let changed: BTreeSet<usize> = (0..cells.len())
        .filter(|&i| {
            if anything {
                return true;
            }
            let rewritten = candidate.change.rewritten(&cells[i].statement.id).is_some();
            let write = cells[i].statement.kind == StatementKind::Write;
            rewritten
                || baseline[i].shape() != plans[i].shape()
                || (write && writes_to(&baseline[i], &touched))
                // What triggers do (foreign keys among them) is in no plan; the author knows.
                || (write && candidate.statements.contains(&cells[i].statement.id))
        })
        .collect();
    let measured = if changed.is_empty() { meant(cells, baseline, candidate) } else { changed.clone() };
    let cost = |plans: &[Plan]| -> f64 {
        cells.iter().zip(plans).map(|(c, p)| c.weight() * p.root.total_cost).sum()
    };
    let before = cost(baseline);
    Impact { changed, measured, planned_ratio: (before > 0.0).then(|| cost(plans) / before) }
}

/// The cells that a candidate without any effect on plans was meant for: its author's, else the dearest.
fn meant(cells: &[Cell<'_>], baseline: &[Plan], candidate: &Candidate) -> BTreeSet<usize> {
    let named: BTreeSet<usize> =
        (0..cells.len()).filter(|&i| candidate.statements.contains(&cells[i].statement.id)).collect();
    if !named.is_empty() {
        return named;
    }
    let dearest = (0..cells.len())
        .filter(|&i| cells[i].statement.kind == StatementKind::Read)
        .max_by(|&a, &b| weighted(cells, baseline, a).total_cmp(&weighted(cells, baseline, b)));
    dearest.into_iter().collect()
}

fn weighted(cells: &[Cell<'_>], plans: &[Plan], i: usize) -> f64 {
    cells[i].weight() * plans[i].root.total_cost
}

/// Tables whose writes these operations make dearer or cheaper, by schema and name; `None` stands for "any".
pub(super) fn touched_tables<'a>(
    operations: &'a [Operation],
    catalog: &'a Catalog,
) -> Option<BTreeSet<(&'a str, &'a str)>> {
    let mut touched = BTreeSet::new();
    for operation in operations {
        match operation {
            Operation::CreateIndex { schema, table, .. } | Operation::AddConstraint { schema, table, .. } => {
                touched.insert((schema.as_str(), table.as_str()));
            }
            Operation::DropIndex { schema, name, .. } => {
                let owner = catalog
                    .tables
                    .iter()
                    .find(|t| t.indexes.iter().any(|i| &i.schema == schema && &i.name == name));
                touched.extend(owner.map(key));
                // Rows that go from a table are looked for in those that point at it.
                let targets =
                    owner.into_iter().flat_map(|t| &t.constraints).filter_map(|c| c.references.as_ref());
                touched.extend(targets.map(|r| (r.schema.as_str(), r.table.as_str())));
            }
            Operation::Sql { .. } => return None,
            _ => {}
        }
    }
    // Rows of a partition are also written through the whole, and those of the whole are in its partitions.
    let mut related = touched.clone();
    for table in &catalog.tables {
        if touched.contains(&key(table)) {
            related.extend(catalog.upwards(table).map(key));
        } else if catalog.upwards(table).any(|whole| touched.contains(&key(whole))) {
            related.insert(key(table));
        }
    }
    Some(related)
}

fn key(table: &Table) -> (&str, &str) {
    (&table.schema, &table.name)
}

pub(super) fn writes_to(plan: &Plan, touched: &Option<BTreeSet<(&str, &str)>>) -> bool {
    let Some(touched) = touched else { return true };
    plan.nodes().iter().filter(|n| n.node_type == "ModifyTable").any(|n| {
        touched.iter().any(|&(schema, table)| {
            n.relation_name.as_deref() == Some(table) && n.schema.as_deref().is_none_or(|s| s == schema)
        })
    })
}

/// Compares the answers of every changed read: those of the original text on the baseline, or with every index where it
/// does not end without, if that was not done elsewhere.
pub(super) async fn answers(
    cx: &Context,
    cells: &[Cell<'_>],
    impact: &Impact,
    candidate: &Candidate,
    ((lab, baseline, indexed), changed): ((&Lab, &Arm, &Arm), (&Lab, &Arm)),
    (volatile, verified): (&Volatile, &[Verified]),
) -> Result<Vec<AnswerCheck>> {
    let mut checks = Vec::new();
    for &i in impact.changed.iter().filter(|&&i| cells[i].statement.kind == StatementKind::Read) {
        let cell = cells[i];
        let candidate_sql = text(cell, candidate);
        let names = volatile.of(&[&cell.statement.sql, candidate_sql]);
        let mut question = Question {
            statement: cell.statement,
            parameters: cell.set,
            candidate_sql,
            baseline,
            candidate: changed.1,
            candidate_lab: changed.0,
            volatile: &names,
            baseline_timeout_ms: None,
            timeout_ms: cell.first_timeout_ms,
        };
        if !cell.cut_off {
            checks.push(check(cx, lab, question).await.map_err(|error| too_slow(error, cell))?);
            continue;
        }
        // What SQL by hand does is not known.
        let by_hand = candidate.change.operations.iter().any(|o| matches!(o, Operation::Sql { .. }));
        checks.push(if cell.statement.sql == candidate_sql && !by_hand {
            endless(cell, Answers::Unchanged)
        } else if let Some(known) = verified.iter().find(|known| {
            known.sql == candidate_sql
                && known.check.statement == cell.statement.id
                && known.check.parameter_set == cell.set.id
        }) {
            known.check.clone()
        } else {
            question.baseline = indexed;
            question.baseline_timeout_ms = Some(cell.first_timeout_ms);
            match check(cx, lab, question).await {
                Err(error) if cx.statement_timed_out(&error) => endless(cell, Answers::Unverifiable),
                checked => checked?,
            }
        });
    }
    Ok(checks)
}

/// The original gave no answer that could be compared.
fn endless(cell: Cell<'_>, answers: Answers) -> AnswerCheck {
    AnswerCheck {
        statement: cell.statement.id.clone(),
        parameter_set: cell.set.id.clone(),
        answers,
        baseline_rows: 0,
        candidate_rows: 0,
        reason: match answers {
            Answers::Unchanged => format!("does not end within {} ms; its text stays", cell.first_timeout_ms),
            _ => format!(
                "does not end within {} ms, with no index that was built here, or its other text does not; a longer \
                 statement time-out may help",
                cell.first_timeout_ms
            ),
        },
        proof: String::new(),
        counterexample: None,
    }
}

/// What a time-out of the candidate's text means.
fn too_slow(error: Error, cell: Cell<'_>) -> Error {
    match (error.kind(), cell.seen_ms) {
        (ErrorKind::Timeout, Some(seen)) => Error::new(
            ErrorKind::Timeout,
            format!(
                "{} with {} was stopped after {} ms; the original takes {seen:.1} ms",
                cell.statement.id, cell.set.id, cell.first_timeout_ms
            ),
        ),
        _ => error,
    }
}

/// What the checks of a candidate come to. Without a change of texts or sources, equal answers are no news.
pub(super) fn overall(checks: &[AnswerCheck], candidate: &Candidate) -> Answers {
    match AnswerCheck::overall(checks) {
        Some(worst @ (Answers::Differs | Answers::Unverifiable)) => worst,
        _ if candidate.change.operations.iter().any(|o| o.effect() == Effect::Answers) => Answers::Same,
        _ => Answers::Unchanged,
    }
}
