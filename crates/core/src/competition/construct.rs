//! Builds a candidate's objects on the fork and measures what that costs.

use std::time::Instant;

use super::arms::{Built, BuiltObject, ObjectCost};
use super::tree::{self, number};
use crate::bench::Lab;
use crate::context::{Context, Phase};
use crate::error::{Error, Result};
use crate::pg::quote::qualified;
use crate::types::{Candidate, Costs, Operation, OperationCost, Switch};

/// Whether a candidate needs a fork of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// It can be switched inside transactions.
    None,
    /// It can, but it writes tables anew: inside a transaction these have no visibility map and no statistics, and each
    /// switch costs as much as the change.
    Better,
    /// The server refuses it inside a transaction.
    Must,
}

/// What a candidate needs; tried out inside a transaction where only that tells.
pub(super) async fn need(cx: &Context, lab: &Lab, candidate: &Candidate) -> Result<Need> {
    let operations = &candidate.change.operations;
    if operations.iter().any(|o| o.switch() == Switch::Fork) {
        return Ok(Need::Must);
    }
    if !operations.iter().any(|o| matches!(o, Operation::Sql { .. })) {
        return Ok(Need::None);
    }
    let _building = cx.meter().enter(Phase::Building);
    let session = lab.session();
    session.batch(cx, "BEGIN").await?;
    let result: Result<bool> = async {
        let before = files(cx, lab).await?;
        for statement in
            operations.iter().filter(|o| matches!(o, Operation::Sql { .. })).flat_map(Operation::apply)
        {
            session.batch(cx, &statement).await?;
        }
        Ok(before != files(cx, lab).await?)
    }
    .await;
    lab.leave(cx).await?;
    match result {
        Ok(rewrites) => Ok(if rewrites { Need::Better } else { Need::None }),
        Err(error) if error.context().iter().any(|(key, state)| *key == "sqlstate" && state == "25001") => {
            Ok(Need::Must)
        }
        Err(error) => Err(error),
    }
}

/// The files of all tables that hold something.
async fn files(cx: &Context, lab: &Lab) -> Result<String> {
    let sql = "SELECT coalesce(md5(string_agg(c.oid || ':' || c.relfilenode, ',' ORDER BY c.oid)), '') FROM pg_class c \
               JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r' AND pg_relation_size(c.oid) > 0 \
               AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')";
    lab.session().text(cx, sql, &[]).await
}

/// Applies a change for good on a fork of its own, and returns what that costs and the arm in which it is
/// measured there.
pub(super) async fn settle(cx: &Context, lab: &Lab, candidate: &Candidate) -> Result<(Costs, Vec<String>)> {
    let _building = cx.meter().enter(Phase::Building);
    let mut costs = Costs { wal_bytes: lab.own_server().then_some(0), ..Costs::default() };
    let mut enter = Vec::new();
    for operation in &candidate.change.operations {
        match (operation, operation.switch()) {
            (_, Switch::Text) => {
                costs.operations.push(OperationCost::default());
                continue;
            }
            (Operation::Setting { .. }, Switch::Enter(statements)) => {
                enter.extend(statements);
                costs.operations.push(OperationCost::default());
                continue;
            }
            _ => {}
        }
        let size = database_size(cx, lab).await?;
        let cost = commit(cx, lab, operation, operation.apply()).await?;
        costs.build_seconds += cost.seconds;
        let bytes = database_size(cx, lab).await? - size;
        costs.bytes += bytes;
        costs.operations.push(OperationCost { seconds: cost.seconds, bytes });
        costs.wal_bytes = costs.wal_bytes.map(|sum| sum + cost.wal_bytes);
        costs.refresh_seconds = cost.refresh_seconds.or(costs.refresh_seconds);
    }
    Ok((costs, enter))
}

/// Builds what can be hidden, tries what can only be entered, and returns the sum of the costs. On failure
/// the objects of this candidate that were built are dropped again.
pub(super) async fn construct(
    cx: &Context,
    lab: &Lab,
    built: &mut Built,
    candidate: &Candidate,
) -> Result<Costs> {
    let _building = cx.meter().enter(Phase::Building);
    let first_new = built.objects.len();
    let mut costs = Costs { wal_bytes: lab.own_server().then_some(0), ..Costs::default() };
    let result = async {
        for operation in &candidate.change.operations {
            let cost = match built.cost_of(operation) {
                Some(cost) => cost,
                None => build(cx, lab, built, operation).await?,
            };
            costs.operations.push(OperationCost { seconds: cost.seconds, bytes: cost.bytes });
            costs.build_seconds += cost.seconds;
            costs.bytes += cost.bytes;
            costs.wal_bytes = costs.wal_bytes.map(|sum| sum + cost.wal_bytes);
            costs.refresh_seconds = match (costs.refresh_seconds, cost.refresh_seconds) {
                (Some(a), Some(b)) => Some(a + b),
                (a, b) => a.or(b),
            };
        }
        // All of it together, as it will be measured.
        let arm = built.arm(candidate.id.as_str(), &candidate.change);
        lab.enter(cx, &arm).await?;
        lab.leave(cx).await
    }
    .await;
    if let Err(error) = result {
        for object in built.objects.drain(first_new..).rev() {
            for statement in object.operation.undo() {
                lab.session().batch(cx, &statement).await?;
            }
        }
        return Err(error);
    }
    Ok(costs)
}

/// Builds one operation that is not there yet, or tries it.
pub(super) async fn build(
    cx: &Context,
    lab: &Lab,
    built: &mut Built,
    operation: &Operation,
) -> Result<ObjectCost> {
    match operation.switch() {
        Switch::Hide(hide) => {
            let analyze = operation.analyze_expressions();
            let statements = operation.apply().into_iter().filter(|s| analyze.as_ref() != Some(s)).collect();
            let cost = commit(cx, lab, operation, statements).await?;
            built.objects.push(BuiltObject { operation: operation.clone(), hide, cost });
            Ok(cost)
        }
        Switch::Enter(statements) => try_out(cx, lab, operation, &statements).await,
        Switch::Text => Ok(ObjectCost::default()),
        Switch::Fork => Err(Error::internal("a change that needs a fork of its own was built beside others")),
    }
}

/// Runs these statements of an operation for good.
async fn commit(
    cx: &Context,
    lab: &Lab,
    operation: &Operation,
    statements: Vec<String>,
) -> Result<ObjectCost> {
    let session = lab.session();
    let before = lab.wal_position(cx).await?;
    let begin = Instant::now();
    for statement in statements {
        if let Err(error) = session.batch(cx, &statement).await {
            // A later statement of the operation failed: what the earlier ones made goes again.
            for undo in operation.undo() {
                let _ = session.batch(cx, &undo).await;
            }
            return Err(error);
        }
    }
    let seconds = begin.elapsed().as_secs_f64();
    let wal_bytes = lab.wal_position(cx).await?.saturating_sub(before);
    let bytes = added_bytes(cx, lab, operation).await?;
    let refresh_seconds = refresh(cx, lab, operation).await?;
    Ok(ObjectCost { seconds, bytes, wal_bytes, refresh_seconds })
}

/// Applies an operation inside a transaction that is rolled back.
async fn try_out(
    cx: &Context,
    lab: &Lab,
    operation: &Operation,
    statements: &[String],
) -> Result<ObjectCost> {
    let session = lab.session();
    let dropped = match operation {
        Operation::DropIndex { schema, name, .. } => tree::bytes(cx, lab, &qualified(schema, name)).await?,
        _ => 0,
    };
    session.batch(cx, "BEGIN").await?;
    let result = async {
        let before = (lab.wal_position(cx).await?, database_size(cx, lab).await?);
        let begin = Instant::now();
        for statement in statements {
            session.batch(cx, statement).await?;
        }
        let seconds = begin.elapsed().as_secs_f64();
        let wal_bytes = lab.wal_position(cx).await?.saturating_sub(before.0);
        // Only hand-written SQL can make objects that we do not know by name.
        let bytes = match operation {
            Operation::Sql { .. } => database_size(cx, lab).await? - before.1,
            _ => -dropped,
        };
        Ok(ObjectCost { seconds, bytes, wal_bytes, refresh_seconds: None })
    }
    .await;
    lab.leave(cx).await?;
    result
}

async fn added_bytes(cx: &Context, lab: &Lab, operation: &Operation) -> Result<i64> {
    match operation {
        Operation::CreateIndex { schema, name, .. } => tree::bytes(cx, lab, &qualified(schema, name)).await,
        Operation::CreateMaterializedView { schema, name, .. } => {
            let sql = "SELECT pg_total_relation_size($1::text::regclass)::text";
            number(&lab.session().text(cx, sql, &[Some(qualified(schema, name))]).await?)
        }
        _ => Ok(0),
    }
}

/// Seconds of one refresh, really done.
async fn refresh(cx: &Context, lab: &Lab, operation: &Operation) -> Result<Option<f64>> {
    let Operation::CreateMaterializedView { schema, name, refresh, .. } = operation else { return Ok(None) };
    let concurrently = if refresh.concurrently { "CONCURRENTLY " } else { "" };
    let begin = Instant::now();
    let sql = format!("REFRESH MATERIALIZED VIEW {concurrently}{}", qualified(schema, name));
    lab.session().batch(cx, &sql).await?;
    Ok(Some(begin.elapsed().as_secs_f64()))
}

async fn database_size(cx: &Context, lab: &Lab) -> Result<i64> {
    number(&lab.session().text(cx, "SELECT pg_database_size(current_database())::text", &[]).await?)
}
