//! Reads everything an agent needs to know from the universe.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crate::bench::Lab;
use crate::bench::runnable::{endless, unusable, validate};
use crate::context::Context;
use crate::error::Result;
use crate::pg::{explain, explain_analyze, read_catalog};
use crate::types::{
    Brief, ParameterSet, ParameterSetId, Statement, StatementId, StatementKind, StatementPlan,
};

use super::UniverseTask;

/// Reads that did not end within the statement time-out in one universe. The others are forks of the same database and
/// do not wait for them again.
#[derive(Debug, Clone, Default)]
pub(super) struct Endless(Arc<Mutex<BTreeSet<(StatementId, ParameterSetId)>>>);

impl Endless {
    fn knows(&self, statement: &Statement, set: &ParameterSet) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.contains(&(statement.id.clone(), set.id.clone()))
    }

    fn learn(&self, plan: &StatementPlan) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert((plan.statement.clone(), plan.parameter_set.clone()));
    }
}

/// Checks every statement with the server, then collects catalog and executed plans. A statement that the
/// server refuses, or a write that does not end, is the user's to mend: `InvalidInput`. A read that does not
/// end may be what is wrong with the database, and takes part.
pub(super) async fn inspect(cx: &Context, lab: &Lab, task: &UniverseTask, known: &Endless) -> Result<Brief> {
    for statement in &task.workload.statements {
        validate(cx, lab, statement).await?;
    }
    let catalog = read_catalog(lab.session(), cx).await?;
    let mut plans = Vec::new();
    for statement in &task.workload.statements {
        for set in &statement.parameter_sets {
            let limit = task.options.statement_timeout_seconds;
            let plan = if known.knows(statement, set) {
                planned(cx, lab, statement, set, None, limit).await
            } else {
                match executed(cx, lab, statement, set, limit).await {
                    Err(error) if cx.statement_timed_out(&error) => {
                        if statement.kind == StatementKind::Write {
                            return Err(endless(statement, set, limit));
                        }
                        unwatched(cx, lab, statement, set, limit).await
                    }
                    result => result,
                }
            };
            let plan = plan.map_err(|error| unusable(error, statement, Some(set)))?;
            if plan.cut_off {
                known.learn(&plan);
            }
            plans.push(plan);
        }
    }
    Ok(Brief { problem: task.problem.clone(), workload: task.workload.clone(), catalog, plans })
}

async fn executed(
    cx: &Context,
    lab: &Lab,
    statement: &Statement,
    set: &ParameterSet,
    timeout_seconds: f64,
) -> Result<StatementPlan> {
    let session = lab.session();
    let request = Box::pin(async {
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
    });
    let plan = bounded(cx, lab, timeout_seconds, request).await?;
    Ok(StatementPlan { statement: statement.id.clone(), parameter_set: set.id.clone(), plan, cut_off: false })
}

/// The plan of a read that did not end within so many seconds while each of its plan nodes was watched, which takes time
/// of its own, with how long it takes without that.
async fn unwatched(
    cx: &Context,
    lab: &Lab,
    statement: &Statement,
    set: &ParameterSet,
    limit: f64,
) -> Result<StatementPlan> {
    let begin = Instant::now();
    let request = Box::pin(lab.session().rows(cx, &statement.sql, &set.values));
    let took = match bounded(cx, lab, limit, request).await {
        Ok(_) => Some(begin.elapsed().as_secs_f64()),
        Err(error) if cx.statement_timed_out(&error) => {
            tracing::warn!(statement = %statement.id, limit, "does not end within the statement time-out");
            None
        }
        Err(error) => return Err(error),
    };
    planned(cx, lab, statement, set, took, limit).await
}

/// The plan of a read as the planner has it, with the seconds that it took: none if it did not end within `limit`.
async fn planned(
    cx: &Context,
    lab: &Lab,
    statement: &Statement,
    set: &ParameterSet,
    took: Option<f64>,
    limit: f64,
) -> Result<StatementPlan> {
    let mut plan = explain(lab.session(), cx, &statement.sql, &set.values).await?;
    plan.execution_ms = Some(took.unwrap_or(limit) * 1e3);
    let (statement, parameter_set) = (statement.id.clone(), set.id.clone());
    Ok(StatementPlan { statement, parameter_set, plan, cut_off: took.is_none() })
}

/// Awaits `request` in a transaction that is rolled back, each statement within so many seconds.
async fn bounded<T>(
    cx: &Context,
    lab: &Lab,
    seconds: f64,
    request: impl Future<Output = Result<T>>,
) -> Result<T> {
    let session = lab.session();
    session.batch(cx, "BEGIN").await?;
    let result = async {
        let milliseconds = (seconds * 1e3).ceil();
        session.batch(cx, &format!("SET LOCAL statement_timeout TO {milliseconds}")).await?;
        request.await
    }
    .await;
    lab.leave(cx).await?;
    result
}
