//! What of a log the source runs: a log may be of other databases, or of tables that are gone.

use super::LeftOut;
use crate::context::Context;
use crate::error::{ErrorKind, Result};
use crate::pg::{SourceSession, quote};
use crate::types::{Statement, Workload};

const NAME: &str = "pgverse_check";

/// The statements that the source plans with the values that they were called with; the others, and sets of values that
/// do not fit, are left out. Nothing is executed.
///
/// # Errors
/// If the connection breaks, or the run is cancelled.
pub async fn runnable(
    cx: &Context,
    session: &SourceSession,
    workload: Workload,
) -> Result<(Workload, Vec<LeftOut>)> {
    let mut kept = Vec::with_capacity(workload.statements.len());
    let mut left_out = Vec::new();
    for mut statement in workload.statements {
        match check(cx, session, &mut statement).await? {
            None => kept.push(statement),
            Some(reason) => {
                left_out.push(LeftOut { sql: statement.sql, calls: 0, total_ms: 0.0, reason });
            }
        }
    }
    Ok((Workload { statements: kept }, left_out))
}

/// Why the source does not run a statement, if it does not; sets that do not fit are removed.
async fn check(cx: &Context, session: &SourceSession, statement: &mut Statement) -> Result<Option<String>> {
    let prepare = format!("PREPARE {NAME} AS {}", statement.sql);
    if let Some(reason) = refused(session.rows(cx, &prepare, &[]).await)? {
        return Ok(Some(reason));
    }
    let mut reason = None;
    let mut sets = Vec::with_capacity(statement.parameter_sets.len());
    for set in statement.parameter_sets.drain(..) {
        let values: Vec<String> = set
            .values
            .iter()
            .map(|v| v.as_deref().map_or_else(|| "NULL".to_owned(), quote::literal))
            .collect();
        let list = if values.is_empty() { String::new() } else { format!("({})", values.join(", ")) };
        match refused(session.rows(cx, &format!("EXPLAIN EXECUTE {NAME}{list}"), &[]).await)? {
            None => sets.push(set),
            Some(said) => reason = Some(said),
        }
    }
    statement.parameter_sets = sets;
    session.rows(cx, &format!("DEALLOCATE {NAME}"), &[]).await?;
    Ok(reason.filter(|_| statement.parameter_sets.is_empty()))
}

fn refused<T>(outcome: Result<T>) -> Result<Option<String>> {
    match outcome {
        Ok(_) => Ok(None),
        Err(e) if matches!(e.kind(), ErrorKind::Connection | ErrorKind::Cancelled | ErrorKind::Timeout) => {
            Err(e)
        }
        Err(e) => Ok(Some(e.message().to_owned())),
    }
}
