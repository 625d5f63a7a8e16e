//! A dry run: every check, and exactly what would run, on a source that is only read.

use serde::{Deserialize, Serialize};

use super::action::{Action, Manner, down, up};
use super::refresh::{Schedule, seconds_too};
use super::{Check, Policy, check};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::pg::Source;
use crate::types::{Operation, PromotionPlan};

/// What promoting would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Rehearsal {
    /// Every check.
    pub checks: Vec<Check>,
    /// The statements of each step, in the order in which they would run.
    pub steps: Vec<Vec<String>>,
    /// The statements that would undo each step, in the same order of steps.
    pub back: Vec<Vec<String>>,
}

/// Checks everything and writes down what would run.
pub async fn rehearse(
    cx: &Context,
    source: &Source,
    plan: &PromotionPlan,
    policy: &Policy,
) -> Result<Rehearsal> {
    let unfinished = super::promotions(cx, source).await?;
    let unfinished =
        unfinished.iter().find(|r| r.state == super::PromotionState::Promoting && r.hash == plan.hash);
    let checks = check(cx, source, plan, unfinished).await?;
    let session = source.session(cx).await?;
    let sql = "SELECT extversion FROM pg_extension WHERE extname = 'pg_cron'";
    let cron = session.rows(cx, sql, &[]).await?;
    let cron: Option<bool> = cron
        .first()
        .map(|row| row.try_get::<_, String>(0))
        .transpose()
        .map_err(|e| Error::internal("the catalog cannot be read").caused_by(e))?
        .map(|version| seconds_too(&version));
    let mut rehearsal = Rehearsal { checks, steps: Vec::new(), back: Vec::new() };
    for step in &plan.steps {
        let render = |actions: Vec<Action>, back| {
            actions.into_iter().flat_map(|a| lines(&step.operation, a, policy, cron, back)).collect()
        };
        rehearsal.steps.push(render(up(&step.operation)?, false));
        rehearsal.back.push(render(down(&step.operation)?, true));
    }
    Ok(rehearsal)
}

fn lines(
    operation: &Operation,
    action: Action,
    policy: &Policy,
    cron: Option<bool>,
    back: bool,
) -> Vec<String> {
    let limit = policy.lock_timeout.as_millis();
    let together = |sql: Vec<String>| {
        let mut lines = vec!["BEGIN".to_owned(), format!("SET LOCAL lock_timeout = {limit}")];
        lines.extend(sql);
        lines.push("COMMIT".to_owned());
        lines
    };
    match action.manner {
        Manner::Build(name) | Manner::Drop(name) => {
            let mut lines = vec![
                "BEGIN".to_owned(),
                format!("SET LOCAL lock_timeout = {limit}"),
                format!("LOCK TABLE {} IN SHARE UPDATE EXCLUSIVE MODE", name.table),
                "ROLLBACK".to_owned(),
            ];
            lines.extend(action.sql);
            lines
        }
        Manner::Together | Manner::TogetherIf(_) => together(action.sql),
        Manner::Schedule => {
            let Operation::CreateMaterializedView { schema, name, refresh, .. } = operation else {
                return Vec::new();
            };
            let schedule = Schedule::of(schema, name, refresh, cron.unwrap_or(false));
            match super::runner::statements(&schedule, cron, back) {
                Some(statements) => together(statements),
                None if back => Vec::new(),
                None => vec![format!(
                    "-- not by us, at least every {} s: {}",
                    refresh.every_seconds, schedule.command
                )],
            }
        }
    }
}
