//! Slow statements reviewed: the plan with its figures, the cause of the time, and the next step.

mod causes;

use std::time::Duration;

use serde::Serialize;

use crate::bench::runnable::is_refusal;
use crate::bench::{self, Lab};
use crate::context::Context;
use crate::error::Result;
use crate::pg::{Session, explain_analyze};
use crate::traits::ForkBackend;
use crate::types::{ParameterSetId, Plan, PlanNode, StatementId, Workload};

pub use causes::{Finding, findings};

/// What one execution of a statement on a fork shows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Review {
    /// The statement.
    pub statement: StatementId,
    /// The parameter set that took longest.
    pub parameter_set: ParameterSetId,
    /// Milliseconds of this execution.
    pub milliseconds: f64,
    /// Causes and next steps, the dearest first.
    pub findings: Vec<Finding>,
    /// The plan, a line for each node; `!` marks an estimate that is wrong by ten times or more.
    pub plan: Vec<String>,
}

/// Explains each statement with the set that takes longest, on a fork, in transactions that are rolled back.
///
/// # Errors
/// If the fork does not answer. A statement that is refused or runs into the time-out is reviewed as such.
pub async fn review(
    cx: &Context,
    session: &Session,
    workload: &Workload,
    limit: Duration,
) -> Result<Vec<Review>> {
    let mut reviews = Vec::new();
    for statement in &workload.statements {
        let mut worst: Option<Review> = None;
        for set in &statement.parameter_sets {
            let begin = format!("BEGIN; SET LOCAL statement_timeout = {}", limit.as_millis().max(1));
            session.batch(cx, &begin).await?;
            let plan = explain_analyze(session, cx, &statement.sql, &set.values).await;
            session.batch(cx, "ROLLBACK").await?;
            let (statement, parameter_set) = (statement.id.clone(), set.id.clone());
            let seen = match plan {
                Ok(plan) => Review {
                    statement,
                    parameter_set,
                    milliseconds: plan.execution_ms.unwrap_or_default(),
                    findings: findings(&plan),
                    plan: lines(&plan),
                },
                Err(error) if cx.statement_timed_out(&error) => Review {
                    statement,
                    parameter_set,
                    milliseconds: limit.as_secs_f64() * 1e3,
                    findings: vec![Finding::new(
                        "it does not end within the time-out",
                        "look at its plan without running it: EXPLAIN",
                    )],
                    plan: Vec::new(),
                },
                // The others are reviewed all the same.
                Err(error) if is_refusal(&error) => Review {
                    statement,
                    parameter_set,
                    milliseconds: 0.0,
                    findings: vec![Finding::new(
                        format!("the server refuses it: {}", error.message()),
                        "correct it, or leave it out",
                    )],
                    plan: Vec::new(),
                },
                Err(error) => return Err(error.with("statement", &statement)),
            };
            if worst.as_ref().is_none_or(|w| seen.milliseconds > w.milliseconds) {
                worst = Some(seen);
            }
        }
        reviews.extend(worst);
    }
    Ok(reviews)
}

/// Reviews a workload on a fork that is destroyed afterwards.
///
/// # Errors
/// As [`review`], and whatever the fork backend says.
pub async fn on_fork(
    cx: &Context,
    backend: &dyn ForkBackend,
    workload: &Workload,
    limit: Duration,
) -> Result<Vec<Review>> {
    bench::on_fork(cx, backend, |lab: Lab| async move { review(cx, lab.session(), workload, limit).await })
        .await
}

/// By how much an estimate is wrong: at least 1.
fn error_of(node: &PlanNode) -> Option<f64> {
    let actual = node.actual_rows?.max(1.0);
    let planned = node.plan_rows.max(1.0);
    Some((actual / planned).max(planned / actual))
}

fn lines(plan: &Plan) -> Vec<String> {
    fn walk(node: &PlanNode, depth: usize, lines: &mut Vec<String>) {
        let of = node.index_name.as_ref().or(node.relation_name.as_ref());
        let wrong = error_of(node).filter(|error| *error >= 10.0);
        lines.push(format!(
            "{}{:indent$}{}{}: {} rows, planned {}, {} loops, {:.1} ms",
            if wrong.is_some() { "!" } else { " " },
            "",
            node.node_type,
            of.map(|name| format!(" {name}")).unwrap_or_default(),
            node.actual_rows.unwrap_or_default(),
            node.plan_rows,
            node.actual_loops.unwrap_or_default(),
            node.actual_total_ms.unwrap_or_default() * node.actual_loops.unwrap_or(1.0),
            indent = depth * 2,
        ));
        node.plans.iter().for_each(|below| walk(below, depth + 1, lines));
    }
    let mut text = Vec::new();
    walk(&plan.root, 0, &mut text);
    text
}
