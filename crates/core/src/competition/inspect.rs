//! Reads everything an agent needs to know from the universe.

use std::time::Instant;

use crate::bench::Lab;
use crate::context::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::pg::{explain, explain_analyze, read_catalog};
use crate::types::{Brief, ParameterSet, Statement, StatementKind, StatementPlan};

use super::UniverseTask;

/// Checks every statement with the server, then collects catalog and executed plans. A statement that the
/// server refuses is the user's to mend: [`ErrorKind::InvalidInput`].
pub(super) async fn inspect(cx: &Context, lab: &Lab, task: &UniverseTask) -> Result<Brief> {
    for statement in &task.workload.statements {
        validate(cx, lab, statement).await?;
    }
    let catalog = read_catalog(lab.session(), cx).await?;
    let mut plans = Vec::new();
    for statement in &task.workload.statements {
        for set in &statement.parameter_sets {
            let plan = executed(cx, lab, statement, set, task.options.statement_timeout_seconds)
                .await
                .map_err(|e| unusable(e, statement, Some(set)))?;
            plans.push(plan);
        }
    }
    Ok(Brief { problem: task.problem.clone(), workload: task.workload.clone(), catalog, plans })
}

async fn validate(cx: &Context, lab: &Lab, statement: &Statement) -> Result<()> {
    let prepared =
        lab.session().prepare(cx, &statement.sql).await.map_err(|e| unusable(e, statement, None))?;
    for set in &statement.parameter_sets {
        if set.values.len() != prepared.params().len() {
            return Err(Error::invalid(format!(
                "statement {} takes {} parameters, but parameter set {} has {}",
                statement.id,
                prepared.params().len(),
                set.id,
                set.values.len()
            )));
        }
    }
    Ok(())
}

async fn executed(
    cx: &Context,
    lab: &Lab,
    statement: &Statement,
    set: &ParameterSet,
    timeout_seconds: f64,
) -> Result<StatementPlan> {
    let session = lab.session();
    session.batch(cx, "BEGIN").await?;
    let plan = async {
        let milliseconds = (timeout_seconds * 1e3).ceil();
        session.batch(cx, &format!("SET LOCAL statement_timeout TO {milliseconds}")).await?;
        match statement.kind {
            StatementKind::Read => explain_analyze(session, cx, &statement.sql, &set.values).await,
            // Executed too, since a write that fails must be found before the race; its plan is taken
            // without execution, so that it has no side effects that later plans could see.
            StatementKind::Write => {
                let mut plan = explain(session, cx, &statement.sql, &set.values).await?;
                let begin = Instant::now();
                session.rows(cx, &statement.sql, &set.values).await?;
                plan.execution_ms = Some(begin.elapsed().as_secs_f64() * 1e3);
                Ok(plan)
            }
        }
    }
    .await;
    lab.leave(cx).await?;
    Ok(StatementPlan { statement: statement.id.clone(), parameter_set: set.id.clone(), plan: plan? })
}

/// The user's statement does not run: which one, with which parameters, and what the server says.
fn unusable(error: Error, statement: &Statement, set: Option<&ParameterSet>) -> Error {
    if !matches!(
        error.kind(),
        ErrorKind::Sql | ErrorKind::Permission | ErrorKind::NotFound | ErrorKind::Unsupported
    ) {
        return error.with("statement", &statement.id);
    }
    let mut wrong = Error::invalid(format!("statement {} does not run: {}", statement.id, error.message()))
        .with("statement", &statement.id);
    if let Some(set) = set {
        wrong = wrong.with("parameter_set", &set.id);
    }
    for (key, value) in error.context() {
        if matches!(*key, "sqlstate" | "position" | "detail") {
            wrong = wrong.with(key, value);
        }
    }
    let hint = error.way_out().map(str::to_owned);
    wrong.hint(hint.unwrap_or_else(|| "correct the statement in the workload, or leave it out".to_owned()))
}
