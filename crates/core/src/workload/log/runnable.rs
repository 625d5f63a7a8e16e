//! What of a log runs: a log may be of other databases, of tables that are gone, or of writes that cannot be done twice.

use std::collections::BTreeMap;
use std::time::Duration;

use super::LeftOut;
use crate::bench::{Lab, on_fork};
use crate::context::Context;
use crate::error::{ErrorKind, Result};
use crate::pg::{SourceSession, quote};
use crate::traits::ForkBackend;
use crate::types::{ParameterSetId, Statement, StatementId, Workload};
use crate::workload::parameters::{prove, takes_part};

const NAME: &str = "pgverse_check";

/// Why each set that does not run does not; a statement that the server refuses refuses all of its sets.
type Refused = BTreeMap<(StatementId, ParameterSetId), String>;

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
    let mut refused = Refused::new();
    for statement in &workload.statements {
        plan(cx, session, statement, &mut refused).await?;
    }
    Ok(sift(workload, &refused))
}

/// The statements that a fork runs, within `limit` each; the others, and sets of values that fail, are left out: the row
/// that was inserted then is there now. A read that takes longer stays: it may be what is wrong with the database. Each is
/// rolled back, and the fork is destroyed.
///
/// # Errors
/// If the connection breaks, the run is cancelled, or there is no fork.
pub async fn runnable_on_fork(
    cx: &Context,
    backend: &dyn ForkBackend,
    workload: Workload,
    limit: Duration,
) -> Result<(Workload, Vec<LeftOut>)> {
    let statements = &workload.statements;
    let run = |lab: Lab| async move {
        let mut refused = Refused::new();
        for statement in statements {
            for set in &statement.parameter_sets {
                let proven = prove(cx, lab.session(), &statement.sql, &set.values, limit).await;
                if proven.as_ref().is_err_and(|error| takes_part(cx, statement.kind, error)) {
                    continue;
                }
                if let Some(reason) = refusal(cx, proven)? {
                    refused.insert((statement.id.clone(), set.id.clone()), reason);
                }
            }
        }
        Ok(refused)
    };
    let refused = on_fork(cx, backend, run).await?;
    Ok(sift(workload, &refused))
}

/// Leaves out the sets that are refused, and the statements without any set left.
fn sift(workload: Workload, refused: &Refused) -> (Workload, Vec<LeftOut>) {
    let mut kept = Vec::with_capacity(workload.statements.len());
    let mut left_out = Vec::new();
    for mut statement in workload.statements {
        let mut reason = None;
        let id = statement.id.clone();
        statement.parameter_sets.retain(|set| {
            let why = refused.get(&(id.clone(), set.id.clone()));
            reason = why.or(reason);
            why.is_none()
        });
        match reason {
            Some(reason) if statement.parameter_sets.is_empty() => {
                left_out.push(LeftOut { sql: statement.sql, calls: 0, total_ms: 0.0, reason: reason.clone() })
            }
            _ => kept.push(statement),
        }
    }
    (Workload { statements: kept }, left_out)
}

/// Has the source plan a statement with each of its sets.
async fn plan(
    cx: &Context,
    session: &SourceSession,
    statement: &Statement,
    refused: &mut Refused,
) -> Result<()> {
    let key = |set: &ParameterSetId| (statement.id.clone(), set.clone());
    let prepare = format!("PREPARE {NAME} AS {}", statement.sql);
    if let Some(reason) = refusal(cx, session.rows(cx, &prepare, &[]).await)? {
        refused.extend(statement.parameter_sets.iter().map(|set| (key(&set.id), reason.clone())));
        return Ok(());
    }
    for set in &statement.parameter_sets {
        let values: Vec<String> = set
            .values
            .iter()
            .map(|v| v.as_deref().map_or_else(|| "NULL".to_owned(), quote::literal))
            .collect();
        let list = if values.is_empty() { String::new() } else { format!("({})", values.join(", ")) };
        let planned = session.rows(cx, &format!("EXPLAIN EXECUTE {NAME}{list}"), &[]).await;
        if let Some(reason) = refusal(cx, planned)? {
            refused.insert(key(&set.id), reason);
        }
    }
    session.rows(cx, &format!("DEALLOCATE {NAME}"), &[]).await.map(drop)
}

/// Why the server does not run it, if it does not; what ends the run is an error.
fn refusal<T>(cx: &Context, outcome: Result<T>) -> Result<Option<String>> {
    let Err(error) = outcome else { return Ok(None) };
    cx.check()?;
    match error.kind() {
        ErrorKind::Connection | ErrorKind::Cancelled => Err(error),
        _ => Ok(Some(error.message().to_owned())),
    }
}
