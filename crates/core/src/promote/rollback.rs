//! The way back: every step in reverse, online, at any later time.

use super::action::down;
use super::journal::{Journal, PromotionRecord, PromotionState, StepRecord, StepState, records_where};
use super::runner::{Place, Runner};
use super::target::Target;
use super::{Approval, Policy};
use crate::context::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::pg::Source;
use crate::types::Operation;

/// Undoes a promotion, finished or not, and returns what the journal then says of it.
///
/// # Errors
/// `NotFound` if the journal knows no such promotion, `InvalidInput` if it is undone already, `Busy` while another
/// promoter is at work.
pub async fn rollback(
    cx: &Context,
    source: &Source,
    id: i64,
    approval: &Approval,
    policy: &Policy,
) -> Result<PromotionRecord> {
    approval.covers_rollback(id)?;
    let known = super::promotions(cx, source).await?;
    let Some(record) = known.iter().find(|r| r.id == id) else {
        return Err(Error::new(ErrorKind::NotFound, "the journal knows no such promotion")
            .with("promotion", id)
            .hint("`pgverse promotions --source URL` lists those that it knows"));
    };
    let target = Target::open(cx, source, approval, &record.plan.grounds.search_path).await?;
    let runner = Runner { cx, target: &target, policy, journal: Journal { id } };
    if current(&runner).await?.state == PromotionState::RolledBack {
        return Err(Error::invalid("this promotion is undone already").with("promotion", id));
    }
    undo(&runner, None).await.map_err(|error| {
        error
            .with("unfinished promotion", id)
            .hint(format!("run `pgverse rollback --source URL {id}` again to go on"))
    })?;
    current(&runner).await
}

async fn current(runner: &Runner<'_>) -> Result<PromotionRecord> {
    let id = runner.journal.id;
    let records =
        records_where(runner.cx, &runner.target.work, "p.id = $1::bigint", &[Some(id.to_string())]).await?;
    records.into_iter().next().ok_or_else(|| {
        Error::new(ErrorKind::NotFound, "the journal knows no such promotion").with("promotion", id)
    })
}

/// Undoes what the journal says was begun; `why` is kept in the journal.
pub(super) async fn undo(runner: &Runner<'_>, why: Option<&Error>) -> Result<()> {
    let (cx, work) = (runner.cx, &runner.target.work);
    // The journal, not memory: a transaction may have been committed whose answer never came.
    let record = current(runner).await?;
    runner.journal.enter(cx, work, PromotionState::RollingBack, why).await?;
    for step in record.steps.iter().rev() {
        let Some(planned) = step.number.checked_sub(1).and_then(|n| record.plan.steps.get(n)) else {
            return Err(Error::internal("the journal has a step that its plan does not have")
                .with("step", step.number));
        };
        if matches!(step.state, StepState::Pending | StepState::Undone) {
            continue;
        }
        runner.policy.notice.say(format!("undoing step {}: {}", step.number, planned.title));
        undo_step(runner, step, &planned.operation).await.map_err(|e| e.with("step", step.number))?;
    }
    runner.journal.enter(cx, work, PromotionState::RolledBack, None).await
}

async fn undo_step(runner: &Runner<'_>, step: &StepRecord, operation: &Operation) -> Result<()> {
    let (cx, work) = (runner.cx, &runner.target.work);
    // What shares a transaction with its entry is there only if the entry says so; of a concurrent build or drop the
    // catalog tells what came of it.
    let concurrent = matches!(
        operation,
        Operation::CreateIndex { partitions: None, .. } | Operation::DropIndex { partitions: None, .. }
    );
    if step.actions_done > 0 || concurrent {
        runner.journal.step(cx, work, step.number, StepState::Undoing, step.actions_done).await?;
        let restored = restored(operation, step.earlier.as_ref());
        for action in down(restored.as_ref().unwrap_or(operation))? {
            let place = Place {
                step: step.number,
                operation,
                after: StepState::Undoing,
                actions_done: step.actions_done,
                back: true,
            };
            runner.run(&action, place).await?;
        }
    }
    runner.journal.step(cx, work, step.number, StepState::Undone, 0).await
}

/// A setting whose way back is the value that the promoter found, not the one that the fork had.
fn restored(operation: &Operation, earlier: Option<&serde_json::Value>) -> Option<Operation> {
    let Operation::Setting { name, value, scope, .. } = operation else { return None };
    let found = earlier?.get("value")?;
    Some(Operation::Setting {
        name: name.clone(),
        value: value.clone(),
        scope: scope.clone(),
        previous: found.as_str().map(ToOwned::to_owned),
    })
}
