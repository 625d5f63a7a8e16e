//! Carries out an approved plan: checks, steps, verification; undone as a whole if a step cannot be done.

use super::action::up;
use super::journal::{self, Journal, PromotionRecord, PromotionState, StepState, promotions};
use super::precondition::{admit, check};
use super::rollback::undo;
use super::runner::{Place, Runner};
use super::target::Target;
use super::verify::{self, StatementPlans, Verification};
use super::watch::{self, WatchReport};
use super::{Approval, Check, Finding, Policy};
use crate::context::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::pg::Source;
use crate::types::{PromotionPlan, Workload};

/// What became of a promotion.
#[derive(Debug, Clone, PartialEq, serde::Serialize, schemars::JsonSchema)]
pub struct Promoted {
    /// Its number in the journal; what `rollback` wants.
    pub id: i64,
    /// Promoted, or rolled back because `auto_rollback` asked for it.
    pub state: PromotionState,
    /// What was checked before.
    pub checks: Vec<Check>,
    /// What the plans of the workload say.
    pub verification: Verification,
    /// What the statistics of statements say, if they were watched.
    pub watched: Option<WatchReport>,
}

/// Carries out a plan, or what is left of it if its promoter died.
///
/// # Errors
/// `InvalidInput` if the approval is for another plan, or the source is not what the plan was made for, or the plan is
/// promoted already; `Busy` while another promoter is at work or another promotion is unfinished. If a step fails,
/// everything is undone before this returns, unless the connection is gone: the journal then says what is left, and
/// the same call, or `rollback`, finishes it.
pub async fn promote(
    cx: &Context,
    source: &Source,
    plan: &PromotionPlan,
    workload: &Workload,
    approval: &Approval,
    policy: &Policy,
) -> Result<Promoted> {
    approval.covers(plan)?;
    // Before anything is opened that could write.
    let earlier = standing(promotions(cx, source).await?, plan)?;
    admit(&check(cx, source, plan, earlier.as_ref()).await?)?;
    let target = Target::open(cx, source, approval, &plan.grounds.search_path).await?;
    journal::prepare(cx, &target.work).await?;
    // Again, now that nobody else promotes.
    let earlier = standing(promotions(cx, source).await?, plan)?;
    let checks = check(cx, source, plan, earlier.as_ref()).await?;
    admit(&checks)?;
    for warning in checks.iter().filter(|c| c.finding == Finding::Warning) {
        policy.notice.say(format!("warning: {}: {}", warning.name, warning.detail));
    }
    let before = verify::plans(cx, source, plan, workload).await?;
    let counted = watch::snapshot(cx, source, policy).await?;
    let journal = match &earlier {
        Some(record) => {
            policy.notice.say(format!("resuming promotion {}", record.id));
            Journal { id: record.id }
        }
        None => Journal::begin(cx, &target.work, plan).await?,
    };
    let runner = Runner { cx, target: &target, policy, journal };
    if let Err(error) = steps(&runner, plan, earlier.as_ref()).await {
        return Err(give_up(&runner, error).await);
    }
    runner.journal.enter(cx, &target.work, PromotionState::Promoted, None).await?;
    finish(&runner, Finish { source, plan, workload, checks, before, counted }).await
}

/// The unfinished promotion of this plan, if there is one and nothing else stands in the way.
fn standing(records: Vec<PromotionRecord>, plan: &PromotionPlan) -> Result<Option<PromotionRecord>> {
    let stands = |r: &PromotionRecord| match r.state {
        PromotionState::Promoting | PromotionState::RollingBack => true,
        PromotionState::Promoted => r.hash == plan.hash,
        PromotionState::RolledBack => false,
    };
    let Some(record) = records.into_iter().find(stands) else { return Ok(None) };
    let id = record.id;
    match record.state {
        PromotionState::Promoting if record.hash == plan.hash => Ok(Some(record)),
        PromotionState::Promoted => Err(Error::invalid("this plan is promoted already")
            .with("promotion", id)
            .hint(format!("`pgverse rollback --source URL {id}` undoes it"))),
        state => Err(Error::new(ErrorKind::Busy, "another promotion is not finished")
            .with("promotion", id)
            .with("its state", state.as_str())
            .hint(format!(
                "`pgverse rollback --source URL {id}` undoes it; `pgverse promote` with its plan resumes one that is promoting"
            ))),
    }
}

async fn steps(runner: &Runner<'_>, plan: &PromotionPlan, earlier: Option<&PromotionRecord>) -> Result<()> {
    let total = plan.steps.len();
    for (number, step) in (1..).zip(&plan.steps) {
        let recorded = earlier.and_then(|r| r.steps.iter().find(|s| s.number == number));
        let (state, done) = recorded.map_or((StepState::Pending, 0), |s| (s.state, s.actions_done));
        if state == StepState::Done {
            continue;
        }
        runner.policy.notice.say(format!("step {number} of {total}: {}", step.title));
        let actions = up(&step.operation)?;
        let (cx, work) = (runner.cx, &runner.target.work);
        runner.journal.step(cx, work, number, StepState::Running, done).await?;
        for (index, action) in actions.iter().enumerate().skip(done) {
            let last = index + 1 == actions.len();
            let after = if last { StepState::Done } else { StepState::Running };
            let place = Place {
                step: number,
                operation: &step.operation,
                after,
                actions_done: index + 1,
                back: false,
            };
            runner.run(action, place).await.map_err(|e| e.with("step", number))?;
        }
        if actions.len() <= done {
            runner.journal.step(cx, work, number, StepState::Done, done).await?;
        }
    }
    Ok(())
}

/// Undoes everything after a failure, and adds to the error what became of it.
async fn give_up(runner: &Runner<'_>, error: Error) -> Error {
    let id = runner.journal.id;
    let later = format!(
        "run the same command again to resume it, or `pgverse rollback --source URL {id}` to undo it"
    );
    if error.kind() == ErrorKind::Connection {
        return error.with("unfinished promotion", id).hint(later);
    }
    runner.policy.notice.say(format!("failed: {error}"));
    runner.policy.notice.say("undoing what was done");
    let cx = runner.cx.for_cleanup();
    let cleaner = Runner { cx: &cx, ..*runner };
    match undo(&cleaner, Some(&error)).await {
        Ok(()) => error.with("promotion", format!("{id}, undone as a whole")),
        Err(second) => error.with("unfinished promotion", id).with("undoing it", second).hint(later),
    }
}

struct Finish<'a> {
    source: &'a Source,
    plan: &'a PromotionPlan,
    workload: &'a Workload,
    checks: Vec<Check>,
    before: Vec<StatementPlans>,
    counted: Option<watch::Snapshot>,
}

/// Looks whether it is used and whether it did good.
async fn finish(runner: &Runner<'_>, finish: Finish<'_>) -> Result<Promoted> {
    let (cx, policy, work) = (runner.cx, runner.policy, &runner.target.work);
    let Finish { source, plan, workload, checks, before, counted } = finish;
    let verification = verify::verify(cx, source, plan, workload, before).await?;
    runner.journal.keep(cx, work, Some(&verification), None::<&WatchReport>).await?;
    for unused in &verification.unused {
        policy.notice.say(format!("warning: no plan of the workload uses {unused}"));
    }
    let watched = match (policy.watch, counted) {
        (Some(time), Some(counted)) => {
            policy.notice.say(format!("watching for {}", humantime::format_duration(time)));
            Some(watch::watch(cx, source, workload, policy, time, &counted).await?)
        }
        (Some(_), None) => {
            policy
                .notice
                .say("warning: pg_stat_statements is not installed in this database; nothing to watch");
            None
        }
        _ => None,
    };
    if let Some(report) = &watched {
        runner.journal.keep(cx, work, None::<&Verification>, Some(report)).await?;
    }
    let regressed: Vec<String> = watched.iter().flat_map(|w| w.regressions()).map(|g| g.words()).collect();
    for words in &regressed {
        policy.notice.say(format!("warning: slower beyond the bound: {words}"));
    }
    let mut state = PromotionState::Promoted;
    if policy.auto_rollback && (!regressed.is_empty() || !verification.unused.is_empty()) {
        let why = if regressed.is_empty() {
            Error::new(ErrorKind::Sql, "no plan of the workload uses it")
                .with("unused", verification.unused.join(", "))
        } else {
            Error::new(ErrorKind::Sql, "statements became slower beyond the bound")
                .with("statements", regressed.join("; "))
        };
        policy.notice.say(format!("rolling back: {why}"));
        undo(runner, Some(&why)).await?;
        state = PromotionState::RolledBack;
    }
    Ok(Promoted { id: runner.journal.id, state, checks, verification, watched })
}
