//! Plans, typed.

use super::Session;
use super::session::Parameters;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::types::Plan;

/// The plan of a statement, not executed.
pub async fn explain(session: &Session, cx: &Context, sql: &str, values: &Parameters) -> Result<Plan> {
    run(session, cx, "EXPLAIN (VERBOSE, FORMAT JSON) ", sql, values).await
}

/// The plan of a statement, executed. The caller runs it in a transaction that is rolled back.
pub async fn explain_analyze(
    session: &Session,
    cx: &Context,
    sql: &str,
    values: &Parameters,
) -> Result<Plan> {
    run(session, cx, "EXPLAIN (ANALYZE, VERBOSE, BUFFERS, FORMAT JSON) ", sql, values).await
}

/// The plan of a statement, executed, with the log that it writes and without the cost of watching each node. The
/// caller runs it in a transaction that is rolled back.
pub async fn explain_counted(
    session: &Session,
    cx: &Context,
    sql: &str,
    values: &Parameters,
) -> Result<Plan> {
    run(session, cx, "EXPLAIN (ANALYZE, BUFFERS, WAL, TIMING OFF, FORMAT JSON) ", sql, values).await
}

async fn run(session: &Session, cx: &Context, verb: &str, sql: &str, values: &Parameters) -> Result<Plan> {
    let text = format!("{verb}{sql}");
    let rows = session.json(cx, &text, values).await?;
    let plans = rows.into_iter().next().unwrap_or_default();
    let mut plans: Vec<Plan> = serde_json::from_value(plans).map_err(|e| {
        Error::internal("the server's plan cannot be read").with("statement", sql).caused_by(e)
    })?;
    plans.pop().ok_or_else(|| Error::internal("the server returned no plan").with("statement", sql))
}
