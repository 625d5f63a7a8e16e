//! Before the race: which plans a candidate changes, what it writes to, and whether its answers are the same.

use std::collections::{BTreeMap, BTreeSet};

use super::RaceOptions;
use crate::answers::{Question, TextFacts, check};
use crate::bench::{Arm, Lab};
use crate::context::Context;
use crate::error::Result;
use crate::pg::explain;
use crate::types::{
    AnswerCheck, Answers, Brief, Candidate, Catalog, Effect, Operation, ParameterSet, Plan, Statement,
    StatementKind,
};

/// One statement with one parameter set: the unit that is measured.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cell<'a> {
    pub(super) statement: &'a Statement,
    pub(super) set: &'a ParameterSet,
    /// Milliseconds that the inspection saw it take, planning included.
    pub(super) seen_ms: Option<f64>,
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
        let plan = brief.plans_of(&statement.id).find(|p| p.parameter_set == set.id).map(|p| &p.plan);
        let seen_ms = plan.and_then(|p| Some(p.execution_ms? + p.planning_ms.unwrap_or(0.0)));
        let bound =
            seen_ms.map_or(longest, |ms| (ms * FIRST_CUT_OFF.0).max(ms + FIRST_CUT_OFF.1).min(longest));
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Milliseconds, positive.
        Cell { statement, set, seen_ms, first_timeout_ms: bound.ceil() as u64 }
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
    /// Cells whose plan or text changes, and writes whose table gets or loses an index.
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
    let touched = touched_tables(candidate, catalog);
    let changed: BTreeSet<usize> = (0..cells.len())
        .filter(|&i| {
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

/// Tables whose writes a candidate makes dearer or cheaper; `None` stands for "any".
fn touched_tables(candidate: &Candidate, catalog: &Catalog) -> Option<BTreeSet<(String, String)>> {
    let mut touched = BTreeSet::new();
    for operation in &candidate.change.operations {
        match operation {
            Operation::CreateIndex { schema, table, .. } => {
                touched.insert((schema.clone(), table.clone()));
            }
            Operation::DropIndex { schema, name, .. } => {
                let owner = catalog
                    .tables
                    .iter()
                    .find(|t| t.indexes.iter().any(|i| &i.schema == schema && &i.name == name));
                touched.extend(owner.map(|t| (t.schema.clone(), t.name.clone())));
            }
            Operation::Sql { .. } => return None,
            _ => {}
        }
    }
    Some(touched)
}

fn writes_to(plan: &Plan, touched: &Option<BTreeSet<(String, String)>>) -> bool {
    let Some(touched) = touched else { return true };
    plan.nodes().iter().filter(|n| n.node_type == "ModifyTable").any(|n| {
        touched.iter().any(|(schema, table)| {
            n.relation_name.as_deref() == Some(table) && n.schema.as_deref().is_none_or(|s| s == schema)
        })
    })
}

/// Compares the answers of every changed read.
pub(super) async fn answers(
    cx: &Context,
    lab: &Lab,
    cells: &[Cell<'_>],
    impact: &Impact,
    candidate: &Candidate,
    arms: (&Arm, &Arm),
    volatile: &Volatile,
) -> Result<Vec<AnswerCheck>> {
    let mut checks = Vec::new();
    for &i in impact.changed.iter().filter(|&&i| cells[i].statement.kind == StatementKind::Read) {
        let cell = cells[i];
        let candidate_sql = text(cell, candidate);
        let names = volatile.of(&[&cell.statement.sql, candidate_sql]);
        let question = Question {
            statement: cell.statement,
            parameters: cell.set,
            candidate_sql,
            baseline: arms.0,
            candidate: arms.1,
            volatile: &names,
            timeout_ms: cell.first_timeout_ms,
        };
        checks.push(check(cx, lab, question).await?);
    }
    Ok(checks)
}

/// What the checks of a candidate come to.
pub(super) fn overall(checks: &[AnswerCheck], candidate: &Candidate) -> Answers {
    let worst = |answers| checks.iter().any(|c| c.answers == answers);
    if worst(Answers::Differs) {
        Answers::Differs
    } else if worst(Answers::Unverifiable) {
        Answers::Unverifiable
    } else if candidate.change.operations.iter().any(|o| o.effect() == Effect::Answers) {
        Answers::Same
    } else {
        Answers::Unchanged
    }
}

/// Which called functions are volatile, by the server's own word.
#[derive(Debug, Default)]
pub(super) struct Volatile {
    by_text: BTreeMap<String, Vec<String>>,
}

impl Volatile {
    /// Looks up the functions of all these texts at once.
    pub(super) async fn look_up(cx: &Context, lab: &Lab, texts: BTreeSet<&str>) -> Result<Self> {
        let called: BTreeMap<&str, Vec<String>> =
            texts.into_iter().map(|t| (t, called_functions(t))).collect();
        let names: BTreeSet<&String> = called.values().flatten().collect();
        let document = serde_json::json!(names).to_string();
        let sql = "SELECT to_json(proname) FROM pg_proc
                   WHERE provolatile = 'v' AND proname IN (SELECT json_array_elements_text($1::json))";
        let volatile: BTreeSet<String> = lab
            .session()
            .json(cx, sql, &[Some(document)])
            .await?
            .into_iter()
            .filter_map(|v| v.as_str().map(str::to_owned))
            .collect();
        let by_text = called
            .into_iter()
            .map(|(t, names)| (t.to_owned(), names.into_iter().filter(|n| volatile.contains(n)).collect()))
            .collect();
        Ok(Self { by_text })
    }

    fn of(&self, texts: &[&str]) -> Vec<String> {
        let mut names: Vec<String> =
            texts.iter().filter_map(|t| self.by_text.get(*t)).flatten().cloned().collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

/// Names before an opening parenthesis where the parser cannot tell; too many names do no harm.
fn called_functions(sql: &str) -> Vec<String> {
    if let Some(facts) = TextFacts::read(sql) {
        return facts.functions;
    }
    sql.match_indices('(')
        .filter_map(|(at, _)| {
            let before = sql[..at].trim_end();
            let start = before.rfind(|c: char| !(c.is_alphanumeric() || c == '_')).map_or(0, |i| i + 1);
            before.get(start..).filter(|name| !name.is_empty()).map(str::to_lowercase)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_found_also_where_the_parser_gives_up() {
        assert_eq!(called_functions("SELECT now()"), ["now"]);
        assert_eq!(called_functions("SELEC random (1) + Foo(2)"), ["random", "foo"]);
    }
}
