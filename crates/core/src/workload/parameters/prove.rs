//! What a statement finds with a set of values, proven by running it on a fork.

use std::time::Duration;

use crate::context::Context;
use crate::error::{Error, Result};
use crate::pg::{Session, explain_counted};
use crate::types::{Plan, PlanNode, StatementKind};

/// Nodes that hand on, order, fold or change the rows that were found.
const ABOVE: &[&str] = &[
    "Aggregate",
    "Gather",
    "Gather Merge",
    "Group",
    "Incremental Sort",
    "Limit",
    "LockRows",
    "ModifyTable",
    "ProjectSet",
    "Result",
    "Sort",
    "Subquery Scan",
    "Unique",
    "WindowAgg",
];

/// Runs a statement in a transaction that is rolled back, and returns the plan with its figures.
///
/// # Errors
/// What the server says, `Timeout` when it takes longer than the limit.
pub async fn run(
    cx: &Context,
    session: &Session,
    sql: &str,
    values: &[Option<String>],
    limit: Duration,
) -> Result<Plan> {
    let begin = format!("BEGIN; SET LOCAL statement_timeout = {}", limit.as_millis().max(1));
    session.batch(cx, &begin).await?;
    let plan = explain_counted(session, cx, sql, values).await;
    session.batch(cx, "ROLLBACK").await?;
    plan
}

/// Whether a statement that failed so is raced all the same: a read that does not end within the limit is.
pub fn takes_part(cx: &Context, kind: StatementKind, error: &Error) -> bool {
    kind == StatementKind::Read && cx.statement_timed_out(error)
}

/// How many rows a plan found, before they were grouped, ordered or changed. LIMIT stops it early.
pub fn found(plan: &Plan) -> f64 {
    let mut node: &PlanNode = &plan.root;
    loop {
        let is_sub = |n: &&PlanNode| n.parent_relationship.as_deref() == Some("Outer");
        match node
            .plans
            .iter()
            .find(is_sub)
            .or_else(|| (node.node_type == "Subquery Scan").then(|| node.plans.first()).flatten())
        {
            Some(below) if ABOVE.contains(&node.node_type.as_str()) => node = below,
            _ => return node.actual_rows.unwrap_or_default() * node.actual_loops.unwrap_or(1.0),
        }
    }
}
